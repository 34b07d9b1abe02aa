//! Names and labels of a dataset's classes, and what an item of a `class-list` means among them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::class_list::{ClassRef, Written, meant_range};
use simpipe_base::suggest;

/// A dataset's classes, found by name and by number.
pub(super) struct Classes<'a> {
    names: &'a [String],
    labels: BTreeMap<&'a str, usize>,
    /// Labels of classes that are called like a number: `7`, and `07` or `7.0` where none is called `7`.
    numbers: BTreeMap<usize, usize>,
}

/// A message and a help text.
type Refusal = (String, String);

/// The labels that an item of a list means among a dataset's classes.
///
/// # Errors
/// A message and a help text, where it means none, or may mean a name as well as a label.
pub fn labels_of(names: &[String], class: &ClassRef) -> Result<RangeInclusive<usize>, (String, String)> {
    Classes::new(names).labels_of(class)
}

impl<'a> Classes<'a> {
    /// Classes by label.
    pub(super) fn new(names: &'a [String]) -> Self {
        let (mut labels, mut numbers) = (BTreeMap::new(), BTreeMap::new());
        // From the last, so that the first of equal names stays.
        for (label, name) in names.iter().enumerate().rev() {
            labels.insert(name.as_str(), label);
            if let Some(number) = number(name) {
                numbers.insert(number, label);
            }
        }
        for (number, label) in &mut numbers {
            if let Some(exact) = labels.get(number.to_string().as_str()) {
                *label = *exact;
            }
        }
        Self { names, labels, numbers }
    }

    /// The labels that an item of a list means; an error that asks where it may mean a name as well as a label.
    pub(super) fn labels_of(&self, class: &ClassRef) -> Result<RangeInclusive<usize>, Refusal> {
        match &class.written {
            Written::Name(name) => self.named(name).map(|label| label..=label),
            Written::Label(label) => {
                self.known(*label)?;
                if !class.said {
                    self.ask_about_number(*label)?;
                }
                Ok(*label..=*label)
            }
            Written::Range(first, last) => {
                if !class.said {
                    self.ask_about_range(*first, *last)?;
                }
                self.known(*last).map(|last| *first..=last)
            }
        }
    }

    /// The class called like a number, where that is not its label.
    pub(super) fn called(&self, number: usize) -> Option<&'a str> {
        let label = self.numbers.get(&number).filter(|label| **label != number)?;
        Some(&self.names[*label])
    }

    fn known(&self, label: usize) -> Result<usize, Refusal> {
        if label < self.names.len() {
            return Ok(label);
        }
        let message = format!("there is no class {label}: the dataset has {} classes", self.names.len());
        let mut help = format!("labels go from 0 to {}", self.names.len().saturating_sub(1));
        if let Some(name) = self.called(label) {
            help += &format!("; the class with this name is written {name:?}");
        }
        Err((message, help))
    }

    fn named(&self, name: &str) -> Result<usize, Refusal> {
        if let Some(label) = self.labels.get(name) {
            return Ok(*label);
        }
        let number = number(name);
        let called = number.and_then(|number| self.numbers.get(&number)).map(|label| &self.names[*label]);
        let help = meant_range(name)
            .or_else(|| called.map(|called| format!("did you mean `{called}`?")))
            .or_else(|| {
                let label = number.filter(|label| *label < self.names.len())?;
                Some(format!("a label is written without quotes: {label}"))
            })
            .unwrap_or_else(|| {
                let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
                suggest::help(name, &names)
            });
        Err((format!("the dataset has no class `{name}`"), help))
    }

    /// `2` where label 2 is one class and another is called 2.
    fn ask_about_number(&self, label: usize) -> Result<(), Refusal> {
        let Some(name) = self.called(label) else { return Ok(()) };
        let message = format!(
            "{label} may mean the class called `{name}`, or the class of label {label}, `{}`",
            self.names[label]
        );
        Err((message, format!("write {name:?} for the name, {{ label = {label} }} for the label")))
    }

    /// `"2..=4"` where a class is called so, or where a class of another label is called 2, 3 or 4.
    fn ask_about_range(&self, first: usize, last: usize) -> Result<(), Refusal> {
        let range = format!("{first}..={last}");
        if self.labels.contains_key(range.as_str()) {
            let message = format!("\"{range}\" may mean the class of this name, or the labels {first} to {last}");
            return Err((message, format!("write {{ name = \"{range}\" }} or {{ label = \"{range}\" }}")));
        }
        let Some((number, label)) = self.numbers.range(first..=last).find(|(number, label)| number != label) else {
            return Ok(());
        };
        let called = &self.names[*label];
        let message = match self.names.get(*number) {
            Some(other) => format!(
                "\"{range}\" may mean labels or names: label {number} is the class `{other}`, and another class is called `{called}`"
            ),
            None => format!("\"{range}\" may mean labels or names: a class is called `{called}`"),
        };
        Err((
            message,
            format!("write {{ label = \"{range}\" }} for the labels, or the names one by one: [{called:?}, ..]"),
        ))
    }
}

