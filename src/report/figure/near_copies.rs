//! `near-copies`: queries beside references that look like them.

use std::collections::BTreeMap;

use simpipe_artifact::NearCopy;
use simpipe_base::check;
use simpipe_base::params;

use super::body::{Body, Gallery, Strip, Tile, Tone};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::error::go_on;
use crate::provenance::FoundCopies;
use crate::text::{self, Weight};
use crate::{ReportData, ReportError, Stop, chart, theme};

params! {
    /// The closest pairs of a query and a reference that look alike, side by side, as a stage `near-copies` that is plugged
    /// into the report has found them.
    pub struct NearCopies {
        /// Pairs shown at most.
        #[aka("count", "limit", "top")]
        pairs: usize = 24 => check::between(1, 200),
    }
}

const SIDE: f64 = 128.0;
/// Between the two images of a pair.
const GAP: f64 = 8.0;
const PAIR: f64 = 2.0 * SIDE + GAP;
const TILE: (f64, f64) = (PAIR + 48.0, SIDE + 104.0);
const COLUMNS: usize = 3;

impl Plot for NearCopies {
    fn needs(&self) -> &'static [&'static str] {
        &["near-copies"]
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
        paint(figure, figure.gallery()?, data, stop)
    }
}

impl NearCopies {
    fn shown<'a>(&self, data: &'a ReportData) -> &'a [NearCopy] {
        let pairs = data.provenance.near_copies.as_ref().map_or(&[][..], |copies| &copies.pairs);
        &pairs[..self.pairs.min(pairs.len())]
    }

    fn asked(&self, data: &ReportData) -> Vec<u64> {
        self.shown(data).iter().flat_map(|pair| [pair.query_id, pair.reference_id]).collect()
    }

    fn built(&self, data: &ReportData) -> Figure {
        let shown = self.shown(data);
        let found = data.provenance.near_copies.as_ref();
        let none = if found.is_some() { "There is no near copy to show." } else { NOT_LOOKED };
        let subtitle = found.map_or_else(|| NOT_LOOKED.to_owned(), |copies| words(copies, shown.len()));
        let strips = found.iter().flat_map(|copies| shown.iter().map(|pair| strip(copies, pair)));
        let gallery = Gallery {
            strips: strips.collect(),
            of: found.map_or(0, |copies| copies.info.pairs),
            unit: ("pair", "pairs"),
            empty: none.to_owned(),
        };
        let numbers = found.map_or_else(BTreeMap::new, |FoundCopies { info, .. }| {
            BTreeMap::from([
                ("pairs".to_owned(), info.pairs as f64),
                ("queries".to_owned(), info.query_ids.len() as f64),
                ("identical".to_owned(), info.identical as f64),
            ])
        });
        Figure {
            title: "Near copies".to_owned(),
            alt: if shown.is_empty() { none.to_owned() } else { subtitle.clone() },
            subtitle,
            reading: "Left the query, right what was there before it; a pair that shows the same makes the query easier than \
                      a new image, and one of two classes (✗) is a wrong label or a hard case."
                .to_owned(),
            numbers,
            body: Body::Gallery(gallery),
        }
    }
}

/// A query beside its reference.
fn strip(copies: &FoundCopies, pair: &NearCopy) -> Strip {
    let (tone, mark) = if pair.same_label { (Tone::Plain, "") } else { (Tone::Wrong, "✗ ") };
    let tile = |id: u64, class: &str| Tile { id, verdict: None, words: vec![(format!("{mark}{class}"), tone)] };
    let identical = if pair.query_digest == pair.reference_digest { ", identical" } else { "" };
    Strip {
        tiles: vec![
            tile(pair.query_id, copies.query_class(pair)),
            tile(pair.reference_id, copies.reference_class(pair)),
        ],
        note: Some(format!("{:.4}{identical}", pair.correlation)),
    }
}

