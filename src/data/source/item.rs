//! An image file of a source, and what is said of it.

use std::path::PathBuf;

use simpipe_artifact::About;
use simpipe_picture::Part;

/// Things that a message names; the rest is counted.
pub(super) const NAMED: usize = 20;

/// An image file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// Its split's name.
    pub(super) split: String,
    /// Its class, as an index.
    pub(super) label: usize,
    /// Its path inside the source, with `/` between the parts.
    pub(super) name: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// What most sources don't say.
    pub(super) more: Option<Box<More>>,
}

/// What some sources say of an image file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct More {
    /// Columns of the artifact.
    pub(super) about: About,
    /// The part of the picture that is meant.
    pub(super) part: Option<Part>,
    /// What it has in the column that was asked for.
    pub(super) value: Option<String>,
    /// Where it stands in its list, from 1.
    pub(super) line: usize,
}

impl More {
    /// `None` where nothing is said.
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        let silent = Self { line: self.line, ..Self::default() };
        (self != silent).then(|| Box::new(self))
    }
}

/// The first few of some things, and how many there are beside them.
pub(super) fn named(things: &[String], at_most: usize) -> String {
    let mut text = things.iter().take(at_most).cloned().collect::<Vec<_>>().join(", ");
    if things.len() > at_most {
        text.push_str(&format!(" and {} more", things.len() - at_most));
    }
    text
}
