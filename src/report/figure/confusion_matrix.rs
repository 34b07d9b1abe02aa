//! `confusion-matrix`: true class against predicted class, no match among the predictions.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Drawn, count_of};
use crate::params;
use crate::report::canvas::{Align, Area, Canvas, Pen};
use crate::report::text::{self, Weight};
use crate::report::{ReportData, ReportError, chart, theme};

params! {
    /// The confusion matrix at the cutpoint of `match`.
    pub struct ConfusionMatrix {
        /// Whether cells show shares of their row instead of counts.
        normalize: bool = false,
    }
}

/// Rows of counts; the last column is no match.
struct Grid {
    rows: Vec<Vec<u64>>,
    columns: Vec<String>,
    names: Vec<String>,
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

impl Grid {
    /// Rows are the classes that queries have, columns all classes, so that nothing predicted is hidden.
    fn of(data: &ReportData) -> Self {
        let classes = data.dataset.classes.len();
        let mut counts: BTreeMap<i32, Vec<u64>> = BTreeMap::new();
        for cell in &data.confusion.0 {
            let row = counts.entry(cell.label).or_insert_with(|| vec![0; classes + 1]);
            let column = cell.predicted.map_or(classes, |label| usize::try_from(label).unwrap_or(classes));
            row[column.min(classes)] += cell.count;
        }
        let names = counts.keys().map(|label| data.class(*label).to_owned()).collect();
        let columns = data.dataset.classes.iter().cloned().chain([data.unknown().to_owned()]).collect();
        Self { rows: counts.into_values().collect(), columns, names }
    }

    /// The value of a cell and the highest value there is.
    fn shade(&self, row: usize, column: usize, normalize: bool) -> f64 {
        let total: u64 = self.rows[row].iter().sum();
        let scale = if normalize { total } else { self.rows.iter().flatten().copied().max().unwrap_or(0) };
        if scale == 0 { 0.0 } else { self.rows[row][column] as f64 / scale as f64 }
    }

    /// Room for the widest of some names.
    fn room(names: &[String], size: f64) -> f64 {
        names.iter().map(|name| text::width(name, size, Weight::Regular)).fold(0.0, f64::max).min(260.0)
    }
}

impl ConfusionMatrix {
    pub(super) fn draw(&self, data: &ReportData, path: &Path) -> Result<Drawn, ReportError> {
        let grid = Grid::of(data);
        let title = format!("Confusion matrix for {}", data.cutpoint_words());
        let subtitle = format!(
            "{}; rows are true classes, columns predicted ones; {} = beyond the distance threshold",
            count_of(data.matches.0.len(), "query", "queries"),
            data.unknown()
        );
        let columns = grid.columns.len();
        let cell = if columns <= 13 { 110.0 } else { (1400.0 / columns as f64).max(16.0).floor() };
        let size = theme::LABEL.min(cell * 0.85);
        let room = Grid::room(&grid.names, size);
        let upright = Grid::room(&grid.columns, theme::SMALL) > cell - 6.0;
        let left = theme::MARGIN + 40.0 + room + 14.0;
        let plane = columns as f64 * cell + GAP;
        let width = left + plane + 170.0;
        let names = if upright { Grid::room(&grid.columns, size) + 24.0 } else { 40.0 };
        let top = Canvas::header_height(width, &title, &subtitle) + 40.0 + names;
        let height = top + grid.rows.len().max(1) as f64 * cell + theme::MARGIN;
        let mut canvas = Canvas::new(width.ceil() as u32, height.ceil() as u32);
        canvas.header(&title, &subtitle);
        let layout = Layout { cell, left, top, upright };
        self.cells(&mut canvas, &grid, &layout);
        names_of(&mut canvas, &grid, &layout, size);
        self.bar(&mut canvas, &grid, &layout);
        if grid.rows.is_empty() {
            let area = Area::new(left, top, plane, cell);
            chart::nothing(&mut canvas, area, "There are no queries.");
        }
        canvas.save(path)?;
        Ok(described(&grid, title))
    }

    fn cells(&self, canvas: &mut Canvas, grid: &Grid, layout: &Layout) {
        let cell = layout.cell;
        for (row, counts) in grid.rows.iter().enumerate() {
            for (column, count) in counts.iter().enumerate() {
                let area =
                    Area::new(column_x(layout, column, counts.len()), layout.top + row as f64 * cell, cell, cell);
                let shade = grid.shade(row, column, self.normalize);
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
                canvas.text(
                    &words,
                    area.x + cell / 2.0,
                    area.y + cell / 2.0,
                    if row == column { pen.bold() } else { pen },
                );
            }
        }
        if let Some(first) = grid.rows.first() {
            let classes = (first.len() - 1) as f64 * cell;
            let height = grid.rows.len() as f64 * cell;
            canvas.frame(Area::new(layout.left, layout.top, classes, height), 1.0, theme::FRAME);
            canvas.frame(Area::new(layout.left + classes + GAP, layout.top, cell, height), 1.0, theme::FRAME);
        }
    }

