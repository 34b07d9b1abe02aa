//! What a spec's values may look like, as data: reference pages, the JSON Schema and did-you-mean are made from it.

use std::fmt::{Debug, Formatter};
use std::ops::Deref;
use std::sync::LazyLock;

use serde_json::Value as Json;

use super::bounds::{Bounds, Length};
use super::path::Step;
use super::suggest::{self, Known};

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
    Choice(LazyChoice),
    /// Any of several shapes.
    AnyOf(Vec<Shape>),
    /// One literal word.
    Word(&'static str),
}

impl Shape {
    /// The names that may stand in it, with other tools' names: fields of a table, alternatives of a choice.
    #[must_use]
    pub fn known(&self) -> Vec<Known<'_>> {
        match self {
            Self::Record(record) => record.known(),
            Self::Choice(choice) => choice.known(),
            Self::List(_)
            | Self::Map(_)
            | Self::AnyOf(_)
            | Self::Boolean
            | Self::Integer
            | Self::Number
            | Self::String
            | Self::Path
            | Self::Word(_) => Vec::new(),
        }
    }

    /// What stands at a path inside; `None` where the path names nothing that there is.
    #[must_use]
    pub fn at(&self, steps: &[Step<'_>]) -> Option<&Self> {
        let Some((step, rest)) = steps.split_first() else { return Some(self) };
        match (self, step) {
            (Self::Record(record), Step::Key(key)) => {
                record.fields.iter().find(|field| field.name == *key)?.shape.at(rest)
            }
            (Self::Choice(choice), Step::Key(key)) => {
                choice.get().alternatives.iter().find(|one| one.name == *key)?.params.as_ref()?.at(rest)
            }
            (Self::List(inner), Step::Index(_)) | (Self::Map(inner), Step::Key(_)) => inner.at(rest),
            (Self::AnyOf(shapes), _) => shapes.iter().find_map(|shape| shape.at(steps)),
            _ => None,
        }
    }

    /// What it is, with its article.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Integer => "an integer".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::String => "a text in quotes".to_owned(),
            Self::Path => "a path in quotes".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Record(_) | Self::Map(_) => "a table".to_owned(),
            Self::Choice(choice) => {
                let names: Vec<&str> = choice.alternatives.iter().map(|one| one.name).collect();
                suggest::one_of(&names)
            }
            Self::AnyOf(shapes) => shapes.iter().map(Self::words).collect::<Vec<_>>().join(" or "),
            Self::Word(word) => format!("\"{word}\""),
        }
    }
}

/// The fields of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Purpose.
    pub doc: &'static str,
    /// In declared order.
    pub fields: Vec<Field>,
}

impl Record {
    /// The names of its fields, with other tools' names.
    #[must_use]
    pub fn known(&self) -> Vec<Known<'_>> {
        self.fields.iter().map(|field| Known { name: &field.name, aka: field.aka }).collect()
    }
}

/// One field of a [`Record`].
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// kebab-case.
    pub name: String,
    /// Meaning and unit.
    pub doc: &'static str,
    /// What other tools call the same.
    pub aka: &'static [&'static str],
    /// What is accepted.
    pub shape: Shape,
    /// The value if it is left out; `None` if it must be given.
    pub default: Option<Json>,
    /// The same as a key would have it: what differs from the defaults inside.
    pub key_default: Option<Json>,
    /// The range, as words that follow "must be".
    pub expected: Option<String>,
    /// The limits of the number, or of every number in a list, as far as they can be told.
    pub bounds: Bounds,
    /// The limits of a list's length, as far as they can be told.
    pub length: Length,
}

/// `learning_rate` -> `learning-rate`.
#[must_use]
pub fn kebab(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// What a declaration says of a field in words.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// As the program writes it.
    pub name: &'static str,
    /// Meaning and unit.
    pub doc: &'static str,
    /// What other tools call the same.
    pub aka: &'static [&'static str],
}

/// The alternatives of a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What the program calls it.
    pub name: &'static str,
    /// What is chosen.
    pub doc: &'static str,
    /// In declared order.
    pub alternatives: Vec<Alternative>,
}

/// A [`Choice`] that is made when somebody first looks at it: an alternative may hold lists of the same choice, so a
/// shape that held it as it is would have no end.
///
/// Whoever goes through a shape as deep as it is (and not as deep as a value) must therefore stop at a choice that it
/// is inside of already; two of them are equal if they are the same declaration.
#[derive(Clone, Copy)]
pub struct LazyChoice(&'static LazyLock<Choice>);

impl LazyChoice {
    /// The choice that a declaration makes.
    #[must_use]
    pub const fn new(choice: &'static LazyLock<Choice>) -> Self {
        Self(choice)
    }

    /// The choice itself, which lives as long as the program.
    #[must_use]
    pub fn get(self) -> &'static Choice {
        self.0
    }

    /// Whether an alternative of it may hold the same choice, however deep inside.
    #[must_use]
    pub fn holds_itself(self) -> bool {
        let mut inside: Vec<Self> = Vec::new();
        let mut ahead: Vec<&Shape> = self.get().params().collect();
        while let Some(shape) = ahead.pop() {
            match shape {
                Shape::Choice(choice) if *choice == self => return true,
                Shape::Choice(choice) if !inside.contains(choice) => {
                    inside.push(*choice);
                    ahead.extend(choice.get().params());
                }
                Shape::List(inner) | Shape::Map(inner) => ahead.push(inner),
                Shape::Record(record) => ahead.extend(record.fields.iter().map(|field| &field.shape)),
                Shape::AnyOf(shapes) => ahead.extend(shapes),
                Shape::Choice(_)
                | Shape::Boolean
                | Shape::Integer
                | Shape::Number
                | Shape::String
                | Shape::Path
                | Shape::Word(_) => {}
            }
        }
        false
    }
}

impl Choice {
    /// The names of its alternatives, with other tools' names.
    #[must_use]
    pub fn known(&self) -> Vec<Known<'_>> {
        self.alternatives.iter().map(|one| Known { name: one.name, aka: one.aka }).collect()
    }

    /// What its alternatives take.
    pub fn params(&self) -> impl Iterator<Item = &Shape> {
        self.alternatives.iter().filter_map(|one| one.params.as_ref())
    }
}

impl Deref for LazyChoice {
    type Target = Choice;

    fn deref(&self) -> &Choice {
        self.0
    }
}

impl PartialEq for LazyChoice {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Debug for LazyChoice {
    /// Its name alone: all of it may have no end.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LazyChoice").field(&self.name).finish()
    }
}

/// One alternative of a [`Choice`].
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// kebab-case.
    pub name: &'static str,
    /// Purpose.
    pub doc: &'static str,
    /// Enters the key of whoever chooses it from 2 on: bumped when its results or its defaults change.
    pub version: u32,
    /// What other tools call the same.
    pub aka: &'static [&'static str],
    /// Its parameters, if it has any.
    pub params: Option<Shape>,
}
