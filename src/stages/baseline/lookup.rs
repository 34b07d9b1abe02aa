//! Looking queries up in an index by any vectors, always with the same rows left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::embedded;
use simpipe_artifact::{Distance, Embeddings, IndexRows};
use simpipe_metric::{Ranked, RetrievalMetric};
use simpipe_search::knn::{Hit, Wanted};
use simpipe_search::{ExactSearch, SearchError, Vectors, overlap};
use simpipe_stage::{Ctx, StageError};

/// What every baseline is measured by; recall@1 is precision@1 too.
pub(super) const METRICS: [RetrievalMetric; 2] = [RetrievalMetric::RecallAtK(1), RetrievalMetric::MapAtR];

/// By metric, a value of each query; none where nothing can be found.
pub(super) type Values = Vec<(RetrievalMetric, Vec<Option<f64>>)>;

/// Queries and what each may find.
pub(super) struct Lookup<'a> {
    indexed: &'a [i32],
    asked: &'a [i32],
    /// Rows that it does not look at: the query itself, and its group where that was asked for.
    excluded: Vec<Arc<[u32]>>,
    /// Rows of the query's class that it may find.
    relevant: Vec<usize>,
}

impl<'a> Lookup<'a> {
    /// `excluded` are the rows that each query does not look at.
    pub(super) fn new(index: &'a IndexRows, queries: &'a Embeddings, excluded: Vec<Arc<[u32]>>) -> Self {
        let relevant = overlap::relevant(&index.label, &queries.label, &excluded);
        Self { indexed: &index.label, asked: &queries.label, excluded, relevant }
    }

    /// Queries that can find nothing of their class.
    pub(super) fn lone(&self) -> usize {
        self.relevant.iter().filter(|relevant| **relevant == 0).count()
    }

    pub(super) fn of_embedding(
        &self,
        ctx: &Ctx<'_>,
        index: &IndexRows,
        queries: &Embeddings,
        distance: Distance,
    ) -> Result<Values, StageError> {
        let rows = embedded::searchable("indexed vector", &index.vectors, index.dim, &index.example_id, distance)?;
        let asked = embedded::searchable("embedding", &queries.values, queries.dim, &queries.example_id, distance)?;
        self.of(ctx, &rows, &asked, distance).map_err(|error| embedded::unsearchable(&error))
    }

    /// The metrics by some vectors, searched exactly.
    pub(super) fn of(
        &self,
        ctx: &Ctx<'_>,
        rows: &Vectors<'_>,
        asked: &Vectors<'_>,
        distance: Distance,
    ) -> Result<Values, SearchError> {
        let depth = |(relevant, excluded): (&usize, &Arc<[u32]>)| Wanted {
            k: METRICS.iter().map(|metric| metric.depth(*relevant)).max().unwrap_or(0),
            excluded: excluded.clone(),
        };
        let wanted: Vec<Wanted> = self.relevant.iter().zip(&self.excluded).map(depth).collect();
        let judge = |query: usize, hits: &[Hit]| {
            let right: Vec<bool> = hits.iter().map(|hit| self.indexed[hit.row as usize] == self.asked[query]).collect();
            let ranked = Ranked { hits: &right, relevant: self.relevant[query] };
            METRICS.map(|metric| metric.of_query(&ranked))
        };
        let stop = || ctx.cancelled();
        let search = ExactSearch::new(rows.rows(), distance).stopped_by(&stop);
        let found = search.map(asked.rows(), &wanted, judge)?;
        let column = |(at, metric): (usize, RetrievalMetric)| (metric, found.iter().map(|values| values[at]).collect());
        Ok(METRICS.into_iter().enumerate().map(column).collect())
    }

    /// What an index in random order gives on average: `R / N` of the first place, and of MAP@R
    /// `1/N sum_{i=1..R} (1 + (i - 1) (R - 1) / (N - 1)) / i`, for R of N rows being of the query's class.
    pub(super) fn chance(&self) -> Values {
        let mut known: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        let (mut first, mut map) = (Vec::new(), Vec::new());
        for (relevant, excluded) in self.relevant.iter().zip(&self.excluded) {
            let others = self.indexed.len().saturating_sub(excluded.len());
            let possible = *relevant > 0 && others > 0;
            first.push(possible.then(|| *relevant as f64 / others as f64));
            let mut value = || *known.entry((*relevant, others)).or_insert_with(|| expected_map(*relevant, others));
            map.push(possible.then(&mut value));
        }
        METRICS.into_iter().zip([first, map]).collect()
    }

