//! `confusion-matrix`: true class against predicted class, no match among the predictions.

mod blocks;
mod grid;

use std::collections::{BTreeMap, BTreeSet};

use simpipe_base::params;

pub(crate) use self::blocks::{Blocks, Pair};
pub(crate) use self::grid::Grid;
use super::body::{Body, HeatMap};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::classes::indexed;
use crate::error::go_on;
use crate::interval::counts_all;
use crate::sweep::scale::{Scale, Tick};
use crate::text::{self, Weight};
use crate::{ReportData, ReportError, Stop, chart, theme};

params! {
    /// The confusion matrix at the cutpoint of `match`.
    pub struct ConfusionMatrix {
        /// Whether cells show shares of their row instead of counts.
        normalize: bool = false,
    }
}

/// How the grid lies on the page.
struct Layout {
    cell: f64,
    left: f64,
    top: f64,
    upright: bool,
}

/// Between the classes and the column of no match.
const GAP: f64 = 12.0;

/// Pairs of classes whose queries' images are kept for the page, and how many of each.
const PICTURED: (usize, usize) = (60, 4);

/// Room for title and subtitle in lines that can be read.
const NARROWEST: f64 = 700.0;
/// What a class's name may take, in pixels.
const NAME: f64 = 260.0;

/// Room for the widest of some names.
fn room(names: &[String], size: f64) -> f64 {
    names.iter().map(|name| text::width(name, size, Weight::Regular)).fold(0.0, f64::max).min(NAME)
}

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

fn painted(figure: &Figure, map: &HeatMap) -> Canvas {
    let grid = &map.grid;
    let Figure { title, subtitle, .. } = figure;
    let columns = grid.columns.len();
    let cell = if columns <= 13 { 110.0 } else { (1400.0 / columns as f64).max(16.0).floor() };
    let size = theme::LABEL.min(cell * 0.85);
    let beside = room(&grid.names, size);
    let upright = room(&grid.columns, theme::SMALL) > cell - 6.0;
    let left = theme::MARGIN + 40.0 + beside + 14.0;
    let plane = columns as f64 * cell + GAP;
    let width = (left + plane + 170.0).max(NARROWEST);
    let names = if upright { room(&grid.columns, size) + 24.0 } else { 40.0 };
    let top = Canvas::header_height(width, title, subtitle) + 40.0 + names;
    let height = top + grid.rows.len().max(1) as f64 * cell + theme::MARGIN;
    let mut canvas = Canvas::new(width.ceil() as u32, height.ceil() as u32);
    canvas.header(title, subtitle);
    let layout = Layout { cell, left, top, upright };
    map.cells(&mut canvas, &layout);
    names_of(&mut canvas, grid, &layout, size);
    map.bar(&mut canvas, &layout);
    if grid.rows.is_empty() {
        let area = Area::new(theme::MARGIN, top, width - 2.0 * theme::MARGIN, cell);
        chart::nothing(&mut canvas, area, "There are no queries.");
    }
    canvas
}

impl HeatMap {
    fn cells(&self, canvas: &mut Canvas, layout: &Layout) {
        let grid = &self.grid;
        let cell = layout.cell;
        let scales = grid.scales(self.normalize);
        for (row, (counts, scale)) in grid.rows.iter().zip(scales).enumerate() {
            for (column, count) in counts.iter().enumerate() {
                let area = Area::new(column_x(layout, column, grid), layout.top + row as f64 * cell, cell, cell);
                let shade = if scale == 0 { 0.0 } else { *count as f64 / scale as f64 };
                let colour = theme::sequential(shade);
                canvas.fill(area.grown(if cell > 40.0 { -1.0 } else { -0.5 }), colour);
                if shade == 0.0 && cell > 40.0 {
                    canvas.frame(area.grown(-2.0), 1.0, theme::GRID);
                }
                if cell < 34.0 || (*count == 0 && columns_many(counts.len())) {
                    continue;
                }
                let words = if self.normalize { format!("{shade:.2}") } else { chart::number(*count as f64, 0) };
                let ink = if *count == 0 { theme::FAINT } else { theme::contrasting(colour) };
                let pen = Pen::new((cell * 0.24).clamp(12.0, 24.0), ink).align(Align::Centre);
                let right = grid.classes.get(column) == Some(&grid.labels[row]);
                let pen = if right { pen.bold() } else { pen };
                canvas.text(&words, area.x + cell / 2.0, area.y + cell / 2.0, pen);
            }
        }
        if !grid.rows.is_empty() {
            let (classes, height) = (grid.classes.len() as f64 * cell, grid.rows.len() as f64 * cell);
            canvas.frame(Area::new(layout.left, layout.top, classes, height), 1.0, theme::FRAME);
            let apart = (grid.columns.len() - grid.classes.len()) as f64 * cell;
            canvas.frame(Area::new(layout.left + classes + GAP, layout.top, apart, height), 1.0, theme::FRAME);
        }
    }

