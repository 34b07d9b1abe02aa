//! `batch-norm`: normalises each channel by batch statistics, by moving averages at inference.

use burn::tensor::Tensor;

use super::init::{Start, WeightSpec};
use super::{Affine, Cx, FeatureShape, Features, Layer, Walk};
use crate::ops::{self, BatchStatistics, Tail, TrainedNorm};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// Batch normalisation (Ioffe and Szegedy, 2015, arXiv:1502.03167): in training by the batch's mean and biased
    /// variance, at inference by moving averages `momentum * old + (1 - momentum) * batch`, which take the unbiased
    /// variance as Keras' fused kernel does.
    pub struct BatchNorm {
        /// How much of the moving averages is kept at a step.
        momentum: f64 = 0.99 => check::decay(),
        /// Added to the variance.
        #[aka("eps")]
        epsilon: f64 = 1e-3 => check::positive(),
        /// Whether each channel has a learned factor, from 1 on.
        #[since = 2]
        #[aka("gamma", "use_scale", "weight", "affine")]
        scale: bool = true,
        /// Whether each channel has a learned summand, from 0 on.
        #[since = 2]
        #[aka("center", "beta", "shift", "use_bias", "offset")]
        bias: bool = true,
    }
}

/// All `[channels]`.
const GAMMA: &str = "gamma";
const BETA: &str = "beta";
const MEAN: &str = "moving_mean";
const VARIANCE: &str = "moving_variance";

impl Layer for BatchNorm {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        Ok(input.clone())
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        let channels = [input.channels()];
        let learned = [
            self.scale.then(|| WeightSpec::new(GAMMA, channels, Start::Ones)),
            self.bias.then(|| WeightSpec::new(BETA, channels, Start::Zeros)),
        ];
        let averages = [
            WeightSpec::statistic(MEAN, channels, Start::Zeros),
            WeightSpec::statistic(VARIANCE, channels, Start::Ones),
        ];
        learned.into_iter().flatten().chain(averages).collect()
    }

    /// `[n, h, w, c]` or `[n, c]`, and the same shape out.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        match x {
            Features::Image(x) => Features::Image(self.forward_image(x, cx)),
            Features::Tokens(x) => {
                let [n, t, c] = x.dims();
                Features::Tokens(self.forward_image(x.reshape([n, t, 1, c]), cx).reshape([n, t, c]))
            }
            Features::Vector(x) => {
                let [n, c] = x.dims();
                Features::Vector(self.forward_image(x.reshape([n, 1, 1, c]), cx).reshape([n, c]))
            }
        }
    }

    fn affine(&self, channels: usize, weight: &dyn Fn(&str) -> Vec<f64>) -> Option<Affine> {
        let deviation = |variance: &f64| (variance + self.epsilon).sqrt();
        let (mean, variance) = (weight(MEAN), weight(VARIANCE));
        let gamma = if self.scale { weight(GAMMA) } else { vec![1.0; channels] };
        let beta = if self.bias { weight(BETA) } else { vec![0.0; channels] };
        let scale: Vec<f64> = gamma.iter().zip(&variance).map(|(gamma, v)| gamma / deviation(v)).collect();
        let shift = scale.iter().zip(mean.iter().zip(&beta)).map(|(scale, (mean, beta))| beta - mean * scale).collect();
        Some(Affine { scale, shift })
    }
}

impl BatchNorm {
    /// Scale and shift: ones and zeros where they are not learned.
    fn learned(&self, cx: &Cx<'_>) -> (Tensor<1>, Tensor<1>) {
        let mean = || cx.weight::<1>(MEAN);
        let gamma = if self.scale { cx.weight(GAMMA) } else { mean().ones_like() };
        (gamma, if self.bias { cx.weight(BETA) } else { mean().zeros_like() })
    }

    fn forward_image(&self, x: Tensor<4>, cx: &mut Cx<'_>) -> Tensor<4> {
        let (gamma, beta) = self.learned(cx);
        if cx.trains() {
            let (y, statistics) = ops::batch_norm_train(x, gamma, beta, self.epsilon);
            self.absorb(statistics, cx);
            return y;
        }
        ops::batch_norm_eval(x, [gamma, beta, cx.weight(MEAN), cx.weight(VARIANCE)], self.epsilon)
    }

    /// The training pass with what follows in it.
    pub(crate) fn forward_with(&self, x: Tensor<4>, tail: Tail, cx: &mut Cx<'_>) -> Tensor<4> {
        let (y, statistics) = ops::batch_norm_tail_train(x, self.trained(cx), tail);
        self.absorb(statistics, cx);
        y
    }

    /// Its part of a training pass in which another layer computes it too.
    pub(crate) fn trained(&self, cx: &Cx<'_>) -> TrainedNorm {
        let (gamma, beta) = self.learned(cx);
        TrainedNorm { gamma, beta, epsilon: self.epsilon }
    }

    /// Moves the averages towards a batch's statistics.
    pub(crate) fn absorb(&self, batch: BatchStatistics, cx: &mut Cx<'_>) {
        cx.average(MEAN, self.momentum, batch.mean);
        cx.average(VARIANCE, self.momentum, batch.variance);
    }
}
