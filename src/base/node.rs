//! The spanned tree that TOML is read into: every value knows the text and the bytes that it came from.
//!
//! Layers of a spec (template, base config, config, options) are merged as such trees, so that an error in the
//! merged spec still points at the line that somebody wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::source::{Place, Source};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
}

/// A TOML value whose parts are [`Node`]s.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    String(String),
    /// A 64-bit integer.
    Integer(i64),
    /// A float, as TOML has them: `inf` and `nan` included.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time, kept as written: nothing in a spec takes one.
    Datetime(String),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

/// Lists and tables inside each other, at most: whoever reads a spec calls itself once for each.
pub const MOST_NESTED: usize = 64;

/// A table's entries by key.
pub type Table = BTreeMap<String, Entry>;

/// A key's place and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// An empty table at a place.
    #[must_use]
    pub fn empty_table(place: &Place) -> Self {
        Self { value: Value::Table(Table::new()), place: place.clone() }
    }

    /// The entries, if it is a table.
    #[must_use]
    pub fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn string(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    /// The tree as JSON; numbers that JSON has no word for become text.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::String(text) | Value::Datetime(text) => json!(text),
            Value::Integer(integer) => json!(integer),
            Value::Float(float) if float.is_finite() => json!(float),
            Value::Float(float) => json!(float.to_string()),
            Value::Boolean(boolean) => json!(boolean),
            Value::Array(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(table) => {
                Json::Object(table.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect())
            }
        }
    }

    /// What kind of value it is, with its article: `a string`, `an integer`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date or time",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The node at a spec path such as `layers[3].conv2d`, or the nearest one above it that was written.
    #[must_use]
    pub fn nearest(&self, path: &str) -> &Self {
        let mut node = self;
        for step in super::path::steps(path) {
            let next = match (&node.value, step) {
                (Value::Table(table), super::path::Step::Key(key)) => table.get(key).map(|entry| &entry.node),
                (Value::Array(items), super::path::Step::Index(index)) => items.get(index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Reads a parsed TOML value of `source`.
    #[must_use]
    pub fn from_toml(source: &Arc<Source>, value: &toml::Spanned<toml::de::DeValue<'_>>) -> Self {
        use toml::de::DeValue;
        let place = Place::new(source, value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(integer) => Value::Integer(integer),
                Err(_) => Value::Float(integer.as_str().parse().unwrap_or(f64::INFINITY)),
            },
            DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
            DeValue::Array(items) => Value::Array(items.iter().map(|item| Self::from_toml(source, item)).collect()),
            DeValue::Table(table) => Value::Table(table_from_toml(source, table)),
        };
        Self { value, place }
    }
}

/// Reads a parsed TOML table of `source`.
#[must_use]
pub fn table_from_toml(source: &Arc<Source>, table: &toml::de::DeTable<'_>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let entry = Entry { key: Place::new(source, key.span()), node: Node::from_toml(source, value) };
            (key.get_ref().to_string(), entry)
        })
        .collect()
}