    /// The colour bar at the right.
    fn bar(&self, canvas: &mut Canvas, grid: &Grid, layout: &Layout) {
        let x = layout.left + grid.columns.len() as f64 * layout.cell + GAP + 40.0;
        let height = (grid.rows.len() as f64 * layout.cell).clamp(60.0, 700.0);
        for step in 0..height as usize {
            let share = 1.0 - (step as f64 + 0.5) / height;
            canvas.fill(Area::new(x, layout.top + step as f64, 26.0, 1.0), theme::sequential(share));
        }
        canvas.frame(Area::new(x, layout.top, 26.0, height.floor()), 1.0, theme::FRAME);
        let most = if self.normalize { 1.0 } else { grid.rows.iter().flatten().copied().max().unwrap_or(0) as f64 };
        let pen = Pen::new(theme::SMALL, theme::MUTED);
        // No more ticks than counts: a tick between 1 and 2 queries would repeat one of them.
        let counts = if self.normalize { 4 } else { (most as u32).clamp(1, 4) };
        let steps = if height < 150.0 { 1 } else { counts };
        for step in 0..=steps {
            let share = f64::from(step) / f64::from(steps);
            let words = if self.normalize { format!("{share:.2}") } else { chart::number((most * share).round(), 0) };
            canvas.text(&words, x + 36.0, layout.top + 1.0 + (height - 2.0) * (1.0 - share), pen);
        }
        let name = if self.normalize { "share of row" } else { "queries" };
        canvas.text(name, x, layout.top - 22.0, pen);
    }
}

fn columns_many(columns: usize) -> bool {
    columns > 13
}

fn column_x(layout: &Layout, column: usize, columns: usize) -> f64 {
    layout.left + column as f64 * layout.cell + if column + 1 == columns { GAP } else { 0.0 }
}

fn names_of(canvas: &mut Canvas, grid: &Grid, layout: &Layout, size: f64) {
    let pen = Pen::new(size, theme::INK);
    for (row, name) in grid.names.iter().enumerate() {
        let y = layout.top + (row as f64 + 0.5) * layout.cell;
        let name = text::fit(name, size, Weight::Regular, 260.0);
        canvas.text(&name, layout.left - 12.0, y, pen.align(Align::Right));
    }
    for (column, name) in grid.columns.iter().enumerate() {
        let x = column_x(layout, column, grid.columns.len()) + layout.cell / 2.0;
        let name = text::fit(name, size, Weight::Regular, 260.0);
        if layout.upright {
            canvas.text_upward(&name, x, layout.top - 12.0, pen);
        } else {
            canvas.text(&name, x, layout.top - 22.0, Pen { size: theme::SMALL, ..pen }.align(Align::Centre));
        }
    }
    let axis = Pen::new(theme::LABEL, theme::MUTED);
    let names = if layout.upright { Grid::room(&grid.columns, size) + 24.0 } else { 40.0 };
    let middle = layout.left + (grid.columns.len() - 1) as f64 * layout.cell / 2.0;
    canvas.text("Predicted class", middle, layout.top - names - 18.0, axis.align(Align::Centre));
    let middle = layout.top + grid.rows.len() as f64 * layout.cell / 2.0;
    canvas.text_upward("True class", theme::MARGIN + 10.0, middle, axis.align(Align::Centre));
}

fn described(grid: &Grid, title: String) -> Drawn {
    let all: u64 = grid.rows.iter().flatten().sum();
    let unknown: u64 = grid.rows.iter().filter_map(|row| row.last()).sum();
    let right: u64 = grid
        .rows
        .iter()
        .zip(&grid.names)
        .map(|(row, name)| grid.columns.iter().position(|column| column == name).map_or(0, |column| row[column]))
        .sum();
    let alt = format!("Confusion matrix: {right} of {all} queries get their own class, {unknown} get none");
    let numbers = [("queries", all), ("right", right), ("unknown", unknown)];
    Drawn {
        title,
        alt,
        reading: "The diagonal is right; a dark cell beside it is a pair of classes that the embedding confuses; the \
                  column apart counts queries that were not accepted."
            .to_owned(),
        numbers: numbers.into_iter().map(|(name, count)| (name.to_owned(), count as f64)).collect(),
    }
}
