//! Pieces of HTML: text that stays text, tables, details. Knows nothing of reports.

use std::fmt::Write;

use simpipe_base::visible;

use crate::text;

/// Rows of a table, items of a list of words, and strips of images that are printed: the style sheet hides further ones on paper.
const ON_PAPER: usize = 20;
pub(super) const ITEMS_ON_PAPER: usize = 20;
pub(super) const STRIPS_ON_PAPER: usize = 3;
/// Lines of text beyond which paper has columns of them.
const LINES_IN_A_COLUMN: usize = 60;

/// Text that can stand in an element or in a quoted attribute; what nobody would see is shown by its escape, what no
/// font has by its number.
pub(crate) fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len() + 8);
    for c in words.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            c if text::is_missing(c) && !visible::is_hidden(c) => escaped.push_str(&text::number(c)),
            c => visible::push(&mut escaped, c),
        }
    }
    escaped
}

/// A name from outside: written in its own direction, whatever stands beside it.
pub(super) fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// Plain text in which what stands between backticks is code, as in Markdown.
pub(super) fn prose(text: &str) -> String {
    let escaped = unbroken(&escape(text));
    let parts: Vec<&str> = escaped.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped;
    }
    let part =
        |(at, part): (usize, &&str)| if at % 2 == 1 { format!("<code>{part}</code>") } else { (*part).to_owned() };
    parts.iter().enumerate().map(part).collect()
}

/// A paragraph of plain text.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", prose(text))
}

/// Text whose lines are kept, each escaped by itself; `label` says what it is.
pub(super) fn lines(label: &str, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape).collect();
    let class = if lines.len() > LINES_IN_A_COLUMN { " class=\"long\"" } else { "" };
    format!("<pre{class} tabindex=\"0\" aria-label=\"{}\">{}</pre>", escape(label), lines.join("\n"))
}

/// `20 of 100 classes shown`.
pub(super) fn shown(count: usize, of: usize, what: &str) -> String {
    let number = |value: usize| crate::chart::number(value as f64, 0);
    format!("{} of {} {what} shown", number(count), number(of))
}

/// A table with a caption; the first cell of a row names it. What is wider than the page is moved sideways, by keys too.
pub(super) fn table(caption: &str, header: &[String], rows: &[Vec<String>]) -> String {
    table_of(caption, header, rows.iter().map(|row| (row.as_slice(), "")), "")
}

/// A table of names and what they are.
pub(super) fn facts(caption: &str, rows: &[Vec<String>]) -> String {
    let header = ["What", "Value"].map(str::to_owned);
    table_of(caption, &header, rows.iter().map(|row| (row.as_slice(), "")), " class=\"facts\"")
}

/// A table with a last column of ready HTML.
pub(super) fn table_with(caption: &str, header: &[String], rows: &[(Vec<String>, String)]) -> String {
    table_of(caption, header, rows.iter().map(|(row, last)| (row.as_slice(), last.as_str())), "")
}

fn table_of<'a>(
    caption: &str,
    header: &[String],
    rows: impl Iterator<Item = (&'a [String], &'a str)>,
    class: &str,
) -> String {
    let caption = escape(caption);
    let mut out = format!(
        "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"{caption}\"><table{class}>\
         <caption>{caption}</caption><thead><tr>"
    );
    for cell in header {
        // Above a bar there is nothing to say.
        let head =
            if cell.is_empty() { "<td></td>".to_owned() } else { format!("<th scope=\"col\">{}</th>", escape(cell)) };
        out.push_str(&head);
    }
    out.push_str("</tr></thead><tbody>");
    let mut count = 0;
    for (cells, last) in rows {
        count += 1;
        out.push_str("<tr>");
        for (at, cell) in cells.iter().enumerate() {
            let _ = match at {
                0 => write!(out, "<th scope=\"row\">{}</th>", name(cell)),
                _ => write!(out, "<td{}>{}</td>", class_of(cell), unbroken(&name(cell))),
            };
        }
        if !last.is_empty() {
            let _ = write!(out, "<td>{last}</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out + &on_paper(ON_PAPER, count, "rows")
}

/// The class of a cell that is a number with its interval, or an interval alone.
fn class_of(cell: &str) -> &'static str {
    let number = |c: char| is_of_ends(c) || "[]()".contains(c);
    if !(cell.chars().any(|c| c.is_ascii_digit()) && cell.chars().all(number)) {
        return "";
    }
    if cell.contains(['[', '(']) {
        " class=\"interval\""
    } else if cell.contains(" to ") {
        " class=\"interval whole\""
    } else {
        ""
    }
}

/// Whether an interval may have a character between its brackets.
fn is_of_ends(c: char) -> bool {
    c.is_ascii_digit() || ".,+-− to%".contains(c)
}

/// Escaped text in which no interval in brackets breaks over two lines: `0.51 [0.48, 0.54]` breaks before the bracket alone.
pub(super) fn unbroken(escaped: &str) -> String {
    let is_interval = |inside: &str| {
        let two = inside.contains(", ") || inside.contains(" to ");
        two && inside.chars().any(|c| c.is_ascii_digit()) && inside.chars().all(is_of_ends)
    };
    let (mut out, mut rest) = (String::with_capacity(escaped.len()), escaped);
    while let Some(start) = rest.find(['[', '(']) {
        let close = if rest[start..].starts_with('[') { ']' } else { ')' };
        let end = rest[start..].find(close).map(|at| start + at);
        match end.filter(|end| is_interval(&rest[start + 1..*end])) {
            Some(end) => {
                let _ = write!(out, "{}<span class=\"ends\">{}</span>", &rest[..start], &rest[start..=end]);
                rest = &rest[end + 1..];
            }
            None => {
                out.push_str(&rest[..=start]);
                rest = &rest[start + 1..];
            }
        }
    }
    out + rest
}

/// What is said on paper of a list that is longer than what is printed of it.
pub(super) fn on_paper(most: usize, count: usize, what: &str) -> String {
    if count <= most {
        return String::new();
    }
    format!("<p class=\"paper\">On paper: {}.</p>", shown(most, count, what))
}

/// What is opened where it is wanted, and open on paper.
pub(super) fn details(summary: &str, body: &str) -> String {
    format!("<details><summary>{}</summary>{body}</details>", escape(summary))
}

/// A share as a bar beside its number, which says the same.
pub(super) fn bar(share: f64) -> String {
    let width = if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 };
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"ground\" width=\"100\" height=\"8\"/><rect class=\"share\" width=\"{width:.1}\" height=\"8\"/></svg>"
    )
}

