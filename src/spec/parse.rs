//! A file's text to a spanned table: everything that can be wrong before a key is looked at.

use std::path::Path;
use std::sync::Arc;

use crate::base::issue::{Issue, Issues};
use crate::base::node::{Table, table_from_toml};
use crate::base::source::{Place, Source};

/// No spec that a person writes is longer; a larger file is something else.
const LARGEST_BYTES: u64 = 4 << 20;

/// Reads a TOML file; `name` is how messages call it.
pub(super) fn read_file(path: &Path, name: &str, issues: &mut Issues) -> Option<(Arc<Source>, Table)> {
    let unreadable = |reason: String| Issue::nowhere(format!("can't read `{name}`: {reason}"));
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            issues.push(unreadable(error.to_string()).help("the path is relative to the current folder"));
            return None;
        }
    };
    if metadata.is_dir() {
        issues.push(unreadable("it is a folder".into()).help("name a file such as `configs/quickstart.toml`"));
        return None;
    }
    if metadata.len() > LARGEST_BYTES {
        let reason = format!("it has {} bytes, a spec at most {LARGEST_BYTES}", metadata.len());
        issues.push(unreadable(reason).help("is it the right file?"));
        return None;
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            issues.push(unreadable(error.to_string()));
            return None;
        }
    };
    let dir = path.parent().unwrap_or(Path::new(""));
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()), dir);
            let place = Place::new(&source, at..at + 1);
            issues.push(Issue::at(&place, "", "the file is not UTF-8").help("save it as UTF-8 in your editor"));
            return None;
        }
    };
    let source = Source::new(name, text, dir);
    parse(&source, issues).map(|table| (source, table))
}

/// Syntax errors shown of one text: an unclosed bracket makes an error of every line behind it.
const MOST_SYNTAX_ERRORS: usize = 3;

/// Parses a text; the first syntax errors are reported, one a line.
pub(super) fn parse(source: &Arc<Source>, issues: &mut Issues) -> Option<Table> {
    let (table, errors) = toml::de::DeTable::parse_recoverable(&source.text);
    let mut lines = Vec::new();
    for error in &errors {
        let place = Place::new(source, error.span().unwrap_or(0..0));
        let (line, _) = place.line_column();
        if lines.contains(&line) || lines.len() == MOST_SYNTAX_ERRORS {
            continue;
        }
        lines.push(line);
        let message = error.message().to_lowercase().replace('\n', ", ");
        let inside_list = message.contains("array");
        let issue = Issue::at(&place, "", message);
        issues.push(if inside_list { issue.help("was a list above this line never closed with `]`?") } else { issue });
    }
    errors.is_empty().then(|| table_from_toml(source, table.get_ref()))
}
