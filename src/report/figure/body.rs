//! What a figure shows, as data: of one body a picture, a chart of a page and the table behind it are made.

use std::ops::Range;

use plotters::style::RGBColor;

use super::confusion_blocks::Blocks;
use super::confusion_grid::Grid;
use crate::theme::Shape;

/// What a figure shows. How it looks is said by its file; what it says is here.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// Curves between two axes.
    Lines(Lines),
    /// Bars side by side along an axis.
    Bars(Bars),
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
pub(crate) struct Axis {
    pub(crate) title: String,
    pub(crate) range: Range<f64>,
    /// Digits after the point of its numbers.
    pub(crate) digits: usize,
}

/// Space round the axes, in pixels of the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) size: (u32, u32),
    /// Between header and plane, for names of rules.
    pub(crate) above: f64,
    /// Right of the plane, for names of lines.
    pub(crate) right: f64,
    /// Right of the legend, more than the margin.
    pub(crate) legend: f64,
}

/// Curves between two axes.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) room: Room,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// Dashed lines over the whole height.
    pub(crate) rules: Vec<Rule>,
    /// In the order in which they are drawn.
    pub(crate) series: Vec<Series>,
    /// What stands in the middle where there is nothing to show.
    pub(crate) empty: Option<String>,
}

/// Bars side by side along an axis, of one or more kinds.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    pub(crate) room: Room,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// Dashed lines over the whole height.
    pub(crate) rules: Vec<Rule>,
    /// Where bars begin and end: one place more than there are of a kind.
    pub(crate) edges: Vec<f64>,
    /// Those that are drawn; each reaches from 0 to its heights.
    pub(crate) kinds: Vec<Heights>,
    /// What stands in the middle where there is nothing to show.
    pub(crate) empty: Option<String>,
}

/// Bars of one kind, which share an outline.
#[derive(Debug, Clone)]
pub(crate) struct Heights {
    pub(crate) name: String,
    pub(crate) heights: Vec<f64>,
    pub(crate) colour: RGBColor,
    /// How thick the outline is: kinds are told apart by more than colour.
    pub(crate) width: f64,
}

/// A place on the horizontal axis.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) at: f64,
    pub(crate) name: String,
    /// Whether it is the one in use.
    pub(crate) main: bool,
    pub(crate) width: f64,
    pub(crate) colour: RGBColor,
}

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) colour: RGBColor,
    pub(crate) width: f64,
    pub(crate) opacity: f64,
    /// How thick its stroke in the legend is, if it stands there.
    pub(crate) legend: Option<f64>,
    /// Whether its numbers are in the table of the page: helping lines are not.
    pub(crate) listed: bool,
    /// Whether its numbers are in the file beside the picture: what is drawn otherwise than it is told is not.
    pub(crate) kept: bool,
    /// What stands on its points and on its stroke in the legend, so that it is told from others without colours.
    pub(crate) mark: Option<Shape>,
}

impl Series {
    /// A curve whose numbers are listed, and that is in no legend.
    pub(crate) fn new(name: &str, points: Vec<(f64, f64)>, colour: RGBColor, width: f64) -> Self {
        Self {
            name: name.to_owned(),
            points,
            colour,
            width,
            opacity: 1.0,
            legend: None,
            listed: true,
            kept: true,
            mark: None,
        }
    }

    /// The same with a mark on its points.
    pub(crate) const fn marked(mut self, shape: Shape) -> Self {
        self.mark = Some(shape);
        self
    }

    /// The same, seen through.
    pub(crate) const fn faded(mut self, opacity: f64) -> Self {
        self.opacity = opacity;
        self
    }

    /// The same, in the legend.
    pub(crate) const fn in_legend(mut self, thickness: f64) -> Self {
        self.legend = Some(thickness);
        self
    }

    /// The same as a help for the eye.
    pub(crate) const fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    /// The same as a picture alone, of what another curve has as numbers.
    pub(crate) const fn drawn_only(mut self) -> Self {
        (self.listed, self.kept) = (false, false);
        self
    }
}

/// Embeddings on a plane.
#[derive(Debug, Clone)]
pub(crate) struct Scatter {
    pub(crate) points: Vec<[f64; 2]>,
    pub(crate) labels: Vec<i32>,
    pub(crate) ids: Vec<u64>,
    /// The nearest others of each in the embedding itself, as places among these; empty where they are not known.
    pub(crate) neighbours: Vec<Vec<usize>>,
    /// Embeddings that hold something else than numbers.
    pub(crate) left_out: usize,
    /// Numbers of an embedding.
    pub(crate) dim: usize,
    /// The share of the variance along each axis, where the method knows it.
    pub(crate) explained: [f64; 2],
    pub(crate) x: Range<f64>,
    pub(crate) y: Range<f64>,
    /// What the axes are called.
    pub(crate) titles: [String; 2],
}

/// A confusion matrix.
#[derive(Debug, Clone)]
pub(crate) struct HeatMap {
    pub(crate) grid: Grid,
    /// Whether cells are shares of their row.
    pub(crate) normalize: bool,
    /// All classes, where the grid shows some.
    pub(crate) blocks: Option<Blocks>,
    /// Queries whose images a page shows where a cell is asked for.
    pub(crate) images: Vec<u64>,
}

/// Images in strips.
#[derive(Debug, Clone)]
pub(crate) struct Gallery {
    pub(crate) strips: Vec<Strip>,
    /// How many there are, shown or not.
    pub(crate) of: usize,
    /// One and many of what a strip is.
    pub(crate) unit: (&'static str, &'static str),
    /// What stands there if there are none.
    pub(crate) empty: String,
}

/// Images that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Strip {
    pub(crate) tiles: Vec<Tile>,
    /// What is said of all of them.
    pub(crate) note: Option<String>,
}

/// An image with words under it.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(crate) id: u64,
    /// Whether it is a right or a wrong answer; `None` for what is no answer.
    pub(crate) verdict: Option<bool>,
    pub(crate) words: Vec<(String, Tone)>,
}

/// How a line of words is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
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
    pub(crate) const fn of(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}
