//! Cells of tables: words, shares and numbers as every page writes them.

use serde_json::Value as Json;
use simpipe_artifact::ComparedValue;

use super::chart::number;

pub(super) fn words<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number of `match`: counts without a point.
pub(super) fn value(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() > 1.0 { number(value, 0) } else { format!("{value:.4}") }
}

/// `0.5123 [0.4801, 0.5402]`; a number that is the same in all trainings has no ends.
pub(super) fn sure(found: &ComparedValue) -> String {
    let ends = found
        .low
        .zip(found.high)
        .filter(|(low, high)| low < high)
        .map_or_else(String::new, |(low, high)| format!(" [{low:.4}, {high:.4}]"));
    value(found.value) + &ends
}

/// What is not there.
pub(super) fn dash() -> String {
    "–".to_owned()
}

/// Numbers in a JSON value by dotted name.
pub(super) fn flatten(json: &Json, name: &str, out: &mut Vec<(String, f64)>) {
    match json {
        Json::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(value, &name, out);
            }
        }
        Json::Number(value) => out.extend(value.as_f64().map(|value| (name.to_owned(), value))),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_at_every_depth() {
        let mut out = Vec::new();
        flatten(&serde_json::json!({ "b": { "c": 2, "t": "text" }, "a": 0.5 }), "", &mut out);
        assert_eq!(out, [("a".to_owned(), 0.5), ("b.c".to_owned(), 2.0)]);
    }
}
