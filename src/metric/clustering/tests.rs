//! Clusterings against scikit-learn, by hand, and by what always holds.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::golden;
use crate::space::Space;
use simpipe_base::seed::Seed;

fn of(name: &str, labels: &[i32], clusters: &[u32]) -> Option<f64> {
    parse(name).unwrap().of_clustering(&Contingency::new(labels, clusters).unwrap())
}

fn check(case: &serde_json::Value, names: &[&str]) {
    let labels: Vec<i32> = serde_json::from_value(case["input"]["true"].clone()).unwrap();
    let clusters: Vec<u32> = serde_json::from_value(case["input"]["predicted"].clone()).unwrap();
    for name in names {
        let (found, expected) = (of(name, &labels, &clusters).unwrap(), case["expected"][name].as_f64().unwrap());
        assert!((found - expected).abs() < 1e-9, "{name}: {found}, not {expected}");
    }
}

#[test]
fn figures_are_those_of_scikit_learn() {
    let mut checked = 0;
    for case in golden("clustering").as_array().unwrap().iter().filter(|case| case["input"].get("true").is_some()) {
        check(case, &["nmi", "ami", "ari"]);
        checked += 1;
    }
    assert!(checked >= 10, "{checked}");
    for case in golden("sklearn_metrics").as_array().unwrap().iter().filter(|case| case["input"].get("true").is_some())
    {
        check(case, &["nmi", "ami"]);
    }
}

#[test]
fn limits_are_as_defined() {
    for name in ["nmi", "ami", "ari"] {
        assert_eq!(of(name, &[], &[]), None, "{name}");
        assert_eq!(of(name, &[3], &[7]), Some(1.0), "{name}");
        assert_eq!(of(name, &[3, 3, 3], &[7, 7, 7]), Some(1.0), "{name}");
        assert_eq!(of(name, &[3, 3, 3], &[1, 2, 3]), Some(0.0), "{name}");
        assert_eq!(of(name, &[1, 2, 3], &[7, 7, 7]), Some(0.0), "{name}");
        assert!((of(name, &[1, 1, 2, 2], &[5, 5, 0, 0]).unwrap() - 1.0).abs() < 1e-12, "{name}");
    }
    assert_eq!(of("ari", &[0, 0, 1, 1], &[0, 1, 0, 1]), Some(-0.5));
    assert!(Contingency::new(&[1], &[]).is_err());
    assert_eq!(parse("adjusted_rand_index").unwrap_err().help, "did you mean `ari`?");
}

#[test]
fn names_and_order_do_not_matter_and_values_have_bounds() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..100 {
        let count = rng.random_range(2..60);
        let rows: Vec<(i32, u32)> = (0..count).map(|_| (rng.random_range(0..5), rng.random_range(0..6))).collect();
        let (labels, clusters): (Vec<i32>, Vec<u32>) = rows.iter().copied().unzip();
        let (renamed, reversed): (Vec<i32>, Vec<u32>) = rows.iter().rev().map(|row| (-7 * row.0, 100 - row.1)).unzip();
        let (turned, swapped): (Vec<i32>, Vec<u32>) = rows.iter().map(|row| (row.1 as i32, row.0 as u32)).unzip();
        for (name, least) in [("nmi", 0.0), ("ami", -1.0), ("ari", -0.5)] {
            let value = of(name, &labels, &clusters).unwrap();
            assert!(value >= least && value <= 1.0 + 1e-9, "{name} {value}");
            assert!((value - of(name, &renamed, &reversed).unwrap()).abs() < 1e-9, "{name}");
            assert!((value - of(name, &turned, &swapped).unwrap()).abs() < 1e-9, "{name} is symmetric");
        }
    }
}

