//! How good the points are that a sweep's methods choose: functions with a known minimum, 20 seeds, one JSON line each
//! with the regret after 20, 50 and 100 trials. `benches/peers/optuna_sweep.py` prints the same lines of Optuna,
//! `benches/peers/compare_sweeps.py` the paired differences.
//!
//! `cargo bench -p simpipe-benches --bench sweep_methods -- [method ..]`; all methods if none is named.
#![expect(clippy::print_stdout, reason = "a bench reports by printing")]

use simpipe::base::seed::Seed;
use simpipe::sweep::{Dimension, Domain, Finished, History, Method, Point, Space, Value};

/// A function with its box and its least value.
struct Problem {
    name: &'static str,
    bounds: Vec<(f64, f64)>,
    least: f64,
    value: fn(&[f64]) -> f64,
}

fn problems() -> Vec<Problem> {
    vec![
        Problem {
            name: "branin",
            bounds: vec![(-5.0, 10.0), (0.0, 15.0)],
            least: 0.397_887_357_729_738_1,
            value: branin,
        },
        Problem { name: "hartmann6", bounds: vec![(0.0, 1.0); 6], least: -3.322_368_011_415_515, value: hartmann },
        Problem { name: "rosenbrock4", bounds: vec![(-5.0, 10.0); 4], least: 0.0, value: rosenbrock },
    ]
}

fn branin(x: &[f64]) -> f64 {
    use std::f64::consts::PI;
    let bowl = x[1] - 5.1 / (4.0 * PI * PI) * x[0] * x[0] + 5.0 / PI * x[0] - 6.0;
    bowl * bowl + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x[0].cos() + 10.0
}

fn hartmann(x: &[f64]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let term = |row: usize| {
        let exponent: f64 = (0..6).map(|at| A[row][at] * (x[at] - P[row][at]).powi(2)).sum();
        ALPHA[row] * (-exponent).exp()
    };
    -(0..4).map(term).sum::<f64>()
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|pair| 100.0 * (pair[1] - pair[0] * pair[0]).powi(2) + (1.0 - pair[0]).powi(2)).sum()
}

/// The regret after each of `budgets` trials; `ahead` points are asked for before the first is told.
fn regrets(problem: &Problem, method: Method, seed: u64, ahead: usize, budgets: &[usize]) -> Vec<f64> {
    let dimension = |(at, (low, high)): (usize, &(f64, f64))| Dimension {
        path: format!("x{at}"),
        domain: Domain::Real { low: *low, high: *high, log: false },
        when: None,
    };
    let space = Space::new(problem.bounds.iter().enumerate().map(dimension).collect());
    let trials = budgets.iter().copied().max().unwrap_or(0);
    let seed = Seed::of_stage(seed, "sweep", None);
    let (mut history, mut best, mut found) = (History::default(), f64::INFINITY, Vec::new());
    for told in 1..=trials {
        while history.running.len() < ahead && history.asked() < trials {
            let asked = history.asked() as u64;
            history.running.push(method.ask(&space, &history, asked, seed).expect("real numbers never run out"));
        }
        let point = history.running.remove(0);
        let value = (problem.value)(&numbers(&point));
        history.finished.push(Finished { point, values: vec![value] });
        best = best.min(value);
        if budgets.contains(&told) {
            found.push((best - problem.least).max(0.0));
        }
    }
    found
}

fn numbers(point: &Point) -> Vec<f64> {
    point
        .0
        .iter()
        .filter_map(|value| if let Some(Value::Real(number)) = value { Some(*number) } else { None })
        .collect()
}

fn main() {
    const BUDGETS: [usize; 3] = [20, 50, 100];
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let methods = [
        ("tpe", Method::Tpe),
        ("gaussian-process", Method::GaussianProcess),
        ("auto", Method::Auto),
        ("random", Method::Random),
    ];
    for (name, method) in
        methods.into_iter().filter(|(name, _)| named.is_empty() || named.iter().any(|named| named == name))
    {
        for problem in problems() {
            for ahead in [1, 4] {
                for seed in 0..20 {
                    let regrets = regrets(&problem, method, seed, ahead, &BUDGETS);
                    println!(
                        "{{\"tool\": \"simpipe\", \"method\": \"{name}\", \"problem\": \"{}\", \"ahead\": {ahead}, \"seed\": {seed}, \
                         \"regret\": {regrets:?}}}",
                        problem.name
                    );
                }
            }
        }
    }
}
