//! Some outlines of a font of PostScript (`CFF`: Adobe Technical Note 5176), under the numbers that they have: so the font's
//! rules for joining and placing hold as they are. All other glyphs are empty, and nothing that is told by its place moves.

use std::collections::BTreeSet;
use std::ops::Range;

use rustybuzz::ttf_parser::cff::Table;
use rustybuzz::ttf_parser::{GlyphId, OutlineBuilder};

/// The outline of nothing: `endchar`.
const NOTHING: [u8; 1] = [14];
/// Operators of the dictionary of a font: where its outlines lie, and how they are written.
const OUTLINES: u16 = 17;
const KIND: u16 = 0x0c06;

/// The table with the outlines of some glyphs, glyph 0 among them; with all of them where some are made of others, by codes
/// that only who draws them follows. `None` if it is damaged.
pub(super) fn with_some(cff: &[u8], kept: &BTreeSet<u16>) -> Option<Vec<u8>> {
    let names = index(cff, usize::from(*cff.get(2)?))?;
    let fonts = index(cff, names.end)?;
    let font = cff.get(fonts.parts.first()?.clone())?;
    if operand(font, KIND).is_some_and(|kind| kind != 2) {
        return None;
    }
    let glyphs = index(cff, usize::try_from(operand(font, OUTLINES)?).ok()?)?;
    let (before, some) = (Table::parse(cff)?, thinned(cff, &glyphs, kept)?);
    let after = Table::parse(&some)?;
    let alike = |glyph: &u16| outline(&before, *glyph).is_some_and(|drawn| Some(drawn) == outline(&after, *glyph));
    let as_they_were = kept.iter().all(alike);
    Some(if as_they_were { some } else { cff.to_vec() })
}

/// Things in a row, and where each lies in the table (`INDEX`, 5).
#[derive(Debug, PartialEq)]
struct Index {
    /// Where the places are written, and in how many bytes each.
    places: usize,
    bytes: usize,
    parts: Vec<Range<usize>>,
    end: usize,
}

fn index(table: &[u8], at: usize) -> Option<Index> {
    let count = usize::from(u16::from_be_bytes(table.get(at..at + 2)?.try_into().ok()?));
    if count == 0 {
        return Some(Index { places: at + 2, bytes: 1, parts: Vec::new(), end: at + 2 });
    }
    let (bytes, places) = (usize::from(*table.get(at + 2)?), at + 3);
    if !(1..=4).contains(&bytes) {
        return None;
    }
    // Places count from the byte in front of the first thing.
    let base = places + (count + 1) * bytes - 1;
    let place = |number: usize| {
        let digits = table.get(places + number * bytes..places + (number + 1) * bytes)?;
        Some(base + digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
    };
    let ends: Vec<usize> = (0..=count).map(place).collect::<Option<_>>()?;
    let end = *ends.last()?;
    let inside = ends.is_sorted() && ends[0] > base && end <= table.len();
    inside.then(|| Index { places, bytes, parts: ends.windows(2).map(|pair| pair[0]..pair[1]).collect(), end })
}

/// The last operand of an operator of a dictionary (`DICT`, 4), where it is a whole number.
fn operand(dictionary: &[u8], operator: u16) -> Option<i32> {
    let (mut at, mut last) = (0, None);
    let byte = |at: usize| dictionary.get(at).map(|byte| i32::from(*byte));
    while let Some(first) = byte(at) {
        at += 1;
        let (number, length) = match first {
            0..=21 => {
                let long = first == 12;
                let found = if long { 0x0c00 | byte(at)? } else { first };
                if found == i32::from(operator) {
                    return last;
                }
                (None, usize::from(long))
            }
            28 => (Some(i32::from(i16::from_be_bytes(dictionary.get(at..at + 2)?.try_into().ok()?))), 2),
            29 => (Some(i32::from_be_bytes(dictionary.get(at..at + 4)?.try_into().ok()?)), 4),
            // Halves of bytes, the last of which is 15.
            30 => {
                let ends = |byte: &u8| byte & 15 == 15 || byte >> 4 == 15;
                (None, dictionary.get(at..)?.iter().position(ends)? + 1)
            }
            32..=246 => (Some(first - 139), 0),
            247..=250 => (Some((first - 247) * 256 + byte(at)? + 108), 1),
            251..=254 => (Some(-(first - 251) * 256 - byte(at)? - 108), 1),
            _ => return None,
        };
        (at, last) = (at + length, number);
    }
    None
}

/// The table with nothing as the outline of all other glyphs; what that leaves free behind the last one is zero.
fn thinned(cff: &[u8], glyphs: &Index, kept: &BTreeSet<u16>) -> Option<Vec<u8>> {
    let (mut outlines, mut places) = (Vec::new(), Vec::new());
    let mut put = |length: usize| places.extend_from_slice(&(length as u32 + 1).to_be_bytes()[4 - glyphs.bytes..]);
    for (at, part) in glyphs.parts.iter().enumerate() {
        put(outlines.len());
        let old = cff.get(part.clone())?;
        // No outline is longer than before: all fit where they were.
        let wanted = old.is_empty() || u16::try_from(at).is_ok_and(|at| kept.contains(&at));
        outlines.extend_from_slice(if wanted { old } else { &NOTHING });
    }
    put(outlines.len());
    let mut out = cff.to_vec();
    let start = glyphs.places + places.len();
    out.get_mut(glyphs.places..start)?.copy_from_slice(&places);
    outlines.resize(glyphs.end.checked_sub(start)?, 0);
    out.get_mut(start..glyphs.end)?.copy_from_slice(&outlines);
    Some(out)
}

/// The lines and curves of a glyph: a letter, then places; `None` if it can't be drawn.
fn outline(table: &Table<'_>, glyph: u16) -> Option<Vec<(char, [f32; 6])>> {
    let mut drawn = Drawn(Vec::new());
    match table.outline(GlyphId(glyph), &mut drawn) {
        Ok(_) => Some(drawn.0),
        // The errors have no names that can be written here.
        Err(error) => (format!("{error:?}") == "ZeroBBox").then(Vec::new),
    }
}

struct Drawn(Vec<(char, [f32; 6])>);

impl OutlineBuilder for Drawn {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.push(('m', [x, y, 0.0, 0.0, 0.0, 0.0]));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.push(('l', [x, y, 0.0, 0.0, 0.0, 0.0]));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.push(('q', [x1, y1, x, y, 0.0, 0.0]));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.push(('c', [x1, y1, x2, y2, x, y]));
    }

    fn close(&mut self) {
        self.0.push(('z', [0.0; 6]));
    }
}

