//! `projection`: embeddings on a plane, as points and as images.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::body::{Body, Scatter};
use super::plot::{Part, Plot};
use super::{Figure, count_of, trust};
use crate::canvas::{Area, Canvas, Pen};
use crate::chart::{self, Axes};
use crate::error::go_on;
use crate::text::{self, Weight};
use crate::{ReportData, ReportError, Stop, theme};
use simpipe_artifact::{Distance, Projection as Placed, ProjectionInfo};
use simpipe_base::check;
use simpipe_base::{choice, params};
use simpipe_metric::plane::{self, TSne, Trustworthiness, Umap, Way};

choice! {
    /// How embeddings become points.
    pub enum Method {
        /// Principal components: exact, keeps large distances (Pearson, 1901).
        "pca" => Pca,
        /// t-SNE, started from the principal components: keeps neighbours, distances between groups mean little (van der
        /// Maaten and Hinton, 2008).
        "t-sne" => TSne,
        /// UMAP, started from the principal components: keeps neighbours, and what groups are beside each other better
        /// than t-SNE (McInnes, Healy and Melville, 2018).
        "umap" => Umap,
    }
}

params! {
    /// The embeddings on a plane: on the left a point each, on the right some of their images.
    ///
    /// Where a stage `project` is plugged into the report's port of the method, `pca`, `t-sne` or `umap`, its points are
    /// drawn, the first `count` of them; else the map is computed here.
    pub struct Projection {
        /// How embeddings become points.
        method: Method = Method::Pca,
        /// Embeddings at most, from the start of the pool.
        count: usize = 1000 => check::between(1, 20_000),
        /// Side of an image on the map, in pixels.
        thumbnail: usize = 96 => check::between(16, 400),
        /// Side of each map, in pixels.
        size: usize = 800 => check::between(200, 4000),
        /// Neighbours of each point by which it is judged how far the map can be trusted; less than half of all points.
        k: usize = 15 => check::between(1, 1000),
    }
}

/// Space right of the maps for the names of classes.
const LEGEND: f64 = 210.0;
const LEGEND_LINE: f64 = 34.0;
/// Lines of names at most, the last of which counts further classes: more would make the letters of the page too small to be
/// read, and colours and shapes too many to be told apart.
const LEGEND_LINES: usize = 21;
const GAP: f64 = 64.0;

impl Plot for Projection {
    fn needs(&self) -> &'static [&'static str] {
        &["embeddings"]
    }

    fn part(&self) -> Part {
        Part::Embedding
    }

    fn images(&self, data: &ReportData) -> Vec<u64> {
        self.asked(data)
    }

    fn build(&self, data: &ReportData, stop: Stop<'_>) -> Result<Figure, ReportError> {
        self.built(data, stop)
    }

    fn paint(&self, figure: &Figure, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError> {
        self.painted(figure, figure.scatter()?, data, stop)
    }
}

impl Projection {
    fn asked(&self, data: &ReportData) -> Vec<u64> {
        let placed = data.projections.get(self.method.name()).map(|(_, placed)| &placed.example_id);
        placed.unwrap_or(&data.embeddings.example_id).iter().take(self.count).copied().collect()
    }

    fn map(&self, data: &ReportData, stop: Stop<'_>) -> Result<Scatter, ReportError> {
        match data.projections.get(self.method.name()) {
            Some((info, placed)) => Ok(self.placed(info, placed)),
            None => self.computed(data, stop),
        }
    }

    /// What a stage has computed.
    fn placed(&self, info: &ProjectionInfo, placed: &Placed) -> Scatter {
        let shown = self.count.min(placed.point.len());
        let points = placed.point[..shown].to_vec();
        Scatter {
            x: range(&points, 0),
            y: range(&points, 1),
            labels: placed.label[..shown].to_vec(),
            ids: placed.example_id[..shown].to_vec(),
            neighbours: Vec::new(),
            left_out: if shown < placed.point.len() { 0 } else { info.left_out },
            dim: info.dim,
            titles: self.titles(info.explained.unwrap_or_default()),
            explained: info.explained.unwrap_or_default(),
            points,
        }
    }

