//! The operations that training time goes into, each behind one function, and the one place that knows how tensors
//! are laid out in memory: feature maps are `[batch, height, width, channels]`, kernels `[height, width, in, out]`, as
//! Keras has them.
//!
//! On the flex backend they are our own CPU kernels (`fused`), elsewhere burn's (`stock`). Owns no
//! parameter and no shape check: shape inference has made those before a tensor exists.

mod stock;
#[cfg(test)]
mod tests;

use burn::tensor::{Tensor, TensorData, activation};

pub use simpipe_kernel::{Act, Numerics};

use super::device;
use super::fused::{self, ConvNorm, ConvNormOperands, NormOperands};
use simpipe_kernel::{BatchStats, ConvShape, PoolShape, WindowShape, is_depthwise};

/// What follows a convolution's bias in the same pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// Nothing.
    Linear,
    /// `max(x, 0)`.
    Relu,
}

/// Steps and zero padding of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvGeometry {
    /// Step between outputs, in pixels.
    pub stride: usize,
    /// Rows of zeros above and below.
    pub rows: (usize, usize),
    /// Columns of zeros left and right.
    pub columns: (usize, usize),
    /// Step between the pixels that one output sees.
    pub dilation: usize,
    /// Parts of the channels and of the filters, each of which sees its own.
    pub groups: usize,
    /// Which methods may compute it.
    pub numerics: Numerics,
}

impl ConvGeometry {
    /// Whether our own kernels know it: neither groups nor holes.
    const fn is_plain(&self) -> bool {
        self.groups == 1 && self.dilation == 1
    }

    /// Whether it is one of each channel by itself that our own kernels know.
    fn is_depthwise(&self, shape: &ConvShape) -> bool {
        self.groups == shape.c_in && self.dilation == 1 && is_depthwise(shape)
    }

    /// The convolution of images `[n, h, w, in]` with kernels `[kh, kw, in, out]`, as our own kernels have it.
    pub(super) const fn shape(&self, [n, h, w, c_in]: [usize; 4], [kh, kw, _, c_out]: [usize; 4]) -> ConvShape {
        let pad = [self.rows.0, self.columns.0, self.rows.1, self.columns.1];
        ConvShape { n, h, w, c_in, c_out, kernel: [kh, kw], stride: [self.stride; 2], pad, numerics: self.numerics }
    }
}

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

/// `epilogue(conv(x, weight) + bias)`.
///
/// # Shapes
/// - `x`: `[n, h, w, in]`, `weight`: `[kh, kw, in / groups, out]`, `bias`: `[out]`
/// - returns `[n, h', w', out]`
#[must_use]
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, at: ConvGeometry, epilogue: Epilogue) -> Tensor<4> {
    let ours = || {
        let shape = at.shape(x.dims(), weight.dims());
        fused::conv2d(&x, &weight, &bias, shape, epilogue == Epilogue::Relu)
    };
    let ours = if at.is_plain() { ours() } else { depthwise(&x, &weight, &bias, at, epilogue) };
    ours.unwrap_or_else(|| stock::conv2d(x, weight, bias, at, epilogue))
}

/// [`conv2d`] and [`activate`] behind it: in training as one operation where the map in between is cheaper computed once
/// more than kept. The same numbers.
///
/// # Shapes
/// As [`conv2d`].
#[must_use]
pub fn conv2d_act(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, at: ConvGeometry, act: Act) -> Tensor<4> {
    if at.is_plain() {
        let shape = at.shape(x.dims(), weight.dims());
        if let Some(y) = fused::conv2d_act(&x, &weight, &bias, shape, act) {
            return y;
        }
    }
    activate(conv2d(x, weight, bias, at, Epilogue::Linear), act)
}