    /// Whether a query has the class that the index has most of; of several such the one with the smallest label.
    pub(super) fn largest_class(&self) -> Values {
        let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
        self.indexed.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
        let largest = counts.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
        let right = |(label, relevant): (&i32, &usize)| {
            (*relevant > 0).then(|| if largest.is_some_and(|largest| largest.0 == *label) { 1.0 } else { 0.0 })
        };
        vec![(METRICS[0], self.asked.iter().zip(&self.relevant).map(right).collect())]
    }
}

/// The mean of MAP@R over all orders of `others` rows, of which `relevant` are of the query's class.
fn expected_map(relevant: usize, others: usize) -> f64 {
    // What the share of relevant rows in front of a relevant one is on average.
    let rest = if others > 1 { (relevant as f64 - 1.0) / (others as f64 - 1.0) } else { 0.0 };
    let at = |place: usize| (1.0 + (place as f64 - 1.0) * rest) / place as f64;
    (1..=relevant).map(at).sum::<f64>() / others as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exclude::{Exclude, Excluded};
    use simpipe_artifact::Belonging;
    use simpipe_metric::rank::RankMetric;
    use simpipe_search::overlap::same_examples;

    fn rows(labels: &[i32]) -> IndexRows {
        IndexRows {
            example_id: (0..).take(labels.len()).collect(),
            label: labels.to_vec(),
            digest: (0..labels.len()).map(|at| format!("image {at}")).collect(),
            vectors: vec![0.0; labels.len()].into(),
            dim: 1,
            ..IndexRows::default()
        }
    }

    fn asked(ids: &[usize], labels: &[i32]) -> Embeddings {
        Embeddings {
            example_id: ids.iter().map(|id| *id as u64).collect(),
            label: labels.to_vec(),
            digest: ids.iter().map(|id| format!("image {id}")).collect(),
            dim: 1,
            ..Embeddings::default()
        }
    }

    /// The mean over every order, one by one.
    fn over_all_orders(hits: &mut Vec<bool>, from: usize, sum: &mut f64, count: &mut f64) {
        if from == hits.len() {
            let relevant = hits.iter().filter(|hit| **hit).count();
            *sum += RetrievalMetric::MapAtR.of_relevant(&Ranked { hits, relevant });
            *count += 1.0;
        }
        for at in from..hits.len() {
            hits.swap(from, at);
            over_all_orders(hits, from + 1, sum, count);
            hits.swap(from, at);
        }
    }

    #[test]
    fn chance_is_the_mean_over_all_orders() {
        for (relevant, others) in [(1, 1), (1, 4), (2, 5), (3, 6), (4, 4), (6, 7)] {
            let (mut sum, mut count) = (0.0, 0.0);
            let mut hits: Vec<bool> = (0..others).map(|at| at < relevant).collect();
            over_all_orders(&mut hits, 0, &mut sum, &mut count);
            let expected = expected_map(relevant, others);
            assert!((sum / count - expected).abs() < 1e-12, "{relevant} of {others}: {expected}, not {}", sum / count);
        }
    }

    #[test]
    fn a_query_in_the_index_is_none_of_its_own_chances() {
        let (index, queries) = (rows(&[0, 0, 0, 1, 2]), asked(&[0, 9, 3, 7], &[0, 0, 1, 2]));
        let lookup = Lookup::new(&index, &queries, same_examples(&index, &queries.example_id, &queries.digest));
        assert_eq!(lookup.lone(), 1);
        let chance = lookup.chance();
        // 2 of the 4 others; 3 of 5; example 3 is the only one of its class; 1 of 5.
        assert_eq!(chance[0].1, [Some(0.5), Some(0.6), None, Some(0.2)]);
        assert_eq!(chance[1].1[3], Some(0.2));
        assert_eq!(lookup.largest_class()[0].1, [Some(1.0), Some(1.0), None, Some(0.0)]);
    }

    #[test]
    fn chance_is_that_of_the_images_outside_a_querys_group() {
        let texts = |values: &[&str]| values.iter().map(|value| Some((*value).to_owned())).collect();
        let (mut index, mut queries) = (rows(&[0, 0, 0, 1, 2]), asked(&[0, 9], &[0, 1]));
        index.belonging = Belonging::default().with("group", texts(&["a", "a", "b", "b", "c"]));
        queries.belonging = Belonging::default().with("group", texts(&["a", "b"]));
        let same = same_examples(&index, &queries.example_id, &queries.digest);
        let excluded = Excluded::of(Some(&Exclude::SameGroup), same, &index, &queries).unwrap();
        let lookup = Lookup::new(&index, &queries, excluded.rows);
        // Of the first the rows 2, 3 and 4 are left, one of them of its class; of the second 0, 1 and 4, none.
        assert_eq!(lookup.chance()[0].1, [Some(1.0 / 3.0), None]);
        assert_eq!(lookup.lone(), 1);
    }
}
