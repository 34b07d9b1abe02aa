//! `no-match`: the queries that were not accepted.

use std::collections::BTreeMap;

use simpipe_artifact::MatchRow;
use simpipe_base::check;
use simpipe_base::params;

use super::body::{Body, Gallery, Strip, Tile, Tone};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::classes::indexed;
use crate::error::go_on;
use crate::interval::counts_all;
use crate::text::{self, Weight};
use crate::{ReportData, ReportError, Stop, chart, theme};

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

impl Plot for NoMatch {
    fn needs(&self) -> &'static [&'static str] {
        &["matches"]
    }

    fn part(&self) -> Part {
        Part::NoMatch
    }

    fn images(&self, data: &ReportData) -> Vec<u64> {
        self.asked(data)
    }

    fn build(&self, data: &ReportData, _: Stop<'_>) -> Result<Figure, ReportError> {
        Ok(self.built(data))
    }

    fn paint(&self, figure: &Figure, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError> {
        paint(figure, figure.gallery()?, data, stop)
    }
}

impl NoMatch {
    fn shown<'a>(&self, data: &'a ReportData) -> Vec<&'a MatchRow> {
        data.matches.0.iter().filter(|row| !row.matched).take(self.limit).collect()
    }

    fn asked(&self, data: &ReportData) -> Vec<u64> {
        self.shown(data).iter().map(|row| row.query_id).collect()
    }

    fn built(&self, data: &ReportData) -> Figure {
        let shown = self.shown(data);
        let all = data.matches.0.iter().filter(|row| !row.matched).count();
        let more = if all > shown.len() { format!(", the first {} shown", shown.len()) } else { String::new() };
        let strip = |row: &&MatchRow| Strip { tiles: vec![tile(data, row)], note: None };
        let none = if data.matches.0.is_empty() { "There are no queries." } else { ALL_MATCH };
        let gallery = Gallery {
            strips: shown.iter().map(strip).collect(),
            of: all,
            unit: ("query without a match", "queries without a match"),
            empty: none.to_owned(),
        };
        let alt = if all == 0 {
            ALL_MATCH.to_owned()
        } else {
            format!("{}, {} shown", count_of(all, "query without a match", "queries without a match"), shown.len())
        };
        Figure {
            title: "Queries without a match".to_owned(),
            subtitle: format!(
                "{} of {} at {}{more}",
                chart::number(all as f64, 0),
                count_of(data.matches.0.len(), "query", "queries"),
                data.cutpoint_words()
            ),
            alt,
            reading: reading(data),
            numbers: BTreeMap::from([("unmatched".to_owned(), all as f64)]),
            body: Body::Gallery(gallery),
        }
    }
}

/// Why queries were refused, and of how many each holds.
fn reading(data: &ReportData) -> String {
    let indexed = indexed(data);
    let refused = || data.matches.0.iter().filter(|row| !row.matched);
    let lacking = refused().filter(|row| !indexed.contains(&row.label)).count();
    let own = refused().filter(|row| row.predicted == Some(row.label)).count();
    let others = refused().count() - lacking - own;
    let count = |count: usize| chart::number(count as f64, 0);
    let reasons = [
        (own, "refused by the threshold alone: the nearest label (after ≈) is their own"),
        (lacking, "rightly refused: the index lacks their class"),
        (others, "kept from a wrong class: the nearest label is another than theirs, which the index has"),
    ];
    let said = reasons.into_iter().filter(|(some, _)| *some > 0);
    let said: Vec<String> = said.map(|(some, why)| format!("{} {why}", count(some))).collect();
    let why = if said.is_empty() {
        "No query was refused.".to_owned()
    } else {
        format!("Of these queries: {}.", said.join("; "))
    };
    why + &counts_all(data)
}

