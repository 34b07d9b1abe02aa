//! Numbers of small sweeps that were worked out by hand, and every odd state of a journal.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::sweep::{Coordinate, Entry, Head, State, TrialRun};
use simpipe_artifact::{SweepInterval, SweepReport, SweepState, SweepTrial, SweepValues};
use simpipe_plan::sweep::{Bound, Goal};

/// A sweep over `parameters` by `a.x`, of which more is better, and further goals of which less is.
fn state(parameters: &Json, further: &[&str]) -> State {
    let goals = std::iter::once(("a.x", true)).chain(further.iter().map(|metric| (*metric, false)));
    State::new(Head {
        sweep: "20260801T120000.000Z-0a1b2c".to_owned(),
        name: "small".to_owned(),
        config: "a.toml".to_owned(),
        path: "/a.toml".into(),
        overlays: Vec::new(),
        method: "sobol".to_owned(),
        goals: goals.map(|(metric, maximize)| Goal { metric: metric.to_owned(), maximize }).collect(),
        bounds: Vec::new(),
        identity: json!({ "sweep": { "parameters": parameters } }),
        earlier: None,
        sources: BTreeMap::new(),
        started: String::new(),
        version: "0".to_owned(),
    })
}

fn report(state: &State) -> SweepReport {
    let report = state.report(&ToString::to_string);
    // Whatever it holds can be written and read again.
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(serde_json::from_value::<SweepReport>(json).unwrap(), report);
    report
}

#[derive(Default)]
struct Asked {
    point: Option<Vec<Option<Coordinate>>>,
    parameters: Json,
    again: Option<usize>,
    further: Option<usize>,
    rung: usize,
    epochs: Option<u32>,
}

fn ask(state: &mut State, asked: Asked) -> usize {
    let trial = state.trials.len();
    let Asked { point, parameters, again, further, rung, epochs } = asked;
    let parameters = parameters.as_object().cloned().unwrap_or_default().into_iter().collect();
    state.apply(Entry::TrialAsked {
        trial,
        point,
        parameters,
        seeds: vec![1],
        again,
        further,
        rung,
        epochs,
        added: false,
    });
    trial
}

/// Ends a trial with the metrics of each seed.
fn end(state: &mut State, trial: usize, seeds: &[&[(&str, f64)]]) {
    let run = |(seed, metrics): (u64, &&[(&str, f64)])| TrialRun {
        seed,
        run: format!("r{trial}-{seed}"),
        dir: format!("r{trial}"),
        metrics: metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
    };
    let runs: Vec<TrialRun> = (1..).zip(seeds).map(run).collect();
    let metrics = crate::seeds::of_numbers(runs.iter().flat_map(|run| run.metrics.iter())).into();
    state.apply(Entry::TrialFinished { trial, attempt: 0, runs, metrics, seconds: 2.0 });
}

fn fail(state: &mut State, trial: usize) {
    let reason = "`train`: the loss is no number".to_owned();
    state.apply(Entry::TrialFailed { trial, attempt: 0, runs: Vec::new(), reason, seconds: 1.0 });
}

fn of(report: &SweepReport, trial: usize) -> &SweepTrial {
    report.trial(trial).unwrap()
}

/// A rate in [0, 1] and a choice of losses, one with a margin.
fn space() -> Json {
    json!({
        "train.loss": ["contrastive", { "triplet": { "margin": { "low": 0.1, "high": 0.5 } } }],
        "train.rate": { "low": 1e-4, "high": 1e-1, "log": true },
        "train.steps": { "low": 1, "high": 9 },
    })
}

fn point(loss: usize, margin: Option<f64>, rate: f64, steps: i64) -> Option<Vec<Option<Coordinate>>> {
    let (loss, margin) = (Some(Coordinate::Item(loss)), margin.map(Coordinate::Real));
    Some(vec![loss, margin, Some(Coordinate::Real(rate)), Some(Coordinate::Integer(steps))])
}

