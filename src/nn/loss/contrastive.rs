//! The contrastive losses.

use burn::tensor::{Tensor, activation};

use super::nearness::{farness, margin_of};
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Contrastive loss (Hadsell et al., 2006): `max(d - pos-margin, 0)` of each positive pair and `max(neg-margin - d, 0)`
    /// of each negative one, reduced apart and added, as pytorch-metric-learning has it.
    ///
    /// With the inner product, a similarity, the margins change sides: `max(pos-margin - s, 0)` and `max(s - neg-margin, 0)`,
    /// for which 1 and 0 are the usual margins. The cosine is the distance `1 - s`: the default margins fit.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct Contrastive {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// Positive pairs nearer than this count no more.
        #[aka("positive_margin")]
        pos_margin: f64 = 0.0 => check::finite(),
        /// Negative pairs farther than this count no more.
        #[aka("margin", "negative_margin")]
        neg_margin: f64 = 1.0 => check::finite(),
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::AvgNonZero => of_pairs(),
    }
}

params! {
    /// Signal-to-noise ratio contrastive loss (Yuan et al., 2019, arXiv:1904.02616): the contrastive loss of the distance
    /// `var(q - k) / var(q)` at unit length, which is not symmetric.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct SnrContrastive {
        /// Positive pairs nearer than this count no more.
        #[aka("positive_margin")]
        pos_margin: f64 = 0.0 => check::finite(),
        /// Negative pairs farther than this count no more.
        #[aka("margin", "negative_margin")]
        neg_margin: f64 = 1.0 => check::finite(),
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::AvgNonZero => of_pairs(),
    }
}

impl Loss for Contrastive {
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
        let pairs = batch.pair_counts();
        let far = farness(batch, self.distance);
        let pull = activation::relu(far.clone().sub_scalar(margin_of(self.distance, self.pos_margin)));
        let push = activation::relu(far.neg().add_scalar(margin_of(self.distance, self.neg_margin)));
        self.reducer.reduce(pull, pairs.positive.clone(), batch.labels)
            + self.reducer.reduce(push, pairs.negative.clone(), batch.labels)
    }
}

impl Loss for SnrContrastive {
    fn distance(&self) -> Distance {
        Distance::Snr
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

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let Self { pos_margin, neg_margin, reducer } = self.clone();
        Contrastive { distance: Distance::Snr, pos_margin, neg_margin, reducer }.forward(batch, cx)
    }
}
