//! Text from outside made fit to be shown: class names, file names, values of specs and errors of the system may hold
//! characters that a terminal obeys or that nobody sees. They are shown by their escape.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Whether a character would act on what is around it, or not be seen: a control character (a tab and an end of line
/// too), a mark that turns the direction of writing, a separator of lines, or one that has no width by itself.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text with hidden characters by their escapes: `\n`, `\x1b`, `\u{202e}`.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(&mut shown, c));
    Cow::Owned(shown)
}

/// Adds a character, by its escape if it is hidden.
pub fn push(shown: &mut String, c: char) {
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        c if c.is_ascii_control() => put(shown, format_args!("\\x{:02x}", u32::from(c))),
        c if is_hidden(c) => put(shown, format_args!("\\u{{{:x}}}", u32::from(c))),
        c => shown.push(c),
    }
}

fn put(shown: &mut String, text: std::fmt::Arguments<'_>) {
    shown.write_fmt(text).expect("a string takes all that is written");
}

/// JSON whose strings hide nothing either: what the format lets through is written as `\u202e` too, which every reader
/// takes for the same text.
#[must_use]
pub fn visible_json(json: String) -> String {
    // Between the strings stand only ends of lines.
    let hidden = |c: char| c != '\n' && is_hidden(c);
    if !json.contains(hidden) {
        return json;
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if hidden(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| put(&mut shown, format_args!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Columns that a text without hidden characters takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// Columns that a character takes once it is [`visible`].
#[must_use]
pub fn char_width(c: char) -> usize {
    if is_hidden(c) {
        let mut shown = String::new();
        push(&mut shown, c);
        return shown.len();
    }
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_by_its_escape() {
        for (text, shown) in [
            ("\u{1b}[31mred", "\\x1b[31mred"),
            ("a\nb\r\tc\u{7f}\0", "a\\nb\\r\\tc\\x7f\\x00"),
            ("\u{9b}2J", "\\u{9b}2J"),
            (
                "a\u{202e}b\u{2066}c\u{200b}d\u{2028}e\u{feff}\u{e0041}",
                "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{2028}e\\u{feff}\\u{e0041}",
            ),
            ("Grüße, 日本語 🦀 e\u{301}", "Grüße, 日本語 🦀 e\u{301}"),
            ("back\\slash", "back\\slash"),
        ] {
            assert_eq!(visible(text), shown);
            assert!(!visible(text).contains(is_hidden), "{text:?}");
        }
    }

    #[test]
    fn json_means_the_same_and_hides_nothing() {
        let text = "\u{1b}[31m \u{9b} \u{7f} \u{202e} \u{e0041} é\n";
        let json = serde_json::to_string_pretty(&serde_json::json!({ text: [text] })).unwrap();
        let shown = visible_json(json.clone());
        assert!(!shown.contains(|c| c != '\n' && is_hidden(c)), "{shown}");
        let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(read(&shown), read(&json));
        assert_eq!(visible_json("{\n  \"a\": \"é\"\n}".to_owned()), "{\n  \"a\": \"é\"\n}");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!([width("abc"), width("日本"), width("e\u{301}")], [3, 4, 1]);
        assert_eq!(['a', '日', '\u{1b}', '\u{202e}', '\u{301}'].map(char_width), [1, 2, 4, 8, 0]);
    }
}
