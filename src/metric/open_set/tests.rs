//! Open-set metrics by hand, and by what always holds.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::pair::{PairMetric, Roc, RocAuc};

const NAMES: [&str; 4] = ["auroc", "dir@10far", "dir@50far", "oscr"];

fn probe(score: f64, truth: Truth) -> Probe {
    Probe { score, truth }
}

fn of(name: &str, probes: &[Probe]) -> Option<f64> {
    parse(name).unwrap().of_open_set(&OpenSet::new(probes).unwrap())
}

#[test]
fn figures_are_as_computed_by_hand() {
    use Truth::{Right, Unknown, Wrong};
    // In the order of scores: right, wrong, unknown, right, unknown.
    let probes = [probe(0.5, Right), probe(0.9, Right), probe(0.2, Unknown), probe(0.8, Wrong), probe(0.7, Unknown)];
    // Known above unknown: 2 + 3 of 6 pairs.
    assert!((of("auroc", &probes).unwrap() - 5.0 / 6.0).abs() < 1e-12);
    assert_eq!(of("dir@10far", &probes), Some(1.0 / 3.0));
    assert_eq!(of("dir@50far", &probes), Some(2.0 / 3.0));
    // Right ones above each unknown: 1 and 2 of 3.
    assert!((of("oscr", &probes).unwrap() - 0.5).abs() < 1e-12);
    let rates = error_rates(&probes, 0.7).unwrap();
    assert_eq!((rates.far, rates.frr, rates.dir), (Some(0.5), Some(1.0 / 3.0), Some(1.0 / 3.0)));
}

#[test]
fn what_is_undefined_is_none_and_nan_is_refused() {
    for name in NAMES {
        assert_eq!(of(name, &[]), None, "{name}");
        assert_eq!(of(name, &[probe(1.0, Truth::Right), probe(0.5, Truth::Wrong)]), None, "{name}");
        assert_eq!(of(name, &[probe(1.0, Truth::Unknown)]), None, "{name}");
        // A query without a match scores lowest.
        assert!(
            of(name, &[probe(f64::NEG_INFINITY, Truth::Unknown), probe(1.0, Truth::Right)]).unwrap() == 1.0,
            "{name}"
        );
    }
    let nan = [probe(1.0, Truth::Right), probe(f64::NAN, Truth::Unknown)];
    assert_eq!(OpenSet::new(&nan).unwrap_err(), MetricError::NotFinite { what: "score", row: 1 });
    assert!(error_rates(&nan, 0.5).is_err() && error_rates(&[], f64::NAN).is_err());
    let nothing = error_rates(&[], 0.5).unwrap();
    assert_eq!((nothing.far, nothing.frr, nothing.dir), (None, None, None));
    // All as sure: they are accepted together.
    let equal = [probe(0.5, Truth::Right), probe(0.5, Truth::Unknown)];
    assert_eq!(NAMES.map(|name| of(name, &equal).unwrap()), [0.5, 0.0, 0.0, 0.5]);
}

#[test]
fn values_have_bounds_and_no_order_changes_them() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..200 {
        let mut probes: Vec<Probe> = (0..rng.random_range(2..40))
            .map(|_| {
                let truth = [Truth::Right, Truth::Wrong, Truth::Unknown][rng.random_range(0..3)];
                probe(f64::from(rng.random_range(0..12_u8)), truth)
            })
            .collect();
        probes.extend([probe(3.0, Truth::Right), probe(4.0, Truth::Unknown)]);
        let found = NAMES.map(|name| of(name, &probes).unwrap());
        assert!(found.iter().all(|value| (0.0..=1.0).contains(value)), "{found:?}");
        let [auroc, strict, lax, oscr] = found;
        let known = probes.iter().filter(|probe| probe.truth != Truth::Unknown).count();
        let right = probes.iter().filter(|probe| probe.truth == Truth::Right).count();
        let accuracy = right as f64 / known as f64;
        assert!(strict <= lax && lax <= accuracy && oscr <= auroc + 1e-12 && oscr <= accuracy + 1e-12, "{found:?}");
        let scores = |unknown: bool| {
            probes.iter().filter(move |probe| (probe.truth == Truth::Unknown) == unknown).map(|probe| probe.score)
        };
        let roc = Roc::new(scores(false), scores(true)).unwrap();
        assert!((RocAuc.of_pairs(&roc).unwrap() - auroc).abs() < 1e-12);
        probes.reverse();
        assert_eq!(found, NAMES.map(|name| of(name, &probes).unwrap()));
    }
}

#[test]
fn a_found_threshold_achieves_what_was_promised() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let probes: Vec<Probe> = (0..300)
        .map(|at| {
            probe(
                rng.random_range(0.0..1.0) + f64::from(at % 3 == 0),
                if at % 3 == 0 { Truth::Right } else { Truth::Unknown },
            )
        })
        .collect();
    let set = OpenSet::new(&probes).unwrap();
    for point in set.points() {
        let rates = error_rates(&probes, point.threshold).unwrap();
        assert_eq!(rates.far, Some(point.unknown as f64 / set.unknown() as f64));
        assert_eq!(rates.dir, Some(point.right as f64 / set.known() as f64));
    }
}

#[test]
fn every_name_is_read_back() {
    for name in NAMES {
        assert_eq!(parse(name).unwrap().name(), name);
    }
    assert_eq!(parse("TPIR@1").unwrap_err().help, "did you mean `dir@1far`?");
}
