//! What each figure does: says what it needs, becomes data, and is put on a page.

use super::Figure;
use super::body::{Bars, Body, Gallery, HeatMap, Lines, Scatter};
use crate::canvas::Canvas;
use crate::{ReportData, ReportError, Stop};

/// The part of a page that a figure belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What the images are.
    Data,
    /// How the network was trained.
    Training,
    /// How embeddings lie.
    Embedding,
    /// What thresholds achieve.
    Calibration,
    /// What queries find.
    Neighbours,
    /// What classes are taken for.
    Confusion,
    /// What finds nothing.
    NoMatch,
}

/// One kind of figure, with its parameters.
pub(super) trait Plot {
    /// The ports without which there is nothing to show.
    fn needs(&self) -> &'static [&'static str];

    /// Where it stands on a page.
    fn part(&self) -> Part;

    /// The examples whose images it shows.
    fn images(&self, _: &ReportData) -> Vec<u64> {
        Vec::new()
    }

    /// What it says of these data.
    fn build(&self, data: &ReportData, stop: Stop<'_>) -> Result<Figure, ReportError>;

    /// Puts what it says on a page of its own.
    fn paint(&self, figure: &Figure, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError>;
}

impl Figure {
    /// What is drawn as curves.
    pub(super) fn lines(&self) -> Result<&Lines, ReportError> {
        if let Body::Lines(lines) = &self.body { Ok(lines) } else { Err(self.foreign()) }
    }

    /// What is drawn as bars.
    pub(super) fn bars(&self) -> Result<&Bars, ReportError> {
        if let Body::Bars(bars) = &self.body { Ok(bars) } else { Err(self.foreign()) }
    }

    /// What is drawn as points.
    pub(super) fn scatter(&self) -> Result<&Scatter, ReportError> {
        if let Body::Scatter(map) = &self.body { Ok(map) } else { Err(self.foreign()) }
    }

    /// What is drawn as shades.
    pub(super) fn heat_map(&self) -> Result<&HeatMap, ReportError> {
        if let Body::HeatMap(map) = &self.body { Ok(map) } else { Err(self.foreign()) }
    }

    /// What is shown as images.
    pub(super) fn gallery(&self) -> Result<&Gallery, ReportError> {
        if let Body::Gallery(gallery) = &self.body { Ok(gallery) } else { Err(self.foreign()) }
    }

    /// That the figure is not what a painter takes.
    pub(super) fn foreign(&self) -> ReportError {
        ReportError::Draw(format!("{} is not of this figure", self.title))
    }
}
