//! Neighbours ranked anew from each other's neighbours.

use rayon::prelude::*;

use super::lookup::{Lookup, Retrieved, depth};
use crate::embedded;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::{choice, params};
use simpipe_metric::rerank::{Expansion, KReciprocal, Neighbours, expanded};
use simpipe_metric::space::{Space, square};
use simpipe_metric::{MetricError, RetrievalMetric};
use simpipe_search::ExactSearch;
use simpipe_search::distance::Rows;
use simpipe_stage::StageError;

params! {
    /// k-reciprocal encoding (Zhong et al., 2017, arXiv:1701.08398).
    pub struct Reciprocal {
        /// Neighbours that must find each other.
        #[aka("k", "neighbours", "neighbors")]
        k1: usize = 20 => check::count(1),
        /// Neighbours whose encodings are averaged, the image itself among them; 1 averages nothing.
        k2: usize = 6 => check::count(1),
        /// The share of the distance itself, from 0 (neighbours alone) to 1 (as before).
        #[aka("lambda_value", "original_weight")]
        lambda: f64 = 0.3 => check::between(0.0, 1.0),
    }
}

params! {
    /// Query expansion (Chum et al., 2007; Radenovic, Tolias and Chum, 2018, arXiv:1711.02512).
    pub struct Expanded {
        /// The nearest that a query is averaged with.
        #[aka("n", "nqe", "top_k", "neighbours", "neighbors")]
        k: usize = 10 => check::count(1),
        /// The power of its cosine similarity that each of them weighs; 0 weighs all as much as the query.
        #[aka("power", "beta")]
        alpha: f64 = 3.0 => check::not_negative(),
    }
}

choice! {
    /// How neighbours are ranked anew. Queries and index are looked at together, so a figure after it says what a system
    /// reaches that has all its queries at once.
    pub enum Rerank {
        /// Images are compared by the neighbours that they share: of those that find each other, `k1` and `k2` of them; the
        /// distance as before counts for `lambda`. For the distances cosine, euclidean and squared euclidean.
        #[aka("k_reciprocal_encoding", "re_ranking")]
        "k-reciprocal" => KReciprocal(Reciprocal),
        /// A query is replaced by a weighted mean of itself and its nearest, of unit length, and looked up again. For the
        /// distances cosine and inner product.
        #[aka("qe", "aqe", "alpha_qe", "average_query_expansion")]
        "query-expansion" => QueryExpansion(Expanded),
    }
}

impl Rerank {
    /// The distances that it is defined for.
    pub(super) const fn distances(&self) -> &'static [Distance] {
        match self {
            Self::KReciprocal(_) => &[Distance::Cosine, Distance::Euclidean, Distance::SquaredEuclidean],
            Self::QueryExpansion(_) => &[Distance::Cosine, Distance::InnerProduct],
        }
    }

    /// How many neighbours it looks at, by parameter.
    pub(super) fn neighbours(&self) -> Vec<(&'static str, usize)> {
        match self {
            Self::KReciprocal(by) => vec![("k1", by.k1), ("k2", by.k2)],
            Self::QueryExpansion(by) => vec![("k", by.k)],
        }
    }

    /// How many of the nearest of the first lookup it needs.
    pub(super) const fn expands_by(&self) -> usize {
        match self {
            Self::KReciprocal(_) => 0,
            Self::QueryExpansion(by) => by.k,
        }
    }
}

/// Each query's value of each metric after re-ranking.
///
/// # Errors
/// If the stage is to stop, or rows are beyond what can be compared.
pub(super) fn values(
    by: &Rerank,
    lookup: &Lookup<'_>,
    columns: &[RetrievalMetric],
    found: &[Retrieved],
) -> Result<Vec<Vec<Option<f64>>>, StageError> {
    match by {
        Rerank::KReciprocal(by) => {
            reciprocal(&KReciprocal { k1: by.k1, k2: by.k2, lambda: by.lambda }, lookup, columns)
        }
        Rerank::QueryExpansion(by) => expansion(by, lookup, columns, found),
    }
}

/// For `map_err`.
pub(super) fn unmeasured(error: &MetricError) -> StageError {
    if *error == MetricError::Stopped { StageError::Interrupted } else { StageError::failed(error.to_string()) }
}

fn expansion(
    by: &Expanded,
    lookup: &Lookup<'_>,
    columns: &[RetrievalMetric],
    found: &[Retrieved],
) -> Result<Vec<Vec<Option<f64>>>, StageError> {
    let (rows, asked) = (lookup.rows(), lookup.asked());
    let (row_values, values) = (numbers(&rows), numbers(&asked));
    let space = |values, labels| Space::new(values, rows.dim(), labels).map_err(|error| unmeasured(&error));
    let (index, queries) = (space(&row_values, lookup.row_labels)?, space(&values, lookup.labels)?);
    let nearest: Vec<Vec<u32>> = found.iter().map(|found| found.near.iter().take(by.k).copied().collect()).collect();
    let expansion = if by.alpha == 0.0 { Expansion::Average } else { Expansion::Alpha(by.alpha) };
    let values = expanded(&queries, &index, &nearest, expansion).map_err(|error| unmeasured(&error))?;
    lookup.stop_if_cancelled()?;
    let asked = Rows::new(&values, rows.dim()).map_err(|error| embedded::unsearchable(&error))?;
    Ok(lookup.find(asked, columns, 0)?.into_iter().map(|found| found.values).collect())
}

fn numbers(rows: &Rows<'_>) -> Vec<f32> {
    (0..rows.len()).flat_map(|row| rows.row(row)).copied().collect()
}

