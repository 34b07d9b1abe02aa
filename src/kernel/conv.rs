//! Convolution with bias and optional relu: checks, and the choice of the method.
use crate::after::{After, finish_map, is_nothing};
use crate::bn_pool::{affine_max_pool, spread};
use crate::conv_grads::ConvGrads;
use crate::half::Halves;
use crate::out_grad::{OutputGrad, Source};
use crate::pack::padded;
use crate::pool::max_pool_backward;
use crate::scratch::Scratch;
use crate::shape::{ConvShape, Numerics, PoolShape};
use crate::stats::{BatchStats, batch_stats};
use crate::winograd::Keep;
use crate::{direct, direct_grad, half_conv, half_grad, wino_grad, winograd};

/// Winograd pays where the products dominate the transforms.
pub fn use_winograd(shape: &ConvShape) -> bool {
    let pays = shape.kernel == [3, 3] && shape.stride == [1, 1] && shape.c_in >= 16 && shape.c_out >= 16;
    pays && shape.numerics == Numerics::Fast
}

fn empty(shape: &ConvShape) -> bool {
    shape.y_len() == 0 || shape.c_in == 0
}

/// The weights and bias of a convolution in the form its kernel reads, for one size of image and any number of images.
#[derive(Debug)]
pub struct ConvWeights {
    shape: ConvShape,
    weights: Form,
    bias: Scratch,
}

/// The weights as the method that computes a convolution reads them.
#[derive(Debug)]
enum Form {
    /// For Winograd's tile of this size.
    Winograd(usize, Scratch),
    Direct(Scratch),
    Halves(Halves),
}

