//! The sub-center ArcFace loss: several directions a class.

use burn::tensor::Tensor;

use super::arc_face::add_to_angle;
use super::class_logits::{cosines, cross_entropy, with_margin};
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Sub-center ArcFace (Deng et al., ECCV 2020): `arc-face` with several learned directions a class, of which
    /// the nearest counts for a row. Noisy and rare looks of a class gather at directions of their own.
    ///
    /// # Shapes
    ///
    /// Learns `loss.sub-center-arc-face.weight`, `[dim, classes sub-centers]`: those of a class one behind the other.
    pub struct SubCenterArcFace {
        /// How much nearer than any other class the own one must be, in degrees; 28.6 are half a radian.
        margin: f64 = 28.6 => check::between(0.0, 180.0),
        /// What cosines are multiplied by.
        #[aka("s", "temperature")]
        scale: f64 = 64.0 => check::positive(),
        /// Directions of each class.
        #[aka("k", "num_sub_centers")]
        sub_centers: usize = 3 => check::between(1, 1000),
        /// What the optimiser's learning rate is multiplied by for the learned directions.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const WEIGHT: &str = "weight";

impl Loss for SubCenterArcFace {
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
        let shape = [target.dim, target.classes * self.sub_centers];
        vec![WeightSpec::new(WEIGHT, shape, Start::Normal { std: 1.0 }).at_rate(self.learning_rate_factor)]
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let all = cosines(batch, cx.weight(WEIGHT));
        let [rows, directions] = all.dims();
        let by_class = all.reshape([rows, directions / self.sub_centers, self.sub_centers]);
        let nearest = by_class.max_dim(2).squeeze_dim::<2>(2); // [batch, classes]
        let logits = with_margin(batch, nearest, |own| add_to_angle(own, self.margin));
        cross_entropy(batch, logits.mul_scalar(self.scale), 0.0)
    }
}
