//! Every picture and the page from made-up sweeps, the empty and the odd ones included.

mod made_up;

use simpipe_artifact::{SweepCounts, SweepState};

use super::*;
pub(super) use made_up::{bumpy, space, sweep};
use made_up::{list, on_rungs, range};

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
fn the_config_s_own_values_are_shown_and_marked() {
    let mut report = sweep(space(), 6, bumpy, 1);
    let place = report.trials.iter().position(|trial| trial.trial == 0).unwrap();
    report.trials[place].at = vec![None; 4];
    for (at, own) in [(0, "soft-triple"), (2, "0.5"), (3, "20")] {
        report.parameters[at].own = Some(own.to_owned());
    }
    let values = |report: &SweepReport, trial: usize| -> Vec<String> {
        (0..4).map(|at| trial_value(report, report.trial(trial).unwrap(), at)).collect()
    };
    let expected = ["soft-triple (the config's own)", "not set", "0.5 (the config's own)", "20 (the config's own)"];
    assert_eq!(values(&report, 0), expected);
    let said = tried(&report, report.trial(0).unwrap());
    assert_eq!(said, "the config's own loss soft-triple, learning-rate 0.5, epochs 20");
    assert!(draw_all(&report).contains(&format!("| {} |", expected.join(" | "))));
    // A margin does not apply to every loss.
    let other = report.trials.iter().find(|trial| trial.at[0].is_some() && trial.at[1].is_none()).unwrap().trial;
    assert_eq!(values(&report, other)[1], "not set");
    // The record is gone.
    report.parameters.iter_mut().for_each(|parameter| parameter.own = None);
    assert_eq!(values(&report, 0), ["the config's own", "not set", "the config's own", "the config's own"]);
    assert_eq!(tried(&report, report.trial(0).unwrap()), "the config's own values");
    draw_all(&report);
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