/// The whole number that a name is read as: `7`, `07`, `7.0`.
fn number(name: &str) -> Option<usize> {
    /// Whole numbers up to here are exact as floats.
    const LARGEST: f64 = 9e15;
    let name = name.trim();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of 0 to 9e15")]
    let whole = |float: f64| (float.fract() == 0.0 && (0.0..=LARGEST).contains(&float)).then_some(float as usize);
    name.parse().ok().or_else(|| name.parse::<f64>().ok().and_then(whole))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::param;

    /// The labels, or message and help in one.
    fn labels(names: &[&str], item: serde_json::Value) -> Result<Vec<usize>, String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let class: ClassRef = param::from_json(&item).unwrap();
        let found = Classes::new(&names).labels_of(&class);
        found.map(Iterator::collect).map_err(|(message, help)| format!("{message}; {help}"))
    }

    /// `1`, `10`, `11`, .., `19`, `2`, .. as folders are sorted.
    fn numbered() -> Vec<String> {
        let mut names: Vec<String> = (1..=24).map(|number| number.to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_number_that_is_a_name_and_another_label_is_asked_about() {
        let names = numbered();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let asked = labels(&names, json!(2)).unwrap_err();
        assert_eq!(
            asked,
            "2 may mean the class called `2`, or the class of label 2, `11`; write \"2\" for the name, { label = 2 } for \
             the label"
        );
        assert!(labels(&names, json!(10)).unwrap_err().contains("label 10, `19`"));
        assert_eq!(labels(&names, json!("2")), Ok(vec![11]));
        assert_eq!(labels(&names, json!({ "name": "2" })), Ok(vec![11]));
        assert_eq!(labels(&names, json!({ "label": 2 })), Ok(vec![2]));
        // No class is called 0, and label 24 does not exist: one reading each.
        assert_eq!(labels(&names, json!(0)), Ok(vec![0]));
        let beyond = labels(&names, json!(24)).unwrap_err();
        assert!(beyond.ends_with("labels go from 0 to 23; the class with this name is written \"24\""), "{beyond}");
    }

    #[test]
    fn ranges_are_asked_about_too() {
        let names = numbered();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let asked = labels(&names, json!("2..=4")).unwrap_err();
        assert!(asked.contains("label 2 is the class `11`, and another class is called `2`"), "{asked}");
        assert!(asked.ends_with("write { label = \"2..=4\" } for the labels, or the names one by one: [\"2\", ..]"));
        assert!(labels(&names, json!("20..=24")).unwrap_err().contains("labels or names"));
        assert_eq!(labels(&names, json!({ "label": "2..=4" })), Ok(vec![2, 3, 4]));
        assert_eq!(labels(&names, json!("0..=0")), Ok(vec![0]));
        assert!(labels(&["a", "b", "0..=1"], json!("0..=1")).unwrap_err().contains("the class of this name"));
        assert_eq!(labels(&["a", "b", "0..=1"], json!({ "name": "0..=1" })), Ok(vec![2]));
        assert_eq!(labels(&["a", "b", "0..=1"], json!({ "label": "0..=1" })), Ok(vec![0, 1]));
    }

    #[test]
    fn digits_that_are_their_own_labels_need_no_question() {
        let digits = ["0", "1", "2", "3"];
        assert_eq!(labels(&digits, json!(2)), Ok(vec![2]));
        assert_eq!(labels(&digits, json!("1..=3")), Ok(vec![1, 2, 3]));
        assert_eq!(labels(&["Ant", "Bee"], json!(1)), Ok(vec![1]));
    }

    #[test]
    fn names_that_are_read_as_numbers_count() {
        let padded = ["01", "02", "03"];
        let asked = labels(&padded, json!(1)).unwrap_err();
        assert!(asked.contains("called `01`") && asked.contains("write \"01\" for the name"), "{asked}");
        assert!(labels(&["1.0", "0.0"], json!(1)).is_err());
        // Called 1 exactly, which is its label; `01` is then only another name.
        assert_eq!(labels(&["01", "1"], json!(1)), Ok(vec![1]));
        for name in ["-1", "1.5", "inf", "nan", "1e300", "", "class 1"] {
            assert_eq!(number(name), None, "{name}");
        }
        assert!(labels(&["b", "c"], json!("1")).unwrap_err().ends_with("a label is written without quotes: 1"));
        assert!(labels(&padded, json!("2")).unwrap_err().ends_with("did you mean `02`?"));
    }
}