/// Our own kernels of a convolution of each channel by itself, if it is one.
fn depthwise(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: &Tensor<1>,
    at: ConvGeometry,
    epilogue: Epilogue,
) -> Option<Tensor<4>> {
    let shape = at.shape(x.dims(), weight.dims());
    if at.is_depthwise(&shape) { fused::depthwise(x, weight, bias, shape, epilogue == Epilogue::Relu) } else { None }
}

/// [`conv2d`] and a [`max_pool`] of side and stride `size` behind it, in training as one operation where the backend has
/// it: the same numbers, and the map in between is neither kept nor its gradient written.
///
/// # Shapes
/// As those two.
#[must_use]
pub fn conv2d_max_pool(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    at: ConvGeometry,
    epilogue: Epilogue,
    size: usize,
) -> Tensor<4> {
    if at.is_plain() && (1..=15).contains(&size) {
        let shape = at.shape(x.dims(), weight.dims());
        if let Some(y) = fused::conv2d_max_pool(&x, &weight, &bias, shape, epilogue == Epilogue::Relu, size) {
            return y;
        }
    }
    max_pool(conv2d(x, weight, bias, at, epilogue), size, size)
}

/// The matrix product `a b`.
///
/// # Shapes
/// `a`: `[m, k]`, `b`: `[k, n]`; returns `[m, n]`.
#[must_use]
pub fn product(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    if device::is_vulkan(&a.device()) { stock::product_by_convolution(a, b) } else { a.matmul(b) }
}

/// Rows times a matrix of weights, `x w + bias`; with [`Numerics::Bf16`] as products of bfloat16, where the backend has them.
///
/// # Shapes
/// `x`: `[n, in]`, `weight`: `[in, out]`, `bias`: `[out]`; returns `[n, out]`.
#[must_use]
pub fn dense(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, numerics: Numerics) -> Tensor<2> {
    if numerics == Numerics::Bf16 {
        let ([rows, inputs], [_, outputs]) = (x.dims(), weight.dims());
        let shape = ConvShape::of_rows(rows, inputs, outputs, numerics);
        let bias = bias.clone().unwrap_or_else(|| Tensor::zeros([outputs], &x.device()));
        let (x, weight) = (x.clone().reshape([rows, 1, 1, inputs]), weight.clone().reshape([1, 1, inputs, outputs]));
        if let Some(y) = fused::conv2d(&x, &weight, &bias, shape, false) {
            return y.reshape([rows, outputs]);
        }
    }
    let y = product(x, weight);
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// The matrix products `a b` of every head of every example.
///
/// # Shapes
/// `a`: `[n, heads, m, k]`, `b`: `[n, heads, k, l]`; returns `[n, heads, m, l]`.
#[must_use]
pub fn products(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    if device::is_vulkan(&a.device()) { stock::products_by_convolution(a, b) } else { a.matmul(b) }
}

/// The sum of all numbers: `[1]`.
#[must_use]
pub fn sum<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    if device::is_vulkan(&x.device()) { stock::sum_of_a_row(x) } else { x.sum() }
}

/// The mean of all numbers: `[1]`.
#[must_use]
pub fn mean<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    #[expect(clippy::cast_precision_loss, reason = "a tensor has far fewer than 2^52 numbers")]
    let count = x.shape().num_elements() as f64;
    if device::is_vulkan(&x.device()) { stock::sum_of_a_row(x).div_scalar(count) } else { x.mean() }
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
    fn forward(self, x: Tensor<4>) -> Tensor<4> {
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

/// The function of every value.
#[must_use]
pub fn activate<const D: usize>(x: Tensor<D>, act: Act) -> Tensor<D> {
    match act {
        Act::Identity => x,
        Act::Relu => activation::relu(x),
        Act::Relu6 => fused::activation(&x, act).unwrap_or_else(|| activation::relu6(x)),
        Act::Gelu => fused::activation(&x, act).unwrap_or_else(|| stock::gelu(x)),
        Act::Silu => fused::activation(&x, act).unwrap_or_else(|| activation::silu(x)),
    }
}

/// The largest value of each square window that lies within the map.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, (h - size) / stride + 1, (w - size) / stride + 1, c]`.
#[must_use]
pub fn max_pool(x: Tensor<4>, size: usize, stride: usize) -> Tensor<4> {
    pool_shape(&x, size, stride)
        .and_then(|shape| fused::max_pool(&x, shape))
        .unwrap_or_else(|| stock::max_pool(x, size, stride))
}

/// Square windows of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolGeometry {
    /// Side of a window, in pixels.
    pub size: usize,
    /// Step between windows, in pixels.
    pub stride: usize,
    /// Rows of border above and below, fewer than `size`.
    pub rows: (usize, usize),
    /// Columns of border left and right, fewer than `size`.
    pub columns: (usize, usize),
}

