//! Texts that a user wrote, and places in them: line, column and the underlined snippet of an error.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which layer of a spec a text is: a later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Layer {
    /// The pipeline's template: the graph and its defaults.
    Template,
    /// A config that the experiment's config `extends`.
    Base,
    /// The experiment's own config.
    #[default]
    Config,
    /// The file of the n-th `--set-file`, from 1.
    SetFile(usize),
    /// The n-th `--set`, from 1.
    Set(usize),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template => f.write_str("template"),
            Self::Base => f.write_str("base config"),
            Self::Config => f.write_str("config"),
            Self::SetFile(number) => write!(f, "--set-file number {number}"),
            Self::Set(number) => write!(f, "--set number {number}"),
        }
    }
}

/// A text that values come from: a file, or the value of a command-line option.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// How messages name it: a path as the user would write it, or `--set train.epochs=5`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// The folder that relative paths written in this text start from.
    pub dir: PathBuf,
    /// The layer of the spec that it is.
    pub layer: Layer,
    /// Offsets at which lines start.
    lines: Vec<usize>,
}

impl Source {
    /// A source of the given name and text, in the layer of a config.
    pub fn new(name: impl Into<String>, text: impl Into<String>, dir: &Path) -> Arc<Self> {
        Self::of_layer(Layer::Config, name, text, dir)
    }

    /// A source of the given layer, name and text.
    pub fn of_layer(layer: Layer, name: impl Into<String>, text: impl Into<String>, dir: &Path) -> Arc<Self> {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { name: name.into(), text, dir: dir.to_path_buf(), layer, lines })
    }

    /// Line and column, both from 1, of a byte offset. Columns count characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = floor(&self.text, offset);
        let line = self.lines.partition_point(|start| *start <= before.len());
        (line, before[self.lines[line - 1]..].chars().count() + 1)
    }

    /// A line's text without its end; `line` counts from 1.
    #[must_use]
    pub fn line(&self, line: usize) -> &str {
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }
}

/// The text up to `offset`, cut back to a character boundary.
fn floor(text: &str, offset: usize) -> &str {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A span of bytes in a [`Source`].
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// The bytes meant.
    pub span: Range<usize>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

impl Place {
    /// The place of `span` in `source`.
    #[must_use]
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), span }
    }

    /// Line and column of the span's start, from 1.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        self.source.line_column(self.span.start)
    }

    /// Who set the value, where that is not the config itself: `template pipelines/x.toml`, `--set number 2`.
    #[must_use]
    pub fn set_by(&self) -> Option<String> {
        match self.source.layer {
            Layer::Config => None,
            layer @ (Layer::Template | Layer::Base) => Some(format!("{layer} {}", self.source.name)),
            layer @ (Layer::SetFile(_) | Layer::Set(_)) => Some(layer.to_string()),
        }
    }

    /// The bytes meant.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    /// The line with the span underlined, as two lines of text with a gutter.
    #[must_use]
    pub fn snippet(&self) -> String {
        let (line, column) = self.line_column();
        let text = self.source.line(line);
        let (text, column) = window(text, column);
        let spanned = floor(&self.source.text, self.span.end);
        let start = floor(&self.source.text, self.span.start).len();
        let first_line = spanned.get(start..).unwrap_or("").lines().next().unwrap_or("");
        let room = text.chars().count().saturating_sub(column - 1).max(1);
        let width = first_line.trim_end().chars().count().clamp(1, room);
        let gutter = line.to_string();
        let pad = " ".repeat(gutter.len());
        let lead: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("{pad} |\n{gutter} | {text}\n{pad} | {lead}{}", "^".repeat(width))
    }
}

/// Keeps a very long line readable: the part around `column`.
fn window(text: &str, column: usize) -> (String, usize) {
    const WIDEST: usize = 160;
    if text.chars().count() <= WIDEST {
        return (text.to_owned(), column);
    }
    let skip = column.saturating_sub(WIDEST / 2);
    (text.chars().skip(skip).take(WIDEST).collect(), column - skip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: Range<usize>) -> Place {
        Place::new(&Source::new("a.toml", text, Path::new("")), span)
    }

    #[test]
    fn a_place_counts_lines_and_columns_from_one() {
        let at = place("seed = 1\n[train]\nepoch = 3\n", 17..22);
        assert_eq!(at.to_string(), "a.toml:3:1");
        assert_eq!(at.snippet(), "  |\n3 | epoch = 3\n  | ^^^^^");
    }

    #[test]
    fn any_span_of_any_text_can_be_shown() {
        for end in 0..12 {
            for start in 0..12 {
                let _ = place("né\n🦀\r\nx", start..end).snippet();
            }
        }
    }

    #[test]
    fn columns_are_right_behind_windows_line_ends() {
        let at = place("a = 1\r\nbé = 2\r\n", 12..13);
        assert_eq!(at.to_string(), "a.toml:2:5");
        assert_eq!(at.snippet(), "  |\n2 | bé = 2\n  |     ^");
        assert_eq!(place("a\n", 2..2).snippet(), "  |\n2 | \n  | ^");
    }

    #[test]
    fn only_other_layers_than_the_config_are_named() {
        let of = |layer| Place::new(&Source::of_layer(layer, "b.toml", "", Path::new("")), 0..0).set_by();
        assert_eq!(of(Layer::Config), None);
        assert_eq!(of(Layer::Base).as_deref(), Some("base config b.toml"));
        assert_eq!(of(Layer::Set(2)).as_deref(), Some("--set number 2"));
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_span() {
        let text = "x".repeat(5000);
        assert!(place(&text, 2500..2503).snippet().lines().all(|line| line.chars().count() < 200));
    }
}
