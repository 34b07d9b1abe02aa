//! `batch-norm`: normalises each channel by batch statistics, by moving averages at inference.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};

use super::{Affine, Describe, FeatureShape, Features, LayerIssue, ParameterCount, Pass};
use crate::base::check;
use crate::nn::ops::{self, BatchStatistics, TrainedNorm};
use crate::params;

params! {
    /// Batch normalisation (Ioffe and Szegedy, 2015, arXiv:1502.03167): in training by the batch's mean and biased
    /// variance, at inference by moving averages `momentum * old + (1 - momentum) * batch`, which take the unbiased
    /// variance as Keras' fused kernel does.
    pub struct BatchNormSpec {
        /// How much of the moving averages is kept at a step.
        momentum: f64 = 0.99 => check::decay(),
        /// Added to the variance.
        #[aka("eps")]
        epsilon: f64 = 1e-3 => check::positive(),
    }
}

/// The weights of a [`BatchNormSpec`], all `[channels]`.
#[derive(Module, Debug)]
pub struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    /// No gradient: moved by [`BatchNorm::absorb`].
    moving_mean: Param<Tensor<1>>,
    /// No gradient: moved by [`BatchNorm::absorb`].
    moving_variance: Param<Tensor<1>>,
    #[module(skip)]
    spec: BatchNormSpec,
}

impl BatchNormSpec {
    /// Fresh weights: scale 1, shift 0, mean 0, variance 1.
    pub(super) fn init(&self, channels: usize, device: &Device) -> BatchNorm {
        let (ones, zeros) = (Tensor::ones([channels], device), Tensor::zeros([channels], device));
        BatchNorm {
            gamma: Param::from_tensor(ones.clone()),
            beta: Param::from_tensor(zeros.clone()),
            // `initialized`, not `from_tensor`: these must never ask for a gradient.
            moving_mean: Param::initialized(ParamId::new(), zeros),
            moving_variance: Param::initialized(ParamId::new(), ones),
            spec: self.clone(),
        }
    }
}

impl Describe for BatchNormSpec {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        Ok(input.clone())
    }

    fn parameters(&self, input: &FeatureShape) -> ParameterCount {
        let channels = input.channels();
        ParameterCount { total: 4 * channels, trainable: 2 * channels }
    }
}

impl BatchNorm {
    /// `[n, h, w, c]` or `[n, c]`, and the same shape out. A training pass keeps the statistics of layer `at`.
    pub(super) fn forward(&self, at: usize, x: Features, pass: &mut Pass) -> Features {
        match x {
            Features::Image(x) => Features::Image(self.forward_image(at, x, pass)),
            Features::Vector(x) => {
                let [n, c] = x.dims();
                Features::Vector(self.forward_image(at, x.reshape([n, 1, 1, c]), pass).reshape([n, c]))
            }
        }
    }

    fn forward_image(&self, at: usize, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        match pass {
            Pass::Train(training) => {
                let (y, statistics) = ops::batch_norm_train(x, gamma, beta, self.spec.epsilon);
                training.statistics.push((at, statistics));
                y
            }
            Pass::Eval => {
                let (mean, variance) = (self.moving_mean.val(), self.moving_variance.val());
                ops::batch_norm_eval(x, [gamma, beta, mean, variance], self.spec.epsilon)
            }
        }
    }

    /// The training pass with a max-pool of side and stride `size` behind it.
    pub(in crate::nn) fn forward_pooled(&self, x: Tensor<4>, size: usize) -> (Tensor<4>, BatchStatistics) {
        ops::batch_norm_max_pool_train(x, self.gamma.val(), self.beta.val(), self.spec.epsilon, size)
    }

    /// What it is at inference.
    pub(super) fn affine(&self) -> Affine {
        let values = |tensor: &Param<Tensor<1>>| -> Vec<f64> {
            let values = tensor.val().into_data().try_into_vec::<f32>().expect("weights are f32");
            values.into_iter().map(f64::from).collect()
        };
        let deviation = |variance: &f64| (variance + self.spec.epsilon).sqrt();
        let (gamma, variance) = (values(&self.gamma), values(&self.moving_variance));
        let scale: Vec<f64> = gamma.iter().zip(&variance).map(|(gamma, v)| gamma / deviation(v)).collect();
        let (mean, beta) = (values(&self.moving_mean), values(&self.beta));
        let shift = scale.iter().zip(mean.iter().zip(&beta)).map(|(scale, (mean, beta))| beta - mean * scale).collect();
        Affine { scale, shift }
    }

    /// Its part of a training pass in which another layer computes it too.
    pub(in crate::nn) fn trained(&self) -> TrainedNorm {
        TrainedNorm { gamma: self.gamma.val(), beta: self.beta.val(), epsilon: self.spec.epsilon }
    }

    /// Moves the averages towards a batch's statistics.
    pub(super) fn absorb(self, batch: BatchStatistics) -> Self {
        let momentum = self.spec.momentum;
        let average = |old: Tensor<1>, new: Tensor<1>| {
            let tracked = old.is_autodiff();
            let moved = old.without_autodiff().mul_scalar(momentum) + new.mul_scalar(1.0 - momentum);
            if tracked { Tensor::from_inner(moved) } else { moved }
        };
        Self {
            moving_mean: self.moving_mean.map(|old| average(old, batch.mean)),
            moving_variance: self.moving_variance.map(|old| average(old, batch.variance)),
            ..self
        }
    }
}
