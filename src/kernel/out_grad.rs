//! Where a convolution's output gradient comes from: given as it is, or taken back through a batch normalisation (and max-pool) on the way
//! in, so that the gradient of the map in between is never written.
use crate::batch_norm::{NormSlopes, batch_norm_rows};
use crate::simd::Simd;

/// The gradient at the output of a convolution (after its relu), as given or as seen from behind a batch normalisation.
#[derive(Clone, Copy, Debug)]
pub struct OutputGrad<'a> {
    /// Without `pool` `[n, oh, ow, c_out]`, with it `[n, oh / k, ow / k, c_out]`.
    pub dy: &'a [f32],
    /// `dy` counts as zero where the saved output `y <= 0`.
    pub relu: bool,
    /// `dy` is the gradient behind a batch normalisation of the output, whose slopes for `dy` these are.
    pub norm: Option<&'a NormSlopes>,
    /// Then a max-pool: its kernel and stride, and the places `[n, oh / k, ow / k, c_out]` of the maxima.
    pub pool: Option<(usize, &'a [u8])>,
}

/// The same with the saved output, checked.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub grad: OutputGrad<'a>,
    /// Given if `relu` or `norm` is.
    pub y: Option<&'a [f32]>,
}

/// The coefficients of one register of channels.
pub(crate) struct Coefficients<S: Simd> {
    mean: S::V,
    scale: S::V,
    offset: S::V,
    slope: S::V,
    /// Of a relu behind the normalisation, if there is one.
    relu: Option<[S::V; 2]>,
}

impl<S: Simd> Coefficients<S> {
    /// For channels `ch..ch + LANES` (the vectors are padded to groups of 16); without a normalisation, unused values.
    #[inline(always)]
    pub(crate) fn load(s: S, norm: Option<&NormSlopes>, ch: usize) -> Self {
        let Some(n) = norm else {
            let z = s.splat(0.0);
            return Self { mean: z, scale: z, offset: z, slope: z, relu: None };
        };
        let one = |v: &[f32]| {
            assert!(ch + S::LANES <= v.len());
            v[ch..].as_ptr()
        };
        let [mean, scale, offset, slope] = [one(&n.mean), one(&n.scale), one(&n.offset), one(&n.slope)];
        let relu = n.relu.as_ref().map(|mask| [one(&mask.scale), one(&mask.offset)]);
        // SAFETY: the length was just asserted.
        unsafe {
            let relu = relu.map(|[scale, offset]| [s.load(scale), s.load(offset)]);
            Self { mean: s.load(mean), scale: s.load(scale), offset: s.load(offset), slope: s.load(slope), relu }
        }
    }
}

impl Source<'_> {
    /// Whether it is the gradient as it was given, and nothing is taken back.
    pub(crate) fn is_given(&self) -> bool {
        !self.grad.relu && self.grad.norm.is_none()
    }

    /// The gradients of whole pixels, numbers `range` of the map: as they were given, or written to `own`, which is as long as they are. The
    /// same numbers as by a batch normalisation and a relu one by one. Not for a source with a max-pool.
    pub(crate) fn image<'o>(&'o self, range: std::ops::Range<usize>, own: &'o mut [f32]) -> &'o [f32] {
        let dy = &self.grad.dy[range.clone()];
        let Some(y) = self.y.filter(|_| !self.is_given()) else { return dy };
        let y = &y[range];
        match self.grad.norm {
            Some(norm) => batch_norm_rows(y, norm, dy, own),
            None => own.copy_from_slice(dy),
        }
        if self.grad.relu {
            where_above_zero(y, own);
        }
        own
    }

    /// Offset in `dy` of the window of output pixel (`image`, `r`, `c`) and the pixel's place in it; with no pool, of the pixel itself.
    #[inline(always)]
    pub(crate) fn window(&self, [oh, ow]: [usize; 2], c_out: usize, [image, r, c]: [usize; 3]) -> Option<(usize, u8)> {
        let Some((k, _)) = self.grad.pool else { return Some((((image * oh + r) * ow + c) * c_out, 0)) };
        let (rows, columns) = (oh / k, ow / k);
        let (a, b) = (r / k, c / k);
        (a < rows && b < columns).then(|| (((image * rows + a) * columns + b) * c_out, (r % k * k + c % k) as u8))
    }

    /// The gradient of one register of channels of an output pixel: `at` is its offset in `y`, `window` from [`Self::window`], both of the
    /// pixel's first channel of interest; `left` channels are real.
    ///
    /// # Safety
    /// The offsets are inside the slices for `left` channels.
    #[inline(always)]
    pub(crate) unsafe fn value<S: Simd>(
        &self,
        s: S,
        at: usize,
        window: Option<(usize, u8)>,
        left: usize,
        k: &Coefficients<S>,
    ) -> S::V {
        // SAFETY: the caller's promise; `y` is there if it is needed, as checked when this was made.
        unsafe {
            let mut v = s.splat(0.0);
            if let Some((from, place)) = window {
                v = s.load_up_to(self.grad.dy.as_ptr().wrapping_add(from), left);
                if let Some((_, arg)) = self.grad.pool {
                    v = s.where_byte_up_to(arg.as_ptr().wrapping_add(from), left, place, v);
                }
            }
            if let Some(y) = self.y {
                let y = s.load_up_to(y.as_ptr().wrapping_add(at), left);
                if self.grad.norm.is_some() {
                    let d = s.sub(y, k.mean);
                    if let Some([scale, offset]) = k.relu {
                        v = s.where_positive(s.add(s.mul(d, scale), offset), v);
                    }
                    v = s.fma(v, k.scale, s.fma(d, k.slope, k.offset));
                }
                if self.grad.relu {
                    v = s.where_positive(y, v);
                }
            }
            v
        }
    }
}

simd_fn! {
    /// `g = 0` where `y > 0` does not hold.
    [] fn where_above_zero[][](y: &[f32], g: &mut [f32]) = where_above_zero_impl;
}

#[inline(always)]
fn where_above_zero_impl<S: Simd>(_: S, y: &[f32], g: &mut [f32]) {
    let y = &y[..g.len()];
    for i in 0..g.len() {
        g[i] = if y[i] > 0.0 { g[i] } else { 0.0 };
    }
}
