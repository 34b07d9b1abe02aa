//! Texts that a user wrote, and places in them: line, column and the underlined snippet of an error.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::visible;

/// Which layer of a spec a text is: a later one wins. It stands here, and not with specs, because every error of a value says who
/// set it, and errors are made below `spec`.
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

    /// The line with the span underlined, as two lines of text with a gutter. Hidden characters are shown by their
    /// escapes, and the line below follows the columns that a terminal gives each character.
    #[must_use]
    pub fn snippet(&self) -> String {
        let (line, column) = self.line_column();
        let text = self.source.line(line);
        let (text, column) = window(text, column);
        let spanned = floor(&self.source.text, self.span.end);
        let start = floor(&self.source.text, self.span.start).len();
        let first_line = spanned.get(start..).unwrap_or("").lines().next().unwrap_or("");
        let before = text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at);
        let (before, rest) = text.split_at(before);
        let meant = first_line.trim_end().chars().count();
        let width: usize = rest.chars().take(meant).map(shown_width).sum();
        let gutter = line.to_string();
        let pad = " ".repeat(gutter.len());
        // A tab below a tab is as wide as that, whatever the terminal makes of it.
        let lead: String =
            before.chars().map(|c| if c == '\t' { c.to_string() } else { " ".repeat(shown_width(c)) }).collect();
        let mut shown = String::with_capacity(text.len());
        text.chars().for_each(|c| if c == '\t' { shown.push(c) } else { visible::push(&mut shown, c) });
        format!("{pad} |\n{gutter} | {shown}\n{pad} | {lead}{}", "^".repeat(width.max(1)))
    }
}

/// Columns of a character in a snippet.
fn shown_width(c: char) -> usize {
    if c == '\t' { 1 } else { visible::char_width(c) }
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
    fn a_caret_stands_below_what_it_means_whatever_is_before_it() {
        let caret = |text: &str, meant: &str| {
            let start = text.find(meant).unwrap();
            let snippet = place(text, start..start + meant.len()).snippet();
            let lines: Vec<&str> = snippet.lines().collect();
            let (shown, below) = (lines[1], lines[2]);
            let at = below.find('^').unwrap();
            // Columns of the shown line up to the caret.
            let mut columns = 0;
            let byte = shown.char_indices().find(|(_, c)| {
                let here = columns >= at;
                columns += shown_width(*c);
                here
            });
            shown[byte.unwrap().0..].starts_with(meant).then(|| below.matches('^').count())
        };
        assert_eq!(caret("\u{1b}[31m = x", "x"), Some(1));
        assert_eq!(caret("a = \"日本\", b = x", "x"), Some(1));
        assert_eq!(caret("a\u{202e}\u{200b} = \"e\u{301}\", b = x", "x"), Some(1));
        assert_eq!(caret("k = 日本", "日本"), Some(4));
        assert_eq!(place("\ta = \u{7f}", 5..6).snippet(), "  |\n1 | \ta = \\x7f\n  | \t    ^^^^");
        assert!(!place("x\u{1b}", 0..2).snippet().contains('\u{1b}'));
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
