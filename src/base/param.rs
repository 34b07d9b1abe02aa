//! Typed reading of spec values: every error collected, each at its own place.
//!
//! Parameter structs are declared with [`params!`](crate::params) and choices with [`choice!`](crate::choice): one
//! declaration gives the struct, its reader, its canonical JSON (which enters cache keys), its defaults and the
//! shape that the reference pages and the JSON Schema are written from. Serde's derive would stop at the first
//! error of a table and lose its place in tagged enums; this does neither.

use serde_json::Value as Json;

use super::bounds::Bounds;
use super::issue::{Issue, Issues};
use super::node::{Entry, Node, Value};
pub use super::param_choice::{Held, Payload, open_choice, read_alternative, read_unit, write_alternative};
pub use super::param_shape::{Alternative, Choice, Declared, Field, LazyChoice, Record, Shape};
pub use super::param_values::{SpecPath, left_to_a_shell};
use super::source::{Place, Source};

/// Which fields [`Param::write`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All of them: what a person or a program reads.
    Full,
    /// All of them but paths: what an artifact may show, the same on every machine.
    Portable,
    /// Those of [`View::Portable`], and paths as they lie on this machine: what tells where a spec's files are.
    Located,
    /// All of them but paths, and but those that came after the first version where they have their default: what an
    /// artifact holds to be read back, with the same bytes for the same spec in every version.
    Stored,
    /// Those that differ from their default, and no path: what enters a cache key. A new field with a default
    /// therefore changes no old key. A chosen alternative of a version from 2 on says so, even where it is the default.
    Key,
}

/// A value that a spec can hold.
pub trait Param: Sized {
    /// Reads `node`, which stands at `path`; pushes every problem and gives `None` if it can't be read.
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self>;
    /// The value as canonical JSON; `null` means that there is nothing to write.
    fn write(&self, view: View) -> Json;
    /// What is accepted, for reference pages and the JSON Schema.
    fn shape() -> Shape;
    /// Whether an alternative of a version from 2 on is chosen somewhere inside: that belongs in a key even where the
    /// value is the default. Whatever holds other parameters asks them.
    fn is_versioned(&self) -> bool {
        false
    }
    /// The limits of a number that its type has, or of every number in a list.
    fn bounds() -> Bounds {
        Bounds::default()
    }
}

/// The value with every field at its default.
///
/// # Panics
/// If a field has no default: a mistake in the program, which the test over all registries finds.
#[must_use]
pub fn defaults<T: Param>() -> T {
    let nowhere = Place::new(&Source::new("defaults", "", std::path::Path::new("")), 0..0);
    T::read(&Node::empty_table(&nowhere), "", &mut Issues::default()).expect("every field has a default")
}

/// Reads a value back from the JSON that [`Param::write`] gave, as artifacts hold it.
///
/// # Errors
/// What does not fit.
pub fn from_json<T: Param>(json: &Json) -> Result<T, Vec<Issue>> {
    let source = Source::new("json", json.to_string(), std::path::Path::new(""));
    let place = Place::new(&source, 0..0);
    let mut issues = Issues::default();
    let value = T::read(&node_from_json(json, &place), "", &mut issues);
    issues.finish()?;
    value.ok_or_else(|| vec![Issue::nowhere("not readable")])
}

/// A tree whose values all stand at one place.
#[must_use]
pub fn node_from_json(json: &Json, place: &Place) -> Node {
    let value = match json {
        Json::Null => Value::String(String::new()),
        Json::Bool(boolean) => Value::Boolean(*boolean),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Integer)
        }
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(|item| node_from_json(item, place)).collect()),
        Json::Object(fields) => Value::Table(
            fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), Entry { key: place.clone(), node: node_from_json(value, place) }))
                .collect(),
        ),
    };
    Node { value, place: place.clone() }
}

/// Pushes "`path` expects .., found .." with a way to mend it, where there is an obvious one.
pub fn expected(node: &Node, path: &str, what: &str, issues: &mut Issues) {
    let issue = Issue::at(&node.place, path, format!("`{path}` expects {what}, found {}", found(node)));
    issues.push(match mend(node, what) {
        Some(help) => issue.help(help),
        None => issue,
    });
}

