//! Metrics of spaces against NumPy and scikit-learn, by hand, and by what always holds.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pairs::{Kind, Sample};
use super::*;
use crate::golden;
use crate::statistics::quantile;

const NAMES: [&str; 4] = ["alignment", "uniformity", "effective-rank", "silhouette"];

fn seed() -> Seed {
    Seed::of_stage(1, "evaluate", None)
}

fn of(name: &str, values: &[f32], dim: usize, labels: &[i32]) -> Option<f64> {
    parse(name, seed()).unwrap().of_space(&Space::new(values, dim, labels).unwrap())
}

#[test]
fn figures_are_those_of_numpy_and_scikit_learn() {
    let mut checked = 0;
    for case in golden("clustering").as_array().unwrap().iter().filter(|case| case["input"].get("rows").is_some()) {
        let rows: Vec<Vec<f32>> = serde_json::from_value(case["input"]["rows"].clone()).unwrap();
        let labels: Vec<i32> = serde_json::from_value(case["input"]["labels"].clone()).unwrap();
        for name in NAMES {
            let found = of(name, &rows.concat(), rows[0].len(), &labels);
            let expected = case["expected"][name].as_f64();
            let close = found.unwrap_or(9e9) - expected.unwrap_or(9e9);
            let scale = expected.unwrap_or(0.0).abs().max(1.0);
            assert!(close.abs() < 1e-6 * scale, "{name} of {}: {found:?}, not {expected:?}", case["input"]["kind"]);
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked}");
}

#[test]
fn limits_are_as_defined() {
    for name in NAMES {
        assert_eq!(of(name, &[], 3, &[]), None, "{name}");
    }
    // One row, then equal rows of two classes.
    assert_eq!(NAMES.map(|name| of(name, &[0.6, 0.8], 2, &[4])), [None, None, Some(1.0), None]);
    let equal = NAMES.map(|name| of(name, &[0.6, 0.8].repeat(6), 2, &[1, 1, 1, 2, 2, 2]).unwrap());
    assert!(equal.iter().zip([0.0, 0.0, 1.0, 0.0]).all(|(one, other)| (one - other).abs() < 1e-12), "{equal:?}");
    assert_eq!(of("effective-rank", &[0.0; 6], 2, &[1, 1, 2]), None);
    // All directions alike: as many as there are; huge and tiny numbers are no trouble.
    for scale in [1.0, 1e30, 1e-30] {
        let identity: Vec<f32> = (0..16).map(|at| if at / 4 == at % 4 { scale } else { 0.0 }).collect();
        assert!((of("effective-rank", &identity, 4, &[0, 1, 2, 3]).unwrap() - 4.0).abs() < 1e-9);
    }
    // Rows that lie far apart: the exponentials are 0 in floating point, their logarithm is not.
    let far = of("uniformity", &[0.0, 100.0], 1, &[0, 1]).unwrap();
    assert!((far + 20_000.0).abs() < 1e-6, "{far}");
    assert_eq!(of("silhouette", &[0.0, 1.0], 1, &[0, 1]), None);
    // Two classes in one place: both distances are 0 but for rounding, which must not be compared.
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for _ in 0..50 {
        let mut place = || -> Vec<f32> { (0..3).map(|_| rng.random_range(-1.0..1.0)).collect() };
        let places = [place().repeat(7), place().repeat(2)].concat();
        let shared = of("silhouette", &places, 3, &[0, 0, 0, 1, 1, 1, 1, 2, 2]).unwrap();
        assert!((shared - 2.0 / 9.0).abs() < 1e-12, "{shared}");
    }
    assert_eq!(of("silhouette", &[0.0, 0.0, 9.0, 9.0], 1, &[0, 0, 1, 1]), Some(1.0));
}

#[test]
fn the_order_of_rows_does_not_matter_and_values_have_bounds() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..60 {
        let (count, dim) = (rng.random_range(4..30), rng.random_range(1..12));
        let rows: Vec<(Vec<f32>, i32)> = (0..count)
            .map(|_| ((0..dim).map(|_| rng.random_range(-1.0..1.0)).collect(), rng.random_range(0..3)))
            .collect();
        let all = |rows: &[(Vec<f32>, i32)]| {
            let (values, labels): (Vec<Vec<f32>>, Vec<i32>) = rows.iter().cloned().unzip();
            NAMES.map(|name| of(name, &values.concat(), dim, &labels))
        };
        let found = all(&rows);
        let backwards = all(&rows.iter().rev().cloned().collect::<Vec<_>>());
        for (one, other) in found.iter().zip(backwards) {
            assert!((one.unwrap_or(7.0) - other.unwrap_or(7.0)).abs() < 1e-9, "{found:?}");
        }
        let [alignment, uniformity, rank, silhouette] = found;
        assert!(alignment.unwrap_or(0.0) >= 0.0 && uniformity.unwrap() <= 0.0);
        let most = rows.len().min(dim) as f64;
        assert!((1.0 - 1e-9..=most + 1e-9).contains(&rank.unwrap()), "{rank:?} {most}");
        assert!((-1.0..=1.0).contains(&silhouette.unwrap_or(0.0)));
    }
}

#[test]
fn a_sample_of_pairs_is_close_to_all_and_does_not_depend_on_threads() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let labels: Vec<i32> = (0..300).map(|row| row % 7).collect();
    let values: Vec<f32> = labels.iter().flat_map(|label| [*label as f32, rng.random_range(-1.0..1.0)]).collect();
    let space = Space::new(&values, 2, &labels).unwrap();
    let (all, few) = (Sample { most: 100_000, seed: seed() }, Sample { most: 20_000, seed: seed() });
    let sorted = |sample: &Sample, kind| {
        let mut squares = sample.squares(&space, kind);
        squares.sort_unstable_by(f64::total_cmp);
        squares
    };
    let with = |threads: usize, kind| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| few.squares(&space, kind))
    };
    for kind in [Kind::All, Kind::Positive] {
        assert_eq!(with(1, kind), with(3, kind));
        let (drawn, exact) = (sorted(&few, kind), sorted(&all, kind));
        for share in [0.05, 0.5, 0.95] {
            let [drawn, exact] = [&drawn, &exact].map(|squares| quantile(squares, share).unwrap().sqrt());
            assert!((drawn - exact).abs() < 0.05, "{share}: {drawn} {exact}");
        }
    }
    let alone = Space::new(&values[..2], 2, &labels[..1]).unwrap();
    assert!([Kind::All, Kind::Positive].iter().all(|kind| all.squares(&alone, *kind).is_empty()));
}

#[test]
fn every_name_is_read_back() {
    for name in NAMES {
        assert_eq!(parse(name, seed()).unwrap().name(), name);
    }
    assert_eq!(parse("RankMe", seed()).unwrap_err().help, "did you mean `effective-rank`?");
}
