//! Depthwise convolution: each channel by itself, as many filters as channels. Rows are read in place, 16 channels a vector; those above and
//! below the image are one row of zeros, and only the outermost columns are looked at one by one.
use crate::after::{After, finish};
use crate::conv_grads::ConvGrads;
use crate::out_grad::{OutputGrad, Source};
use crate::scratch::{Scratch, SharedMut, chunks_of, part};
use crate::shape::ConvShape;
use crate::simd::Simd;
use rayon::prelude::*;

/// Side of the largest kernel; a larger one would not leave room for its rows.
const MOST: usize = 7;

/// Whether these kernels know the shape: square kernels of at most 7 pixels, channel by channel.
pub fn is_depthwise(shape: &ConvShape) -> bool {
    shape.c_in == shape.c_out && shape.kernel[0] == shape.kernel[1] && (1..=MOST).contains(&shape.kernel[0])
}

fn check(shape: &ConvShape, x: &[f32], w: &[f32], y: usize) {
    assert!(is_depthwise(shape) && shape.stride[0] > 0 && shape.stride[1] > 0, "{shape:?}");
    assert_eq!(x.len(), shape.x_len(), "x");
    assert_eq!(w.len(), shape.kernel[0] * shape.kernel[1] * shape.c_in, "w");
    assert_eq!(y, shape.y_len(), "y");
}

/// `y = after(conv(x, w) + bias)`, channel by channel.
///
/// `x`: `[n, h, w, c]`, `w`: `[k, k, c]`, `bias`: `[c]`, `y`: `[n, oh, ow, c]` (overwritten).
///
/// # Panics
/// If a length does not match the shape, or [`is_depthwise`] does not hold.
pub fn depthwise_forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], after: After, y: &mut [f32]) {
    check(shape, x, w, y.len());
    assert_eq!(bias.len(), shape.c_in, "bias");
    let ([oh, ow], c, k) = (shape.out(), shape.c_in, shape.kernel[0]);
    if y.is_empty() || x.is_empty() {
        y.iter_mut().enumerate().for_each(|(i, y)| *y = bias[i % c]);
        finish(after, None, y);
        return;
    }
    // Bands of rows of one image, about 32 thousand values each.
    let bands = oh.div_ceil((32 * 1024 / (ow * c)).clamp(1, oh));
    let zeros = Scratch::zeros(shape.w * c);
    let image = shape.h * shape.w * c;
    let tasks: Vec<(usize, &mut [f32])> = split_rows(y, shape.n, oh, bands, ow * c);
    tasks.into_par_iter().for_each(|(first, y)| {
        for (at, y) in y.chunks_exact_mut(ow * c).enumerate() {
            let (i, r) = ((first + at) / oh, (first + at) % oh);
            let x = &x[i * image..][..image];
            let rows = Rows::of(shape, x, &zeros, r * shape.stride[0], shape.pad[0]);
            let columns = Columns { step: shape.stride[1], pad: shape.pad[1], width: shape.w, out: ow };
            row(c, k, &rows, columns, w, bias, y);
            finish(after, None, y);
        }
    });
}

/// `y`, `n` images of `rows` rows of `row` values, in `bands` parts of whole rows an image, with the number of the first row of each.
fn split_rows(y: &mut [f32], n: usize, rows: usize, bands: usize, row: usize) -> Vec<(usize, &mut [f32])> {
    let mut rest = y;
    (0..n * bands)
        .map(|task| {
            let range = part(rows, bands, task % bands);
            let (own, tail) = std::mem::take(&mut rest).split_at_mut(range.len() * row);
            rest = tail;
            (task / bands * rows + range.start, own)
        })
        .collect()
}

/// The rows that one row of outputs sees, from the top; each `[w, c]`.
pub(crate) struct Rows<'a>([&'a [f32]; MOST]);

impl<'a> Rows<'a> {
    /// Of an image `[h, w, c]` with the first row at `top`, counted from `pad` rows above the image.
    fn of(shape: &ConvShape, image: &'a [f32], zeros: &'a [f32], top: usize, pad: usize) -> Self {
        let row = shape.w * shape.c_in;
        let mut rows = [zeros; MOST];
        for (i, to) in rows.iter_mut().enumerate().take(shape.kernel[0]) {
            let at = (top + i).wrapping_sub(pad);
            if at < shape.h {
                *to = &image[at * row..][..row];
            }
        }
        Self(rows)
    }
}

/// Which columns an output sees: from `at * step - pad` on.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    step: usize,
    pad: usize,
    /// Columns of the input and the output.
    width: usize,
    out: usize,
}

