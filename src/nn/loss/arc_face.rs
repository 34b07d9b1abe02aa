//! The ArcFace loss: a margin on the angle.

use burn::tensor::Tensor;

use super::class_logits::{cosines, cross_entropy, with_margin};
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// ArcFace (Deng et al., 2019, arXiv:1801.07698): each class has a learned direction, and with the angle `a_c` of a row to
    /// that of class `c` the loss of a row of class `y` is the cross-entropy of the logits `scale cos(a_c)`, where the own
    /// class has `scale cos(a_y + margin)`. The batch's loss is the mean.
    ///
    /// Beyond `a_y = 180 - margin` degrees, where that would rise again, it is `scale (cos(a_y) - m sin(m))`, `m` being the
    /// margin in radians, as in pytorch-metric-learning. A row on its direction, or opposite to it, has a finite gradient.
    ///
    /// # Shapes
    ///
    /// Learns `loss.arc-face.weight`, `[dim, classes]`.
    pub struct ArcFace {
        /// How much nearer than any other class the own one must be, in degrees; 28.6 are half a radian.
        margin: f64 = 28.6 => check::between(0.0, 180.0),
        /// What cosines are multiplied by.
        #[aka("s", "temperature")]
        scale: f64 = 64.0 => check::positive(),
        /// What the optimiser's learning rate is multiplied by for the learned directions.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for ArcFace {
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
        let logits = with_margin(batch, cosines, |own| add_to_angle(own, self.margin));
        cross_entropy(batch, logits.mul_scalar(self.scale), 0.0)
    }
}

/// `cos(a + margin)` of cosines `cos(a)`, and `cos(a) - m sin(m)` beyond 180 degrees less the margin (in degrees).
pub(super) fn add_to_angle(cosine: Tensor<2>, margin: f64) -> Tensor<2> {
    /// In `f32` the square of a sine is 0, or at least the distance of 1 to its neighbour: 0 has no gradient here.
    const SMALLEST_SQUARE: f64 = 1e-9;
    let margin = margin.to_radians();
    let squared_sine = cosine.clone().neg().add_scalar(1.0) * cosine.clone().add_scalar(1.0);
    let none = squared_sine.clone().lower_scalar(SMALLEST_SQUARE);
    let sine = squared_sine.mask_fill(none.clone(), 1.0).sqrt().mask_fill(none, 0.0);
    let turned = cosine.clone().mul_scalar(margin.cos()) - sine.mul_scalar(margin.sin());
    let beyond = cosine.clone().lower_scalar(-margin.cos());
    turned.mask_where(beyond, cosine.sub_scalar(margin * margin.sin()))
}
