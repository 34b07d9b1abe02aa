//! A linear classifier on the embedding.

use burn::tensor::Tensor;

use super::class_logits;
use super::{Embedded, Loss, Needs, Target};
use crate::layer::{Cx, Start, WeightSpec};
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::{choice, params};

params! {
    /// A linear classifier on the embedding: the cross-entropy of the logits `scale (x W + b)`, rows as they are. The
    /// classifier is for training alone; what is kept is the embedding.
    ///
    /// airbench94 (Jordan, 2024, arXiv:2404.00498) trains with `scale` 1 / 256, `weight-std` 1, `smoothing` 0.2 and
    /// `reduction` "sum".
    ///
    /// # Shapes
    ///
    /// Learns `loss.cross-entropy.weight`, `[dim, classes]`, and with `bias` `loss.cross-entropy.bias`, `[classes]`.
    pub struct CrossEntropy {
        /// The share of every row's own class that is spread over all classes (Szegedy et al., 2016, arXiv:1512.00567).
        #[aka("label_smoothing")]
        smoothing: f64 = 0.0 => check::between(0.0, 1.0),
        /// What the logits are multiplied by.
        #[aka("temperature", "logit_scale", "scaling_factor")]
        scale: f64 = 1.0 => check::positive(),
        /// Whether a number is added for each class.
        #[aka("use_bias")]
        bias: bool = false,
        /// The standard deviation that the weights start with; as Glorot and Bengio (2010) have it if it is left out.
        weight_std: Option<f64> = None => check::positive().optional(),
        /// How the rows' losses become one number.
        reduction: Reduction = Reduction::Mean,
        /// How near two embeddings are; the index follows it.
        #[aka("metric", "distance_metric", "similarity")]
        distance: Distance = Distance::Cosine,
        /// What the optimiser's learning rate is multiplied by for the classifier.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

choice! {
    /// How the losses of the rows of a batch become one number.
    pub enum Reduction {
        /// Their mean.
        #[aka("average", "MeanReducer")]
        "mean" => Mean,
        /// Their sum: gradients then grow with the batch.
        #[aka("SumReducer")]
        "sum" => Sum,
    }
}

const WEIGHT: &str = "weight";
const BIAS: &str = "bias";

impl Loss for CrossEntropy {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs { known_classes: true, ..Needs::default() }
    }

    fn weights(&self, Target { dim, classes }: Target) -> Vec<WeightSpec> {
        let glorot = Start::GlorotUniform { fan_in: dim, fan_out: classes };
        let start = self.weight_std.map_or(glorot, |std| Start::Normal { std });
        let mut weights = vec![WeightSpec::new(WEIGHT, [dim, classes], start)];
        if self.bias {
            weights.push(WeightSpec::new(BIAS, [classes], Start::Zeros));
        }
        weights.into_iter().map(|weight| weight.at_rate(self.learning_rate_factor)).collect()
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let mut logits = ops::product(batch.embeddings.clone(), cx.weight(WEIGHT));
        if self.bias {
            logits = logits + cx.weight::<1>(BIAS).unsqueeze_dim::<2>(0);
        }
        let logits = logits.mul_scalar(self.scale);
        match self.reduction {
            Reduction::Mean => class_logits::cross_entropy(batch, logits, self.smoothing),
            Reduction::Sum => class_logits::summed_cross_entropy(batch, logits, self.smoothing),
        }
    }
}
