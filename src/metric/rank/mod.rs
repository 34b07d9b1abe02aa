//! Metrics of queries with ranked neighbours: one file a metric, each a [`RankMetric`], and [`RetrievalMetric`] that lists
//! them by name.
//!
//! They see which neighbours are relevant and how many relevant items there are, nothing else: no distances, so equal
//! distances matter only by the order that the search gave them (by position).

mod asked;
pub mod average;
pub mod map_at_k;
pub mod map_at_r;
pub mod mrr;
pub mod ndcg_at_k;
pub mod precision_at_k;
pub mod r_precision;
pub mod recall_at_k;
mod retrieval_metric;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod property_tests;

use super::{Metric, real};

pub use asked::Asked;
pub use average::{Average, macro_mean, micro_mean};
pub use map_at_k::MapAtK;
pub use map_at_r::MapAtR;
pub use mrr::Mrr;
pub use ndcg_at_k::{NdcgAtK, TrueNdcgAtK};
pub use precision_at_k::PrecisionAtK;
pub use r_precision::RPrecision;
pub use recall_at_k::RecallAtK;
pub(crate) use retrieval_metric::KNOWN;
pub use retrieval_metric::RetrievalMetric;

/// The neighbours of one query, by what they are worth.
#[derive(Debug, Clone, Copy)]
pub struct Ranked<'a> {
    /// Whether each neighbour has the query's label, nearest first.
    pub hits: &'a [bool],
    /// Items of the query's label in the whole index: R.
    pub relevant: usize,
}

impl Ranked<'_> {
    /// The same neighbours but the nearest: for queries that are themselves in the index and so find themselves first.
    ///
    /// The nearest is then no relevant item either. Without any neighbour there is nothing to leave out.
    #[must_use]
    pub fn without_nearest(&self) -> Self {
        match self.hits.split_first() {
            Some((nearest, hits)) => Self { hits, relevant: self.relevant.saturating_sub(usize::from(*nearest)) },
            None => *self,
        }
    }

    /// Relevant items among the `k` nearest.
    fn found(&self, k: usize) -> f64 {
        real(self.hits.iter().take(k).filter(|hit| **hit).count())
    }
}

/// A metric of ranked neighbours: a value for each query, in [0, 1], whose mean over queries is reported.
pub trait RankMetric: Metric {
    /// Neighbours that it needs where `relevant` items have the query's label; `usize::MAX` is all of the index.
    ///
    /// With fewer neighbours than that, because the index is smaller, missing ones count as wrong.
    fn depth(&self, relevant: usize) -> usize;

    /// Whether neighbours behind the first relevant one change nothing, whatever [`depth`](Self::depth) says: whoever
    /// searches may stop there.
    fn is_settled_by_first_hit(&self) -> bool {
        false
    }

    /// The value for a query that has relevant items.
    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64;

    /// The value for one query; `None` where nothing is relevant.
    fn of_query(&self, ranked: &Ranked<'_>) -> Option<f64> {
        (ranked.relevant > 0).then(|| self.of_relevant(ranked))
    }
}
