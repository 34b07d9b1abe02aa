//! Did-you-mean: the candidate that a misspelt name probably meant.

/// The closest candidate, if it is near enough to have been meant.
///
/// Near enough: at most a third of the longer name's letters wrong, swapped letters counting once; or the same
/// letters written with other separators or case.
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
pub fn help(name: &str, candidates: &[&str]) -> String {
    match closest(name, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => "nothing is accepted here".to_owned(),
        None => format!("expected {}", one_of(candidates)),
    }
}

/// `` `a`, `b` or `c` ``.
#[must_use]
pub fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
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
}