/// Points around corners that lie far apart.
fn corners(classes: i32, each: usize) -> (Vec<f32>, Vec<i32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let labels: Vec<i32> = (0..classes).flat_map(|class| vec![class; each]).collect();
    let mut point = |class: i32| {
        let centre = [(class % 3) as f32 * 10.0, (class / 3) as f32 * 10.0];
        centre.map(|at| at + rng.random_range(-1.0..1.0))
    };
    (labels.iter().flat_map(|class| point(*class)).collect(), labels)
}

fn seed(number: u64) -> Seed {
    Seed::of_stage(number, "evaluate", None)
}

#[test]
fn k_means_finds_clusters_that_lie_apart_whatever_the_threads() {
    let (values, labels) = corners(6, 40);
    let space = Space::new(&values, 2, &labels).unwrap();
    let fit = KMeans { starts: 8, ..KMeans::of_classes(&space, seed(1)) };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit.fit(&space).unwrap())
    };
    let found = with(1);
    assert_eq!(found, with(3));
    assert_eq!(of("ari", &labels, &found.of), Some(1.0));
    let one = KMeans { starts: 1, ..fit }.fit(&space).unwrap();
    assert_ne!(
        KMeans { seed: seed(2), starts: 1, ..fit }.fit(&space).unwrap().of,
        one.of,
        "other seeds, other numbers"
    );
}

#[test]
fn no_other_cluster_is_nearer_when_k_means_ends() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for clusters in 1..9 {
        let values: Vec<f32> = (0..120).map(|_| rng.random_range(-1.0..1.0)).collect();
        let labels = [0; 40];
        let space = Space::new(&values, 3, &labels).unwrap();
        let found = KMeans { clusters, ..KMeans::of_classes(&space, seed(3)) }.fit(&space).unwrap();
        let mean = |cluster: u32| -> Vec<f32> {
            let rows: Vec<usize> = (0..40).filter(|row| found.of[*row] == cluster).collect();
            assert!(!rows.is_empty(), "{clusters}");
            space.sum_of(rows.iter().copied()).iter().map(|sum| (sum / rows.len() as f64) as f32).collect()
        };
        let means: Vec<Vec<f32>> = (0..clusters as u32).map(mean).collect();
        for row in 0..40 {
            let own = crate::space::square(space.row(row), &means[found.of[row] as usize]);
            let nearest = means.iter().map(|mean| crate::space::square(space.row(row), mean));
            assert!(own <= nearest.fold(f64::INFINITY, f64::min) + 1e-9, "{clusters} {row}");
        }
    }
}

#[test]
fn more_starts_are_never_worse_and_sometimes_better() {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let values: Vec<f32> = (0..160).map(|_| rng.random_range(-1.0..1.0)).collect();
    let labels = [0; 80];
    let space = Space::new(&values, 2, &labels).unwrap();
    let inertia = |number: u64, starts: usize| {
        KMeans { clusters: 9, starts, ..KMeans::of_classes(&space, seed(number)) }.fit(&space).unwrap().inertia
    };
    let pairs: Vec<(f64, f64)> = (0..12).map(|number| (inertia(number, 1), inertia(number, 6))).collect();
    assert!(pairs.iter().all(|(one, six)| six <= one), "{pairs:?}");
    assert!(pairs.iter().any(|(one, six)| six < one), "{pairs:?}");
}

#[test]
fn k_means_takes_any_rows() {
    let fit = |values: &[f32], clusters: usize| {
        let labels = vec![0; values.len()];
        let space = Space::new(values, 1, &labels).unwrap();
        KMeans { clusters, steps: 10, starts: 2, seed: seed(1) }.fit(&space)
    };
    assert_eq!(fit(&[], 3).unwrap().of, [0_u32; 0]);
    assert_eq!(fit(&[1.0; 5], 3).unwrap().inertia, 0.0);
    let alone = fit(&[1.0, 2.0], 9).unwrap();
    assert!(alone.inertia == 0.0 && alone.of[0] != alone.of[1]);
    assert!(fit(&[1.0], 0).is_err());
}
