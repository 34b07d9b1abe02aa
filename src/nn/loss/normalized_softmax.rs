//! The normalised softmax loss.

use burn::tensor::{Tensor, activation};

use super::{Embedded, Loss, Needs, Target};
use crate::artifact::Distance;
use crate::base::check;
use crate::nn::layer::{Cx, Start, WeightSpec};
use crate::nn::ops;
use crate::params;

params! {
    /// Normalised softmax (Zhai and Wu, 2019, arXiv:1811.12649): each class has a learned direction `w`, and the loss of a row
    /// `x` of class `y` is `-log(exp(x.w_y / T) / sum_c exp(x.w_c / T))`, both at unit length. The batch's loss is the mean.
    ///
    /// # Shapes
    ///
    /// Learns `loss.normalized-softmax.weight`, `[dim, classes]`.
    pub struct NormalizedSoftmax {
        /// `T`: the lower, the more the nearest wrong class counts.
        temperature: f64 = 0.05 => check::positive(),
        /// What the optimiser's learning rate is multiplied by for the learned directions.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for NormalizedSoftmax {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs { known_classes: true, ..Needs::default() }
    }

    fn weights(&self, target: Target) -> Vec<WeightSpec> {
        let shape = [target.dim, target.classes];
        vec![WeightSpec::new(WEIGHT, shape, Start::Normal { std: 1.0 }).at_rate(self.learning_rate_factor)]
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        // Directions of classes as rows: `[classes, dim]`.
        let classes = ops::l2_normalize(cx.weight::<2>(WEIGHT).transpose());
        let logits = ops::product(batch.directions(), classes.transpose()).div_scalar(self.temperature);
        let likelihood = activation::log_softmax(logits, 1) * batch.one_hot();
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
        let rows = batch.labels.len() as f64;
        ops::sum(likelihood).neg().div_scalar(rows)
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::loss::golden_tests;

    #[test]
    fn value_and_gradients_are_pytorch_metric_learnings() {
        golden_tests::proxy_loss("NormalizedSoftmaxLoss", "normalized-softmax", &["temperature"], "weight");
    }
}
