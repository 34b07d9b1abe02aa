//! How good the points are that a sweep's methods choose: functions with a known minimum and a stored table of real
//! trainings, 20 seeds, one JSON line each with the regret after 20, 50 and 100 trials. `benches/peers/optuna_sweep.py` does
//! the same with Optuna, `benches/peers/compare_sweeps.py` tells the paired differences.
//!
//! `cargo bench -p simpipe-benches --bench sweep_methods -- [method ..]`; all methods if none is named. The table is
//! `benches/results/trainings.json`, made by `benches/trainings.py`; without it there are the functions alone.
#![expect(clippy::print_stdout, reason = "a bench reports by printing")]

use serde_json::Value as Json;
use simpipe_base::seed::Seed;
use simpipe_sweep::{Dimension, Domain, Finished, History, Method, Point, Space, Value};

/// What a point costs, by its values.
type Cost = Box<dyn Fn(&[f64]) -> f64>;

/// A function with its space and its least value.
struct Problem {
    name: &'static str,
    domains: Vec<Domain>,
    least: f64,
    value: Cost,
}

impl Problem {
    /// A function of real numbers within bounds.
    fn of(name: &'static str, bounds: &[(f64, f64)], least: f64, value: fn(&[f64]) -> f64) -> Self {
        let domains = bounds.iter().map(|(low, high)| Domain::Real { low: *low, high: *high, log: false });
        Self { name, domains: domains.collect(), least, value: Box::new(value) }
    }
}

fn problems() -> Vec<Problem> {
    let mut problems = vec![
        Problem::of("branin", &[(-5.0, 10.0), (0.0, 15.0)], 0.397_887_357_729_738_1, branin),
        Problem::of("hartmann6", &[(0.0, 1.0); 6], -3.322_368_011_415_515, hartmann),
        Problem::of("rosenbrock4", &[(-5.0, 10.0); 4], 0.0, rosenbrock),
    ];
    problems.extend(trainings());
    problems
}

/// What each combination of listed values gave in a training: a place in the table, by the positions of the values.
fn trainings() -> Option<Problem> {
    let path = simpipe_benches::repository().join("benches/results/trainings.json");
    let table: Json = serde_json::from_slice(&std::fs::read(path).ok()?).expect("the table is JSON");
    let costs: Vec<f64> = serde_json::from_value(table["costs"].clone()).expect("costs are numbers");
    let lists: Vec<(usize, bool)> = table["parameters"]
        .as_array()
        .expect("a list of parameters")
        .iter()
        .map(|one| (one["values"].as_array().expect("values").len(), one["ordered"] == true))
        .collect();
    let domain = |(items, ordered): &(usize, bool)| match ordered {
        true => Domain::Integer { low: 0, high: *items as i64 - 1, log: false },
        false => Domain::Choice { items: *items },
    };
    let domains = lists.iter().map(domain).collect();
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    // The last parameter changes first.
    let at = move |x: &[f64]| x.iter().zip(&lists).fold(0, |at, (x, (items, _))| at * items + *x as usize);
    Some(Problem { name: "trainings", domains, least, value: Box::new(move |x| costs[at(x)]) })
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
    let dimension =
        |(at, domain): (usize, &Domain)| Dimension { path: format!("x{at}"), domain: domain.clone(), when: None };
    let space = Space::new(problem.domains.iter().enumerate().map(dimension).collect());
    let trials = budgets.iter().copied().max().unwrap_or(0);
    let seed = Seed::of_stage(seed, "sweep", None);
    let (mut history, mut best, mut found) = (History::default(), f64::INFINITY, Vec::new());
    for told in 1..=trials {
        while history.running.len() < ahead && history.asked() < trials {
            let asked = history.asked() as u64;
            history.running.push(method.ask(&space, &history, asked, seed).expect("there are more points than trials"));
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
    let number = |value: &Value| match value {
        Value::Real(number) => *number,
        Value::Integer(number) => *number as f64,
        Value::Item(item) => *item as f64,
    };
    point.0.iter().flatten().map(number).collect()
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
