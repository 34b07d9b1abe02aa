//! Rows in few bits: bytes with a scale a row, or one bit a number. They tell candidates, whose distances are then computed
//! from their own numbers.

use std::ops::Range;

use rayon::prelude::*;

use super::distance::Rows;
use super::marks::Marks;
use super::top_k::TopK;
use simpipe_artifact::{BitCodes, ByteCodes, Distance};
use simpipe_kernel::{bit_differences, byte_products};

/// Rows that are scored for each query, while they are in the cache, before the best are looked for among them.
const BLOCK: usize = 1024;
/// Bits in a word.
const WORD: usize = 64;

/// Rows as bytes: number `i` of a row is about `scale * code[i]`.
#[derive(Debug)]
pub(super) struct Bytes {
    pub(super) made: ByteCodes,
    dim: usize,
}

impl Bytes {
    pub(super) fn new(rows: &Rows<'_>, distance: Distance) -> Self {
        let by_square = matches!(distance, Distance::Euclidean | Distance::SquaredEuclidean);
        let dim = rows.dim();
        let coded = |row: usize| {
            let (codes, scale) = coded(rows.row(row));
            let square = codes.iter().map(|&code| i64::from(code) * i64::from(code)).sum::<i64>();
            #[expect(clippy::cast_precision_loss, reason = "candidates only")]
            let bias = if by_square { scale * scale * square as f32 } else { 0.0 };
            (codes, if by_square { 2.0 * scale } else { scale }, bias)
        };
        let all: Vec<(Vec<i8>, f32, f32)> = (0..rows.len()).into_par_iter().map(coded).collect();
        let mut made = (Vec::with_capacity(rows.len() * dim), Vec::new(), Vec::new());
        for (codes, scale, bias) in all {
            made.0.extend(codes);
            made.1.push(scale);
            made.2.push(bias);
        }
        Self::of(ByteCodes { codes: made.0.into(), scales: made.1.into(), bias: made.2.into() }, dim)
    }

    pub(super) const fn of(made: ByteCodes, dim: usize) -> Self {
        Self { made, dim }
    }

    /// Bytes for each row.
    pub(super) const fn bytes_per_row(dim: usize) -> usize {
        dim + 8
    }

    /// The rows with the best scores for some queries, so many for each. What is read is compared with all of them.
    pub(super) fn best(&self, queries: &[(&[f32], usize)], gone: &Marks, stop: Stop<'_>) -> Vec<Vec<u32>> {
        let ByteCodes { codes, scales, bias } = &self.made;
        let coded = |(query, _): &(&[f32], usize)| {
            let (codes, scale) = coded(query);
            (codes.into_iter().map(i16::from).collect::<Vec<i16>>(), scale)
        };
        let coded: Vec<_> = queries.iter().map(coded).collect();
        let mut products = vec![0; BLOCK];
        block_by_block(scales.len(), queries, gone, stop, |query, rows, scores| {
            let products = &mut products[..rows.len()];
            let (query, scale) = &coded[query];
            byte_products(query, &codes[rows.start * self.dim..rows.end * self.dim], products);
            let of_rows = products.iter().zip(&scales[rows.clone()]).zip(&bias[rows]);
            #[expect(clippy::cast_precision_loss, reason = "candidates only")]
            scores.extend(of_rows.map(|((product, own), bias)| bias - scale * own * *product as f32));
        })
    }
}

/// Whether what is found is not wanted any more.
type Stop<'s> = &'s dyn Fn() -> bool;

/// The best of so many rows for each query, whose scores of a block of rows `score` appends; some of them where it is to stop.
fn block_by_block(
    rows: usize,
    queries: &[(&[f32], usize)],
    gone: &Marks,
    stop: Stop<'_>,
    mut score: impl FnMut(usize, Range<usize>, &mut Vec<f32>),
) -> Vec<Vec<u32>> {
    let mut best: Vec<TopK> = queries.iter().map(|(_, count)| TopK::new((*count).min(rows))).collect();
    let mut scores = Vec::with_capacity(BLOCK);
    for first in (0..rows).step_by(BLOCK).take_while(|_| !stop()) {
        for (query, best) in best.iter_mut().enumerate().filter(|(query, _)| queries[*query].1 > 0) {
            scores.clear();
            score(query, first..rows.min(first + BLOCK), &mut scores);
            offer(best, &mut scores, first, gone);
        }
    }
    best.into_iter().map(|best| best.finish().0).collect()
}

/// Takes the scores of some rows, those that are gone behind all others.
fn offer(top: &mut TopK, scores: &mut [f32], first: usize, gone: &Marks) {
    let position = |row: usize| u32::try_from(row).unwrap_or(u32::MAX);
    let gone = gone.among(position(first)..position(first + scores.len()));
    gone.for_each(|row| scores[row as usize - first] = f32::INFINITY);
    top.offer(scores, position(first));
}

/// A row as bytes from -127 to 127, and what one of them is worth.
#[expect(clippy::cast_possible_truncation, reason = "rounded into the range of bytes")]
fn coded(row: &[f32]) -> (Vec<i8>, f32) {
    let largest = row.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = largest / 127.0;
    let factor = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    (row.iter().map(|value| (value * factor).round_ties_even().clamp(-127.0, 127.0) as i8).collect(), scale)
}

