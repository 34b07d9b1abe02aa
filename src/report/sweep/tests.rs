//! Every picture and the page from made-up sweeps, the empty and the odd ones included.

use super::*;
use simpipe_artifact::{
    SweepCondition, SweepCounts, SweepImportance, SweepInterval, SweepParameter, SweepState, SweepValue, SweepWinner,
};

fn range(path: &str, low: f64, high: f64, log: bool) -> SweepParameter {
    let values = SweepValues::Range { low, high, log, integer: false };
    SweepParameter { path: path.to_owned(), values, under: None }
}

fn list(path: &str, names: &[&str]) -> SweepParameter {
    let values = SweepValues::List(names.iter().map(|name| (*name).to_owned()).collect());
    SweepParameter { path: path.to_owned(), values, under: None }
}

fn margin() -> SweepParameter {
    let under = Some(SweepCondition { parameter: 0, item: 1 });
    SweepParameter { under, ..range("train.loss.triplet.margin", 0.05, 0.5, false) }
}

/// A loss, the margin of one, a rate in factors, epochs.
pub(super) fn space() -> Vec<SweepParameter> {
    let rate = range("train.optimizer.adam.learning-rate", 1e-4, 1e-1, true);
    vec![
        list("train.loss", &["contrastive", "triplet", "multi-similarity"]),
        margin(),
        rate,
        range("train.epochs", 1.0, 9.0, false),
    ]
}

/// Shares that are spread evenly and never repeat.
fn share(trial: usize, at: usize) -> f64 {
    const STEPS: [f64; 4] = [0.618_033_988_75, 0.754_877_666, 0.569_840_29, 0.819_172_51];
    ((trial + 1) as f64 * STEPS[at % 4]).fract()
}

fn value_at(values: &SweepValues, share: f64) -> f64 {
    match values {
        SweepValues::List(names) => (share * names.len() as f64).floor(),
        SweepValues::Range { low, high, log: true, .. } => low * (high / low).powf(share),
        SweepValues::Range { low, high, .. } => low + (high - low) * share,
    }
}

