//! `sample-grid`: what the network is trained on.

use std::collections::BTreeMap;

use simpipe_base::check;
use simpipe_base::params;

use super::body::{Body, Gallery, Strip, Tile, Tone};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::error::go_on;
use crate::text::{self, Weight};
use crate::{ReportData, ReportError, Stop, chart, theme};

params! {
    /// The first images of the training pool, in its shuffled order.
    pub struct SampleGrid {
        /// Images at most.
        count: usize = 25 => check::between(1, 400),
        /// Images in a row.
        columns: usize = 5 => check::between(1, 20),
    }
}

const SIDE: f64 = 192.0;
const GAP: f64 = 24.0;
const NAME: f64 = 34.0;

impl Plot for SampleGrid {
    fn needs(&self) -> &'static [&'static str] {
        &["sampler"]
    }

    fn part(&self) -> Part {
        Part::Data
    }

    fn images(&self, data: &ReportData) -> Vec<u64> {
        self.asked(data)
    }

    fn build(&self, data: &ReportData, _: Stop<'_>) -> Result<Figure, ReportError> {
        Ok(self.built(data))
    }

    fn paint(&self, figure: &Figure, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError> {
        self.painted(figure, figure.gallery()?, data, stop)
    }
}

impl SampleGrid {
    fn asked(&self, data: &ReportData) -> Vec<u64> {
        data.samples.example_id.iter().take(self.count).copied().collect()
    }

    fn built(&self, data: &ReportData) -> Figure {
        let ids = self.asked(data);
        let strip = |(id, label): (&u64, &i32)| {
            let words = vec![(data.class(*label).to_owned(), Tone::Name)];
            Strip { tiles: vec![Tile { id: *id, verdict: None, words }], note: None }
        };
        let gallery = Gallery {
            strips: ids.iter().zip(&data.samples.label).map(strip).collect(),
            of: data.samples.label.len(),
            unit: ("training example", "training examples"),
            empty: "The training pool is empty.".to_owned(),
        };
        let names: Vec<&str> = data.samples.label.iter().take(ids.len()).map(|label| data.class(*label)).collect();
        Figure {
            title: "Training examples".to_owned(),
            subtitle: format!(
                "The first {} of {} in the shuffled training pool, with their classes",
                ids.len(),
                count_of(data.samples.label.len(), "example", "examples")
            ),
            alt: format!("{} training images: {}", ids.len(), names.join(", ")),
            reading: "Look for wrong labels and for what makes a class hard at this size.".to_owned(),
            numbers: BTreeMap::new(),
            body: Body::Gallery(gallery),
        }
    }

    fn painted(
        &self,
        figure: &Figure,
        gallery: &Gallery,
        data: &ReportData,
        stop: Stop<'_>,
    ) -> Result<Canvas, ReportError> {
        let tiles = &gallery.strips;
        let columns = self.columns.min(tiles.len()).max(3);
        let rows = tiles.len().div_ceil(columns).max(1);
        let width = 2.0 * theme::MARGIN + columns as f64 * (SIDE + GAP) - GAP;
        let top = Canvas::header_height(width, &figure.title, &figure.subtitle);
        let height = top + rows as f64 * (SIDE + NAME + GAP) + theme::MARGIN / 2.0;
        let mut canvas = Canvas::new(width as u32, height as u32);
        canvas.header(&figure.title, &figure.subtitle);
        if tiles.is_empty() {
            chart::nothing(&mut canvas, Area::new(0.0, top, width, SIDE), &gallery.empty);
        }
        let tiles: Vec<_> = tiles.iter().flat_map(|strip| &strip.tiles).collect();
        let names: Vec<&str> = tiles.iter().map(|tile| tile.words[0].0.as_str()).collect();
        let names = text::fit_names(&names, theme::LABEL, Weight::Regular, SIDE + GAP - 6.0);
        for (at, (tile, name)) in tiles.into_iter().zip(&names).enumerate() {
            go_on(stop)?;
            let x = theme::MARGIN + (at % columns) as f64 * (SIDE + GAP);
            let y = top + (at / columns) as f64 * (SIDE + NAME + GAP);
            canvas.image(data.image(tile.id)?, x, y, SIDE);
            let pen = Pen::new(theme::LABEL, theme::INK).align(Align::Centre);
            canvas.text(name, x + SIDE / 2.0, y + SIDE + 20.0, pen);
        }
        Ok(canvas)
    }
}
