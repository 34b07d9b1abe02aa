//! Pairs of a query and an indexed image, all of them or some drawn at random, by how far apart they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;
use rayon::prelude::*;

use super::lookup::Lookup;
use super::rerank::unmeasured;
use simpipe_artifact::PairsInfo;
use simpipe_base::seed::Seed;
use simpipe_metric::pair::{OrderedPairs, ScoredPair};
use simpipe_search::distance::between;
use simpipe_stage::StageError;

/// Pairs whose distances are computed between two looks at whether to stop.
const BLOCK: usize = 1 << 16;

/// The pairs, at most `most` of one class and as many of two: all where there are no more, else drawn with replacement.
///
/// A query makes no pair with the rows that it does not look at.
///
/// # Errors
/// If the stage is to stop, or a distance is NaN.
pub(super) fn draw(lookup: &Lookup<'_>, most: usize, seed: Seed) -> Result<(OrderedPairs, PairsInfo), StageError> {
    let partners = Partners::new(lookup);
    let mut scored = Vec::new();
    let (mut counts, mut all) = ([0; 2], true);
    for (kind, genuine) in [(Kind::Genuine, true), (Kind::Impostor, false)] {
        let (pairs, complete) = partners.draw(kind, most, seed);
        counts[usize::from(genuine)] = pairs.len();
        all &= complete;
        for block in pairs.chunks(BLOCK) {
            lookup.stop_if_cancelled()?;
            let score = |(query, row): &(u32, u32)| {
                let distance =
                    between(lookup.distance, lookup.asked().row(*query as usize), lookup.rows().row(*row as usize));
                let score = f64::from(if lookup.distance.larger_is_nearer() { distance } else { -distance });
                ScoredPair { score, query: *query, genuine }
            };
            scored.par_extend(block.par_iter().map(score));
        }
    }
    let info = PairsInfo { genuine: counts[1], impostor: counts[0], all };
    Ok((OrderedPairs::new(scored).map_err(|error| unmeasured(&error))?, info))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Genuine,
    Impostor,
}

/// All pairs of both kinds, numbered: query after query, each with its partners in the order of labels.
struct Partners {
    /// Index rows, those of a label together.
    order: Vec<u32>,
    queries: Vec<OfQuery>,
    /// Places of the rows that are not looked at, in increasing order: each list once, however many queries share it.
    unseen: Vec<Vec<usize>>,
    /// Pairs of each kind before each query, and of all.
    genuine: Vec<u64>,
    impostor: Vec<u64>,
}

/// Where in the order the partners of a query are.
#[derive(Clone, Copy)]
struct OfQuery {
    /// The places of its label: from, and up to before.
    label: (usize, usize),
    /// Which list of places it does not look at, and which part of it is of its label.
    unseen: usize,
    own: (usize, usize),
}

impl Partners {
    fn new(lookup: &Lookup<'_>) -> Self {
        let mut order: Vec<u32> = (0..).zip(lookup.row_labels).map(|(row, _)| row).collect();
        order.sort_by_key(|row| lookup.row_labels[*row as usize]);
        let (mut ranges, mut place_of) = (BTreeMap::<i32, (usize, usize)>::new(), vec![0; order.len()]);
        for (place, row) in order.iter().enumerate() {
            place_of[*row as usize] = place;
            ranges.entry(lookup.row_labels[*row as usize]).or_insert((place, place)).1 = place + 1;
        }
        let (mut genuine, mut impostor) = (vec![0], vec![0]);
        let (mut unseen, mut known) = (Vec::<Vec<usize>>::new(), BTreeMap::<(*const u32, usize), usize>::new());
        let mut of_query = |(label, excluded): (&i32, &Arc<[u32]>)| {
            let (start, end) = ranges.get(label).copied().unwrap_or_default();
            let list = *known.entry((excluded.as_ptr(), excluded.len())).or_insert_with(|| {
                let mut places: Vec<usize> = excluded.iter().map(|row| place_of[*row as usize]).collect();
                places.sort_unstable();
                unseen.push(places);
                unseen.len() - 1
            });
            let before = |end: usize| unseen[list].partition_point(|place| *place < end);
            let own = (before(start), before(end));
            let (of_label, unseen_of_label) = (end - start, own.1 - own.0);
            let of_others = order.len() - of_label - (unseen[list].len() - unseen_of_label);
            genuine.push(genuine[genuine.len() - 1] + (of_label - unseen_of_label) as u64);
            impostor.push(impostor[impostor.len() - 1] + of_others as u64);
            OfQuery { label: (start, end), unseen: list, own }
        };
        let queries = lookup.labels.iter().zip(&lookup.excluded).map(&mut of_query).collect();
        Self { order, queries, unseen, genuine, impostor }
    }

