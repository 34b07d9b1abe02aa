//! How a convolution becomes blocks of products of bfloat16: images with their border as one row of pixels, of which 16 outputs at a time
//! read their windows in place.
use crate::half::{Halves, pair_into, round_into};
use crate::half_tiles::{Block, COLUMNS, RIGHT, STEP, Sums, TILE, Unit};
use crate::simd::Simd;
use rayon::prelude::*;

/// 16 outputs whose windows begin at even distances.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Of the first window, in numbers of the left side.
    from: usize,
    /// Which output each is; [`NOTHING`] for none.
    to: [u32; 16],
}

/// No output.
const NOTHING: u32 = u32::MAX;

/// Windows of some images, or of some rows of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// Images, each `grid[0]` rows of `grid[1]` pixels of `c` numbers, border included.
    pub images: usize,
    pub grid: [usize; 2],
    pub c: usize,
    /// Rows and columns of a window, and steps between windows.
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Rows and columns of outputs of an image.
    pub out: [usize; 2],
}

impl Windows {
    /// Numbers of the images.
    pub(crate) fn len(&self) -> usize {
        self.images * self.image()
    }

    /// Numbers of an image.
    pub(crate) fn image(&self) -> usize {
        self.grid[0] * self.grid[1] * self.c
    }

    /// Steps that a row of a window takes: its pixels follow each other in memory.
    pub(crate) fn steps_of_row(&self) -> usize {
        (self.kernel[1] * self.c).div_ceil(STEP)
    }

    /// A group a 16 windows, row by row.
    fn by_row(&self) -> Vec<Group> {
        let ([oh, ow], [sh, sw]) = (self.out, self.stride);
        let rows = (0..self.images * oh).flat_map(|row| (0..ow).step_by(16).map(move |column| (row, column)));
        rows.map(|(row, column)| {
            let (image, r) = (row / oh, row % oh);
            let from = image * self.image() + (r * sh * self.grid[1] + column * sw) * self.c;
            let to = std::array::from_fn(|i| if column + i < ow { number(row * ow + column + i) } else { NOTHING });
            Group { from, to }
        })
        .collect()
    }

    /// A group a 16 pixels of the grid, those between windows included: `images` at a time as one row. At a step of one.
    fn by_pixel(&self, images: usize) -> Vec<Group> {
        let ([oh, ow], [rows, columns]) = (self.out, self.grid);
        let last = ((images - 1) * rows + oh - 1) * columns + ow;
        let parts = (0..self.images).step_by(images).flat_map(|first| (0..last).step_by(16).map(move |at| (first, at)));
        parts
            .map(|(first, at)| {
                let to = std::array::from_fn(|i| {
                    let (image, r, column) =
                        ((at + i) / (rows * columns), (at + i) / columns % rows, (at + i) % columns);
                    let is_window = r < oh && column < ow && first + image < self.images && at + i < last;
                    if is_window { number(((first + image) * oh + r) * ow + column) } else { NOTHING }
                });
                Group { from: first * self.image() + at * self.c, to }
            })
            .filter(|group| group.to.iter().any(|to| *to != NOTHING))
            .collect()
    }
}

/// Outputs of a task are few.
fn number(at: usize) -> u32 {
    u32::try_from(at).expect("a task has fewer than 2^32 outputs")
}

/// The same as groups, and what is read for each.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) windows: Windows,
    groups: Vec<Group>,
    /// Numbers between windows of a group.
    row: usize,
    /// Where the steps of a window begin.
    steps: Vec<usize>,
}

impl Layout {
    pub(crate) fn new(windows: Windows) -> Self {
        let mut groups = windows.by_row();
        if windows.stride == [1, 1] && windows.images > 0 && windows.out[0] > 0 && windows.out[1] > 0 {
            for images in [1, windows.images] {
                let other = windows.by_pixel(images);
                if other.len() < groups.len() {
                    groups = other;
                }
            }
        }
        let row = windows.grid[1] * windows.c;
        let steps = (0..windows.kernel[0]).flat_map(|i| (0..windows.steps_of_row()).map(move |s| i * row + s * STEP));
        Self { groups, row: windows.stride[1] * windows.c, steps: steps.collect(), windows }
    }

    /// Numbers of the left side: the images, and what groups read behind them, which must be zero.
    pub(crate) fn left(&self) -> usize {
        let last = self.groups.iter().map(|group| group.from).max().unwrap_or(0);
        let reach = last + 15 * self.row + self.steps.iter().max().unwrap_or(&0) + STEP;
        reach.max(self.windows.len())
    }

