//! Lists of vectors around centres, each vector as the nearest words of a book for every part of what its centre leaves of it:
//! Jegou, Douze and Schmid, *Product quantization for nearest neighbor search* (2011), IVFADC.
//!
//! A query is compared with all centres, and with the codes in the lists of the nearest by sums of a table that is made once:
//! of `|q - c - r|^2 = |q - c|^2 + (|r|^2 + 2 c.r) - 2 q.r` the first part hangs on the list, the second on the vector alone (its
//! [bias](ProductCodes::bias)), the third is a sum over the parts of `r`. Of inner products only the first and the last are left.
//! The same bytes from any number of threads, and on every machine that multiplies and adds with one rounding.

mod means;

use rayon::prelude::*;

use super::SearchError;
use super::distance::Rows;
use super::drawn::sample;
use super::marks::Marks;
use super::method::IvfPq;
use super::top_k::{key, position, ranked};
use super::wide::widest;
use means::{Means, nearest};
use simpipe_artifact::{Distance, ProductCodes};
use simpipe_kernel::{Nearness, nearness};

/// Words of a part, at most: a byte tells them.
const WORDS: usize = 256;
/// Vectors that the words of a part are found from, at most, for each of them.
const FOR_EACH_WORD: usize = 256;
/// Vectors that centres are found from, at most, for each of them.
const FOR_EACH_CENTRE: usize = 64;
/// Steps of each k-means.
const STEPS: usize = 10;
/// Vectors whose codes are found together.
const BLOCK: usize = 1024;

/// Vectors as codes.
#[derive(Debug)]
pub(super) struct Products {
    pub(super) made: ProductCodes,
    by_product: bool,
    dim: usize,
}

impl Products {
    /// The codes of some rows.
    pub(super) fn new(
        rows: Rows<'_>,
        distance: Distance,
        params: &IvfPq,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, SearchError> {
        let (count, dim) = (rows.len(), rows.dim());
        if rows.is_empty() {
            let none = ProductCodes { parts: 1, words: 1, begins: vec![0].into(), ..ProductCodes::default() };
            return Ok(Self::of(none, distance, dim));
        }
        let (lists, parts) = (params.lists_of(count), params.parts_of(dim));
        let drawn = sample(count, lists.saturating_mul(FOR_EACH_CENTRE).max(WORDS * FOR_EACH_WORD));
        let gathered = |rows: Rows<'_>, drawn: &[u32]| -> Vec<f32> {
            drawn.iter().flat_map(|row| rows.row(*row as usize)).copied().collect()
        };
        let some = &drawn[..drawn.len().min(lists.saturating_mul(FOR_EACH_CENTRE))];
        let centres = means::found(&gathered(rows, some), dim, lists, STEPS, stop)?;
        let left_of = |values: &mut [f32], lists: &[u32]| {
            for (left, list) in values.chunks_exact_mut(dim).zip(lists) {
                left.iter_mut().zip(centres.row(*list)).for_each(|(value, centre)| *value -= centre);
            }
        };
        // The words are found from what the centres leave of some vectors.
        let some = &drawn[..drawn.len().min(WORDS * FOR_EACH_WORD)];
        let mut left = gathered(rows, some);
        let of = nearest(&left, &centres);
        left_of(&mut left, &of);
        let books: Vec<Means> = (0..parts)
            .map(|part| means::found(&column(&left, dim, parts, part), dim / parts, WORDS, STEPS, stop))
            .collect::<Result<_, _>>()?;
        drop(left);
        let by_product = matches!(distance, Distance::Cosine | Distance::InnerProduct);
        let coded = |block: usize| {
            let some = block * BLOCK..((block + 1) * BLOCK).min(count);
            let mut left = if stop() { Vec::new() } else { rows.span(some).to_vec() };
            let of = nearest(&left, &centres);
            left_of(&mut left, &of);
            let codes = words_of(&left, dim, &books);
            let bias = if by_product { vec![0.0; of.len()] } else { biases(&codes, &of, &centres, &books) };
            (of, codes, bias)
        };
        let coded: Vec<(Vec<u32>, Vec<u8>, Vec<f32>)> = (0..count.div_ceil(BLOCK)).into_par_iter().map(coded).collect();
        if stop() {
            return Err(SearchError::Stopped);
        }
        let words = books.first().map_or(1, Means::len);
        let books: Vec<f32> = books.iter().flat_map(Means::all).copied().collect();
        let empty = ProductCodes { lists: centres.len(), parts, words, ..ProductCodes::default() };
        let made = ProductCodes { centres: centres.all().to_vec().into(), books: books.into(), ..empty };
        Ok(Self::of(in_lists(made, &coded), distance, dim))
    }