    fn computed(&self, data: &ReportData, stop: Stop<'_>) -> Result<Scatter, ReportError> {
        let count = self.count.min(data.embeddings.len());
        let dim = data.embeddings.dim;
        let way = match self.method {
            Method::Pca => Way::Pca,
            Method::TSne => Way::TSne(TSne::default()),
            Method::Umap => Way::Umap(Umap::default()),
        };
        let plane::Placed { kept, points, explained } =
            plane::place(&data.embeddings.values[..count * dim], dim, &way, stop)?;
        Ok(Scatter {
            x: range(&points, 0),
            y: range(&points, 1),
            labels: kept.iter().map(|row| data.embeddings.label[*row]).collect(),
            ids: kept.iter().map(|row| data.embeddings.example_id[*row]).collect(),
            neighbours: Vec::new(),
            left_out: count - kept.len(),
            dim,
            titles: self.titles(explained),
            explained,
            points,
        })
    }

    fn built(&self, data: &ReportData, stop: Stop<'_>) -> Result<Figure, ReportError> {
        let mut map = self.map(data, stop)?;
        let agreement = agreement(&map.points, &map.labels, stop)?;
        let left_out = match map.left_out {
            0 => String::new(),
            count => format!(" ({} left out, which hold no numbers)", count_of(count, "other is", "others are")),
        };
        let subtitle = format!(
            "{} of {} dimensions{left_out}; the nearest point on this map has the same class for {:.0} % of them",
            count_of(map.points.len(), "embedding", "embeddings"),
            map.dim,
            agreement * 100.0
        );
        let mut trust = None;
        if let Some(rows) = trust::rows(data, &map, self.distance(data)) {
            (trust, map.neighbours) = trust::of((&rows, data.embeddings.dim), &map.points, self.k, stop)?;
        }
        Ok(self.described(subtitle, map, agreement, trust))
    }

    fn painted(
        &self,
        figure: &Figure,
        map: &Scatter,
        data: &ReportData,
        stop: Stop<'_>,
    ) -> Result<Canvas, ReportError> {
        let side = self.size as f64;
        let lines = ((side / LEGEND_LINE) as usize).clamp(1, LEGEND_LINES);
        let legend = Legend::of(&map.labels, lines);
        let left = theme::MARGIN + 36.0;
        let width = left + 2.0 * side + GAP + 24.0 + LEGEND + theme::MARGIN / 2.0;
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

    /// The words of both axes.
    fn titles(&self, explained: [f64; 2]) -> [String; 2] {
        [0, 1].map(|axis| match self.method {
            Method::Pca => format!("Component {} ({:.1} % of the variance)", axis + 1, explained[axis] * 100.0),
            Method::TSne => format!("t-SNE {}", axis + 1),
            Method::Umap => format!("UMAP {}", axis + 1),
        })
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
    fn nearest(&self, map: &Scatter) -> BTreeMap<(usize, usize), usize> {
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
        let pen = Pen::new(theme::LABEL, theme::INK).align(crate::canvas::Align::Centre);
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

    /// The distance that the map is of.
    fn distance(&self, data: &ReportData) -> Distance {
        data.projections.get(self.method.name()).map_or(data.index_info.metric, |(info, _)| info.distance)
    }

    fn described(&self, subtitle: String, map: Scatter, agreement: f64, trust: Option<Trustworthiness>) -> Figure {
        let mut numbers = BTreeMap::from([
            ("points".to_owned(), map.points.len() as f64),
            ("thumbnails".to_owned(), self.nearest(&map).len() as f64),
            ("nearest_same_class".to_owned(), agreement),
        ]);
        let (name, reading) = match self.method {
            Method::Pca => {
                numbers.insert("explained.1".to_owned(), map.explained[0]);
                numbers.insert("explained.2".to_owned(), map.explained[1]);
                let reading = "Two of many directions: groups that overlap here may be apart in the others, and the share of the \
                               variance on the axes says how much is hidden.";
                ("PCA", reading)
            }
            Method::TSne => (
                "t-SNE",
                "Near points are near in the embedding; sizes of groups and distances between them mean nothing.",
            ),
            Method::Umap => (
                "UMAP",
                "Near points are near in the embedding; sizes of groups mean nothing, and distances between them little.",
            ),
        };
        Figure {
            title: format!("Embedding projection ({name})"),
            subtitle,
            alt: format!(
                "{} embeddings on a plane, coloured by class; the nearest point has the same class for {:.0} % of them",
                map.points.len(),
                agreement * 100.0
            ),
            reading: format!("{reading} {}", trust::in_words(trust, &mut numbers)),
            numbers,
            body: Body::Scatter(map),
        }
    }
}

/// What an axis shows: all points, with a little room.
fn range(points: &[[f64; 2]], axis: usize) -> Range<f64> {
    let (low, high) = points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at[axis]), high.max(at[axis])));
    if high - low > 1e-12 { low - 0.04 * (high - low)..high + 0.04 * (high - low) } else { -1.0..1.0 }
}

