//! `class-list`: which classes a pool is drawn from, as a spec writes it.

use serde_json::{Value as Json, json};

use crate::base::issue::{Issue, Issues};
use crate::base::node::{Node, Value};
use crate::base::param::{Param, Shape, View};
use crate::base::path;

const EXPECTED: &str = "write \"all\", a number of classes to draw, or a list such as [\"Cat\", 5]";

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
}

impl Param for ClassList {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(text) if text == "all" => Some(Self::All),
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
                let found = match &node.value {
                    Value::String(text) => format!("\"{text}\""),
                    _ => node.kind().to_owned(),
                };
                let message = format!("`{path}` expects \"all\", a number or a list, found {found}");
                issues.push(Issue::at(&node.place, path, message).help(EXPECTED));
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
            Value::String(name) => Some(Self::Name(name.clone())),
            Value::Integer(label) if *label >= 0 => usize::try_from(*label).ok().map(Self::Label),
            _ => {
                let message = format!("`{path}` expects a class name or a label from 0, found {}", node.kind());
                issues.push(Issue::at(&node.place, path, message));
                None
            }
        }
    }

    fn write(&self, _: View) -> Json {
        match self {
            Self::Name(name) => json!(name),
            Self::Label(label) => json!(label),
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
        let list = ClassList::Listed(vec![ClassRef::Name("Cat".to_owned()), ClassRef::Label(5)]);
        for (json, expected) in
            [(json!("all"), ClassList::All), (json!(3), ClassList::Drawn(3)), (json!(["Cat", 5]), list)]
        {
            let read: ClassList = from_json(&json).unwrap();
            assert_eq!(read, expected);
            assert_eq!(read.write(View::Key), json);
        }
    }

    #[test]
    fn what_is_no_class_list_is_refused() {
        for json in [json!("some"), json!(0), json!(-1), json!([]), json!([1.5]), json!([-1]), json!(true)] {
            assert!(from_json::<ClassList>(&json).is_err(), "{json}");
        }
    }
}