/// The index, and behind it the queries that are not in it: every image once, so that a query's neighbours are others.
struct Joint {
    values: Vec<f32>,
    dim: usize,
    labels: Vec<i32>,
    /// Where each query stands.
    place: Vec<usize>,
}

impl Joint {
    fn of(lookup: &Lookup<'_>) -> Self {
        let (rows, asked) = (lookup.rows(), lookup.asked());
        let mut values = numbers(&rows);
        let mut next = rows.len();
        let place = |(query, same): (usize, &std::sync::Arc<[u32]>)| {
            if let Some(row) = same.first() {
                return *row as usize;
            }
            values.extend(asked.row(query));
            next += 1;
            next - 1
        };
        let place = lookup.same.iter().enumerate().map(place).collect();
        Self { values, dim: rows.dim(), labels: vec![0; next], place }
    }

    fn rows(&self) -> Result<Rows<'_>, StageError> {
        Rows::new(&self.values, self.dim).map_err(|error| embedded::unsearchable(&error))
    }

    /// The nearest of every row by the lookup's distance, and how far its farthest is.
    fn neighbours(&self, lookup: &Lookup<'_>, space: &Space<'_>, depth: usize) -> Result<Neighbours, StageError> {
        let search = ExactSearch::new(self.rows()?, lookup.distance).stopped_by(lookup.stop);
        let nearest = search.nearest(self.rows()?, depth).map_err(|error| embedded::unsearchable(&error))?;
        let nearest = nearest.into_iter().map(|hits| hits.into_iter().map(|hit| hit.row).collect()).collect();
        Neighbours::new(nearest, self.farthest(lookup, space)?).map_err(|error| unmeasured(&error))
    }

    /// The largest squared distance of each row: `|k|^2 - 2 q.k` is largest where `(-2q, 1).(k, |k|^2)` is, which a search
    /// by the inner product finds.
    #[expect(clippy::cast_possible_truncation, reason = "the row is chosen by it, its distance is computed exactly")]
    fn farthest(&self, lookup: &Lookup<'_>, space: &Space<'_>) -> Result<Vec<f64>, StageError> {
        let origin = vec![0.0; self.dim];
        let (mut keys, mut turned) = (Vec::new(), Vec::new());
        for row in 0..space.len() {
            keys.extend_from_slice(space.row(row));
            keys.push(square(space.row(row), &origin) as f32);
            turned.extend(space.row(row).iter().map(|value| -2.0 * value));
            turned.push(1.0);
        }
        let rows = |values| Rows::new(values, self.dim + 1).map_err(|error| embedded::unsearchable(&error));
        let search = ExactSearch::new(rows(&keys)?, Distance::InnerProduct).stopped_by(lookup.stop);
        let found = search.nearest(rows(&turned)?, 1).map_err(|error| embedded::unsearchable(&error))?;
        let square = |(row, hits): (usize, &Vec<simpipe_search::Hit>)| {
            hits.first().map_or(0.0, |hit| square(space.row(row), space.row(hit.row as usize)))
        };
        Ok(found.iter().enumerate().map(square).collect())
    }
}

fn reciprocal(
    by: &KReciprocal,
    lookup: &Lookup<'_>,
    columns: &[RetrievalMetric],
) -> Result<Vec<Vec<Option<f64>>>, StageError> {
    let joint = Joint::of(lookup);
    let space = Space::new(&joint.values, joint.dim, &joint.labels).map_err(|error| unmeasured(&error))?;
    let neighbours = joint.neighbours(lookup, &space, by.depth())?;
    let between = |one: usize, other: usize| square(space.row(one), space.row(other));
    // Nothing is made of what is computed once the stage is to stop.
    let unless = |one: usize, other: usize| if (lookup.stop)() { 0.0 } else { between(one, other) };
    let encoded = by.encode(&neighbours, unless).map_err(|error| unmeasured(&error))?;
    let of_query = |query: usize| {
        if (lookup.stop)() {
            return Vec::new();
        }
        let distances = encoded.distances_to(&neighbours, joint.place[query], lookup.row_labels.len(), between);
        lookup.values(query, &ranking(lookup, query, &distances, columns), columns)
    };
    let values = (0..lookup.labels.len()).into_par_iter().map(of_query).collect();
    lookup.stop_if_cancelled()?;
    Ok(values)
}

/// Whether the rows that a query looks at are relevant, nearest first, ties by position, as far as metrics look.
fn ranking(lookup: &Lookup<'_>, query: usize, distances: &[f64], columns: &[RetrievalMetric]) -> Vec<bool> {
    let order = |one: &(f64, u32), other: &(f64, u32)| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
    let rows = distances.iter().copied().zip(0..).filter(|near| lookup.looks_at(query, near.1));
    let mut rows: Vec<(f64, u32)> = rows.collect();
    let relevant = rows.iter().filter(|near| lookup.is_relevant(query, near.1));
    let first = relevant.min_by(|one, other| order(one, other)).copied();
    let before = first.map_or(0, |first| rows.iter().filter(|near| order(near, &first).is_lt()).count());
    let deep = depth(columns, lookup.relevant[query], 0).max(before.saturating_add(1));
    if deep < rows.len() {
        rows.select_nth_unstable_by(deep, order);
        rows.truncate(deep);
    }
    rows.sort_unstable_by(order);
    rows.iter().map(|near| lookup.is_relevant(query, near.1)).collect()
}

#[cfg(test)]
#[path = "rerank_tests.rs"]
mod tests;
