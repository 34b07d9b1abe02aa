//! The N-pairs loss.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs, distances, zero};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::params;

params! {
    /// N-pairs loss (Sohn, 2016): of the first positive pair of each class in the batch, by anchor and then by positive,
    /// `-log softmax` of the similarity of the anchor to its own positive among the positives of all classes. Distances count
    /// with a minus as similarities. As in pytorch-metric-learning, but not in the paper, embeddings are taken at unit length.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct NPairs {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine,
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for NPairs {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let pairs = first_of_each_class(batch);
        if pairs.is_empty() {
            return zero(batch);
        }
        let rows = |end: usize| -> Vec<i64> { pairs.iter().map(|pair| i64::from(pair[end])).collect() };
        let chosen = |rows: Vec<i64>| {
            let count = rows.len();
            Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &batch.embeddings.device())
        };
        let anchors = batch.directions().select(0, chosen(rows(0)));
        let positives = batch.reference_directions().select(0, chosen(rows(1)));
        let values = distances::pairwise(self.distance, anchors, positives); // [pairs, pairs]
        let near = if self.distance.larger_is_nearer() { values } else { values.neg() };
        let own = Tensor::<2>::eye(pairs.len(), &batch.embeddings.device());
        let losses = (activation::log_softmax(near, 1) * own).sum_dim(1).neg(); // [pairs, 1]
        let labels: Vec<i32> = pairs.iter().map(|[anchor, _]| batch.labels[*anchor as usize]).collect();
        let once = Tensor::ones([pairs.len(), 1], &losses.device());
        self.reducer.reduce(losses, once, &labels)
    }
}

/// The first positive pair of every class that has one, in the order of the labels.
fn first_of_each_class(batch: &Embedded<'_>) -> Vec<[u32; 2]> {
    let mut first = std::collections::BTreeMap::new();
    batch.for_each_positive_pair(|anchor, positive| {
        first.entry(batch.labels[anchor as usize]).or_insert([anchor, positive]);
    });
    first.into_values().collect()
}
