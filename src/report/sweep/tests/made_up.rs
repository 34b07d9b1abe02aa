//! Sweeps that nobody ran: their trials lie evenly in a space of a loss, a margin, a rate and epochs.

use simpipe_artifact::{
    SweepCondition, SweepCounts, SweepDirection, SweepImportance, SweepInterval, SweepObjective, SweepParameter,
    SweepReport, SweepState, SweepTrial, SweepValue, SweepValues, SweepWinner,
};

pub(super) fn range(path: &str, low: f64, high: f64, log: bool) -> SweepParameter {
    let values = SweepValues::Range { low, high, log, integer: false };
    SweepParameter { path: path.to_owned(), values, under: None, own: None }
}

pub(super) fn list(path: &str, names: &[&str]) -> SweepParameter {
    let values = SweepValues::List(names.iter().map(|name| (*name).to_owned()).collect());
    SweepParameter { path: path.to_owned(), values, under: None, own: None }
}

pub(super) fn margin() -> SweepParameter {
    let under = Some(SweepCondition { parameter: 0, item: 1 });
    SweepParameter { under, ..range("train.loss.triplet.margin", 0.05, 0.5, false) }
}

/// A loss, the margin of one, a rate in factors, epochs.
pub(in crate::sweep) fn space() -> Vec<SweepParameter> {
    let rate = range("train.optimizer.adam.learning-rate", 1e-4, 1e-1, true);
    vec![
        list("train.loss", &["contrastive", "triplet", "multi-similarity"]),
        margin(),
        rate,
        range("train.epochs", 1.0, 9.0, false),
    ]
}

/// Shares that are spread evenly and never repeat.
pub(super) fn share(trial: usize, at: usize) -> f64 {
    const STEPS: [f64; 4] = [0.618_033_988_75, 0.754_877_666, 0.569_840_29, 0.819_172_51];
    ((trial + 1) as f64 * STEPS[at % 4]).fract()
}

pub(super) fn value_at(values: &SweepValues, share: f64) -> f64 {
    match values {
        SweepValues::List(names) => (share * names.len() as f64).floor(),
        SweepValues::Range { low, high, log: true, .. } => low * (high / low).powf(share),
        SweepValues::Range { low, high, .. } => low + (high - low) * share,
    }
}

/// A finished trial with values of the objectives, which may be no numbers.
pub(super) fn finished(parameters: &[SweepParameter], number: usize, values: &[f64]) -> SweepTrial {
    let at: Vec<Option<f64>> =
        parameters.iter().enumerate().map(|(at, one)| Some(value_at(&one.values, share(number, at)))).collect();
    let applies = |one: &SweepParameter| one.under.is_none_or(|under| at[under.parameter] == Some(under.item as f64));
    let interval = [Some(SweepInterval::Seeds), Some(SweepInterval::Sampling), None][number % 3];
    let value = |mean: f64| SweepValue {
        mean,
        low: interval.map(|_| mean - 0.02),
        high: interval.map(|_| mean + 0.03),
        interval,
    };
    SweepTrial {
        trial: number,
        state: SweepState::Finished,
        kept: Some(true),
        runs: 1,
        values: values.iter().map(|mean| mean.is_finite().then(|| value(*mean))).collect(),
        own: values.iter().map(|value| value.is_finite().then_some(*value)).collect(),
        at: parameters.iter().zip(&at).map(|(one, value)| value.filter(|_| applies(one))).collect(),
        seconds: Some(1.0),
        ..SweepTrial::default()
    }
}

/// A sweep of so many finished trials over some parameters, ranked by their values.
pub(in crate::sweep) fn sweep(
    parameters: Vec<SweepParameter>,
    count: usize,
    value: impl Fn(usize, usize) -> f64,
    objectives: usize,
) -> SweepReport {
    let names = ["evaluate.map@r", "train.loss", "train.seconds"];
    let objective = |at: usize| SweepObjective {
        metric: names[at].to_owned(),
        direction: if at == 0 { SweepDirection::Maximize } else { SweepDirection::Minimize },
    };
    let objectives: Vec<SweepObjective> = (0..objectives).map(objective).collect();
    let values = |number: usize| (0..objectives.len()).map(|objective| value(number, objective)).collect::<Vec<f64>>();
    let mut trials: Vec<SweepTrial> = (0..count).map(|number| finished(&parameters, number, &values(number))).collect();
    let cost = |trial: &SweepTrial| trial.own[0].map_or(f64::INFINITY, |value| -value);
    trials.sort_by(|one, other| cost(one).total_cmp(&cost(other)));
    trials.iter_mut().enumerate().for_each(|(at, trial)| trial.rank = trial.own[0].map(|_| at + 1));
    let best: Vec<usize> = trials.iter().filter(|trial| trial.rank == Some(1)).map(|trial| trial.trial).collect();
    let winner = |trial: &usize| SweepWinner {
        trial: *trial,
        set: vec!["train.loss=\"triplet\"".to_owned()],
        toml: Some("seed = 1\n\n[train]\nloss = \"``` triplet\"\n".to_owned()),
    };
    SweepReport {
        format: 1,
        sweep: "20260801T120000.000Z-0a1b2c".to_owned(),
        name: "small".to_owned(),
        config: "a.toml".to_owned(),
        method: "sobol".to_owned(),
        importance: objectives
            .iter()
            .map(|objective| importance_of(&objective.metric, parameters.len(), count))
            .collect(),
        objectives,
        counts: SweepCounts { total: count, finished: count, ..SweepCounts::default() },
        winners: best.iter().map(winner).collect(),
        best,
        statement: "trial 1 and trial 0 do not differ over 3 seeds".to_owned(),
        parameters,
        trials,
        ..SweepReport::default()
    }
}

pub(super) fn importance_of(metric: &str, parameters: usize, trials: usize) -> SweepImportance {
    let metric = metric.to_owned();
    if trials < 15 || parameters == 0 {
        let missing = Some(format!("{trials} finished trials lie in the space, and at least 15 are needed"));
        return SweepImportance { metric, missing, trials, ..SweepImportance::default() };
    }
    let shares: Vec<f64> = (0..parameters).map(|at| 0.5_f64.powi(at as i32 + 1)).collect();
    let interactions = Some(1.0 - shares.iter().sum::<f64>());
    SweepImportance { metric, trials, r2: Some(0.63), shares, interactions, ..SweepImportance::default() }
}

pub(in crate::sweep) fn bumpy(trial: usize, objective: usize) -> f64 {
    0.4 + 0.1 * (share(trial, 2) * 3.0).sin() + 0.05 * share(trial, objective)
}

/// The first ten of thirty go on to 3 epochs, the first three of these to 9.
pub(super) fn on_rungs() -> SweepReport {
    let mut report = sweep(space(), 30, bumpy, 1);
    report.trials.iter_mut().for_each(|trial| trial.epochs = Some(1));
    let further = |(at, epochs): (usize, u32)| {
        let of = &report.trials[at];
        let value = of.own[0].map(|value| value + 0.02 * f64::from(epochs));
        SweepTrial {
            trial: 30 + at + if epochs == 9 { 10 } else { 0 },
            further: Some(of.trial),
            rung: if epochs == 9 { 2 } else { 1 },
            epochs: Some(epochs),
            own: vec![value],
            ..of.clone()
        }
    };
    let more: Vec<SweepTrial> = (0..10).map(|at| (at, 3)).chain((0..3).map(|at| (at, 9))).map(further).collect();
    report.best = vec![more[10].trial];
    report.trials.extend(more);
    report
}
