//! What is said of a text and of a place before something is drawn.

use plotters::style::RGBColor;

use crate::text::{self, Weight};

/// Where a text stands against its point, left or right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// The text starts there.
    Left,
    /// The text's middle is there.
    Centre,
    /// The text ends there.
    Right,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    /// The em in pixels.
    pub(crate) size: f64,
    /// How heavy.
    pub(crate) weight: Weight,
    /// Which colour.
    pub(crate) colour: RGBColor,
    /// Left, centre or right.
    pub(crate) align: Align,
}

impl Pen {
    /// A regular pen that starts at its point.
    pub(crate) const fn new(size: f64, colour: RGBColor) -> Self {
        Self { size, weight: Weight::Regular, colour, align: Align::Left }
    }

    /// The same, heavy.
    pub(crate) const fn bold(mut self) -> Self {
        self.weight = Weight::Bold;
        self
    }

    /// The same, placed otherwise.
    pub(crate) const fn align(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    /// The width of a line.
    pub(crate) fn width(&self, text: &str) -> f64 {
        text::width(text, self.size, self.weight)
    }
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    /// Left side.
    pub(crate) x: f64,
    /// Upper side.
    pub(crate) y: f64,
    /// Width.
    pub(crate) w: f64,
    /// Height.
    pub(crate) h: f64,
}

impl Area {
    /// A rectangle by its corner and size.
    pub(crate) const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// The same middle, every side moved out by `by`.
    pub(crate) fn grown(self, by: f64) -> Self {
        Self::new(self.x - by, self.y - by, self.w + 2.0 * by, self.h + 2.0 * by)
    }
}
