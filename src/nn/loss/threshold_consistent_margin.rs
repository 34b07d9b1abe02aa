//! The threshold-consistent margin loss.

use burn::tensor::Tensor;

use super::nearness::similarity;
use super::reducer::ReducerSpec;
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Threshold-consistent margin loss (Zhang et al., 2023, arXiv:2307.04047): the mean of `margin-plus - s` over the
    /// positive pairs with `s <= margin-plus`, and that of `s - margin-minus` over the negative ones with
    /// `s >= margin-minus`, of the cosine similarity `s`. It is added to another loss, so that one threshold fits all
    /// classes.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct ThresholdConsistentMargin {
        /// Weight of the positives.
        lambda_plus: f64 = 1.0 => check::not_negative(),
        /// Weight of the negatives.
        lambda_minus: f64 = 1.0 => check::not_negative(),
        /// How similar positives are to be.
        margin_plus: f64 = 0.9 => check::finite(),
        /// How similar negatives may be.
        margin_minus: f64 = 0.5 => check::finite(),
    }
}

impl Loss for ThresholdConsistentMargin {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn stands_alone(&self) -> bool {
        false
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let pairs = batch.pair_counts();
        let near = similarity(batch, Distance::Cosine);
        let pull = near.clone().neg().add_scalar(self.margin_plus);
        let push = near.sub_scalar(self.margin_minus);
        let mean = |losses: Tensor<2>, counts: &Tensor<2>| {
            let kept = losses.clone().detach().greater_equal_scalar(0.0).float() * counts.clone();
            ReducerSpec::Mean.reduce(losses, kept, batch.labels)
        };
        mean(pull, &pairs.positive).mul_scalar(self.lambda_plus)
            + mean(push, &pairs.negative).mul_scalar(self.lambda_minus)
    }
}