impl Columns {
    /// The outputs all of whose `k` columns lie in the image.
    fn inner(self, k: usize) -> std::ops::Range<usize> {
        let first = self.pad.div_ceil(self.step).min(self.out);
        let end = (self.width + self.pad).checked_sub(k).map_or(0, |last| last / self.step + 1).min(self.out);
        first..end.max(first)
    }
}

simd_fn! {
    /// One row of outputs `[ow, c]`.
    [] fn row[][](c: usize, k: usize, rows: &Rows<'_>, columns: Columns, w: &[f32], bias: &[f32], y: &mut [f32]) = row_impl;
}

#[inline(always)]
fn row_impl<S: Simd>(
    s: S,
    c: usize,
    k: usize,
    rows: &Rows<'_>,
    columns: Columns,
    w: &[f32],
    bias: &[f32],
    y: &mut [f32],
) {
    match k {
        1 => row_of::<S, 1>(s, c, rows, columns, w, bias, y),
        2 => row_of::<S, 2>(s, c, rows, columns, w, bias, y),
        3 => row_of::<S, 3>(s, c, rows, columns, w, bias, y),
        4 => row_of::<S, 4>(s, c, rows, columns, w, bias, y),
        5 => row_of::<S, 5>(s, c, rows, columns, w, bias, y),
        6 => row_of::<S, 6>(s, c, rows, columns, w, bias, y),
        _ => row_of::<S, 7>(s, c, rows, columns, w, bias, y),
    }
}

#[inline(always)]
fn row_of<S: Simd, const K: usize>(
    s: S,
    c: usize,
    rows: &Rows<'_>,
    columns: Columns,
    w: &[f32],
    bias: &[f32],
    y: &mut [f32],
) {
    assert!(w.len() == K * K * c && bias.len() == c && y.len() == columns.out * c, "lengths");
    assert!(rows.0[..K].iter().all(|row| row.len() == columns.width * c), "rows");
    let inner = columns.inner(K);
    let mut ch = 0;
    while ch < c {
        let left = c - ch;
        // SAFETY: channels stay below `c`, columns of the output below `out`, and taps inside the image are the only ones read: by the
        // assertions above all of these lie in their slices.
        unsafe {
            let mut taps = [[s.splat(0.0); K]; K];
            for i in 0..K {
                for j in 0..K {
                    taps[i][j] = s.load_up_to(w.as_ptr().add((i * K + j) * c + ch), left);
                }
            }
            let start = s.load_up_to(bias.as_ptr().add(ch), left);
            let mut at = 0;
            while at < columns.out {
                if left >= S::LANES && inner.contains(&at) && at + 4 <= inner.end {
                    let mut sums = [start; 4];
                    let from = at * columns.step - columns.pad;
                    for i in 0..K {
                        let p = rows.0[i].as_ptr().add(from * c + ch);
                        for j in 0..K {
                            for (o, sum) in sums.iter_mut().enumerate() {
                                *sum = s.fma(s.load(p.add((o * columns.step + j) * c)), taps[i][j], *sum);
                            }
                        }
                    }
                    for (o, sum) in sums.into_iter().enumerate() {
                        s.store(y.as_mut_ptr().add((at + o) * c + ch), sum);
                    }
                    at += 4;
                    continue;
                }
                let mut sum = start;
                for i in 0..K {
                    for j in 0..K {
                        let column = (at * columns.step + j).wrapping_sub(columns.pad);
                        if column < columns.width {
                            sum = s.fma(s.load_up_to(rows.0[i].as_ptr().add(column * c + ch), left), taps[i][j], sum);
                        }
                    }
                }
                s.store_up_to(y.as_mut_ptr().add(at * c + ch), left, sum);
                at += 1;
            }
        }
        ch += S::LANES;
    }
}

/// The gradients of [`depthwise_forward`] with nothing or a relu behind it, from a gradient that may lie behind a batch normalisation: image by
/// image, so that of the map in between is never written as a whole.
///
/// `y`: `[n, oh, ow, c]`, the saved output, where `grad` has a relu or a normalisation; `grad` has no pool. `dx`: `[n, h, w, c]`, `dw`:
/// `[k, k, c]`, `db`: `[c]`; all are overwritten.
///
/// # Panics
/// As [`depthwise_forward`], or if there is a pool, or `y` is missing.
pub fn depthwise_backward(
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    y: Option<&[f32]>,
    grad: &OutputGrad<'_>,
    grads: ConvGrads<'_>,
) {
    let ConvGrads { dx, dw, db } = grads;
    check(shape, x, w, grad.dy.len());
    assert!(
        dw.len() == w.len() && db.len() == shape.c_in && dx.as_ref().is_none_or(|dx| dx.len() == x.len()),
        "lengths"
    );
    assert!(y.is_none_or(|y| y.len() == grad.dy.len()) && grad.norm.is_none_or(|norm| norm.c == shape.c_in), "lengths");
    assert!(grad.pool.is_none() && (y.is_some() || (!grad.relu && grad.norm.is_none())), "pool or no map");
    let (c, k) = (shape.c_in, shape.kernel[0]);
    dw.fill(0.0);
    db.fill(0.0);
    if x.is_empty() || grad.dy.is_empty() {
        dx.into_iter().for_each(|dx| dx.fill(0.0));
        return;
    }
    // Sums of few images each, kept apart and added in their order.
    let sums = (k * k + 1) * c;
    let chunks = chunks_of(shape.n, sums);
    let mut partial = Scratch::zeros(chunks * sums);
    let ([oh, ow], image) = (shape.out(), shape.h * shape.w * c);
    let (source, map) = (Source { grad: *grad, y }, oh * ow * c);
    let zeros = Scratch::zeros(shape.w.max(ow) * c);
    let back = dx.map(|dx| (SharedMut::new(dx), turned(shape, w)));
    partial.par_chunks_mut(sums).enumerate().for_each(|(chunk, sums)| {
        let mut own = Scratch::take(if source.is_given() { 0 } else { map });
        for i in part(shape.n, chunks, chunk) {
            let dy = source.image(i * map..(i + 1) * map, &mut own);
            let x = &x[i * image..][..image];
            for r in 0..oh {
                let rows = Rows::of(shape, x, &zeros[..shape.w * c], r * shape.stride[0], shape.pad[0]);
                let columns = Columns { step: shape.stride[1], pad: shape.pad[1], width: shape.w, out: ow };
                weight_row(c, k, &rows, columns, &dy[r * ow * c..][..ow * c], sums);
            }
            if let Some((dx, turned)) = &back {
                // SAFETY: this image of `dx` belongs to this chunk alone.
                let dx = unsafe { std::slice::from_raw_parts_mut(dx.ptr().add(i * image), image) };
                input_gradient(shape, w, turned.as_deref(), dy, &zeros, dx);
            }
        }
    });
    for part in partial.chunks_exact(sums) {
        dw.iter_mut().zip(part).for_each(|(to, from)| *to += from);
        db.iter_mut().zip(&part[k * k * c..]).for_each(|(to, from)| *to += from);
    }
}

/// The kernel turned around and a bias of zeros behind it, where the input's gradient is a convolution with that.
fn turned(shape: &ConvShape, w: &[f32]) -> Option<Vec<f32>> {
    let (c, k) = (shape.c_in, shape.kernel[0]);
    let is_one = shape.stride == [1, 1] && shape.pad.iter().all(|pad| *pad < k);
    is_one.then(|| w.rchunks_exact(c).flatten().copied().chain(std::iter::repeat_n(0.0, c)).collect())
}

/// The gradient of one image `[h, w, c]`; `zeros` are at least a row of outputs.
fn input_gradient(shape: &ConvShape, w: &[f32], turned: Option<&[f32]>, dy: &[f32], zeros: &[f32], dx: &mut [f32]) {
    let ([oh, ow], c, k) = (shape.out(), shape.c_in, shape.kernel[0]);
    if let Some(turned) = turned {
        // The convolution of the output's gradient with the kernel turned around, whose border makes up for this one's.
        let (turned, bias) = turned.split_at(w.len());
        let back = ConvShape { n: 1, h: oh, w: ow, pad: shape.pad.map(|pad| k - 1 - pad), ..*shape };
        let columns = Columns { step: 1, pad: back.pad[1], width: ow, out: shape.w };
        for (r, dx) in dx.chunks_exact_mut(shape.w * c).enumerate() {
            let rows = Rows::of(&back, dy, &zeros[..ow * c], r, back.pad[0]);
            row(c, k, &rows, columns, turned, bias, dx);
        }
        return;
    }
    let columns = Columns { step: shape.stride[1], pad: shape.pad[1], width: shape.w, out: ow };
    for (r, dx) in dx.chunks_exact_mut(shape.w * c).enumerate() {
        let r = r + shape.pad[0];
        // The rows of outputs that see this row, and with which row of the kernel.
        let mut from: [Option<&[f32]>; MOST] = [None; MOST];
        for (tap, from) in from.iter_mut().enumerate().take(k.min(r + 1)) {
            let row = (r - tap) / shape.stride[0];
            if (r - tap).is_multiple_of(shape.stride[0]) && row < oh {
                *from = Some(&dy[row * ow * c..][..ow * c]);
            }
        }
        input_row(c, k, &from, columns, w, dx);
    }
}

simd_fn! {
    /// One row of the input's gradient `[w, c]`, from the rows of the output's that see it, by row of the kernel.
    [] fn input_row[][](c: usize, k: usize, from: &[Option<&[f32]>; MOST], columns: Columns, w: &[f32], dx: &mut [f32]) = input_row_impl;
}

#[inline(always)]
fn input_row_impl<S: Simd>(
    s: S,
    c: usize,
    k: usize,
    from: &[Option<&[f32]>; MOST],
    columns: Columns,
    w: &[f32],
    dx: &mut [f32],
) {
    assert!(w.len() == k * k * c && dx.len() == columns.width * c, "lengths");
    assert!(from.iter().flatten().all(|row| row.len() == columns.out * c), "rows");
    for at in 0..columns.width {
        let column = at + columns.pad;
        let mut ch = 0;
        while ch < c {
            let left = c - ch;
            // SAFETY: channels stay below `c`, columns below those of either map; by the assertions above they lie in their slices.
            unsafe {
                let mut sum = s.splat(0.0);
                for (i, row) in from.iter().enumerate().take(k) {
                    let Some(row) = row else { continue };
                    let mut j = column % columns.step;
                    while j < k && j <= column {
                        let o = (column - j) / columns.step;
                        if o < columns.out {
                            let dy = s.load_up_to(row.as_ptr().add(o * c + ch), left);
                            sum = s.fma(dy, s.load_up_to(w.as_ptr().add((i * k + j) * c + ch), left), sum);
                        }
                        j += columns.step;
                    }
                }
                s.store_up_to(dx.as_mut_ptr().add(at * c + ch), left, sum);
            }
            ch += S::LANES;
        }
    }
}

simd_fn! {
    /// Adds what one row of outputs gives to the gradients of the weights `[k, k, c]` and, behind them, of the bias `[c]`.
    [] fn weight_row[][](c: usize, k: usize, rows: &Rows<'_>, columns: Columns, dy: &[f32], sums: &mut [f32]) = weight_row_impl;
}

#[inline(always)]
fn weight_row_impl<S: Simd>(s: S, c: usize, k: usize, rows: &Rows<'_>, columns: Columns, dy: &[f32], sums: &mut [f32]) {
    match k {
        1 => weight_row_of::<S, 1>(s, c, rows, columns, dy, sums),
        2 => weight_row_of::<S, 2>(s, c, rows, columns, dy, sums),
        3 => weight_row_of::<S, 3>(s, c, rows, columns, dy, sums),
        4 => weight_row_of::<S, 4>(s, c, rows, columns, dy, sums),
        5 => weight_row_of::<S, 5>(s, c, rows, columns, dy, sums),
        6 => weight_row_of::<S, 6>(s, c, rows, columns, dy, sums),
        _ => weight_row_of::<S, 7>(s, c, rows, columns, dy, sums),
    }
}

/// The sums of one row are taken by themselves, so that they lose no digits to those of the whole map.
#[inline(always)]
fn weight_row_of<S: Simd, const K: usize>(
    s: S,
    c: usize,
    rows: &Rows<'_>,
    columns: Columns,
    dy: &[f32],
    sums: &mut [f32],
) {
    assert!(sums.len() == (K * K + 1) * c && dy.len() == columns.out * c, "lengths");
    assert!(rows.0[..K].iter().all(|row| row.len() == columns.width * c), "rows");
    let inner = columns.inner(K);
    let mut ch = 0;
    while ch < c {
        let left = c - ch;
        // SAFETY: as in `row_of`.
        unsafe {
            let mut own = [[s.splat(0.0); K]; K];
            let mut bias = s.splat(0.0);
            for at in 0..columns.out {
                let g = s.load_up_to(dy.as_ptr().add(at * c + ch), left);
                bias = s.add(bias, g);
                if left >= S::LANES && inner.contains(&at) {
                    let from = at * columns.step - columns.pad;
                    for i in 0..K {
                        let p = rows.0[i].as_ptr().add(from * c + ch);
                        for j in 0..K {
                            own[i][j] = s.fma(s.load(p.add(j * c)), g, own[i][j]);
                        }
                    }
                    continue;
                }
                for i in 0..K {
                    for j in 0..K {
                        let column = (at * columns.step + j).wrapping_sub(columns.pad);
                        if column < columns.width {
                            let x = s.load_up_to(rows.0[i].as_ptr().add(column * c + ch), left);
                            own[i][j] = s.fma(x, g, own[i][j]);
                        }
                    }
                }
            }
            for tap in 0..=K * K {
                let p = sums.as_mut_ptr().add(tap * c + ch);
                let v = if tap < K * K { own[tap / K][tap % K] } else { bias };
                s.store_up_to(p, left, s.add(s.load_up_to(p, left), v));
            }
        }
        ch += S::LANES;
    }
}

#[cfg(test)]
#[path = "depthwise_tests.rs"]
mod tests;
