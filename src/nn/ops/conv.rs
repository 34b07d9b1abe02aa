//! Convolutions, and what follows them in the same pass.

use burn::tensor::Tensor;

use super::{activate, max_pool, stock};
use crate::fused;
use simpipe_kernel::{Act, ConvShape, Numerics, is_depthwise};

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
    pub(super) const fn is_plain(&self) -> bool {
        self.groups == 1 && self.dilation == 1
    }

    /// Whether it is one of each channel by itself that our own kernels know.
    pub(super) fn is_depthwise(&self, shape: &ConvShape) -> bool {
        self.groups == shape.c_in && self.dilation == 1 && is_depthwise(shape)
    }

    /// The convolution of images `[n, h, w, in]` with kernels `[kh, kw, in, out]`, as our own kernels have it.
    pub(crate) const fn shape(&self, [n, h, w, c_in]: [usize; 4], [kh, kw, _, c_out]: [usize; 4]) -> ConvShape {
        let pad = [self.rows.0, self.columns.0, self.rows.1, self.columns.1];
        ConvShape { n, h, w, c_in, c_out, kernel: [kh, kw], stride: [self.stride; 2], pad, numerics: self.numerics }
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
