//! A line of text as glyphs with their places: in the order in which it is seen, joined, with marks on their letters.
//!
//! Text of the main font's plain characters is laid out one by one and kerned, as it always was; all else by the algorithm for
//! text of both directions (Unicode Annex 9) and by OpenType's rules of each font.

use ab_glyph::{Font, GlyphId, OutlineCurve, Point, PxScale, ScaleFont, point};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::ParagraphBidiInfo;

use super::Weight;
use super::face::{Face, is_plain};

/// A glyph and where it stands from the start of the line's base, in pixels; `y` grows downward.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) face: Face,
    pub(super) glyph: GlyphId,
    pub(super) x: f32,
    pub(super) y: f32,
}

/// `size` is the em in pixels; ab_glyph scales by the height of a line.
pub(super) fn scale(face: Face, size: f64) -> PxScale {
    PxScale::from(size as f32 * face.outlines().height_unscaled() / face.em())
}

/// Every glyph of a [`drawable`](super::face::drawable) text, and the width of the line in pixels.
pub(super) fn line(text: &str, size: f64, weight: Weight) -> (Vec<Placed>, f32) {
    if is_plain(text, weight) { plain(text, size, weight) } else { shaped(text, size, weight) }
}

fn plain(text: &str, size: f64, weight: Weight) -> (Vec<Placed>, f32) {
    let face = Face::main(weight);
    let scaled = face.outlines().as_scaled(scale(face, size));
    let (mut x, mut last, mut glyphs) = (0.0, None, Vec::with_capacity(text.len()));
    for character in text.chars() {
        let glyph = scaled.glyph_id(character);
        if let Some(last) = last {
            x += scaled.kern(last, glyph);
        }
        glyphs.push(Placed { face, glyph, x, y: 0.0 });
        x += scaled.h_advance(glyph);
        last = Some(glyph);
    }
    (glyphs, x)
}

fn shaped(text: &str, size: f64, weight: Weight) -> (Vec<Placed>, f32) {
    let directions = ParagraphBidiInfo::new(text, None);
    let (levels, runs) = directions.visual_runs(0..text.len());
    let (mut x, mut glyphs) = (0.0, Vec::with_capacity(text.len()));
    for run in runs {
        let leftward = levels[run.start].is_rtl();
        let mut pieces = pieces(&text[run], weight);
        if leftward {
            pieces.reverse();
        }
        for (face, piece) in pieces {
            let mut buffer = UnicodeBuffer::new();
            buffer.push_str(piece);
            buffer.set_direction(if leftward { Direction::RightToLeft } else { Direction::LeftToRight });
            buffer.guess_segment_properties();
            let found = rustybuzz::shape(face.shaper(), &[], buffer);
            let unit = size as f32 / face.em();
            for (info, place) in found.glyph_infos().iter().zip(found.glyph_positions()) {
                // A font has fewer glyphs than 16 bits count.
                let glyph = GlyphId(u16::try_from(info.glyph_id).unwrap_or(0));
                let (dx, dy) = (place.x_offset as f32 * unit, place.y_offset as f32 * unit);
                glyphs.push(Placed { face, glyph, x: x + dx, y: -dy });
                x += place.x_advance as f32 * unit;
            }
        }
    }
    (glyphs, x)
}

/// The text in pieces of one font each; signs stay with the letters before them where that font has them.
fn pieces(text: &str, weight: Weight) -> Vec<(Face, &str)> {
    let mut found: Vec<(Face, usize)> = Vec::new();
    for (at, c) in text.char_indices() {
        let last = found.last().map(|(face, _)| *face);
        let stays = last.filter(|face| !c.is_alphanumeric() && face.has(c));
        let face = stays.or_else(|| Face::of(c, weight)).unwrap_or(Face::main(weight));
        if last != Some(face) {
            found.push((face, at));
        }
    }
    let ends = found.iter().skip(1).map(|(_, start)| *start).chain([text.len()]);
    found.iter().zip(ends).map(|((face, start), end)| (*face, &text[*start..end])).collect()
}

/// The font and the number of every glyph that a text is drawn with, some of them several times.
pub(crate) fn glyphs(text: &str, weight: Weight) -> impl Iterator<Item = (Face, u16)> {
    shaped(text, 1.0, weight).0.into_iter().map(|placed| (placed.face, placed.glyph.0))
}

