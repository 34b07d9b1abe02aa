//! Max-pools whose windows overlap or reach over the border, and the mean of each channel.
use crate::scratch::part;
use crate::simd::Simd;
use rayon::prelude::*;

/// A max-pool of any window, NHWC. What lies beyond the border counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowShape {
    /// Images.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Channels.
    pub c: usize,
    /// Side of a window, 1 to 15.
    pub size: usize,
    /// Step between windows.
    pub stride: usize,
    /// Border: top, left, bottom, right, each below `size`.
    pub pad: [usize; 4],
}

impl WindowShape {
    /// Output height and width (0 if no window fits).
    pub fn out(&self) -> [usize; 2] {
        let one = |side: usize| if side < self.size { 0 } else { (side - self.size) / self.stride + 1 };
        [one(self.h + self.pad[0] + self.pad[2]), one(self.w + self.pad[1] + self.pad[3])]
    }

    /// Elements of the output.
    pub fn y_len(&self) -> usize {
        let [oh, ow] = self.out();
        self.n * oh * ow * self.c
    }

    fn check(&self, x: usize, y: usize) {
        assert!(
            (1..=15).contains(&self.size) && self.stride > 0 && self.pad.iter().all(|p| *p < self.size),
            "{self:?}"
        );
        assert!(x == self.n * self.h * self.w * self.c && y == self.y_len(), "lengths");
    }

    /// The pixels of the window from `at` on along a side, and the number of its first one in the window.
    fn inside(&self, at: usize, pad: usize, side: usize) -> (std::ops::Range<usize>, usize) {
        let start = at * self.stride;
        let first = start.saturating_sub(pad);
        (first..(start + self.size).saturating_sub(pad).min(side), first + pad - start)
    }
}

/// The largest value of each window, `x` `[n, h, w, c]` to `y` `[n, oh, ow, c]` (overwritten), and with `arg`, as long as `y`, its place in
/// the window: row * size + column. The first of equal values wins.
///
/// # Panics
/// If a length does not match, or a window could lie in the border alone.
pub fn window_max_forward(shape: &WindowShape, x: &[f32], y: &mut [f32], arg: Option<&mut [u8]>) {
    shape.check(x.len(), y.len());
    let ([oh, ow], c) = (shape.out(), shape.c);
    if y.is_empty() {
        return;
    }
    let image = shape.h * shape.w * c;
    match arg {
        Some(arg) => {
            assert_eq!(arg.len(), y.len(), "arg");
            let rows = y.par_chunks_mut(ow * c).zip(arg.par_chunks_mut(ow * c)).enumerate();
            rows.for_each(|(r, (y, arg))| places(shape, &x[r / oh * image..][..image], r % oh, y, arg));
        }
        None => {
            let rows = y.par_chunks_mut(ow * c).enumerate();
            rows.for_each(|(r, y)| largest(shape, &x[r / oh * image..][..image], r % oh, y));
        }
    }
}

simd_fn! {
    /// Row `r` of outputs of one image.
    [] fn largest[][](shape: &WindowShape, x: &[f32], r: usize, y: &mut [f32]) = largest_impl;
}

#[inline(always)]
fn largest_impl<S: Simd>(_: S, shape: &WindowShape, x: &[f32], r: usize, y: &mut [f32]) {
    let c = shape.c;
    let rows = shape.inside(r, shape.pad[0], shape.h).0;
    for (o, y) in y.chunks_exact_mut(c).enumerate() {
        let columns = shape.inside(o, shape.pad[1], shape.w).0;
        let mut is_first = true;
        for row in rows.clone() {
            for column in columns.clone() {
                let x = &x[(row * shape.w + column) * c..][..c];
                if is_first {
                    y.copy_from_slice(x);
                } else {
                    (0..c).for_each(|i| y[i] = if x[i] > y[i] { x[i] } else { y[i] });
                }
                is_first = false;
            }
        }
    }
}

simd_fn! {
    [] fn places[][](shape: &WindowShape, x: &[f32], r: usize, y: &mut [f32], arg: &mut [u8]) = places_impl;
}

