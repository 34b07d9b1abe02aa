//! Losses of labelled rows.

use burn::tensor::Device;
use serde_json::Value as Json;

use super::names::{self, Library};
use super::trial::{Outcome, Trial};
use super::{distance, read, same_length, seed, tensor, values};
use crate::loss::{Embedded, End, Hardest, Incomplete, LossSpec, Over};
use crate::miner::{MinerSpec, Mining};
use simpipe_base::golden::{Array, Case, CaseError, Comparison, field, fields, items, text, value};
use simpipe_base::param::{self, Param, View};

/// The mean of the rows' losses and its gradient, as TensorFlow Similarity's files hold them; the rows' losses too, where
/// our loss is such a mean.
pub(super) fn rows(library: Library, class: &str, case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let loss = names::loss(library, class, case)?;
    let (embeddings, labels) = batch(&case.input)?;
    let outcome = Trial::of_labels(loss, embeddings.shape[1], &labels).step(&embeddings, &labels, 1)?;
    if let Some(mean) = case.expected.get("mean") {
        to.list("mean", [outcome.value], mean)?;
    }
    compare_rows(&outcome, &case.expected, to)
}

fn compare_rows(outcome: &Outcome, expected: &Json, to: &mut Comparison) -> Result<(), CaseError> {
    if let Some(rows) = &outcome.rows {
        to.list("per_example", rows.iter().copied(), field(expected, "per_example")?)?;
    }
    to.list("gradient_of_mean", outcome.gradient.iter().copied(), field(expected, "gradient_of_mean")?)
}

/// One value and its gradient, as pytorch-metric-learning reduces them.
pub(super) fn whole(library: Library, case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let loss = names::loss(library, "", case)?;
    let (embeddings, mut labels) = batch(&case.input)?;
    if loss.name() == "smooth-ap" {
        labels = in_runs(&labels);
    }
    let outcome = Trial::of_labels(loss, embeddings.shape[1], &labels).step(&embeddings, &labels, 1)?;
    to.list("value", [outcome.value], field(&case.expected, "value")?)?;
    to.list("gradient", outcome.gradient, field(&case.expected, "gradient")?)
}

/// The labels that the reference's Smooth-AP computes with: whatever they are, it takes each run of as many rows as there are
/// classes for one class.
fn in_runs(labels: &[i32]) -> Vec<i32> {
    let classes = labels.iter().collect::<std::collections::BTreeSet<_>>().len().max(1);
    (0..).flat_map(|label| std::iter::repeat_n(label, classes)).take(labels.len()).collect()
}

/// A loss with the rows of earlier batches behind every batch, step by step.
pub(super) fn memory(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let mut inner = case.clone();
    let outer = ["memory_size", "warmup_steps"].map(|name| {
        let params = inner.params.as_object_mut();
        params.and_then(|params| params.remove(name)).unwrap_or(Json::Null)
    });
    let inner = names::loss(Library::TensorflowSimilarity, "", &inner)?.write(View::Full);
    let mut params = serde_json::Map::from_iter([("loss".to_owned(), inner)]);
    let given = ["size", "warmup-steps"].into_iter().zip(outer).filter(|(_, value)| !value.is_null());
    params.extend(given.map(|(name, value)| (param::kebab(name), value)));
    let loss = names::spec("cross-batch-memory", params)?;
    let mut trial: Option<Trial> = None;
    for (at, step) in items(&case.expected, "steps")?.iter().enumerate() {
        let (embeddings, labels) = batch(step)?;
        let trial = trial.get_or_insert_with(|| Trial::of_labels(loss.clone(), embeddings.shape[1], &labels));
        let outcome = trial.step(&embeddings, &labels, 1)?;
        let rows = simpipe_base::golden::numbers(field(step, "per_example")?)?;
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
        let mean = rows.iter().sum::<f64>() / rows.len().max(1) as f64;
        to.value(&format!("mean of step {at}"), outcome.value.into(), mean);
        compare_rows(&outcome, step, to)?;
    }
    Ok(())
}

/// A loss as a spec writes it, with a miner or without: value, gradient, and the gradient by its weights if there are any.
pub(super) fn of_spec(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let loss: LossSpec = read(field(&case.params, "loss")?)?;
    let miner: Option<MinerSpec> = case.params.get("miner").map(read).transpose()?;
    let (embeddings, labels) = batch(&case.input)?;
    let mining = miner.as_ref().map(|miner| Mining::new(miner, seed(), vec![0]));
    let mut trial = Trial::of_labels(loss, embeddings.shape[1], &labels);
    let outcome = trial.mined_step(&embeddings, &labels, 1, mining.as_ref())?;
    to.list("value", [outcome.value], field(&case.expected, "value")?)?;
    to.list("gradient", outcome.gradient, field(&case.expected, "gradient")?)?;
    let Some(expected) = case.expected.get("weight_gradient") else { return Ok(()) };
    to.list("weight gradient", outcome.weight_gradients.into_values().flatten(), expected)
}

/// The numbers of a batch's hardest pairs, by `mean_positive` and so on, as TensorFlow Similarity's masks have them.
pub(super) fn hardest(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let distance = distance(text(&case.params, "distance")?)?;
    let (embeddings, labels) = batch(&case.input)?;
    same_length("rows and labels", embeddings.shape[0], labels.len())?;
    let ends =
        [("positive", End::Farthest), ("negative", End::Nearest)].map(|(anchor, hard)| mined(case, anchor, hard));
    let [of_positive, of_negative] = ends;
    let (of_positive, of_negative) = (of_positive?, of_negative?);
    let rows = tensor(&embeddings, &Device::flex().autodiff());
    let batch = Embedded::new(rows, &labels, &[]);
    let found = |over: Over, positive: bool| {
        let end = if positive { of_positive } else { of_negative };
        values(Hardest { positive, end, over }.of(&batch, distance, &Incomplete::RowEnds))
    };
    for (name, expected) in fields(&case.expected)? {
        let over = match name.split('_').next() {
            Some("mean" | "avg") => Over::Mean,
            Some("max") => Over::Max,
            Some("min") => Over::Min,
            _ => Over::Sum,
        };
        match name.as_str() {
            "mean_positive" | "avg_positive" | "max_positive" | "min_positive" | "sum_positive" => {
                to.list(name, found(over, true), expected)?;
            }
            "mean_negative" | "avg_negative" | "max_negative" | "min_negative" | "sum_negative" => {
                to.list(name, found(over, false), expected)?;
            }
            "dist_gap" => {
                let both = found(Over::Min, false).into_iter().zip(found(Over::Max, true));
                to.list(name, both.map(|(negative, positive)| (negative - positive).abs()), expected)?;
            }
            other => to.unknown(format!("the number `{other}`")),
        }
    }
    Ok(())
}

/// Which end of a row's pairs is looked at: the hard one unless the case says otherwise.
fn mined(case: &Case, anchor: &str, hard: End) -> Result<End, CaseError> {
    let strategy = case.params.get(format!("{anchor}_mining_strategy")).and_then(Json::as_str);
    match strategy.unwrap_or("hard") {
        "hard" => Ok(hard),
        "easy" => Ok(if hard == End::Nearest { End::Farthest } else { End::Nearest }),
        other => Err(CaseError::unknown(format!("the mining strategy `{other}`"))),
    }
}

fn batch(json: &Json) -> Result<(Array, Vec<i32>), CaseError> {
    Ok((Array::read(field(json, "embeddings")?, 2)?, value(json, "labels")?))
}