    /// The outputs below number `outputs`, `[outputs, columns]`: sums of products with a right side from [`pack`], plus the bias (padded
    /// to groups of 16), if there is one, then `max(0)` if `relu`.
    pub(crate) fn compute(
        &self,
        unit: &Unit,
        left: &[u16],
        right: &[u16],
        columns: usize,
        bias: Option<&[f32]>,
        relu: bool,
        y: &mut [f32],
    ) {
        let depth = self.steps.len() * 2 * RIGHT;
        assert!(left.len() >= self.left() && right.len() >= columns.div_ceil(COLUMNS) * depth, "lengths");
        assert!(bias.is_none_or(|bias| bias.len() >= columns.next_multiple_of(16)), "bias");
        let outputs = number(y.len() / columns.max(1));
        let mut sums = Sums([0.0; 4 * TILE]);
        for (block, first) in (0..columns).step_by(COLUMNS).enumerate() {
            for groups in self.groups.chunks(2) {
                if groups.iter().all(|group| group.to.iter().all(|to| *to >= outputs)) {
                    continue;
                }
                let [one, other] = [groups[0], groups[groups.len() - 1]];
                // SAFETY: the lengths were just checked: groups reach no further than `left`.
                unsafe {
                    unit.compute(&Block {
                        left: [left.as_ptr().add(one.from), left.as_ptr().add(other.from)],
                        both: groups.len() == 2,
                        row: self.row,
                        steps: &self.steps,
                        right: right.as_ptr().add(block * depth),
                        right_step: 2 * RIGHT,
                        sums: sums.0.as_mut_ptr(),
                        add: false,
                    });
                }
                for (group, sums) in groups.iter().zip(sums.0.chunks_exact(2 * TILE)) {
                    let columns = [first, columns];
                    leave(&group.to, outputs, columns, sums, bias, relu, y);
                }
            }
        }
    }
}

simd_fn! {
    /// Writes two tiles of sums to their outputs below `outputs`; `columns` are the first and the number of all.
    [] fn leave[][](
        to: &[u32; 16], outputs: u32, columns: [usize; 2], sums: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32],
    ) = leave_impl;
}

#[inline(always)]
fn leave_impl<S: Simd>(
    s: S,
    to: &[u32; 16],
    outputs: u32,
    [first, columns]: [usize; 2],
    sums: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    y: &mut [f32],
) {
    let end = columns.min(first + COLUMNS);
    assert!(sums.len() == 2 * TILE && y.len() >= outputs as usize * columns, "lengths");
    assert!(bias.is_none_or(|bias| bias.len() >= end.next_multiple_of(16)), "bias");
    let zero = s.splat(0.0);
    let mut ch = first;
    while ch < end {
        let at = ch - first;
        // SAFETY: lanes stay inside a tile of sums, the padded bias and, cut at `end`, the row of an output below `outputs`.
        unsafe {
            let bias = bias.map_or(zero, |bias| s.load(bias.as_ptr().add(ch)));
            for (i, to) in to.iter().enumerate().filter(|(_, to)| **to < outputs) {
                let v = s.add(s.load(sums.as_ptr().add(at / 16 * TILE + i * 16 + at % 16)), bias);
                let v = if relu { s.max(zero, v) } else { v };
                s.store_up_to(y.as_mut_ptr().add(*to as usize * columns + ch), end - ch, v);
            }
        }
        ch += S::LANES;
    }
}

/// The right side of a convolution whose windows have `rows` rows of `k` numbers: for each 32 columns, row and 32 numbers two tiles
/// `[16 pairs][16 columns][2]`. `of` gives the numbers `[columns]` that belong to a number of a row.
pub(crate) fn pack<'w>(rows: usize, k: usize, columns: usize, of: impl Fn(usize, usize) -> &'w [f32] + Sync) -> Halves {
    let steps = k.div_ceil(STEP);
    let mut out = Halves::take(columns.div_ceil(COLUMNS) * rows * steps * 2 * RIGHT);
    out.par_chunks_mut(2 * RIGHT).with_min_len(4).enumerate().for_each(|(at, tiles)| {
        let (block, row, step) = (at / (rows * steps), at / steps % rows, at % steps);
        for (half, tile) in tiles.chunks_exact_mut(RIGHT).enumerate() {
            let first = (block * COLUMNS + half * 16).min(columns);
            let columns = first..(first + 16).min(columns);
            for (pair, to) in tile.chunks_exact_mut(32).enumerate() {
                let at = step * STEP + 2 * pair;
                let part = |at: usize| if at < k { &of(row, at)[columns.clone()] } else { &[] };
                pair_into(part(at), part(at + 1), to.try_into().expect("32 numbers"));
            }
        }
    });
    out
}

/// Rounds rows `top..top + rows` of an image `[h, w, c]` with a border of `pad` (top, left, bottom, right), counted from its upper corner.
pub(crate) fn fill(image: &[f32], [h, w, c]: [usize; 3], pad: [usize; 4], top: usize, rows: usize, to: &mut [u16]) {
    let width = (w + pad[1] + pad[3]) * c;
    assert!(image.len() == h * w * c && to.len() == rows * width, "lengths");
    if width == 0 {
        return;
    }
    for (i, to) in to.chunks_exact_mut(width).enumerate() {
        let r = (top + i).wrapping_sub(pad[0]);
        if r >= h {
            to.fill(0);
            continue;
        }
        to[..pad[1] * c].fill(0);
        to[(pad[1] + w) * c..].fill(0);
        round_into(&image[r * w * c..][..w * c], &mut to[pad[1] * c..(pad[1] + w) * c]);
    }
}
