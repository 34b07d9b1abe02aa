//! Text as pixels: the fonts, its measures and its rasterising. Knows nothing of figures.
//!
//! Plotters' own text drawing drops each glyph's left bearing and rounds every advance to whole pixels, which makes
//! words uneven; this places glyphs at fractions of a pixel, kerns them, and shapes what is not Latin ([`shape`]).

mod face;
mod fit;
mod loaded;
mod own;
mod shape;

use std::sync::Once;

use ab_glyph::{Font, point};
use plotters::style::{FontStyle, register_font};

pub(super) use self::face::{Face, drawable, is_missing, is_shaped, number};
pub(super) use self::fit::{fit, fit_name, fit_names, wrap};
pub use self::own::{InUse, LARGEST, OwnFont, forbids_embedding};
pub(super) use self::shape::glyphs;

/// The name under which plotters knows the bundled font.
pub(super) const FAMILY: &str = "DejaVu Sans";

/// Height of a capital letter, in ems.
pub(super) const CAP_HEIGHT: f64 = 0.729;

/// How heavy letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// For reading.
    Regular,
    /// For titles and what matters.
    Bold,
}

/// Gives the font to plotters, which measures labels with it. Only the first call does anything.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, face::REGULAR), (FontStyle::Bold, face::BOLD)] {
            assert!(register_font(FAMILY, style, bytes).is_ok(), "the bundled fonts are valid");
        }
    });
}

/// The width of a line of text, in pixels, for an em of `size` pixels.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    f64::from(shape::line(&drawable(text), size, weight).1)
}

/// Calls `pixel(x, y, coverage)` for every pixel of a line whose baseline starts at `(x, y)`.
pub(super) fn rasterise(
    text: &str,
    size: f64,
    weight: Weight,
    (x, y): (f64, f64),
    mut pixel: impl FnMut(i32, i32, f32),
) {
    for placed in shape::line(&drawable(text), size, weight).0 {
        let (font, scale) = (placed.face.outlines(), shape::scale(placed.face, size));
        let glyph = placed.glyph.with_scale_and_position(scale, point(x as f32 + placed.x, y as f32 + placed.y));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| pixel(corner.x as i32 + dx as i32, corner.y as i32 + dy as i32, coverage));
        }
    }
}

/// The outlines of a line that a reader's own fonts may not draw alike, as data of an SVG path: in thousandths of an em from the
/// start of its base. Nothing for text of the main font, letter after letter.
pub(super) fn outlines(text: &str, weight: Weight) -> Option<String> {
    let text = drawable(text);
    (!face::is_plain(&text, weight)).then(|| shape::path(&text, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_the_font_and_both_marks_exist() {
        // DejaVu Sans advances: `0` is 1303 of 2048 units, `i` is 569.
        assert!((width("0", 2048.0, Weight::Regular) - 1303.0).abs() < 0.5);
        assert!((width("i", 2048.0, Weight::Regular) - 569.0).abs() < 0.5);
        for mark in ['✓', '✗', '…', '–', '→'] {
            assert!(face::Face::Regular.has(mark) && face::Face::Bold.has(mark), "{mark}");
        }
    }
}
