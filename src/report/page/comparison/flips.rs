//! Queries that a run answers otherwise than the first, as pictures.

use std::collections::BTreeMap;
use std::fmt::Write;

use simpipe_artifact::{ComparedFlips, ComparisonReport, Image};

use crate::ReportError;
use crate::chart::number;
use crate::figure::body::{Tile, Tone};
use crate::inline::address;
use crate::mark::thumbnail;
use crate::page::chart::write_tile;
use crate::page::html::{escape, paragraph, shown};

/// The longer side of a thumbnail, in pixels.
const SIDE: usize = 64;

/// Of each run and stage the queries whose answer flipped, with their images.
pub(super) fn flips(report: &ComparisonReport, images: &BTreeMap<(String, u64), Image>) -> Result<String, ReportError> {
    if report.flips.is_empty() {
        return Ok(paragraph("No query is answered otherwise, or no stage has left an answer for each."));
    }
    let mut out = String::new();
    for found in &report.flips {
        let _ = write!(out, "<h3>{}</h3>", escape(&format!("{}: {}", report.label(found.run), found.stage)));
        out += &flipped(found, images)?;
    }
    Ok(out)
}

fn flipped(found: &ComparedFlips, images: &BTreeMap<(String, u64), Image>) -> Result<String, ReportError> {
    if let Some(why) = &found.why {
        return Ok(paragraph(&format!("Not known: {why}.")));
    }
    let count = |count: usize| number(count as f64, 0);
    let mut out = paragraph(&format!(
        "Of {} queries {} became right and {} wrong, against the first run.",
        count(found.queries),
        count(found.fixed),
        count(found.broken)
    ));
    let pictured: Vec<_> = found
        .images
        .iter()
        .filter_map(|flip| Some((flip, images.get(&(found.stage.clone(), flip.query_id))?)))
        .collect();
    out += &paragraph(&format!("{}.", shown(pictured.len(), found.images.len(), "flipped queries")));
    out += "<ul class=\"tiles\">";
    for (flip, image) in pictured {
        let answer = |answer: &Option<String>| answer.clone().unwrap_or_else(|| "none".to_owned());
        let (before, after) = (answer(&flip.before), answer(&flip.after));
        let verdict = if flip.fixed { "✓ became right" } else { "✗ became wrong" };
        let tile = Tile {
            id: flip.query_id,
            verdict: Some(flip.fixed),
            words: vec![
                (flip.label.clone(), Tone::Name),
                (verdict.to_owned(), Tone::of(flip.fixed)),
                (format!("before: {before}"), Tone::Plain),
                (format!("now: {after}"), Tone::Plain),
                (format!("query {}", flip.query_id), Tone::Muted),
            ],
        };
        out += "<li>";
        write_tile(&mut out, &address(&thumbnail(image, SIDE))?, &tile, flip.file.as_deref());
        out += "</li>";
    }
    Ok(out + "</ul>")
}
