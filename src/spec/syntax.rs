//! What people get wrong in TOML itself, in words for somebody who never read its grammar.

use simpipe_base::issue::Issue;
use simpipe_base::source::Place;

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

/// Whether every line behind such an error is an error too.
pub(super) fn spoils_the_rest(message: &str) -> bool {
    message.contains("array") || message.contains("inline table") || message.contains("recurs")
}

/// The parser's words where they can be said more plainly.
fn reworded(message: &str) -> String {
    match message {
        "string values must be quoted, expected literal string" => {
            "a value is missing, or a text has no quotes".to_owned()
        }
        "invalid basic string, expected `\"`" => "a text in double quotes does not end on this line".to_owned(),
        "invalid literal string, expected `'`" => "a text in single quotes does not end on this line".to_owned(),
        "invalid float, expected `nan`" | "invalid boolean, expected `true`" | "invalid boolean, expected `false`" => {
            "a value is missing, or a text has no quotes".to_owned()
        }
        "cannot recurse further; max recursion depth met" | "recursion limit" => {
            "lists or tables are nested too deep".to_owned()
        }
        "unquoted keys cannot be empty, expected letters, numbers, `-`, `_`" => "a key is missing".to_owned(),
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
    if line.trim() == "{"
        || line.trim_start().starts_with("{ \"")
        || line.trim_start().starts_with("\"") && line.contains("\":")
    {
        return Some("a spec is TOML, not JSON: lines of `key = value` without braces around them".to_owned());
    }
    if message.contains("extra `=`") {
        return Some("remove one `=`".to_owned());
    }
    if line.trim_start().starts_with('[') && !line.contains(']') {
        return Some(format!("close the brackets: `{}]`", line.trim_end()));
    }
    if line.trim() == "[]" {
        return Some("write a stage's id between the brackets: `[train]`".to_owned());
    }
    if rest.starts_with(|c: char| c.is_control()) {
        return Some("the text contains a control character: remove it".to_owned());
    }
    if message.contains("escape") || message.contains("unicode") {
        return Some("a backslash starts an escape: write '..' in single quotes, or paths with `/`".to_owned());
    }
    let digits = |text: &str| text.chars().next().is_some_and(|c| c.is_ascii_digit());
    if rest.starts_with(',') && digits(&rest[1..]) && before.ends_with(|c: char| c.is_ascii_digit()) {
        return Some("write thousands with `_` or without a separator: 1_000".to_owned());
    }
    if message.contains("fraction") || message.contains("mantissa") {
        return Some("write a digit on both sides of the point: 1.0, 0.5".to_owned());
    }
    if let Some(help) = of_value(&word, before, rest).or_else(|| of_separator(line)) {
        return Some(help);
    }
    if message.contains("array") || message.contains("basic string") && line.trim_end().ends_with([',', ']']) {
        return Some(
            "is a list here or above not closed with `]`, or is a comma missing between two items?".to_owned(),
        );
    }
    if message.contains("inline table") || message.contains("key-value pairs") {
        return Some("is a `{` not closed with `}`, or is a comma missing between two keys?".to_owned());
    }
    if message.contains("basic string") || message.contains("literal string") && !word.is_empty() {
        return Some("close the quotes".to_owned());
    }
    before.trim_end().ends_with('=').then(|| "write a value after `=`".to_owned())
}

/// A bare word where a value should stand.
fn of_value(word: &str, before: &str, rest: &str) -> Option<String> {
    if !before.trim_end().ends_with(['=', '[', ',']) {
        return None;
    }
    if rest.starts_with('$') {
        return Some("a spec has no variables: write the value, or pass it with `--set`".to_owned());
    }
    if word.is_empty() {
        return None;
    }
    let number = word.starts_with(|c: char| c.is_ascii_digit());
    if number && rest[word.len()..].trim_start().starts_with(['*', '+', '-', '/']) {
        return Some("a spec has no expressions: write the number".to_owned());
    }
    if number && word.starts_with('0') && word.chars().all(|c| c.is_ascii_digit()) {
        let number = Some(word.trim_start_matches('0')).filter(|rest| !rest.is_empty()).unwrap_or("0");
        return Some(format!("write {number} without leading zeros"));
    }
    Some(match word {
        "True" | "TRUE" | "yes" | "Yes" | "on" => "write `true`".to_owned(),
        "False" | "FALSE" | "no" | "No" | "off" => "write `false`".to_owned(),
        "None" | "null" | "nil" | "none" | "NULL" => "leave the key out to use the default".to_owned(),
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
    if let Some((key, _)) = code.split_once('=') {
        let key = key.trim();
        let spaced = key.contains(char::is_whitespace) && key.split_whitespace().all(is_key);
        return spaced
            .then(|| format!("a key has no spaces: `{}`", key.split_whitespace().collect::<Vec<_>>().join("-")));
    }
    if let Some((key, value)) = code.split_once(':').filter(|(key, _)| is_key(key.trim())) {
        let (key, value) = (key.trim(), as_toml(value.trim().trim_end_matches(',')));
        return Some(if value.is_empty() {
            format!("a table starts with `[{key}]`")
        } else {
            format!("write `{key} = {value}`")
        });
    }
    let (key, value) = code.split_once(char::is_whitespace)?;
    is_key(key).then(|| format!("is a `=` missing? write `{key} = {}`", as_toml(value.trim())))
}

/// A value with quotes, if it needs them.
fn as_toml(value: &str) -> String {
    let plain = value.is_empty() || value.starts_with(['"', '\'', '[', '{']) || matches!(value, "true" | "false");
    if plain || value.parse::<f64>().is_ok() { value.to_owned() } else { format!("\"{value}\"") }
}

#[cfg(test)]
mod tests {
    use simpipe_base::issue::Issues;
    use simpipe_base::source::Source;

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
            ("a = None", "leave the key out to use the default"),
            ("a = \u{201c}x\u{201d}", "these are curly quotes: write straight ones, `\"`"),
            ("epochs: 3", "write `epochs = 3`"),
            ("train:", "a table starts with `[train]`"),
            ("// why\na = 1", "a comment starts with `#`"),
            ("train: x", "write `train = \"x\"`"),
            ("a = 2 * 25", "a spec has no expressions: write the number"),
            ("a = $HOME", "a spec has no variables: write the value, or pass it with `--set`"),
            ("a = 1,000", "write thousands with `_` or without a separator: 1_000"),
            ("a = .5", "write a digit on both sides of the point: 1.0, 0.5"),
            ("a = 010", "write 10 without leading zeros"),
            ("batch size = 3", "a key has no spaces: `batch-size`"),
            ("[train", "close the brackets: `[train]`"),
            ("{\n\"a\": 1\n}", "a spec is TOML, not JSON: lines of `key = value` without braces around them"),
            ("a = 1\na = 2", "keep one of the two lines"),
            ("[a]\n[a]", "write each `[table]` once, with all of its keys"),
            ("a = \"C:\\data\"", "a backslash starts an escape: write '..' in single quotes, or paths with `/`"),
            ("a = ", "write a value after `=`"),
            ("epochs 3", "is a `=` missing? write `epochs = 3`"),
        ] {
            assert_eq!(first_help(text), expected, "{text:?}");
        }
    }
}
