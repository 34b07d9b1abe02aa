//! Importances of functions whose shares are known in closed form.

use super::super::space::tests::{conditional, dimension};
use super::super::space::{Condition, Dimension, Value};
use super::*;

fn seed() -> Seed {
    Seed::of_stage(3, "importance", None)
}

fn unit(path: &str) -> Dimension {
    dimension(path, Domain::Real { low: 0.0, high: 1.0, log: false })
}

/// Points of a Sobol sequence.
fn points(space: &Space, count: u32) -> Vec<Point> {
    let share = |number: u32, at: usize| f64::from(sobol_burley::sample(number, at as u32, 11));
    let point = |number: u32| {
        let shares: Vec<f64> = (0..space.dimensions().len()).map(|at| share(number, at)).collect();
        space.at(&shares)
    };
    (0..count).map(point).collect()
}

fn number(value: Option<Value>) -> f64 {
    match value {
        Some(Value::Real(number)) => number,
        Some(Value::Integer(number)) => number as f64,
        Some(Value::Item(item)) => item as f64,
        None => 0.0,
    }
}

fn of(space: &Space, count: u32, value: impl Fn(&Point) -> f64) -> Result<Importance, NoImportance> {
    let points = points(space, count);
    let told: Vec<(&Point, f64)> = points.iter().map(|point| (point, value(point))).collect();
    importance(space, &told, seed())
}

fn near(found: f64, expected: f64, within: f64) -> bool {
    (found - expected).abs() < within
}

#[test]
fn an_additive_function_is_divided_by_its_variances() {
    // Var 2a : Var b = 4 : 1, and c changes nothing.
    let space = Space::new(["a", "b", "c"].map(unit).to_vec());
    let found = of(&space, 200, |point| 2.0 * number(point.0[0]) + number(point.0[1])).unwrap();
    assert!(near(found.shares[0], 0.8, 0.06) && near(found.shares[1], 0.2, 0.06), "{found:?}");
    assert!(found.shares[2] < 0.01 && found.interactions < 0.05, "{found:?}");
    assert!(found.r2 > 0.9 && found.trials == 200, "{found:?}");
    let whole = found.shares.iter().sum::<f64>() + found.interactions;
    assert!(near(whole, 1.0, 1e-12), "{whole}");
}

#[test]
fn what_two_explain_together_is_an_interaction() {
    // Of ab: V = 1/9 - 1/16 = 7/144, V_a = V_b = Var(a / 2) = 3/144, so 1/7 is left.
    let space = Space::new(["a", "b"].map(unit).to_vec());
    let found = of(&space, 300, |point| number(point.0[0]) * number(point.0[1])).unwrap();
    assert!(found.shares.iter().all(|share| near(*share, 3.0 / 7.0, 0.06)), "{found:?}");
    assert!(near(found.interactions, 1.0 / 7.0, 0.06), "{found:?}");
}

#[test]
fn logarithms_and_whole_numbers_are_taken_on_their_scales() {
    // On the scale of its logarithm it is the same additive function: ln 100 = 2 ln 10, so a's variance is 4 times b's.
    let log = |path: &str, high: f64| dimension(path, Domain::Real { low: 1.0, high, log: true });
    let space = Space::new(vec![log("a", 100.0), log("b", 10.0)]);
    let found = of(&space, 200, |point| number(point.0[0]).ln() + number(point.0[1]).ln()).unwrap();
    assert!(near(found.shares[0], 0.8, 0.06) && near(found.shares[1], 0.2, 0.06), "{found:?}");
    let whole = dimension("k", Domain::Integer { low: 1, high: 4, log: false });
    let found = of(&Space::new(vec![whole, unit("b")]), 100, |point| number(point.0[0])).unwrap();
    assert!(found.shares[0] > 0.99 && found.shares[1] < 0.01, "{found:?}");
}

#[test]
fn items_are_told_apart_whatever_their_order() {
    let space = Space::new(vec![dimension("loss", Domain::Choice { items: 3 }), unit("b")]);
    let found = of(&space, 60, |point| [0.0, 2.0, 1.0][number(point.0[0]) as usize]).unwrap();
    assert!(found.shares[0] > 0.97 && found.shares[1] < 0.01, "{found:?}");
}

