//! `training-curves`: how the loss fell.

mod picture;

use std::collections::BTreeMap;

use plotters::style::RGBColor;
use serde_json::Value as Json;

use super::body::{Axis, Body, Lines, Room, Series};
use super::plot::{Part, Plot};
use super::{Figure, absent, count_of, epochs};
use crate::canvas::Canvas;
use crate::{ReportData, ReportError, Stop, chart, theme};
use picture::{paint, stacked};

const TITLE: &str = "Training and validation loss";
const LOSS: RGBColor = RGBColor(0, 114, 178);
const VALIDATION: RGBColor = RGBColor(213, 94, 0);

/// Means over a window centred on each step: `window` steps, down to half of them at both ends. What is no finite
/// number counts in none; a window without any other has no mean.
fn smoothed(values: &[f64], window: usize) -> Vec<f64> {
    // Sums of very large numbers would leave the range of numbers.
    let largest = values.iter().map(|value| value.abs()).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let unit = if largest > 1e290 { largest } else { 1.0 };
    let mut sums = vec![(0.0, 0_usize)];
    for value in values {
        let (sum, count) = sums[sums.len() - 1];
        sums.push(if value.is_finite() { (sum + value / unit, count + 1) } else { (sum, count) });
    }
    let mean = |at: usize| {
        let (from, to) = (at.saturating_sub(window / 2), (at + window / 2 + 1).min(values.len()));
        let ((before, skipped), (sum, count)) = (sums[from], sums[to]);
        (sum - before) / (count - skipped) as f64 * unit
    };
    (0..values.len()).map(mean).collect()
}

/// A range that holds the curves, whatever a few wild first steps did.
pub(super) fn range(shown: &[f64], rows: &[f64]) -> std::ops::Range<f64> {
    let mut sorted: Vec<f64> = rows.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let quantile = |share: f64| sorted.get(((sorted.len() as f64 - 1.0) * share) as usize).copied();
    let all = shown.iter().copied().filter(|value| value.is_finite()).chain(quantile(0.002)).chain(quantile(0.998));
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    if low > high {
        return 0.0..1.0;
    }
    let room = ((high - low) * 0.08).max(high.abs() * 0.01).max(1e-6);
    // Losses are seldom negative: zero is the natural floor when they come near it.
    let floor = if low >= 0.0 && low < 0.4 * high { 0.0 } else { low - room };
    chart::drawable(floor..high + room)
}

fn subtitle(steps: usize, epochs: usize, window: usize) -> String {
    let lines = match window {
        _ if steps == 0 => String::new(),
        1 => "; the line is every batch".to_owned(),
        _ => format!("; the light line is every batch, the dark one a mean over {window} steps"),
    };
    format!("{} in {}{lines}", count_of(steps, "step", "steps"), count_of(epochs, "epoch", "epochs"))
}

/// Loss over steps.
pub(super) struct TrainingCurves;

impl Plot for TrainingCurves {
    fn needs(&self) -> &'static [&'static str] {
        &["training"]
    }

    fn part(&self) -> Part {
        Part::Training
    }

    fn build(&self, data: &ReportData, _: Stop<'_>) -> Result<Figure, ReportError> {
        Ok(build(data))
    }

    fn paint(&self, figure: &Figure, data: &ReportData, _: Stop<'_>) -> Result<Canvas, ReportError> {
        let lines = figure.lines()?;
        if apart(data) && !lines.series[2].points.is_empty() { stacked(figure, lines) } else { paint(figure, lines) }
    }
}

/// Whether training and validation draw batches of different shapes: their losses then have no axis in common.
fn apart(data: &ReportData) -> bool {
    let Some(stages) = data.spec.get("stages").and_then(Json::as_object) else { return false };
    let mut trainings = stages.values().filter(|stage| stage["stage"] == "train");
    let (Some(training), None) = (trainings.next(), trainings.next()) else { return false };
    let sampler = |port: &str| stages.get(training["inputs"][port].as_str()?)?["params"].get("sampler");
    sampler("sampler").zip(sampler("validation")).is_some_and(|(one, other)| one != other)
}