impl ConvWeights {
    /// `w`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`; of the shape all but `n` counts.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn new(shape: &ConvShape, w: &[f32], bias: &[f32]) -> Self {
        assert_eq!(w.len(), shape.w_len(), "w");
        assert_eq!(bias.len(), shape.c_out, "bias");
        let weights = if use_winograd(shape) {
            let tile = winograd::tile_size(shape);
            Form::Winograd(tile, winograd::prepare(tile, w, shape.c_in, shape.c_out))
        } else if half_conv::applies(shape) {
            Form::Halves(half_conv::prepare(shape, w))
        } else {
            Form::Direct(direct::prepare(shape, w))
        };
        Self { shape: *shape, weights, bias: padded(bias) }
    }

    fn run(&self, n: usize, x: &[f32], relu: bool, keep: Keep<'_>, y: &mut [f32]) -> Option<BatchStats> {
        let shape = &ConvShape { n, ..self.shape };
        check(shape, x, y.len());
        if empty(shape) {
            for (i, v) in y.iter_mut().enumerate() {
                let b = self.bias[i % shape.c_out];
                *v = if relu { b.max(0.0) } else { b };
            }
            return matches!(keep, Keep::Stats).then(|| batch_stats(y, shape.c_out));
        }
        let want = matches!(keep, Keep::Stats);
        match &self.weights {
            Form::Winograd(tile, u) => winograd::forward(shape, *tile, x, u, &self.bias, relu, keep, y),
            Form::Direct(u) => direct::forward(shape, x, u, &self.bias, relu, want, y),
            Form::Halves(u) => {
                let after = if relu { After::Relu } else { After::Nothing };
                half_conv::forward(shape, x, u, &self.bias, after, None, want, y)
            }
        }
    }

    /// As [`conv2d_forward`] for `n` images.
    ///
    /// # Panics
    /// If a length does not match.
    pub fn forward(&self, n: usize, x: &[f32], relu: bool, y: &mut [f32]) {
        self.run(n, x, relu, Keep::Map, y);
    }

    /// `y = after(conv(x, w) + bias + add)` for `n` images, or without a summand: `add` is as long as `y`.
    ///
    /// # Panics
    /// If a length does not match.
    pub fn forward_after(&self, n: usize, x: &[f32], after: After, add: Option<&[f32]>, y: &mut [f32]) {
        assert!(add.is_none_or(|add| add.len() == y.len()), "add");
        let relu = after == After::Relu && add.is_none();
        let shape = &ConvShape { n, ..self.shape };
        if !empty(shape) {
            match &self.weights {
                Form::Winograd(..) => {}
                Form::Direct(u) => {
                    check(shape, x, y.len());
                    direct::forward_after(shape, x, u, &self.bias, after, add, y);
                    return;
                }
                Form::Halves(u) => {
                    check(shape, x, y.len());
                    half_conv::forward(shape, x, u, &self.bias, after, add, false, y);
                    return;
                }
            }
        }
        self.run(n, x, relu, Keep::Map, y);
        if relu || is_nothing(after, add) {
            return;
        }
        finish_map(None, after, add, y);
    }

    /// As [`conv2d_forward_stats`] for `n` images.
    ///
    /// # Panics
    /// If a length does not match.
    pub fn forward_stats(&self, n: usize, x: &[f32], relu: bool, y: &mut [f32]) -> BatchStats {
        self.run(n, x, relu, Keep::Stats, y).expect("asked for")
    }

    /// For inference: the convolution, `max(0)` if `relu`, `* scale + offset` per channel (a batch normalisation), max-pool with kernel and
    /// stride `k`, valid. Where Winograd's tile is the window, the map is never written.
    ///
    /// `scale`, `offset`: `[c_out]`, `y`: `[n, oh / k, ow / k, c_out]` (overwritten).
    ///
    /// # Panics
    /// If a length does not match, or `k` is 0 or above 15.
    pub fn forward_pool(
        &self,
        n: usize,
        x: &[f32],
        relu: bool,
        scale: &[f32],
        offset: &[f32],
        k: usize,
        y: &mut [f32],
    ) {
        let shape = &ConvShape { n, ..self.shape };
        let [h, w] = shape.out();
        let pool = PoolShape { n, h, w, c: shape.c_out, k };
        assert!(scale.len() == shape.c_out && offset.len() == shape.c_out && (1..=15).contains(&k), "lengths");
        assert_eq!(y.len(), pool.y_len(), "y");
        if let Form::Winograd(tile, u) = &self.weights
            && k == *tile
            && !empty(shape)
        {
            assert_eq!(x.len(), shape.x_len(), "x");
            let (scale, offset) = (padded(scale), padded(offset));
            winograd::forward(shape, k, x, u, &self.bias, relu, Keep::Pool { scale: &scale, offset: &offset }, y);
            return;
        }
        let mut map = Scratch::take(shape.y_len());
        self.run(n, x, relu, Keep::Map, &mut map);
        affine_max_pool(&pool, &map, scale, offset, y);
    }
}

/// `y = conv(x, w) + bias`, then `max(0)` if `relu`.
///
/// `x`: `[n, h, w, c_in]`, `w`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`, `y`: `[n, oh, ow, c_out]` (overwritten).
///
/// # Panics
/// If a length does not match the shape.
pub fn conv2d_forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
    ConvWeights::new(shape, w, bias).forward(shape.n, x, relu, y);
}

/// [`conv2d_forward`] that also gives mean and variance of each channel of `y`, for the batch normalisation after it.
///
/// # Panics
/// If a length does not match the shape.
pub fn conv2d_forward_stats(
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    relu: bool,
    y: &mut [f32],
) -> BatchStats {
    ConvWeights::new(shape, w, bias).forward_stats(shape.n, x, relu, y)
}

/// The gradients of [`conv2d_forward`] for the output gradient `dy`: `[n, oh, ow, c_out]`.
///
/// With relu, `y` is the saved output: `dy` counts as zero where `y <= 0`.
///
/// # Panics
/// If a length does not match the shape.
pub fn conv2d_backward(shape: &ConvShape, x: &[f32], w: &[f32], y: Option<&[f32]>, dy: &[f32], grads: ConvGrads<'_>) {
    let source = Source { grad: OutputGrad { dy, relu: y.is_some(), norm: None, pool: None }, y };
    backward(shape, x, w, source, grads);
}