    pub(super) const fn of(made: ProductCodes, distance: Distance, dim: usize) -> Self {
        Self { made, by_product: matches!(distance, Distance::Cosine | Distance::InnerProduct), dim }
    }

    /// Bytes for each row.
    pub(super) fn bytes_per_row(&self) -> usize {
        let made = &self.made;
        let shared = 4 * (made.centres.len() + made.books.len() + made.begins.len());
        made.parts + 8 + shared.div_ceil(made.rows.len().max(1))
    }

    /// The rows with the best scores in the lists of the nearest centres; of all of them where these hold fewer.
    pub(super) fn best(&self, query: &[f32], count: usize, probes: usize, gone: &Marks) -> Vec<u32> {
        let made = &self.made;
        if made.rows.is_empty() {
            return Vec::new();
        }
        let table = self.table(query);
        let mut lists: Vec<u64> = (0..).zip(self.to_centres(query)).map(|(list, far)| ranked(far, list)).collect();
        lists.sort_unstable();
        let mut best = std::collections::BinaryHeap::with_capacity(count + 1);
        let mut scores = Vec::new();
        for (at, list) in lists.into_iter().enumerate() {
            if at >= probes && best.len() >= count {
                break;
            }
            let number = position(list) as usize;
            let places = made.begins[number] as usize..made.begins[number + 1] as usize;
            scores.clear();
            widest(|| self.score(&table, key(list), places.clone(), &mut scores));
            for (score, row) in scores.iter().zip(&made.rows[places]) {
                let one = ranked(*score, *row);
                if gone.has(*row) {
                    continue;
                }
                if best.len() < count {
                    best.push(one);
                } else if best.peek().is_some_and(|last| one < *last) {
                    best.pop();
                    best.push(one);
                }
            }
        }
        // A file that was changed may name rows that are not there.
        let there = made.rows.len();
        best.into_vec().into_iter().map(position).filter(|row| (*row as usize) < there).collect()
    }

    /// How far each centre is, but for what is the same of all.
    fn to_centres(&self, query: &[f32]) -> Vec<f32> {
        let what = if self.by_product { Nearness::Product } else { Nearness::Square };
        let all: Vec<u32> = (0..).take(self.made.lists).collect();
        let mut far = Vec::with_capacity(all.len());
        nearness(what, query, &self.made.centres, &all, &mut far);
        if self.by_product {
            far.iter_mut().for_each(|far| *far = -*far);
        }
        far
    }

    /// What each word of each part adds to a score: `[parts, words]`.
    fn table(&self, query: &[f32]) -> Vec<f32> {
        let made = &self.made;
        let (length, weight) = (self.dim / made.parts, if self.by_product { -1.0 } else { -2.0 });
        let part = |(part, book): (&[f32], &[f32])| -> Vec<f32> {
            let word = |word: &[f32]| weight * part.iter().zip(word).map(|(q, r)| q * r).sum::<f32>();
            book.chunks_exact(length).map(word).collect()
        };
        query.chunks_exact(length).zip(made.books.chunks_exact(length * made.words)).flat_map(part).collect()
    }

