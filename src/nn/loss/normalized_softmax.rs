//! The normalised softmax loss.

use burn::tensor::Tensor;

use super::class_logits::{cosines, cross_entropy};
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Normalised softmax (Zhai and Wu, 2019, arXiv:1811.12649): each class has a learned direction `w`, and the loss of a row
    /// `x` of class `y` is `-log(exp(x.w_y / T) / sum_c exp(x.w_c / T))`, both at unit length. The batch's loss is the mean.
    ///
    /// # Shapes
    ///
    /// Learns `loss.normalized-softmax.weight`, `[dim, classes]`.
    pub struct NormalizedSoftmax {
        /// `T`: the lower, the more the nearest wrong class counts; 1 / 16 is a scale of 16.
        temperature: f64 = 0.05 => check::positive(),
        /// The share of every row's own class that is spread over all classes (Szegedy et al., 2016, arXiv:1512.00567).
        #[aka("label_smoothing")]
        smoothing: f64 = 0.0 => check::between(0.0, 1.0),
        /// What the optimiser's learning rate is multiplied by for the learned directions.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for NormalizedSoftmax {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs { known_classes: true, ..Needs::default() }
    }

    fn weights(&self, target: Target) -> Vec<WeightSpec> {
        let shape = [target.dim, target.classes];
        vec![WeightSpec::new(WEIGHT, shape, Start::Normal { std: 1.0 }).at_rate(self.learning_rate_factor)]
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let logits = cosines(batch, cx.weight(WEIGHT)).div_scalar(self.temperature);
        cross_entropy(batch, logits, self.smoothing)
    }
}
