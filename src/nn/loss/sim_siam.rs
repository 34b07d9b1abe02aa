//! The `SimSiam` loss of two views, with the predictor that it learns.

use burn::tensor::{Tensor, activation};

use super::two_views;
use super::{Embedded, Loss, Needs, Target, zero};
use crate::layer::{Cx, Start, WeightSpec};
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::{choice, params};

choice! {
    /// What becomes of a cosine similarity `s`.
    pub enum Projection {
        /// `-s`.
        "negative-cosine-sim" => NegativeCosineSim,
        /// `1 - s`.
        "cosine-distance" => CosineDistance,
        /// `acos(s) / pi`.
        "angular-distance" => AngularDistance,
    }
}

params! {
    /// SimSiam (Chen and He, 2021, arXiv:2011.10566): a predictor `h` is to say from one view what the network makes of the
    /// other, which gets no gradient. With the cosine similarity `s` of embeddings `a` and `b` of an example's two views, and the
    /// terms of TensorFlow Similarity, the loss of an example is
    ///
    /// `f(s(h(a), b)) / 2 + margin + f(s(h(b), a)) / 2 + margin`
    ///
    /// where `f` is `projection-type` and the second argument of each is taken as it is. The batch's loss is the mean over its
    /// examples. `h` is the paper's: a matrix, batch normalisation, `max(x, 0)` and a matrix with bias. It belongs to the loss:
    /// the trained model is the network alone. No label is looked at: `views = 2` says which rows belong together.
    ///
    /// # Shapes
    ///
    /// `[2 examples, dim]` embeddings, view after view, become `[examples]` losses. Learns `hidden.weight` of
    /// `[dim, hidden]`, `norm.gamma` and `norm.beta` of `[hidden]`, `output.weight` of `[hidden, dim]`, `output.bias` of `[dim]`.
    ///
    /// # Example
    ///
    /// ```toml
    /// "simsiam"
    /// views = 2
    /// ```
    pub struct SimSiam {
        /// What becomes of the similarity; `angular-distance` has no gradient within 1e-6 of 1 and -1, where its own is infinite.
        #[aka("projection")]
        projection_type: Projection = Projection::NegativeCosineSim,
        /// Added to both terms; it changes no gradient.
        #[aka("offset")]
        margin: f64 = 0.001 => check::finite(),
        /// Length of the predictor's hidden vector; a quarter of the embedding's if it is left out.
        #[aka("hidden_dim", "pred_hidden_dim", "bottleneck", "pred_dim")]
        hidden: Option<usize> = None => check::count(1).optional(),
        /// What the optimiser's learning rate is multiplied by for the predictor.
        learning_rate_factor: f64 = 1.0 => check::positive(),
    }
}

const HIDDEN: &str = "hidden.weight";
const GAMMA: &str = "norm.gamma";
const BETA: &str = "norm.beta";
const MEAN: &str = "norm.moving_mean";
const VARIANCE: &str = "norm.moving_variance";
const OUTPUT: &str = "output.weight";
const BIAS: &str = "output.bias";

/// How much of the moving averages is kept at a step, and what is added to a variance.
const MOMENTUM: f64 = 0.9;
const EPSILON: f64 = 1e-5;
/// The arc cosine of -1 and 1 has an infinite gradient.
const LARGEST_COSINE: f64 = 1.0 - 1e-6;

impl Loss for SimSiam {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs { two_views: true, ..Needs::default() }
    }

    fn weights(&self, target: Target) -> Vec<WeightSpec> {
        let (dim, hidden) = (target.dim, self.hidden.unwrap_or_else(|| (target.dim / 4).max(1)));
        let matrix = |name, from: usize, to: usize| {
            WeightSpec::new(name, [from, to], Start::GlorotUniform { fan_in: from, fan_out: to })
        };
        let weights = vec![
            matrix(HIDDEN, dim, hidden),
            WeightSpec::new(GAMMA, [hidden], Start::Ones),
            WeightSpec::new(BETA, [hidden], Start::Zeros),
            WeightSpec::statistic(MEAN, [hidden], Start::Zeros),
            WeightSpec::statistic(VARIANCE, [hidden], Start::Ones),
            matrix(OUTPUT, hidden, dim),
            WeightSpec::new(BIAS, [dim], Start::Zeros),
        ];
        weights.into_iter().map(|weight| weight.at_rate(self.learning_rate_factor)).collect()
    }

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let Some([a, b]) = two_views::of(batch, 1) else { return zero(batch) };
        let (from_a, from_b) = (predicted(a.clone(), cx), predicted(b.clone(), cx));
        ops::mean(self.per_example(b.detach(), from_a) + self.per_example(a.detach(), from_b))
    }
}

impl SimSiam {
    /// How far each prediction is from what it is to be, `[examples]`.
    pub(crate) fn per_example(&self, projector: Tensor<2>, predictor: Tensor<2>) -> Tensor<1> {
        let cosine = (ops::l2_normalize(projector) * ops::l2_normalize(predictor)).sum_dim(1).squeeze_dim::<1>(1);
        let off = match self.projection_type {
            Projection::NegativeCosineSim => cosine.neg(),
            Projection::CosineDistance => cosine.neg().add_scalar(1.0),
            Projection::AngularDistance => {
                cosine.clamp(-LARGEST_COSINE, LARGEST_COSINE).acos().div_scalar(std::f64::consts::PI)
            }
        };
        off.mul_scalar(0.5).add_scalar(self.margin)
    }
}

/// The predictor, `[examples, dim]` to the same. Each view is normalised by itself, as the authors do.
fn predicted(x: Tensor<2>, cx: &mut Cx<'_>) -> Tensor<2> {
    let hidden = ops::product(x, cx.weight(HIDDEN));
    let [rows, size] = hidden.dims();
    let map = hidden.reshape([rows, 1, 1, size]);
    let (gamma, beta) = (cx.weight(GAMMA), cx.weight(BETA));
    let normed = if cx.trains() {
        let (normed, batch) = ops::batch_norm_train(map, gamma, beta, EPSILON);
        cx.average(MEAN, MOMENTUM, batch.mean);
        cx.average(VARIANCE, MOMENTUM, batch.variance);
        normed
    } else {
        ops::batch_norm_eval(map, [gamma, beta, cx.weight(MEAN), cx.weight(VARIANCE)], EPSILON)
    };
    let hidden = activation::relu(normed.reshape([rows, size]));
    ops::product(hidden, cx.weight(OUTPUT)) + cx.weight::<1>(BIAS).unsqueeze::<2>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::two_views::tests::two_views;

    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let kebab = |params: &mut serde_json::Value| {
            if let Some(serde_json::Value::String(name)) = params.get_mut("projection_type") {
                *name = name.replace('_', "-");
            }
        };
        two_views("SimSiamLoss", 3, kebab, SimSiam::per_example);
    }
}