impl PoolGeometry {
    const fn has_border(&self) -> bool {
        self.rows.0 + self.rows.1 + self.columns.0 + self.columns.1 > 0
    }

    /// As our own kernels have it, if they know it: windows of at most 15 pixels a side, each of which sees a pixel.
    pub(super) fn windows(&self, [n, h, w, c]: [usize; 4]) -> Option<WindowShape> {
        let pad = [self.rows.0, self.columns.0, self.rows.1, self.columns.1];
        let fits = (1..=15).contains(&self.size) && self.stride > 0 && pad.iter().all(|pad| *pad < self.size);
        fits.then_some(WindowShape { n, h, w, c, size: self.size, stride: self.stride, pad })
    }
}

/// The largest value of each square window, where the border counts for nothing.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, (h + border - size) / stride + 1, (w + border - size) / stride + 1, c]`.
#[must_use]
pub fn max_pool_with_border(x: Tensor<4>, at: PoolGeometry) -> Tensor<4> {
    if !at.has_border() && at.size == at.stride {
        return max_pool(x, at.size, at.stride);
    }
    at.windows(x.dims()).and_then(|shape| fused::window_max(&x, shape)).unwrap_or_else(|| {
        if at.has_border() { stock::max_pool_with_border(x, at) } else { stock::max_pool(x, at.size, at.stride) }
    })
}

/// The mean of each square window: of the pixels of the map, or with `border_counts` of those of the border too, which
/// are zero; shapes as [`max_pool_with_border`].
#[must_use]
pub fn avg_pool(x: Tensor<4>, at: PoolGeometry, border_counts: bool) -> Tensor<4> {
    stock::avg_pool(x, at, border_counts)
}

/// The largest value of each channel: `[n, h, w, c]` to `[n, c]`.
#[must_use]
pub fn global_max_pool(x: Tensor<4>) -> Tensor<2> {
    fused::global_max_pool(&x).unwrap_or_else(|| stock::global_max_pool(x))
}

/// The mean of each channel: `[n, h, w, c]` to `[n, c]`.
#[must_use]
pub fn global_avg_pool(x: Tensor<4>) -> Tensor<2> {
    fused::global_mean(&x).unwrap_or_else(|| stock::global_avg_pool(x))
}

/// `x * rsqrt(max(sum x^2, 1e-12))` by row: unit norm, and a row of zeros stays zero. `[n, d]` to `[n, d]`.
#[must_use]
pub fn l2_normalize(x: Tensor<2>) -> Tensor<2> {
    let norm = x.clone().square().sum_dim(1).clamp_min(1e-12).sqrt(); // [n, 1]
    x / norm
}

/// The kernels compute in `f32`.
#[expect(clippy::cast_possible_truncation, reason = "an epsilon needs no more digits")]
const fn single(epsilon: f64) -> f32 {
    epsilon as f32
}

/// The pool as the kernels have it: windows side by side, of at most 15 pixels a side.
fn pool_shape(x: &Tensor<4>, size: usize, stride: usize) -> Option<PoolShape> {
    let [n, h, w, c] = x.dims();
    (stride == size && (1..=15).contains(&size)).then_some(PoolShape { n, h, w, c, k: size })
}
