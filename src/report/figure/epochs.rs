//! Where epochs end: the dashed lines of a chart over training steps, and its axis.

use std::collections::BTreeMap;

use simpipe_artifact::{History, HistoryRow};

use super::body::{Axis, Lines, Rule};
use super::lines::Places;
use crate::canvas::{Align, Canvas, Pen};
use crate::{chart, theme};

/// Epochs whose ends are marked; of more, some in equal steps.
pub(super) const MOST: usize = 200;
/// Ends that are named; of more, some in equal steps.
const NAMED: usize = 12;

/// The last step of every epoch, by epoch.
pub(super) fn ends(history: &History) -> BTreeMap<u32, &HistoryRow> {
    history.0.iter().map(|row| (row.epoch, row)).collect()
}

/// A dashed line at the end of every epoch, or of some.
pub(super) fn rules(history: &History) -> Vec<Rule> {
    let ends = ends(history);
    let every = ends.len().div_ceil(MOST).max(1);
    let rule = |(epoch, row): (&u32, &&HistoryRow)| Rule {
        at: row.step as f64,
        name: epoch.to_string(),
        main: false,
        width: 1.5,
        colour: theme::FRAME,
    };
    ends.iter().step_by(every).map(rule).collect()
}

/// The axis of all steps.
pub(super) fn steps(history: &History) -> Axis {
    let end = history.0.last().map_or(1.0, |row| row.step as f64).max(1.0);
    Axis { title: "Training step".to_owned(), range: 0.0..end, digits: chart::digits(end) }
}

/// Names ends above their lines: every tenth epoch or so when there are many.
pub(super) fn name(canvas: &mut Canvas, lines: &Lines, places: &Places) {
    let pen = Pen::new(theme::SMALL, theme::MUTED).align(Align::Right);
    let every = lines.rules.len().div_ceil(NAMED).max(1);
    for (rule, (x, y)) in lines.rules.iter().zip(&places.rules) {
        if rule.name.parse::<usize>().is_ok_and(|epoch| epoch.is_multiple_of(every)) {
            canvas.text(&format!("epoch {}", rule.name), x - 2.0, y - 16.0, pen);
        }
    }
}
