//! What is said of a value of another type than the one that is expected.

use super::issue::{Issue, Issues};
use super::node::{Node, Value};

/// Pushes "`path` expects .., found .." with a way to mend it, where there is an obvious one.
pub fn expected(node: &Node, path: &str, what: &str, issues: &mut Issues) {
    let issue = Issue::at(&node.place, path, format!("`{path}` expects {what}, found {}", found(node)));
    issues.push(match mend(node, what) {
        Some(help) => issue.help(help),
        None => issue,
    });
}

/// A value as messages show it: text and numbers as they are written, all else by its kind.
#[must_use]
pub fn found(node: &Node) -> String {
    const SHOWN: usize = 40;
    match &node.value {
        Value::String(text) if text.chars().count() <= SHOWN => format!("the text {text:?}"),
        Value::Integer(integer) => format!("the integer {integer}"),
        Value::Float(float) => format!("the number {}", written(node).unwrap_or_else(|| format!("{float:?}"))),
        Value::Boolean(boolean) => format!("`{boolean}`"),
        _ => node.kind().to_owned(),
    }
}

/// A number as it is written: one beyond every type keeps its digits.
pub(super) fn written(node: &Node) -> Option<String> {
    let text = node.place.text();
    (!text.is_empty() && text.len() <= 40 && text.parse::<f64>().is_ok()).then(|| text.to_owned())
}

/// TOML has no such numbers.
fn has_zeros_in_front(text: &str) -> bool {
    text.trim().strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// What was probably meant by a value of another type.
fn mend(node: &Node, what: &str) -> Option<String> {
    let number = matches!(what, "an integer" | "a number");
    match &node.value {
        Value::String(text) if text.is_empty() && what != "a string" => Some("write a value".to_owned()),
        Value::Float(float) if what == "an integer" && float.abs() > 9e18 => {
            Some(format!("an integer is at most {}", i64::MAX))
        }
        Value::String(text) if number && text.parse::<f64>().is_ok() && !has_zeros_in_front(text) => {
            Some(format!("remove the quotes: {}", text.trim()))
        }
        Value::String(text) if what.contains("`true`") && matches!(text.to_lowercase().as_str(), "true" | "false") => {
            Some(format!("remove the quotes: {}", text.to_lowercase()))
        }
        Value::Integer(flag @ (0 | 1)) if what.contains("`true`") => Some(format!("write `{}`", *flag == 1)),
        Value::Float(float) if what == "an integer" && float.fract() == 0.0 && float.abs() < 1e15 => {
            Some(format!("write {float:.0}, without a point"))
        }
        Value::Array(items) if number && items.len() == 1 => Some("remove the brackets".to_owned()),
        Value::Array(items) if number && items.windows(2).all(|two| two[0].value == two[1].value) => {
            items.first().map(|item| format!("write one number: {}", item.place.text()))
        }
        Value::Integer(_) | Value::Float(_) | Value::String(_) if what == "a list" => {
            Some("put it in brackets: [..]".to_owned())
        }
        Value::Table(_) if what == "a list" => Some("write it as `key = [ .. ]`".to_owned()),
        Value::Array(_) if what == "a string" => Some("write one text, without brackets".to_owned()),
        Value::Integer(_) | Value::Float(_) | Value::String(_) | Value::Boolean(_) if what == "a table" => {
            Some("write `{ key = value, .. }`, or `[name]` with the keys below it".to_owned())
        }
        Value::Array(_) if what == "a table" => {
            Some("a table is written `{ key = value }`, or `[name]` once, not `[[name]]`".to_owned())
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) if what == "a string" => {
            Some(format!("put it in quotes: \"{}\"", node.place.text()))
        }
        _ => None,
    }
}
