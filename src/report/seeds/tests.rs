//! Page and picture of made-up groups, the odd ones included.

use simpipe_artifact::{SeedsMetric, SeedsRun, SeedsValue};

use super::*;

fn metric(name: &str, values: &[Option<f64>], interval: Option<f64>) -> SeedsMetric {
    let some: Vec<f64> = values.iter().flatten().copied().collect();
    let spread = simpipe_metric::statistics::Spread::of(&some, 0.95).unwrap().unwrap();
    let value = |value: f64| SeedsValue {
        value,
        low: interval.map(|half| value - half),
        high: interval.map(|half| value + half),
    };
    SeedsMetric {
        name: name.to_owned(),
        mean: spread.mean,
        std: spread.std,
        t_low: spread.interval.map(|ends| ends.0),
        t_high: spread.interval.map(|ends| ends.1),
        values: values.iter().map(|of| of.map(value)).collect(),
    }
}

fn runs(seeds: &[u64]) -> Vec<SeedsRun> {
    let run = |seed: &u64| SeedsRun { seed: *seed, run: format!("run-{seed}"), ok: true, failure: None };
    seeds.iter().map(run).collect()
}

fn group() -> SeedsReport {
    let mut runs = runs(&[42, 1, 7]);
    (runs[2].ok, runs[2].failure) = (false, Some("`match` | failed: no such cutpoint".to_owned()));
    SeedsReport {
        format: 1,
        group: "g".to_owned(),
        name: "smoke [1]".to_owned(),
        config: "configs/smoke.toml".to_owned(),
        runs,
        metrics: vec![
            metric("evaluate.queries", &[Some(100.0), Some(100.0), None], None),
            metric("evaluate.recall@1", &[Some(0.62), Some(0.66), None], Some(0.03)),
            metric("train.loss", &[Some(1.5), Some(1.25), None], None),
        ],
    }
}

fn drawn(report: &SeedsReport) -> (Drawn, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FIGURE);
    let drawn = draw(report, &path).unwrap();
    (drawn, std::fs::metadata(path).unwrap().len())
}

#[test]
fn the_page_says_which_spread_is_which() {
    let report = group();
    let (figure, _) = drawn(&report);
    let page = page(&report, &[("figures/seeds.png".to_owned(), figure)]);
    assert!(
        page.starts_with("# smoke \\[1\\]: 3 seeds\n\nconfigs/smoke.toml: seeds 42, 1, 7; 2 of 3 runs done."),
        "{page}"
    );
    assert!(
        page.contains("Over seeds: the standard deviation of one training") && page.contains("Sampling: each"),
        "{page}"
    );
    assert!(page.contains(
        "| Figure | Mean | Std over seeds | t-interval over seeds | seed 42 (sampling) | seed 1 (sampling) |"
    ));
    // scipy: t.ppf(0.975, 1) * 0.0283 / sqrt(2) = 0.2541.
    let row =
        "| evaluate.recall@1 | 0.6400 | 0.0283 | 0.3859 to 0.8941 | 0.6200 (0.5900 to 0.6500) | 0.6600 (0.6300 to";
    assert!(page.contains(row), "{page}");
    assert!(
        page.contains("| train.loss | 1.3750 |") && page.contains("| 7 | run-7 | \\`match\\` \\| failed"),
        "{page}"
    );
    assert!(page.contains("![A panel a figure") && page.ends_with("`simpipe show RUN`.\n"), "{page}");
}

#[test]
fn the_picture_shows_what_says_most_first() {
    let (figure, bytes) = drawn(&group());
    assert!(bytes > 5_000);
    let names: Vec<&String> = figure.numbers.keys().collect();
    assert_eq!(names, ["evaluate.recall@1", "train.loss"], "a count that no seed changes says nothing");
    assert!(figure.alt.contains("evaluate.recall@1 0.6400 ± 0.0283; train.loss 1.3750 ±"), "{}", figure.alt);
    let many = |count: usize| {
        let seeds: Vec<u64> = (0..20).collect();
        let values =
            |at: usize| seeds.iter().map(|seed| Some((at as f64 + *seed as f64 / 7.0).sin())).collect::<Vec<_>>();
        let named = |at: usize| metric(&format!("evaluate.map@{at}"), &values(at), at.is_multiple_of(2).then_some(0.1));
        SeedsReport { runs: runs(&seeds), metrics: (0..count).map(named).collect(), ..group() }
    };
    assert_eq!(drawn(&many(30)).0.numbers.len(), 9);
    let text = page(&many(3), &[]);
    assert!(text.contains("4 of 20 seeds have a column"), "{text}");
}

#[test]
fn a_group_without_figures_or_of_one_training_has_a_page_too() {
    let none = SeedsReport { metrics: Vec::new(), runs: Vec::new(), ..group() };
    assert!(drawn(&none).0.alt.contains("empty chart") && page(&none, &[]).contains("there are no figures"));
    let one =
        SeedsReport { runs: runs(&[3]), metrics: vec![metric("evaluate.map@r", &[Some(0.5)], Some(0.1))], ..group() };
    let text = page(&one, &[]);
    assert!(
        text.contains("no spread over seeds is known") && text.contains("| evaluate.map@r | 0.5000 | – | – |"),
        "{text}"
    );
    assert_eq!(drawn(&one).0.numbers.len(), 1);
}
