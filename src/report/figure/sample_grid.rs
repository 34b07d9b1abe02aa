//! `sample-grid`: what the network is trained on.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Drawn, count_of};
use crate::base::check;
use crate::params;
use crate::report::canvas::{Align, Canvas, Pen};
use crate::report::error::go_on;
use crate::report::text::{self, Weight};
use crate::report::{ReportData, ReportError, Stop, chart, theme};

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

impl SampleGrid {
    pub(super) fn images(&self, data: &ReportData) -> Vec<u64> {
        data.samples.example_id.iter().take(self.count).copied().collect()
    }

    pub(super) fn draw(&self, data: &ReportData, path: &Path, stop: Stop<'_>) -> Result<Drawn, ReportError> {
        let ids = self.images(data);
        let title = "Training examples".to_owned();
        let subtitle = format!(
            "The first {} of {} in the shuffled training pool, with their classes",
            ids.len(),
            count_of(data.samples.label.len(), "example", "examples")
        );
        let columns = self.columns.min(ids.len()).max(3);
        let rows = ids.len().div_ceil(columns).max(1);
        let width = 2.0 * theme::MARGIN + columns as f64 * (SIDE + GAP) - GAP;
        let top = Canvas::header_height(width, &title, &subtitle);
        let height = top + rows as f64 * (SIDE + NAME + GAP) + theme::MARGIN / 2.0;
        let mut canvas = Canvas::new(width as u32, height as u32);
        canvas.header(&title, &subtitle);
        if ids.is_empty() {
            let area = crate::report::canvas::Area::new(0.0, top, width, SIDE);
            chart::nothing(&mut canvas, area, "The training pool is empty.");
        }
        for (at, id) in ids.iter().enumerate() {
            go_on(stop)?;
            let x = theme::MARGIN + (at % columns) as f64 * (SIDE + GAP);
            let y = top + (at / columns) as f64 * (SIDE + NAME + GAP);
            canvas.image(data.image(*id)?, x, y, SIDE);
            let name =
                text::fit_name(data.class(data.samples.label[at]), theme::LABEL, Weight::Regular, SIDE + GAP - 6.0);
            let pen = Pen::new(theme::LABEL, theme::INK).align(Align::Centre);
            canvas.text(&name, x + SIDE / 2.0, y + SIDE + 20.0, pen);
        }
        canvas.save(path)?;
        let names: Vec<&str> = data.samples.label.iter().take(ids.len()).map(|label| data.class(*label)).collect();
        Ok(Drawn {
            alt: format!("{} training images: {}", ids.len(), names.join(", ")),
            title,
            reading: "Look for wrong labels and for what makes a class hard at this size.".to_owned(),
            numbers: BTreeMap::new(),
        })
    }
}
