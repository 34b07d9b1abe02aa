//! What every number that a stage leaves means: one list of names with definitions, for `simpipe docs match.lone`.
//!
//! A stage that leaves another number gets a line here; its tests ask [`undefined`] for those that have none. Names that
//! metrics already define (`recall@5`, the calibration's `f1`) are looked up where they are declared.

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

const TRAINED_ON: &str =
    "Queries that are, byte for byte, images that the model was trained on, a count; only where there are some.";
const COMPARED: &str = "Queries with a neighbour other than themselves, which all baselines are about, a count.";

/// Numbers by the kind of the stage.
const OWN: &[(&str, &str, &str)] = &[
    ("dataset", "examples", "Images of all splits together, a count."),
    ("dataset", "classes", "Classes that the dataset names, a count."),
    ("sample", "examples", "Images of the drawn pool, a count."),
    ("sample", "classes", "Classes with an image in the drawn pool, a count."),
    (
        "train",
        "loss",
        "Training loss of the weights that are kept: the mean over the last 100 steps made for them (all of them, if they are \
         fewer) of each batch's loss, regularisation included, with dropout and the batch's own statistics.",
    ),
    (
        "train",
        "val_loss",
        "Validation loss of the weights that are kept: the mean over the validation batches of the epoch that they end, \
         without dropout and with the moving statistics. Comparable with the training loss only where both batches have the \
         same shape.",
    ),
    (
        "train",
        "best_epoch",
        "The epoch, from 1, whose weights are kept; only where `keep-best` or `early-stopping` chooses one.",
    ),
    ("train", "epochs", "Epochs that were trained, a count; only with `early-stopping`."),
    ("train", "parameters", "Numbers in the network's weights, those that are not trained included."),
    (
        "index",
        "neighbours_found",
        "The share of the ten nearest indexed vectors that the search of the index finds, over a sample of 1,000 of them, each \
         without itself; only of a search that is not exact. A vector that is as far as the tenth counts as one.",
    ),
    (
        "calibrate",
        "optimal.distance",
        "The distance threshold of the cutpoint `optimal`: the farthest of those with the best value of the calibration's \
         metric. Of a similarity the least.",
    ),
    (
        "calibrate",
        "optimal.value",
        "The calibration's metric at the cutpoint `optimal`, on the calibration's own queries.",
    ),
    (
        "calibrate",
        "ece",
        "Expected calibration error of the fitted probabilities on the very queries that they were fitted to: the mean \
         distance between what was said and how often it is right, over 15 bins of as many queries each. Optimistic; that of \
         `match` is not. In [0, 1], lower is better.",
    ),
    (
        "match",
        "accuracy",
        "Share of all queries that are accepted at the cutpoint and get their own class. A query that is rejected is not \
         right, whatever its class.",
    ),
    ("match", "matched", "Share of all queries that are accepted at the cutpoint, right or wrong."),
    ("match", "unknown", "Share of all queries that are rejected at the cutpoint: `1 - matched`."),
    (
        "match",
        "lone",
        "Queries whose class has no other example in the index, a count. Nothing could be found for them, so retrieval \
         metrics such as recall@1 leave them out.",
    ),
    (
        "match",
        "overlap",
        "Queries that are in the index themselves and may find themselves at distance 0, a count. `disjoint.*` are the \
         figures without them.",
    ),
    (
        "match",
        "ece",
        "Expected calibration error of `probability`: the mean distance between how probable it was said to be that a label is \
         right, and how often it is, over 15 bins of as many queries each. In [0, 1], lower is better.",
    ),
    (
        "match",
        "target",
        "What the cutpoint was to reach in calibration: a value of the metric that its target names. `optimal` has none.",
    ),
    (
        "match",
        "achieved",
        "What the cutpoint achieves on these queries: the metric of its target (of `optimal`, the calibration's metric), \
         counted as the calibration counts. To be held against `target`.",
    ),
    ("match", "overlap.training", TRAINED_ON),
    (
        "match",
        "overlap.calibration",
        "Queries that are, byte for byte, images that the thresholds were found with, a count; only where there are some.",
    ),
    (
        "match",
        "near_copies",
        "Queries with a near copy in the other pool of the plugged stage `near-copies`, a count. `distinct.*` are the figures \
         without them.",
    ),
    ("train", "initial_tensors", "Weights that were taken from the file of `initial-weights`, a count of tensors."),
    ("train", "backbone_tensors", "Weights that were taken from the files of backbones, a count of tensors."),
    ("near-copies", "pairs", "Pairs of a query and a reference with at least the correlation asked for, a count."),
    ("near-copies", "queries", "Queries with such a reference, a count."),
    ("near-copies", "share", "Share of all queries with such a reference."),
    ("near-copies", "identical", "Pairs of the very same bytes, a count."),
    ("evaluate", "queries", "Queries that were looked up, a count."),
    (
        "evaluate",
        "lone",
        "Queries whose class has no other example in the index, a count. Figures of ranked neighbours leave them out.",
    ),
    (
        "evaluate",
        "overlap",
        "Queries whose image is in the index, a count. Each is left out of its own neighbours with `leave-one-out`; else \
         `disjoint.*` are the figures without them.",
    ),
    ("evaluate", "overlap.training", TRAINED_ON),
    (
        "few-shot",
        "accuracy",
        "Share of an episode's queries that are given their own class, the mean over all episodes, by the first of `methods`.",
    ),
    (
        "few-shot",
        "accuracy.low",
        "Lower end of the 95 % interval of `accuracy`: 1.96 standard errors of the mean over episodes below it.",
    ),
    (
        "few-shot",
        "accuracy.high",
        "Upper end of the 95 % interval of `accuracy`: 1.96 standard errors of the mean over episodes above it.",
    ),
    ("few-shot", "overlap.training", TRAINED_ON),
    ("baseline", "queries", COMPARED),
    ("project", "points", "Embeddings that were placed on the plane, a count."),
    ("project", "explained.1", "Share of the variance along the first principal component."),
    ("project", "explained.2", "Share of the variance along the second principal component."),
    ("report", "baseline.queries", COMPARED),
    (
        "report",
        "baseline.embedding",
        "Share of those queries whose nearest other image, by this embedding, has their class: recall@1 without self matches.",
    ),
    (
        "report",
        "baseline.raw_pixels",
        "The same by the Euclidean distance of the images' bytes: what needs no training.",
    ),
    (
        "report",
        "baseline.chance",
        "The share of the largest class among those queries: what always guessing it would give.",
    ),
    ("report", "baseline.uniform", "One over the number of classes among those queries."),
];

