//! Classes of labels as people write them: names, whole numbers, or whole numbers that a table keeps as floats.

use std::collections::BTreeSet;

/// Names by label, and the label of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classes {
    pub(super) names: Vec<String>,
    pub(super) of_rows: Vec<usize>,
}

/// A label that is a number: whole, as its text, or not.
enum Number {
    Whole(i64),
    Fraction,
}

fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse() {
        return Some(Number::Whole(whole));
    }
    let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
    #[expect(clippy::cast_possible_truncation, reason = "the number is whole, and far from the ends")]
    let whole = (float.fract() == 0.0 && float.abs() < 9e15).then_some(Number::Whole(float as i64));
    Some(whole.unwrap_or(Number::Fraction))
}

/// Classes of labels. Whole numbers alone are in the order of numbers, and `3.0` is 3; all others are names in the order of
/// their bytes. An absent label, or a number with a fraction among numbers alone, has no class.
///
/// # Errors
/// The rows without a class, with the reason.
pub(super) fn classes_of(labels: &[Option<String>]) -> Result<Classes, Vec<(usize, String)>> {
    let numbers: Option<Vec<Number>> = labels.iter().flatten().map(|label| number(label)).collect();
    let is_fraction = |label: &String| numbers.is_some() && matches!(number(label), Some(Number::Fraction));
    let wrong = |(row, label): (usize, &Option<String>)| match label {
        None => Some((row, "there is no label".to_owned())),
        Some(label) if is_fraction(label) => {
            Some((row, format!("the label {label} is not a class: it must be a name or an integer")))
        }
        Some(_) => None,
    };
    let wrong: Vec<(usize, String)> = labels.iter().enumerate().filter_map(wrong).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let whole = |number: &Number| match number {
        Number::Whole(whole) => Some(*whole),
        Number::Fraction => None,
    };
    let whole: Option<Vec<i64>> = numbers.as_ref().and_then(|numbers| numbers.iter().map(whole).collect());
    Ok(match whole {
        Some(labels) => in_order(&labels),
        None => in_order(&labels.iter().flatten().cloned().collect::<Vec<_>>()),
    })
}

fn in_order<T: Ord + ToString>(labels: &[T]) -> Classes {
    let names: Vec<&T> = labels.iter().collect::<BTreeSet<_>>().into_iter().collect();
    let of_rows = labels.iter().map(|label| names.binary_search(&label).unwrap_or_default()).collect();
    Classes { names: names.into_iter().map(ToString::to_string).collect(), of_rows }
}

/// Names given to labels that are the numbers from 0 on; the rows whose label has no name are wrong.
///
/// # Errors
/// Those, with the reason.
pub(super) fn named_by(names: &[String], labels: &[Option<String>]) -> Result<Classes, Vec<(usize, String)>> {
    let label = |(row, label): (usize, &Option<String>)| {
        let text = label.as_deref().unwrap_or("nothing");
        let found = match number(text) {
            Some(Number::Whole(whole)) => usize::try_from(whole).ok().filter(|label| *label < names.len()),
            _ => None,
        };
        found.ok_or_else(|| (row, format!("the label is {text}, where there are {} class names", names.len())))
    };
    let (good, wrong): (Vec<_>, Vec<_>) = labels.iter().enumerate().map(label).partition(Result::is_ok);
    if wrong.is_empty() {
        Ok(Classes { names: names.to_vec(), of_rows: good.into_iter().flatten().collect() })
    } else {
        Err(wrong.into_iter().filter_map(Result::err).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect()
    }

    #[test]
    fn whole_numbers_are_in_their_order_and_names_in_that_of_their_bytes() {
        let classes = classes_of(&labels(&["10", "9", "9.0", "-1"])).unwrap();
        assert_eq!((classes.names, classes.of_rows), (["-1", "9", "10"].map(str::to_owned).to_vec(), vec![2, 1, 1, 0]));
        let classes = classes_of(&labels(&["cat", "10", "9", "1.5"])).unwrap();
        assert_eq!(classes.names, ["1.5", "10", "9", "cat"], "with a name among them all are names");
    }

    #[test]
    fn what_is_no_class_is_told_by_its_row() {
        let wrong = classes_of(&labels(&["1", "2.5", "", "3.0"])).unwrap_err();
        assert_eq!(wrong.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 2]);
        assert!(wrong[0].1.starts_with("the label 2.5 is not a class"), "{wrong:?}");
        assert_eq!(classes_of(&labels(&["a", ""])).unwrap_err(), [(1, "there is no label".to_owned())]);
    }

    #[test]
    fn names_belong_to_numbers_from_0() {
        let names = ["ant", "bee"].map(str::to_owned);
        assert_eq!(named_by(&names, &labels(&["1", "0.0"])).unwrap().of_rows, [1, 0]);
        let wrong = named_by(&names, &labels(&["2", "-1", "bee"])).unwrap_err();
        assert_eq!(wrong[0], (0, "the label is 2, where there are 2 class names".to_owned()));
        assert_eq!(wrong.len(), 3);
    }
}
