//! Batch normalisation, in training with what follows it and with the convolution in front of it.

use burn::tensor::{Tensor, TensorData, activation};

use super::{ConvGeometry, Epilogue, activate, conv2d, max_pool, stock};
use crate::fused::{self, ConvNorm, ConvNormOperands, NormOperands};
use simpipe_kernel::{Act, BatchStats};

/// Mean and variance of one batch by channel, both `[channels]`, outside the autodiff graph.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// Over batch, height and width.
    pub mean: Tensor<1>,
    /// The *unbiased* variance `sum (x - mean)^2 / (n - 1)`: what Keras' moving average takes.
    pub variance: Tensor<1>,
}

impl BatchStatistics {
    /// From a kernel's statistics.
    fn from_kernel(stats: &BatchStats, like: &Tensor<1>) -> Self {
        let device = like.clone().without_autodiff().device();
        let tensor = |values: Vec<f32>| {
            let channels = values.len();
            Tensor::from_data(TensorData::new(values, [channels]), &device)
        };
        // With a single value there is no unbiased variance; the biased one, 0, then stands for it.
        #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^24 values a channel")]
        let bessel = stats.rows as f32 / stats.rows.saturating_sub(1).max(1) as f32;
        Self {
            mean: tensor(stats.mean.clone()),
            variance: tensor(stats.var.iter().map(|variance| variance * bessel).collect()),
        }
    }
}

/// A batch normalisation in training.
#[derive(Debug, Clone)]
pub struct TrainedNorm {
    /// The scale, `[c]`.
    pub gamma: Tensor<1>,
    /// The shift, `[c]`.
    pub beta: Tensor<1>,
    /// Added to the variance.
    pub epsilon: f64,
}

/// What follows a batch normalisation in training, in this order.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    /// A function of each value.
    pub act: Act,
    /// The other way of a residual, which is added.
    pub shortcut: Option<Shortcut>,
    /// The side and stride of a max-pool.
    pub pool: Option<usize>,
}

/// The other way of a residual.
#[derive(Debug, Clone)]
pub struct Shortcut {
    /// What is added, of the shape of the map.
    pub map: Tensor<4>,
    /// Whether `max(x, 0)` follows the sum.
    pub relu: bool,
}

impl Tail {
    /// As the kernels have it; a pool of larger windows, or one behind a sum or more than a relu, is left out.
    fn fused(&self) -> fused::Tail {
        let is_simple = matches!(self.act, Act::Identity | Act::Relu) && self.shortcut.is_none();
        let pool = self.pool.filter(|side| (1..=15).contains(side) && is_simple);
        fused::Tail { act: self.act, pool, sum_relu: self.shortcut.as_ref().is_some_and(|shortcut| shortcut.relu) }
    }

    /// What it makes of a map by operations of their own.
    pub(super) fn forward(self, x: Tensor<4>) -> Tensor<4> {
        let x = activate(x, self.act);
        let x = match self.shortcut {
            Some(Shortcut { map, relu: true }) => activation::relu(x + map),
            Some(Shortcut { map, relu: false }) => x + map,
            None => x,
        };
        pooled(x, self.pool)
    }

    /// What is left of it behind the operation that [`Tail::fused`] is part of.
    fn rest(&self, x: Tensor<4>) -> Tensor<4> {
        pooled(x, self.pool.filter(|_| self.fused().pool.is_none()))
    }
}

fn pooled(x: Tensor<4>, pool: Option<usize>) -> Tensor<4> {
    match pool {
        Some(size) => max_pool(x, size, size),
        None => x,
    }
}

/// Normalises each channel by the batch's own mean and *biased* variance: `gamma (x - mean) / sqrt(var + eps) + beta`
/// (Ioffe and Szegedy, 2015, arXiv:1502.03167), and gives the statistics for the moving averages.
///
/// # Shapes
/// `x` and the result: `[n, h, w, c]`; `gamma`, `beta`: `[c]`.
#[must_use]
pub fn batch_norm_train(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, BatchStatistics) {
    batch_norm_tail_train(x, TrainedNorm { gamma, beta, epsilon }, Tail::default())
}

/// [`batch_norm_train`] with what follows, in one pass over memory where the backend has it: the same numbers.
///
/// # Shapes
/// `x` and a shortcut: `[n, h, w, c]`; gives that, with a pool `[n, h / size, w / size, c]`; `gamma`, `beta`: `[c]`.
#[must_use]
pub fn batch_norm_tail_train(x: Tensor<4>, norm: TrainedNorm, tail: Tail) -> (Tensor<4>, BatchStatistics) {
    let TrainedNorm { gamma, beta, epsilon } = norm;
    let shortcut = tail.shortcut.as_ref().map(|shortcut| &shortcut.map);
    let of = NormOperands { x: &x, gamma: &gamma, beta: &beta, shortcut };
    if let Some((y, stats)) = fused::batch_norm_train(of, single(epsilon), tail.fused()) {
        return (tail.rest(y), BatchStatistics::from_kernel(&stats, &gamma));
    }
    let (y, statistics) = stock::batch_norm_train(x, gamma, beta, epsilon);
    (tail.forward(y), statistics)
}

/// [`conv2d`] and [`batch_norm_tail_train`]: as one operation where the backend has it, which saves most
/// passes over the maps in between.
///
/// # Shapes
/// As those two; `gamma`, `beta`: `[out]`.
#[must_use]
pub fn conv2d_norm_train(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    at: ConvGeometry,
    epilogue: Epilogue,
    norm: TrainedNorm,
    tail: Tail,
) -> (Tensor<4>, BatchStatistics) {
    // Behind a pool of large windows the convolution has always been one of its own, which sums in another order.
    let is_apart = tail.act == Act::Identity && tail.pool.is_some() && tail.fused().pool.is_none();
    let shape = at.shape(x.dims(), weight.dims());
    let depthwise = at.is_depthwise(&shape) && tail.fused().pool.is_none();
    if (at.is_plain() || depthwise) && !is_apart {
        let TrainedNorm { gamma, beta, epsilon } = &norm;
        let (relu, epsilon) = (epilogue == Epilogue::Relu, single(*epsilon));
        let depthwise = !at.is_plain();
        let what = ConvNorm { shape, depthwise, relu, epsilon, tail: tail.fused() };
        let shortcut = tail.shortcut.as_ref().map(|shortcut| &shortcut.map);
        let of = ConvNormOperands { x: &x, weight: &weight, bias: &bias, gamma, beta, shortcut };
        if let Some((y, stats)) = fused::conv2d_norm(what, of) {
            return (tail.rest(y), BatchStatistics::from_kernel(&stats, gamma));
        }
    }
    batch_norm_tail_train(conv2d(x, weight, bias, at, epilogue), norm, tail)
}

/// Normalises each channel by given statistics: `gamma (x - mean) / sqrt(variance + eps) + beta`.
///
/// # Shapes
/// `x` and the result: `[n, h, w, c]`; the others: `[c]`.
#[must_use]
pub fn batch_norm_eval(x: Tensor<4>, [gamma, beta, mean, variance]: [Tensor<1>; 4], epsilon: f64) -> Tensor<4> {
    fused::batch_norm_eval(&x, [&gamma, &beta, &mean, &variance], single(epsilon))
        .unwrap_or_else(|| stock::batch_norm_eval(x, [gamma, beta, mean, variance], epsilon))
}

/// The kernels compute in `f32`.
#[expect(clippy::cast_possible_truncation, reason = "an epsilon needs no more digits")]
const fn single(epsilon: f64) -> f32 {
    epsilon as f32
}
