//! What every number that a stage leaves means: one list of names with definitions, for `simpipe docs match.lone`.
//!
//! A stage that leaves another number gets a line in `definitions`; its tests ask [`undefined`] for those that have none.
//! Names that metrics already define (`recall@5`, the calibration's `f1`) are looked up where they are declared.

mod definitions;

use self::definitions::{BEFORE, BEHIND, OWN};
use super::kinds::kinds;
use simpipe_base::param::{Param, Shape};
use simpipe_base::seed::Seed;
use simpipe_base::suggest;
use simpipe_metric::NameError;
use simpipe_metric::registry::AnyMetric;
use simpipe_search::CalibrationMetric;

/// A number that stages leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// As it is asked for: `match.lone`, or `recall@5` for one that is no stage's own.
    pub name: String,
    /// What it is, with its unit.
    pub definition: String,
}

/// The definition of a number, asked for by itself or behind its stage: `recall@5`, `match.lone`, `match-test.lone`.
///
/// # Errors
/// If no stage leaves such a number.
pub fn reported(name: &str) -> Result<Vec<Reported>, NameError> {
    let kinds = kinds();
    if let Some((stage, rest)) = name.split_once('.')
        && let Some(kind) = kinds.iter().find(|kind| is_of_kind(stage, kind))
        && let Some(definition) = of_stage(kind, rest)
    {
        return Ok(vec![Reported { name: name.to_owned(), definition }]);
    }
    let found = kinds.iter().filter_map(|kind| {
        let own = OWN.iter().any(|(owner, own, _)| owner == kind && *own == name);
        Some(Reported { name: format!("{kind}.{name}"), definition: of_stage(kind, name).filter(|_| own)? })
    });
    let mut found: Vec<Reported> = found.collect();
    found.extend(of_metric(name).map(|definition| Reported { name: name.to_owned(), definition }));
    if found.is_empty() {
        found.extend(of_calibration_column(name));
    }
    if found.is_empty() && name.contains('.') {
        found = without_a_stage(name, &kinds);
    }
    if found.is_empty() { Err(unknown(name)) } else { Ok(found) }
}

/// A column of the calibration's thresholds.
fn of_calibration_column(name: &str) -> Option<Reported> {
    let metric = CalibrationMetric::of_column(&name.replace('-', "_"))?;
    let definition = format!("At a threshold, on the calibration's own queries: {}", of_calibration(&metric)?);
    Some(Reported { name: name.to_owned(), definition })
}

/// The definitions of `recall@1.high` or `optimal.f1`, asked for without their stage: once where stages agree.
fn without_a_stage(name: &str, kinds: &[&str]) -> Vec<Reported> {
    let mut found: Vec<Reported> = Vec::new();
    for kind in kinds {
        let Some(definition) = of_stage(kind, name) else { continue };
        match found.iter_mut().find(|known| known.definition == definition) {
            Some(known) => name.clone_into(&mut known.name),
            None => found.push(Reported { name: format!("{kind}.{name}"), definition }),
        }
    }
    found
}

/// Every number with a name of its own, in the order of the stages.
#[must_use]
pub fn all() -> Vec<Reported> {
    let own = OWN.iter().map(|(stage, name, definition)| Reported {
        name: format!("{stage}.{name}"),
        definition: (*definition).to_owned(),
    });
    let behind = BEHIND
        .iter()
        .map(|(name, definition)| Reported { name: format!("NAME.{name}"), definition: (*definition).to_owned() });
    own.chain(behind).collect()
}

/// Those names of a stage's numbers that have no definition.
#[must_use]
pub fn undefined<'a>(kind: &str, names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    names.into_iter().map(String::as_str).filter(|name| of_stage(kind, name).is_none()).collect()
}

/// Whether a stage of the kind may leave a number of this name.
pub(super) fn is_defined(kind: &str, name: &str) -> bool {
    of_stage(kind, name).is_some()
}

/// The numbers that a kind of stage defines itself.
pub(super) fn own(kind: &str) -> impl Iterator<Item = String> {
    OWN.iter().filter(move |(owner, ..)| *owner == kind).map(|(_, name, _)| (*name).to_owned())
}

