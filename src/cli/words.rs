//! Reasons in words.

use serde_json::Value as Json;

use simpipe_plan::{Reason, ReasonKind};

/// A reason as a person reads it.
pub(super) fn reason(reason: &Reason) -> String {
    let path = reason.path.as_deref().unwrap_or("it");
    // An item of a list has no default: it came, or it went.
    let absent = if path.ends_with(']') { "nothing" } else { "default" };
    let side = |found: Option<&Json>| found.map_or_else(|| absent.to_owned(), value);
    let change = || format!("{} -> {}", side(reason.old.as_ref()), side(reason.new.as_ref()));
    match reason.kind {
        ReasonKind::NeverRan => "never ran".to_owned(),
        ReasonKind::ParamChanged | ReasonKind::NumericsChanged => format!("`{path}` changed: {}", change()),
        ReasonKind::InputChanged => match &reason.upstream {
            Some(upstream) => format!("`{path}` of `{upstream}` changed"),
            None => format!("source `{path}` changed"),
        },
        ReasonKind::VersionChanged if reason.new.as_ref().is_some_and(Json::is_number) => {
            format!("the implementation changed: version {}", change())
        }
        ReasonKind::VersionChanged => format!("the implementation of `{path}` changed: {}", change()),
        ReasonKind::Damaged => match &reason.path {
            Some(path) => format!("stored `{path}` is damaged"),
            None => "its stored result is gone".to_owned(),
        },
        ReasonKind::Upstream => match &reason.upstream {
            Some(upstream) => format!("`{upstream}` runs first"),
            None => "an upstream stage runs first".to_owned(),
        },
    }
}

/// The first reason, and how many more there are.
pub(super) fn reasons(reasons: &[Reason]) -> String {
    match reasons {
        [] => String::new(),
        [only] => reason(only),
        [first, rest @ ..] => format!("{}, and {} more", reason(first), rest.len()),
    }
}

/// A value in one short line.
pub(super) fn value(value: &Json) -> String {
    const WIDEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= WIDEST { text } else { text.chars().take(WIDEST).chain("..".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_parameter_shows_both_values() {
        let changed = Reason {
            kind: ReasonKind::ParamChanged,
            path: Some("train.optimizer.adam.learning-rate".to_owned()),
            old: Some(json!(0.002)),
            new: Some(json!(0.001)),
            upstream: None,
        };
        assert_eq!(reason(&changed), "`train.optimizer.adam.learning-rate` changed: 0.002 -> 0.001");
        let removed = Reason { path: Some("train.layers[7]".to_owned()), new: None, ..changed.clone() };
        assert_eq!(reason(&removed), "`train.layers[7]` changed: 0.002 -> nothing");
        let unset = Reason { new: None, ..changed.clone() };
        assert_eq!(reason(&unset), "`train.optimizer.adam.learning-rate` changed: 0.002 -> default");
        let input = Reason {
            kind: ReasonKind::InputChanged,
            path: Some("samples.parquet".to_owned()),
            upstream: Some("sample".to_owned()),
            ..changed.clone()
        };
        let both = [changed, input.clone()];
        assert_eq!(reason(&input), "`samples.parquet` of `sample` changed");
        assert!(reasons(&both).ends_with("0.002 -> 0.001, and 1 more"));
        assert_eq!(reasons(&[]), "");
    }
}
