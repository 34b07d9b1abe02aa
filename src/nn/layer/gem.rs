//! `gem`: generalised-mean pooling.

use burn::tensor::Tensor;

use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};

params! {
    /// Values below `epsilon` become that.
    pub struct Clamp {
        /// The smallest value that is raised to a power.
        #[aka("eps", "min")]
        epsilon: f64 = 1e-6 => check::positive(),
    }
}

choice! {
    /// What is done with values that have no real power.
    pub enum Negative {
        /// Values below `epsilon` become that, as in the paper: for maps behind a relu.
        "clamp" => Clamp(Clamp),
        /// Each channel of an example is shifted so that its smallest value is 1, and back, as TensorFlow Similarity does.
        #[aka("offset")]
        "shift" => Shift,
    }
}

params! {
    /// Generalised-mean pooling (Radenović, Tolias and Chum, 2018, arXiv:1711.02512): `(mean x^p)^(1 / p)` of each channel,
    /// `[h, w, c]` to `[c]`. `p = 1` is the mean; the larger `p`, the nearer to the largest value; at 0 it is the geometric
    /// mean, and below it turns towards the smallest value.
    ///
    /// Computed by logarithms, so that no power overflows.
    pub struct Gem {
        /// The power.
        #[aka("power", "exponent")]
        p: f64 = 3.0 => check::between(-1_000.0, 1_000.0),
        /// Whether the power is learned, one for all channels; it then must not start at 0.
        #[aka("learnable", "trainable", "train_p", "learn_p", "p_trainable")]
        trained: bool = false,
        /// What is done with values that have no real power.
        negative: Negative = Negative::Clamp(Clamp { epsilon: 1e-6 }),
    }
}

/// `[1]`.
const POWER: &str = "power";

impl Layer for Gem {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let [_, _, channels] = input.image("gem")?;
        if self.trained && self.p == 0.0 {
            let issue = Issue::of("gem.p", "a learned power can't start at 0, where it has no gradient");
            return Err(issue.help("start at 3, as the paper does"));
        }
        Ok(FeatureShape::Vector(channels))
    }

    fn weights(&self, _: &FeatureShape) -> Vec<WeightSpec> {
        let start = Start::Constant { value: self.p };
        self.trained.then(|| WeightSpec::new(POWER, [1], start)).into_iter().collect()
    }

    /// `[n, h, w, c]` to `[n, c]`.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let x = x.into_image();
        let [n, h, w, c] = x.dims();
        let x = x.reshape([n, h * w, c]);
        let (positive, offset) = match &self.negative {
            Negative::Clamp(Clamp { epsilon }) => (x.clamp_min(*epsilon), None),
            Negative::Shift => {
                let offset = x.clone().min_dim(1).neg().add_scalar(1.0); // [n, 1, c]
                (x + offset.clone(), Some(offset))
            }
        };
        let mean = self.mean(positive, cx);
        let mean = match offset {
            Some(offset) => mean - offset,
            None => mean,
        };
        Features::Vector(mean.reshape([n, c]))
    }
}

impl Gem {
    /// The generalised mean over the second axis, `[n, 1, c]`: `exp((ln sum exp(p ln x) - ln count) / p)`.
    fn mean(&self, x: Tensor<3>, cx: &Cx<'_>) -> Tensor<3> {
        let [_, count, _] = x.dims();
        let logs = x.log();
        if self.p == 0.0 {
            return logs.mean_dim(1).exp();
        }
        let power: Tensor<3> = if self.trained {
            cx.weight::<1>(POWER).reshape([1, 1, 1])
        } else {
            Tensor::full([1, 1, 1], self.p, &logs.device())
        };
        let logs = logs * power.clone();
        let largest = logs.clone().detach().max_dim(1);
        #[expect(clippy::cast_precision_loss, reason = "a map has far fewer than 2^52 pixels")]
        let count = count as f64;
        let mean = (logs - largest.clone()).exp().sum_dim(1).div_scalar(count).log() + largest;
        (mean / power).exp()
    }
}