#[cfg(test)]
mod tests {
    use rustybuzz::ttf_parser::{Face, RawFace, Tag};

    use super::*;

    const JOINED: &[u8] = include_bytes!("../../../tests/fixtures/fonts/Joined.otf");

    fn table(font: &'static [u8]) -> &'static [u8] {
        RawFace::parse(font, 0).unwrap().table(Tag::from_bytes(b"CFF ")).unwrap()
    }

    #[test]
    fn dictionaries_are_read_to_the_operator_that_is_asked_for() {
        // -107, 1000, -1000, 10000 and a number with a point, each before an operator; then one of two bytes.
        let dictionary =
            [32, 1, 250, 124, 2, 254, 124, 3, 28, 0x27, 0x10, 4, 30, 0xe2, 0xa2, 0x5f, 5, 29, 0, 1, 0, 0, 12, 6];
        let found = [1, 2, 3, 4, 5, KIND].map(|operator| operand(&dictionary, operator));
        assert_eq!(found, [Some(-107), Some(1000), Some(-1000), Some(10_000), None, Some(65_536)]);
        assert_eq!([operand(&dictionary, 9), operand(&[28, 0], 1), operand(&[31], 1), operand(&[30, 1], 1)], [None; 4]);
    }

    #[test]
    fn indexes_that_lead_out_of_the_table_are_none() {
        let good = [0, 2, 1, 1, 3, 4, 7, 8, 9];
        assert_eq!(index(&good, 0), Some(Index { places: 3, bytes: 1, parts: vec![6..8, 8..9], end: 9 }));
        assert_eq!(index(&[0, 0], 0).map(|found| (found.parts, found.end)), Some((Vec::new(), 2)));
        for wrong in [
            &[0, 2, 1, 1, 3, 9, 7, 8, 9][..],
            &[0, 2, 1, 3, 1, 4, 7, 8, 9],
            &[0, 1, 5, 1, 2, 0],
            &[0, 1, 1, 0, 1, 0],
            &[0],
        ] {
            assert_eq!(index(wrong, 0), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_kept_looks_as_before_and_what_is_not_like_nothing() {
        let cff = table(JOINED);
        let face = Face::parse(JOINED, 0).unwrap();
        let at = |c: char| face.glyph_index(c).unwrap().0;
        // Subroutines are called by some of them.
        let kept: BTreeSet<u16> = ('!'..='~').step_by(3).map(at).chain([0]).collect();
        let some = with_some(cff, &kept).unwrap();
        assert_eq!(some.len(), cff.len(), "nothing moves");
        let (before, after) = (Table::parse(cff).unwrap(), Table::parse(&some).unwrap());
        for glyph in 0..face.number_of_glyphs() {
            let expected = if kept.contains(&glyph) { outline(&before, glyph) } else { Some(Vec::new()) };
            assert_eq!(outline(&after, glyph), expected, "glyph {glyph}");
        }
        let zeros = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 0).count();
        assert!(zeros(&some) > zeros(cff) + cff.len() / 4);
        for damaged in [&cff[..20], &cff[..cff.len() / 2], &[]] {
            assert_eq!(with_some(damaged, &kept), None);
        }
    }

    /// An accented letter that is told by codes of two others (`endchar` with four numbers, 5177, Appendix C).
    #[test]
    fn letters_that_are_made_of_others_keep_them() {
        let cff = table(JOINED);
        let face = Face::parse(JOINED, 0).unwrap();
        let [target, base] = ['~', 'A'].map(|c| face.glyph_index(c).unwrap().0);
        let font = index(cff, index(cff, usize::from(cff[2])).unwrap().end).unwrap().parts[0].clone();
        let glyphs = index(cff, usize::try_from(operand(&cff[font], OUTLINES).unwrap()).unwrap()).unwrap();
        let place = glyphs.parts[usize::from(target)].clone();
        // No shift, and the codes of `A` and of `!` in Adobe's encoding; before that as many moves by nothing as there is room for.
        let program: [u8; 5] = [139, 139, 139 + 65, 139 + 33, 14];
        let room = place.len() - program.len();
        let moves = [[139, 139, 21].repeat(room % 2), [139, 22].repeat((room - 3 * (room % 2)) / 2)].concat();
        let mut made = cff.to_vec();
        made[place].copy_from_slice(&[moves, program.to_vec()].concat());
        let drawn = outline(&Table::parse(&made).unwrap(), target).unwrap();
        assert!(drawn.len() > outline(&Table::parse(cff).unwrap(), base).unwrap().len(), "more than an A: {drawn:?}");
        assert_eq!(with_some(&made, &BTreeSet::from([0, target])).unwrap(), made, "all of them stay");
        assert_ne!(with_some(&made, &BTreeSet::from([0, base])).unwrap(), made);
    }
}
