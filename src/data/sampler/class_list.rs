//! `class-list`: which classes a pool is drawn from, as a spec writes it.

use serde_json::{Value as Json, json};

use simpipe_base::bounds::{Bounds, Length};
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Table, Value};
use simpipe_base::param::{self, Field, Param, Record, Shape, View};
use simpipe_base::path;

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

/// One class of a list, or some in a row.
///
/// Text is a name, or a range of labels; a number is a label. Where a dataset gives `2` or `"2..=4"` another reading too
/// (its classes are called `1`, `2`, ..), only a table says which is meant: `{ name = "2..=4" }`, `{ label = 2 }` or
/// `{ label = "2..=4" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRef {
    /// What is written.
    pub written: Written,
    /// Whether a table says that it is a name, or that it is a label.
    pub said: bool,
}

/// How a class is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// By name.
    Name(String),
    /// By label.
    Label(usize),
    /// By labels from the first to the last, both taken: `"0..=4"`.
    Range(usize, usize),
}

/// A class of this name as an item of a list, in TOML; `quoted` is the name in quotes.
#[must_use]
pub fn item_of_name(name: &str, quoted: &str) -> String {
    if Written::range(name).is_some() { format!("{{ name = {quoted} }}") } else { quoted.to_owned() }
}

impl Written {
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

    /// A label, or a range of labels in quotes.
    fn labels(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::Integer(label) if *label >= 0 => usize::try_from(*label).ok().map(Self::Label),
            Value::String(text) if Self::range(text).is_some() => Self::filled(text, node, path, issues),
            _ => {
                let message =
                    format!("`{path}` expects a label from 0 or a range of labels, found {}", param::found(node));
                issues.push(Issue::at(&node.place, path, message).help("write 5 or \"0..=4\""));
                None
            }
        }
    }

    /// A range that holds a label.
    fn filled(text: &str, node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let range = Self::range(text)?;
        let refuse =
            |help| issues.push(Issue::at(&node.place, path, format!("the range \"{text}\" is empty")).help(help));
        range.map_err(refuse).ok()
    }

    fn json(&self) -> Json {
        match self {
            Self::Name(name) => json!(name),
            Self::Label(label) => json!(label),
            Self::Range(first, last) => json!(format!("{first}..={last}")),
        }
    }
}

impl ClassRef {
    /// A table that says what is meant.
    fn said_shape() -> Shape {
        let field = |name: &str, doc, shape| Field {
            name: name.to_owned(),
            doc,
            aka: &[],
            shape,
            default: Some(Json::Null),
            key_default: Some(Json::Null),
            expected: None,
            bounds: Bounds::default(),
            length: Length::default(),
        };
        Shape::Record(Record {
            doc: "One of the two keys: which reading is meant where a class is called like a label.",
            fields: vec![
                field("name", "The class of this name.", Shape::String),
                field(
                    "label",
                    "The class of this label, or those of a range such as \"0..=4\".",
                    Shape::AnyOf(vec![Shape::Integer, Shape::String]),
                ),
            ],
        })
    }

    const fn bare(written: Written) -> Self {
        Self { written, said: false }
    }

    /// `{ name = "2" }` or `{ label = 2 }`.
    fn said(node: &Node, table: &Table, path: &str, issues: &mut Issues) -> Option<Self> {
        let written = match (table.get("name"), table.get("label")) {
            (Some(name), None) if table.len() == 1 => {
                Written::Name(String::read(&name.node, &path::join(path, "name"), issues)?)
            }
            (None, Some(label)) if table.len() == 1 => {
                Written::labels(&label.node, &path::join(path, "label"), issues)?
            }
            _ => {
                let message = format!("`{path}` expects a table of the one key `name` or `label`");
                let help = "write { name = \"2\" } or { label = 2 }";
                issues.push(Issue::at(&node.place, path, message).help(help));
                return None;
            }
        };
        Some(Self { written, said: true })
    }
}