    /// The colour bar at the right.
    fn bar(&self, canvas: &mut Canvas, layout: &Layout) {
        let grid = &self.grid;
        let x = layout.left + grid.columns.len() as f64 * layout.cell + GAP + 40.0;
        let height = (grid.rows.len() as f64 * layout.cell).clamp(60.0, 700.0);
        for step in 0..height as usize {
            let share = 1.0 - (step as f64 + 0.5) / height;
            // Each reaches under the next: at another size no light comes through between them.
            let reach = if step + 1 < height as usize { 2.0 } else { 1.0 };
            canvas.fill(Area::new(x, layout.top + step as f64, 26.0, reach), theme::sequential(share));
        }
        canvas.frame(Area::new(x, layout.top, 26.0, height.floor()), 1.0, theme::FRAME);
        let most = if self.normalize { 1.0 } else { grid.largest() as f64 };
        let pen = Pen::new(theme::SMALL, theme::MUTED);
        for (share, words) in ticks(most, self.normalize, height >= 150.0) {
            canvas.text(&words, x + 36.0, layout.top + 1.0 + (height - 2.0) * (1.0 - share), pen);
        }
        let name = if self.normalize { "share of row" } else { "queries" };
        canvas.text(name, x, layout.top - 22.0, pen);
    }
}

/// Ticks of the colour bar from 0 up to the most: steps of 1, 2 or 5 times a power of ten where there is room.
fn ticks(most: f64, normalize: bool, room: bool) -> Vec<Tick> {
    if most <= 0.0 {
        return vec![(0.0, "0".to_owned())];
    }
    let whole = |value: f64| if normalize { format!("{value:.2}") } else { chart::number(value, 0) };
    if !room {
        return vec![(0.0, whole(0.0)), (1.0, whole(most))];
    }
    // No more ticks than counts: a tick between 1 and 2 queries would repeat one of them.
    Scale::Linear(0.0, most).ticks(if normalize { 5 } else { most.clamp(1.0, 6.0) as usize })
}

fn columns_many(columns: usize) -> bool {
    columns > 13
}

fn column_x(layout: &Layout, column: usize, grid: &Grid) -> f64 {
    layout.left + column as f64 * layout.cell + if column < grid.classes.len() { 0.0 } else { GAP }
}

/// `30 of 300 classes` after a separator, where classes are left out.
fn part(grid: &Grid, separator: &str) -> String {
    if !grid.is_part() {
        return String::new();
    }
    let of = chart::number(grid.of as f64, 0);
    format!("{separator}{} of {of} classes", grid.classes.len())
}

fn names_of(canvas: &mut Canvas, grid: &Grid, layout: &Layout, size: f64) {
    let pen = Pen::new(size, theme::INK);
    for (row, name) in text::fit_names(&grid.names, size, Weight::Regular, NAME).iter().enumerate() {
        let y = layout.top + (row as f64 + 0.5) * layout.cell;
        canvas.text(name, layout.left - 12.0, y, pen.align(Align::Right));
    }
    for (column, name) in text::fit_names(&grid.columns, size, Weight::Regular, NAME).iter().enumerate() {
        let x = column_x(layout, column, grid) + layout.cell / 2.0;
        if layout.upright {
            canvas.text_upward(name, x, layout.top - 12.0, pen);
        } else {
            canvas.text(name, x, layout.top - 22.0, Pen { size: theme::SMALL, ..pen }.align(Align::Centre));
        }
    }
    let axis = Pen::new(theme::LABEL, theme::MUTED);
    let names = if layout.upright { room(&grid.columns, size) + 24.0 } else { 40.0 };
    let middle = layout.left + grid.classes.len() as f64 * layout.cell / 2.0;
    canvas.text("Predicted class", middle, layout.top - names - 18.0, axis.align(Align::Centre));
    let middle = layout.top + grid.rows.len() as f64 * layout.cell / 2.0;
    canvas.text_upward("True class", theme::MARGIN + 10.0, middle, axis.align(Align::Centre));
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
    fn the_colour_bar_has_round_ticks() {
        let words = |most: f64, normalize: bool, room: bool| -> Vec<String> {
            ticks(most, normalize, room).into_iter().map(|(_, words)| words).collect()
        };
        assert_eq!(words(50.0, false, true), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(words(1.0, false, true), ["0", "1"]);
        assert_eq!(
            (words(0.0, false, true), words(53.0, false, false)),
            (vec!["0".into()], vec!["0".into(), "53".into()])
        );
        assert_eq!(words(1.0, true, true), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

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