#[inline(always)]
fn places_impl<S: Simd>(_: S, shape: &WindowShape, x: &[f32], r: usize, y: &mut [f32], arg: &mut [u8]) {
    let c = shape.c;
    let (rows, top) = shape.inside(r, shape.pad[0], shape.h);
    for (o, (y, arg)) in y.chunks_exact_mut(c).zip(arg.chunks_exact_mut(c)).enumerate() {
        let (columns, left) = shape.inside(o, shape.pad[1], shape.w);
        let mut is_first = true;
        for (i, row) in rows.clone().enumerate() {
            for (j, column) in columns.clone().enumerate() {
                let x = &x[(row * shape.w + column) * c..][..c];
                let place = ((top + i) * shape.size + left + j) as u8;
                if is_first {
                    y.copy_from_slice(x);
                    arg.fill(place);
                }
                for i in 0..c {
                    let better = x[i] > y[i];
                    arg[i] = if better { place } else { arg[i] };
                    y[i] = if better { x[i] } else { y[i] };
                }
                is_first = false;
            }
        }
    }
}

/// The gradient of [`window_max_forward`]: `dy` and `arg` `[n, oh, ow, c]`, `dx` `[n, h, w, c]` (overwritten).
///
/// # Panics
/// If a length does not match.
pub fn window_max_backward(shape: &WindowShape, dy: &[f32], arg: &[u8], dx: &mut [f32]) {
    shape.check(dx.len(), dy.len());
    assert_eq!(arg.len(), dy.len(), "arg");
    let ([oh, ow], c, w) = (shape.out(), shape.c, shape.w);
    if dx.is_empty() {
        return;
    }
    // Each row of the input takes from the rows of windows that see it, from the top.
    dx.par_chunks_mut(w * c).enumerate().for_each(|(at, dx)| {
        dx.fill(0.0);
        let (i, row) = (at / shape.h, at % shape.h + shape.pad[0]);
        let first = (row + 1).saturating_sub(shape.size).div_ceil(shape.stride);
        for r in first..(row / shape.stride + 1).min(oh) {
            let tap = row - r * shape.stride;
            for o in 0..ow {
                let from = ((i * oh + r) * ow + o) * c;
                let (columns, left) = shape.inside(o, shape.pad[1], w);
                for (j, column) in columns.enumerate() {
                    let place = (tap * shape.size + left + j) as u8;
                    let to = &mut dx[column * c..][..c];
                    let (dy, arg) = (&dy[from..][..c], &arg[from..][..c]);
                    (0..c).for_each(|i| to[i] += if arg[i] == place { dy[i] } else { 0.0 });
                }
            }
        }
    });
}

/// The mean of each channel: `x` `[n, pixels, c]` to `y` `[n, c]` (overwritten).
///
/// # Panics
/// If a length does not match.
pub fn global_mean_forward(n: usize, c: usize, x: &[f32], y: &mut [f32]) {
    assert!(y.len() == n * c && (y.is_empty() || x.len().is_multiple_of(y.len())), "lengths");
    if y.is_empty() {
        return;
    }
    let pixels = x.len() / y.len();
    y.par_chunks_mut(c).enumerate().for_each(|(i, y)| mean(pixels, &x[i * pixels * c..][..pixels * c], y));
}

simd_fn! {
    [] fn mean[][](pixels: usize, x: &[f32], y: &mut [f32]) = mean_impl;
}

/// Sums of few pixels each are taken by themselves, so that a large map loses no digits.
#[inline(always)]
fn mean_impl<S: Simd>(_: S, pixels: usize, x: &[f32], y: &mut [f32]) {
    const BLOCK: usize = 64;
    let c = y.len();
    y.fill(0.0);
    let parts = pixels.div_ceil(BLOCK);
    for at in (0..c).step_by(64) {
        let width = (c - at).min(64);
        let mut whole = [0.0f32; 64];
        for k in 0..parts {
            let mut own = [0.0f32; 64];
            for pixel in part(pixels, parts, k) {
                let x = &x[pixel * c + at..][..width];
                if let Ok(x) = <&[f32; 64]>::try_from(x) {
                    (0..64).for_each(|i| own[i] += x[i]);
                } else {
                    own.iter_mut().zip(x).for_each(|(own, x)| *own += x);
                }
            }
            (0..64).for_each(|i| whole[i] += own[i]);
        }
        y[at..at + width].iter_mut().zip(whole).for_each(|(y, sum)| *y = sum / pixels as f32);
    }
}

