//! Which way the numbers of a run are better, by their names.

use simpipe_base::seed::Seed;
use simpipe_metric::registry::AnyMetric;

/// Numbers that are no metric of the registry, and whether more of them is better.
const OWN: &[(&str, bool)] = &[
    ("loss", false),
    ("val_loss", false),
    ("ece", false),
    ("accuracy", true),
    ("f1", true),
    ("precision", true),
    ("recall", true),
    ("binary_accuracy", true),
];

/// What stands before or behind the name of the number that is meant.
const BESIDE: &[&str] = &["low", "high", "std", "t_low", "t_high"];

/// Whether more is better of a number of a run such as `evaluate.map@r` or `train.loss`; `None` where neither is: a count,
/// a threshold, a spread, or what re-ranking adds to a metric of which that is not known.
#[must_use]
pub fn higher_is_better(name: &str) -> Option<bool> {
    let (_, rest) = name.split_once('.')?;
    let last = rest.rsplit('.').next().unwrap_or(rest);
    if BESIDE.contains(&last) {
        return None;
    }
    let plain = last.rsplit_once('/').map_or(last, |(plain, _)| plain);
    if let Some((_, higher)) = OWN.iter().find(|(own, _)| *own == plain) {
        return Some(*higher);
    }
    let metric = AnyMetric::parse(&plain.replace('_', "-"), Seed::of_stage(0, "direction", None)).ok()?;
    Some(metric.metric().higher_is_better())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_known_by_name() {
        for (name, expected) in [
            ("evaluate.map@r", Some(true)),
            ("evaluate-test.reranked.recall@1", Some(true)),
            ("evaluate.r_precision/macro", Some(true)),
            ("evaluate.eer", Some(false)),
            ("evaluate.hubness@10", Some(false)),
            ("match.accuracy", Some(true)),
            ("match.disjoint.ece", Some(false)),
            ("calibrate.optimal.f1", Some(true)),
            ("train.loss", Some(false)),
            ("train.val_loss", Some(false)),
            ("evaluate.map@r.low", None),
            ("train.loss.std", None),
            ("calibrate.optimal.distance", None),
            ("match.lone", None),
            ("train.parameters", None),
            ("loss", None),
        ] {
            assert_eq!(higher_is_better(name), expected, "{name}");
        }
    }
}
