//! Several runs beside each other as the data of a page.

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{FieldChange, field_changes};
use super::diff::versions;
use super::figures::{self, Better, MetricChange};
use super::flips::flips;
use super::headline::{headline, indexed};
use super::measured::Measured;
use super::run::{Run, RunName};
use super::side::Side;
use super::verdict::judgeable;
use super::{Flips, LEVEL};
use simpipe_artifact::{
    ArtifactError, ComparedCurve, ComparedDifference, ComparedField, ComparedFlip, ComparedFlips, ComparedMetric,
    ComparedRun, ComparisonReport, History, Image,
};

/// Points of a curve at most: more than a picture shows.
const MOST_POINTS: usize = 400;
/// Flipped queries of a stage whose images are read, half of them fixed and half broken where there are as many.
const MOST_IMAGES: usize = 24;

/// Images of flipped queries, by stage and query.
pub type FlippedImages = BTreeMap<(String, u64), Image>;

/// What differs between runs, each held against the first. What can't be read of it is a note.
#[must_use]
pub fn report(sides: &[Side]) -> (ComparisonReport, FlippedImages) {
    let mut report = ComparisonReport { format: 1, level: LEVEL, ..ComparisonReport::default() };
    let Some((first, others)) = sides.split_first() else { return (report, FlippedImages::new()) };
    report.runs = sides.iter().map(named).collect();
    let specs = |side: &Side| field_changes(&first.measured.run.record.spec, &side.measured.run.record.spec);
    report.fields = matrix(&others.iter().map(specs).collect::<Vec<_>>());
    let computed = |side: &Side| versions(&first.measured.run.record, &side.measured.run.record);
    report.versions = matrix(&others.iter().map(computed).collect::<Vec<_>>());
    report.notes = sides.iter().flat_map(|side| lost(&side.measured)).collect();
    report.metrics = metrics(sides);
    report.comparisons = report.metrics.iter().flat_map(|metric| &metric.differences).flatten().count();
    for (at, side) in sides.iter().enumerate() {
        curves(at, side, &mut report);
    }
    let mut wanted = Vec::new();
    for (at, side) in others.iter().enumerate() {
        let found = flips(&first.measured, &side.measured).unwrap_or_else(|error| {
            report
                .notes
                .push(format!("the flipped queries of {} are not shown: {error}", side.measured.run.record.run));
            Vec::new()
        });
        for found in found {
            if !found.images.is_empty() || found.why.is_some() {
                wanted.extend(shown(&found));
                report.flips.push(flipped(at + 1, found));
            }
        }
    }
    let images = images(&first.measured.run, wanted, &mut report.notes);
    (report, images)
}

/// Notes of stages whose queries can't be read.
fn lost(measured: &Measured) -> Vec<String> {
    let run = &measured.run.record.run;
    let note = |(stage, error)| {
        format!("the numbers of `{stage}` of {run} have no intervals, and its queries are not compared: {error}")
    };
    measured.lost.iter().map(note).collect()
}

fn named(side: &Side) -> ComparedRun {
    let run = &side.measured.run;
    let RunName { run: id, name, seeds } = run.name();
    let overlap = |stage: &str| (stage.to_owned(), indexed(stage, &run.record.metrics));
    let overlaps = run.measuring().into_iter().map(overlap).filter(|(_, count)| *count > 0);
    ComparedRun {
        run: id,
        name,
        seeds,
        group: run.record.is_group(),
        headline: headline(side),
        indexed: overlaps.collect(),
    }
}

/// Changes of each other run as rows of values by run. Where a path has not changed, a run has what the first has.
fn matrix(changes: &[Vec<FieldChange>]) -> Vec<ComparedField> {
    let paths: BTreeSet<&str> = changes.iter().flatten().map(|change| change.path.as_str()).collect();
    let row = |path: &str| {
        let of = |changes: &Vec<FieldChange>| changes.iter().find(|change| change.path == path).cloned();
        let found: Vec<Option<FieldChange>> = changes.iter().map(of).collect();
        let first = found.iter().flatten().next().and_then(|change| change.old.clone());
        let others = found.into_iter().map(|change| change.map_or_else(|| first.clone(), |change| change.new));
        let values = std::iter::once(first.clone()).chain(others.collect::<Vec<_>>()).collect();
        ComparedField { path: path.to_owned(), values }
    };
    paths.into_iter().map(row).collect()
}

