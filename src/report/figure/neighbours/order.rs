//! Which queries are shown, and in which order.

use std::cmp::Ordering;

use rand_chacha::rand_core::Rng;
use simpipe_artifact::MatchRow;
use simpipe_base::seed::Seed;

use super::{Neighbours, Order};
use crate::ReportData;

impl Neighbours {
    /// The queries shown, in order.
    pub fn queries<'a>(&self, data: &'a ReportData) -> Vec<&'a MatchRow> {
        let mut rows: Vec<&MatchRow> = data.matches.0.iter().collect();
        match self.order {
            Order::Worst | Order::Best => rows.sort_by(|one, other| self.by_verdict(data, one, other)),
            Order::Random => shuffle(&mut rows, self.seed),
            Order::Label | Order::Position => {}
        }
        let (begin, size) = self.slice.as_ref().map_or((0, 10), |slice| (slice.begin, slice.size));
        let mut shown: Vec<&MatchRow> = rows.into_iter().skip(begin).take(size).collect();
        if self.order == Order::Label {
            shown.sort_by_key(|row| row.label);
        }
        shown
    }

    /// Queries with the verdict that is asked for first, the most certain of them on top; of the others the least certain.
    fn by_verdict(&self, data: &ReportData, one: &MatchRow, other: &MatchRow) -> Ordering {
        let wanted = |row: &MatchRow| (row.predicted == Some(row.label)) == (self.order == Order::Best);
        let certain = if data.calibration.distance_metric.larger_is_nearer() {
            other.distance.total_cmp(&one.distance)
        } else {
            one.distance.total_cmp(&other.distance)
        };
        wanted(other).cmp(&wanted(one)).then(if wanted(one) { certain } else { certain.reverse() })
    }
}

/// The same order for the same seed and the same number of queries (Fisher and Yates).
fn shuffle(rows: &mut [&MatchRow], seed: u64) {
    let mut rng = Seed::of_stage(seed, "report", Some("neighbours")).rng("order", &[]);
    for at in (1..rows.len()).rev() {
        rows.swap(at, ((u64::from(rng.next_u32()) * (at as u64 + 1)) >> 32) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::super::QueryRange;
    use super::*;
    use crate::synthetic;

    #[test]
    fn the_worst_queries_are_certain_mistakes() {
        let mut data = synthetic::small();
        for (row, (predicted, distance)) in
            data.matches.0.iter_mut().zip([(1, 0.1), (0, 0.2), (9, 0.3), (9, 0.05), (0, 0.4)])
        {
            (row.label, row.predicted, row.distance) = (0, Some(predicted), distance);
        }
        data.matches.0.truncate(5);
        let slice = Some(QueryRange { begin: 1, size: 3 });
        let worst = Neighbours { slice, k: 1, order: Order::Worst, seed: 0 };
        let distances: Vec<f32> = worst.queries(&data).iter().map(|row| row.distance).collect();
        assert_eq!(distances, [0.1, 0.3, 0.4]);
        let best = Neighbours { slice: None, k: 1, order: Order::Best, seed: 0 };
        let distances: Vec<f32> = best.queries(&data).iter().map(|row| row.distance).collect();
        assert_eq!(distances, [0.2, 0.4, 0.3, 0.1, 0.05]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_leaves_no_query_out() {
        let data = synthetic::with(5, 60, simpipe_artifact::ImageShape { height: 4, width: 4, channels: 1 });
        let drawn = |seed| {
            let slice = Some(QueryRange { begin: 0, size: 60 });
            let order = Neighbours { slice, k: 1, order: Order::Random, seed };
            order.queries(&data).iter().map(|row| row.query_id).collect::<Vec<u64>>()
        };
        let mut all = drawn(0);
        assert_eq!(all, drawn(0));
        assert_ne!(all, drawn(1));
        all.sort_unstable();
        assert_eq!(all, data.matches.0.iter().map(|row| row.query_id).collect::<Vec<u64>>());
    }
}