/// The gradient of [`global_mean_forward`]: `dy` `[n, c]` to `dx` `[n, pixels, c]` (overwritten).
///
/// # Panics
/// If a length does not match.
pub fn global_mean_backward(n: usize, c: usize, dy: &[f32], dx: &mut [f32]) {
    assert!(dy.len() == n * c && (dy.is_empty() || dx.len().is_multiple_of(dy.len())), "lengths");
    if dx.is_empty() {
        return;
    }
    let pixels = dx.len() / dy.len();
    dx.par_chunks_mut(pixels * c).zip(dy.par_chunks(c)).for_each(|(dx, dy)| {
        for dx in dx.chunks_exact_mut(c) {
            (0..c).for_each(|i| dx[i] = dy[i] / pixels as f32);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Rng, error, in_pool};

    #[test]
    fn windows_and_their_gradients_are_those_of_the_definition() {
        let mut rng = Rng::new(6);
        for case in 0..80 {
            let size = 1 + case % 5;
            let (n, h, w, c) = (1 + rng.below(3), 1 + rng.below(12), 1 + rng.below(12), 1 + rng.below(40));
            let pad = [0; 4].map(|_: usize| rng.below(size));
            let shape = WindowShape { n, h, w, c, size, stride: 1 + rng.below(3), pad };
            // Few values, so that there are ties.
            let x: Vec<f32> = (0..n * h * w * c).map(|_| rng.below(7) as f32 - 5.0).collect();
            let [oh, ow] = shape.out();
            let dy = rng.normal(shape.y_len());
            let run = || {
                let (mut y, mut arg) = (vec![f32::NAN; dy.len()], vec![255; dy.len()]);
                window_max_forward(&shape, &x, &mut y, Some(&mut arg));
                let mut alone = vec![f32::NAN; dy.len()];
                window_max_forward(&shape, &x, &mut alone, None);
                assert_eq!(alone, y);
                let mut dx = vec![f32::NAN; x.len()];
                window_max_backward(&shape, &dy, &arg, &mut dx);
                (y, dx)
            };
            let found = in_pool(2, run);
            assert!(in_pool(1, run) == found && in_pool(3, run) == found);
            let (mut y, mut dx) = (vec![], vec![0.0; x.len()]);
            for at in 0..dy.len() {
                let (i, r, o, ch) = (at / (oh * ow * c), at / (ow * c) % oh, at / c % ow, at % c);
                let mut best: Option<(f32, usize)> = None;
                for tap in 0..size * size {
                    let row = (r * shape.stride + tap / size).wrapping_sub(pad[0]);
                    let column = (o * shape.stride + tap % size).wrapping_sub(pad[1]);
                    if row < h && column < w {
                        let from = ((i * h + row) * w + column) * c + ch;
                        if best.is_none_or(|(most, _)| x[from] > most) {
                            best = Some((x[from], from));
                        }
                    }
                }
                let (most, from) = best.expect("every window has a pixel");
                y.push(most);
                dx[from] += f64::from(dy[at]);
            }
            assert_eq!(found.0, y, "{shape:?}");
            assert!(error(&found.1, &dx) < 1e-6, "{shape:?}");
        }
    }

    #[test]
    fn means_of_channels_keep_their_digits_and_share_their_gradient() {
        let mut rng = Rng::new(8);
        for (n, pixels, c) in [(1, 1, 1), (2, 49, 70), (3, 50_000, 5), (0, 4, 4)] {
            let x: Vec<f32> = rng.normal(n * pixels * c).iter().map(|v| v + 3.0).collect();
            let mut y = vec![f32::NAN; n * c];
            global_mean_forward(n, c, &x, &mut y);
            let mean = |at: usize| {
                let (i, ch) = (at / c, at % c);
                (0..pixels).map(|p| f64::from(x[(i * pixels + p) * c + ch])).sum::<f64>() / pixels as f64
            };
            let wanted: Vec<f64> = (0..n * c).map(mean).collect();
            assert!(error(&y, &wanted) < 1e-6, "{n} {pixels} {c}");
            let mut dx = vec![f32::NAN; x.len()];
            global_mean_backward(n, c, &y, &mut dx);
            assert!((0..dx.len()).all(|at| dx[at] == y[at / (pixels * c) * c + at % c] / pixels as f32));
        }
    }
}