/// Numbers that can be judged, then all others that differ, each by name.
fn metrics(sides: &[Side]) -> Vec<ComparedMetric> {
    let (first, others) = (&sides[0].measured, &sides[1..]);
    let judged: Vec<String> = judgeable(first);
    let all: BTreeSet<&str> = sides.iter().flat_map(|side| figures::names(&side.measured.run.record.metrics)).collect();
    let value = |side: &Side, name: &str| side.measured.run.record.metrics.get(name).copied();
    let differs = |name: &&str| others.iter().any(|side| value(side, name) != value(&sides[0], name));
    let rest = all.into_iter().filter(|name| !judged.iter().any(|judged| judged == name));
    // Of a group alone there is nothing to differ from: all of it is shown.
    let rest = rest.filter(|name| others.is_empty() || differs(name));
    let names = judged.iter().map(String::as_str).chain(rest);
    let mut metrics = Vec::new();
    for name in names {
        let mut differences = vec![None];
        let mut higher = None;
        for side in others {
            let change = figures::change(name, first, &side.measured).unwrap_or_else(|error| MetricChange {
                why: Some(error.to_string()),
                ..figures::plain(name, first, &side.measured)
            });
            higher = change.better.map(|better| better == Better::Higher);
            differences.push(Some(difference(change)));
        }
        let values = sides.iter().map(|side| side.measured.run.estimated(name)).collect();
        metrics.push(ComparedMetric { name: name.to_owned(), higher_is_better: higher, values, differences });
    }
    metrics
}

fn difference(change: MetricChange) -> ComparedDifference {
    let verdict = change.verdict();
    let MetricChange { difference, low, high, p, count, interval, why, .. } = change;
    ComparedDifference { value: difference, low, high, p, interval: interval.map(str::to_owned), count, verdict, why }
}

/// The losses of every training of a run, or of the runs of a group.
fn curves(at: usize, side: &Side, report: &mut ComparisonReport) {
    let own = [(None, &side.measured.run)];
    let members: Vec<(Option<u64>, &Run)> = side.members.iter().map(|(seed, run)| (Some(*seed), run)).collect();
    let runs = if side.measured.run.record.is_group() { members.as_slice() } else { own.as_slice() };
    for (seed, run) in runs {
        let trainings = run.record.stages.iter().filter(|stage| stage.stage == "train" && stage.outcome.done());
        for stage in trainings {
            let read =
                run.file(stage, "history.parquet").and_then(|path| path.map(|path| History::read(&path)).transpose());
            match read {
                Ok(None) => {}
                Ok(Some(history)) => report.curves.push(curve(at, *seed, &stage.id, &history)),
                Err(error) => report.notes.push(format!("the losses of {} are not shown: {error}", run.record.run)),
            }
        }
    }
}

fn curve(run: usize, seed: Option<u64>, stage: &str, history: &History) -> ComparedCurve {
    let together = history.0.len().div_ceil(MOST_POINTS).max(1);
    let mean = |rows: &[simpipe_artifact::HistoryRow]| {
        let losses: Vec<f64> = rows.iter().map(|row| row.loss).filter(|loss| loss.is_finite()).collect();
        let step = rows.last().map_or(0.0, |row| row.step as f64);
        (!losses.is_empty()).then(|| (step, losses.iter().sum::<f64>() / losses.len() as f64))
    };
    let validation = history.0.iter().filter_map(|row| Some((row.step as f64, row.val_loss?)));
    ComparedCurve {
        run,
        seed,
        stage: stage.to_owned(),
        loss: history.0.chunks(together).filter_map(mean).collect(),
        validation: validation.filter(|(_, loss)| loss.is_finite()).collect(),
    }
}

fn flipped(run: usize, found: Flips) -> ComparedFlips {
    let Flips { stage, queries, fixed, broken, images, why } = found;
    let image = |flip: super::Flip| ComparedFlip {
        query_id: flip.query_id,
        label: flip.label,
        before: flip.before,
        after: flip.after,
        fixed: flip.fixed,
        file: flip.file,
    };
    ComparedFlips { run, stage, queries, fixed, broken, images: images.into_iter().map(image).collect(), why }
}