/// Whether a name is that of a metric, or of what stands beside one.
pub(super) fn is_metric(name: &str) -> bool {
    of_metric(core(name)).is_some()
}

/// Whether a name is that of a metric, or of its value for other queries, or of an end of its interval.
pub(super) fn is_of(metric: &str, name: &str) -> bool {
    core(name) == metric
}

/// A name without what may stand before and behind it.
fn core(name: &str) -> &str {
    let behind =
        |name: &'_ str| BEHIND.iter().find_map(|(known, _)| Some(name.strip_suffix(known)?.strip_suffix('.')?.len()));
    let name = behind(name).map_or(name, |length| &name[..length]);
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether more of a number is better, where its name says so.
pub(super) fn higher_is_better(name: &str) -> Option<bool> {
    let name = core(name);
    match name {
        "loss" | "val_loss" | "ece" => return Some(false),
        "accuracy" => return Some(true),
        _ => {}
    }
    let metric = name.rsplit_once('/').map_or(name, |(metric, _)| metric);
    let calibrated = || CalibrationMetric::of_column(&metric.replace('-', "_")).map(|metric| metric.higher_is_better());
    let metric = AnyMetric::parse(&metric.replace('_', "-"), Seed::of_stage(0, "docs", None)).ok();
    metric.map(|metric| metric.metric().higher_is_better()).or_else(calibrated)
}

/// The port of a stage whose examples a number is measured on; `None` for numbers of no examples, and of those that are
/// trained on.
pub(super) fn measured_on(kind: &str, name: &str) -> Option<&'static str> {
    match (kind, name) {
        ("match" | "evaluate" | "baseline" | "calibrate", _) => Some("queries"),
        ("few-shot", _) => Some("embeddings"),
        ("train", "val_loss" | "best_epoch") => Some("validation"),
        _ => None,
    }
}