#[test]
fn a_parameter_counts_where_it_applies() {
    // f = k under the second item and 1/2 under the first. Both have the mean 1/2, so the choice alone explains nothing:
    // V = Var(k) / 2, V_k = Var(k / 2 + 1/4) = Var(k) / 4, one half of it.
    let when = Some(Condition { dimension: 0, item: 1 });
    let space =
        Space::new(vec![dimension("loss", Domain::Choice { items: 2 }), Dimension { when, ..unit("loss.a.k") }]);
    let found = of(&space, 200, |point| point.0[1].map_or(0.5, |value| number(Some(value)))).unwrap();
    assert!(found.shares[0] < 0.05 && near(found.shares[1], 0.5, 0.1), "{found:?}");
    assert!(near(found.interactions, 0.5, 0.1), "{found:?}");
    // Every kind of dimension at once.
    let found = of(&conditional(), 80, |point| number(point.0[0]).ln()).unwrap();
    assert!(found.shares[0] > 0.9, "{found:?}");
}

#[test]
fn noise_is_not_predicted() {
    use rand::RngExt as _;
    let space = Space::new(["a", "b"].map(unit).to_vec());
    let points = points(&space, 100);
    let mut random = seed().rng("noise", &[]);
    let told: Vec<(&Point, f64)> = points.iter().map(|point| (point, random.random_range(0.0..1.0))).collect();
    let found = importance(&space, &told, seed()).unwrap();
    assert!(found.r2 < 0.3, "{found:?}");
}

#[test]
fn nothing_to_tell_from_is_said() {
    let space = Space::new(["a", "b"].map(unit).to_vec());
    let first = |point: &Point| number(point.0[0]);
    assert_eq!(of(&space, 14, first), Err(NoImportance::TooFew { found: 14 }));
    assert!(of(&space, 15, first).is_ok());
    assert_eq!(of(&space, 100, |_| 0.7), Err(NoImportance::Equal));
    assert_eq!(of(&space, 100, |_| 0.0), Err(NoImportance::Equal));
    assert_eq!(of(&space, 100, |_| f64::NAN), Err(NoImportance::TooFew { found: 0 }));
    assert_eq!(importance(&Space::default(), &[], seed()), Err(NoImportance::NoDimension));
    let words = NoImportance::TooFew { found: 3 }.to_string();
    assert_eq!(words, "3 finished trials lie in the space, and at least 15 are needed");
    // One place alone: there is nothing to split by.
    let one = Point(vec![Some(Value::Real(0.5)), Some(Value::Real(0.5))]);
    let told: Vec<(&Point, f64)> = (0..20).map(|at| (&one, f64::from(at))).collect();
    assert_eq!(importance(&space, &told, seed()), Err(NoImportance::NoSplit));
}

#[test]
fn values_of_any_size_are_explained() {
    let space = Space::new(["a", "b"].map(unit).to_vec());
    for unit in [1e300, 1e-300, 1.0] {
        let found = of(&space, 100, |point| unit * number(point.0[0])).unwrap();
        assert!(found.shares[0] > 0.97, "{unit}: {found:?}");
    }
    // A value that is no number is left out.
    let found = of(&space, 100, |point| if number(point.0[1]) < 0.1 { f64::NAN } else { number(point.0[0]) }).unwrap();
    assert!((80..100).contains(&found.trials) && found.shares[0] > 0.97, "{found:?}");
}

#[test]
fn threads_change_no_bit() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| of(&conditional(), 120, |point| number(point.0[0]).ln() + number(point.0[1])).unwrap())
    };
    let (one, three) = (on(1), on(3));
    let bits = |found: &Importance| found.shares.iter().map(|share| share.to_bits()).collect::<Vec<u64>>();
    assert_eq!((bits(&one), one.r2.to_bits()), (bits(&three), three.r2.to_bits()));
    assert_eq!(one, three);
}