fn build(data: &ReportData) -> Figure {
    let rows = &data.history.0;
    if rows.is_empty() {
        let sentence = "Not there: no training step was run, so the network has the weights that it began with.";
        return absent::because(TITLE, sentence.to_owned());
    }
    let apart = apart(data);
    let losses: Vec<f64> = rows.iter().map(|row| row.loss).collect();
    let window = (losses.len() / 50).max(1);
    let smooth = smoothed(&losses, window);
    let ends = epochs::ends(&data.history);
    let validations: Vec<(f64, f64)> = ends.values().filter_map(|row| Some((row.step as f64, row.val_loss?))).collect();
    let validated = validations.iter().map(|point| point.1).filter(|_| !apart);
    let shown: Vec<f64> = smooth.iter().copied().chain(validated).collect();
    let y = range(&shown, &losses);
    let points = |values: &[f64]| rows.iter().zip(values).map(|(row, y)| (row.step as f64, *y)).collect::<Vec<_>>();
    let clipped: Vec<f64> = losses.iter().map(|loss| loss.clamp(y.start, y.end)).collect();
    let entry = |series: Series, shown: bool| if shown { series.in_legend(4.0) } else { series };
    let lines = Lines {
        room: Room { size: theme::CHART, above: 44.0, right: 70.0, legend: 70.0 },
        x: epochs::steps(&data.history),
        y: Axis { title: "Loss".to_owned(), digits: chart::digits(y.end - y.start), range: y },
        rules: epochs::rules(&data.history),
        empty: None,
        series: vec![
            Series::new("loss of a batch", points(&clipped), LOSS, 1.0).faded(0.28).unlisted(),
            entry(Series::new("loss", points(&smooth), LOSS, 3.5), true),
            entry(Series::new("validation loss", validations.clone(), VALIDATION, 2.5), !validations.is_empty()),
        ],
    };
    let words = count_of(window, "step", "steps");
    let validated = validations.last().map(|point| point.1);
    let mut subtitle = subtitle(rows.len(), ends.len(), window);
    if apart && validated.is_some() {
        subtitle += "; validation has batches of another shape and an axis of its own";
    }
    described(subtitle, &words, (&smooth, validated), Body::Lines(lines))
}

/// A loss beside the line: three digits, or a power of ten where it would fill the page.
fn in_short(loss: f64) -> String {
    if loss.abs() < 1e6 { format!("{loss:.3}") } else { format!("{loss:.2e}") }
}

/// Of means of losses and the last validation loss.
fn described(subtitle: String, window: &str, (smooth, validated): (&[f64], Option<f64>), body: Body) -> Figure {
    let mut numbers = BTreeMap::new();
    if let (Some(first), Some(last)) = (smooth.first(), smooth.last()) {
        numbers.insert("loss.first".to_owned(), *first);
        numbers.insert("loss.last".to_owned(), *last);
    }
    if let Some(loss) = validated {
        numbers.insert("val_loss.last".to_owned(), loss);
    }
    let goes = |(first, last): (&f64, &f64)| {
        format!("; its mean over {window} goes from {} to {}", in_short(*first), in_short(*last))
    };
    let fell = smooth.first().zip(smooth.last()).map_or_else(String::new, goes);
    Figure {
        alt: format!("Line chart of loss over training steps{fell}"),
        title: TITLE.to_owned(),
        subtitle,
        reading: "A loss that stays level from the start means a collapsed network; a validation loss that turns up \
                  while the training loss falls means overfitting. The two are comparable only where their batches \
                  have the same shape."
            .to_owned(),
        numbers,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::Mark;

    #[test]
    fn the_mean_is_centred_and_shorter_at_the_ends() {
        let values = [1.0, 3.0, 5.0, 7.0, 9.0];
        // A straight line stays itself where the window is whole.
        assert_eq!(smoothed(&values, 3), [2.0, 3.0, 5.0, 7.0, 8.0]);
        assert_eq!(smoothed(&values, 1), values);
        assert!(smoothed(&[], 5).is_empty());
        // What is no number is left out, and very large ones have a mean.
        let holes = smoothed(&[1.0, f64::NAN, 3.0, f64::INFINITY, f64::NAN, f64::NAN], 3);
        assert_eq!(holes[..4], [1.0, 2.0, 3.0, 3.0]);
        assert!(holes[5].is_nan());
        let largest = smoothed(&[f64::MAX, f64::MAX, -f64::MAX], 3);
        assert!(largest[0] == f64::MAX && (largest[1] / f64::MAX - 1.0 / 3.0).abs() < 1e-12 && largest[2] == 0.0);
    }

    #[test]
    fn losses_of_batches_of_different_shapes_have_no_axis_in_common() {
        let mut data = crate::synthetic::small();
        let spec = |validation: u32| {
            let sampler =
                |classes: u32| serde_json::json!({ "params": { "sampler": { "classes-per-batch": classes } } });
            let inputs = serde_json::json!({ "sampler": "one", "validation": "other" });
            serde_json::json!({ "stages": {
                "train": { "stage": "train", "inputs": inputs }, "one": sampler(5), "other": sampler(validation)
            } })
        };
        data.spec = spec(5);
        assert!(!apart(&data) && !build(&data).subtitle.contains("of its own"));
        data.spec = spec(8);
        let figure = build(&data);
        assert!(apart(&data) && figure.subtitle.contains("an axis of its own"), "{}", figure.subtitle);
        let canvas = stacked(&figure, figure.lines().unwrap()).unwrap();
        let says = |words: &str| canvas.marks().iter().any(|mark| matches!(mark, Mark::Words(w) if w.text == words));
        assert!(says("Training loss") && says("Validation loss"));
        data.history.0.clear();
        assert!(matches!(build(&data).body, Body::Absent));
        data.spec = Json::Null;
        assert!(!apart(&data));
    }

    #[test]
    fn one_wild_step_does_not_flatten_the_chart() {
        let mut losses = vec![1.0; 2000];
        losses[0] = 1e6;
        assert!(range(&[1.0, 0.9], &losses).end < 2.0);
        assert_eq!(range(&[], &[f64::NAN]), 0.0..1.0);
    }
}