/// What may stand behind another name.
const BEHIND: &[(&str, &str)] = &[
    (
        "low",
        "Lower end of the 95 % bootstrap interval, of 2,000 draws of classes and of queries within them. `evaluate.bootstrap` sets \
         other numbers than these two.",
    ),
    (
        "high",
        "Upper end of the 95 % bootstrap interval, of 2,000 draws of classes and of queries within them. `evaluate.bootstrap` sets \
         other numbers than these two.",
    ),
    ("std", "Standard deviation over the runs of a group, which differ in their seed alone."),
    ("t_low", "Lower end of the 95 % t-interval of the mean over the seeds of a group."),
    ("t_high", "Upper end of the 95 % t-interval of the mean over the seeds of a group."),
];

/// What may stand before another name, by the kind of the stage.
const BEFORE: &[(&str, &str, &str)] = &[
    ("match", "disjoint", "Of the queries that are not in the index, in training or in calibration themselves:"),
    ("match", "distinct", "Of the queries without a near copy in the other pool:"),
    ("evaluate", "disjoint", "Of the queries that are not in the index or in training themselves:"),
    ("evaluate", "reranked", "With neighbours in the order that `rerank` gives them:"),
    ("evaluate", "gain", "What re-ranking adds, query by query:"),
    ("few-shot", "nearest_prototype", "By the nearest mean of the examples shown:"),
    ("few-shot", "nearest_neighbour", "By the nearest of the examples shown:"),
    ("baseline", "embedding", "Of the trained embedding, on the queries of all baselines:"),
    ("baseline", "chance", "What neighbours in a random order give on average:"),
    ("baseline", "largest_class", "Where every query is given the class that the index has most of:"),
    ("baseline", "raw_pixels", "By the Euclidean distance of the images' bytes:"),
    ("baseline", "mean_centred_pixels", "By the cosine distance of the images less the mean image of the index:"),
    ("baseline", "untrained", "By the network with the weights that the seed draws for it:"),
    ("baseline", "frozen", "By the network at the port `frozen`, as it was loaded:"),
];

/// The definition of a number, asked for by itself or behind its stage: `recall@5`, `match.lone`, `match-test.lone`.
///
/// # Errors
/// If no stage leaves such a number.
pub fn reported(name: &str) -> Result<Vec<Reported>, NameError> {
    let kinds = super::registry::kinds();
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
        let kinds = super::super::registry::kinds();
        for (stage, name, definition) in OWN {
            assert!(kinds.contains(stage) && definition.ends_with('.'), "{stage}.{name}");
        }
        assert_eq!(undefined("match", &["lone".to_owned(), "luck".to_owned()]), ["luck"]);
        assert_eq!(undefined("dataset", &["recall@1".to_owned()]), ["recall@1"]);
    }
}
