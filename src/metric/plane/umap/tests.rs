//! UMAP beside umap-learn, and what it does with few or equal rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::golden;
use crate::plane::{tests::groups, trustworthiness};

fn place(umap: &Umap, values: &[f32], dim: usize) -> Vec<[f64; 2]> {
    umap.fit(values, dim, &Pca::fit(values, dim, &|| false).unwrap(), &|| false).unwrap()
}

#[test]
fn maps_of_digits_are_as_trustworthy_as_those_of_umap_learn() {
    for case in golden("umap").as_array().unwrap() {
        let numbers = |json: &serde_json::Value| serde_json::from_value::<Vec<Vec<f64>>>(json.clone()).unwrap();
        let rows = numbers(&case["input"]["rows"]);
        let (dim, values): (usize, Vec<f32>) = (rows[0].len(), rows.iter().flatten().map(|at| *at as f32).collect());
        let k = case["params"]["k"].as_u64().unwrap() as usize;
        let trust = |points: &[[f64; 2]]| trustworthiness((&values, dim), points, k, &|| false).unwrap().unwrap();
        // Of scikit-learn, of the same map. Digits are of whole numbers: neighbours as far as others are ranked at will.
        let theirs: Vec<[f64; 2]> = numbers(&case["input"]["map"]).iter().map(|at| [at[0], at[1]]).collect();
        let expected = case["expected"]["trustworthiness"].as_f64().unwrap();
        let found = trust(&theirs);
        assert!(found.k == k && (found.value - expected).abs() < 1e-4, "{found:?} {expected}");
        let umap = Umap {
            neighbours: case["params"]["n_neighbors"].as_u64().unwrap() as usize,
            min_dist: case["params"]["min_dist"].as_f64().unwrap(),
            ..Umap::default()
        };
        let ours = trust(&place(&umap, &values, dim)).value;
        assert!((ours - expected).abs() < 0.02, "{ours} is not {expected}: {}", case["params"]);
        // Principal components are not: the test tells a good map from another.
        let plain = trust(&Pca::fit(&values, dim, &|| false).unwrap().points).value;
        assert!(plain < expected - 0.05, "{plain}");
    }
}

#[test]
fn the_curve_is_umap_learns() {
    // `find_ab_params(1.0, min_dist)` of umap-learn 0.5.12.
    for (min_dist, a, b) in [
        (0.0, 1.932_808_397_343_15, 0.790_494_973_223_383_1),
        (0.1, 1.576_943_460_269_765_2, 0.895_060_877_851_573_3),
        (0.25, 1.121_436_342_230_568_4, 1.057_499_876_683_671),
        (0.5, 0.583_030_020_341_442_5, 1.334_166_992_431_491_4),
        (0.9, 0.164_903_884_643_475_1, 1.803_038_467_921_015_2),
    ] {
        let curve = Curve::of(min_dist);
        assert!((curve.a - a).abs() < 1e-5 && (curve.b - b).abs() < 1e-5, "{min_dist}: {curve:?}");
    }
}

#[test]
fn threads_change_nothing_and_a_seed_does() {
    let values = groups(60, 5);
    let umap = Umap { steps: 60, ..Umap::default() };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let bits = |points: Vec<[f64; 2]>| points.into_iter().flatten().map(f64::to_bits).collect::<Vec<_>>();
        bits(pool.install(|| place(&umap, &values, 5)))
    };
    assert_eq!(on(1), on(3));
    assert_ne!(place(&umap, &values, 5), place(&Umap { seed: 1, ..umap }, &values, 5));
}

#[test]
fn groups_stay_together() {
    let values = groups(60, 5);
    let points = place(&Umap::default(), &values, 5);
    for (at, point) in points.iter().enumerate() {
        let others = (0..points.len()).filter(|&other| other != at);
        let nearest = others.min_by(|&a, &b| apart(*point, points[a]).1.total_cmp(&apart(*point, points[b]).1));
        assert_eq!(nearest.unwrap() % 3, at % 3, "row {at}");
    }
}

#[test]
fn odd_rows_have_finite_places() {
    assert_eq!(place(&Umap::default(), &groups(4, 5), 5), Pca::fit(&groups(4, 5), 5, &|| false).unwrap().points);
    assert_eq!(place(&Umap::default(), &[1.0; 40], 2), [[0.0; 2]; 20]);
    let twice = [groups(12, 3), groups(12, 3)].concat();
    let mut wild = groups(30, 4);
    (wild[5], wild[9], wild[40]) = (f32::MAX, f32::MIN, 1e-45);
    let line: Vec<f32> = (0..50_u8).map(f32::from).collect();
    for (values, dim) in [(twice, 3), (wild, 4), (line, 1)] {
        for neighbours in [1, 2, 15, 500] {
            let umap = Umap { neighbours, steps: 40, ..Umap::default() };
            assert!(place(&umap, &values, dim).iter().flatten().all(|at| at.is_finite()), "{neighbours}");
        }
    }
}

#[test]
fn the_descent_ends_soon_after_it_is_asked_to() {
    let values = groups(60, 5);
    let pca = Pca::fit(&values, 5, &|| false).unwrap();
    for stop_at in [0, 59, 60, 61, 300] {
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= stop_at;
        assert_eq!(Umap::default().fit(&values, 5, &pca, &stop), Err(PlaneError::Stopped), "{stop_at}");
        assert!(asked.into_inner() <= stop_at + 60, "{stop_at}");
    }
}
