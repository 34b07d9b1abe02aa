//! A legend in a drawing: right above its chart, for the title that it stood beside is elsewhere on a page.

use super::upper_end;
use crate::mark::Mark;
use crate::theme;

/// What lies in the row of a title: nothing but a legend does.
const TITLE_ROW: f64 = theme::MARGIN + 4.0 + theme::TITLE / 2.0;
/// Between a legend and what lies under it.
const UNDER_LEGEND: f64 = 8.0;

/// The marks, with a legend that stood beside the title moved down to its chart: a page has the title elsewhere.
pub(super) fn lowered(marks: &[Mark]) -> Vec<Mark> {
    let is_legend = |mark: &&Mark| lower_end(mark) <= TITLE_ROW;
    let (legend, rest): (Vec<&Mark>, Vec<&Mark>) = marks.iter().partition(is_legend);
    let bottom = legend.iter().map(|mark| lower_end(mark)).fold(0.0, f64::max);
    let chart = rest.iter().map(|mark| upper_end(mark)).fold(f64::INFINITY, f64::min);
    let down = chart - UNDER_LEGEND - bottom;
    if legend.is_empty() || rest.is_empty() || down <= 0.0 {
        return marks.to_vec();
    }
    marks.iter().map(|mark| if is_legend(&mark) { moved(mark.clone(), down) } else { mark.clone() }).collect()
}

/// A mark further down.
fn moved(mut mark: Mark, down: f64) -> Mark {
    match &mut mark {
        Mark::Box { area, .. } | Mark::Picture { area, .. } => area.y += down,
        Mark::Marker { at, .. } => at.1 += down,
        Mark::Words(words) => words.at.1 += down,
        Mark::Line { points, .. } => points.iter_mut().for_each(|point| point.1 += down),
    }
    mark
}

/// The largest y that a mark covers.
fn lower_end(mark: &Mark) -> f64 {
    match mark {
        Mark::Box { area, .. } | Mark::Picture { area, .. } => area.y + area.h,
        Mark::Marker { at, radius, .. } => at.1 + radius,
        Mark::Words(words) if words.upward => words.at.1,
        Mark::Words(words) => words.at.1 + words.size / 2.0,
        Mark::Line { points, width, .. } => {
            points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max) + width / 2.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{Area, Canvas, Pen};

    #[test]
    fn a_legend_stands_right_above_its_chart() {
        let mut canvas = Canvas::new(400, 300);
        let top = canvas.header("The title", "and more");
        canvas.fill(Area::new(10.0, top + 60.0, 100.0, 100.0), theme::RIGHT);
        let pen = Pen::new(theme::LABEL, theme::INK);
        canvas.text("right", 300.0, theme::MARGIN + 4.0, pen);
        canvas.fill(Area::new(250.0, theme::MARGIN, 36.0, 6.0), theme::RIGHT);
        let lowered = lowered(canvas.marks());
        let ends: Vec<(f64, f64)> = lowered.iter().map(|mark| (upper_end(mark), lower_end(mark))).collect();
        // The chart stays, the legend ends above it, and its stroke stays beside its word.
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(near(ends[0].1, top + 160.0), "{ends:?}");
        assert!(near(ends[1].1, ends[0].0 - UNDER_LEGEND), "{ends:?}");
        let middle = |mark: &Mark| match mark {
            Mark::Words(words) => words.at.1,
            Mark::Box { area, .. } => area.y,
            _ => f64::NAN,
        };
        assert!(near(middle(&lowered[1]) - middle(&lowered[2]), 4.0));
    }
}
