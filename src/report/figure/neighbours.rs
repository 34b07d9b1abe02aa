//! `neighbours`: queries beside the images that the index finds for them.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::style::RGBColor;

use super::{Drawn, count_of};
use crate::artifact::{MatchRow, Neighbour};
use crate::base::check;
use crate::report::canvas::{Align, Area, Canvas, Pen};
use crate::report::data::Overlap;
use crate::report::error::go_on;
use crate::report::text::{self, Weight};
use crate::report::{ReportData, ReportError, Stop, chart, theme};
use crate::{choice, params};

params! {
    /// Queries in a row.
    pub struct QueryRange {
        /// The first, from 0.
        #[aka("start", "from", "first", "offset")]
        begin: usize = 0 => check::count(0),
        /// How many.
        size: usize => check::between(1, 200),
    }
}

choice! {
    /// The order of the strips.
    pub enum Order {
        /// By true class, then by position.
        "label" => Label,
        /// By position in the pool.
        "position" => Position,
        /// Wrong labels first, the most certain ones on top; then right ones, the least certain on top. The slice
        /// then counts places in this order over all queries.
        "worst" => Worst,
    }
}

params! {
    /// Queries with their nearest neighbours, one strip each.
    pub struct Neighbours {
        /// Which queries; the first ten if it is left out.
        #[aka("range", "subset", "positions", "rows")]
        slice: Option<QueryRange> = None,
        /// Neighbours of each.
        #[aka("top_k", "n_neighbors", "num_neighbors", "neighbors", "neighbours")]
        k: usize = 5 => check::between(1, 20),
        /// The order of the strips.
        order: Order = Order::Label,
    }
}

const SIDE: f64 = 160.0;
const COLUMN: f64 = SIDE + 34.0;
const STRIP: f64 = SIDE + 92.0;
/// Between a query and its neighbours.
const GAP: f64 = 44.0;