/// A list with bars, and how many of how many it shows.
pub(super) fn ranked(what: &str, header: &[String], rows: Vec<(Vec<String>, f64)>, of: usize) -> String {
    let caption = format!("{what}: {}", shown(rows.len(), of, "classes"));
    let rows: Vec<_> = rows.into_iter().map(|(cells, share)| (cells, bar(share))).collect();
    table_with(&caption, header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("it's & more", "it&#39;s &amp; more"),
            ("\u{202e}right to left", "\\u{202e}right to left"),
            ("\u{1b}[31mred\0", "\\x1b[31mred\\x00"),
            ("שלום 日本 🦀", "שלום 日本 U+1F980"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(escape(text), expected, "{text:?}");
        }
        assert_eq!(prose("several `seeds` & <more>"), "several <code>seeds</code> &amp; &lt;more&gt;");
        assert_eq!(prose("one ` alone"), "one ` alone");
        let table = table("a < b", &["<x>".to_owned()], &[vec!["</td><script>".to_owned()]]);
        assert!(!table.contains("<script>") && !table.contains("<x>") && table.contains("a &lt; b"), "{table}");
    }

    #[test]
    fn an_interval_stands_on_one_line() {
        for (cell, expected) in [
            ("0.5123 [0.4801, 0.5402]", " class=\"interval\""),
            ("−0.0080 (−0.0219 to 0.0037)", " class=\"interval\""),
            ("0.4801 to 0.5402", " class=\"interval whole\""),
            ("0.5123", ""),
            ("cat (12)", ""),
            ("one to three", ""),
        ] {
            assert_eq!(class_of(cell), expected, "{cell}");
        }
        let row = ["one", "0.5 [0.4, 0.6]"].map(str::to_owned).to_vec();
        let cell = "<td class=\"interval\"><bdi>0.5 <span class=\"ends\">[0.4, 0.6]</span></bdi></td>";
        assert!(table("t", &[], &[row]).contains(cell));
        assert_eq!(prose("is 0.05 (−0.01 to 0.11)."), "is 0.05 <span class=\"ends\">(−0.01 to 0.11)</span>.");
        for text in ["cats (12) and [dogs", "f(x, y)", "a (see [1])", "() [", "(to, to)"] {
            assert_eq!(unbroken(text), text);
        }
    }

    #[test]
    fn a_bar_has_a_width_whatever_the_share() {
        for (share, width) in [(0.5, "50.0"), (2.0, "100.0"), (-1.0, "0.0"), (f64::NAN, "0.0")] {
            assert!(bar(share).contains(&format!("class=\"share\" width=\"{width}\"")), "{share}");
        }
        assert_eq!(shown(20, 12_000, "classes"), "20 of 12,000 classes shown");
    }

    #[test]
    fn all_lines_of_a_long_text_are_on_paper() {
        let text = |count: usize| vec!["x"; count].join("\n");
        assert!(lines("t", &text(LINES_IN_A_COLUMN)).starts_with("<pre tabindex"));
        let long = lines("t", &text(LINES_IN_A_COLUMN + 1));
        assert!(long.starts_with("<pre class=\"long\"") && !long.contains("On paper"), "{long}");
        let (_, paper) = crate::page::document::STYLE.split_once("@media print").unwrap();
        let rule = paper.lines().find(|line| line.trim_start().starts_with("pre {")).unwrap();
        for part in ["white-space: pre-wrap", "overflow-wrap: anywhere", "max-height: none", "overflow: visible"] {
            assert!(rule.contains(part), "{part}: {rule}");
        }
    }

    #[test]
    fn a_long_table_says_how_much_of_it_is_on_paper() {
        let rows = |count: usize| vec![vec!["x".to_owned()]; count];
        assert!(!table("t", &["x".to_owned()], &rows(ON_PAPER)).contains("On paper"));
        assert!(table("t", &["x".to_owned()], &rows(200)).ends_with("On paper: 20 of 200 rows shown.</p>"));
        for (part, most) in [("tbody tr", ON_PAPER), (".strips > li", STRIPS_ON_PAPER), (".list > li", ITEMS_ON_PAPER)]
        {
            let rule = format!("{part}:nth-child(n+{})", most + 1);
            assert!(crate::page::document::STYLE.contains(&rule), "{rule}");
        }
    }
}
