//! Names of metrics, `name` or `name@number`, read with did-you-mean.

use simpipe_base::suggest;

/// What stands behind the `@` of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// Nothing: the name stands alone.
    None,
    /// A count from 1 on: `recall@10`.
    Count,
    /// A count, or nothing: `mrr@10`, `mrr`.
    CountOrNone,
    /// A percentage above 0 and below 100 with what it is of: `tpr@1fpr`, `fpr@95tpr`. That may be left out, `fpr@95`; the
    /// metric's name has it.
    Percent(&'static str),
}

/// A name that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The name without its number.
    pub name: &'static str,
    /// What follows it.
    pub argument: Argument,
    /// Whether a value always lies between 0 and 1.
    pub share: bool,
    /// Other tools' names, with any separators and in any case.
    pub aka: &'static [&'static str],
}

/// The number of a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// There is none.
    None,
    /// A count.
    Count(usize),
    /// A percentage.
    Percent(f64),
}

impl Number {
    /// The count, if it is one.
    #[must_use]
    pub const fn count(self) -> Option<usize> {
        if let Self::Count(count) = self { Some(count) } else { None }
    }

    /// The percentage, 0 if it is none.
    #[must_use]
    pub const fn percent(self) -> f64 {
        if let Self::Percent(percent) = self { percent } else { 0.0 }
    }
}

/// Why a name is no metric, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or what there is.
    pub help: String,
}

/// The name and number of a text.
///
/// # Errors
/// If there is no such name, or its number is missing, wrong or not taken.
pub fn read(text: &str, known: &[Known]) -> Result<(&'static str, Number), NameError> {
    let whole = known.iter().find(|known| known.name == text);
    let (name, given) = match (whole, text.split_once('@')) {
        (None, Some((name, given))) => (name, Some(given)),
        _ => (text, None),
    };
    let Some(entry) = whole.or_else(|| known.iter().find(|known| known.name == name)) else {
        return Err(unknown(text, name, given, known));
    };
    let wrong = |problem: &str| {
        // `map@R` is no `map` with a wrong number.
        let names: Vec<suggest::Known<'_>> = known.iter().map(suggested).collect();
        let other = whole_match(text, &names).filter(|near| known[*near].name != entry.name);
        let help = match other {
            Some(near) => format!("did you mean {}?", shown(known[near].name, known[near].argument)),
            None => format!("write {}", shown(entry.name, entry.argument)),
        };
        NameError { message: format!("`{text}` {problem}"), help }
    };
    let number = match (entry.argument, given) {
        (Argument::None | Argument::CountOrNone, None) => Number::None,
        (Argument::None, Some(_)) => return Err(wrong("takes no number")),
        (Argument::Count | Argument::Percent(_), None) => return Err(wrong("needs a number")),
        (Argument::Count | Argument::CountOrNone, Some(given)) => {
            Number::Count(count(given).ok_or_else(|| wrong("needs a whole number from 1 on"))?)
        }
        (Argument::Percent(of), Some(given)) => {
            let percent = percent(given, of).ok_or_else(|| wrong("needs a percentage above 0 and below 100"))?;
            // As of a count: no zeros that say nothing, so that a metric has one name.
            if given.strip_suffix(of).unwrap_or(given) != percent.to_string() {
                let help = format!("did you mean `{name}@{percent}{of}`?");
                return Err(NameError { message: format!("there is no metric `{text}`"), help });
            }
            Number::Percent(percent)
        }
    };
    Ok((entry.name, number))
}

/// How a name is written: `` `recall@10` ``.
#[must_use]
pub fn shown(name: &str, argument: Argument) -> String {
    match argument {
        Argument::None => format!("`{name}`"),
        Argument::Count => format!("`{name}@10`"),
        Argument::CountOrNone => format!("`{name}` or `{name}@10`"),
        Argument::Percent(of) if of == "tpr" => format!("`{name}@95{of}`"),
        Argument::Percent(of) => format!("`{name}@1{of}`"),
    }
}

/// Digits alone: no sign, no leading zero, so that a metric has one name.
fn count(text: &str) -> Option<usize> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// A percentage, with or without what it is of.
fn percent(text: &str, of: &str) -> Option<f64> {
    let digits = text.strip_suffix(of).unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.parse().ok().filter(|percent: &f64| plain && *percent > 0.0 && *percent < 100.0)
}

