//! `projection`: embeddings on a plane, as points and as images.

mod agreement;
mod legend;
mod picture;
mod population;

use std::collections::BTreeMap;
use std::ops::Range;

use simpipe_artifact::{Distance, Projection as Placed, ProjectionInfo};
use simpipe_base::check;
use simpipe_base::{choice, params};
use simpipe_metric::plane::{self, TSne, Trustworthiness, Umap, Way};

use super::body::{Body, Scatter};
use super::plot::{Part, Plot};
use super::{Figure, count_of, trust};
use crate::canvas::Canvas;
use crate::{ReportData, ReportError, Stop};
use agreement::agreement;

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
            "{} of {} dimensions{left_out}, from {}; the nearest point on this map has the same class for {:.0} % of them",
            count_of(map.points.len(), "embedding", "embeddings"),
            map.dim,
            self.population(data, &map),
            agreement * 100.0
        );
        let mut trust = None;
        if let Some(rows) = trust::rows(data, &map, self.distance(data)) {
            (trust, map.neighbours) = trust::of((&rows, data.embeddings.dim), &map.points, self.k, stop)?;
        }
        Ok(self.described(subtitle, map, agreement, trust))
    }

    /// The words of both axes.
    fn titles(&self, explained: [f64; 2]) -> [String; 2] {
        [0, 1].map(|axis| match self.method {
            Method::Pca => format!("Component {} ({:.1} % of the variance)", axis + 1, explained[axis] * 100.0),
            Method::TSne => format!("t-SNE {}", axis + 1),
            Method::Umap => format!("UMAP {}", axis + 1),
        })
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
