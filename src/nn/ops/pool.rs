//! Pools: the largest value or the mean of each window, or of a whole channel.

use burn::tensor::Tensor;

use super::stock;
use crate::fused;
use simpipe_kernel::{PoolShape, WindowShape};

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
    pub(crate) fn windows(&self, [n, h, w, c]: [usize; 4]) -> Option<WindowShape> {
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

/// The pool as the kernels have it: windows side by side, of at most 15 pixels a side.
fn pool_shape(x: &Tensor<4>, size: usize, stride: usize) -> Option<PoolShape> {
    let [n, h, w, c] = x.dims();
    (stride == size && (1..=15).contains(&size)).then_some(PoolShape { n, h, w, c, k: size })
}
