//! How the next point is chosen: one file a method.

mod auto;
mod enumerate;
mod gaussian_process;
mod grid;
mod numeric;
mod random;
mod sobol;
mod tpe;

use super::history::History;
use super::space::{Point, Space};
use simpipe_base::seed::Seed;

/// How a sweep chooses its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every combination of listed values, in the order of the lists.
    Grid,
    /// Independent draws.
    Random,
    /// A scrambled Sobol sequence: spread more evenly than draws.
    Sobol,
    /// The tree-structured Parzen estimator.
    Tpe,
    /// A Gaussian process.
    GaussianProcess,
    /// A Sobol start, then a Gaussian process where that is strong and the Parzen estimator elsewhere.
    Auto,
}

impl Method {
    /// The next point, or `None` where all have been asked for.
    ///
    /// A pure function of its arguments; `number` is how many points were asked for before, so that what is drawn at
    /// random does not hang on the order of completions.
    #[must_use]
    pub fn ask(self, space: &Space, history: &History, number: u64, seed: Seed) -> Option<Point> {
        if space.count().is_some_and(|count| count <= history.asked() as u64 && enumerate::all_tried(space, history)) {
            return None;
        }
        let again = |attempt: u64| match self {
            Self::Grid => unreachable!("a grid is not drawn"),
            Self::Random => random::ask(space, number, attempt, seed),
            Self::Sobol => sobol::ask(space, number, attempt, seed),
            Self::Tpe => tpe::ask(space, history, number, attempt, seed),
            Self::GaussianProcess => gaussian_process::ask(space, history, number, attempt, seed),
            Self::Auto => auto::ask(space, history, number, attempt, seed),
        };
        match self {
            Self::Grid => grid::ask(space, history),
            _ => new_point(space, history, again),
        }
    }
}

/// The first of some attempts that was not tried before, else the first that an enumeration finds, else a repetition
/// (which only a space of real numbers can need, where equal draws are as good as impossible).
fn new_point(space: &Space, history: &History, again: impl Fn(u64) -> Point) -> Option<Point> {
    const ATTEMPTS: u64 = 16;
    let fresh = (0..ATTEMPTS).map(&again).find(|point| !history.holds(point));
    fresh.or_else(|| enumerate::first_untried(space, history)).or_else(|| Some(again(0)))
}

#[cfg(test)]
mod tests {
    use super::super::history::Finished;
    use super::super::space::tests::{conditional, dimension};
    use super::super::space::{Domain, Value};
    use super::*;

    const DRAWN: [Method; 5] = [Method::Random, Method::Sobol, Method::Tpe, Method::GaussianProcess, Method::Auto];

    fn seed() -> Seed {
        Seed::of_stage(7, "sweep", None)
    }

    fn number(value: Option<Value>) -> f64 {
        match value {
            Some(Value::Real(number)) => number,
            Some(Value::Integer(number)) => number as f64,
            Some(Value::Item(item)) => item as f64,
            None => 0.0,
        }
    }

    fn sweep(method: Method, space: &Space, trials: usize, ahead: usize, value: impl Fn(&Point) -> f64) -> History {
        seeded(method, space, trials, ahead, seed(), value)
    }

    /// Asks and tells `trials` times; `ahead` points are asked for before the first is told.
    fn seeded(
        method: Method,
        space: &Space,
        trials: usize,
        ahead: usize,
        seed: Seed,
        value: impl Fn(&Point) -> f64,
    ) -> History {
        let mut history = History::default();
        for told in 0..trials {
            while history.running.len() < ahead.min(trials - told) {
                match method.ask(space, &history, history.asked() as u64, seed) {
                    Some(point) => history.running.push(point),
                    None => break,
                }
            }
            if history.running.is_empty() {
                break;
            }
            let point = history.running.remove(0);
            let values = vec![value(&point)];
            history.finished.push(Finished { point, values });
        }
        history
    }

    #[test]
    fn finite_spaces_are_tried_once_each_and_then_exhausted() {
        let space = Space::new(vec![
            dimension("a", Domain::Choice { items: 3 }),
            dimension("b", Domain::Integer { low: 1, high: 4, log: false }),
        ]);
        for method in DRAWN.into_iter().chain([Method::Grid]) {
            for ahead in [1, 4] {
                let history =
                    sweep(method, &space, 50, ahead, |point| point.0.iter().map(|value| number(*value)).sum());
                assert_eq!(history.finished.len(), 12, "{method:?}");
                for (at, finished) in history.finished.iter().enumerate() {
                    assert!(!history.finished[..at].iter().any(|other| other.point == finished.point), "{method:?}");
                }
            }
        }
    }

