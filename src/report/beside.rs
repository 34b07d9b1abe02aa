//! The finding on baselines: whether the embedding is better than what needs no training.

use std::collections::BTreeMap;

use super::raw::RawPixels;
use super::{Baselines, Finding, ReportData};
use simpipe_artifact::{BaselineFile, Estimate};

/// Of the figures that a stage has measured, or else of those that the report computes itself.
pub(super) fn finding(data: &ReportData, baselines: Option<&Baselines>) -> Option<Finding> {
    match &data.baseline {
        Some(file) => measured(file),
        None => baselines.and_then(computed),
    }
}

fn computed(baselines: &Baselines) -> Option<Finding> {
    let raw = if let RawPixels::Accuracy(accuracy) = baselines.raw_pixels { Some(accuracy) } else { None };
    let known = [("raw-pixels", raw), ("largest-class", baselines.chance)];
    let known: Vec<(&str, f64)> = known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    judge(baselines.embedding?, &known, None)
}

/// Recall@1, which every baseline has.
fn measured(file: &BaselineFile) -> Option<Finding> {
    const METRIC: &str = "recall@1";
    let of = |figures: &BTreeMap<String, Estimate>| figures.get(METRIC).map(|figure| figure.value);
    let known: Vec<(&str, f64)> =
        file.baselines.iter().filter_map(|(name, figures)| Some((name.as_str(), of(figures)?))).collect();
    let doubt = file.gain.get(METRIC).filter(|gain| !gain.better).map(|gain| {
        let (value, over) = (gain.difference.value, words(&gain.over));
        let ends = [gain.difference.low, gain.difference.high].map(|end| percent(end.unwrap_or(value)));
        format!("but the difference to {over} on the same queries lies between {} and {}", ends[0], ends[1])
    });
    judge(of(&file.embedding)?, &known, doubt)
}

/// A baseline by its name in files.
fn words(name: &str) -> &str {
    match name {
        "raw-pixels" => "raw pixels",
        "mean-centred-pixels" => "mean-centred pixels",
        "largest-class" => "always guessing the largest class",
        "untrained" => "the untrained network",
        "frozen" => "the network that is only loaded",
        other => other,
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `doubt` is why an embedding that is better may be so by chance.
fn judge(embedding: f64, known: &[(&str, f64)], doubt: Option<String>) -> Option<Finding> {
    let list = |beaten: bool, between: &str| {
        let some = known.iter().filter(|(_, value)| (*value > embedding) == beaten);
        some.map(|(name, value)| format!("{} ({})", words(name), percent(*value))).collect::<Vec<_>>().join(between)
    };
    let worse = list(true, " and than ");
    let share = format!("The nearest other image has the query's class for {} of the queries", percent(embedding));
    let text = match &doubt {
        _ if !worse.is_empty() => format!(
            "{share}: worse than {worse}, which need no training. Whatever the other figures say, the network has learnt \
             nothing that helps here."
        ),
        Some(doubt) => {
            format!("{share}: better than, or as good as, {}, {doubt}: it may be chance.", list(false, " and "))
        }
        None => format!("{share}: better than, or as good as, {}.", list(false, " and ")),
    };
    let flaw = !worse.is_empty() || doubt.is_some();
    (!known.is_empty()).then_some(Finding { name: "beside-baselines", flaw, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{findings, synthetic};
    use simpipe_artifact::{Distance, Gain};

    #[test]
    fn an_embedding_that_is_worse_than_no_training_is_a_flaw() {
        let baselines = |embedding: f64, raw: f64, chance: f64| Baselines {
            queries: 100,
            embedding: Some(embedding),
            raw_pixels: RawPixels::Accuracy(raw),
            chance: Some(chance),
            uniform: Some(0.1),
        };
        let found = |baselines: &Baselines| {
            let found = findings(&synthetic::small(), Some(baselines)).remove(0);
            assert_eq!(found.name, "beside-baselines");
            (found.flaw, found.text)
        };
        let (flaw, text) = found(&baselines(0.3, 0.35, 0.2));
        assert!(flaw && text.contains("30.0 % of the queries: worse than raw pixels (35.0 %), which"), "{text}");
        let (flaw, text) = found(&baselines(0.1, 0.05, 0.2));
        assert!(flaw && text.contains("worse than always guessing the largest class (20.0 %), which"), "{text}");
        assert!(
            found(&baselines(0.1, 0.15, 0.2)).1.contains("worse than raw pixels (15.0 %) and than always guessing")
        );
        let (flaw, text) = found(&baselines(0.6, 0.35, 0.2));
        assert!(
            !flaw && text.ends_with("raw pixels (35.0 %) and always guessing the largest class (20.0 %)."),
            "{text}"
        );
        let skipped = Baselines { raw_pixels: RawPixels::Skipped("too much".to_owned()), ..baselines(0.1, 0.0, 0.2) };
        assert!(found(&skipped).0);
        assert!(findings(&synthetic::small(), None).iter().all(|finding| finding.name != "beside-baselines"));
    }

    #[test]
    fn what_a_stage_has_measured_is_judged_too() {
        let figure = |value: f64, half: f64| Estimate { value, low: Some(value - half), high: Some(value + half) };
        let figures = |value: f64| BTreeMap::from([("recall@1".to_owned(), figure(value, 0.05))]);
        let found = |embedding: f64, raw: f64, untrained: f64, better: bool| {
            let mut data = synthetic::small();
            let difference = figure(embedding - raw.max(untrained), 0.1);
            let gain = Gain { over: "raw-pixels".to_owned(), difference, better };
            data.baseline = Some(BaselineFile {
                format: 1,
                queries: 100,
                of_queries: 100,
                in_index: 0,
                excluded: None,
                lone: 0,
                indexed: 50,
                distance: Distance::Cosine,
                embedding: figures(embedding),
                baselines: [("raw-pixels", raw), ("untrained", untrained)]
                    .map(|(name, value)| (name.to_owned(), figures(value)))
                    .into(),
                skipped: BTreeMap::new(),
                gain: BTreeMap::from([("recall@1".to_owned(), gain)]),
            });
            let found = findings(&data, None).remove(0);
            assert_eq!(found.name, "beside-baselines");
            (found.flaw, found.text)
        };
        let (flaw, text) = found(0.75, 0.25, 0.5, true);
        assert!(!flaw && text.ends_with("raw pixels (25.0 %) and the untrained network (50.0 %)."), "{text}");
        let (flaw, text) = found(0.4, 0.25, 0.5, false);
        assert!(flaw && text.contains("worse than the untrained network (50.0 %), which"), "{text}");
        let (flaw, text) = found(0.3, 0.25, 0.2, false);
        let doubt =
            "but the difference to raw pixels on the same queries lies between -5.0 % and 15.0 %: it may be chance.";
        assert!(flaw && text.ends_with(doubt), "{text}");
    }
}
