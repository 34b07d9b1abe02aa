//! Text as pixels: the bundled font, its measures and its rasterising. Knows nothing of figures.
//!
//! Plotters' own text drawing drops each glyph's left bearing and rounds every advance to whole pixels, which makes
//! words uneven; this places glyphs at fractions of a pixel and kerns them.

use std::sync::{LazyLock, Once};

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use plotters::style::{FontStyle, register_font};

/// The name under which plotters knows the bundled font.
pub(super) const FAMILY: &str = "DejaVu Sans";

const REGULAR: &[u8] = include_bytes!("font/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("font/DejaVuSans-Bold.ttf");

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

static FACES: LazyLock<[FontRef<'static>; 2]> =
    LazyLock::new(|| [REGULAR, BOLD].map(|bytes| FontRef::try_from_slice(bytes).expect("the bundled fonts are valid")));

fn face(weight: Weight) -> &'static FontRef<'static> {
    match weight {
        Weight::Regular => &FACES[0],
        Weight::Bold => &FACES[1],
    }
}

/// Gives the font to plotters, which measures labels with it. Only the first call does anything.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
            assert!(register_font(FAMILY, style, bytes).is_ok(), "the bundled fonts are valid");
        }
    });
}

/// `size` is the em in pixels; ab_glyph scales by the height of a line.
fn scale(font: &FontRef<'_>, size: f64) -> PxScale {
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * font.height_unscaled() / em)
}

/// The position of each glyph from the start of the line, and the width of the line, in pixels.
fn layout(text: &str, size: f64, weight: Weight) -> (Vec<(ab_glyph::GlyphId, f32)>, f32) {
    let font = face(weight);
    let scaled = font.as_scaled(scale(font, size));
    let (mut x, mut last, mut glyphs) = (0.0, None, Vec::with_capacity(text.len()));
    for character in text.chars() {
        let glyph = scaled.glyph_id(character);
        if let Some(last) = last {
            x += scaled.kern(last, glyph);
        }
        glyphs.push((glyph, x));
        x += scaled.h_advance(glyph);
        last = Some(glyph);
    }
    (glyphs, x)
}

/// The width of a line of text, in pixels, for an em of `size` pixels.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    f64::from(layout(text, size, weight).1)
}

/// Calls `pixel(x, y, coverage)` for every pixel of a line whose baseline starts at `(x, y)`.
pub(super) fn rasterise(
    text: &str,
    size: f64,
    weight: Weight,
    (x, y): (f64, f64),
    mut pixel: impl FnMut(i32, i32, f32),
) {
    let font = face(weight);
    let scale = scale(font, size);
    for (glyph, offset) in layout(text, size, weight).0 {
        let glyph = glyph.with_scale_and_position(scale, point(x as f32 + offset, y as f32));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| pixel(corner.x as i32 + dx as i32, corner.y as i32 + dy as i32, coverage));
        }
    }
}

/// The text in lines of at most `room` pixels, broken between words.
pub(super) fn wrap(text: &str, size: f64, weight: Weight, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) if width(&longer, size, weight) <= room => *line = longer,
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Longer than any room; each character cut off is measured.
const LONGEST: usize = 300;

/// The text, its end replaced by an ellipsis where it is wider than `room` pixels.
pub(super) fn fit(text: &str, size: f64, weight: Weight, room: f64) -> String {
    let cut = text.char_indices().nth(LONGEST).map(|(end, _)| format!("{}…", &text[..end]));
    let text = cut.as_deref().unwrap_or(text);
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&shorter, size, weight) <= room {
            return shorter;
        }
    }
    "…".to_owned()
}

/// A class's name, its middle replaced by an ellipsis where it is wider than `room` pixels: names of a family differ at
/// their ends (`Greek_character07`, `Greek_character08`).
pub(super) fn fit_name(name: &str, size: f64, weight: Weight, room: f64) -> String {
    if width(name, size, weight) <= room {
        return name.to_owned();
    }
    let letters: Vec<char> = name.chars().collect();
    let (mut head, mut tail) = (letters.len().min(LONGEST).div_ceil(2), letters.len().min(LONGEST) / 2);
    while head + tail > 0 {
        let start: String = letters[..head].iter().collect();
        let end: String = letters[letters.len() - tail..].iter().collect();
        let shorter = format!("{}…{}", start.trim_end(), end.trim_start());
        if width(&shorter, size, weight) <= room {
            return shorter;
        }
        if head > tail { head -= 1 } else { tail -= 1 }
    }
    "…".to_owned()
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
            assert_ne!(face(Weight::Regular).glyph_id(mark).0, 0, "{mark}");
            assert_ne!(face(Weight::Bold).glyph_id(mark).0, 0, "{mark}");
        }
    }

    #[test]
    fn lines_break_between_words_and_never_past_the_room() {
        let lines = wrap("one two three four", 20.0, Weight::Regular, 100.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 20.0, Weight::Regular) <= 100.0), "{lines:?}");
        assert_eq!(lines.join(" "), "one two three four");
        let short = fit("Automobile", 20.0, Weight::Regular, 60.0);
        assert!(short.ends_with('…') && width(&short, 20.0, Weight::Regular) <= 60.0, "{short}");
        assert_eq!(fit("Cat", 20.0, Weight::Regular, 60.0), "Cat");
    }

    #[test]
    fn long_names_keep_their_ends() {
        let fitted = |name: &str, room: f64| fit_name(name, 20.0, Weight::Regular, room);
        let (seven, eight) = (fitted("Early_Aramaic_character07", 120.0), fitted("Early_Aramaic_character08", 120.0));
        assert_ne!(seven, eight);
        assert!(seven.starts_with("Early") && seven.ends_with("07") && seven.contains('…'), "{seven}");
        assert!(width(&seven, 20.0, Weight::Regular) <= 120.0);
        assert_eq!(fitted("Cat", 60.0), "Cat");
        assert_eq!(fitted("Cat", 1.0), "…");
        assert!(width(&fitted(&"ä".repeat(5000), 90.0), 20.0, Weight::Regular) <= 90.0);
    }
}
