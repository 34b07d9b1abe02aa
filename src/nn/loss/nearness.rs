//! How losses of pairs compare embeddings: at unit length, in one direction whatever the distance.

use burn::tensor::Tensor;

use super::{Embedded, distances};
use simpipe_artifact::Distance;

/// How far every row is from every reference, `[batch, references]`, at unit length: larger is farther. The inner product, a
/// similarity, is negated.
pub(crate) fn farness(batch: &Embedded<'_>, distance: Distance) -> Tensor<2> {
    oriented(batch.unit_distances(distance), distance)
}

/// The same of all references, `[references, references]`: the first rows are those of [`farness`].
pub(crate) fn farness_of_references(batch: &Embedded<'_>, distance: Distance) -> Tensor<2> {
    if !batch.has_memory() {
        return farness(batch, distance);
    }
    let references = batch.reference_directions();
    oriented(distances::pairwise(distance, references.clone(), references), distance)
}

/// A margin of the distance in the terms of [`farness`].
pub(crate) fn margin_of(distance: Distance, margin: f64) -> f64 {
    if distance.larger_is_nearer() { -margin } else { margin }
}

/// How near every row is to every reference, `[batch, references]`, at unit length: larger is nearer. Of the cosine it is
/// `q.k`, as of the inner product; other distances are negated.
pub(super) fn similarity(batch: &Embedded<'_>, distance: Distance) -> Tensor<2> {
    let values = batch.unit_distances(distance);
    match distance {
        Distance::InnerProduct => values,
        Distance::Cosine => values.neg().add_scalar(1.0),
        Distance::Euclidean | Distance::SquaredEuclidean | Distance::Manhattan | Distance::Snr => values.neg(),
    }
}

/// Whether [`similarity`] is one by itself and no negated distance.
pub(super) const fn is_similarity(distance: Distance) -> bool {
    matches!(distance, Distance::InnerProduct | Distance::Cosine)
}

fn oriented(values: Tensor<2>, distance: Distance) -> Tensor<2> {
    if distance.larger_is_nearer() { values.neg() } else { values }
}
