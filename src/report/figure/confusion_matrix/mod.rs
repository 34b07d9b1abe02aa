//! `confusion-matrix`: true class against predicted class, no match among the predictions.

mod picture;

use std::collections::{BTreeMap, BTreeSet};

use simpipe_base::params;

use super::body::{Body, HeatMap};
use super::confusion_blocks::Blocks;
use super::confusion_grid::Grid;
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::Canvas;
use crate::classes::indexed;
use crate::error::go_on;
use crate::interval::counts_all;
use crate::{ReportData, ReportError, Stop, chart};
use picture::painted;

params! {
    /// The confusion matrix at the cutpoint of `match`.
    pub struct ConfusionMatrix {
        /// Whether cells show shares of their row instead of counts.
        normalize: bool = false,
    }
}

/// Pairs of classes whose queries' images are kept for the page, and how many of each.
const PICTURED: (usize, usize) = (60, 4);

impl Plot for ConfusionMatrix {
    fn needs(&self) -> &'static [&'static str] {
        &["matches"]
    }

    fn part(&self) -> Part {
        Part::Confusion
    }

    fn images(&self, data: &ReportData) -> Vec<u64> {
        pictured(data)
    }

    fn build(&self, data: &ReportData, stop: Stop<'_>) -> Result<Figure, ReportError> {
        go_on(stop)?;
        Ok(self.built(data))
    }

    fn paint(&self, figure: &Figure, _: &ReportData, _: Stop<'_>) -> Result<Canvas, ReportError> {
        Ok(painted(figure, figure.heat_map()?))
    }
}

impl ConfusionMatrix {
    fn built(&self, data: &ReportData) -> Figure {
        let grid = Grid::of(data);
        let chosen = if grid.is_part() { "; shown are the classes with most wrong matches" } else { "" };
        let subtitle = format!(
            "{}; rows are true classes, columns predicted ones; {} = beyond the distance threshold{chosen}",
            count_of(data.matches.0.len(), "query", "queries"),
            data.unknown()
        );
        let title = format!("Confusion matrix for {}{}", data.cutpoint_words(), part(&grid, ": "));
        let cells: Vec<_> = data.confusion.0.iter().filter(|cell| cell.count > 0).collect();
        let classes: BTreeSet<i32> =
            cells.iter().flat_map(|cell| [Some(cell.label), cell.predicted]).flatten().collect();
        let blocks = grid.is_part().then(|| Blocks::of(data, &cells, &classes));
        let map = HeatMap { grid, normalize: self.normalize, blocks, images: pictured(data) };
        described(data, map, (title, subtitle))
    }
}

/// Queries of the most frequent mistakes, some of each.
fn pictured(data: &ReportData) -> Vec<u64> {
    let mut mistakes: BTreeMap<(i32, Option<i32>), Vec<u64>> = BTreeMap::new();
    for row in &data.matches.0 {
        let given = row.predicted.filter(|_| row.matched);
        if given != Some(row.label) {
            mistakes.entry((row.label, given)).or_default().push(row.query_id);
        }
    }
    let mut ranked: Vec<Vec<u64>> = mistakes.into_values().collect();
    ranked.sort_by_key(|queries| std::cmp::Reverse(queries.len())); // stable: by label among equals
    let (pairs, each) = PICTURED;
    ranked.into_iter().take(pairs).flat_map(|queries| queries.into_iter().take(each)).collect()
}

/// `30 of 300 classes` after a separator, where classes are left out.
fn part(grid: &Grid, separator: &str) -> String {
    if !grid.is_part() {
        return String::new();
    }
    let of = chart::number(grid.of as f64, 0);
    format!("{separator}{} of {of} classes", grid.classes.len())
}

/// Where right answers stand, which of a class that the index lacks is not the diagonal.
fn reading(data: &ReportData) -> String {
    let indexed = indexed(data);
    let asked: BTreeSet<i32> = data.confusion.0.iter().filter(|cell| cell.count > 0).map(|cell| cell.label).collect();
    let lacking = asked.difference(&indexed).count();
    let lacking = match lacking {
        0 => String::new(),
        lacking => format!(
            " The index lacks {} of the {}: their queries have no class to be given and are right in the column apart.",
            chart::number(lacking as f64, 0),
            count_of(asked.len(), "true class", "true classes")
        ),
    };
    format!(
        "The diagonal is right; a dark cell beside it is a pair of classes that the embedding confuses; the column apart \
         counts queries that were not accepted.{lacking}{}",
        counts_all(data)
    )
}

fn described(data: &ReportData, map: HeatMap, (title, subtitle): (String, String)) -> Figure {
    let grid = &map.grid;
    let Grid { queries, right, unknown, .. } = grid;
    let shown = part(grid, "; shown are ");
    let [own, all, none] = [right, queries, unknown].map(|count| chart::number(*count as f64, 0));
    let alt = format!("Confusion matrix: {own} of {all} queries get their own class, {none} get none{shown}");
    let numbers = [("queries", queries), ("right", right), ("unknown", unknown)];
    Figure {
        title,
        subtitle,
        alt,
        reading: reading(data),
        numbers: numbers.into_iter().map(|(name, count)| (name.to_owned(), *count as f64)).collect(),
        body: Body::HeatMap(map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn classes_that_the_index_lacks_and_self_matches_are_told() {
        let mut data = synthetic::small();
        assert!(reading(&data).ends_with("counts queries that were not accepted."));
        data.index.label.iter_mut().for_each(|label| *label %= 8);
        data.index.example_id[0] = data.matches.0[0].query_id;
        data.matches.0[0].neighbours[0].example_id = data.matches.0[0].query_id;
        let words = reading(&data);
        assert!(words.contains("The index lacks 2 of the 10 true classes: their queries have"), "{words}");
        assert!(words.ends_with(" All 12 queries are counted, of which 1 is in the index."), "{words}");
    }
}
