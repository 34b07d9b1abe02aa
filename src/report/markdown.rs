//! How Markdown is written. Text from outside stays text, whatever a class, a dataset or an experiment is called.

use simpipe_base::visible;

/// Text that can stand anywhere in a table, a paragraph or a title: no sign of it begins a link, an image, a tag, a
/// cell or a block, and none is hidden.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let (mut before, mut rest) = (' ', text.trim_start());
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\n' | '\r' | '\t' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '[' | ']' | '`' | '*' | '~' => push_escaped(&mut escaped, c),
            // Between letters it means nothing, and names have many.
            '_' if !(before.is_alphanumeric() && after.starts_with(char::is_alphanumeric)) => {
                push_escaped(&mut escaped, c);
            }
            // Addresses become links without any sign around them.
            ':' if after.starts_with("//") => push_escaped(&mut escaped, c),
            '.' if ends_with_www(&escaped) => push_escaped(&mut escaped, c),
            // At its start a line may begin a title, a quotation, a list or a rule.
            '#' | '>' | '-' | '+' | '=' if escaped.is_empty() && !is_negative(c, after) => {
                push_escaped(&mut escaped, c)
            }
            '.' | ')' if is_number(&escaped) && after.starts_with([' ', '\n', '\t']) => push_escaped(&mut escaped, c),
            c => visible::push(&mut escaped, c),
        }
        (before, rest) = (c, after);
    }
    escaped
}

fn push_escaped(escaped: &mut String, c: char) {
    escaped.push('\\');
    escaped.push(c);
}

/// Whether a number begins here.
fn is_negative(c: char, after: &str) -> bool {
    matches!(c, '-' | '+') && after.starts_with(|c: char| c.is_ascii_digit())
}

fn ends_with_www(text: &str) -> bool {
    text.len().checked_sub(3).and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Whether a line has only a number so far, as the items of a list begin.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A paragraph, with the empty line after it.
pub(super) fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push_str("\n\n");
}

pub(super) fn section(page: &mut String, title: &str) {
    line(page, &format!("## {title}"));
}

/// A table; every column but the first is a number and stands right.
pub(super) fn table(page: &mut String, header: &[String], rows: &[Vec<String>]) {
    let row =
        |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | "));
    page.push_str(&row(header));
    page.push('\n');
    let rule: Vec<&str> = (0..header.len()).map(|at| if at == 0 { "---" } else { "---:" }).collect();
    page.push_str(&format!("| {} |\n", rule.join(" | ")));
    for cells in rows {
        page.push_str(&row(cells));
        page.push('\n');
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn no_name_becomes_anything_but_text() {
        for (name, expected) in [
            ("[click](javascript:alert(1))", "\\[click\\](javascript:alert(1))"),
            ("![x](http://a.b/c.png)", "!\\[x\\](http\\://a.b/c.png)"),
            ("see https://a.b or www.a.b", "see https\\://a.b or www\\.a.b"),
            ("<script>&lt;", "&lt;script>&amp;lt;"),
            ("a | b\n| c | d |", "a \\| b \\| c \\| d \\|"),
            ("`code` *bold* ~~gone~~ _slanted_", "\\`code\\` \\*bold\\* \\~\\~gone\\~\\~ \\_slanted\\_"),
            ("binary_accuracy of map@r", "binary_accuracy of map@r"),
            ("# title", "\\# title"),
            ("- item", "\\- item"),
            ("-0.5000", "-0.5000"),
            ("1. item", "1\\. item"),
            ("    code", "code"),
            ("3.5 of 7", "3.5 of 7"),
            ("\u{1b}[31mred\u{202e}", "\\x1b\\[31mred\\u{202e}"),
            ("C:\\data", "C:\\\\data"),
            ("Grüße, 日本: 1 x 2 (f1)", "Grüße, 日本: 1 x 2 (f1)"),
        ] {
            assert_eq!(escape(name), expected, "{name:?}");
        }
    }
}
