//! Lists that published datasets come with: lines of words between blanks.

use std::path::{Path, PathBuf};

use super::listing::wrong_lines;
use super::reader::Reader;
use crate::DataError;

/// A list is shorter than that.
const AT_MOST: u64 = 256 << 20;

/// The words of a list's lines.
pub(super) struct WordLines {
    pub(super) path: PathBuf,
    lines: Vec<(usize, String)>,
}

impl WordLines {
    /// Reads a file, without its first lines and those that are empty.
    ///
    /// # Errors
    /// If it is not there, with `help`, or is no text.
    pub(super) fn read(path: &Path, skip: usize, reader: &Reader<'_>, help: &str) -> Result<Self, DataError> {
        if !path.is_file() {
            return Err(DataError::Missing { what: "file", path: path.to_path_buf(), help: help.to_owned() });
        }
        let bytes = reader.read_at_most(path, AT_MOST).map_err(DataError::io("read", path))?;
        let text = String::from_utf8(bytes).map_err(|_| DataError::malformed(path, "it is not valid UTF-8"))?;
        let lines = text.lines().enumerate().skip(skip).filter(|(_, line)| !line.trim().is_empty());
        Ok(Self { path: path.to_path_buf(), lines: lines.map(|(at, line)| (at + 1, line.to_owned())).collect() })
    }

    /// What `parse` makes of the words of each line; the last of `N` words goes to the line's end.
    ///
    /// # Errors
    /// The lines with fewer words, and those that `parse` can't understand: `expected` says what they should be.
    pub(super) fn parse<const N: usize, T>(
        &self,
        expected: &str,
        parse: impl Fn([&str; N]) -> Option<T>,
    ) -> Result<Vec<T>, DataError> {
        let (mut parsed, mut wrong) = (Vec::with_capacity(self.lines.len()), Vec::new());
        for (line, text) in &self.lines {
            match words(text).and_then(&parse) {
                Some(value) => parsed.push(value),
                None => wrong.push((*line, format!("`{text}` is not `{expected}`"))),
            }
        }
        if wrong.is_empty() {
            Ok(parsed)
        } else {
            Err(wrong_lines(&self.path, &wrong, "use the file as it was published"))
        }
    }
}

/// So many words, the last with all that follows it.
fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut rest = text.trim();
    let mut found = [""; N];
    for word in &mut found[..N - 1] {
        let (first, later) = rest.split_once(char::is_whitespace)?;
        (*word, rest) = (first, later.trim_start());
    }
    found[N - 1] = rest;
    (!rest.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_goes_to_the_end_of_the_line() {
        assert_eq!(words::<2>("1  001.Black footed\tAlbatross "), Some(["1", "001.Black footed\tAlbatross"]));
        assert_eq!(words::<1>(" all of it "), Some(["all of it"]));
        assert_eq!((words::<2>("one"), words::<2>("one ")), (None, None));
    }

    #[test]
    fn lines_that_are_wrong_are_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "head\n1 2\n\nx 2\n3\n").unwrap();
        let lines = WordLines::read(file.path(), 1, &Reader::default(), "").unwrap();
        let error =
            lines.parse("number number", |[one, two]: [&str; 2]| Some((one.parse::<u32>().ok()?, two.to_owned())));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .ends_with("line 4: `x 2` is not `number number`; line 5: `3` is not `number number`")
        );
        assert!(WordLines::read(Path::new("/nowhere"), 0, &Reader::default(), "help").is_err());
    }
}
