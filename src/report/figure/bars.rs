//! Draws bars as the outline that they have together, and tells them by their middles.

use super::Figure;
use super::body::{Bars, Heights, Lines, Series};
use super::lines::{self, Places};
use crate::ReportError;
use crate::canvas::Canvas;

impl Bars {
    /// The outline of each kind.
    fn outlines(&self) -> Lines {
        let (Some(start), Some(end)) = (self.edges.first(), self.edges.last()) else { return self.with(Vec::new()) };
        let outline = |kind: &Heights| {
            let tops = self.edges.windows(2).zip(&kind.heights);
            let tops = tops.flat_map(|(ends, height)| [(ends[0], *height), (ends[1], *height)]);
            let points = std::iter::once((*start, 0.0)).chain(tops).chain(std::iter::once((*end, 0.0))).collect();
            Series::new(&kind.name, points, kind.colour, kind.width).faded(0.9).in_legend(kind.width)
        };
        self.with(self.kinds.iter().map(outline).collect())
    }

    /// The height of each bar over its middle, as curves are told in tables.
    pub(crate) fn told(&self) -> Lines {
        let middles = |kind: &Heights| {
            let places = self.edges.windows(2).map(|ends| f64::midpoint(ends[0], ends[1]));
            let points = places.zip(kind.heights.iter().copied()).collect();
            Series::new(&kind.name, points, kind.colour, kind.width)
        };
        self.with(self.kinds.iter().map(middles).collect())
    }

    fn with(&self, series: Vec<Series>) -> Lines {
        let Self { room, x, y, rules, empty, .. } = self.clone();
        Lines { room, x, y, rules, series, empty }
    }
}

/// Draws rules, then outlines, then what `annotate` adds, then the legend.
pub(super) fn paint(
    figure: &Figure,
    bars: &Bars,
    annotate: impl FnOnce(&mut Canvas, &Lines, &Places),
) -> Result<Canvas, ReportError> {
    lines::paint(figure, &bars.outlines(), annotate)
}

#[cfg(test)]
mod tests {
    use super::super::body::{Axis, Room};
    use super::*;
    use crate::theme;

    #[test]
    fn an_outline_is_that_of_bars_side_by_side() {
        let axis = || Axis { title: String::new(), range: 0.0..3.0, digits: 0 };
        let heights = vec![0.5, 0.0, 0.25];
        let kind = Heights { name: "right".to_owned(), heights, colour: theme::RIGHT, width: 6.0 };
        let bars = Bars {
            room: Room { size: theme::CHART, above: 0.0, right: 0.0, legend: 0.0 },
            x: axis(),
            y: axis(),
            rules: Vec::new(),
            edges: vec![0.0, 1.0, 2.0, 3.0],
            kinds: vec![kind],
            empty: None,
        };
        let corners =
            [(0.0, 0.0), (0.0, 0.5), (1.0, 0.5), (1.0, 0.0), (2.0, 0.0), (2.0, 0.25), (3.0, 0.25), (3.0, 0.0)];
        assert_eq!(bars.outlines().series[0].points, corners);
        assert_eq!(bars.told().series[0].points, [(0.5, 0.5), (1.5, 0.0), (2.5, 0.25)]);
        assert!(Bars { edges: Vec::new(), ..bars }.outlines().series.is_empty());
    }
}
