//! Query expansion: a query is replaced by a mean of itself and its nearest, then searched again.

use rayon::prelude::*;

use crate::MetricError;
use crate::space::Space;

/// What each of the nearest weighs; the query itself weighs 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expansion {
    /// As much as the query (Chum et al., Total Recall, 2007).
    Average,
    /// Its cosine similarity to the query, negative ones as 0, to this power (Radenovic, Tolias and Chum, 2018,
    /// arXiv:1711.02512): 0 is the average, and the larger the power, the less the farther ones count.
    Alpha(f64),
}

/// Queries replaced by `q + sum_i w_i x_i` over their nearest index rows, scaled to unit length, row after row.
///
/// With the index rows as queries of themselves this is database-side augmentation. A query whose sum is 0 stays as it is,
/// scaled; a query without neighbours likewise; zeros stay zeros.
///
/// # Errors
/// If queries and index have rows of different lengths, there is not one list of neighbours a query, a neighbour is no row
/// of the index, or the power is not a number from 0 on.
pub fn expanded(
    queries: &Space<'_>,
    index: &Space<'_>,
    nearest: &[Vec<u32>],
    expansion: Expansion,
) -> Result<Vec<f32>, MetricError> {
    if queries.dim() != index.dim() {
        let (ones, others) = (queries.dim(), index.dim());
        return Err(MetricError::Lengths {
            one: "numbers of a query",
            ones,
            other: "numbers of an indexed row",
            others,
        });
    }
    if nearest.len() != queries.len() {
        let (ones, others) = (nearest.len(), queries.len());
        return Err(MetricError::Lengths { one: "lists of neighbours", ones, other: "queries", others });
    }
    if let Some(near) = nearest.iter().flatten().find(|near| **near as usize >= index.len()) {
        return Err(MetricError::Position { what: "row", position: *near as usize, rows: index.len() });
    }
    if let Expansion::Alpha(power) = expansion
        && !(power >= 0.0 && power.is_finite())
    {
        return Err(MetricError::Range { what: "alpha", expected: "a number from 0 on".to_owned() });
    }
    let one = |(query, nearest): (usize, &Vec<u32>)| {
        let near = nearest.iter().map(|near| index.row(*near as usize));
        expand(queries.row(query), near, expansion)
    };
    Ok(nearest.par_iter().enumerate().map(one).collect::<Vec<_>>().concat())
}

fn expand<'a>(query: &[f32], nearest: impl Iterator<Item = &'a [f32]>, expansion: Expansion) -> Vec<f32> {
    let own: Vec<f64> = query.iter().map(|value| f64::from(*value)).collect();
    let mut sum = own.clone();
    for near in nearest {
        let weight = match expansion {
            Expansion::Average => 1.0,
            Expansion::Alpha(power) => similarity(query, near).max(0.0).powf(power),
        };
        sum.iter_mut().zip(near).for_each(|(sum, value)| *sum += weight * f64::from(*value));
    }
    unit(&sum).or_else(|| unit(&own)).unwrap_or_else(|| query.to_vec())
}

/// The cosine of two rows; 0 if one is zeros.
pub(super) fn similarity(one: &[f32], other: &[f32]) -> f64 {
    let dot = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
    };
    let norms = (dot(one, one) * dot(other, other)).sqrt();
    if norms > 0.0 { dot(one, other) / norms } else { 0.0 }
}

/// The row at unit length; `None` of zeros.
#[expect(clippy::cast_possible_truncation, reason = "the one rounding to the type of embeddings")]
fn unit(row: &[f64]) -> Option<Vec<f32>> {
    let norm = row.iter().map(|value| value * value).sum::<f64>().sqrt();
    (norm > 0.0).then(|| row.iter().map(|value| (value / norm) as f32).collect())
}
