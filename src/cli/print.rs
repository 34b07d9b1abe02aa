//! How things look: JSON, errors, tables, colours.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::screen;
use crate::error::Error;
use simpipe_base::issue::Issue;
use simpipe_base::visible::{self, visible, visible_json};
use simpipe_store::Store;

/// Errors shown to a person before the rest is only counted.
const MOST_ERRORS: usize = 10;

/// Writes a value as indented JSON.
pub(super) fn json<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    writeln!(out, "{}", visible_json(text))
}

/// A path, a name or a message as it may stand in a line: text from outside never ends it, nor moves the cursor.
pub(super) fn shown(text: impl Display) -> String {
    visible(&text.to_string()).into_owned()
}

/// Writes an error for a program.
pub(super) fn errors_json(error: &Error, out: &mut dyn Write) -> io::Result<()> {
    json(&json!({ "errors": error.records() }), out)
}

/// Writes an error for a person: the first ten problems, and how many more there are.
pub(super) fn errors(error: &Error, err: &mut dyn Write) -> io::Result<()> {
    let issues = error.issues();
    issues_up_to(MOST_ERRORS, &issues, err)?;
    match issues.len().saturating_sub(MOST_ERRORS) {
        0 => Ok(()),
        more => writeln!(err, "... and {more} more: `simpipe check --all CONFIG` shows them"),
    }
}

/// Writes every problem for a person.
pub(super) fn all_errors(error: &Error, err: &mut dyn Write) -> io::Result<()> {
    issues_up_to(usize::MAX, &error.issues(), err)
}

fn issues_up_to(most: usize, issues: &[Issue], err: &mut dyn Write) -> io::Result<()> {
    let word = Paint::stderr().red("error:");
    issues.iter().take(most).try_for_each(|issue| write!(err, "{word} {}", issue.render()))
}

/// Writes warnings for a person.
pub(super) fn warnings(warnings: &[Issue], err: &mut dyn Write) -> io::Result<()> {
    let word = Paint::stderr().yellow("warning:");
    warnings.iter().try_for_each(|warning| write!(err, "{word} {}", warning.render()))
}

/// Writes what happened with the object store that somebody should know to standard error.
pub(super) fn store_warnings(store: &Store) -> io::Result<()> {
    let paint = Paint::stderr();
    let word = paint.yellow("warning:");
    store.take_warnings().iter().try_for_each(|text| writeln!(screen::messages(), "{word} {}", visible(text)))
}

/// Says whom a command waits for.
pub(super) fn waiting(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Colours, where they are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(bool);

impl Paint {
    /// For standard output.
    pub(super) fn stdout() -> Self {
        Self(screen::shows_colours(&io::stdout()))
    }

    /// For standard error.
    pub(super) fn stderr() -> Self {
        Self(screen::shows_colours(&io::stderr()))
    }

    fn code(self, code: u8, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn red(self, text: &str) -> String {
        self.code(31, text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.code(32, text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.code(33, text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.code(2, text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.code(1, text)
    }
}

/// Whether a column's cells stand at its left or its right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table with a head line; cells are made fit to be shown and padded before `paint` colours them.
pub(super) struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[(&str, Align)]) -> Self {
        let mut table = Self { aligns: head.iter().map(|(_, align)| *align).collect(), rows: Vec::new() };
        table.row(head.iter().map(|(title, _)| (*title).to_owned()).collect());
        table
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        // Most cells hide nothing, and stay what they are.
        let plain = |cell: String| if cell.contains(visible::is_hidden) { shown(cell) } else { cell };
        self.rows.push(cells.into_iter().map(plain).collect());
    }

    /// Writes it; `paint` may colour a padded cell by its column and text.
    pub(super) fn write(&self, out: &mut dyn Write, paint: &dyn Fn(usize, &str) -> String) -> io::Result<()> {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| visible::width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.aligns.len()).map(width).collect();
        // One write: a terminal or a pipe is given the whole at once.
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let room = " ".repeat(widths[column].saturating_sub(visible::width(cell)));
                let padded = match self.aligns[column] {
                    Align::Left if column + 1 == row.len() => cell.clone(),
                    Align::Left => format!("{cell}{room}  "),
                    Align::Right => format!("{room}{cell}  "),
                };
                line += &if at == 0 { padded } else { paint(column, &padded) };
            }
            text += line.trim_end();
            text.push('\n');
        }
        out.write_all(text.as_bytes())
    }
}

/// No colour for any cell.
pub(super) fn plain(_: usize, cell: &str) -> String {
    cell.to_owned()
}

/// `1,234,567`.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.012 s`, `12.3 s`, `3 min 05 s`, `2 h 03 min`.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        return format!("{seconds:.3} s");
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration, rounded to be read")]
    let whole = seconds.round() as u64;
    if whole < 3600 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole / 60 % 60)
    }
}

/// `950 bytes`, `1.5 MB`, `12 GB`: thousands, as disks and networks count.
#[expect(clippy::cast_precision_loss, reason = "two or three digits are shown")]
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} bytes");
    }
    let (mut size, mut unit) = (count as f64 / 1000.0, 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if size < 9.95 { format!("{size:.1} {}", UNITS[unit]) } else { format!("{size:.0} {}", UNITS[unit]) }
}

/// `1 class`, `3 classes`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// A metric as a table shows it: a share or a loss keeps its digits.
pub(super) fn number(value: f64) -> String {
    let counts = value.fract() == 0.0 && value.abs() >= 2.0;
    if counts { format!("{value:.0}") } else { format!("{value:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        let texts = [0.0123, 12.34, 185.0, 7385.0].map(seconds);
        assert_eq!(texts, ["0.012 s", "12.3 s", "3 min 05 s", "2 h 03 min"]);
        let texts = [0, 999, 1000, 9_940, 999_499, 999_500, 12_345_678_901].map(bytes);
        assert_eq!(texts, ["0 bytes", "999 bytes", "1.0 kB", "9.9 kB", "999 kB", "1.0 MB", "12 GB"]);
    }

    #[test]
    fn a_table_lines_up_its_columns() {
        let mut table = Table::new(&[("Layer", Align::Left), ("Param #", Align::Right), ("Note", Align::Left)]);
        table.row(vec!["conv2d".to_owned(), "1,792".to_owned(), "x".to_owned()]);
        let mut out = Vec::new();
        table.write(&mut out, &plain).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "Layer   Param #  Note\nconv2d    1,792  x\n");
    }

    #[test]
    fn a_table_stays_one_whatever_its_cells_say() {
        let mut table = Table::new(&[("Class", Align::Left), ("Count", Align::Right), ("Note", Align::Left)]);
        table.row(vec!["日本".to_owned(), "1".to_owned(), "wide".to_owned()]);
        table.row(vec!["a\nb\u{1b}[31m".to_owned(), "10".to_owned(), "\u{202e}x".to_owned()]);
        let mut out = Vec::new();
        table.write(&mut out, &plain).unwrap();
        let expected = "\
Class         Count  Note
日本              1  wide
a\\nb\\x1b[31m     10  \\u{202e}x
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn ten_errors_are_shown_and_the_rest_is_counted() {
        let issues = (0..13).map(|at| Issue::nowhere(format!("problem {at}"))).collect();
        let mut out = Vec::new();
        errors(&Error::Spec(issues), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("problem 9") && !text.contains("problem 10"), "{text}");
        assert!(text.ends_with("... and 3 more: `simpipe check --all CONFIG` shows them\n"), "{text}");
    }
}
