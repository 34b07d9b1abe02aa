//! How a map is drawn: a mark for every point, and beside it images where there is room for one.

use std::collections::BTreeMap;

use super::Projection;
use super::legend::{self, Legend};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::chart::{self, Axes};
use crate::error::go_on;
use crate::figure::Figure;
use crate::figure::body::Scatter;
use crate::{ReportData, ReportError, Stop, theme};

/// Between the two maps.
const GAP: f64 = 64.0;

impl Projection {
    pub(super) fn painted(
        &self,
        figure: &Figure,
        map: &Scatter,
        data: &ReportData,
        stop: Stop<'_>,
    ) -> Result<Canvas, ReportError> {
        let side = self.size as f64;
        let lines = ((side / legend::LINE) as usize).clamp(1, legend::LINES);
        let legend = Legend::of(&map.labels, lines);
        let left = theme::MARGIN + 36.0;
        let width = left + 2.0 * side + GAP + 24.0 + legend::WIDTH + theme::MARGIN / 2.0;
        let top = Canvas::header_height(width, &figure.title, &figure.subtitle) + 10.0;
        let mut canvas = Canvas::new(width as u32, (top + side + 86.0) as u32);
        canvas.header(&figure.title, &figure.subtitle);
        let areas = [Area::new(left, top, side, side), Area::new(left + side + GAP, top, side, side)];
        self.points(&mut canvas, map, areas[0])?;
        go_on(stop)?;
        self.thumbnails(&mut canvas, data, map, areas[1])?;
        go_on(stop)?;
        legend.draw(&mut canvas, data, (areas[1].x + side + 40.0, top));
        if map.points.is_empty() {
            chart::nothing(&mut canvas, areas[0], "There are no embeddings.");
        }
        Ok(canvas)
    }

    fn points(&self, canvas: &mut Canvas, map: &Scatter, area: Area) -> Result<(), ReportError> {
        let titles = &map.titles;
        let axes = Axes {
            x: map.x.clone(),
            y: map.y.clone(),
            x_title: &titles[0],
            y_title: &titles[1],
            x_digits: 1,
            y_digits: 1,
            numbers: false,
        };
        let places = chart::plot(canvas, area, &axes, |plane| {
            Ok(map.points.iter().map(|point| chart::place(plane, point[0], point[1])).collect::<Vec<_>>())
        })?;
        let radius = if places.len() > 3000 { 4.0 } else { 6.5 };
        for ((x, y), label) in places.into_iter().zip(&map.labels) {
            let class = usize::try_from(*label).unwrap_or(0);
            canvas.marker(theme::class_shape(class), x, y, radius, theme::class_colour(class));
        }
        Ok(())
    }

    /// Cells along a side of the map of images.
    fn cells(&self) -> usize {
        (self.size / (self.thumbnail + 4)).max(1)
    }

    /// Images in the cells of a grid: each shows the point nearest to the cell's middle, so none hides another.
    pub(super) fn nearest(&self, map: &Scatter) -> BTreeMap<(usize, usize), usize> {
        let cells = self.cells();
        let mut nearest: BTreeMap<(usize, usize), (f64, usize)> = BTreeMap::new();
        for (row, point) in map.points.iter().enumerate() {
            let across = (point[0] - map.x.start) / (map.x.end - map.x.start) * cells as f64;
            let down = (1.0 - (point[1] - map.y.start) / (map.y.end - map.y.start)) * cells as f64;
            let at = ((down as usize).min(cells - 1), (across as usize).min(cells - 1));
            let off = (across - at.1 as f64 - 0.5).hypot(down - at.0 as f64 - 0.5);
            let best = nearest.entry(at).or_insert((off, row));
            if off < best.0 {
                *best = (off, row);
            }
        }
        nearest.into_iter().map(|(at, (_, row))| (at, row)).collect()
    }

    fn thumbnails(&self, canvas: &mut Canvas, data: &ReportData, map: &Scatter, area: Area) -> Result<(), ReportError> {
        canvas.frame(area, 1.0, theme::FRAME);
        let pen = Pen::new(theme::LABEL, theme::INK).align(Align::Centre);
        canvas.text(&map.titles[0], area.x + area.w / 2.0, area.y + area.h + 24.0, pen);
        let cell = area.w / self.cells() as f64;
        let side = (cell - 4.0).min(self.thumbnail as f64).max(8.0);
        for ((down, across), row) in self.nearest(map) {
            let x = area.x + across as f64 * cell + (cell - side) / 2.0;
            let y = area.y + down as f64 * cell + (cell - side) / 2.0;
            let shown = canvas.image(data.image(map.ids[row])?, x, y, side);
            let class = usize::try_from(map.labels[row]).unwrap_or(0);
            canvas.frame(shown.grown(-3.0), 3.5, theme::class_colour(class));
        }
        Ok(())
    }
}