/// A query with its class, the nearest label and how far that is.
fn tile(data: &ReportData, row: &MatchRow) -> Tile {
    let nearest = match row.predicted {
        Some(label) if label == row.label => (format!("≈ {} ✓", data.class(label)), Tone::Right),
        Some(label) => (format!("≈ {} ✗", data.class(label)), Tone::Wrong),
        None => ("no neighbour".to_owned(), Tone::Muted),
    };
    let distance = row.distance.is_finite().then(|| (chart::short(f64::from(row.distance)), Tone::Muted));
    let words = [(data.class(row.label).to_owned(), Tone::Name), nearest].into_iter().chain(distance);
    Tile { id: row.query_id, verdict: None, words: words.collect() }
}

fn paint(figure: &Figure, gallery: &Gallery, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError> {
    let width = 2.0 * theme::MARGIN + COLUMNS as f64 * TILE.0 - 44.0;
    let top = Canvas::header_height(width, &figure.title, &figure.subtitle) + 8.0;
    let rows = gallery.strips.len().div_ceil(COLUMNS);
    let height = if rows == 0 { top + 160.0 } else { top + rows as f64 * TILE.1 + theme::MARGIN / 2.0 };
    let mut canvas = Canvas::new(width as u32, height as u32);
    canvas.header(&figure.title, &figure.subtitle);
    if gallery.strips.is_empty() {
        chart::nothing(&mut canvas, Area::new(0.0, top, width, 130.0), &gallery.empty);
    }
    for (at, tile) in gallery.strips.iter().flat_map(|strip| &strip.tiles).enumerate() {
        go_on(stop)?;
        let (x, y) = ((at % COLUMNS) as f64 * TILE.0 + theme::MARGIN, (at / COLUMNS) as f64 * TILE.1 + top);
        canvas.image(data.image(tile.id)?, x, y, SIDE);
        words(&mut canvas, tile, (x + SIDE / 2.0, y + SIDE));
    }
    Ok(canvas)
}

fn words(canvas: &mut Canvas, tile: &Tile, (centre, below): (f64, f64)) {
    let (name, small) = (Pen::new(theme::LABEL, theme::INK).bold(), Pen::new(theme::SMALL, theme::INK));
    let room = TILE.0 - 8.0;
    for ((words, tone), down) in tile.words.iter().zip([24.0, 49.0, 73.0]) {
        let (words, pen) = match tone {
            Tone::Name => (text::fit_name(words, name.size, Weight::Bold, room), name),
            // Of a label both the sign before it and the mark behind it are kept.
            Tone::Right | Tone::Wrong | Tone::Plain | Tone::Muted => {
                (text::fit_name(words, small.size, Weight::Regular, room), Pen { colour: theme::tone(*tone), ..small })
            }
        };
        canvas.text(&words, centre, below + down, pen.align(Align::Centre));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn each_reason_is_told_where_it_holds_and_no_other() {
        let mut data = synthetic::small();
        data.matches.0.iter_mut().for_each(|row| row.matched = true);
        assert_eq!(reading(&data), "No query was refused.");
        for (row, predicted) in data.matches.0.iter_mut().zip([0, 1, 7, 8]) {
            (row.matched, row.predicted) = (false, Some(predicted));
        }
        let words = reading(&data);
        assert!(words.starts_with("Of these queries: 2 refused by the threshold alone"), "{words}");
        assert!(words.contains("; 2 kept from a wrong class") && !words.contains("rightly"), "{words}");
        // Classes 2 and 3 are no longer in the index.
        data.index.label.iter_mut().for_each(|label| *label %= 2);
        let words = reading(&data);
        assert!(
            words.contains("; 2 rightly refused: the index lacks their class.") && !words.contains("kept"),
            "{words}"
        );
    }

    #[test]
    fn small_distances_are_told_apart() {
        let mut data = synthetic::small();
        data.matches.0[0].distance = 0.000_213_4;
        assert!(tile(&data, &data.matches.0[0]).words.iter().any(|(words, _)| words == "2.13e−4"));
    }
}
