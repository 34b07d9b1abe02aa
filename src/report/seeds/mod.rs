//! The picture and the page of one experiment at several seeds.

mod figure;
mod page;
#[cfg(test)]
mod tests;

use std::path::Path;

use simpipe_artifact::SeedsReport;

use super::{Drawn, ReportError};

pub use page::page;

/// The picture's file.
pub const FIGURE: &str = "seeds.png";

/// Draws each seed's figures with their intervals beside the mean with its own.
///
/// # Errors
/// If the file can't be written.
pub fn draw(report: &SeedsReport, path: &Path) -> Result<Drawn, ReportError> {
    figure::draw(report, path)
}

/// What the two intervals are, for whoever sees both.
const SPREADS: &str = "Two spreads stand beside each other. Over seeds: the standard deviation of one training, and the 95 % \
                       t-interval of the mean over trainings that differ in their seed alone; it says what another training \
                       would give on these very images. Sampling: each training's own 95 % interval over its queries; it says \
                       what other images would give with this very network, and knows nothing of other seeds. Neither holds \
                       the other.";
