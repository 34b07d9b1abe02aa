//! Problems found in a spec: all of them are collected, none stops the reading.

use serde::Serialize;

use super::source::Place;
use super::visible::visible;

/// One problem, at its place in a text.
///
/// Whoever finds one knows the text, or only a part of the path: a layer says what is wrong with its own parameter
/// ([`Issue::of`]), what holds it puts its own path in front, and the plan finds the place in the text
/// ([`Issue::placed`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Where; `None` until somebody knows, and for problems of no text, such as a file that can't be read.
    pub place: Option<Place>,
    /// The spec path that it concerns, such as `train.layers[3].conv2d.filters`; inside a stage the path in its own table,
    /// inside a layer the part that begins with the layer's own name. Empty for the whole of these.
    pub path: String,
    /// What is wrong: lowercase, no full stop, names in backticks.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Of what kind it is.
    pub kind: IssueKind,
}

/// Kinds of problems that somebody treats apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IssueKind {
    /// Anything that the text gets wrong.
    #[default]
    Wrong,
    /// A key of this name that is not known where it stands, nor any like it: whoever knows other places can say more.
    UnknownKey(String),
    /// A key that is not known where it stands, because it belongs further inside: what the very name means to others can be
    /// more.
    MisplacedKey {
        /// Its name.
        key: String,
        /// The alternative or the table that it belongs inside of.
        inside: String,
    },
    /// A key that is not known where it stands, but is like one further inside: only what the very name means elsewhere is
    /// more.
    NearKey {
        /// Its name.
        key: String,
        /// The alternative or the table that the like one is inside of; `None` where it is an alternative itself.
        inside: Option<String>,
    },
    /// A key of this name that is not known where it stands, and is only spelt like one that is: what the very name means
    /// elsewhere, or in another tool, is more.
    GuessedKey(String),
    /// A name of this spelling that no alternative has, nor any like it: whoever knows other words can say more.
    UnknownName(String),
    /// Data that the text names is not there; the text itself may be right.
    Unavailable,
}

impl Issue {
    /// A problem at a place.
    #[must_use]
    pub fn at(place: &Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        let path = path.into();
        Self { place: Some(place.clone()), ..Self::of(path, message) }
    }

    /// A problem of no place.
    #[must_use]
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self::of("", message)
    }

    /// A problem with what stands at a path, wherever that is.
    #[must_use]
    pub fn of(path: impl Into<String>, message: impl Into<String>) -> Self {
        let message = clipped(message.into());
        Self { place: None, path: path.into(), message, help: None, kind: IssueKind::Wrong }
    }

    /// The same, at its place in a text and under its whole path.
    #[must_use]
    pub fn placed(self, place: &Place, path: impl Into<String>) -> Self {
        Self { place: Some(place.clone()), path: path.into(), message: clipped(self.message), ..self }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(clipped(help.into()));
        self
    }

    /// Says that data which the text names is not there: exit code 4.
    #[must_use]
    pub fn unavailable(self) -> Self {
        self.kind(IssueKind::Unavailable)
    }

    /// Whether the text may be right, and data that it names is not there.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == IssueKind::Unavailable
    }

    /// Says of what kind it is.
    #[must_use]
    pub fn kind(mut self, kind: IssueKind) -> Self {
        self.kind = kind;
        self
    }

    /// The problem as a person reads it: place, message, snippet, the layer where it is not the config's, help.
    #[must_use]
    pub fn render(&self) -> String {
        let message = visible(&self.message);
        let mut text = match &self.place {
            Some(place) => format!("{}: {message}\n{}\n", visible(&place.to_string()), place.snippet()),
            None => format!("{message}\n"),
        };
        if let Some(layer) = self.place.as_ref().and_then(Place::set_by) {
            text.push_str(&format!("  set by: {}\n", visible(&layer)));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!("  help: {}\n", visible(help)));
        }
        text
    }

    /// The problem as a program reads it.
    #[must_use]
    pub fn record(&self) -> IssueRecord {
        let (line, column) = self.place.as_ref().map_or((0, 0), Place::line_column);
        IssueRecord {
            file: self.place.as_ref().map(|place| place.source.name.clone()).unwrap_or_default(),
            line,
            column,
            layer: self.place.as_ref().map(|place| place.source.layer.to_string()),
            message: self.message.clone(),
            help: self.help.clone(),
        }
    }
}

/// A message that quotes a text of any length, cut where nobody reads on.
fn clipped(mut text: String) -> String {
    const LONGEST: usize = 1000;
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push_str("..");
    }
    text
}

/// An [`Issue`] in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssueRecord {
    /// The source's name.
    pub file: String,
    /// From 1; 0 where there is no place.
    pub line: usize,
    /// From 1; 0 where there is no place.
    pub column: usize,
    /// `template`, `base config`, `config`, `--set-file number 1` or `--set number 1`; `None` where there is no place.
    pub layer: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Issues(pub Vec<Issue>);

impl Issues {
    /// Adds one.
    pub fn push(&mut self, issue: Issue) {
        self.0.push(issue);
    }

    /// Whether none was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order of the text, each once; `Ok` if there are none.
    ///
    /// # Errors
    /// The sorted problems, if any.
    pub fn finish(mut self) -> Result<(), Vec<Issue>> {
        self.0.sort_by_cached_key(|issue| {
            let place = issue.place.as_ref();
            (place.map(|p| p.source.name.clone()), place.map(|p| p.span.start), issue.message.clone())
        });
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
