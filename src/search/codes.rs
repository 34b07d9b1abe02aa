//! Rows in few bits: bytes with a scale a row, or one bit a number. They tell candidates, whose distances are then computed
//! from their own numbers.

use rayon::prelude::*;

use super::distance::Rows;
use super::marks::Marks;
use super::top_k::TopK;
use super::wide::widest;
use simpipe_artifact::{BitCodes, ByteCodes, Distance};

/// Rows that are scored before the best are looked for among them.
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

    /// The rows with the best scores.
    pub(super) fn best(&self, query: &[f32], count: usize, gone: &Marks) -> Vec<u32> {
        let (query, scale) = coded(query);
        let ByteCodes { codes, scales, bias } = &self.made;
        let mut top = TopK::new(count.min(scales.len()));
        let mut scores = Vec::with_capacity(BLOCK);
        for (at, codes) in codes.chunks(BLOCK * self.dim.max(1)).enumerate() {
            scores.clear();
            let first = at * BLOCK;
            #[expect(clippy::cast_precision_loss, reason = "candidates only")]
            widest(|| {
                let rows = codes.chunks_exact(self.dim).zip(&scales[first..]).zip(&bias[first..]);
                scores.extend(rows.map(|((code, own), bias)| bias - scale * own * product(&query, code) as f32));
            });
            offer(&mut top, &mut scores, first, gone);
        }
        top.finish().0
    }
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

#[inline(always)]
fn product(query: &[i8], code: &[i8]) -> i32 {
    query.iter().zip(code).map(|(&q, &k)| i32::from(q) * i32::from(k)).sum()
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

    /// The rows with the fewest bits that differ.
    pub(super) fn best(&self, query: &[f32], count: usize, gone: &Marks) -> Vec<u32> {
        let query: Vec<u64> = bits(query, &self.made.means).collect();
        let mut top = TopK::new(count.min(self.rows));
        let mut scores = Vec::with_capacity(BLOCK);
        for (at, words) in self.made.words.chunks(BLOCK * query.len().max(1)).enumerate() {
            scores.clear();
            #[expect(clippy::cast_precision_loss, reason = "as many bits as a row has numbers")]
            widest(|| {
                let differing =
                    |row: &[u64]| query.iter().zip(row).map(|(q, k)| (q ^ k).count_ones()).sum::<u32>() as f32;
                scores.extend(words.chunks_exact(query.len().max(1)).map(differing));
            });
            offer(&mut top, &mut scores, at * BLOCK, gone);
        }
        top.finish().0
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
        // 130 numbers: three words, the last of two bits.
        let none = Marks::default();
        let rows = crate::drawn::numbers(300 * 130);
        let rows = Rows::new(&rows, 130).unwrap();
        for distance in [Distance::Cosine, Distance::InnerProduct, Distance::SquaredEuclidean] {
            let bytes = Bytes::new(&rows, distance);
            assert!((0..300).all(|row| bytes.best(rows.row(row), 1, &none) == [row as u32]), "{distance:?}");
        }
        let bits = Bits::new(&rows);
        assert!((0..300).all(|row| bits.best(rows.row(row), 1, &none) == [row as u32]));
        assert_eq!(
            (bits.best(rows.row(0), 1000, &none).len(), Bits::bytes_per_row(130), Bytes::bytes_per_row(130)),
            (300, 24, 138)
        );
        let nothing = Rows::new(&[], 0).unwrap();
        assert!(
            Bits::new(&nothing).best(&[], 3, &none).is_empty()
                && Bytes::new(&nothing, Distance::Cosine).best(&[], 3, &none).is_empty()
        );
    }
}