    #[inline(always)]
    fn score(&self, table: &[f32], far: f32, places: std::ops::Range<usize>, scores: &mut Vec<f32>) {
        let ProductCodes { parts, words, codes, bias, .. } = &self.made;
        let codes = codes[places.start * parts..places.end * parts].chunks_exact(*parts);
        for (codes, bias) in codes.zip(&bias[places]) {
            let mut sums = [0.0_f32; 4];
            let (four, rest) = codes.as_chunks::<4>();
            let mut part = 0;
            for codes in four {
                for lane in 0..4 {
                    // A file that was changed may name words that are not there.
                    sums[lane] += table.get((part + lane) * words + usize::from(codes[lane])).copied().unwrap_or(0.0);
                }
                part += 4;
            }
            for (lane, code) in rest.iter().enumerate() {
                sums[lane] += table.get((part + lane) * words + usize::from(*code)).copied().unwrap_or(0.0);
            }
            scores.push(far + bias + ((sums[0] + sums[1]) + (sums[2] + sums[3])));
        }
    }
}

/// One part of some vectors.
fn column(values: &[f32], dim: usize, parts: usize, part: usize) -> Vec<f32> {
    let length = dim / parts;
    values.chunks_exact(dim).flat_map(|row| &row[part * length..(part + 1) * length]).copied().collect()
}

/// The nearest word of each part of some vectors: `[vectors, parts]`.
#[expect(clippy::cast_possible_truncation, reason = "at most 256 words")]
fn words_of(left: &[f32], dim: usize, books: &[Means]) -> Vec<u8> {
    let parts = books.len();
    let mut codes = vec![0; left.len() / dim.max(1) * parts];
    for (part, book) in books.iter().enumerate() {
        let words = nearest(&column(left, dim, parts, part), book);
        codes.iter_mut().skip(part).step_by(parts).zip(words).for_each(|(code, word)| *code = word as u8);
    }
    codes
}

/// `|r|^2 + 2 c.r` of some vectors.
#[expect(clippy::cast_possible_truncation, reason = "candidates only")]
fn biases(codes: &[u8], of: &[u32], centres: &Means, books: &[Means]) -> Vec<f32> {
    let parts = books.len();
    let bias = |(codes, list): (&[u8], &u32)| {
        let words = books.iter().zip(codes).flat_map(|(book, code)| book.row(u32::from(*code)));
        let term = |(r, c): (&f32, &f32)| f64::from(*r) * (f64::from(*r) + 2.0 * f64::from(*c));
        words.zip(centres.row(*list)).map(term).sum::<f64>() as f32
    };
    codes.chunks_exact(parts).zip(of).map(bias).collect()
}

/// All vectors list after list, in each in their order.
fn in_lists(made: ProductCodes, coded: &[(Vec<u32>, Vec<u8>, Vec<f32>)]) -> ProductCodes {
    let parts = made.parts;
    let lists: Vec<u32> = coded.iter().flat_map(|(lists, _, _)| lists).copied().collect();
    let codes: Vec<u8> = coded.iter().flat_map(|(_, codes, _)| codes).copied().collect();
    let bias: Vec<f32> = coded.iter().flat_map(|(_, _, bias)| bias).copied().collect();
    let mut rows: Vec<u32> = (0..u32::try_from(lists.len()).unwrap_or(u32::MAX)).collect();
    rows.sort_by_key(|row| lists[*row as usize]);
    let mut begins = vec![0_u32; made.lists + 1];
    lists.iter().for_each(|list| begins[*list as usize + 1] += 1);
    for at in 1..begins.len() {
        begins[at] += begins[at - 1];
    }
    let of = |row: &u32| codes[*row as usize * parts..][..parts].iter().copied();
    ProductCodes {
        codes: rows.iter().flat_map(of).collect::<Vec<u8>>().into(),
        bias: rows.iter().map(|row| bias[*row as usize]).collect::<Vec<f32>>().into(),
        begins: begins.into(),
        rows: rows.into(),
        ..made
    }
}

#[cfg(test)]
#[path = "ivf_pq_tests.rs"]
mod tests;