    #[test]
    fn the_same_history_gives_the_same_points() {
        for method in DRAWN {
            let value = |point: &Point| (number(point.0[0]).ln() + 3.0).powi(2) + number(point.0[1]);
            let run = || sweep(method, &conditional(), 24, 3, value);
            assert_eq!(run(), run(), "{method:?}");
        }
    }

    #[test]
    fn values_stay_within_their_bounds_and_conditions() {
        let space = conditional();
        for method in DRAWN {
            for finished in sweep(method, &space, 40, 2, |point| -number(point.0[0])).finished {
                let [Some(Value::Real(rate)), Some(Value::Item(item)), whole] = finished.point.0[..] else { panic!() };
                assert!((1e-4..=1.0).contains(&rate) && item < 3, "{method:?}");
                assert_eq!(whole.is_some(), item == 1, "{method:?}");
                assert!(whole.is_none_or(|whole| (1.0..=4.0).contains(&number(Some(whole)))), "{method:?}");
            }
        }
    }

    #[test]
    fn what_learns_beats_what_does_not_on_a_bowl() {
        let space = Space::new(
            ["a", "b", "c"].map(|path| dimension(path, Domain::Real { low: 0.0, high: 1.0, log: false })).to_vec(),
        );
        let bowl = |point: &Point| point.0.iter().map(|value| (number(*value) - 0.3).powi(2)).sum::<f64>();
        // The median of several seeds: one draw can be lucky.
        let best = |method| {
            let mut found: Vec<f64> = (0..7u64)
                .map(|number| {
                    let history = seeded(method, &space, 40, 1, Seed::of_stage(number, "sweep", None), bowl);
                    history.finished[history.best_first()[0]].values[0]
                })
                .collect();
            found.sort_by(f64::total_cmp);
            found[3]
        };
        let (random, tpe, process) = (best(Method::Random), best(Method::Tpe), best(Method::GaussianProcess));
        assert!(tpe < random && process < 1e-4, "random {random}, tpe {tpe}, process {process}");
    }

    #[test]
    fn equal_failed_and_missing_results_are_no_obstacle() {
        let space = conditional();
        for method in DRAWN {
            let mut history = sweep(method, &space, 20, 1, |_| 1.0);
            history.failed = history.finished.split_off(3).into_iter().map(|finished| finished.point).collect();
            assert!(method.ask(&space, &history, 20, seed()).is_some(), "{method:?}");
        }
    }

    #[test]
    fn what_is_known_of_elsewhere_is_learned_from_and_may_be_tried_again() {
        let space = Space::new(vec![dimension("a", Domain::Integer { low: 1, high: 40, log: false })]);
        let value = |point: &Point| (number(point.0[0]) - 31.0).abs();
        for method in [Method::Tpe, Method::GaussianProcess, Method::Auto] {
            let before = sweep(Method::Sobol, &space, 20, 1, value);
            let mut history = History { earlier: before.finished.len(), ..before };
            assert_eq!(history.asked(), 0);
            assert!(!history.holds(&history.finished[0].point.clone()));
            // The first that is asked for lies where earlier ones were good, not where a sequence begins.
            let first = method.ask(&space, &history, 0, seed()).unwrap();
            assert!(value(&first) <= 10.0, "{method:?}: {first:?}");
            // A small space is tried whole, whatever is known of it.
            for asked in 0..40 {
                let point = method.ask(&space, &history, asked, seed()).unwrap();
                history.finished.push(Finished { values: vec![value(&point)], point });
            }
            assert_eq!(method.ask(&space, &history, 40, seed()), None, "{method:?}");
        }
    }

    #[test]
    fn several_objectives_are_asked_for_alike() {
        let space = conditional();
        for method in DRAWN {
            let mut history = History::default();
            for at in 0..30 {
                let point = method.ask(&space, &history, at, seed()).unwrap();
                let rate = number(point.0[0]);
                history.finished.push(Finished { values: vec![rate, 1.0 / rate], point });
            }
            assert_eq!(history.finished.len(), 30);
        }
    }
}