/// The queries whose images a page shows: the first that became right, the first that became wrong.
fn shown(found: &Flips) -> Vec<(String, u64)> {
    let of = |fixed: bool| found.images.iter().filter(move |flip| flip.fixed == fixed).map(|flip| flip.query_id);
    let half = MOST_IMAGES / 2;
    let room = |other: usize| MOST_IMAGES - other.min(half);
    let (fixed, broken) = (room(found.broken), room(found.fixed));
    of(true).take(fixed).chain(of(false).take(broken)).map(|id| (found.stage.clone(), id)).collect()
}

/// Their images, from the dataset of the first run.
fn images(run: &Run, wanted: Vec<(String, u64)>, notes: &mut Vec<String>) -> FlippedImages {
    let mut by_stage: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for (stage, id) in wanted {
        by_stage.entry(stage).or_default().insert(id);
    }
    let mut images = FlippedImages::new();
    for (stage, ids) in by_stage {
        let ids: Vec<u64> = ids.into_iter().collect();
        let read = || -> Result<Vec<Image>, ArtifactError> {
            run.above(&stage, "dataset").map_or_else(|| Ok(Vec::new()), |dataset| run.images(dataset)?.read(&ids))
        };
        match read() {
            Ok(read) => images.extend(ids.iter().map(|id| (stage.clone(), *id)).zip(read)),
            Err(error) => notes.push(format!("the images of `{stage}` are not shown: {error}")),
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_artifact::HistoryRow;

    #[test]
    fn fields_stand_by_run_and_what_is_not_changed_is_that_of_the_first() {
        let change = |path: &str, old: u32, new: Option<u32>| FieldChange {
            path: path.to_owned(),
            old: Some(json!(old)),
            new: new.map(|new| json!(new)),
        };
        let rows =
            matrix(&[vec![change("a", 1, Some(2))], vec![], vec![change("a", 1, Some(3)), change("b", 7, None)]]);
        let value = |value: u32| Some(json!(value));
        assert_eq!((rows[0].path.as_str(), &rows[0].values), ("a", &vec![value(1), value(2), value(1), value(3)]));
        assert_eq!((rows[1].path.as_str(), &rows[1].values), ("b", &vec![value(7), value(7), value(7), None]));
    }

    #[test]
    fn a_long_curve_is_means_and_what_is_no_number_is_left_out() {
        let row = |step: u64| HistoryRow {
            epoch: 1,
            step,
            loss: if step == 3 { f64::NAN } else { step as f64 },
            val_loss: (step == 1000).then_some(0.5),
            learning_rate: 0.1,
            logged: BTreeMap::new(),
        };
        let found = curve(0, None, "train", &History((1..=1000).map(row).collect()));
        assert_eq!((found.loss.len(), found.loss[0], found.loss[1]), (334, (3.0, 1.5), (6.0, 5.0)));
        assert_eq!((found.loss[333], found.validation), ((1000.0, 1000.0), vec![(1000.0, 0.5)]));
    }

    #[test]
    fn half_of_the_images_shown_became_right_where_there_are_as_many() {
        let flip = |query_id: u64, fixed: bool| super::super::Flip {
            query_id,
            label: String::new(),
            before: None,
            after: None,
            fixed,
            file: None,
        };
        let flips = |fixed: u64, broken: u64| Flips {
            stage: "e".to_owned(),
            queries: 100,
            fixed: fixed as usize,
            broken: broken as usize,
            images: (0..fixed).map(|id| flip(id, true)).chain((0..broken).map(|id| flip(100 + id, false))).collect(),
            why: None,
        };
        for (fixed, broken, expected) in [(50, 50, (12, 12)), (50, 2, (22, 2)), (0, 50, (0, 24)), (3, 4, (3, 4))] {
            let ids: Vec<u64> = shown(&flips(fixed, broken)).into_iter().map(|(_, id)| id).collect();
            let right = ids.iter().filter(|id| **id < 100).count();
            assert_eq!((right, ids.len() - right), expected);
        }
    }
}