#[test]
fn the_leaderboard_has_the_intervals_that_can_be_told() {
    let mut state = state(&space(), &[]);
    for (loss, margin) in [(0, None), (1, Some(0.25)), (0, None)] {
        ask(&mut state, Asked { point: point(loss, margin, 1e-2, 3), ..Asked::default() });
    }
    end(&mut state, 0, &[&[("a.x", 0.61), ("a.x.low", 0.55), ("a.x.high", 0.66)]]);
    end(&mut state, 1, &[&[("a.x", 0.70), ("a.x.low", 0.65), ("a.x.high", 0.75)]]);
    end(&mut state, 2, &[&[("a.x", 0.50)]]);
    // Two further seeds of the first: 0.61, 0.62, 0.63 by scipy.stats.t.interval(0.95, 2, 0.62, 0.01 / sqrt(3)).
    let more = ask(&mut state, Asked { again: Some(0), ..Asked::default() });
    end(&mut state, more, &[&[("a.x", 0.62)], &[("a.x", 0.63)]]);
    let report = report(&state);
    let ranked: Vec<(usize, Option<usize>)> = report.trials.iter().map(|trial| (trial.trial, trial.rank)).collect();
    assert_eq!(ranked, [(1, Some(1)), (0, Some(2)), (2, Some(3)), (3, None)]);
    let value = |trial: usize| of(&report, trial).values[0].clone().unwrap();
    let seeds = value(0);
    assert!((seeds.mean - 0.62).abs() < 1e-12 && seeds.interval == Some(SweepInterval::Seeds), "{seeds:?}");
    assert!((seeds.low.unwrap() - 0.595_158_622_882).abs() < 1e-9, "{seeds:?}");
    assert!((seeds.high.unwrap() - 0.644_841_377_117).abs() < 1e-9, "{seeds:?}");
    let one = value(1);
    assert_eq!((one.mean, one.low, one.high), (0.70, Some(0.65), Some(0.75)));
    assert_eq!(one.interval, Some(SweepInterval::Sampling));
    assert_eq!((value(2).low, value(2).interval), (None, None));
    // What is compared by own seeds alone keeps the first one's.
    assert_eq!((of(&report, 0).own[0], of(&report, 0).runs), (Some(0.61), 3));
    let points: Vec<(usize, f64)> = report.points(0).into_iter().map(|(trial, value)| (trial.trial, value)).collect();
    assert_eq!(points, [(0, 0.61), (1, 0.70), (2, 0.50)]);
    // It says of the first two what `sweep table` says.
    let verdict = state.verdict();
    assert_eq!((report.best, report.differ, report.statement), (verdict.best, verdict.differ, verdict.statement));
}

#[test]
fn what_varied_is_told_from_the_journal_alone() {
    let mut state = state(&space(), &[]);
    ask(&mut state, Asked { point: point(1, Some(0.25), 1e-2, 3), ..Asked::default() });
    ask(&mut state, Asked { point: point(0, None, 1e-1, 9), ..Asked::default() });
    // The config's own values, and some that lie outside.
    ask(&mut state, Asked::default());
    let outside = json!({ "train.rate": 0.5, "train.loss": "contrastive" });
    ask(&mut state, Asked { parameters: outside, ..Asked::default() });
    let report = report(&state);
    let paths: Vec<&str> = report.parameters.iter().map(|parameter| parameter.path.as_str()).collect();
    assert_eq!(paths, ["train.loss", "train.loss.triplet.margin", "train.rate", "train.steps"]);
    let names = ["contrastive", "triplet"].map(str::to_owned).to_vec();
    assert_eq!(report.parameters[0].values, SweepValues::List(names));
    let rate = SweepValues::Range { low: 1e-4, high: 1e-1, log: true, integer: false };
    assert_eq!(report.parameters[2].values, rate);
    let steps = SweepValues::Range { low: 1.0, high: 9.0, log: false, integer: true };
    assert_eq!(report.parameters[3].values, steps);
    let under = report.parameters[1].under.unwrap();
    assert_eq!((under.parameter, under.item), (0, 1));
    assert_eq!(of(&report, 0).at, [Some(1.0), Some(0.25), Some(1e-2), Some(3.0)]);
    assert_eq!(of(&report, 1).at, [Some(0.0), None, Some(1e-1), Some(9.0)]);
    assert_eq!(of(&report, 2).at, [None; 4]);
    assert_eq!(of(&report, 3).at, [Some(0.0), None, Some(0.5), None]);
}

#[test]
fn items_of_one_name_are_told_apart() {
    let losses = json!([{ "triplet": { "margin": 0.1 } }, { "triplet": { "margin": 0.2 } }, "circle", 3, true]);
    let report = report(&state(&json!({ "train.loss": losses }), &[]));
    let names = ["{\"triplet\":{\"margin\":0.1}}", "{\"triplet\":{\"margin\":0.2}}", "circle", "3", "true"];
    assert_eq!(report.parameters[0].values, SweepValues::List(names.map(str::to_owned).to_vec()));
}