/// The classes that are named beside the maps.
struct Legend {
    labels: BTreeSet<i32>,
    /// Classes that are not named.
    more: usize,
}

impl Legend {
    /// All classes, or those with most points where there is no room for all; ties by label.
    fn of(labels: &[i32], room: usize) -> Self {
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

    fn draw(&self, canvas: &mut Canvas, data: &ReportData, (x, top): (f64, f64)) {
        let place = |at: usize| (x, top + at as f64 * LEGEND_LINE + 16.0);
        let names: Vec<&str> = self.labels.iter().map(|label| data.class(*label)).collect();
        let names = text::fit_names(&names, theme::LABEL, Weight::Regular, LEGEND - 44.0);
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

/// The share of points whose nearest other point has their label; ties by position.
fn agreement(points: &[[f64; 2]], labels: &[i32], stop: Stop<'_>) -> Result<f64, ReportError> {
    if points.len() < 2 {
        return Ok(0.0);
    }
    let agrees = |at: usize| -> Result<bool, ReportError> {
        go_on(stop)?;
        let mut best = (f64::INFINITY, at);
        for (other, point) in points.iter().enumerate() {
            let apart = (point[0] - points[at][0]).powi(2) + (point[1] - points[at][1]).powi(2);
            if other != at && apart < best.0 {
                best = (apart, other);
            }
        }
        Ok(labels[best.1] == labels[at])
    };
    let mut right = 0;
    for at in 0..points.len() {
        right += usize::from(agrees(at)?);
    }
    Ok(right as f64 / points.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::{Legend, ReportError, agreement};

    #[test]
    fn agreement_counts_nearest_points_of_the_same_class() {
        let points = [[0.0, 0.0], [1.0, 0.0], [1.5, 0.0], [9.0, 0.0]];
        // Nearest of each: 1, 2, 1, 2.
        assert_eq!(agreement(&points, &[0, 0, 0, 1], &|| false).unwrap(), 0.75);
        assert_eq!(agreement(&points[..1], &[0], &|| false).unwrap(), 0.0);
        assert!(matches!(agreement(&points, &[0, 0, 0, 1], &|| true), Err(ReportError::Stopped)));
    }

    #[test]
    fn a_legend_without_room_names_the_largest_classes_and_counts_the_others() {
        let labels: Vec<i32> = (0..50).chain([7, 30, 49]).collect();
        let legend = Legend::of(&labels, 5);
        assert_eq!((legend.labels.into_iter().collect::<Vec<_>>(), legend.more), (vec![0, 7, 30, 49], 46));
        let legend = Legend::of(&labels, 50);
        assert_eq!((legend.labels.len(), legend.more), (50, 0));
    }
}
