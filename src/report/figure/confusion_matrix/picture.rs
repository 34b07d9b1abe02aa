//! How a confusion matrix is drawn: cells, the names of classes beside them, the bar of colours.

use super::Grid;
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::figure::Figure;
use crate::figure::body::HeatMap;
use crate::sweep::scale::{Scale, Tick};
use crate::text::{self, Weight};
use crate::{chart, theme};

/// How the grid lies on the page.
struct Layout {
    cell: f64,
    left: f64,
    top: f64,
    upright: bool,
}

/// Between the classes and the column of no match.
const GAP: f64 = 12.0;

/// Room for title and subtitle in lines that can be read.
const NARROWEST: f64 = 700.0;
/// What a class's name may take, in pixels.
const NAME: f64 = 260.0;

/// Room for the widest of some names.
fn room(names: &[String], size: f64) -> f64 {
    names.iter().map(|name| text::width(name, size, Weight::Regular)).fold(0.0, f64::max).min(NAME)
}

pub(super) fn painted(figure: &Figure, map: &HeatMap) -> Canvas {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
