//! Metrics of pairs against scikit-learn, by hand, and by what always holds.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{golden, real};

const NAMES: [&str; 6] = ["roc-auc", "average-precision", "eer", "tpr@10fpr", "fpr@95tpr", "frr@10far"];

fn of(name: &str, genuine: &[f64], impostor: &[f64]) -> Option<f64> {
    let roc = Roc::new(genuine.iter().copied(), impostor.iter().copied()).unwrap();
    parse(name).unwrap().of_pairs(&roc)
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{what}: {found}, not {expected}");
    }
}

#[test]
fn figures_and_curves_are_those_of_scikit_learn() {
    let cases = golden("sklearn_metrics");
    let of_scores = cases.as_array().unwrap().iter().filter(|case| case["input"].get("scores").is_some());
    let mut checked = 0;
    for case in of_scores {
        let labels = numbers(&case["input"]["labels"]);
        let scores = numbers(&case["input"]["scores"]);
        let of_label =
            |wanted: f64| scores.iter().zip(&labels).filter(move |pair| *pair.1 == wanted).map(|pair| *pair.0);
        let roc = Roc::new(of_label(1.0), of_label(0.0)).unwrap();
        for (name, field) in [("roc-auc", "roc_auc"), ("average-precision", "average_precision")] {
            let value = parse(name).unwrap().of_pairs(&roc).unwrap();
            close(&[value], &[case["expected"][field].as_f64().unwrap()], field);
        }
        let (fpr, tpr): (Vec<f64>, Vec<f64>) = roc.rates().unwrap().unzip();
        close(&fpr, &numbers(&case["expected"]["fpr"]), "fpr");
        close(&tpr, &numbers(&case["expected"]["tpr"]), "tpr");
        // Its precision and recall begin with the laxest threshold and end with (1, 0).
        let laxest = roc.points().iter().rev();
        let precision = laxest.map(|point| real(point.genuine) / real(point.genuine + point.impostor));
        close(&precision.chain([1.0]).collect::<Vec<_>>(), &numbers(&case["expected"]["precision"]), "precision");
        let recall: Vec<f64> = tpr.iter().rev().copied().collect();
        close(&recall, &numbers(&case["expected"]["recall"]), "recall");
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn operating_points_are_as_computed_by_hand() {
    // Genuine and impostor scores by hand: one impostor of four lies above two genuine ones of five.
    let (genuine, impostor) = ([0.9, 0.8, 0.7, 0.4, 0.3], [0.5, 0.2, 0.1, 0.0]);
    assert_eq!(of("tpr@1fpr", &genuine, &impostor), Some(0.6));
    assert_eq!(of("tpr@25fpr", &genuine, &impostor), Some(1.0));
    assert_eq!(of("frr@24.9far", &genuine, &impostor), Some(0.4));
    assert_eq!(of("fpr@60tpr", &genuine, &impostor), Some(0.0));
    assert_eq!(of("fpr@95tpr", &genuine, &impostor), Some(0.25));
    // From (0.25, 0.6) to (0.25, 0.8) and straight on: fnr 0.25 lies between them at fpr 0.25.
    assert!((of("eer", &genuine, &impostor).unwrap() - 0.25).abs() < 1e-12);
    // Between (0, 0.5) and (1, 1) fpr = fnr at 1/3.
    assert!((of("eer", &[2.0, 1.0], &[1.0]).unwrap() - 1.0 / 3.0).abs() < 1e-12);
    // A percentage that makes no whole number of pairs in floating point.
    assert_eq!(
        of("tpr@0.1fpr", &[1.0; 3], &(0..1000).map(|at| f64::from(at == 0) * 2.0).collect::<Vec<_>>()),
        Some(1.0)
    );
}

#[test]
fn what_is_undefined_is_none_and_equal_scores_are_chance() {
    for name in NAMES {
        assert_eq!(of(name, &[], &[]), None, "{name}");
        assert_eq!(of(name, &[], &[0.5]), None, "{name}");
        let alone = of(name, &[0.5], &[]);
        assert_eq!(alone, (name == "average-precision").then_some(1.0), "{name}");
    }
    let equal = |name| of(name, &[0.5; 3], &[0.5; 9]).unwrap();
    assert_eq!(NAMES.map(equal), [0.5, 0.25, 0.5, 0.0, 1.0, 1.0]);
    assert_eq!(NAMES.map(|name| of(name, &[f64::INFINITY], &[0.0]).unwrap()), [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn values_are_fractions_that_no_order_and_no_increasing_map_changes() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..200 {
        let count = rng.random_range(1..40);
        let mut draw = |shift: f64| -> Vec<f64> {
            (0..count).map(|_| f64::from(rng.random_range(0..20_u8)) / 10.0 + shift).collect()
        };
        let (genuine, impostor) = (draw(0.3), draw(0.0));
        let mapped = |scores: &[f64]| scores.iter().rev().map(|score| score * 4.0).collect::<Vec<f64>>();
        for name in NAMES {
            let value = of(name, &genuine, &impostor).unwrap();
            assert!((0.0..=1.0).contains(&value), "{name} {value}");
            let again = of(name, &mapped(&genuine), &mapped(&impostor)).unwrap();
            assert!((value - again).abs() < 1e-12, "{name}");
            // A genuine pair that scores higher never makes it worse; but for average precision, which takes the pairs of
            // one score at the precision of all of them, so that one that leaves them may lose.
            if name == "average-precision" {
                continue;
            }
            let mut better = genuine.clone();
            better[0] += 0.5;
            let better = of(name, &better, &impostor).unwrap();
            let gain = if parse(name).unwrap().higher_is_better() { better - value } else { value - better };
            assert!(gain >= -1e-12, "{name} {value} {better}");
        }
        let swapped = of("roc-auc", &impostor, &genuine).unwrap();
        assert!((of("roc-auc", &genuine, &impostor).unwrap() + swapped - 1.0).abs() < 1e-12);
    }
}

#[test]
fn every_name_is_read_back() {
    for name in NAMES.iter().chain(&["fpr@99.5tpr", "tpr@0.1fpr"]) {
        assert_eq!(parse(name).unwrap().name(), **name);
    }
    assert_eq!(parse("fpr@95").unwrap().name(), "fpr@95tpr");
    assert_eq!(parse("equal_error_rate").unwrap_err().help, "did you mean `eer`?");
}