/// What somebody who writes `0-4`, `0..4` or `0:4` probably means; a class may be called so, and then it is the class.
#[must_use]
pub(super) fn meant_range(name: &str) -> Option<String> {
    let (first, last) = ["...", "..", "-", ":"].iter().find_map(|between| name.split_once(between))?;
    let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    Some(format!("a range of labels is written \"{}..={}\", both ends included", first.min(last), first.max(last)))
}

impl Param for ClassList {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(text) if text == "all" => Some(Self::All),
            Value::String(text) if Written::range(text).is_some() => {
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
            Value::Table(_) => ClassRef::read(node, path, issues).map(|class| Self::Listed(vec![class])),
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
        Shape::AnyOf(vec![Shape::Word("all"), Shape::Integer, Vec::<ClassRef>::shape(), ClassRef::said_shape()])
    }
}

impl Param for ClassRef {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(name) => match Written::range(name) {
                None => Some(Self::bare(Written::Name(name.clone()))),
                Some(_) => Written::filled(name, node, path, issues).map(Self::bare),
            },
            Value::Integer(label) if *label >= 0 => usize::try_from(*label).ok().map(Written::Label).map(Self::bare),
            Value::Table(table) => Self::said(node, table, path, issues),
            _ => {
                let message = format!("`{path}` expects a class name or a label from 0, found {}", param::found(node));
                let text = node.place.text();
                let help = match &node.value {
                    Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_)
                        if !text.is_empty() =>
                    {
                        format!("write \"Cat\", 5 or \"0..=4\"; for the class with this name \"{text}\"")
                    }
                    _ => "write \"Cat\", 5 or \"0..=4\"".to_owned(),
                };
                issues.push(Issue::at(&node.place, path, message).help(help));
                None
            }
        }
    }

    fn write(&self, _: View) -> Json {
        match (&self.written, self.said) {
            (written, false) => written.json(),
            (Written::Name(name), true) => json!({ "name": name }),
            (label @ (Written::Label(_) | Written::Range(..)), true) => json!({ "label": label.json() }),
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::String, Shape::Integer, Self::said_shape()])
    }
}

/// The path of one item of the list.
pub(super) fn item(index: usize) -> String {
    path::at("class-list", index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param::from_json;

    #[test]
    fn every_form_is_read_and_written_back() {
        let list = |said| {
            let written = [Written::Name("Cat".to_owned()), Written::Label(5), Written::Range(7, 9)];
            ClassList::Listed(written.map(|written| ClassRef { written, said }).to_vec())
        };
        for (json, expected) in [
            (json!("all"), ClassList::All),
            (json!(3), ClassList::Drawn(3)),
            (json!(["Cat", 5, "7..=9"]), list(false)),
            (json!([{ "name": "Cat" }, { "label": 5 }, { "label": "7..=9" }]), list(true)),
        ] {
            let read: ClassList = from_json(&json).unwrap();
            assert_eq!(read, expected);
            assert_eq!(read.write(View::Key), json);
        }
    }

    #[test]
    fn a_range_stands_alone_too_and_others_are_names() {
        let said = ClassRef { written: Written::Range(0, 4), said: true };
        assert_eq!(from_json::<ClassList>(&json!({ "label": "0..=4" })).unwrap(), ClassList::Listed(vec![said]));
        assert_eq!(
            from_json::<ClassList>(&json!("0..=4")).unwrap(),
            ClassList::Listed(vec![ClassRef::bare(Written::Range(0, 4))])
        );
        assert_eq!(from_json::<ClassRef>(&json!("0-4")).unwrap(), ClassRef::bare(Written::Name("0-4".to_owned())));
        assert_eq!(meant_range("4-0").as_deref(), Some("a range of labels is written \"0..=4\", both ends included"));
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
        for json in [
            json!({}),
            json!({ "name": 2 }),
            json!({ "label": "2" }),
            json!({ "label": -1 }),
            json!({ "label": "4..=0" }),
            json!({ "name": "2", "label": 2 }),
            json!({ "label": 2, "labels": 3 }),
            json!({ "class": 2 }),
        ] {
            assert_eq!(from_json::<ClassList>(&json!([json])).unwrap_err().len(), 1, "{json}");
        }
    }
}
