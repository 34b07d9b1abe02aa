//! `report.html`: one file that is the whole report. It needs no network and no script, and its bytes hang on the data alone.
//!
//! A script, where the reader allows it, adds what moves: it says nothing that is not on the page without it. No clock, host
//! or path enters it.

mod answers;
mod beside_runs;
mod chart;
pub(super) mod comparison;
mod confusion;
mod details;
mod document;
mod first;
mod fonts;
mod html;
mod hubs;
mod interactive;
mod numbers;
mod overlaps;
mod packed;
mod per_class;
mod policy;
mod provenance;
mod run_block;
mod run_profile;
mod sections;
mod sheet;
mod split;
mod sweep;

use simpipe_artifact::Image;

use super::figure::body::Body;
use super::inline;
use super::mark::thumbnail;
use super::{Baselines, Judgement, ReportData, ReportError, Shown};

pub use answers::{AnswerCard, AnswerTile, answers};
pub use comparison::comparison_page;
pub(super) use html::escape;
pub use run_block::{RunBlock, RunStage, run_page, with_run};
pub use split::{SplitPage, split};
pub use sweep::sweep_page;

/// A part of the page under a heading of its own.
struct Section {
    /// What addresses it within the page.
    id: &'static str,
    title: &'static str,
    body: String,
}

/// The whole page; figures stand where their kind belongs, in their order.
///
/// # Errors
/// If an image of a figure was not loaded.
pub fn page(
    data: &ReportData,
    figures: &[Shown],
    baselines: Option<&Baselines>,
    judgement: &Judgement,
) -> Result<String, ReportError> {
    let pictures = Pictures::of(figures);
    let mut parts = first::sections(data, figures, baselines, judgement);
    parts.extend(sections::sections(data, figures, &pictures)?);
    parts.push(provenance::section(data));
    Ok(document::document(data, &parts, &interactive::data(data, figures)))
}

/// How images become small pictures: the more there are, the smaller.
struct Pictures {
    /// The longer side of one at most, in pixels.
    side: usize,
}

/// What all pictures of a page may take, in bytes of raw colours: as PNG they take about as much.
const BYTES: usize = 1_500_000;

impl Pictures {
    fn of(figures: &[Shown]) -> Self {
        let count = |shown: &Shown| match &shown.figure.body {
            Body::Gallery(gallery) => gallery.strips.iter().map(|strip| strip.tiles.len()).sum(),
            _ => 0,
        };
        let all = figures.iter().map(count).sum::<usize>().max(1);
        let side = ((BYTES / all / 3) as f64).sqrt() as usize;
        Self { side: side.clamp(16, 96) }
    }

    fn address(&self, image: &Image) -> Result<String, ReportError> {
        inline::address(&thumbnail(image, self.side))
    }
}

#[cfg(test)]
mod tests;
