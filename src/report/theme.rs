//! How figures look: colours, sizes, margins, the marker of each class. Draws nothing.

use plotters::style::RGBColor;

use super::figure::Tone;

/// Titles, values, axis labels.
pub(super) const INK: RGBColor = RGBColor(28, 33, 43);
/// What explains, without being the point. 5.9:1 on white.
pub(super) const MUTED: RGBColor = RGBColor(88, 96, 110);
/// Zeros among counts: readable, but behind what is not zero.
pub(super) const FAINT: RGBColor = RGBColor(126, 133, 145);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(228, 231, 236);
/// Frames round charts.
pub(super) const FRAME: RGBColor = RGBColor(160, 167, 178);
/// The page.
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// A neighbour of the right class; told apart from [`WRONG`] by hue, lightness and the mark beside it.
pub(super) const RIGHT: RGBColor = RGBColor(0, 114, 178);
/// A neighbour of another class.
pub(super) const WRONG: RGBColor = RGBColor(205, 75, 0);

/// Em of a figure's title, in pixels.
pub(super) const TITLE: f64 = 34.0;
/// Em of what stands under the title.
pub(super) const SUBTITLE: f64 = 21.0;
/// Em of axis titles, legends and class names.
pub(super) const LABEL: f64 = 20.0;
/// Em of tick labels and numbers in small places.
pub(super) const SMALL: f64 = 18.0;
/// White space round a figure.
pub(super) const MARGIN: f64 = 56.0;
/// Width and height of a chart.
pub(super) const CHART: (u32, u32) = (1600, 1000);

/// Ten colours that people with any one kind of colour blindness tell apart on white: Okabe and Ito (2008) without
/// its yellow, filled up from Paul Tol's muted scheme.
const CLASSES: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(136, 34, 85),
    RGBColor(140, 140, 40),
    RGBColor(51, 34, 136),
    RGBColor(60, 60, 60),
];

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A disc.
    Disc,
    /// A square.
    Square,
    /// A triangle on its base.
    Up,
    /// A square on a corner.
    Diamond,
    /// A triangle on a corner.
    Down,
    /// An upright cross.
    Plus,
    /// A ring.
    Ring,
    /// A cross on its feet.
    Cross,
    /// A six-pointed star.
    Star,
    /// A square with a hole.
    Frame,
}

const SHAPES: [Shape; 10] = [
    Shape::Disc,
    Shape::Square,
    Shape::Up,
    Shape::Diamond,
    Shape::Down,
    Shape::Plus,
    Shape::Ring,
    Shape::Cross,
    Shape::Star,
    Shape::Frame,
];

impl Shape {
    /// Whether the point `(x, y)` lies inside the shape of radius 1 round the origin, y downward.
    pub(super) fn contains(self, x: f64, y: f64) -> bool {
        let (across, down) = (x.abs(), y.abs());
        let radius = x.hypot(y);
        match self {
            Self::Disc => radius <= 0.95,
            Self::Ring => (0.55..=1.0).contains(&radius),
            Self::Square => across.max(down) <= 0.82,
            Self::Frame => (0.48..=0.88).contains(&across.max(down)),
            Self::Diamond => across + down <= 1.1,
            Self::Up => triangle(x, y),
            Self::Down => triangle(x, -y),
            Self::Plus => across.min(down) <= 0.3 && across.max(down) <= 1.0,
            Self::Cross => (across - down).abs() <= 0.42 && across.max(down) <= 0.85,
            Self::Star => triangle(x, y + 0.05) || triangle(x, -y + 0.05),
        }
    }
}

/// A triangle with its tip at `(0, -1)` and its base at `y = 0.7`.
fn triangle(x: f64, y: f64) -> bool {
    y <= 0.7 && x.abs() <= (y + 1.0) * 0.56
}

/// The colour of words of a kind.
pub(super) const fn tone(tone: Tone) -> RGBColor {
    match tone {
        Tone::Name | Tone::Plain => INK,
        Tone::Muted => MUTED,
        Tone::Right => RIGHT,
        Tone::Wrong => WRONG,
    }
}

/// The colour of a class.
pub(super) fn class_colour(label: usize) -> RGBColor {
    CLASSES[label % CLASSES.len()]
}

/// The shape of a class: it cycles past ten classes so that the first hundred pairs of colour and shape differ.
pub(super) fn class_shape(label: usize) -> Shape {
    SHAPES[(label + label / CLASSES.len()) % SHAPES.len()]
}

/// White to dark blue for a share in `[0, 1]`, by interpolation between anchors of falling lightness (the blues of
/// ColorBrewer): read the same in grey and with any colour blindness.
pub(super) fn sequential(share: f64) -> RGBColor {
    const ANCHORS: [(f64, f64, f64); 6] = [
        (255.0, 255.0, 255.0),
        (222.0, 235.0, 247.0),
        (158.0, 202.0, 225.0),
        (66.0, 146.0, 198.0),
        (8.0, 81.0, 156.0),
        (8.0, 36.0, 87.0),
    ];
    let at = share.clamp(0.0, 1.0) * (ANCHORS.len() - 1) as f64;
    let low = (at.floor() as usize).min(ANCHORS.len() - 2);
    let mix = |from: f64, to: f64| (from + (to - from) * (at - low as f64)).round() as u8;
    let (from, to) = (ANCHORS[low], ANCHORS[low + 1]);
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// Black or white, whichever is read better on `ground` (WCAG's relative luminance).
pub(super) fn contrasting(ground: RGBColor) -> RGBColor {
    // Both give the same contrast at sqrt(1.05 * 0.05) - 0.05.
    if luminance(ground) > 0.179 { RGBColor(0, 0, 0) } else { PAPER }
}

/// Relative luminance in `[0, 1]` (WCAG 2.1).
fn luminance(colour: RGBColor) -> f64 {
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { libm::pow((value + 0.055) / 1.055, 2.4) }
    };
    0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn a_hundred_classes_have_a_hundred_markers() {
        let markers: BTreeSet<String> =
            (0..100).map(|label| format!("{:?} {:?}", class_colour(label), class_shape(label))).collect();
        assert_eq!(markers.len(), 100);
    }

    #[test]
    fn words_stay_readable_on_every_ground() {
        for step in 0..=100 {
            let ground = sequential(f64::from(step) / 100.0);
            assert!(contrast(ground, contrasting(ground)) >= 4.5, "{step}: {ground:?}");
        }
        assert!(contrast(PAPER, MUTED) >= 4.5 && contrast(PAPER, RIGHT) >= 4.5 && contrast(PAPER, WRONG) >= 4.0);
        assert_eq!(sequential(0.0), RGBColor(255, 255, 255));
    }
}