/// A value as messages show it: text and numbers as they are written, all else by its kind.
#[must_use]
pub fn found(node: &Node) -> String {
    const SHOWN: usize = 40;
    match &node.value {
        Value::String(text) if text.chars().count() <= SHOWN => format!("the text {text:?}"),
        Value::Integer(integer) => format!("the integer {integer}"),
        Value::Float(float) => format!("the number {}", written(node).unwrap_or_else(|| format!("{float:?}"))),
        Value::Boolean(boolean) => format!("`{boolean}`"),
        _ => node.kind().to_owned(),
    }
}

/// A number as it is written: one beyond every type keeps its digits.
pub(super) fn written(node: &Node) -> Option<String> {
    let text = node.place.text();
    (!text.is_empty() && text.len() <= 40 && text.parse::<f64>().is_ok()).then(|| text.to_owned())
}

/// TOML has no such numbers.
fn has_zeros_in_front(text: &str) -> bool {
    text.trim().strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// What was probably meant by a value of another type.
fn mend(node: &Node, what: &str) -> Option<String> {
    let number = matches!(what, "an integer" | "a number");
    match &node.value {
        Value::String(text) if text.is_empty() && what != "a string" => Some("write a value".to_owned()),
        Value::Float(float) if what == "an integer" && float.abs() > 9e18 => {
            Some(format!("an integer is at most {}", i64::MAX))
        }
        Value::String(text) if number && text.parse::<f64>().is_ok() && !has_zeros_in_front(text) => {
            Some(format!("remove the quotes: {}", text.trim()))
        }
        Value::String(text) if what.contains("`true`") && matches!(text.to_lowercase().as_str(), "true" | "false") => {
            Some(format!("remove the quotes: {}", text.to_lowercase()))
        }
        Value::Integer(flag @ (0 | 1)) if what.contains("`true`") => Some(format!("write `{}`", *flag == 1)),
        Value::Float(float) if what == "an integer" && float.fract() == 0.0 && float.abs() < 1e15 => {
            Some(format!("write {float:.0}, without a point"))
        }
        Value::Array(items) if number && items.len() == 1 => Some("remove the brackets".to_owned()),
        Value::Array(items) if number && items.windows(2).all(|two| two[0].value == two[1].value) => {
            items.first().map(|item| format!("write one number: {}", item.place.text()))
        }
        Value::Integer(_) | Value::Float(_) | Value::String(_) if what == "a list" => {
            Some("put it in brackets: [..]".to_owned())
        }
        Value::Table(_) if what == "a list" => Some("write it as `key = [ .. ]`".to_owned()),
        Value::Array(_) if what == "a string" => Some("write one text, without brackets".to_owned()),
        Value::Integer(_) | Value::Float(_) | Value::String(_) | Value::Boolean(_) if what == "a table" => {
            Some("write `{ key = value, .. }`, or `[name]` with the keys below it".to_owned())
        }
        Value::Array(_) if what == "a table" => {
            Some("a table is written `{ key = value }`, or `[name]` once, not `[[name]]`".to_owned())
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) if what == "a string" => {
            Some(format!("put it in quotes: \"{}\"", node.place.text()))
        }
        _ => None,
    }
}

/// `learning_rate` -> `learning-rate`.
#[must_use]
pub fn kebab(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// Adds a field to a JSON object as `view` wants it; used by [`params!`](crate::params).
pub fn write_field<T: Param>(
    object: &mut serde_json::Map<String, Json>,
    field: &str,
    value: &T,
    default: Option<&T>,
    view: View,
    is_later: bool,
) {
    let is_default = default.is_some_and(|default| default.write(View::Full) == value.write(View::Full));
    let left_out = match view {
        View::Key => is_default && !value.is_versioned(),
        View::Stored => is_default && is_later,
        View::Full | View::Portable | View::Located => false,
    };
    if left_out {
        return;
    }
    let json = value.write(view);
    if !json.is_null() {
        object.insert(kebab(field), json);
    }
}
