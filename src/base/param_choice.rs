//! How choices are read and written: a bare name, or a one-key table. What [`choice!`](crate::choice) expands to calls these.

use serde_json::Value as Json;

use super::issue::{Issue, IssueKind, Issues};
use super::node::{Node, Table, Value};
use super::param_contract::{Param, View};
use super::param_expected::found;
use super::param_record::RecordReader;
use super::param_shape::{Field, Record, Shape};
use super::suggest::{self, Known};
use super::{misplaced, path};

/// Takes a choice apart: its name, where it stands, and its parameters; used by [`choice!`](crate::choice).
pub fn open_choice<'a>(
    node: &'a Node,
    path: &str,
    names: &[&str],
    shape: fn() -> Shape,
    issues: &mut Issues,
) -> Option<(&'a str, Option<&'a Node>)> {
    let (name, place, inner) = match &node.value {
        Value::String(name) => (name.as_str(), &node.place, None),
        Value::Table(table) if table.len() == 1 => {
            let (name, entry) = table.iter().next()?;
            (name.as_str(), &entry.key, Some(&entry.node))
        }
        Value::Table(table) => {
            let message = format!("`{path}` expects a table of exactly one key, found {}", table.len());
            issues.push(Issue::at(&node.place, path, message).help(one_key_help(table, names, &shape().known())));
            return None;
        }
        _ => {
            let message = format!("`{path}` expects a name or a one-key table, found {}", found(node));
            let help = match &node.value {
                Value::Array(items) if names.len() > 1 => list_help(items, path, &shape()),
                _ => format!("write {}", suggest::one_of(names)),
            };
            issues.push(Issue::at(&node.place, path, message).help(help));
            return None;
        }
    };
    if names.contains(&name) {
        return Some((name, inner));
    }
    let issue = Issue::at(place, path, format!("unknown choice `{name}` for `{path}`"));
    let shape = shape();
    let known = shape.known();
    let help = match node.table() {
        Some(table) => tagged(table, &known).or_else(|| misplaced::inside_choice(name, &shape)),
        None => None,
    };
    issues.push(match help {
        Some(help) => issue.help(help),
        None if suggest::near(name, &known).is_some() => issue.help(suggest::help(name, &known)),
        None => issue.help(suggest::help(name, &known)).kind(IssueKind::UnknownName(name.to_owned())),
    });
    None
}

/// How a list is mended that stands where one choice should.
fn list_help(items: &[Node], path: &str, shape: &Shape) -> String {
    if path.ends_with(']') {
        return "remove the inner brackets".to_owned();
    }
    let names: Vec<&str> = items.iter().filter_map(Node::string).collect();
    match several(shape) {
        Some((sum, terms, key)) if items.len() > 1 && names.len() == items.len() => {
            let items: Vec<String> = names.iter().map(|name| format!("{{ {key} = \"{name}\" }}")).collect();
            format!("write {{ {sum} = {{ {terms} = [{}] }} }}", items.join(", "))
        }
        Some((sum, terms, key)) if items.len() > 1 => {
            format!("write {{ {sum} = {{ {terms} = [{{ {key} = .. }}, ..] }} }}")
        }
        _ => "write one name, without brackets".to_owned(),
    }
}

/// The alternative that is several of the same choice, with its list and the key of each item in it.
fn several(shape: &Shape) -> Option<(&'static str, String, String)> {
    let Shape::Choice(choice) = shape else { return None };
    choice.get().alternatives.iter().find_map(|one| {
        let Some(Shape::Record(record)) = &one.params else { return None };
        record.fields.iter().find_map(|field| {
            let Shape::List(item) = &field.shape else { return None };
            let Shape::Record(item) = &**item else { return None };
            let key = item.fields.iter().find(|inner| inner.shape == *shape)?;
            Some((one.name, field.name.clone(), key.name.clone()))
        })
    })
}

