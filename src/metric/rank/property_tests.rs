//! What holds for any ranking.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Rankings of whole indexes, so that the hits are all relevant items.
fn rankings() -> Vec<Vec<bool>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let one = |_| {
        let (length, share) = (rng.random_range(0..30), rng.random_range(0.0..1.0));
        (0..length).map(|_| rng.random_bool(share)).collect()
    };
    (0..300).map(one).collect()
}

fn of(name: &str, hits: &[bool]) -> Option<f64> {
    let relevant = hits.iter().filter(|hit| **hit).count();
    RetrievalMetric::parse(name).unwrap().of_query(&Ranked { hits, relevant })
}

const NAMES: [&str; 12] = [
    "recall@1",
    "recall@5",
    "precision@5",
    "map",
    "map@5",
    "map@r",
    "map-clip-at-r@5",
    "r-precision",
    "mrr",
    "mrr@5",
    "ndcg@5",
    "true-ndcg@5",
];

#[test]
fn values_are_fractions_and_a_perfect_order_is_best() {
    for hits in rankings() {
        let mut best = hits.clone();
        best.sort_unstable_by_key(|hit| !hit);
        for name in NAMES {
            let (value, best) = (of(name, &hits), of(name, &best));
            assert_eq!(value.is_none(), hits.iter().all(|hit| !hit), "{name}");
            let (Some(value), Some(best)) = (value, best) else { continue };
            assert!((0.0..=1.0 + 1e-12).contains(&value) && value <= best + 1e-12, "{name} {value} {best} {hits:?}");
        }
        if hits.contains(&true) {
            for name in ["map", "map@r", "r-precision", "mrr", "ndcg@5", "true-ndcg@5", "recall@1"] {
                assert!((of(name, &best).unwrap() - 1.0).abs() < 1e-12, "{name} {best:?}");
            }
        }
    }
}

#[test]
fn a_hit_that_comes_nearer_never_costs() {
    for hits in rankings() {
        for at in 1..hits.len() {
            if hits[at] && !hits[at - 1] {
                let mut nearer = hits.clone();
                nearer.swap(at - 1, at);
                // ndcg@k is left out: its ideal order is of the retrieved alone, so a late hit that comes into view costs.
                for name in NAMES.iter().filter(|name| **name != "ndcg@5") {
                    let (before, after) = (of(name, &hits).unwrap(), of(name, &nearer).unwrap());
                    assert!(after >= before - 1e-12, "{name} {before} {after} {hits:?}");
                }
            }
        }
    }
}

#[test]
fn deeper_looks_never_find_less_and_depth_is_enough() {
    for hits in rankings().iter().filter(|hits| hits.contains(&true)) {
        let relevant = hits.iter().filter(|hit| **hit).count();
        for k in 1..20 {
            for name in ["recall", "map", "mrr"] {
                let at = |k: usize| of(&format!("{name}@{k}"), hits);
                assert!(at(k) <= at(k + 1), "{name}@{k}");
            }
        }
        for name in NAMES {
            let metric = RetrievalMetric::parse(name).unwrap();
            let seen = &hits[..metric.depth(relevant).min(hits.len())];
            let value = metric.of_query(&Ranked { hits: seen, relevant });
            assert_eq!(value, metric.of_query(&Ranked { hits, relevant }), "{name}");
            if metric.is_settled_by_first_hit() {
                let first = hits.iter().position(|hit| *hit).unwrap();
                assert_eq!(value, metric.of_query(&Ranked { hits: &hits[..=first], relevant }), "{name}");
            }
        }
    }
}

#[test]
fn the_nearest_can_be_left_out() {
    let ranked = Ranked { hits: &[true, false, true], relevant: 2 };
    let rest = ranked.without_nearest();
    assert_eq!((rest.hits, rest.relevant), (&[false, true][..], 1));
    assert_eq!(RetrievalMetric::RecallAtK(1).of_query(&rest), Some(0.0));
    assert_eq!(Ranked { hits: &[], relevant: 0 }.without_nearest().relevant, 0);
    // It was another item: no relevant one is lost.
    assert_eq!(Ranked { hits: &[false, true], relevant: 1 }.without_nearest().relevant, 1);
}

#[test]
fn the_order_of_queries_does_not_matter() {
    let values: Vec<Option<f64>> = rankings().iter().map(|hits| of("recall@1", hits)).collect();
    let labels: Vec<i32> = (0..300).map(|query| query % 7).collect();
    let backwards = |average: Average| {
        let (values, labels): (Vec<_>, Vec<_>) = values.iter().zip(&labels).rev().map(|(v, l)| (*v, *l)).unzip();
        average.of(&values, &labels).unwrap()
    };
    for average in [Average::Micro, Average::Macro] {
        assert!((average.of(&values, &labels).unwrap() - backwards(average)).abs() < 1e-12);
    }
}
