//! Did-you-mean: the candidate that a misspelt name probably meant, or that other tools call by that name.
//!
//! What other tools call a thing stands beside its declaration; this only compares.

/// A name that there is, with what other tools call the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// The name.
    pub name: &'a str,
    /// Other tools' names, with any separators and in any case.
    pub aka: &'a [&'a str],
}

impl Known<'_> {
    /// Whether other tools call it by this name.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let folded = fold(name);
        self.aka.iter().any(|theirs| fold(theirs) == folded)
    }
}

impl<'a> From<&'a str> for Known<'a> {
    /// A name that only we know.
    fn from(name: &'a str) -> Self {
        Self { name, aka: &[] }
    }
}

/// The candidate that was probably meant: one that other tools call so, else the closest in letters.
#[must_use]
pub fn near<'a, C: Copy + Into<Known<'a>>>(name: &str, candidates: &[C]) -> Option<&'a str> {
    position(name, candidates).map(|at| candidates[at].into().name)
}

/// Where the candidate stands that was probably meant.
#[must_use]
pub fn position<'a, C: Copy + Into<Known<'a>>>(name: &str, candidates: &[C]) -> Option<usize> {
    let known: Vec<Known<'a>> = candidates.iter().map(|candidate| (*candidate).into()).collect();
    known.iter().position(|known| known.is_called(name)).or_else(|| {
        let closest = closest(name, known.iter().map(|known| known.name))?;
        known.iter().position(|known| known.name == closest)
    })
}

/// Whether two names are the same but for separators and case.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    fold(one) == fold(other)
}

/// Whether two names are the same but for one letter, or two that are swapped, beside separators and case.
#[must_use]
pub fn close(one: &str, other: &str) -> bool {
    strsim::damerau_levenshtein(&fold(one), &fold(other)) <= 1
}

/// The closest candidate, if it is near enough to have been meant.
///
/// Near enough: at most a third of the longer name's letters wrong (rounded up, three at most), swapped letters counting
/// once; or the same letters written with other separators or case. Names of up to three letters may have one wrong.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| {
            *distance <= name.chars().count().max(candidate.chars().count()).div_ceil(3).min(3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(64).collect()
}

/// ``did you mean `epochs`?``, or the list of what there is.
#[must_use]
pub fn help<'a, C: Copy + Into<Known<'a>>>(name: &str, candidates: &[C]) -> String {
    match near(name, candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => "this takes no parameters".to_owned(),
        None => {
            let names: Vec<&str> = candidates.iter().map(|candidate| (*candidate).into().name).collect();
            format!("expected {}", one_of(&names))
        }
    }
}

/// Names that a list shows before the rest is counted.
const LISTED: usize = 24;

/// `` `a`, `b` or `c` ``; a very long list is cut.
#[must_use]
pub fn one_of(names: &[&str]) -> String {
    let mut quoted: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if names.len() > LISTED {
        quoted.push(format!("one of {} more", names.len() - LISTED));
    }
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        assert_eq!(closest("epoch", ["epochs", "steps"]), Some("epochs"));
        assert_eq!(closest("learning_rate", ["learning-rate"]), Some("learning-rate"));
        assert_eq!(closest("tripelt", ["triplet", "pn"]), Some("triplet"));
        assert_eq!(closest("zzz", ["epochs", "steps"]), None);
        assert_eq!(help("zzz", &["a-long-name", "b-long-name"]), "expected `a-long-name` or `b-long-name`");
    }

    #[test]
    fn names_of_other_tools_are_known() {
        let known = |name, aka| Known { name, aka };
        let rate = known("learning-rate", &["lr", "base_lr"]);
        let pool = known("max-pool", &["max_pooling2d", "MaxPool2d"]);
        assert_eq!(near("lr", &["epsilon".into(), rate]), Some("learning-rate"));
        assert_eq!(near("BaseLR", &["epsilon".into(), rate]), Some("learning-rate"));
        assert_eq!(near("MaxPooling2D", &[known("avg-pool", &[]), pool]), Some("max-pool"));
        // A name that is called so comes before one that is spelt like it.
        assert_eq!(near("size", &[known("sizes", &[]), known("units", &["size"])]), Some("units"));
        assert_eq!(help("max-pool2d", &[pool]), "did you mean `max-pool`?");
    }

    #[test]
    fn one_letter_is_close_and_two_are_not() {
        assert!(close("neighbors", "neighbours") && close("lossse", "lossses") && close("epcohs", "epochs"));
        assert!(close("keep_best", "keep-best"));
        assert!(!close("metrics", "retries") && !close("backend", "backbone"));
    }

    #[test]
    fn a_long_list_is_cut() {
        let names = ["x"; 30];
        assert!(one_of(&names).ends_with("or one of 6 more"));
    }
}
