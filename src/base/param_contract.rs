//! What a value that a spec can hold has to do: be read, be written, and say what it may look like.

use serde_json::Value as Json;

use super::bounds::Bounds;
use super::check::Check;
use super::issue::{Issue, Issues};
use super::node::{Entry, Node, Value};
use super::param_shape::{Declared, Field, Shape, kebab};
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

impl Field {
    /// A field as [`params!`](crate::params) declares it.
    #[must_use]
    pub fn of<T: Param>(declared: Declared, default: Option<T>, check: Option<Check<T>>) -> Self {
        let Declared { name, doc, aka } = declared;
        let fits = |default: &T| check.as_ref().is_none_or(|check| check.accepts(default));
        debug_assert!(default.as_ref().is_none_or(fits), "the default of `{name}` lies outside of its own range");
        let (bounds, length) = check.as_ref().map_or_else(Default::default, |check| (check.bounds, check.length));
        Self {
            name: kebab(name),
            doc,
            aka,
            shape: T::shape(),
            default: default.as_ref().map(|value| value.write(View::Full)),
            key_default: default.map(|value| value.write(View::Key)),
            expected: check.map(|check| check.expected),
            bounds: bounds.or(T::bounds()),
            length,
        }
    }
}
