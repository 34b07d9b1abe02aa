//! The CosFace loss: a margin on the cosine.

use burn::tensor::Tensor;

use super::class_logits::{cosines, cross_entropy, with_margin};
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// CosFace (Wang et al., 2018, arXiv:1801.09414): each class has a learned direction, and with the cosine `s_c` of a row
    /// to that of class `c` the loss of a row of class `y` is the cross-entropy of the logits `scale s_c`, where the own
    /// class has `scale (s_y - margin)`. The batch's loss is the mean.
    ///
    /// # Shapes
    ///
    /// Learns `loss.cos-face.weight`, `[dim, classes]`.
    pub struct CosFace {
        /// How much larger than any other class's the own one's cosine must be.
        #[aka("m")]
        margin: f64 = 0.35 => check::finite(),
        /// What cosines are multiplied by.
        #[aka("s", "temperature")]
        scale: f64 = 64.0 => check::positive(),
        /// What the optimiser's learning rate is multiplied by for the learned directions.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for CosFace {
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
        let cosines = cosines(batch, cx.weight(WEIGHT));
        let logits = with_margin(batch, cosines, |own| own.sub_scalar(self.margin));
        cross_entropy(batch, logits.mul_scalar(self.scale), 0.0)
    }
}
