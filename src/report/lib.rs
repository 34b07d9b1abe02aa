//! Tables to pictures and words: every figure as a PNG, `report.md` that ties them together, and `report.html` that is all of it.
//!
//! Reads what stages left (through [`ReportData`]), computes the baselines and the two-dimensional maps where no stage has
//! done so, and writes into one folder. Never searches an index and never trains. Plotters is used here only.

mod baseline;
mod beside;
mod canvas;
mod cells;
mod chart;
mod classes;
mod comparison;
mod data;
mod error;
mod evaluated;
mod evaluation;
mod experiment;
pub mod figure;
mod finding;
mod findings;
mod headline;
mod held;
mod inline;
mod interval;
mod known_classes;
mod leaks;
mod mark;
mod markdown;
mod measured;
mod page;
mod pen;
pub mod provenance;
mod raw;
mod right;
mod rows;
pub mod seeds;
mod spec;
mod summary;
mod surface;
mod svg;
pub mod sweep;
mod text;
mod theme;
mod untrained;
mod web_font;

pub use baseline::{Baselines, chance, lookup_without_self};
pub use comparison::{comparison_markdown, comparison_picture};
pub use data::{Overlap, ReportData};
pub use error::{ReportError, Stop};
pub use evaluated::{Evaluated, FurtherMatches, plugged_at};
pub use figure::{Drawn, Figure, FigureSpec, Shown};
pub use finding::Finding;
pub use findings::findings;
pub use headline::{Candidate, Familiarity, Judgement};
pub use held::{held, held_side};
pub use inline::base64;
pub use page::{
    AnswerCard, AnswerTile, RunBlock, RunStage, SplitPage, answers, comparison_page, page, run_page, split, sweep_page,
    with_run,
};
pub use provenance::{FoundCopies, Provenance};
pub use raw::{RAW_PIXEL_LIMIT, RawPixels, raw_pixels, worth_reading};
pub use summary::summary;
pub use text::{InUse, LARGEST as LARGEST_FONT, OwnFont, forbids_embedding};
pub use web_font::{can_be_embedded, lost_on_a_page};

#[cfg(any(test, feature = "testing"))]
pub mod synthetic;
