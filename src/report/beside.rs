//! The finding on baselines: whether the embedding is better than what needs no training.

use std::collections::BTreeMap;

use simpipe_artifact::{BaselineFile, Estimate};

use super::cells::percent;
use super::chart::number;
use super::interval::wilson;
use super::raw::RawPixels;
use super::{Baselines, Finding, ReportData};

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
    let embedding = baselines.embedding?;
    let (over, best) = *known.iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
    Some(judge(embedding, &known, over, apart((embedding, baselines.queries), (best, baselines.queries))))
}

/// Recall@1, which every baseline has.
fn measured(file: &BaselineFile) -> Option<Finding> {
    const METRIC: &str = "recall@1";
    let of = |figures: &BTreeMap<String, Estimate>| figures.get(METRIC).map(|figure| figure.value);
    let known: Vec<(&str, f64)> =
        file.baselines.iter().filter_map(|(name, figures)| Some((name.as_str(), of(figures)?))).collect();
    let embedding = of(&file.embedding)?;
    let (over, best) = *known.iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
    match file.gain.get(METRIC) {
        Some(gain) => Some(judge(embedding, &known, &gain.over, gain.difference)),
        None => Some(judge(embedding, &known, over, apart((embedding, file.queries), (best, file.queries)))),
    }
}

/// The difference of two shares, each of a count, with Newcombe's interval (1998, method 10). It takes the shares for
/// independent: where the same queries are easy for both it is too wide, and errs on the side of doubt.
fn apart((one, one_of): (f64, usize), (other, other_of): (f64, usize)) -> Estimate {
    let ((one_low, one_high), (other_low, other_high)) = (wilson(one, one_of), wilson(other, other_of));
    let value = one - other;
    let low = value - (one - one_low).hypot(other_high - other);
    let high = value + (one_high - one).hypot(other - other_low);
    Estimate { value, low: Some(low), high: Some(high) }
}

/// What the interval of a difference to a baseline says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Better,
    Worse,
    /// Either may be by chance.
    NotApart,
}

impl Told {
    pub(super) fn of(difference: &Estimate) -> Self {
        let Estimate { value, low, high } = difference;
        // Without an interval nothing is beyond doubt.
        match (low, high) {
            (Some(low), _) if *low > 0.0 && *value > 0.0 => Self::Better,
            (_, Some(high)) if *high < 0.0 && *value < 0.0 => Self::Worse,
            _ => Self::NotApart,
        }
    }
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

/// `difference` is that to `over`, the best of the baselines.
fn judge(embedding: f64, known: &[(&str, f64)], over: &str, difference: Estimate) -> Finding {
    let told = Told::of(&difference);
    let list = |some: &dyn Fn(&str) -> bool| {
        let some = known.iter().filter(|(name, _)| some(name));
        some.map(|(name, value)| format!("{} ({})", words(name), percent(*value))).collect::<Vec<_>>().join(" and ")
    };
    let share = format!("The nearest other image has the query's class for {} of the queries", percent(embedding));
    let Estimate { value, low, high } = difference;
    let [low, value, high] = [low.unwrap_or(value), value, high.unwrap_or(value)].map(|share| number(share * 100.0, 1));
    let text = match told {
        Told::Better => format!("{share}: better than {}.", list(&|_| true)),
        Told::Worse => format!(
            "{share}: worse than {}, which needs no training; the difference on the same queries is {value} points ({low} to \
             {high}). Whatever the other figures say, this embedding does not help here.",
            list(&|name| name == over)
        ),
        Told::NotApart => format!(
            "{share}: not told apart from {}, which needs no training; the difference on the same queries is {value} points \
             ({low} to {high}), which may be chance.",
            list(&|name| name == over)
        ),
    };
    Finding { name: "beside-baselines", flaw: told != Told::Better, text }
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::{Distance, Gain};

    use super::*;
    use crate::{findings, synthetic};

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
        let (flaw, text) = found(&baselines(0.3, 0.55, 0.2));
        assert!(flaw && text.contains("30.0 % of the queries: worse than raw pixels (55.0 %), which"), "{text}");
        let (flaw, text) = found(&baselines(0.1, 0.05, 0.4));
        assert!(flaw && text.contains("worse than always guessing the largest class (40.0 %), which"), "{text}");
        // Five of a hundred queries are no difference, whichever is ahead.
        for embedding in [0.3, 0.4] {
            let (flaw, text) = found(&baselines(embedding, 0.35, 0.2));
            assert!(flaw && text.contains("not told apart from raw pixels (35.0 %)"), "{text}");
            assert!(!text.contains("does not help"), "{text}");
        }
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
    fn the_difference_of_two_shares_is_newcombes() {
        // 56 of 70 and 48 of 80: 0.0524 to 0.3339 in his paper.
        let found = apart((0.8, 70), (0.6, 80));
        assert!((found.low.unwrap() - 0.0524).abs() < 5e-5 && (found.high.unwrap() - 0.3339).abs() < 5e-5, "{found:?}");
        assert_eq!(Told::of(&found), Told::Better);
        assert_eq!(Told::of(&apart((0.6, 80), (0.8, 70))), Told::Worse);
        assert_eq!(Told::of(&apart((0.5, 75), (0.5, 75))), Told::NotApart);
        assert_eq!(Told::of(&Estimate { value: 0.5, low: None, high: None }), Told::NotApart);
    }

    #[test]
    fn what_a_stage_has_measured_is_judged_too() {
        let figure = |value: f64, half: f64| Estimate { value, low: Some(value - half), high: Some(value + half) };
        let figures = |value: f64| BTreeMap::from([("recall@1".to_owned(), figure(value, 0.05))]);
        let found = |embedding: f64, raw: f64, untrained: f64, better: bool| {
            let mut data = synthetic::small();
            let difference = figure(embedding - raw.max(untrained), 0.1);
            let over = if raw > untrained { "raw-pixels" } else { "untrained" };
            let gain = Gain { over: over.to_owned(), difference, better };
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
        let (flaw, text) = found(0.3, 0.25, 0.5, false);
        assert!(flaw && text.contains("worse than the untrained network (50.0 %), which"), "{text}");
        assert!(text.contains("is −20.0 points (−30.0 to −10.0). Whatever"), "{text}");
        let (flaw, text) = found(0.3, 0.25, 0.2, false);
        let doubt = "not told apart from raw pixels (25.0 %), which needs no training; the difference on the same queries is 5.0 \
                     points (−5.0 to 15.0), which may be chance.";
        assert!(flaw && text.ends_with(doubt), "{text}");
        assert_eq!(
            found(0.47, 0.5, 0.2, false).1.matches("not told apart").count(),
            1,
            "behind, and perhaps by chance"
        );
    }
}
