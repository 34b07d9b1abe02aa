//! Re-ranking against a NumPy reference, by hand, and by what always holds.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::MetricError;
use crate::golden;
use crate::space::{Space, square};

fn rows(value: &serde_json::Value) -> Vec<Vec<f32>> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The new distances of the first `asked` rows to the others.
fn reranked(values: &[f32], dim: usize, asked: usize, by: KReciprocal) -> Vec<Vec<f64>> {
    let labels = vec![0; values.len() / dim];
    let space = Space::new(values, dim, &labels).unwrap();
    let neighbours = Neighbours::of_rows(&space, by.depth());
    let between = |one: usize, other: usize| square(space.row(one), space.row(other));
    let encoded = by.encode(&neighbours, between).unwrap();
    (0..asked).map(|row| encoded.distances(&neighbours, row, between)[asked..].to_vec()).collect()
}

#[test]
fn k_reciprocal_distances_are_those_of_the_reference() {
    let mut checked = 0;
    for case in golden("rerank").as_array().unwrap().iter().filter(|case| case["params"].get("k1").is_some()) {
        let (queries, index) = (rows(&case["input"]["queries"]), rows(&case["input"]["index"]));
        let number = |name: &str| usize::try_from(case["params"][name].as_u64().unwrap()).unwrap();
        let by = KReciprocal { k1: number("k1"), k2: number("k2"), lambda: case["params"]["lambda"].as_f64().unwrap() };
        let all = [queries.concat(), index.concat()].concat();
        let found = reranked(&all, index[0].len(), queries.len(), by);
        let expected: Vec<Vec<f64>> = serde_json::from_value(case["expected"]["distances"].clone()).unwrap();
        for (found, expected) in found.concat().iter().zip(expected.concat()) {
            assert!((found - expected).abs() < 1e-5, "{:?}: {found}, not {expected}", case["params"]);
            checked += 1;
        }
    }
    assert!(checked > 1_000, "{checked}");
}

