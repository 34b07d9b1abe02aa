//! A spec's tree as TOML text that people read: tables by stage, lists of tables one item a line, origins as comments.

use std::collections::BTreeSet;

use super::merged::{Top, is_default, ordered, origin};
use simpipe_base::node::{Node, Value};
use simpipe_base::source::Place;
use simpipe_base::visible::is_hidden;

/// Whether each value is followed by a comment that says who set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origins {
    /// Yes.
    Shown,
    /// No.
    Hidden,
}

/// Columns of a line without its comment.
const WIDEST: usize = 100;
/// Comments line up at this column at the latest; longer lines have theirs right behind.
const COMMENTS_AT: usize = 64;

/// A line and its comment.
struct Line {
    text: String,
    origin: Option<String>,
}

/// The whole document; `dim` colours comments.
pub(super) fn document(tops: &[Top], origins: Origins, dim: &dyn Fn(&str) -> String) -> String {
    let is_value = |top: &&Top| top.node.table().is_none();
    let mut blocks: Vec<Vec<Line>> =
        vec![tops.iter().filter(is_value).flat_map(|top| entry(&top.key, &top.node)).collect()];
    for top in tops.iter().filter(|top| !is_value(top)) {
        let Some(table) = top.node.table() else { continue };
        let head = Line { text: format!("[{}]", key(&top.key)), origin: None };
        let lines = ordered(table, &top.order).into_iter().flat_map(|(key, one)| entry(key, &one.node));
        // A table without keys says nothing: every stage is in the template.
        if !table.is_empty() {
            blocks.push(std::iter::once(head).chain(lines).collect());
        }
    }
    let texts: Vec<String> = blocks.iter().map(|block| write_block(block, origins, dim)).collect();
    texts.join("\n")
}

fn write_block(block: &[Line], origins: Origins, dim: &dyn Fn(&str) -> String) -> String {
    let length = |line: &Line| line.text.chars().count();
    let commented = block.iter().filter(|line| line.origin.is_some()).map(length);
    let column = commented.filter(|length| *length <= COMMENTS_AT).max().unwrap_or(0);
    let mut text = String::new();
    for line in block {
        text.push_str(&line.text);
        if let (Origins::Shown, Some(origin)) = (origins, &line.origin) {
            text.push_str(&" ".repeat(column.saturating_sub(length(line)) + 2));
            text.push_str(&dim(&format!("# {origin}")));
        }
        text.push('\n');
    }
    text
}

/// `key = value` with the end of its line, over several lines if it is a list of tables or a long list.
pub(super) fn entry_text(name: &str, node: &Node) -> String {
    entry(name, node).into_iter().map(|line| line.text + "\n").collect()
}

/// `key = value`, over several lines if it is a list of tables or a long list.
fn entry(name: &str, node: &Node) -> Vec<Line> {
    let text = format!("{} = {}", key(name), inline(node));
    let is_table = |node: &Node| matches!(node.value, Value::Table(_) | Value::Array(_));
    match &node.value {
        Value::Array(items) if !items.is_empty() && (items.iter().any(is_table) || text.chars().count() > WIDEST) => {
            let head = Line { text: format!("{} = [", key(name)), origin: None };
            let item = |node: &Node| Line { text: format!("  {},", inline(node)), origin: Some(origin_of(node)) };
            let tail = Line { text: "]".to_owned(), origin: None };
            std::iter::once(head).chain(items.iter().map(item)).chain([tail]).collect()
        }
        _ => vec![Line { text, origin: Some(origin_of(node)) }],
    }
}

/// The origin of a value, and of what other layers set inside it.
fn origin_of(node: &Node) -> String {
    let own = origin(&node.place);
    let mut inner = BTreeSet::new();
    others(node, &node.place, &mut inner);
    inner.remove(&own);
    std::iter::once(own).chain(inner).collect::<Vec<_>>().join(" and ")
}

fn others(node: &Node, outer: &Place, found: &mut BTreeSet<String>) {
    let place = &node.place;
    if !is_default(place) && place.source.name != outer.source.name {
        found.insert(origin(place));
    }
    match &node.value {
        Value::Array(items) => items.iter().for_each(|item| others(item, outer, found)),
        Value::Table(table) => table.values().for_each(|entry| others(&entry.node, outer, found)),
        _ => {}
    }
}

/// A value on one line.
pub(super) fn inline(node: &Node) -> String {
    match &node.value {
        Value::String(text) => quoted(text),
        Value::Integer(integer) => integer.to_string(),
        Value::Float(float) if float.is_nan() => "nan".to_owned(),
        Value::Float(float) => format!("{float:?}"),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Datetime(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            // As they are written, where they are written together; what nobody wrote comes last.
            entries.sort_by_key(|(_, entry)| (is_default(&entry.key), entry.key.span.start));
            let entries = entries.into_iter().map(|(name, entry)| format!("{} = {}", key(name), inline(&entry.node)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A key, in quotes where it has to be.
pub(super) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.to_owned() } else { quoted(name) }
}

/// A basic string: every character that TOML does not take as it is, or that nobody would see, escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if is_hidden(c) => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_as_toml() {
        for text in [
            "plain",
            "with \"quotes\"",
            "C:\\data",
            "line\nbreak\ttab\r",
            "\u{1}\u{7f}\u{85}",
            "\u{202e}\u{e0041}",
            "é 🦀",
            "",
        ] {
            let toml = format!("{} = {}", quoted(text), quoted(text));
            assert!(!toml.contains(is_hidden), "{toml:?}");
            let table: toml::Table = toml.parse().unwrap_or_else(|error| panic!("{toml}: {error}"));
            assert_eq!(table.get(text).and_then(toml::Value::as_str), Some(text));
        }
    }
}