    /// (query, row), and whether these are all.
    fn draw(&self, kind: Kind, most: usize, seed: Seed) -> (Vec<(u32, u32)>, bool) {
        let (before, purpose) = match kind {
            Kind::Genuine => (&self.genuine, "genuine-pairs"),
            Kind::Impostor => (&self.impostor, "impostor-pairs"),
        };
        let total = before[before.len() - 1];
        let pair = |at: u64| self.pair(kind, before, at);
        if total <= most as u64 {
            return ((0..total).map(pair).collect(), true);
        }
        let mut rng = seed.rng(purpose, &[]);
        ((0..most).map(|_| pair(rng.random_range(0..total))).collect(), false)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a partner is one of the rows, a query has a position of 32 bits"
    )]
    fn pair(&self, kind: Kind, before: &[u64], at: u64) -> (u32, u32) {
        let query = before.partition_point(|before| *before <= at) - 1;
        let partner = (at - before[query]) as usize;
        let OfQuery { label: (start, end), unseen, own } = self.queries[query];
        let unseen = &self.unseen[unseen];
        // Of another label are the places in front of the label's, and those behind it.
        let in_front = start - own.0;
        let place = match kind {
            Kind::Genuine => nth_seen(start, &unseen[own.0..own.1], partner),
            Kind::Impostor if partner < in_front => nth_seen(0, &unseen[..own.0], partner),
            Kind::Impostor => nth_seen(end, &unseen[own.1..], partner - in_front),
        };
        (query as u32, self.order[place])
    }
}

/// The place with `nth` others in front of it, from `first` on, that are not among those unseen (all from there on, in
/// increasing order).
fn nth_seen(first: usize, unseen: &[usize], nth: usize) -> usize {
    // So many seen ones are in front of the unseen one at `at`: `unseen[at] - first - at`, which never falls.
    let (mut low, mut high) = (0, unseen.len());
    while low < high {
        let middle = low.midpoint(high);
        if unseen[middle] - first - middle <= nth { low = middle + 1 } else { high = middle }
    }
    first + nth + low
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::lookup::tests::{indexed, line, look};
    use super::*;
    use simpipe_artifact::Distance;

    fn seed() -> Seed {
        Seed::of_stage(1, "evaluate", None)
    }

    /// Five points; the queries are them, with two more of other labels. The image of row 1 is that of row 3.
    fn with_lookup(use_lookup: impl FnOnce(&Lookup<'_>)) {
        let points = [(0.0, 2), (1.0, 0), (2.0, 2), (3.0, 0), (4.0, 1)];
        let mut rows = line(&points, 0);
        rows.digest[3] = rows.digest[1].clone();
        let mut queries = line(&[&points[..], &[(5.0, 0), (6.0, 7)]].concat(), 0);
        queries.digest[3] = rows.digest[3].clone();
        let index = indexed(&rows);
        use_lookup(&look((&index, &queries), Distance::Euclidean, true, &|| false));
    }

    #[test]
    fn all_pairs_of_each_kind_are_there_once() {
        with_lookup(|lookup| {
            let partners = Partners::new(lookup);
            for kind in [Kind::Genuine, Kind::Impostor] {
                let expected: BTreeSet<(u32, u32)> = (0..7)
                    .flat_map(|query| (0..5).map(move |row| (query, row)))
                    .filter(|(query, row)| lookup.looks_at(*query as usize, *row))
                    .filter(|(query, row)| lookup.is_relevant(*query as usize, *row) == (kind == Kind::Genuine))
                    .collect();
                let (pairs, all) = partners.draw(kind, 100, seed());
                let found: BTreeSet<(u32, u32)> = pairs.iter().copied().collect();
                assert_eq!((found.len(), all), (pairs.len(), true), "{kind:?}");
                assert_eq!(found, expected, "{kind:?}");
                let (drawn, all) = partners.draw(kind, 2, seed());
                assert!(drawn.len() == 2 && !all && drawn.iter().all(|pair| expected.contains(pair)), "{kind:?}");
            }
        });
    }

    #[test]
    fn scores_are_distances_turned_round() {
        with_lookup(|lookup| {
            let (pairs, info) = draw(lookup, 1000, seed()).unwrap();
            // Label 2 finds its other row twice; query 5 finds both rows of label 0.
            assert_eq!((info.genuine, info.all), (4, true));
            assert_eq!(info.genuine + info.impostor, pairs.pairs().len());
            for pair in pairs.pairs().iter().filter(|pair| pair.genuine && pair.query == 0) {
                assert_eq!(pair.score, -2.0);
            }
        });
    }
}
