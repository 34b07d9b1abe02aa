//! `no-match`: the queries that were not accepted.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Drawn, count_of};
use crate::artifact::MatchRow;
use crate::base::check;
use crate::params;
use crate::report::canvas::{Align, Area, Canvas, Pen};
use crate::report::error::go_on;
use crate::report::text::{self, Weight};
use crate::report::{ReportData, ReportError, Stop, chart, theme};

params! {
    /// Queries beyond the distance threshold, with the nearest label that was refused.
    pub struct NoMatch {
        /// Queries shown at most.
        limit: usize = 25 => check::between(1, 400),
    }
}

/// What the tutorial prints when there is nothing to show.
pub(super) const ALL_MATCH: &str = "All queries have a match below the distance threshold.";

const SIDE: f64 = 160.0;
const TILE: (f64, f64) = (SIDE + 44.0, SIDE + 114.0);
const COLUMNS: usize = 5;

impl NoMatch {
    fn shown<'a>(&self, data: &'a ReportData) -> Vec<&'a MatchRow> {
        data.matches.0.iter().filter(|row| !row.matched).take(self.limit).collect()
    }

    pub(super) fn images(&self, data: &ReportData) -> Vec<u64> {
        self.shown(data).iter().map(|row| row.query_id).collect()
    }

    pub(super) fn draw(&self, data: &ReportData, path: &Path, stop: Stop<'_>) -> Result<Drawn, ReportError> {
        let shown = self.shown(data);
        let all = data.matches.0.iter().filter(|row| !row.matched).count();
        let title = "Queries without a match".to_owned();
        let more = if all > shown.len() { format!(", the first {} shown", shown.len()) } else { String::new() };
        let subtitle = format!(
            "{all} of {} at {}{more}",
            count_of(data.matches.0.len(), "query", "queries"),
            data.cutpoint_words()
        );
        let width = 2.0 * theme::MARGIN + COLUMNS as f64 * TILE.0 - 44.0;
        let top = Canvas::header_height(width, &title, &subtitle) + 8.0;
        let rows = shown.len().div_ceil(COLUMNS);
        let height = if rows == 0 { top + 160.0 } else { top + rows as f64 * TILE.1 + theme::MARGIN / 2.0 };
        let mut canvas = Canvas::new(width as u32, height as u32);
        canvas.header(&title, &subtitle);
        if shown.is_empty() {
            let sentence = if data.matches.0.is_empty() { "There are no queries." } else { ALL_MATCH };
            chart::nothing(&mut canvas, Area::new(0.0, top, width, 130.0), sentence);
        }
        for (at, row) in shown.iter().enumerate() {
            go_on(stop)?;
            let corner = ((at % COLUMNS) as f64 * TILE.0 + theme::MARGIN, (at / COLUMNS) as f64 * TILE.1 + top);
            tile(&mut canvas, data, row, corner)?;
        }
        canvas.save(path)?;
        let alt = if all == 0 {
            ALL_MATCH.to_owned()
        } else {
            format!("{all} queries without a match, {} shown", shown.len())
        };
        Ok(Drawn {
            title,
            alt,
            reading:
                "A query whose nearest label (after ≈) is its own was refused by the threshold alone; others were \
                      rightly refused."
                    .to_owned(),
            numbers: BTreeMap::from([("unmatched".to_owned(), all as f64)]),
        })
    }
}

fn tile(canvas: &mut Canvas, data: &ReportData, row: &MatchRow, (x, y): (f64, f64)) -> Result<(), ReportError> {
    canvas.image(data.image(row.query_id)?, x, y, SIDE);
    let (name, small) = (Pen::new(theme::LABEL, theme::INK).bold(), Pen::new(theme::SMALL, theme::INK));
    let centre = x + SIDE / 2.0;
    let class = text::fit_name(data.class(row.label), name.size, Weight::Bold, TILE.0 - 8.0);
    canvas.text(&class, centre, y + SIDE + 24.0, name.align(Align::Centre));
    let (words, colour) = match row.predicted {
        Some(label) if label == row.label => (format!("≈ {} ✓", data.class(label)), theme::RIGHT),
        Some(label) => (format!("≈ {} ✗", data.class(label)), theme::WRONG),
        None => ("no neighbour".to_owned(), theme::MUTED),
    };
    let words = text::fit(&words, small.size, Weight::Regular, TILE.0 - 8.0);
    canvas.text(&words, centre, y + SIDE + 49.0, Pen { colour, ..small }.align(Align::Centre));
    if row.distance.is_finite() {
        canvas.text(
            &format!("{:.4}", row.distance),
            centre,
            y + SIDE + 73.0,
            Pen { colour: theme::MUTED, ..small }.align(Align::Centre),
        );
    }
    Ok(())
}
