//! The pictures and the page of a sweep, from the data that its journal comes to.

mod front;
mod importance;
mod leaderboard;
pub(super) mod page;
mod parallel;
pub(super) mod plane;
mod rungs;
pub(super) mod scale;
mod slices;
#[cfg(test)]
mod tests;

use std::path::Path;

use plotters::style::RGBColor;
use simpipe_artifact::{SweepDirection, SweepObjective, SweepReport, SweepTrial, SweepValues};

use super::canvas::{Area, Canvas};
use super::{Drawn, ReportError, svg, theme};

pub use page::page;

/// A picture of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepFigure {
    /// The best points with their intervals, by the objective of a position.
    Leaderboard(usize),
    /// Every point as a line through all that varied.
    Parallel,
    /// How much each parameter explains.
    Importance,
    /// The objective of a position over each parameter.
    Slices(usize),
    /// Values by epochs, where only some are trained the whole way.
    Rungs,
    /// Each two objectives, and what no other beats.
    Front,
}

impl SweepFigure {
    /// Those that say something of a sweep.
    #[must_use]
    pub fn all(report: &SweepReport) -> Vec<Self> {
        let objectives = 0..report.objectives.len();
        let mut figures: Vec<Self> = objectives.clone().map(Self::Leaderboard).collect();
        figures.extend((report.objectives.len() > 1).then_some(Self::Front));
        if !report.parameters.is_empty() {
            figures.extend([Self::Parallel, Self::Importance]);
            figures.extend(objectives.map(Self::Slices));
        }
        figures.extend(report.first_epochs().map(|_| Self::Rungs));
        figures
    }

    /// `slices.png`, or `slices-2.png` of the second objective.
    #[must_use]
    pub fn file_name(&self) -> String {
        let (name, objective) = match self {
            Self::Leaderboard(objective) => ("leaderboard", *objective),
            Self::Parallel => ("parallel-coordinates", 0),
            Self::Importance => ("importance", 0),
            Self::Slices(objective) => ("slices", *objective),
            Self::Rungs => ("rungs", 0),
            Self::Front => ("front", 0),
        };
        if objective == 0 { format!("{name}.png") } else { format!("{name}-{}.png", objective + 1) }
    }

    /// Draws the figure into a PNG file, and for the page as its `position`th picture.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn show(&self, report: &SweepReport, path: &Path, position: usize) -> Result<(Drawn, String), ReportError> {
        let (canvas, drawn) = self.paint(report)?;
        canvas.save(path)?;
        let svg = svg::svg(&canvas, position, &drawn.alt)?;
        Ok((drawn, svg))
    }

    fn paint(&self, report: &SweepReport) -> Result<(Canvas, Drawn), ReportError> {
        match self {
            Self::Leaderboard(objective) => leaderboard::draw(report, *objective),
            Self::Parallel => parallel::draw(report),
            Self::Importance => importance::draw(report),
            Self::Slices(objective) => slices::draw(report, *objective),
            Self::Rungs => rungs::draw(report),
            Self::Front => front::draw(report),
        }
    }
}

/// How a value is marked that is the config's own and none of those that the sweep tries.
const OWN: &str = "the config's own";
/// A parameter that does not apply to a trial.
const NOT_SET: &str = "not set";

/// Intervals of one run.
pub(super) const SAMPLING: RGBColor = RGBColor(140, 140, 40);

/// A page with its header, and the height at which the figure starts.
pub(super) fn headed(page: (u32, u32), title: &str, subtitle: &str) -> (Canvas, f64) {
    let mut canvas = Canvas::new(page.0, page.1);
    let top = canvas.header(title, subtitle);
    (canvas, top)
}

/// The place of a sentence on a page without data.
pub(super) fn middle(canvas: &Canvas, top: f64) -> Area {
    Area::new(theme::MARGIN, top, canvas.width() - 2.0 * theme::MARGIN, canvas.height() - top - theme::MARGIN)
}

/// `3 trials`, `1 trial`.
pub(super) fn count_of(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", super::chart::number(count as f64, 0), if count == 1 { one } else { many })
}

/// What an axis of an objective is called: `evaluate.map@r (more is better)`.
fn objective_title(objective: &SweepObjective) -> String {
    let better = match objective.direction {
        SweepDirection::Maximize => "more is better",
        SweepDirection::Minimize => "less is better",
    };
    format!("{} ({better})", objective.metric)
}

/// The name of the first objective, or of the one at a position.
fn metric(report: &SweepReport, objective: usize) -> &str {
    report.objectives.get(objective).map_or("objective", |objective| objective.metric.as_str())
}

/// The last part of a path; the parts before it too where another parameter ends alike.
fn short_name(report: &SweepReport, parameter: usize) -> &str {
    let path = report.parameters[parameter].path.as_str();
    let others = || report.parameters.iter().enumerate().filter(move |(at, _)| *at != parameter);
    let starts = path.match_indices('.').map(|(at, _)| at + 1).collect::<Vec<_>>();
    let is_own = |end: &str| !others().any(|(_, other)| other.path.ends_with(end));
    starts.iter().rev().map(|start| &path[*start..]).find(|end| is_own(end)).unwrap_or(path)
}

/// A value of a parameter in words.
fn value_words(values: &SweepValues, value: f64) -> String {
    match values {
        SweepValues::Range { .. } => scale::short(value),
        SweepValues::List(names) => names.get(value as usize).cloned().unwrap_or_default(),
    }
}

/// The value of a parameter that a trial has, in words.
fn trial_value(report: &SweepReport, trial: &SweepTrial, at: usize) -> String {
    let parameter = &report.parameters[at];
    match (trial.at.get(at).copied().flatten(), &parameter.own) {
        (Some(value), _) => value_words(&parameter.values, value),
        (None, Some(own)) if trial.is_own() => format!("{own} ({OWN})"),
        // Only under an item of a list may the config have no value.
        (None, None) if trial.is_own() && parameter.under.is_none() => OWN.to_owned(),
        (None, _) => NOT_SET.to_owned(),
    }
}

/// What a trial tried: `learning-rate 0.002, loss triplet`.
fn tried(report: &SweepReport, trial: &SweepTrial) -> String {
    if trial.is_own() {
        let own = report.parameters.iter().enumerate();
        let own = own.filter_map(|(at, one)| Some(format!("{} {}", short_name(report, at), one.own.as_ref()?)));
        let own: Vec<String> = own.collect();
        return if own.is_empty() { "the config's own values".to_owned() } else { format!("{OWN} {}", own.join(", ")) };
    }
    let values = report.parameters.iter().enumerate().zip(&trial.at);
    let words = values.filter_map(|((at, parameter), value)| {
        Some(format!("{} {}", short_name(report, at), value_words(&parameter.values, (*value)?)))
    });
    words.collect::<Vec<String>>().join(", ")
}

/// The trial that won, if one did.
fn winner(report: &SweepReport) -> Option<&SweepTrial> {
    report.trial(*report.best.first()?)
}

/// The trial that began the point of another.
fn root(trial: &SweepTrial) -> usize {
    trial.again.or(trial.further).unwrap_or(trial.trial)
}

/// ` after 3 epochs`, where points are not trained the whole way at first.
fn after_epochs(report: &SweepReport) -> String {
    let epochs = report.first_epochs().map(|epochs| count_of(epochs as usize, "epoch", "epochs"));
    epochs.map_or_else(String::new, |epochs| format!(" after {epochs}"))
}

/// A number of an objective as tables show it.
pub(super) fn figure(value: f64) -> String {
    if value.abs() < 1e6 { format!("{value:.4}") } else { format!("{value:.3e}") }.replace('-', "−")
}
