//! What a figure shows, as data: of one body a picture, a chart of a page and the table behind it are made.

use std::ops::Range;

use plotters::style::RGBColor;

use super::confusion_matrix::{Blocks, Grid};

/// What a figure shows. How it looks is said by its file; what it says is here.
#[derive(Debug, Clone)]
pub(in crate::report) enum Body {
    /// Curves between two axes.
    Lines(Lines),
    /// Points of classes on a plane, some of them with their images.
    Scatter(Scatter),
    /// Counts of pairs of classes.
    HeatMap(HeatMap),
    /// Images with words under them.
    Gallery(Gallery),
    /// What the figure is about was not plugged in.
    Absent,
}

/// An axis in numbers.
#[derive(Debug, Clone)]
pub(in crate::report) struct Axis {
    pub(in crate::report) title: String,
    pub(in crate::report) range: Range<f64>,
    /// Digits after the point of its numbers.
    pub(in crate::report) digits: usize,
}

/// Space round the axes, in pixels of the picture.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Room {
    pub(in crate::report) size: (u32, u32),
    /// Between header and plane, for names of rules.
    pub(in crate::report) above: f64,
    /// Right of the plane, for names of lines.
    pub(in crate::report) right: f64,
    /// Right of the legend, more than the margin.
    pub(in crate::report) legend: f64,
}

/// Curves between two axes.
#[derive(Debug, Clone)]
pub(in crate::report) struct Lines {
    pub(in crate::report) room: Room,
    pub(in crate::report) x: Axis,
    pub(in crate::report) y: Axis,
    /// Dashed lines over the whole height.
    pub(in crate::report) rules: Vec<Rule>,
    /// In the order in which they are drawn.
    pub(in crate::report) series: Vec<Series>,
    /// What stands in the middle where there is nothing to show.
    pub(in crate::report) empty: Option<String>,
}

/// A place on the horizontal axis.
#[derive(Debug, Clone)]
pub(in crate::report) struct Rule {
    pub(in crate::report) at: f64,
    pub(in crate::report) name: String,
    /// Whether it is the one in use.
    pub(in crate::report) main: bool,
    pub(in crate::report) width: f64,
    pub(in crate::report) colour: RGBColor,
}

/// One curve.
#[derive(Debug, Clone)]
pub(in crate::report) struct Series {
    pub(in crate::report) name: String,
    pub(in crate::report) points: Vec<(f64, f64)>,
    pub(in crate::report) colour: RGBColor,
    pub(in crate::report) width: f64,
    pub(in crate::report) opacity: f64,
    /// How thick its stroke in the legend is, if it stands there.
    pub(in crate::report) legend: Option<f64>,
    /// Whether its numbers are in the table of the page: helping lines are not.
    pub(in crate::report) listed: bool,
    /// Whether its numbers are in the file beside the picture: what is drawn otherwise than it is told is not.
    pub(in crate::report) kept: bool,
}

impl Series {
    /// A curve whose numbers are listed, and that is in no legend.
    pub(in crate::report) fn new(name: &str, points: Vec<(f64, f64)>, colour: RGBColor, width: f64) -> Self {
        Self { name: name.to_owned(), points, colour, width, opacity: 1.0, legend: None, listed: true, kept: true }
    }

    /// The same, seen through.
    pub(in crate::report) const fn faded(mut self, opacity: f64) -> Self {
        self.opacity = opacity;
        self
    }

    /// The same, in the legend.
    pub(in crate::report) const fn in_legend(mut self, thickness: f64) -> Self {
        self.legend = Some(thickness);
        self
    }

    /// The same as a help for the eye.
    pub(in crate::report) const fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    /// The same as a picture alone, of what another curve has as numbers.
    pub(in crate::report) const fn drawn_only(mut self) -> Self {
        (self.listed, self.kept) = (false, false);
        self
    }
}

/// Embeddings on a plane.
#[derive(Debug, Clone)]
pub(in crate::report) struct Scatter {
    pub(in crate::report) points: Vec<[f64; 2]>,
    pub(in crate::report) labels: Vec<i32>,
    pub(in crate::report) ids: Vec<u64>,
    /// The nearest others of each in the embedding itself, as places among these; empty where they are not known.
    pub(in crate::report) neighbours: Vec<Vec<usize>>,
    /// Embeddings that hold something else than numbers.
    pub(in crate::report) left_out: usize,
    /// Numbers of an embedding.
    pub(in crate::report) dim: usize,
    /// The share of the variance along each axis, where the method knows it.
    pub(in crate::report) explained: [f64; 2],
    pub(in crate::report) x: Range<f64>,
    pub(in crate::report) y: Range<f64>,
    /// What the axes are called.
    pub(in crate::report) titles: [String; 2],
}

/// A confusion matrix.
#[derive(Debug, Clone)]
pub(in crate::report) struct HeatMap {
    pub(in crate::report) grid: Grid,
    /// Whether cells are shares of their row.
    pub(in crate::report) normalize: bool,
    /// All classes, where the grid shows some.
    pub(in crate::report) blocks: Option<Blocks>,
    /// Queries whose images a page shows where a cell is asked for.
    pub(in crate::report) images: Vec<u64>,
}

/// Images in strips.
#[derive(Debug, Clone)]
pub(in crate::report) struct Gallery {
    pub(in crate::report) strips: Vec<Strip>,
    /// How many there are, shown or not.
    pub(in crate::report) of: usize,
    /// One and many of what a strip is.
    pub(in crate::report) unit: (&'static str, &'static str),
    /// What stands there if there are none.
    pub(in crate::report) empty: String,
}

/// Images that belong together.
#[derive(Debug, Clone)]
pub(in crate::report) struct Strip {
    pub(in crate::report) tiles: Vec<Tile>,
    /// What is said of all of them.
    pub(in crate::report) note: Option<String>,
}

/// An image with words under it.
#[derive(Debug, Clone)]
pub(in crate::report) struct Tile {
    pub(in crate::report) id: u64,
    /// Whether it is a right or a wrong answer; `None` for what is no answer.
    pub(in crate::report) verdict: Option<bool>,
    pub(in crate::report) words: Vec<(String, Tone)>,
}

/// How a line of words is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    /// A class.
    Name,
    /// A number, or what is said by the way.
    Plain,
    /// The same, less important.
    Muted,
    /// Right; its words carry ✓.
    Right,
    /// Wrong; its words carry ✗.
    Wrong,
}

impl Tone {
    /// Of an answer.
    pub(in crate::report) const fn of(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}