fn unknown(text: &str, name: &str, given: Option<&str>, known: &[Known]) -> NameError {
    let message = format!("there is no metric `{text}`");
    let names: Vec<suggest::Known<'_>> = known.iter().map(suggested).collect();
    let (name, given) = given.is_none().then(|| apart(text)).flatten().unwrap_or((name, given));
    // The whole first: `map@R` is a name, `MRR@10` one with a number.
    let near = whole_match(text, &names).or_else(|| suggest::position(name, &names));
    let Some(near) = near else {
        let names: Vec<&str> = known.iter().map(|known| known.name).collect();
        return NameError { message, help: format!("expected {}", suggest::one_of(&names)) };
    };
    let Known { name, argument, .. } = known[near];
    let kept = match (argument, given) {
        (Argument::Count | Argument::CountOrNone, Some(given)) => count(given).map(|count| format!("`{name}@{count}`")),
        (Argument::Percent(of), Some(given)) => percent(given, of).map(|percent| format!("`{name}@{percent}{of}`")),
        _ => None,
    };
    NameError { message, help: format!("did you mean {}?", kept.unwrap_or_else(|| shown(name, argument))) }
}

/// A name and its number as other tools write them: `recall_at_10`, `recall-10`, `recall10`.
fn apart(text: &str) -> Option<(&str, Option<&str>)> {
    let name = text.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let number = &text[name.len()..];
    let name = name.trim_end_matches(['_', '-', ' ']);
    let name = ["_at", "-at", " at"].iter().find_map(|at| name.strip_suffix(at)).unwrap_or(name);
    (!number.is_empty() && !name.is_empty()).then_some((name, Some(number)))
}

pub(super) const fn suggested(known: &Known) -> suggest::Known<'static> {
    suggest::Known { name: known.name, aka: known.aka }
}

/// A name that is the whole text but for separators and case, or that other tools call so.
fn whole_match(text: &str, names: &[suggest::Known<'_>]) -> Option<usize> {
    names.iter().position(|known| suggest::same(text, known.name) || known.is_called(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] = &[
        Known { name: "recall", argument: Argument::Count, share: true, aka: &["hit"] },
        Known { name: "map@r", argument: Argument::None, share: true, aka: &["mean-average-precision-at-r"] },
        Known { name: "mrr", argument: Argument::CountOrNone, share: true, aka: &[] },
        Known { name: "fpr", argument: Argument::Percent("tpr"), share: true, aka: &[] },
    ];

    fn help(text: &str) -> String {
        read(text, KNOWN).unwrap_err().help
    }

    #[test]
    fn a_number_is_kept_however_it_is_written() {
        for text in ["recall_at_1", "Recall-at-1", "recall-1", "recall1", "hit_at_1"] {
            assert_eq!(help(text), "did you mean `recall@1`?", "{text}");
        }
        assert_eq!(help("MRR10"), "did you mean `mrr@10`?");
    }

    #[test]
    fn names_and_numbers_are_read() {
        assert_eq!(read("recall@10", KNOWN), Ok(("recall", Number::Count(10))));
        assert_eq!(read("map@r", KNOWN), Ok(("map@r", Number::None)));
        assert_eq!(read("mrr", KNOWN), Ok(("mrr", Number::None)));
        assert_eq!(read("mrr@3", KNOWN), Ok(("mrr", Number::Count(3))));
        assert_eq!(read("fpr@95tpr", KNOWN), Ok(("fpr", Number::Percent(95.0))));
        assert_eq!(read("fpr@99.5", KNOWN), Ok(("fpr", Number::Percent(99.5))));
        assert_eq!(read("fpr@0.1tpr", KNOWN), Ok(("fpr", Number::Percent(0.1))));
    }

    #[test]
    fn what_was_meant_is_suggested() {
        assert_eq!(help("recal@5"), "did you mean `recall@5`?");
        assert_eq!(help("hit@5"), "did you mean `recall@5`?");
        assert_eq!(help("Map@R"), "did you mean `map@r`?");
        assert_eq!(help("MRR@7"), "did you mean `mrr@7`?");
        assert_eq!(help("mean_average_precision_at_r"), "did you mean `map@r`?");
        assert_eq!(help("entropy"), "expected `recall`, `map@r`, `mrr` or `fpr`");
        assert_eq!(help(""), "expected `recall`, `map@r`, `mrr` or `fpr`");
        for text in ["fpr@95.0tpr", "fpr@95.", "fpr@095tpr", "fpr@95.000"] {
            assert_eq!(help(text), "did you mean `fpr@95tpr`?", "{text}");
        }
        assert_eq!(help("fpr@.5tpr"), "did you mean `fpr@0.5tpr`?");
    }

    #[test]
    fn wrong_numbers_are_said() {
        for text in ["recall", "recall@", "recall@0", "recall@-1", "recall@+1", "recall@1.5", "recall@01", "recall@k"] {
            assert_eq!(help(text), "write `recall@10`", "{text}");
        }
        assert_eq!(help("recall@99999999999999999999999"), "write `recall@10`");
        assert_eq!(help("map@r@3"), "did you mean `map@r`?");
        for text in ["fpr", "fpr@0tpr", "fpr@100", "fpr@NaN", "fpr@1e1", "fpr@95fpr"] {
            assert_eq!(help(text), "write `fpr@95tpr`", "{text}");
        }
    }
}
