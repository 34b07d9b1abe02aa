//! Typed reading of spec values: every error collected, each at its own place.
//!
//! Parameter structs are declared with [`params!`](crate::params) and choices with [`choice!`](crate::choice): one
//! declaration gives the struct, its reader, its canonical JSON (which enters cache keys), its defaults and the
//! shape that the reference pages and the JSON Schema are written from. Serde's derive would stop at the first
//! error of a table and lose its place in tagged enums; this does neither.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use super::check::Check;
use super::issue::{Issue, Issues};
use super::node::{Entry, Node, Table, Value};
use super::path;
use super::source::{Place, Source};
use super::suggest;

/// Which fields [`Param::write`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All of them: what a person or a program reads.
    Full,
    /// All of them but paths: what an artifact may show, the same on every machine.
    Portable,
    /// Those that differ from their default, and no path: what enters a cache key. A new field with a default
    /// therefore changes no old key.
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
}

/// What a value may look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A whole number or a float.
    Number,
    /// Text.
    String,
    /// A file or folder, relative to the file that names it.
    Path,
    /// A list.
    List(Box<Shape>),
    /// A table of named fields.
    Record(Record),
    /// A table whose keys the user chooses; every value is of one shape.
    Map(Box<Shape>),
    /// A bare name or a one-key table.
    Choice(Choice),
    /// Any of several shapes.
    AnyOf(Vec<Shape>),
    /// One literal word.
    Word(&'static str),
}

/// The fields of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Purpose.
    pub doc: &'static str,
    /// In declared order.
    pub fields: Vec<Field>,
}

/// One field of a [`Record`].
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// kebab-case.
    pub name: String,
    /// Meaning and unit.
    pub doc: &'static str,
    /// What is accepted.
    pub shape: Shape,
    /// The value if it is left out; `None` if it must be given.
    pub default: Option<Json>,
    /// The range, as words that follow "must be".
    pub expected: Option<String>,
}

/// The alternatives of a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What is chosen.
    pub doc: &'static str,
    /// In declared order.
    pub alternatives: Vec<Alternative>,
}

/// One alternative of a [`Choice`].
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// kebab-case.
    pub name: &'static str,
    /// Purpose.
    pub doc: &'static str,
    /// Its parameters, if it has any.
    pub params: Option<Shape>,
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

fn node_from_json(json: &Json, place: &Place) -> Node {
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

/// Pushes "`path` expects .., found ..".
pub fn expected(node: &Node, path: &str, what: &str, issues: &mut Issues) {
    issues.push(Issue::at(&node.place, path, format!("`{path}` expects {what}, found {}", node.kind())));
}

/// Reads the fields of one table; used by [`params!`](crate::params).
pub struct RecordReader<'a> {
    table: &'a Table,
    place: &'a Place,
    path: &'a str,
}

impl<'a> RecordReader<'a> {
    /// Opens a table and reports its unknown keys.
    pub fn open(node: &'a Node, path: &'a str, fields: &[&str], issues: &mut Issues) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            expected(node, path, "a table", issues);
            return None;
        };
        let names: Vec<String> = fields.iter().map(|field| kebab(field)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (key, entry) in table.iter().filter(|(key, _)| !names.contains(&key.as_str())) {
            let what = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
            issues.push(
                Issue::at(&entry.key, path::join(path, key), format!("unknown key `{key}`{what}"))
                    .help(suggest::help(key, &names)),
            );
        }
        Some(Self { table, place: &node.place, path })
    }

    /// Reads one field, its default if it is left out.
    pub fn field<T: Param>(
        &self,
        field: &str,
        default: Option<T>,
        check: Option<&Check<T>>,
        issues: &mut Issues,
    ) -> Option<T> {
        let name = kebab(field);
        let path = path::join(self.path, &name);
        let Some(entry) = self.table.get(&name) else {
            if default.is_none() {
                issues.push(
                    Issue::at(self.place, &path, format!("missing key `{name}`"))
                        .help(format!("`{path}` has no default: write it")),
                );
            }
            return default;
        };
        let value = T::read(&entry.node, &path, issues)?;
        if let Some(check) = check.filter(|check| !check.accepts(&value)) {
            let found = match value.write(View::Full) {
                Json::Array(items) => format!("a list of {}", items.len()),
                found => found.to_string(),
            };
            issues.push(Issue::at(
                &entry.node.place,
                &path,
                format!("`{path}` must be {}, found {found}", check.expected),
            ));
            return None;
        }
        Some(value)
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
) {
    let is_default = default.is_some_and(|default| default.write(View::Full) == value.write(View::Full));
    if view == View::Key && is_default {
        return;
    }
    let json = value.write(view);
    if !json.is_null() {
        object.insert(kebab(field), json);
    }
}