/// How a table that should have one key is mended.
fn one_key_help(table: &Table, names: &[&str], known_names: &[Known<'_>]) -> String {
    let found: Vec<&str> = table.keys().map(String::as_str).collect();
    let known: Vec<&str> = found.iter().copied().filter(|name| names.contains(name)).collect();
    if let Some(help) = tagged(table, known_names) {
        return help;
    }
    match (found.len(), known.as_slice()) {
        (0, _) => format!("write {}", suggest::one_of(names)),
        (_, [name]) => {
            let inside: Vec<&str> = found.iter().copied().filter(|other| other != name).collect();
            let shown: Vec<String> = inside.iter().map(|key| format!("{key} = ..")).collect();
            let verb = if inside.len() == 1 { "belongs" } else { "belong" };
            let others = suggest::one_of(&inside).replace(" or ", " and ");
            format!("{others} {verb} inside `{name}`: write {{ {name} = {{ {}, .. }} }}", shown.join(", "))
        }
        (_, []) => format!("write {{ NAME = {{ .. }} }} where NAME is {}", suggest::one_of(names)),
        (_, known) => format!("keep one of {}", suggest::one_of(known)),
    }
}

/// Other tools write the name as a value: `{ type = "adam", lr = 0.1 }`.
fn tagged(table: &Table, known: &[Known<'_>]) -> Option<String> {
    let tag =
        ["type", "name", "kind", "class", "class_name", "_target_"].into_iter().find(|tag| table.contains_key(*tag))?;
    let name = suggest::near(table[tag].node.string()?, known)?;
    Some(format!("the name is the key here: write {{ {name} = {{ .. }} }} instead of `{tag} = \"{name}\"`"))
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
        Some(inner) => {
            if let Some(help) = only_value(inner, name, &T::shape()) {
                let message = format!("`{path}` expects a table, found {}", found(inner));
                issues.push(Issue::at(&inner.place, &path, message).help(help));
                return None;
            }
            T::read(inner, &path, issues)
        }
        None => T::read(&Node::empty_table(&node.place), &path, issues),
    }
}

/// A value without its key, where there is one that it must be meant for: `metric-embedding = 64`.
fn only_value(inner: &Node, name: &str, shape: &Shape) -> Option<String> {
    let Shape::Record(record) = shape else { return None };
    let needed: Vec<&Field> = record.fields.iter().filter(|field| field.default.is_none()).collect();
    let field = match (needed.as_slice(), record.fields.as_slice()) {
        ([field], _) => *field,
        ([], [field]) => field,
        _ => return None,
    };
    let fits = matches!(
        (&field.shape, &inner.value),
        (Shape::Integer, Value::Integer(_))
            | (Shape::Number, Value::Integer(_) | Value::Float(_))
            | (Shape::String | Shape::Path, Value::String(_))
    );
    fits.then(|| format!("write {{ {name} = {{ {} = {} }} }}", field.name, inner.to_json()))
}

/// Refuses parameters of an alternative that takes none; used by [`choice!`](crate::choice).
pub fn read_unit(inner: Option<&Node>, name: &str, path: &str, issues: &mut Issues) -> Option<()> {
    let Some(inner) = inner else { return Some(()) };
    let path = path::join(path, name);
    RecordReader::open(inner, &path, &[], no_fields, issues).filter(|reader| reader.table.is_empty()).map(|_| ())
}

fn no_fields() -> Shape {
    Shape::Record(Record { doc: "", fields: Vec::new() })
}

/// The JSON of a chosen alternative: a bare name where there is nothing else to say.
///
/// In a key a version from 2 on is a part of the name, as `triplet (version 2)`, which no spec can say.
#[must_use]
pub fn write_alternative(name: &str, version: u32, params: Option<Json>, view: View) -> Json {
    let name = if view == View::Key && version > 1 { format!("{name} (version {version})") } else { name.to_owned() };
    match params {
        Some(Json::Object(fields)) if fields.is_empty() => Json::from(name),
        Some(params) => Json::Object(std::iter::once((name, params)).collect()),
        None => Json::from(name),
    }
}

/// What a variant holds, so that [`choice!`](crate::choice) finds the parameters in a box or as they are.
#[derive(Debug)]
pub struct Held<'a, T>(pub &'a T);

impl<'a, T> Held<'a, Box<T>> {
    /// The parameters in the box; preferred to [`Payload::payload`], as methods of a type are to those of a trait.
    #[must_use]
    pub const fn payload(self) -> &'a T {
        let Self(boxed) = self;
        boxed
    }
}

/// Parameters that are held as they are.
pub trait Payload<'a> {
    /// Their type.
    type Params;
    /// The parameters.
    fn payload(self) -> &'a Self::Params;
}

impl<'a, T> Payload<'a> for Held<'a, T> {
    type Params = T;
    fn payload(self) -> &'a T {
        self.0
    }
}