#[test]
fn expanded_queries_are_those_of_the_reference() {
    let mut checked = 0;
    for case in golden("rerank").as_array().unwrap().iter().filter(|case| case["params"].get("k").is_some()) {
        let (queries, index) = (rows(&case["input"]["queries"]), rows(&case["input"]["index"]));
        let nearest: Vec<Vec<u32>> = serde_json::from_value(case["input"]["nearest"].clone()).unwrap();
        let expansion = case["params"]["alpha"].as_f64().map_or(Expansion::Average, Expansion::Alpha);
        let (labels, dim) = (vec![0; queries.len().max(index.len())], index[0].len());
        let (queries, index) = (queries.concat(), index.concat());
        let queries = Space::new(&queries, dim, &labels[..queries.len() / dim]).unwrap();
        let index = Space::new(&index, dim, &labels[..index.len() / dim]).unwrap();
        let found = expanded(&queries, &index, &nearest, expansion).unwrap();
        for (found, expected) in found.iter().zip(rows(&case["expected"]["queries"]).concat()) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn diffused_scores_are_those_of_the_reference() {
    let mut checked = 0;
    for case in golden("rerank").as_array().unwrap().iter().filter(|case| case["params"].get("gamma").is_some()) {
        let (queries, index) = (rows(&case["input"]["queries"]), rows(&case["input"]["index"]));
        let nearest: Vec<Vec<u32>> = serde_json::from_value(case["input"]["nearest"].clone()).unwrap();
        let number = |name: &str| case["params"][name].as_f64().unwrap();
        let k = usize::try_from(case["params"]["neighbours"].as_u64().unwrap()).unwrap();
        let by = Diffusion { k, alpha: number("alpha"), gamma: number("gamma") };
        let (labels, values) = (vec![0; index.len()], index.concat());
        let space = Space::new(&values, index[0].len(), &labels).unwrap();
        let graph = by.graph(&space, &Neighbours::of_rows(&space, k + 1)).unwrap();
        let expected: Vec<Vec<f64>> = serde_json::from_value(case["expected"]["scores"].clone()).unwrap();
        for ((query, nearest), expected) in queries.iter().zip(&nearest).zip(expected) {
            let found = graph.scores(query, &space, nearest).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{:?}: {found}, not {expected}", case["params"]);
                checked += 1;
            }
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn diffusion_takes_any_rows_and_refuses_what_is_wrong() {
    let by = Diffusion { k: 2, ..Diffusion::PAPER };
    let graph = |values: &[f32], by: Diffusion| {
        let labels = vec![0; values.len() / 2];
        let space = Space::new(values, 2, &labels).unwrap();
        by.graph(&space, &Neighbours::of_rows(&space, 3)).map(|graph| graph.scores(&[1.0, 0.0], &space, &[0]))
    };
    // Equal rows, opposite ones, zeros, one alone.
    for values in [&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0][..], &[1.0, 0.0, -1.0, 0.0], &[0.0; 6], &[1.0, 0.0]] {
        let scores = graph(values, by).unwrap().unwrap();
        assert!(scores.iter().all(|score| score.is_finite() && *score >= -1e-9), "{scores:?}");
    }
    for wrong in [Diffusion { k: 0, ..by }, Diffusion { alpha: 1.0, ..by }, Diffusion { gamma: f64::NAN, ..by }] {
        assert!(graph(&[1.0, 0.0], wrong).is_err());
    }
    assert!(graph(&[], by).unwrap().is_err());
}

fn points(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count * 3).map(|_| rng.random_range(-1.0..1.0)).collect()
}

#[test]
fn lambda_1_is_the_distance_as_before_and_all_are_fractions() {
    let values = points(1, 40);
    for lambda in [0.0, 0.3, 1.0] {
        let found = reranked(&values, 3, 10, KReciprocal { k1: 6, k2: 3, lambda }).concat();
        assert!(found.iter().all(|distance| (-1e-12..=1.0 + 1e-12).contains(distance)), "{lambda}");
    }
    let before = reranked(&values, 3, 10, KReciprocal { k1: 6, k2: 3, lambda: 1.0 });
    for (row, distances) in before.iter().enumerate() {
        let square = |other: usize| square(&values[row * 3..row * 3 + 3], &values[other * 3..other * 3 + 3]);
        let order = |key: &dyn Fn(usize) -> f64| {
            let mut order: Vec<usize> = (10..40).collect();
            order.sort_by(|one, other| key(*one).total_cmp(&key(*other)));
            order
        };
        assert_eq!(order(&|other| distances[other - 10]), order(&square));
    }
}

#[test]
fn any_rows_can_be_ranked_again() {
    let by = KReciprocal { k1: 4, k2: 2, lambda: 0.3 };
    // Equal rows, more of them than k1, and fewer rows than k1.
    for (values, asked) in [(vec![0.5; 36], 4), (points(2, 3), 1), (points(3, 1), 1), (vec![0.0; 6], 1)] {
        let found = reranked(&values, 3, asked, by).concat();
        assert!(found.iter().all(|distance| distance.is_finite()), "{found:?}");
    }
    let none = Neighbours::of_rows(&Space::new(&[], 3, &[]).unwrap(), by.depth());
    assert!(none.is_empty() && by.encode(&none, |_, _| 0.0).is_ok());
    for wrong in [KReciprocal { k1: 0, ..by }, KReciprocal { k2: 0, ..by }, KReciprocal { lambda: f64::NAN, ..by }] {
        assert!(wrong.encode(&none, |_, _| 0.0).is_err());
    }
    assert!(KReciprocal { k1: usize::MAX, ..by }.encode(&none, |_, _| 0.0).is_ok());
    assert_eq!(
        Neighbours::new(vec![vec![1]], vec![0.0]).unwrap_err(),
        MetricError::Position { what: "row", position: 1, rows: 1 }
    );
    assert!(Neighbours::new(vec![vec![0]], vec![f64::NAN]).is_err() && Neighbours::new(vec![], vec![0.0]).is_err());
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let values = points(4, 80);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| reranked(&values, 3, 20, KReciprocal::PAPER))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn expansion_is_as_computed_by_hand() {
    let labels = [0, 0];
    let query = [1.0, 0.0];
    let queries = Space::new(&query, 2, &labels[..1]).unwrap();
    let of = |index: &[f32], nearest: &[u32], expansion: Expansion| {
        let index = Space::new(index, 2, &labels[..index.len() / 2]).unwrap();
        expanded(&queries, &index, &[nearest.to_vec()], expansion)
    };
    let index = [0.6, 0.8, -1.0, 0.0];
    let close = |found: Vec<f32>, expected: [f64; 2]| {
        assert!(found.iter().zip(expected).all(|(one, other)| (f64::from(*one) - other).abs() < 1e-6), "{found:?}");
    };
    close(of(&index, &[], Expansion::Average).unwrap(), [1.0, 0.0]);
    close(of(&index, &[0], Expansion::Average).unwrap(), [0.8_f64.sqrt(), 0.2_f64.sqrt()]);
    // Weight 0.36; the opposite row weighs nothing.
    let norm = (1.216_f64.powi(2) + 0.288_f64.powi(2)).sqrt();
    close(of(&index, &[0, 1], Expansion::Alpha(2.0)).unwrap(), [1.216 / norm, 0.288 / norm]);
    // The sum is 0: the query stays.
    close(of(&index, &[1], Expansion::Average).unwrap(), [1.0, 0.0]);
    assert!(of(&index, &[2], Expansion::Average).is_err());
    assert!(of(&index, &[0], Expansion::Alpha(f64::NAN)).is_err() && of(&index, &[0], Expansion::Alpha(-1.0)).is_err());
    let other = Space::new(&[0.0; 3], 3, &labels[..1]).unwrap();
    assert!(expanded(&queries, &other, &[vec![]], Expansion::Average).is_err());
    assert!(expanded(&queries, &queries, &[], Expansion::Average).is_err());
}