/// Rows as bits: whether each number is above the mean of its column.
#[derive(Debug)]
pub(super) struct Bits {
    pub(super) made: BitCodes,
    rows: usize,
}

impl Bits {
    pub(super) fn new(rows: &Rows<'_>) -> Self {
        let means = means(rows);
        let words = (0..rows.len()).into_par_iter().flat_map_iter(|row| bits(rows.row(row), &means));
        let words: Vec<u64> = words.collect();
        Self::of(BitCodes { words: words.into(), means: means.into() }, rows.len())
    }

    pub(super) const fn of(made: BitCodes, rows: usize) -> Self {
        Self { made, rows }
    }

    /// Bytes for each row.
    pub(super) const fn bytes_per_row(dim: usize) -> usize {
        8 * dim.div_ceil(WORD)
    }

    /// The rows with the fewest bits that differ from some queries, so many for each.
    pub(super) fn best(&self, queries: &[(&[f32], usize)], gone: &Marks, stop: Stop<'_>) -> Vec<Vec<u32>> {
        let BitCodes { words, means } = &self.made;
        let coded: Vec<Vec<u64>> = queries.iter().map(|(query, _)| bits(query, means).collect()).collect();
        let mut differing = vec![0; BLOCK];
        block_by_block(self.rows, queries, gone, stop, |query, rows, scores| {
            let (query, differing) = (&coded[query], &mut differing[..rows.len()]);
            bit_differences(query, &words[rows.start * query.len()..rows.end * query.len()], differing);
            #[expect(clippy::cast_precision_loss, reason = "as many bits as a row has numbers")]
            scores.extend(differing.iter().map(|bits| *bits as f32));
        })
    }
}

/// The mean of each column, summed in the order of the rows.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a bar to compare with")]
fn means(rows: &Rows<'_>) -> Vec<f32> {
    let mut sums = vec![0.0_f64; rows.dim()];
    for row in 0..rows.len() {
        sums.iter_mut().zip(rows.row(row)).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    sums.into_iter().map(|sum| (sum / rows.len().max(1) as f64) as f32).collect()
}

fn bits<'a>(row: &'a [f32], means: &'a [f32]) -> impl Iterator<Item = u64> + 'a {
    row.chunks(WORD).zip(means.chunks(WORD)).map(|(values, means)| {
        let above = values.iter().zip(means).map(|(value, mean)| u64::from(value > mean));
        above.enumerate().fold(0, |word, (at, bit)| word | bit << at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_bytes_but_for_a_half_of_one() {
        let row = [0.5, -1.0, 0.003, 0.0];
        let (codes, scale) = coded(&row);
        assert!(
            row.iter().zip(&codes).all(|(value, code)| (value - scale * f32::from(*code)).abs() <= scale / 2.0 + 1e-7)
        );
        assert_eq!(coded(&[0.0; 3]), (vec![0; 3], 0.0));
    }

    #[test]
    fn the_nearest_have_the_best_scores() {
        // 130 numbers: three words, the last of two bits. Two blocks of rows, of which a few are gone.
        let rows = crate::drawn::numbers(1100 * 130);
        let rows = Rows::new(&rows, 130).unwrap();
        let mut gone = Marks::default();
        [3, 1030].into_iter().for_each(|row| gone.set(row));
        let queries: Vec<_> = (0..1100).map(|row| (rows.row(row), usize::from(!row.is_multiple_of(5)))).collect();
        let of = |row: u32| if row.is_multiple_of(5) { Vec::new() } else { vec![row] };
        let expected: Vec<_> = (0..1100).map(of).collect();
        let check = |found: Vec<Vec<u32>>, what: &str| {
            let living = |row: usize| row != 3 && row != 1030;
            assert!((0..1100).filter(|row| living(*row)).all(|row| found[row] == expected[row]), "{what}");
            assert!(found.iter().flatten().all(|row| living(*row as usize)), "{what}");
        };
        for distance in [Distance::Cosine, Distance::InnerProduct, Distance::SquaredEuclidean] {
            let bytes = Bytes::new(&rows, distance);
            check(bytes.best(&queries, &gone, &|| false), distance.name());
        }
        let bits = Bits::new(&rows);
        check(bits.best(&queries, &gone, &|| false), "bits");
        let counts =
            bits.best(&[(rows.row(0), 2000), (rows.row(1), 0), (rows.row(2), 7)], &Marks::default(), &|| false);
        assert_eq!(counts.iter().map(Vec::len).collect::<Vec<_>>(), [1100, 0, 7]);
        assert_eq!(bits.best(&queries[..2], &gone, &|| true), [[0_u32; 0]; 2], "it is to stop");
        assert_eq!((Bits::bytes_per_row(130), Bytes::bytes_per_row(130)), (24, 138));
    }

    #[test]
    fn nothing_has_no_best() {
        let (nothing, empty, none) = (Rows::new(&[], 0).unwrap(), [(&[][..], 3)], Marks::default());
        assert_eq!(Bits::new(&nothing).best(&empty, &none, &|| false), [[0_u32; 0]]);
        assert_eq!(Bytes::new(&nothing, Distance::Cosine).best(&empty, &none, &|| false), [[0_u32; 0]]);
    }
}