/// Takes a choice apart: its name, where it stands, and its parameters; used by [`choice!`](crate::choice).
pub fn open_choice<'a>(
    node: &'a Node,
    path: &str,
    names: &[&str],
    issues: &mut Issues,
) -> Option<(&'a str, Option<&'a Node>)> {
    let (name, place, inner) = match &node.value {
        Value::String(name) => (name.as_str(), &node.place, None),
        Value::Table(table) if table.len() == 1 => {
            let (name, entry) = table.iter().next()?;
            (name.as_str(), &entry.key, Some(&entry.node))
        }
        Value::Table(table) => {
            let found: Vec<&str> = table.keys().map(String::as_str).collect();
            let known: Vec<&str> = found.iter().copied().filter(|name| names.contains(name)).collect();
            let help = match (found.len(), known.first()) {
                (0, _) => format!("write one of {}", suggest::one_of(names)),
                (_, Some(name)) => format!("write {{ {name} = {{ .. }} }} with the other keys inside the braces"),
                (_, None) => format!("write {{ NAME = {{ .. }} }} where NAME is {}", suggest::one_of(names)),
            };
            let message = format!("`{path}` expects a table of exactly one key, found {}", found.len());
            issues.push(Issue::at(&node.place, path, message).help(help));
            return None;
        }
        _ => {
            let message = format!("`{path}` expects a name or a one-key table, found {}", node.kind());
            issues.push(Issue::at(&node.place, path, message).help(format!("write one of {}", suggest::one_of(names))));
            return None;
        }
    };
    if names.contains(&name) {
        return Some((name, inner));
    }
    let message = format!("unknown choice `{name}` for `{path}`");
    issues.push(Issue::at(place, path, message).help(suggest::help(name, names)));
    None
}

/// Reads the parameters of a chosen alternative; used by [`choice!`](crate::choice).
pub fn read_alternative<T: Param>(
    node: &Node,
    inner: Option<&Node>,
    name: &str,
    path: &str,
    issues: &mut Issues,
) -> Option<T> {
    let path = path::join(path, name);
    match inner {
        Some(inner) => T::read(inner, &path, issues),
        None => T::read(&Node::empty_table(&node.place), &path, issues),
    }
}

/// Refuses parameters of an alternative that takes none; used by [`choice!`](crate::choice).
pub fn read_unit(inner: Option<&Node>, name: &str, path: &str, issues: &mut Issues) -> Option<()> {
    let Some(inner) = inner else { return Some(()) };
    let path = path::join(path, name);
    RecordReader::open(inner, &path, &[], issues).filter(|reader| reader.table.is_empty()).map(|_| ())
}

/// The JSON of a chosen alternative: a bare name where there is nothing else to say.
#[must_use]
pub fn write_alternative(name: &str, params: Option<Json>) -> Json {
    match params {
        Some(Json::Object(fields)) if fields.is_empty() => Json::from(name),
        Some(params) => Json::Object(std::iter::once((name.to_owned(), params)).collect()),
        None => Json::from(name),
    }
}

macro_rules! integer_param {
    ($($ty:ty),*) => {$(
        impl Param for $ty {
            fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
                let Value::Integer(integer) = node.value else {
                    expected(node, path, "an integer", issues);
                    return None;
                };
                let value = Self::try_from(integer).ok();
                if value.is_none() {
                    let message = if integer < 0 && Self::MIN == 0 {
                        format!("`{path}` must be at least 0, found {integer}")
                    } else {
                        format!("`{path}` must be between {} and {}, found {integer}", Self::MIN, Self::MAX)
                    };
                    issues.push(Issue::at(&node.place, path, message));
                }
                value
            }
            fn write(&self, _: View) -> Json {
                Json::from(*self)
            }
            fn shape() -> Shape {
                Shape::Integer
            }
        }
    )*};
}
integer_param!(u8, u32, u64, usize, i32, i64);

impl Param for f64 {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match node.value {
            Value::Float(float) => Some(float),
            #[expect(clippy::cast_precision_loss, reason = "an integer in a spec stands for a number")]
            Value::Integer(integer) => Some(integer as Self),
            _ => {
                expected(node, path, "a number", issues);
                None
            }
        }
    }
    fn write(&self, _: View) -> Json {
        if self.is_finite() { Json::from(*self) } else { Json::from(self.to_string()) }
    }
    fn shape() -> Shape {
        Shape::Number
    }
}

impl Param for bool {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Value::Boolean(boolean) = node.value else {
            expected(node, path, "`true` or `false`", issues);
            return None;
        };
        Some(boolean)
    }
    fn write(&self, _: View) -> Json {
        Json::from(*self)
    }
    fn shape() -> Shape {
        Shape::Boolean
    }
}

impl Param for String {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let text = node.string().map(str::to_owned);
        if text.is_none() {
            expected(node, path, "a string", issues);
        }
        text
    }
    fn write(&self, _: View) -> Json {
        Json::from(self.as_str())
    }
    fn shape() -> Shape {
        Shape::String
    }
}

impl<T: Param> Param for Option<T> {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        T::read(node, path, issues).map(Some)
    }
    fn write(&self, view: View) -> Json {
        self.as_ref().map_or(Json::Null, |value| value.write(view))
    }
    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Param> Param for Vec<T> {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Value::Array(items) = &node.value else {
            expected(node, path, "a list", issues);
            return None;
        };
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(at, item)| T::read(item, &path::at(path, at), issues)).collect();
        read.into_iter().collect()
    }
    fn write(&self, view: View) -> Json {
        self.iter().map(|item| item.write(view)).collect()
    }
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }
}

/// A file or folder named in a spec. Relative paths start from the folder of the file that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecPath {
    /// As written.
    pub written: String,
    /// Where it is.
    pub resolved: PathBuf,
}

impl Param for SpecPath {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let written = String::read(node, path, issues)?;
        let source: &Arc<Source> = &node.place.source;
        let resolved = source.dir.join(&written);
        Some(Self { written, resolved })
    }
    /// Never in a key or an artifact: what the files hold decides, not where they lie.
    fn write(&self, view: View) -> Json {
        if view == View::Full { Json::from(self.written.as_str()) } else { Json::Null }
    }
    fn shape() -> Shape {
        Shape::Path
    }
}