fn paint(figure: &Figure, gallery: &Gallery, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError> {
    let width = 2.0 * theme::MARGIN + COLUMNS as f64 * TILE.0 - (TILE.0 - PAIR);
    let top = Canvas::header_height(width, &figure.title, &figure.subtitle) + 8.0;
    let rows = gallery.strips.len().div_ceil(COLUMNS);
    let height = if rows == 0 { top + 160.0 } else { top + rows as f64 * TILE.1 + theme::MARGIN / 2.0 };
    let mut canvas = Canvas::new(width as u32, height as u32);
    canvas.header(&figure.title, &figure.subtitle);
    for (at, pair) in gallery.strips.iter().enumerate() {
        go_on(stop)?;
        let corner = ((at % COLUMNS) as f64 * TILE.0 + theme::MARGIN, (at / COLUMNS) as f64 * TILE.1 + top);
        paint_pair(&mut canvas, data, pair, corner)?;
    }
    if gallery.strips.is_empty() {
        chart::nothing(&mut canvas, Area::new(0.0, top, width, 130.0), &gallery.empty);
    }
    Ok(canvas)
}

const NOT_LOOKED: &str = "Nobody has looked for near copies: plug a stage near-copies into the report.";

fn words(copies: &FoundCopies, shown: usize) -> String {
    let info = &copies.info;
    let some = if shown < info.pairs { format!(", the {shown} closest shown") } else { String::new() };
    format!(
        "{} of {} have one among {}: {} of a correlation of at least {}{some}",
        chart::number(info.query_ids.len() as f64, 0),
        count_of(info.queries, "query", "queries"),
        count_of(info.references, "reference", "references"),
        count_of(info.pairs, "pair", "pairs"),
        info.min_correlation
    )
}

fn paint_pair(canvas: &mut Canvas, data: &ReportData, pair: &Strip, (x, y): (f64, f64)) -> Result<(), ReportError> {
    for (at, tile) in pair.tiles.iter().enumerate() {
        canvas.image(data.image(tile.id)?, x + at as f64 * (SIDE + GAP), y, SIDE);
    }
    for (at, (words, tone)) in pair.tiles.iter().flat_map(|tile| &tile.words).enumerate() {
        let pen = Pen::new(theme::SMALL, theme::tone(*tone)).align(Align::Centre);
        let name = text::fit_name(words, theme::SMALL, Weight::Regular, SIDE);
        canvas.text(&name, x + SIDE / 2.0 + at as f64 * (SIDE + GAP), y + SIDE + 22.0, pen);
    }
    let pen = Pen::new(theme::SMALL, theme::MUTED).align(Align::Centre);
    canvas.text(pair.note.as_deref().unwrap_or_default(), x + PAIR / 2.0, y + SIDE + 48.0, pen);
    Ok(())
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::NearCopiesInfo;
    use simpipe_base::param;

    use super::*;
    use crate::figure::FigureSpec;
    use crate::synthetic;

    /// The numbers of a drawing, and what it shows in words.
    fn drawn(figure: &NearCopies, data: &ReportData) -> (BTreeMap<String, f64>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figure.png");
        let drawn = FigureSpec::NearCopies(figure.clone()).draw(data, &path, &|| false).unwrap();
        let picture = image::open(&path).unwrap().into_rgb8();
        let (width, height) = picture.dimensions();
        let edge = |x: u32, y: u32| picture.get_pixel(x, y).0 == [255; 3];
        assert!((0..width).all(|x| edge(x, 0) && edge(x, height - 1)), "cut above or below");
        assert!((0..height).all(|y| edge(0, y) && edge(width - 1, y)), "cut at a side");
        (drawn.numbers, drawn.alt)
    }

    #[test]
    fn the_closest_pairs_are_shown_or_why_there_are_none() {
        let figure: NearCopies = param::from_json(&serde_json::json!({ "pairs": 2 })).unwrap();
        let mut data = synthetic::small();
        assert_eq!(drawn(&figure, &data), (BTreeMap::new(), NOT_LOOKED.to_owned()));
        assert_eq!(Plot::images(&figure, &data), [0_u64; 0]);
        let pair = |query_id: u64, same_label| NearCopy {
            query_id,
            reference_id: query_id - 200,
            correlation: 0.99,
            query_label: 0,
            reference_label: 1,
            same_label,
            query_digest: "a".into(),
            reference_digest: if same_label { "a".into() } else { "b".into() },
        };
        let info = NearCopiesInfo {
            min_correlation: 0.95,
            queries: 12,
            references: 30,
            pairs: 3,
            query_ids: vec![200, 201, 202],
            classes: vec!["Cat".into()],
            ..NearCopiesInfo::default()
        };
        let pairs = vec![pair(200, true), pair(201, false), pair(202, true)];
        data.provenance.near_copies = Some(FoundCopies { info, pairs });
        assert_eq!(Plot::images(&figure, &data), [200, 0, 201, 1]);
        let (numbers, alt) = drawn(&figure, &data);
        assert_eq!((numbers["pairs"], numbers["queries"]), (3.0, 3.0));
        assert_eq!(
            alt,
            "3 of 12 queries have one among 30 references: 3 pairs of a correlation of at least 0.95, the 2 closest shown"
        );
        data.provenance.near_copies.as_mut().unwrap().pairs.clear();
        assert_eq!(drawn(&figure, &data).1, "There is no near copy to show.");
    }
}
