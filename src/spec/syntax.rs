//! What people get wrong in TOML itself, in words for somebody who never read its grammar.

use crate::base::issue::Issue;
use crate::base::source::Place;

/// An error of the parser with what to do about it, as far as the text around it tells.
pub(super) fn issue(message: &str, place: &Place) -> Issue {
    let message = message.to_lowercase().replace('\n', ", ");
    let (line, column) = place.line_column();
    let line = place.source.line(line);
    let at = line.char_indices().nth(column - 1).map_or(line.len(), |(at, _)| at);
    let issue = Issue::at(place, "", reworded(&message));
    match help(&message, &line[..at], &line[at..], line) {
        Some(help) => issue.help(help),
        None => issue,
    }
}

/// The parser's words where they can be said more plainly.
fn reworded(message: &str) -> String {
    match message {
        "string values must be quoted, expected literal string" => {
            "a value is missing, or a text without quotes".to_owned()
        }
        "invalid basic string, expected `\"`" => "a text in double quotes does not end on this line".to_owned(),
        "invalid literal string, expected `'`" => "a text in single quotes does not end on this line".to_owned(),
        "duplicate key" => "this key is set twice in one table".to_owned(),
        other => other.to_owned(),
    }
}

/// Characters that word processors and chats make of straight quotes.
const SMART_QUOTES: [char; 6] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{00ab}'];

fn help(message: &str, before: &str, rest: &str, line: &str) -> Option<String> {
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')).collect();
    if line.contains(SMART_QUOTES) {
        return Some("these are curly quotes: write straight ones, `\"`".to_owned());
    }
    if line.trim_start().starts_with("//") {
        return Some("a comment starts with `#`".to_owned());
    }
    if message.contains("duplicate key") {
        let header = line.trim_start().starts_with('[');
        let help = if header { "write each `[table]` once, with all of its keys" } else { "keep one of the two lines" };
        return Some(help.to_owned());
    }
    if message.contains("escape") {
        return Some("a backslash starts an escape: write '..' in single quotes, or paths with `/`".to_owned());
    }
    if let Some(help) = of_value(&word, before) {
        return Some(help);
    }
    if let Some(help) = of_separator(line) {
        return Some(help);
    }
    if message.contains("array") || message.contains("basic string") && line.trim_end().ends_with([',', ']']) {
        return Some("is a list here or above never closed with `]`, or a comma missing between two items?".to_owned());
    }
    if message.contains("inline table") {
        return Some("is a `{` never closed with `}`, or a comma missing between two keys?".to_owned());
    }
    if message.contains("basic string") || message.contains("literal string") && !word.is_empty() {
        return Some("close the quotes".to_owned());
    }
    before.trim_end().ends_with('=').then(|| "write a value behind `=`".to_owned())
}

/// A bare word where a value should stand.
fn of_value(word: &str, before: &str) -> Option<String> {
    if word.is_empty() || !before.trim_end().ends_with(['=', '[', ',']) {
        return None;
    }
    Some(match word {
        "True" | "TRUE" | "yes" | "Yes" | "on" => "write `true`".to_owned(),
        "False" | "FALSE" | "no" | "No" | "off" => "write `false`".to_owned(),
        "None" | "null" | "nil" | "none" | "NULL" => "leave the key out: then the default holds".to_owned(),
        "Infinity" | "Inf" => "write `inf`".to_owned(),
        "NaN" => "write `nan`".to_owned(),
        word if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            format!("is it a number? write it like 0.5, 1e-3 or 1_000; a text needs quotes: \"{word}\"")
        }
        word => format!("a text needs quotes: \"{word}\""),
    })
}

/// `key: value` of YAML and `key value`.
fn of_separator(line: &str) -> Option<String> {
    let is_key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let text = line.trim().trim_start_matches("- ");
    let code = text.split('#').next().unwrap_or(text);
    if code.contains('=') {
        return None;
    }
    if let Some((key, value)) = code.split_once(':').filter(|(key, _)| is_key(key.trim())) {
        let (key, value) = (key.trim(), value.trim().trim_end_matches(','));
        return Some(if value.is_empty() {
            format!("a table starts with `[{key}]`")
        } else {
            format!("write `{key} = {value}`")
        });
    }
    let (key, value) = code.split_once(char::is_whitespace)?;
    is_key(key).then(|| format!("is a `=` missing? write `{key} = {}`", value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::issue::Issues;
    use crate::base::source::Source;

    fn first_help(text: &str) -> String {
        let mut issues = Issues::default();
        let read = super::super::parse::parse(&Source::new("a.toml", text, std::path::Path::new("")), &mut issues);
        assert!(read.is_none(), "{text:?} is TOML");
        issues.0.swap_remove(0).help.unwrap_or_default()
    }

    #[test]
    fn mistakes_of_other_formats_are_recognised() {
        for (text, expected) in [
            ("a = adam", "a text needs quotes: \"adam\""),
            ("a = True", "write `true`"),
            ("a = None", "leave the key out: then the default holds"),
            ("a = \u{201c}x\u{201d}", "these are curly quotes: write straight ones, `\"`"),
            ("epochs: 3", "write `epochs = 3`"),
            ("train:", "a table starts with `[train]`"),
            ("// why\na = 1", "a comment starts with `#`"),
            ("a = 1\na = 2", "keep one of the two lines"),
            ("[a]\n[a]", "write each `[table]` once, with all of its keys"),
            ("a = \"C:\\data\"", "a backslash starts an escape: write '..' in single quotes, or paths with `/`"),
            ("a = ", "write a value behind `=`"),
            ("epochs 3", "is a `=` missing? write `epochs = 3`"),
        ] {
            assert_eq!(first_help(text), expected, "{text:?}");
        }
    }
}