#[test]
fn importance_is_of_points_with_their_own_seeds_on_the_first_rung() {
    let mut state =
        state(&json!({ "b.rate": { "low": 0.0, "high": 1.0 }, "b.zero": { "low": 0.0, "high": 1.0 } }), &[]);
    let rate = |trial: usize| (trial as f64 * 0.618_034).fract();
    for at in 0..40 {
        let coordinates = [rate(at), (at as f64 * 0.754_878).fract()].map(|share| Some(Coordinate::Real(share)));
        let asked = Asked { point: Some(coordinates.to_vec()), epochs: Some(1), ..Asked::default() };
        let trial = ask(&mut state, asked);
        end(&mut state, trial, &[&[("a.x", rate(at))]]);
    }
    // A promoted one has another value, which is not compared with the others'.
    let first = state.trials[0].point.clone().map(|point| Coordinate::of_point(&point));
    let asked = Asked { point: first, further: Some(0), rung: 1, epochs: Some(3), ..Asked::default() };
    let further = ask(&mut state, asked);
    end(&mut state, further, &[&[("a.x", 100.0)]]);
    let report = report(&state);
    let found = &report.importance[0];
    assert_eq!((found.trials, found.epochs, found.missing.as_deref()), (40, Some(1), None));
    assert!(found.shares[0] > 0.9 && found.shares[1] < 0.05 && found.r2.unwrap() > 0.8, "{found:?}");
    assert!(of(&report, 0).promoted && !of(&report, 1).promoted && !of(&report, further).promoted);
    assert_eq!((of(&report, further).rank, of(&report, 0).rank), (Some(1), None));
}

#[test]
fn every_state_of_a_journal_gives_data() {
    // Nothing has begun; nothing is known of what varied.
    for parameters in [Json::Null, json!({}), space()] {
        let found = report(&state(&parameters, &[]));
        assert!(found.trials.is_empty() && found.best.is_empty() && !found.statement.is_empty(), "{found:?}");
        assert!(found.importance[0].missing.is_some());
    }
    let mut all_failed = state(&space(), &[]);
    for _ in 0..3 {
        let trial = ask(&mut all_failed, Asked { point: point(0, None, 1e-2, 3), ..Asked::default() });
        fail(&mut all_failed, trial);
    }
    ask(&mut all_failed, Asked { point: point(0, None, 1e-3, 3), ..Asked::default() });
    let found = report(&all_failed);
    assert_eq!((found.counts.finished, found.counts.failed, found.counts.open), (0, 3, 1));
    assert_eq!((of(&found, 0).state, of(&found, 3).state), (SweepState::Failed, SweepState::Open));
    assert!(of(&found, 0).reason.is_some() && of(&found, 0).values == [None]);

    // Equal values, and numbers that are none.
    for value in [0.5, f64::NAN, f64::INFINITY] {
        let mut odd = state(&space(), &[]);
        for at in 0..20 {
            let trial = ask(&mut odd, Asked { point: point(at % 2, None, 1e-2, 3), ..Asked::default() });
            end(&mut odd, trial, &[&[("a.x", value)]]);
        }
        let found = report(&odd);
        assert!(found.importance[0].missing.is_some(), "{value}");
        assert_eq!(found.points(0).len(), if value.is_finite() { 20 } else { 0 });
    }
    // Points of another space than the journal tells.
    let mut other = state(&space(), &[]);
    for coordinates in [vec![], vec![Some(Coordinate::Item(9)); 4], vec![None; 7]] {
        let trial = ask(&mut other, Asked { point: Some(coordinates), ..Asked::default() });
        end(&mut other, trial, &[&[("a.x", 0.5)]]);
    }
    assert!(report(&other).trials.iter().all(|trial| trial.at == [None; 4]));
}

#[test]
fn several_objectives_and_constraints_are_kept_apart() {
    let mut state = state(&json!({ "b.rate": { "low": 0.0, "high": 1.0 } }), &["a.y"]);
    state.head.bounds = vec![Bound { metric: "a.z".to_owned(), min: Some(0.5), max: None }];
    for (x, y, z) in [(0.9, 0.4, 1.0), (0.5, 0.1, 1.0), (0.8, 0.5, 1.0), (0.99, 0.0, 0.1)] {
        let trial = ask(&mut state, Asked { point: Some(vec![Some(Coordinate::Real(x))]), ..Asked::default() });
        end(&mut state, trial, &[&[("a.x", x), ("a.y", y), ("a.z", z)]]);
    }
    let report = report(&state);
    assert_eq!((report.best.as_slice(), report.winners.len(), report.importance.len()), (&[0, 1][..], 2, 2));
    assert_eq!((of(&report, 3).kept, of(&report, 0).kept), (Some(false), Some(true)));
    assert_eq!(of(&report, 2).values[1].as_ref().unwrap().mean, 0.5);
    assert_eq!(report.constraints[0].min, Some(0.5));
}
