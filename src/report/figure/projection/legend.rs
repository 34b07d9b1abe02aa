//! The names of classes beside a map.

use std::collections::{BTreeMap, BTreeSet};

use crate::canvas::{Canvas, Pen};
use crate::figure::count_of;
use crate::text::{self, Weight};
use crate::{ReportData, theme};

/// Space right of the maps for the names of classes.
pub(super) const WIDTH: f64 = 210.0;
pub(super) const LINE: f64 = 34.0;
/// Lines of names at most, the last of which counts further classes: more would make the letters of the page too small to be
/// read, and colours and shapes too many to be told apart.
pub(super) const LINES: usize = 21;

/// The classes that are named beside the maps.
pub(super) struct Legend {
    labels: BTreeSet<i32>,
    /// Classes that are not named.
    more: usize,
}

impl Legend {
    /// All classes, or those with most points where there is no room for all; ties by label.
    pub(super) fn of(labels: &[i32], room: usize) -> Self {
        let mut points: BTreeMap<i32, usize> = BTreeMap::new();
        for label in labels {
            *points.entry(*label).or_default() += 1;
        }
        let all = points.len();
        let named = if all > room { room.saturating_sub(1) } else { all };
        let mut ranked: Vec<(i32, usize)> = points.into_iter().collect();
        ranked.sort_by_key(|(_, points)| std::cmp::Reverse(*points)); // stable
        Self { labels: ranked.into_iter().take(named).map(|(label, _)| label).collect(), more: all - named }
    }

    /// Names below each other from a place downward.
    pub(super) fn draw(&self, canvas: &mut Canvas, data: &ReportData, (x, top): (f64, f64)) {
        let place = |at: usize| (x, top + at as f64 * LINE + 16.0);
        let names: Vec<&str> = self.labels.iter().map(|label| data.class(*label)).collect();
        let names = text::fit_names(&names, theme::LABEL, Weight::Regular, WIDTH - 44.0);
        for (at, (label, name)) in self.labels.iter().zip(&names).enumerate() {
            let (x, y) = place(at);
            let class = usize::try_from(*label).unwrap_or(0);
            canvas.marker(theme::class_shape(class), x, y, 9.0, theme::class_colour(class));
            canvas.text(name, x + 22.0, y, Pen::new(theme::LABEL, theme::INK));
        }
        if self.more > 0 {
            let (x, y) = place(self.labels.len());
            let words = format!("and {}", count_of(self.more, "more class", "more classes"));
            canvas.text(&words, x - 8.0, y, Pen::new(theme::SMALL, theme::MUTED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_without_room_names_the_largest_classes_and_counts_the_others() {
        let labels: Vec<i32> = (0..50).chain([7, 30, 49]).collect();
        let legend = Legend::of(&labels, 5);
        assert_eq!((legend.labels.into_iter().collect::<Vec<_>>(), legend.more), (vec![0, 7, 30, 49], 46));
        let legend = Legend::of(&labels, 50);
        assert_eq!((legend.labels.len(), legend.more), (50, 0));
    }
}