/// The outlines of a line as data of an SVG path, in thousandths of an em from the start of its base, downward.
pub(super) fn path(text: &str, weight: Weight) -> String {
    let mut out = String::new();
    for placed in line(text, 1000.0, weight).0 {
        let Some(outline) = placed.face.outlines().outline(placed.glyph) else { continue };
        let unit = 1000.0 / placed.face.em();
        let place = |at: Point| {
            let at = point(placed.x + at.x * unit, placed.y - at.y * unit);
            (at.x.round() as i32, at.y.round() as i32)
        };
        let mut here = None;
        for curve in outline.curves {
            let (letter, points): (char, Vec<Point>) = match curve {
                OutlineCurve::Line(from, to) => ('l', vec![from, to]),
                OutlineCurve::Quad(from, by, to) => ('q', vec![from, by, to]),
                OutlineCurve::Cubic(from, by, and, to) => ('c', vec![from, by, and, to]),
            };
            let points: Vec<(i32, i32)> = points.into_iter().map(place).collect();
            let from = points[0];
            if here != Some(from) {
                out += &format!("M{} {}", from.0, from.1);
            }
            let steps: Vec<String> =
                points[1..].iter().map(|(x, y)| format!("{} {}", x - from.0, y - from.1)).collect();
            out.push(letter);
            out += &steps.join(" ");
            here = points.last().copied();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyphs(text: &str) -> Vec<GlyphId> {
        line(text, 100.0, Weight::Regular).0.into_iter().map(|placed| placed.glyph).collect()
    }

    #[test]
    fn arabic_is_joined_and_read_from_right_to_left() {
        let (joined, alone) = (glyphs("بيت"), ["ب", "ي", "ت"].map(|letter| glyphs(letter)[0]));
        assert_eq!(joined.len(), 3);
        // The first letter is the last from the left, and none has the form that it has alone.
        for (at, form) in alone.into_iter().rev().enumerate() {
            assert_ne!(joined[at], form, "letter {at}");
        }
        let face = Face::Regular.outlines();
        assert_eq!(
            joined,
            ['\u{fe96}', '\u{fef4}', '\u{fe91}'].map(|form| face.glyph_id(form)),
            "final, medial, initial"
        );
    }

    #[test]
    fn hebrew_turns_and_numbers_in_it_do_not() {
        let face = Face::Regular.outlines();
        let forms = |text: &str| text.chars().map(|c| face.glyph_id(c)).collect::<Vec<_>>();
        assert_eq!(glyphs("אב"), forms("בא"));
        assert_eq!(glyphs("אב 12"), forms("12 בא"));
        assert_eq!(glyphs("a אב b"), forms("a בא b"));
    }

    #[test]
    fn marks_of_thai_take_no_room_and_stand_on_their_letters() {
        let width = |text: &str| line(text, 1000.0, Weight::Regular).1;
        assert!((width("กี่") - width("ก")).abs() < 0.1, "{} {}", width("กี่"), width("ก"));
        // A mark that stands on another has a form of its own.
        assert_ne!(glyphs("กี่").last(), glyphs("ก่").last());
    }

    #[test]
    fn several_scripts_stand_in_one_line() {
        let (placed, width) = line("Cat 猫 แมว", 100.0, Weight::Bold);
        let faces: Vec<Face> = placed.iter().map(|placed| placed.face).collect();
        assert!([Face::Bold, Face::EastAsian, Face::Thai].iter().all(|face| faces.contains(face)), "{faces:?}");
        assert!(placed.iter().all(|placed| placed.glyph != GlyphId(0)), "a box");
        assert!(placed.windows(2).all(|pair| pair[0].x <= pair[1].x) && placed.last().unwrap().x < width);
        // One Han letter is an em wide.
        assert!((line("猫", 100.0, Weight::Regular).1 - 100.0).abs() < 0.1);
    }

    #[test]
    fn outlines_are_closed_by_whole_numbers() {
        let path = path("漢", Weight::Regular);
        assert!(path.starts_with('M') && path.len() < 4000 && !path.contains('.'), "{path}");
        assert_eq!(super::path("", Weight::Regular), "");
    }
}