impl Neighbours {
    /// The queries shown, in order.
    pub fn queries<'a>(&self, data: &'a ReportData) -> Vec<&'a MatchRow> {
        let mut rows: Vec<&MatchRow> = data.matches.0.iter().collect();
        if self.order == Order::Worst {
            let wrong = |row: &MatchRow| row.predicted != Some(row.label);
            rows.sort_by(|one, other| {
                wrong(other).cmp(&wrong(one)).then_with(|| {
                    let rising = one.distance.total_cmp(&other.distance);
                    if wrong(one) { rising } else { rising.reverse() }
                })
            });
        }
        let (begin, size) = self.slice.as_ref().map_or((0, 10), |slice| (slice.begin, slice.size));
        let mut shown: Vec<&MatchRow> = rows.into_iter().skip(begin).take(size).collect();
        if self.order == Order::Label {
            shown.sort_by_key(|row| row.label);
        }
        shown
    }

    pub(super) fn images(&self, data: &ReportData) -> Vec<u64> {
        let shown = self.queries(data);
        let neighbours = |row: &MatchRow| row.neighbours.iter().take(self.k).map(|n| n.example_id).collect::<Vec<_>>();
        shown.iter().flat_map(|row| std::iter::once(row.query_id).chain(neighbours(row))).collect()
    }

    pub(super) fn draw(&self, data: &ReportData, path: &Path, stop: Stop<'_>) -> Result<Drawn, ReportError> {
        let shown = self.queries(data);
        let title = "Nearest neighbours".to_owned();
        let order = match self.order {
            Order::Label => "ordered by class",
            Order::Position => "in the order of the pool",
            Order::Worst => "most certain mistakes first",
        };
        let subtitle = format!(
            "{}, {order}, each with its {} in an index of {}; under an image its class and {} distance; {}",
            count_of(shown.len(), "query", "queries"),
            count_of(self.k, "nearest neighbour", "nearest neighbours"),
            data.index_info.count,
            data.calibration.distance_metric.name(),
            data.cutpoint_words()
        );
        let width = (2.0 * theme::MARGIN + SIDE + GAP + self.k as f64 * COLUMN - (COLUMN - SIDE)).max(900.0);
        let top = Canvas::header_height(width, &title, &subtitle) + 42.0;
        let height = top + shown.len().max(1) as f64 * STRIP + theme::MARGIN / 2.0;
        let mut canvas = Canvas::new(width as u32, height as u32);
        canvas.header(&title, &subtitle);
        self.column_titles(&mut canvas, top - 24.0);
        let overlap = data.overlap();
        for (at, row) in shown.iter().enumerate() {
            go_on(stop)?;
            self.strip(&mut canvas, (data, &overlap), row, top + at as f64 * STRIP)?;
        }
        if shown.is_empty() {
            chart::nothing(&mut canvas, Area::new(0.0, top, width, STRIP), "There are no queries to show.");
        }
        canvas.save(path)?;
        let (right, all) = tally(&shown, self.k);
        let first = shown.iter().filter(|row| row.neighbours.first().is_some_and(|n| n.label == row.label)).count();
        Ok(Drawn {
            title,
            alt: format!(
                "{} with their neighbours: the nearest has the query's class for {first} of {}, and {right} of all \
                 {all} neighbours shown have it",
                count_of(shown.len(), "query", "queries"),
                shown.len()
            ),
            reading: "A blue frame and ✓ mark a neighbour of the query's class, an orange frame and ✗ one of another."
                .to_owned(),
            numbers: BTreeMap::from([
                ("queries".to_owned(), shown.len() as f64),
                ("right_neighbours".to_owned(), right as f64),
                ("neighbours".to_owned(), all as f64),
            ]),
        })
    }

    fn column_titles(&self, canvas: &mut Canvas, y: f64) {
        let pen = Pen::new(theme::LABEL, theme::INK).bold().align(Align::Centre);
        canvas.text("Query", theme::MARGIN + SIDE / 2.0, y, pen);
        let pen = Pen::new(theme::LABEL, theme::MUTED).align(Align::Centre);
        for rank in 0..self.k {
            let name = if rank == 0 { "Nearest".to_owned() } else { ordinal(rank + 1) };
            canvas.text(&name, column(rank) + SIDE / 2.0, y, pen);
        }
    }

    fn strip(
        &self,
        canvas: &mut Canvas,
        (data, overlap): (&ReportData, &Overlap<'_>),
        row: &MatchRow,
        y: f64,
    ) -> Result<(), ReportError> {
        let centre = theme::MARGIN + SIDE / 2.0;
        canvas.image(data.image(row.query_id)?, theme::MARGIN, y, SIDE);
        let name = text::fit_name(data.class(row.label), theme::LABEL, Weight::Bold, COLUMN);
        canvas.text(&name, centre, y + SIDE + 24.0, Pen::new(theme::LABEL, theme::INK).bold().align(Align::Centre));
        let verdict = match row.predicted {
            Some(label) if row.matched => format!("→ {}", data.class(label)),
            _ => format!("→ {}", data.unknown()),
        };
        let verdict = text::fit(&verdict, theme::SMALL, Weight::Regular, COLUMN);
        canvas.text(&verdict, centre, y + SIDE + 50.0, Pen::new(theme::SMALL, theme::MUTED).align(Align::Centre));
        for (rank, neighbour) in row.neighbours.iter().take(self.k).enumerate() {
            let itself = overlap.is_self(row, neighbour);
            self.neighbour(canvas, data, (neighbour, neighbour.label == row.label, itself), (column(rank), y))?;
        }
        Ok(())
    }

    fn neighbour(
        &self,
        canvas: &mut Canvas,
        data: &ReportData,
        (neighbour, right, itself): (&Neighbour, bool, bool),
        (x, y): (f64, f64),
    ) -> Result<(), ReportError> {
        let (colour, mark): (RGBColor, &str) = if right { (theme::RIGHT, "✓") } else { (theme::WRONG, "✗") };
        let area = canvas.image(data.image(neighbour.example_id)?, x, y, SIDE);
        canvas.frame(area, 5.0, colour);
        let pen = Pen::new(theme::LABEL, colour).bold().align(Align::Centre);
        let name = text::fit(&format!("{mark} {}", data.class(neighbour.label)), pen.size, pen.weight, COLUMN);
        canvas.text(&name, x + SIDE / 2.0, y + SIDE + 24.0, pen);
        let words = format!("{:.4}{}", neighbour.distance, if itself { ", itself" } else { "" });
        canvas.text(&words, x + SIDE / 2.0, y + SIDE + 50.0, Pen::new(theme::SMALL, theme::INK).align(Align::Centre));
        Ok(())
    }
}

fn column(rank: usize) -> f64 {
    theme::MARGIN + SIDE + GAP + rank as f64 * COLUMN
}

/// `2nd`, `3rd`, `4th`, .., `11th`.
fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Neighbours of the right class, and all, among those shown.
fn tally(shown: &[&MatchRow], k: usize) -> (usize, usize) {
    let right = |row: &&MatchRow| row.neighbours.iter().take(k).filter(|n| n.label == row.label).count();
    let all = |row: &&MatchRow| row.neighbours.len().min(k);
    (shown.iter().map(right).sum(), shown.iter().map(all).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::synthetic;

    #[test]
    fn ranks_are_spelled_as_people_say_them() {
        let spelled: Vec<String> = [1, 2, 3, 4, 11, 12, 21, 112].map(ordinal).to_vec();
        assert_eq!(spelled, ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]);
    }

    #[test]
    fn the_worst_queries_are_certain_mistakes() {
        let mut data = synthetic::small();
        for (row, (predicted, distance)) in
            data.matches.0.iter_mut().zip([(1, 0.1), (0, 0.2), (9, 0.3), (9, 0.05), (0, 0.4)])
        {
            (row.label, row.predicted, row.distance) = (0, Some(predicted), distance);
        }
        data.matches.0.truncate(5);
        let slice = Some(QueryRange { begin: 1, size: 3 });
        let worst = Neighbours { slice, k: 1, order: Order::Worst };
        let distances: Vec<f32> = worst.queries(&data).iter().map(|row| row.distance).collect();
        assert_eq!(distances, [0.1, 0.3, 0.4]);
    }
}
