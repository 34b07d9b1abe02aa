//! `class-list`: which classes a pool is drawn from, as a spec writes it.

use serde_json::{Value as Json, json};

use crate::base::issue::{Issue, Issues};
use crate::base::node::{Node, Value};
use crate::base::param::{self, Param, Shape, View};
use crate::base::path;

const EXPECTED: &str = "write \"all\", a number of classes to draw, or a list such as [\"Cat\", 5, \"7..=9\"]";

/// The classes of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassList {
    /// Every class that has an example in the split.
    All,
    /// This many of them, drawn at random.
    Drawn(usize),
    /// These.
    Listed(Vec<ClassRef>),
}

/// One class of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassRef {
    /// By name.
    Name(String),
    /// By label.
    Label(usize),
    /// By labels from the first to the last, both taken: `"0..=4"`.
    Range(usize, usize),
}

impl ClassRef {
    /// A range as a spec writes it.
    fn range(text: &str) -> Option<Result<Self, String>> {
        let (first, last) = text.split_once("..=")?;
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        Some(if first <= last {
            Ok(Self::Range(first, last))
        } else {
            Err(format!("write the smaller label first: \"{last}..={first}\""))
        })
    }
}

/// What somebody who writes `0-4`, `0..4` or `0:4` probably means; a class may be called so, and then it is the class.
#[must_use]
pub(super) fn meant_range(name: &str) -> Option<String> {
    let (first, last) = ["...", "..", "-", ":"].iter().find_map(|between| name.split_once(between))?;
    let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    Some(format!("a range of labels is written \"{}..={}\", both taken", first.min(last), first.max(last)))
}

impl Param for ClassList {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(text) if text == "all" => Some(Self::All),
            Value::String(text) if ClassRef::range(text).is_some() => {
                ClassRef::read(node, path, issues).map(|range| Self::Listed(vec![range]))
            }
            Value::Integer(count) => match usize::try_from(*count).ok().filter(|count| *count > 0) {
                Some(count) => Some(Self::Drawn(count)),
                None => {
                    let message = format!("`{path}` must be at least 1, found {count}");
                    issues.push(Issue::at(&node.place, path, message).help(EXPECTED));
                    None
                }
            },
            Value::Array(items) if items.is_empty() => {
                let message = format!("`{path}` must name at least one class");
                issues.push(Issue::at(&node.place, path, message).help(EXPECTED));
                None
            }
            Value::Array(_) => Vec::read(node, path, issues).map(Self::Listed),
            _ => {
                let help = match &node.value {
                    Value::String(text) => {
                        meant_range(text).unwrap_or_else(|| format!("for one class write [{text:?}]"))
                    }
                    _ => EXPECTED.to_owned(),
                };
                let message = format!("`{path}` expects \"all\", a number or a list, found {}", param::found(node));
                issues.push(Issue::at(&node.place, path, message).help(help));
                None
            }
        }
    }

    fn write(&self, view: View) -> Json {
        match self {
            Self::All => json!("all"),
            Self::Drawn(count) => json!(count),
            Self::Listed(list) => list.write(view),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::Word("all"), Shape::Integer, Vec::<ClassRef>::shape()])
    }
}

impl Param for ClassRef {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(name) => match Self::range(name) {
                None => Some(Self::Name(name.clone())),
                Some(Ok(range)) => Some(range),
                Some(Err(help)) => {
                    issues.push(Issue::at(&node.place, path, format!("the range \"{name}\" is empty")).help(help));
                    None
                }
            },
            Value::Integer(label) if *label >= 0 => usize::try_from(*label).ok().map(Self::Label),
            _ => {
                let message = format!("`{path}` expects a class name or a label from 0, found {}", param::found(node));
                issues.push(Issue::at(&node.place, path, message).help("write \"Cat\", 5 or \"0..=4\""));
                None
            }
        }
    }

    fn write(&self, _: View) -> Json {
        match self {
            Self::Name(name) => json!(name),
            Self::Label(label) => json!(label),
            Self::Range(first, last) => json!(format!("{first}..={last}")),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::String, Shape::Integer])
    }
}

/// The path of one item of the list.
pub(super) fn item(index: usize) -> String {
    path::at("class-list", index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::param::from_json;

    #[test]
    fn every_form_is_read_and_written_back() {
        let list = ClassList::Listed(vec![ClassRef::Name("Cat".to_owned()), ClassRef::Label(5), ClassRef::Range(7, 9)]);
        for (json, expected) in
            [(json!("all"), ClassList::All), (json!(3), ClassList::Drawn(3)), (json!(["Cat", 5, "7..=9"]), list)]
        {
            let read: ClassList = from_json(&json).unwrap();
            assert_eq!(read, expected);
            assert_eq!(read.write(View::Key), json);
        }
    }

    #[test]
    fn a_range_stands_alone_too_and_others_are_names() {
        assert_eq!(from_json::<ClassList>(&json!("0..=4")).unwrap(), ClassList::Listed(vec![ClassRef::Range(0, 4)]));
        assert_eq!(from_json::<ClassRef>(&json!("0-4")).unwrap(), ClassRef::Name("0-4".to_owned()));
        assert_eq!(meant_range("4-0").as_deref(), Some("a range of labels is written \"0..=4\", both taken"));
        assert_eq!(meant_range("Cat-Dog"), None);
        let issues = from_json::<ClassList>(&json!(["4..=0"])).unwrap_err();
        assert_eq!(issues[0].help.as_deref(), Some("write the smaller label first: \"0..=4\""));
    }

    #[test]
    fn what_is_no_class_list_is_refused() {
        for json in
            [json!("some"), json!(0), json!(-1), json!([]), json!([1.5]), json!([-1]), json!(true), json!("Cat")]
        {
            assert!(from_json::<ClassList>(&json).is_err(), "{json}");
        }
    }
}
