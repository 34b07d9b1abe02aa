//! Every query looked up once, as deep as its metrics need.

use std::sync::Arc;

use crate::embedded;
use simpipe_artifact::{Distance, Embeddings, IndexRows};
use simpipe_metric::{Ranked, RetrievalMetric};
use simpipe_search::distance::Rows;
use simpipe_search::knn::{Hit, Wanted};
use simpipe_search::{ExactSearch, Vectors, overlap};
use simpipe_stage::StageError;

/// How deep a metric is looked for at first of which the nearest relevant row is all that counts: most have it there, and
/// only the others are looked up to the end of the index.
const AT_FIRST: usize = 100;

/// Queries and index, ready to be compared.
pub(super) struct Lookup<'a> {
    pub(super) stop: &'a (dyn Fn() -> bool + Sync),
    pub(super) distance: Distance,
    rows: Vectors<'a>,
    asked: Vectors<'a>,
    pub(super) row_labels: &'a [i32],
    pub(super) labels: &'a [i32],
    /// For each query: the index rows that are the query itself or hold its image.
    pub(super) same: Vec<Arc<[u32]>>,
    /// For each query: the index rows that it does not look at, in increasing order.
    pub(super) excluded: Vec<Arc<[u32]>>,
    /// For each query: the index rows of its label that it looks at.
    pub(super) relevant: Vec<usize>,
}

/// What one query found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Retrieved {
    /// Its value of each metric; `None` where it has nothing to find.
    pub(super) values: Vec<Option<f64>>,
    pub(super) nearest: Option<Hit>,
    /// As many of the nearest rows as were to be kept.
    pub(super) near: Vec<u32>,
    /// Whether a relevant row is among those looked at.
    pub(super) hit: bool,
}

impl<'a> Lookup<'a> {
    /// Of an index and its queries, with each query's own rows and those that it does not look at, both in increasing order.
    ///
    /// # Errors
    /// If a row can't be compared by the distance.
    pub(super) fn new(
        index: &'a IndexRows,
        queries: &'a Embeddings,
        distance: Distance,
        same: Vec<Arc<[u32]>>,
        excluded: Vec<Arc<[u32]>>,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self, StageError> {
        let rows = embedded::searchable("indexed vector", &index.vectors, index.dim, &index.example_id, distance)?;
        let asked = embedded::searchable("embedding", &queries.values, queries.dim, &queries.example_id, distance)?;
        let relevant = overlap::relevant(&index.label, &queries.label, &excluded);
        let (row_labels, labels) = (&index.label, &queries.label);
        Ok(Self { stop, distance, rows, asked, row_labels, labels, same, excluded, relevant })
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        self.rows.rows()
    }

    pub(super) fn asked(&self) -> Rows<'_> {
        self.asked.rows()
    }

    /// Looks up vectors in place of the queries' own, and keeps the `keep` nearest of each.
    ///
    /// # Errors
    /// If the stage is to stop.
    pub(super) fn find(
        &self,
        asked: Rows<'_>,
        columns: &[RetrievalMetric],
        keep: usize,
    ) -> Result<Vec<Retrieved>, StageError> {
        let all: Vec<usize> = (0..self.labels.len()).collect();
        let at_first = |query: usize| depth(columns, self.relevant[query], AT_FIRST).max(keep).max(1);
        let mut found = self.search(asked, &all, columns, keep, at_first)?;
        let to_the_first = |metric: &RetrievalMetric| metric.depth(1) == usize::MAX && metric.is_settled_by_first_hit();
        let lacking = |query: &usize| !found[*query].hit && self.relevant[*query] > 0;
        let late: Vec<usize> = all.into_iter().filter(lacking).collect();
        if !late.is_empty() && columns.iter().any(to_the_first) {
            let values: Vec<f32> = late.iter().flat_map(|query| asked.row(*query)).copied().collect();
            let rows = Rows::new(&values, asked.dim()).map_err(|error| embedded::unsearchable(&error))?;
            let again = self.search(rows, &late, columns, keep, |_| usize::MAX)?;
            late.into_iter().zip(again).for_each(|(query, again)| found[query] = again);
        }
        Ok(found)
    }

    /// Looks up some queries, whose vectors are `asked`.
    fn search(
        &self,
        asked: Rows<'_>,
        queries: &[usize],
        columns: &[RetrievalMetric],
        keep: usize,
        depth: impl Fn(usize) -> usize,
    ) -> Result<Vec<Retrieved>, StageError> {
        let wanted = |query: &usize| Wanted { k: depth(*query), excluded: self.excluded[*query].clone() };
        let wanted: Vec<Wanted> = queries.iter().map(wanted).collect();
        let judge = |at: usize, hits: &[Hit]| {
            let query = queries[at];
            let right: Vec<bool> = hits.iter().map(|hit| self.is_relevant(query, hit.row)).collect();
            Retrieved {
                values: self.values(query, &right, columns),
                nearest: hits.first().copied(),
                near: hits.iter().take(keep).map(|hit| hit.row).collect(),
                hit: right.contains(&true),
            }
        };
        let search = ExactSearch::new(self.rows(), self.distance).stopped_by(self.stop);
        search.map(asked, &wanted, judge).map_err(|error| embedded::unsearchable(&error))
    }

