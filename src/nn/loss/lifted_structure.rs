//! The lifted structure losses.

use burn::tensor::{Tensor, activation};

use super::log_sum::{LOG_OF_NOTHING, log_sum_exp_counted};
use super::nearness::{farness, margin_of};
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Lifted structure loss (Song et al., 2016, arXiv:1511.06452): of each positive pair
    /// `max(log(sum exp(neg-margin - d_n)) + d - pos-margin, 0)^2 / 2`, over the negatives of both of its rows.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct LiftedStructure {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// How far negatives are to be.
        #[aka("margin", "negative_margin")]
        neg_margin: f64 = 1.0 => check::finite(),
        /// How far positives may be.
        #[aka("positive_margin")]
        pos_margin: f64 = 0.0 => check::finite(),
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

params! {
    /// Generalised lifted structure loss (Hermans et al., 2017, arXiv:1703.07737, section 2): of each anchor
    /// `max(log(sum exp(d_p - pos-margin)) + log(sum exp(neg-margin - d_n)), 0)` over its positives and its negatives; an
    /// empty sum counts as 1.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct GeneralizedLiftedStructure {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// How far negatives are to be.
        #[aka("margin", "negative_margin")]
        neg_margin: f64 = 1.0 => check::finite(),
        /// How far positives may be.
        #[aka("positive_margin")]
        pos_margin: f64 = 0.0 => check::finite(),
        /// How the anchors' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for LiftedStructure {
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
        if !pairs.both() {
            return zero(batch);
        }
        let far = farness(batch, self.distance);
        let push = far.clone().neg().add_scalar(margin_of(self.distance, self.neg_margin));
        let of_anchor = log_sum_exp_counted(push, pairs.negative.clone(), LOG_OF_NOTHING); // [batch, 1]
        let mut of_other = of_anchor.clone().transpose(); // [1, references]
        // A row of a memory is no anchor and has no negatives of its own.
        let behind = far.dims()[1] - far.dims()[0];
        if behind > 0 {
            of_other = Tensor::cat(vec![of_other, Tensor::full([1, behind], LOG_OF_NOTHING, &far.device())], 1);
        }
        let negatives = log_add_exp(of_anchor.expand(far.dims()), of_other.expand(far.dims()));
        let neither = negatives.clone().lower_scalar(LOG_OF_NOTHING / 2.0);
        let violation = negatives.mask_fill(neither, 0.0) + far.sub_scalar(margin_of(self.distance, self.pos_margin));
        let losses = activation::relu(violation).square().div_scalar(2.0);
        self.reducer.reduce(losses, pairs.positive.clone(), batch.labels)
    }
}

impl Loss for GeneralizedLiftedStructure {
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
        let pull = far.clone().sub_scalar(margin_of(self.distance, self.pos_margin));
        let push = far.neg().add_scalar(margin_of(self.distance, self.neg_margin));
        let pull = log_sum_exp_counted(pull, pairs.positive.clone().clamp_max(1.0), 0.0);
        let push = log_sum_exp_counted(push, pairs.negative.clone().clamp_max(1.0), 0.0);
        self.reducer.reduce_rows(activation::relu(pull + push), batch)
    }
}

/// `log(exp(a) + exp(b))`.
fn log_add_exp(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let largest = a.clone().max_pair(b.clone()).detach();
    ((a - largest.clone()).exp() + (b - largest.clone()).exp()).log() + largest
}
