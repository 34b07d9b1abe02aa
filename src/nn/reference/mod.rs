//! Layers, losses and rules of training held against what reference libraries computed: the evaluators of golden files.
//!
//! `names` and `given` know what the references call our losses and write for their parameters; the others compute one kind of file each.

pub mod backbone;
mod given;
mod interchange;
mod losses;
mod miners;
mod names;
mod network;
mod proxies;
mod rules;
mod torch;
mod trial;
mod two_views;

use burn::tensor::{Device, Tensor, TensorData};

use super::loss::distances;
use names::Library::{PytorchMetricLearning, TensorflowSimilarity};
use simpipe_artifact::Distance;
use simpipe_base::golden::{Array, Case, CaseError, Comparison, Evaluator, field, numbers, text};
use simpipe_base::param::{self, Param};
use simpipe_base::seed::Seed;

/// What is computed here, by the names of files.
pub const EVALUATORS: &[(&str, Evaluator)] = &[
    ("distances", pairwise),
    ("loss_circle", |case, to| losses::rows(TensorflowSimilarity, "CircleLoss", case, to)),
    ("loss_multi_negatives_ranking", two_views::ranking),
    ("loss_multi_similarity", |case, to| losses::rows(TensorflowSimilarity, "MultiSimilarityLoss", case, to)),
    ("loss_pn", |case, to| losses::rows(TensorflowSimilarity, "PNLoss", case, to)),
    ("loss_soft_nearest_neighbor", |case, to| losses::rows(TensorflowSimilarity, "SoftNearestNeighborLoss", case, to)),
    ("loss_triplet", |case, to| losses::rows(TensorflowSimilarity, "TripletLoss", case, to)),
    ("loss_two_view", two_views::views),
    ("loss_xbm", losses::memory),
    ("training_distance_metrics", losses::hardest),
    ("pml_losses", |case, to| losses::whole(PytorchMetricLearning, case, to)),
    ("pml_miners", miners::evaluate),
    ("pml_pairs", losses::of_spec),
    ("pml_proxy_losses", proxies::evaluate),
    ("adam_keras", rules::adam),
    ("optimizers", rules::optimizer),
    ("schedule_warmup_cosine", rules::warmup_cosine),
    ("batch_norm_keras", network::batch_norm),
    ("layers", network::layers),
    ("network_step", network::step),
    ("interchange", interchange::embedding),
];

/// Distances of all pairs, as losses compute them.
fn pairwise(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let distance = distance(text(&case.params, "distance")?)?;
    let [query, key] = ["query", "key"].map(|name| matrix(case, name));
    let (query, key) = (query?, key?);
    same_length("columns of `query` and `key`", query.shape[1], key.shape[1])?;
    let device = Device::flex();
    let found = values(distances::pairwise(distance, tensor(&query, &device), tensor(&key, &device)));
    let expected = numbers(field(&case.expected, "distances")?)?;
    same_length("distances", found.len(), expected.len())?;
    for (at, (found, expected)) in found.into_iter().zip(expected).enumerate() {
        // Near 0 a root magnifies what cancellation leaves, on both sides: the file's note gives it 1e-3.
        let absolute = if distance == Distance::Euclidean && expected.abs() < 1e-2 { 1e-3 } else { 0.0 };
        to.value_within(&format!("distances[{at}]"), found.into(), expected, absolute);
    }
    Ok(())
}

/// A distance by the reference's name.
fn distance(name: &str) -> Result<Distance, CaseError> {
    let found = given::value(&name.into())?;
    found.as_str().and_then(Distance::from_name).ok_or_else(|| CaseError::unknown(format!("the distance `{name}`")))
}

fn matrix(case: &Case, name: &str) -> Result<Array, CaseError> {
    Array::read(field(&case.input, name)?, 2)
}

/// Part of a spec. What it can't say, the program does not compute.
fn read<T: Param>(spec: &serde_json::Value) -> Result<T, CaseError> {
    let message = |message: Option<&String>| CaseError::unknown(message.cloned().unwrap_or_default());
    param::from_json(spec).map_err(|issues| message(issues.first().map(|issue| &issue.message)))
}

/// Whatever is drawn is drawn from it; nothing that is compared is.
fn seed() -> Seed {
    Seed::of_stage(0, "eval-golden", None)
}

/// What must fit before a tensor is made of it.
fn same_length(what: &str, found: usize, expected: usize) -> Result<(), CaseError> {
    let message = || CaseError::malformed(format!("{found} and {expected} {what}"));
    if found == expected { Ok(()) } else { Err(message()) }
}

/// # Panics
/// If the array has not `D` levels, which reading it has made sure of.
fn tensor<const D: usize>(array: &Array, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(array.values.clone(), array.shape.clone()), device)
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_into_vec().unwrap_or_default()
}

#[cfg(test)]
mod tests;
