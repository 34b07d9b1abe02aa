//! The page of made-up data, and single lines of it.

use std::collections::BTreeMap;

use simpipe_artifact::{Achieved, Target};

use super::*;
use crate::synthetic;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/report/small.md");

fn page(data: &ReportData) -> String {
    let drawn = Drawn {
        title: "A | title".to_owned(),
        subtitle: String::new(),
        alt: "what [is] seen".to_owned(),
        reading: "How to read it.".to_owned(),
        numbers: BTreeMap::new(),
    };
    let baselines = Baselines::of(data, &|| false).unwrap();
    let judgement = Judgement::of(data, Some(&baselines));
    summary(data, &[("figures/01-a.png".to_owned(), drawn)], Some(&baselines), &judgement)
}

#[test]
fn the_page_of_a_small_experiment_is_the_golden_one() {
    let page = page(&synthetic::small());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(GOLDEN, &page).unwrap();
    }
    assert_eq!(page, std::fs::read_to_string(GOLDEN).unwrap(), "BLESS=1 rewrites the golden page");
}

#[test]
fn matches_without_near_copies_stand_beside_those_with_them() {
    let mut data = synthetic::small();
    let line = "| Match: the same, queries with a near copy left out | 60.0 % of 10 queries |";
    data.match_metrics = serde_json::json!({ "near_copies": 0.0, "distinct.accuracy": 0.6 });
    assert!(!page(&data).contains("with a near copy"), "there are none");
    data.match_metrics = serde_json::json!({ "near_copies": 2.0, "distinct.accuracy": 0.6 });
    assert_eq!(data.matches.0.len(), 12);
    assert!(page(&data).contains(line), "{}", page(&data));
}

#[test]
fn names_cannot_break_a_table() {
    let mut data = synthetic::small();
    data.dataset.description = "a | b\n<script>".to_owned();
    data.title = Some("[free](http://a.b)".to_owned());
    let page = page(&data);
    assert!(page.contains("a \\| b &lt;script>") && !page.contains("<script>"));
    assert!(page.starts_with("# \\[free\\](http\\://a.b)\n"), "{page}");
    assert!(page.contains("![what is seen](figures/01-a.png)"));
}

#[test]
fn transparency_is_told_where_there_is_some() {
    let mut data = synthetic::small();
    assert!(!page(&data).contains("Transparency"));
    data.dataset.transparent = 1234;
    let page = page(&data);
    assert!(page.contains("| Transparency | 1,234 with transparent pixels, laid over the background |"), "{page}");
}

#[test]
fn a_target_stands_beside_what_it_became() {
    let mut data = synthetic::small();
    data.match_info.achieved = Some(Achieved {
        metric: "far".to_owned(),
        target: Some(0.01),
        calibrated: 0.0098,
        value: 0.03,
        low: 0.02,
        high: 0.05,
    });
    data.calibration.cutpoints.get_mut("p95").unwrap().target =
        Some(Target { metric: "precision".to_owned(), value: 0.95 });
    let page = page(&data);
    assert!(page.contains("| name | value | distance | target | precision | recall | f1 |"), "{page}");
    assert!(page.contains("| p95 | 0.9100 | 0.040000 | precision 0.9500 | 0.9500 |"), "{page}");
    let sentence = "The cutpoint optimal was to reach far 0.0100; gave far 0.0098 on the calibration's queries and gives \
                    0.0300 on these, within 0.0200 and 0.0500 (95 % bootstrap interval";
    assert!(page.contains(sentence), "{page}");
}

#[test]
fn further_matches_and_evaluations_are_on_the_page() {
    let mut data = synthetic::small();
    data.further_matches = ["match-train", "match-test"].map(synthetic::further_matches).to_vec();
    data.evaluations = vec![synthetic::evaluated("evaluate")];
    let page = page(&data);
    for part in [
        "is the number to believe most",
        "| match-test | accuracy | 0.6000 |",
        "### match-train\n\n100 queries of 2 classes.",
        "### match-test\n",
        "## Evaluation\n",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn losses_are_told_apart_where_an_earlier_epoch_is_kept() {
    let mut data = synthetic::small();
    data.model.steps = 20;
    data.model.best_epoch = Some(1);
    let page = page(&data);
    for name in [
        "Training loss, last step: one batch",
        "Training loss, mean of 20 steps up to the weights kept (train.loss)",
        "Validation loss, last epoch (3)",
        "Validation loss, epoch 1, whose weights are kept (train.val_loss)",
    ] {
        assert!(page.contains(&format!("| {name} |")), "{name}: {page}");
    }
}

#[test]
fn an_early_end_and_the_best_epoch_are_told() {
    let mut data = synthetic::small();
    let plain = page(&data);
    assert!(plain.contains("60 steps in 3 epochs |") && !plain.contains("Weights kept"), "{plain}");
    data.model.steps = 20;
    data.model.best_epoch = Some(1);
    let rule = serde_json::json!({ "metric": "recall@1", "patience": 2, "min-delta": 0.0 });
    let params = |epochs: u32| serde_json::json!({ "epochs": epochs, "early-stopping": rule });
    data.spec = serde_json::json!({ "stages": { "train": { "stage": "train", "params": params(9) } } });
    let early = page(&data);
    let row = "| Training | 60 steps in 3 epochs of 9: ended early, recall@1 had not become better for 2 epochs |";
    assert!(early.contains(row), "{early}");
    assert!(early.contains("| Weights kept | those of the best epoch, 1, after 20 steps |"), "{early}");
    data.spec["stages"]["train"]["params"] = params(3);
    assert!(!page(&data).contains("ended early"), "it went to its end");
}

#[test]
fn of_many_classes_the_worst_are_listed_and_the_rest_counted() {
    let mut data = synthetic::with(100, 120, simpipe_artifact::ImageShape { height: 4, width: 4, channels: 1 });
    for row in &mut data.matches.0 {
        row.matched = row.label != 77;
        row.predicted = Some(row.label);
    }
    data.index.label = (0..100).collect();
    let page = page(&data);
    assert!(page.contains("20 of 100 classes shown, the worst first."), "{page}");
    let table = page.split("## Classes").nth(1).unwrap();
    assert!(
        table
            .lines()
            .find(|line| line.starts_with("| Class ") && line.contains('%'))
            .unwrap()
            .starts_with("| Class 77 | 1 | 0.0 % |"),
        "{table}"
    );
    assert!(table.contains("| Unknown |"), "{table}");
}

#[test]
fn classes_that_the_index_lacks_are_right_where_they_are_refused() {
    let mut data = synthetic::small();
    data.index.label.iter_mut().for_each(|label| *label %= 9);
    data.matches.0[9].matched = false;
    let page = page(&data);
    assert!(page.contains("Of 12 queries that are not in the index.\n\n9 of 9 classes shown"), "{page}");
    let (_, lacking) = page.split_once("1 of 1 classes that the index lacks shown, the worst first.").unwrap();
    assert!(lacking.contains("| Class | Queries | Refused |") && lacking.contains("| Class 9 | 1 | 100.0 % | – | – |"));
}