/// Whether a stage of this id may be of a kind: templates call a second one `match-test`.
fn is_of_kind(id: &str, kind: &str) -> bool {
    id.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn of_stage(kind: &str, name: &str) -> Option<String> {
    if let Some((_, _, definition)) = OWN.iter().find(|(owner, own, _)| *owner == kind && *own == name) {
        return Some((*definition).to_owned());
    }
    if let Some(definition) = of_metric(name).filter(|_| !name.contains('.') && measures(kind)) {
        return Some(definition);
    }
    if let ("calibrate", Some(metric)) = (kind, name.strip_prefix("optimal."))
        && let Some(metric) = CalibrationMetric::of_column(&metric.replace('-', "_"))
    {
        let definition = of_calibration(&metric)?;
        return Some(format!("At the cutpoint `optimal`, on the calibration's own queries: {definition}"));
    }
    let before = |(owner, before, words): &(&str, &str, &'static str)| {
        let rest = name.strip_prefix(before)?.strip_prefix('.')?;
        (*owner == kind).then_some((*words, rest))
    };
    if let Some((words, rest)) = BEFORE.iter().find_map(before) {
        return Some(format!("{words} {}", of_stage(kind, rest)?));
    }
    let (of, behind) = name.rsplit_once('.')?;
    let (_, definition) = BEHIND.iter().find(|(known, _)| *known == behind)?;
    Some(format!("{definition} Of `{of}`: {}", of_stage(kind, of)?))
}

/// Whether a stage of the kind leaves metrics under their own names.
fn measures(kind: &str) -> bool {
    // A dataset or a pool has no metric of its own; of all other stages a new one may.
    !matches!(kind, "dataset" | "sample" | "index" | "embed" | "report")
}

/// The definition of a metric by its own name.
fn of_metric(name: &str) -> Option<String> {
    if let Some((name, average)) = name.rsplit_once('/') {
        let words = match average {
            "macro" => "The mean over classes of the means over their queries.",
            "micro" => "The mean over queries.",
            _ => return None,
        };
        return Some(format!("{words} {}", of_metric(name)?));
    }
    // In a spec `r-precision`, among the numbers of a run `r_precision`.
    let metric = AnyMetric::parse(&name.replace('_', "-"), Seed::of_stage(0, "docs", None)).ok()?;
    let (metric, sense) = (metric.metric(), if metric.metric().higher_is_better() { "higher" } else { "lower" });
    Some(format!("{} Unit: {}; {sense} is better.", metric.doc(), metric.unit()))
}

/// The doc comment of a metric of the calibration.
fn of_calibration(metric: &CalibrationMetric) -> Option<String> {
    let Shape::Choice(choice) = CalibrationMetric::shape() else { return None };
    let alternative = choice.alternatives.iter().find(|alternative| alternative.name == metric.name())?;
    Some(alternative.doc.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn unknown(name: &str) -> NameError {
    let message = format!("no stage leaves a number called `{name}`");
    let names: Vec<String> = all().into_iter().map(|reported| reported.name).collect();
    let bare: Vec<&str> = OWN.iter().map(|(_, name, _)| *name).collect();
    let known = names.iter().map(String::as_str).chain(bare);
    let last = name.rsplit('.').next().unwrap_or(name);
    let help = match (suggest::closest(name, known), AnyMetric::parse(last, Seed::of_stage(0, "docs", None))) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Err(error)) if error.help.starts_with("did you mean") => error.help,
        _ => "`simpipe docs --markdown` lists them".to_owned(),
    };
    NameError { message, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> String {
        let mut found = reported(name).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).definition
    }

    #[test]
    fn names_of_every_shape_are_defined() {
        assert!(one("match.lone").contains("no other example in the index"));
        assert_eq!(one("match-test.lone"), one("match.lone"));
        assert!(one("calibrate.optimal.f1").contains("2 tp / (2 tp + fp + fn)"));
        assert!(one("calibrate.optimal.binary_accuracy").contains("tp / count"));
        assert!(one("recall@5").starts_with("The share of queries") || one("recall@5").contains("higher is better"));
        assert!(one("match.disjoint.recall@1").starts_with("Of the queries that are not in the index"));
        assert!(one("match.achieved.low").starts_with("Lower end of the 95 % bootstrap interval"));
        assert!(one("calibrate.optimal.f1.std").starts_with("Standard deviation over the runs of a group"));
        assert!(one("train.loss.t_high").starts_with("Upper end of the 95 % t-interval"));
        assert!(one("evaluate.r_precision/macro.low").contains("over classes"));
        assert!(one("evaluate-test.reranked.map@r.high").contains("With neighbours in the order"));
        assert!(one("baseline.raw_pixels.recall@1").starts_with("By the Euclidean distance"));
        assert!(one("few-shot.accuracy.low").contains("over episodes"));
        // A bare name is every stage's that has it.
        let names: Vec<String> = reported("ece").unwrap().into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["calibrate.ece", "match.ece"]);
        // So is one of several parts; what all stages mean alike is said once.
        assert_eq!(one("optimal.f1"), one("calibrate.optimal.f1"));
        assert_eq!(one("achieved.high"), one("match.achieved.high"));
        let found = reported("recall@1.high").unwrap();
        assert_eq!((found.len(), found[0].name.as_str()), (1, "recall@1.high"), "{found:?}");
        assert!(one("binary_accuracy").contains("tp / count"));
    }

    /// Their intervals are cut at 0 and 1.
    #[test]
    fn what_a_threshold_achieves_is_a_share() {
        for metric in CalibrationMetric::ALL {
            let name = format!("calibrate.optimal.{}", metric.column());
            assert!(simpipe_metric::bounds::is_share(&name), "{name}");
        }
    }

    #[test]
    fn unknown_names_are_asked_about() {
        let help = |name: &str| reported(name).unwrap_err().help;
        assert_eq!(help("match.lonne"), "did you mean `match.lone`?");
        assert_eq!(help("recal@5"), "did you mean `recall@5`?");
        assert_eq!(help("match.recal@5"), "did you mean `recall@5`?");
        assert_eq!(help("temperature"), "`simpipe docs --markdown` lists them");
    }

    #[test]
    fn every_definition_is_a_sentence_of_a_known_stage() {
        let kinds = kinds();
        for (stage, name, definition) in OWN {
            assert!(kinds.contains(stage) && definition.ends_with('.'), "{stage}.{name}");
        }
        assert_eq!(undefined("match", &["lone".to_owned(), "luck".to_owned()]), ["luck"]);
        assert_eq!(undefined("dataset", &["recall@1".to_owned()]), ["recall@1"]);
    }
}