/// A finished trial with values of the objectives, which may be no numbers.
fn finished(parameters: &[SweepParameter], number: usize, values: &[f64]) -> SweepTrial {
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
pub(super) fn sweep(
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

fn importance_of(metric: &str, parameters: usize, trials: usize) -> SweepImportance {
    let metric = metric.to_owned();
    if trials < 15 || parameters == 0 {
        let missing = Some(format!("{trials} finished trials lie in the space, and at least 15 are needed"));
        return SweepImportance { metric, missing, trials, ..SweepImportance::default() };
    }
    let shares: Vec<f64> = (0..parameters).map(|at| 0.5_f64.powi(at as i32 + 1)).collect();
    let interactions = Some(1.0 - shares.iter().sum::<f64>());
    SweepImportance { metric, trials, r2: Some(0.63), shares, interactions, ..SweepImportance::default() }
}

pub(super) fn bumpy(trial: usize, objective: usize) -> f64 {
    0.4 + 0.1 * (share(trial, 2) * 3.0).sin() + 0.05 * share(trial, objective)
}

/// Draws every picture and the page, checks that each is one, and gives the page.
fn draw_all(report: &SweepReport) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut drawn = Vec::new();
    for figure in SweepFigure::all(report) {
        let path = folder.path().join(figure.file_name());
        let one = figure.show(report, &path, 0).unwrap().0;
        assert!(!one.title.is_empty() && one.alt.len() > 20 && one.reading.ends_with('.'), "{one:?}");
        let picture = image::open(&path).unwrap().into_rgb8();
        let ink = picture.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
        assert!(ink > 500, "{figure:?}: {ink} pixels");
        let (width, height) = picture.dimensions();
        let edge = |x: u32, y: u32| picture.get_pixel(x, y).0 == [255; 3];
        // Nothing is cut off: the border of every page is white.
        assert!((0..width).all(|x| edge(x, 0) && edge(x, height - 1)), "{figure:?}: cut above or below");
        assert!((0..height).all(|y| edge(0, y) && edge(width - 1, y)), "{figure:?}: cut at a side");
        drawn.push((figure.file_name(), one));
    }
    let page = page(report, &drawn, report.winners.first().map(|_| "best.toml"));
    for (file, one) in &drawn {
        assert!(page.contains(&format!("]({file})")) && page.contains(&one.title), "{file}: {page}");
    }
    assert!(page.ends_with('\n') && !page.contains("NaN"), "{page}");
    page
}

#[test]
fn a_sweep_has_its_pictures_and_its_page() {
    let mut report = sweep(space(), 40, bumpy, 1);
    report.trials[3].kept = Some(false);
    let page = draw_all(&report);
    let first = &report.trials[0];
    let value = super::figure(first.own[0].unwrap());
    assert!(page.contains(&format!("Trial {}: evaluate.map@r {value}", first.trial)), "{page}");
    assert!(page.contains("--set 'train.loss=\"triplet\"'") && page.contains("[best.toml](best.toml)"), "{page}");
    // A fence is longer than any in it.
    assert!(page.contains("````toml\nseed = 1\n"), "{page}");
    assert!(page.contains("The best 25 of 40"), "{page}");
    assert!(page.contains("with R² 0.63, so these shares are rough"), "{page}");
    let figures = SweepFigure::all(&report).iter().map(SweepFigure::file_name).collect::<Vec<_>>();
    assert_eq!(figures, ["leaderboard.png", "parallel-coordinates.png", "importance.png", "slices.png"]);
}

#[test]
fn odd_sweeps_are_drawn_too() {
    // Nothing has begun, nothing varies, one trial, one parameter.
    draw_all(&SweepReport::default());
    draw_all(&sweep(space(), 0, bumpy, 1));
    draw_all(&sweep(Vec::new(), 3, bumpy, 1));
    draw_all(&sweep(space(), 1, bumpy, 1));
    draw_all(&sweep(vec![range("a.b", 0.0, 1.0, false)], 20, bumpy, 1));
    // Names alone, one of them; numbers of one value.
    draw_all(&sweep(vec![list("a.b", &["x", "y"]), list("a.c", &["only"])], 20, bumpy, 1));
    draw_all(&sweep(vec![range("a.b", 2.0, 2.0, false), range("a.c", 2.0, 2.0, true)], 20, bumpy, 1));
    let many: Vec<String> = (0..60).map(|at| format!("a-long-name-of-an-item-{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    draw_all(&sweep(vec![list("a.b", &many)], 100, bumpy, 1));
}

#[test]
fn values_of_any_kind_are_drawn() {
    let odd: [fn(usize) -> f64; 7] = [
        |_| 0.5,
        |_| 0.0,
        |_| f64::NAN,
        |trial| if trial == 3 { f64::INFINITY } else { 0.4 },
        |trial| if trial == 0 { 1e300 } else { trial as f64 },
        |trial: usize| if trial.is_multiple_of(2) { -1e300 } else { 1e300 },
        |trial| trial as f64 * 1e-300,
    ];
    for value in odd {
        draw_all(&sweep(space(), 20, |trial, _| value(trial), 2));
    }
}

#[test]
fn all_failed_is_said_with_the_reasons() {
    let mut report = sweep(space(), 12, |_, _| f64::NAN, 1);
    for trial in &mut report.trials {
        (trial.state, trial.kept) = (SweepState::Failed, None);
        trial.reason = Some("`train`: the loss is no number | \u{1b}[31m".to_owned());
    }
    report.counts = SweepCounts { total: 12, failed: 12, ..SweepCounts::default() };
    report.statement = "no trial is finished".to_owned();
    (report.best, report.winners) = (Vec::new(), Vec::new());
    let page = draw_all(&report);
    assert!(page.contains("## Failed trials") && page.contains("10 of 12"), "{page}");
    assert!(page.contains("12 trials failed") && page.contains("None: no trial is finished"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page}");
}

#[test]
fn several_objectives_have_a_front() {
    for count in [2, 3] {
        let mut report = sweep(space(), 30, bumpy, count);
        report.best = report.trials.iter().take(4).map(|trial| trial.trial).collect();
        report.winners.clear();
        let figures = SweepFigure::all(&report);
        assert!(figures.contains(&SweepFigure::Front) && figures.contains(&SweepFigure::Slices(count - 1)));
        draw_all(&report);
    }
    let names: Vec<String> =
        SweepFigure::all(&sweep(space(), 3, bumpy, 2)).iter().map(SweepFigure::file_name).collect();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
}

/// The first ten of thirty go on to 3 epochs, the first three of these to 9.
fn on_rungs() -> SweepReport {
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

#[test]
fn rungs_are_lines_by_epochs() {
    let report = on_rungs();
    assert!(SweepFigure::all(&report).contains(&SweepFigure::Rungs));
    let page = draw_all(&report);
    assert!(page.contains("points by epochs: 30 after 1, 10 after 3, 3 after 9"), "{page}");
    assert!(page.contains("of which 10 went on"), "{page}");
    // What is compared is the first rung of each point.
    assert_eq!((report.points(0).len(), report.first_epochs()), (30, Some(1)));
}

#[test]
fn a_thousand_trials_are_drawn_in_no_time() {
    let report = sweep(space(), 1000, bumpy, 1);
    let started = std::time::Instant::now();
    draw_all(&report);
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn names_are_as_short_as_they_are_their_own() {
    let paths = [
        "train.optimizer.adam.learning-rate",
        "train.loss",
        "few.loss",
        "train.loss.triplet.margin",
        "a.loss.circle.margin",
    ];
    let report = sweep(paths.map(|path| range(path, 0.0, 1.0, false)).to_vec(), 2, bumpy, 1);
    let names: Vec<&str> = (0..paths.len()).map(|at| short_name(&report, at)).collect();
    assert_eq!(names, ["learning-rate", "train.loss", "few.loss", "triplet.margin", "circle.margin"]);
    assert!(tried(&report, &report.trials[0]).starts_with("learning-rate 0."));
}

#[test]
fn a_second_drawing_has_the_same_bytes() {
    let (report, folder) = (on_rungs(), tempfile::tempdir().unwrap());
    let draw = |figure: SweepFigure| {
        let path = folder.path().join("figure.png");
        figure.show(&report, &path, 0).unwrap();
        std::fs::read(&path).unwrap()
    };
    let all = || SweepFigure::all(&report).into_iter().map(draw).collect::<Vec<_>>();
    assert!(all() == all());
}

/// Not a check: `cargo test --lib -- --ignored sweeps_to_look_at`, with `SIMPIPE_OUT` a folder for the pages.
#[test]
#[ignore = "draws for people to look at: set SIMPIPE_OUT"]
fn sweeps_to_look_at() {
    let out = std::env::var("SIMPIPE_OUT").unwrap();
    let mut front = sweep(space(), 60, bumpy, 2);
    let costs: Vec<Vec<f64>> =
        front.trials.iter().map(|trial| vec![-trial.own[0].unwrap(), trial.own[1].unwrap()]).collect();
    let costs: Vec<&[f64]> = costs.iter().map(Vec::as_slice).collect();
    front.best = simpipe_sweep::front(&costs).into_iter().map(|at| front.trials[at].trial).collect();
    let far = |trial: usize, objective: usize| if trial.is_multiple_of(17) { 9.0 } else { bumpy(trial, objective) };
    let sweeps = [
        ("plain", sweep(space(), 40, bumpy, 1)),
        ("thousand", sweep(space(), 1000, bumpy, 1)),
        ("far-off", sweep(space(), 60, far, 1)),
        ("one", sweep(space(), 1, bumpy, 1)),
        ("empty", sweep(space(), 0, bumpy, 1)),
        ("front", front),
        ("rungs", on_rungs()),
    ];
    for (name, report) in sweeps {
        let folder = Path::new(&out).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let figures = SweepFigure::all(&report).into_iter();
        let drawn =
            figures.map(|one| (one.file_name(), one.show(&report, &folder.join(one.file_name()), 0).unwrap().0));
        let drawn: Vec<(String, Drawn)> = drawn.collect();
        std::fs::write(folder.join("report.md"), page(&report, &drawn, None)).unwrap();
    }
}
