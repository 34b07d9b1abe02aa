//! How many dimensions embeddings use.

use rayon::prelude::*;

use super::spectrum::eigenvalues;
use super::{Space, SpaceMetric};
use crate::{Metric, real};

/// effective-rank: `exp(-sum p ln p)` of the singular values' shares `p = s / sum s` (Roy and Vetterli, 2007; RankMe,
/// Garrido et al., 2023, arXiv:2210.02885, without its small constant).
///
/// Of the rows as they are, not centred. From 1 (all on one line through 0) to `min(rows, dim)` (all directions alike);
/// singular values that rounding can't tell from 0 are 0. Work: `rows x dim^2` and `dim^3`, with the smaller of the two as
/// `dim`. `None` of no rows and of zeros alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveRank;

impl Metric for EffectiveRank {
    fn name(&self) -> String {
        "effective-rank".to_owned()
    }

    fn doc(&self) -> &'static str {
        "`exp(-sum p ln p)`, p the shares of the singular values of the embeddings (Roy and Vetterli, 2007; RankMe, \
         arXiv:2210.02885): how many dimensions are used, from 1 where the space has collapsed to its dimension."
    }

    fn unit(&self) -> &'static str {
        "dimensions"
    }
}

impl SpaceMetric for EffectiveRank {
    fn of_space(&self, space: &Space<'_>) -> Option<f64> {
        let (lines, length) = lines(space);
        let size = lines.len().checked_div(length.max(1)).unwrap_or(0);
        let line = |at: usize| &lines[at * length..(at + 1) * length];
        let gram = |one: usize| {
            let dot = |other: usize| if other <= one { dot(line(one), line(other)) } else { 0.0 };
            (0..size).map(dot).collect::<Vec<f64>>()
        };
        let gram: Vec<f64> = (0..size).into_par_iter().flat_map_iter(gram).collect();
        let squares = eigenvalues(gram, size);
        let largest = squares.iter().copied().fold(0.0, f64::max);
        let noise = largest * f64::EPSILON * real(size.max(length));
        let mut singular: Vec<f64> = squares.into_iter().filter(|square| *square > noise).map(f64::sqrt).collect();
        singular.sort_unstable_by(f64::total_cmp);
        let sum: f64 = singular.iter().sum();
        let entropy: f64 = singular.iter().map(|value| value / sum).map(|share| -share * share.ln()).sum();
        (!singular.is_empty()).then(|| entropy.exp())
    }
}

/// The rows, or where there are more of them than columns the columns: one after the other, and the length of each. Scaled
/// so that the largest number is 1, which no square then exceeds.
fn lines(space: &Space<'_>) -> (Vec<f64>, usize) {
    let (rows, dim) = (space.len(), space.dim());
    let values = (0..rows).flat_map(|row| space.row(row));
    let largest = values.map(|value| f64::from(value.abs())).fold(0.0, f64::max);
    let scale = if largest > 0.0 { 1.0 / largest } else { 0.0 };
    let at = |row: usize, column: usize| f64::from(space.row(row)[column]) * scale;
    if rows < dim {
        ((0..rows).flat_map(|row| (0..dim).map(move |column| at(row, column))).collect(), dim)
    } else {
        ((0..dim).flat_map(|column| (0..rows).map(move |row| at(row, column))).collect(), rows)
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let tail: f64 = ones.remainder().iter().zip(others.remainder()).map(|(one, other)| one * other).sum();
    for (one, other) in ones.zip(others) {
        lanes.iter_mut().zip(one.iter().zip(other)).for_each(|(lane, (one, other))| *lane += one * other);
    }
    lanes.iter().sum::<f64>() + tail
}
