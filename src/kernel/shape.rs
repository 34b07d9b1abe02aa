//! Shapes of the operations.

/// Which methods may compute a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numerics {
    /// The fastest: Winograd's transforms where they pay, which cost one to two of `f32`'s seven digits.
    #[default]
    Fast,
    /// Sums of products only, as the definition has them.
    Exact,
    /// Products of bfloat16 where inputs and outputs have at least 16 channels: both sides are rounded to 8 bits, sums stay `f32`.
    Bf16,
}

/// Pixels of a map above which sums over them are taken in blocks of [`BLOCK`], so that they lose no digits to the size of the map. Smaller
/// ones keep the bits that they have always had.
pub(crate) const LARGE: usize = 64 * 64;
/// Pixels of such a block, about.
pub(crate) const BLOCK: usize = 1024;

/// A 2-d convolution, NHWC, weights HWIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zero padding: top, left, bottom, right.
    pub pad: [usize; 4],
    /// Which methods may compute it.
    pub numerics: Numerics,
}

impl ConvShape {
    /// Valid padding, stride 1. `x` is `[n, h, w, c_in]`, weights `[kh, kw, c_in, c_out]`.
    pub fn valid([n, h, w, c_in]: [usize; 4], kernel: [usize; 2], c_out: usize) -> Self {
        Self { n, h, w, c_in, c_out, kernel, stride: [1, 1], pad: [0; 4], numerics: Numerics::Fast }
    }

    /// The product of rows `[rows, k]` with a matrix `[k, n]`: images of one pixel.
    pub fn of_rows(rows: usize, k: usize, n: usize, numerics: Numerics) -> Self {
        Self { numerics, ..Self::valid([rows, 1, 1, k], [1, 1], n) }
    }

    /// With Keras's "same" padding for the given stride (the odd zero goes to the bottom and right).
    pub fn same([n, h, w, c_in]: [usize; 4], kernel: [usize; 2], c_out: usize, stride: [usize; 2]) -> Self {
        let total = |size: usize, k: usize, s: usize| ((size.div_ceil(s).max(1) - 1) * s + k).saturating_sub(size);
        let (v, u) = (total(h, kernel[0], stride[0]), total(w, kernel[1], stride[1]));
        let pad = [v / 2, u / 2, v - v / 2, u - u / 2];
        Self { n, h, w, c_in, c_out, kernel, stride, pad, numerics: Numerics::Fast }
    }

    /// Output height and width (0 if the kernel does not fit).
    pub fn out(&self) -> [usize; 2] {
        let one = |size: usize, k: usize, s: usize| if size < k { 0 } else { (size - k) / s + 1 };
        [
            one(self.h + self.pad[0] + self.pad[2], self.kernel[0], self.stride[0]),
            one(self.w + self.pad[1] + self.pad[3], self.kernel[1], self.stride[1]),
        ]
    }

    /// Elements of the input.
    pub fn x_len(&self) -> usize {
        self.n * self.h * self.w * self.c_in
    }

    /// Elements of the weights.
    pub fn w_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.c_in * self.c_out
    }

    /// Elements of the output.
    pub fn y_len(&self) -> usize {
        let [oh, ow] = self.out();
        self.n * oh * ow * self.c_out
    }
}

/// A max-pool with kernel and stride `k`, valid padding, NHWC. Rows and columns that do not fill a window are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Images.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Channels.
    pub c: usize,
    /// Window and stride (1 to 15, so that a position in the window fits a byte).
    pub k: usize,
}

impl PoolShape {
    /// Output height and width.
    pub fn out(&self) -> [usize; 2] {
        [self.h / self.k, self.w / self.k]
    }

    /// Elements of the input.
    pub fn x_len(&self) -> usize {
        self.n * self.h * self.w * self.c
    }

    /// Elements of the output.
    pub fn y_len(&self) -> usize {
        let [oh, ow] = self.out();
        self.n * oh * ow * self.c
    }
}