/// The gradients of a convolution followed by relu, batch normalisation and perhaps max-pool, of which `grad` says what there is: the same as
/// [`conv2d_backward`] on the gradient taken back through these, without writing that.
///
/// `y`: `[n, oh, ow, c_out]`, the saved output of the convolution.
///
/// # Panics
/// If a length does not match the shape, or there is a pool without a normalisation.
pub fn conv2d_backward_fused(
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    y: &[f32],
    grad: &OutputGrad<'_>,
    grads: ConvGrads<'_>,
) {
    backward(shape, x, w, Source { grad: *grad, y: Some(y) }, grads);
}

/// The gradients of a convolution followed by a max-pool, from those of the maxima: `grad` has a pool and nothing else.
///
/// # Panics
/// As [`conv2d_backward_fused`].
pub fn conv2d_backward_pooled(shape: &ConvShape, x: &[f32], w: &[f32], grad: &OutputGrad<'_>, grads: ConvGrads<'_>) {
    assert!(!grad.relu && grad.norm.is_none(), "a pool alone");
    backward(shape, x, w, Source { grad: *grad, y: None }, grads);
}

fn backward(shape: &ConvShape, x: &[f32], w: &[f32], source: Source<'_>, grads: ConvGrads<'_>) {
    let OutputGrad { dy, relu, norm, pool } = source.grad;
    check(shape, x, shape.y_len());
    assert!(source.y.is_none_or(|y| y.len() == shape.y_len()), "y");
    assert!(norm.is_none_or(|n| n.c == shape.c_out) && (norm.is_none() || source.y.is_some()), "norm");
    let [h, wd] = shape.out();
    let windows = PoolShape { n: shape.n, h, w: wd, c: shape.c_out, k: pool.map_or(1, |p| p.0) };
    assert!((1..=15).contains(&windows.k) && dy.len() == windows.y_len(), "dy");
    assert!(pool.is_none_or(|p| p.1.len() == dy.len()), "arg");
    assert_eq!(w.len(), shape.w_len(), "w");
    assert!(grads.dx.as_ref().is_none_or(|d| d.len() == x.len()), "dx");
    assert_eq!(grads.dw.len(), w.len(), "dw");
    assert_eq!(grads.db.len(), shape.c_out, "db");
    if empty(shape) {
        grads.dw.fill(0.0);
        grads.db.fill(0.0);
        if let Some(dx) = grads.dx {
            dx.fill(0.0);
        }
    } else if use_winograd(shape) {
        wino_grad::backward(shape, winograd::tile_size(shape), x, w, &source, grads);
    } else if let (Some((_, arg)), Some(norm), Some(y)) = (pool, norm, source.y) {
        let mut map = Scratch::take(y.len());
        spread(&windows, y, norm, arg, dy, &mut map);
        let grad = OutputGrad { dy: &map, relu, norm: None, pool: None };
        backward_of_map(shape, x, w, &Source { grad, ..source }, grads);
    } else if let Some((_, arg)) = pool {
        let mut map = Scratch::take(shape.y_len());
        max_pool_backward(&windows, dy, arg, &mut map);
        let grad = OutputGrad { dy: &map, pool: None, ..source.grad };
        backward_of_map(shape, x, w, &Source { grad, ..source }, grads);
    } else {
        backward_of_map(shape, x, w, &source, grads);
    }
}

/// The same without Winograd's transforms, from a source without a max-pool.
fn backward_of_map(shape: &ConvShape, x: &[f32], w: &[f32], source: &Source<'_>, grads: ConvGrads<'_>) {
    if half_conv::applies(shape) {
        half_grad::backward(shape, x, w, source, grads);
    } else {
        direct_grad::backward(shape, x, w, source, grads);
    }
}

fn check(shape: &ConvShape, x: &[f32], y: usize) {
    assert!(shape.stride[0] > 0 && shape.stride[1] > 0 && shape.kernel[0] > 0 && shape.kernel[1] > 0, "{shape:?}");
    assert_eq!(x.len(), shape.x_len(), "x");
    assert_eq!(y, shape.y_len(), "y");
}

#[cfg(test)]
#[path = "half_tests.rs"]
mod half_tests;
#[cfg(test)]
#[path = "precision_tests.rs"]
mod precision;
#[cfg(test)]
#[path = "conv_tests.rs"]
mod tests;
