//! How much of what is near a search finds, measured against the exact one.

use super::SearchError;
use super::distance::Rows;
use super::drawn::sample;
use super::knn::{ExactSearch, Hit, Wanted};
use super::searcher::Searcher;
use simpipe_artifact::Distance;

/// Neighbours that are looked for.
pub const NEAREST: usize = 10;
/// Rows that are looked up, at most.
pub const SAMPLED: usize = 1000;

/// Rows that are looked up, and what is near them: what a search should find.
#[derive(Debug)]
pub struct Sample {
    distance: Distance,
    dim: usize,
    /// The rows, and of each that it does not count itself.
    values: Vec<f32>,
    wanted: Vec<Wanted>,
    /// How many rows are near each, and how far the last of these is.
    near: Vec<(usize, f32)>,
}

impl Sample {
    /// A sample of [`SAMPLED`] rows, with the [`NEAREST`] of each without itself: the same one of as many rows.
    ///
    /// # Errors
    /// If it is to stop.
    pub fn of(rows: Rows<'_>, distance: Distance, stop: &(dyn Fn() -> bool + Sync)) -> Result<Self, SearchError> {
        let (drawn, dim) = (sample(rows.len(), SAMPLED), rows.dim());
        let values: Vec<f32> = drawn.iter().flat_map(|row| rows.row(*row as usize)).copied().collect();
        let wanted: Vec<Wanted> = drawn.iter().map(|row| Wanted { k: NEAREST, excluded: [*row].into() }).collect();
        let last = |_: usize, hits: &[Hit]| (hits.len(), hits.last().map_or(0.0, |hit| hit.distance));
        let asked = Rows::checked(&values, dim);
        let near = ExactSearch::new(rows, distance).stopped_by(stop).map(asked, &wanted, last)?;
        Ok(Self { distance, dim, values, wanted, near })
    }

    /// The share of what is near that a search finds. A row that is as far as the last of the nearest counts as one. 1 where
    /// there is nothing to find.
    ///
    /// # Errors
    /// If it is to stop.
    pub fn share_found(&self, searcher: &Searcher<'_>) -> Result<f64, SearchError> {
        let near_enough = |query: usize, hits: &[Hit]| {
            let (_, last) = self.near[query];
            let is_near = |hit: &&Hit| {
                if self.distance.larger_is_nearer() { hit.distance >= last } else { hit.distance <= last }
            };
            hits.iter().filter(is_near).count()
        };
        let found = searcher.map(Rows::checked(&self.values, self.dim), &self.wanted, near_enough)?;
        let (found, there) =
            (found.into_iter().sum::<usize>(), self.near.iter().map(|(count, _)| count).sum::<usize>());
        #[expect(clippy::cast_precision_loss, reason = "at most ten thousand")]
        let share = found as f64 / there as f64;
        Ok(if there == 0 { 1.0 } else { share })
    }
}

/// The share of the [`NEAREST`] nearest rows that a search finds, over a [`Sample`].
///
/// # Errors
/// If it is to stop.
pub fn recall(
    rows: Rows<'_>,
    distance: Distance,
    searcher: &Searcher<'_>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<f64, SearchError> {
    Sample::of(rows, distance, stop)?.share_found(searcher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Structure;
    use crate::method::Search;
    use simpipe_base::param;

    #[test]
    fn exact_search_finds_all_and_a_coarse_one_does_not() {
        let values = crate::drawn::numbers(2000 * 8);
        let rows = Rows::new(&values, 8).unwrap();
        let of = |search: &Search, distance| {
            recall(rows, distance, &Searcher::new(rows, distance, search, &Structure::nothing()), &|| false).unwrap()
        };
        assert_eq!(of(&Search::Exact, Distance::Euclidean), 1.0);
        assert_eq!(of(&Search::Exact, Distance::InnerProduct), 1.0);
        // Eight bits are hardly enough to tell 2,000 rows apart.
        let coarse: Search = param::from_json(&serde_json::json!({ "binary": { "candidates": 1 } })).unwrap();
        let mut directions = values.clone();
        crate::vectors::to_unit_length(&mut directions, 8);
        let rows = Rows::new(&directions, 8).unwrap();
        let structure = Structure::new(rows, Distance::Cosine, &coarse, &|| false).unwrap();
        let searcher = Searcher::new(rows, Distance::Cosine, &coarse, &structure);
        let share = recall(rows, Distance::Cosine, &searcher, &|| false).unwrap();
        assert!((0.05..0.9).contains(&share), "{share}");
        // Each candidate more that is looked at finds more.
        let mut last = share;
        for candidates in [2, 3, 5] {
            let finer: Search =
                param::from_json(&serde_json::json!({ "binary": { "candidates": candidates } })).unwrap();
            let searcher = Searcher::new(rows, Distance::Cosine, &finer, &structure);
            let share = recall(rows, Distance::Cosine, &searcher, &|| false).unwrap();
            assert!(share > last, "{candidates}: {share} after {last}");
            last = share;
        }
        let none = Rows::new(&[], 0).unwrap();
        let nothing = Structure::nothing();
        let searcher = Searcher::new(none, Distance::Cosine, &Search::Exact, &nothing);
        assert_eq!(recall(none, Distance::Cosine, &searcher, &|| false).unwrap(), 1.0);
    }
}
