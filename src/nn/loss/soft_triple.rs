//! The SoftTriple loss: several centers a class.

use burn::tensor::{Tensor, activation};

use super::class_logits::{cosines, cross_entropy, with_margin};
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// SoftTriple (Qian et al., 2019, arXiv:1909.05235): each class has several learned centers `w`. A row's similarity to
    /// class `c` is the mean of its cosines to the centers of `c`, weighted by their softmax at the temperature `gamma`; the
    /// loss of a row is the cross-entropy of the logits `lambda s_c`, where the own class has `lambda (s_y - margin)`. The
    /// batch's loss is the mean.
    ///
    /// The term that pulls the centers of a class together is not part of it.
    ///
    /// # Shapes
    ///
    /// Learns `loss.soft-triple.centers`, `[dim, classes centers-per-class]`: those of a class one behind the other.
    pub struct SoftTriple {
        /// Centers of each class.
        #[aka("K", "centers", "num_centers")]
        centers_per_class: usize = 10 => check::between(1, 1000),
        /// What similarities are multiplied by.
        #[aka("la", "scale")]
        lambda: f64 = 20.0 => check::positive(),
        /// The temperature among the centers of a class: the lower, the more the nearest counts.
        gamma: f64 = 0.1 => check::positive(),
        /// How much larger than any other class's the own one's similarity must be.
        #[aka("delta")]
        margin: f64 = 0.01 => check::finite(),
        /// What the optimiser's learning rate is multiplied by for the centers; the paper takes 100.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const CENTERS: &str = "centers";

impl Loss for SoftTriple {
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
        let centers = target.classes * self.centers_per_class;
        #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 centers")]
        let std = (1.0 / (3 * centers.max(1)) as f64).sqrt(); // the deviation that the authors start them with
        vec![WeightSpec::new(CENTERS, [target.dim, centers], Start::Normal { std }).at_rate(self.learning_rate_factor)]
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let all = cosines(batch, cx.weight(CENTERS));
        let [rows, centers] = all.dims();
        let by_class = all.reshape([rows, centers / self.centers_per_class, self.centers_per_class]);
        let shares = activation::softmax(by_class.clone().div_scalar(self.gamma), 2);
        let similarity = (shares * by_class).sum_dim(2).squeeze_dim::<2>(2); // [batch, classes]
        let logits = with_margin(batch, similarity, |own| own.sub_scalar(self.margin));
        cross_entropy(batch, logits.mul_scalar(self.lambda), 0.0)
    }
}
