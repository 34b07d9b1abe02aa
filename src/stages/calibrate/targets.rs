//! `targets`: named values that a cutpoint must reach, of the calibration's metric or of any other.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::OPTIMAL;
use simpipe_base::check;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{self, Param, Shape, View};
use simpipe_base::params;
use simpipe_base::path;
use simpipe_search::CalibrationMetric;

/// Named targets: `{ p95 = 0.95, strict = { metric = "far", value = 0.01 } }`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Targets(pub BTreeMap<String, Target>);

/// What one cutpoint must reach.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A value of the calibration's metric.
    Value(f64),
    /// A value of another one.
    Of(MetricTarget),
}

params! {
    /// A value of a metric that a cutpoint must reach.
    pub struct MetricTarget {
        /// The metric.
        #[aka("name", "of", "score")]
        metric: CalibrationMetric,
        /// At least, or for a metric of which less is better (`fpr`, `far`, `frr`) at most.
        #[aka("target", "threshold", "at")]
        value: f64 => check::between(0.0, 1.0),
    }
}

impl Target {
    /// The metric, where the calibration has another.
    pub(super) const fn metric<'a>(&'a self, calibrated: &'a CalibrationMetric) -> &'a CalibrationMetric {
        match self {
            Self::Value(_) => calibrated,
            Self::Of(target) => &target.metric,
        }
    }

    /// The value to be reached.
    pub(super) const fn value(&self) -> f64 {
        match self {
            Self::Value(value) => *value,
            Self::Of(target) => target.value,
        }
    }
}

impl Param for Target {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        if matches!(node.value, Value::Table(_)) {
            return MetricTarget::read(node, path, issues).map(Self::Of);
        }
        let value = f64::read(node, path, issues)?;
        if (0.0..=1.0).contains(&value) {
            return Some(Self::Value(value));
        }
        issues.push(Issue::at(&node.place, path, format!("`{path}` must be between 0 and 1, found {value}")));
        None
    }

    fn write(&self, view: View) -> Json {
        match self {
            Self::Value(value) => value.write(view),
            Self::Of(target) => target.write(view),
        }
    }

    fn is_versioned(&self) -> bool {
        matches!(self, Self::Of(target) if target.is_versioned())
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![f64::shape(), MetricTarget::shape()])
    }
}

impl Param for Targets {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Some(table) = node.table() else {
            param::expected(node, path, "a table of names and values", issues);
            return None;
        };
        let mut targets = BTreeMap::new();
        for (name, entry) in table {
            let path = path::join(path, name);
            let kebab = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if !kebab || name.is_empty() || name.starts_with('-') || name.ends_with('-') {
                let message = format!("`{name}` can't name a cutpoint");
                issues
                    .push(Issue::at(&entry.key, &path, message).help("use lower-case letters, digits and `-`: `p95`"));
            } else if name == OPTIMAL {
                let message = format!("the cutpoint `{OPTIMAL}` is the best value of the metric, not a target");
                issues.push(Issue::at(&entry.key, &path, message).help("choose another name"));
            } else if let Some(target) = Target::read(&entry.node, &path, issues) {
                targets.insert(name.clone(), target);
            }
        }
        (targets.len() == table.len()).then_some(Self(targets))
    }

    fn write(&self, view: View) -> Json {
        Json::Object(self.0.iter().map(|(name, target)| (name.clone(), target.write(view))).collect())
    }

    fn is_versioned(&self) -> bool {
        self.0.values().any(Target::is_versioned)
    }

    fn shape() -> Shape {
        Shape::Map(Box::new(Target::shape()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_is_a_value_or_one_of_a_metric() {
        let read = |json: &Json| param::from_json::<Targets>(json);
        let spec = json!({ "p95": 0.95, "strict": { "metric": "far", "value": 0.01 } });
        let targets = read(&spec).unwrap();
        assert_eq!(targets.write(View::Key), spec);
        let strict = &targets.0["strict"];
        assert_eq!((strict.metric(&CalibrationMetric::F1), strict.value()), (&CalibrationMetric::Far, 0.01));
        assert_eq!(targets.0["p95"].metric(&CalibrationMetric::F1), &CalibrationMetric::F1);
        for (target, message, help) in [
            (
                json!({ "metric": "fra", "value": 0.1 }),
                "unknown choice `fra` for `t.metric`",
                Some("did you mean `far`?"),
            ),
            (json!({ "metric": "far" }), "missing key `value`", None),
            (json!({ "metric": "far", "value": 1.5 }), "`t.value` must be between 0 and 1, found 1.5", None),
            (json!({ "metric": "far", "valeu": 0.1 }), "unknown key `valeu`", Some("did you mean `value`?")),
        ] {
            let issues = read(&json!({ "t": target })).unwrap_err();
            let issue = issues.iter().find(|issue| issue.message.contains(message));
            let issue = issue.unwrap_or_else(|| panic!("{message}: {issues:?}"));
            assert!(help.is_none_or(|help| issue.help.as_deref() == Some(help)), "{issue:?}");
        }
    }
}