    /// A query's value of each metric, of whether its neighbours are relevant, nearest first.
    pub(super) fn values(&self, query: usize, hits: &[bool], columns: &[RetrievalMetric]) -> Vec<Option<f64>> {
        let ranked = Ranked { hits, relevant: self.relevant[query] };
        columns.iter().map(|metric| metric.of_query(&ranked)).collect()
    }

    /// Whether an index row has the query's label.
    pub(super) fn is_relevant(&self, query: usize, row: u32) -> bool {
        self.row_labels[row as usize] == self.labels[query]
    }

    /// Whether a query looks at an index row.
    pub(super) fn looks_at(&self, query: usize, row: u32) -> bool {
        self.excluded[query].binary_search(&row).is_err()
    }

    /// Whether the stage is to stop.
    ///
    /// # Errors
    /// [`StageError::Interrupted`] then.
    pub(super) fn stop_if_cancelled(&self) -> Result<(), StageError> {
        if (self.stop)() { Err(StageError::Interrupted) } else { Ok(()) }
    }
}

/// How deep metrics look for a query of so many relevant rows; `at_first` those of which the nearest is all that counts.
pub(super) fn depth(columns: &[RetrievalMetric], relevant: usize, at_first: usize) -> usize {
    let one = |metric: &RetrievalMetric| match metric.depth(relevant) {
        usize::MAX if metric.is_settled_by_first_hit() => at_first,
        depth => depth,
    };
    columns.iter().map(one).max().unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use simpipe_search::overlap::same_examples;

    /// Points on a line, their labels and digests.
    pub(crate) fn line(points: &[(f32, i32)], first_id: u64) -> Embeddings {
        let ids: Vec<u64> = (first_id..).take(points.len()).collect();
        Embeddings {
            position: (0..).take(points.len()).collect(),
            digest: ids.iter().map(|id| format!("digest of {id}")).collect(),
            example_id: ids,
            label: points.iter().map(|point| point.1).collect(),
            split: vec!["test".into(); points.len()],
            values: points.iter().map(|point| point.0).collect(),
            dim: 1,
            ..Embeddings::default()
        }
    }

    pub(crate) fn indexed(rows: &Embeddings) -> IndexRows {
        IndexRows {
            example_id: rows.example_id.clone(),
            label: rows.label.clone(),
            digest: rows.digest.clone(),
            vectors: rows.values.clone().into(),
            dim: rows.dim,
            belonging: rows.belonging.clone(),
        }
    }

    /// Queries that look at every row, or at all but their own.
    pub(in crate::evaluate) fn look<'a>(
        (index, queries): (&'a IndexRows, &'a Embeddings),
        distance: Distance,
        leave_one_out: bool,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Lookup<'a> {
        let same = same_examples(index, &queries.example_id, &queries.digest);
        let excluded = if leave_one_out { same.clone() } else { vec![Arc::default(); queries.len()] };
        Lookup::new(index, queries, distance, same, excluded, stop).unwrap()
    }

    fn metrics(names: &[&str]) -> Vec<RetrievalMetric> {
        names.iter().map(|name| RetrievalMetric::parse(name).unwrap()).collect()
    }

    #[test]
    fn the_first_hit_is_found_however_late_it_comes() {
        // 300 rows of label 1 lie before the one of label 0.
        let points: Vec<(f32, i32)> = (0..301).map(|at: u16| (f32::from(at), i32::from(at != 300))).collect();
        let (index, queries) = (indexed(&line(&points, 0)), line(&[(0.2, 0), (-1.0, 1), (7.0, 5)], 1000));
        let lookup = look((&index, &queries), Distance::Euclidean, false, &|| false);
        let found = lookup.find(lookup.asked(), &metrics(&["recall@1", "mrr"]), 2).unwrap();
        assert_eq!(found[0].values, [Some(0.0), Some(1.0 / 301.0)]);
        assert_eq!((&found[0].near, found[0].nearest.unwrap().row), (&vec![0, 1], 0));
        assert_eq!(found[1].values, [Some(1.0), Some(1.0)]);
        assert_eq!(found[2].values, [None, None], "nothing has its label");
        // All of the ranking is looked at where all of it counts.
        let whole = lookup.find(lookup.asked(), &metrics(&["map", "mrr"]), 0).unwrap();
        assert_eq!((whole[0].values[0], whole[0].values[1]), (Some(1.0 / 301.0), Some(1.0 / 301.0)));
    }

    #[test]
    fn a_query_that_is_left_out_of_its_neighbours_does_not_find_its_copies() {
        let rows = line(&[(0.0, 0), (0.0, 0), (1.0, 1), (5.0, 0)], 0);
        let mut index = indexed(&rows);
        index.digest[1] = index.digest[0].clone();
        let queries = Embeddings { digest: index.digest.clone(), ..rows };
        let lookup = look((&index, &queries), Distance::Euclidean, true, &|| false);
        assert_eq!(lookup.relevant, [1, 1, 0, 2]);
        let found = lookup.find(lookup.asked(), &metrics(&["recall@1", "mrr"]), 0).unwrap();
        assert_eq!(found[0].values, [Some(0.0), Some(0.5)]);
        assert!(!lookup.looks_at(0, 1) && lookup.looks_at(0, 2));
    }
}
