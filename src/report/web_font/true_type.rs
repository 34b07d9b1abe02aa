//! Some glyphs of a TrueType font, under the numbers that they have: so its rules for joining and placing hold as they are. All
//! other glyphs are empty, and pack to next to nothing.

use std::collections::BTreeSet;

use rustybuzz::ttf_parser::RawFace;

use super::wanted::{Wanted, rules, table};
use super::woff::Tables;

/// What stands in `head` for offsets of 32 bits, and where.
const LONG: [u8; 2] = [0, 1];
const FORMAT: std::ops::Range<usize> = 50..52;

/// A number of 16 bits.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

/// The tables, but for those of characters and names; `None` if one is damaged.
pub(super) fn true_type(
    face: &RawFace<'_>,
    glyf: &[u8],
    glyphs: &[(char, u16)],
    wanted: &Wanted<'_>,
) -> Option<Tables> {
    let of = |tag: &[u8; 4]| table(face, tag);
    let (mut head, maxp, loca) = (of(b"head")?.to_vec(), of(b"maxp")?, of(b"loca")?);
    let long = head.get(FORMAT)? == LONG;
    head[FORMAT].copy_from_slice(&LONG);
    let offset = |at: usize| {
        if long {
            Some(u32::from_be_bytes(loca.get(4 * at..4 * at + 4)?.try_into().ok()?) as usize)
        } else {
            Some(2 * number(loca, 2 * at)?)
        }
    };
    let glyph = |at: u16| glyf.get(offset(usize::from(at))?..offset(usize::from(at) + 1)?);
    let count = number(maxp, 4)?;
    let mut kept = BTreeSet::new();
    // Glyph 0 is what stands for characters that a font lacks.
    let mut left: Vec<u16> = glyphs.iter().map(|(_, at)| *at).chain(wanted.forms.iter().copied()).chain([0]).collect();
    while let Some(at) = left.pop() {
        if kept.insert(at) {
            left.extend(parts(glyph(at)?)?.into_iter().map(|(_, part)| part));
        }
    }
    let (mut outlines, mut places) = (Vec::new(), Vec::with_capacity(4 * count + 4));
    for at in 0..count {
        places.extend_from_slice(&(outlines.len() as u32).to_be_bytes());
        let at = u16::try_from(at).ok()?;
        if kept.contains(&at) {
            outlines.extend_from_slice(&without_hints(glyph(at)?)?);
            outlines.resize(outlines.len().next_multiple_of(4), 0);
        }
    }
    places.extend_from_slice(&(outlines.len() as u32).to_be_bytes());
    let hhea = of(b"hhea")?;
    let hmtx = widths(of(b"hmtx")?, number(hhea, 34)?, &kept)?;
    let mut tables = Tables::from([
        (*b"head", head),
        (*b"maxp", maxp.to_vec()),
        (*b"hhea", hhea.to_vec()),
        (*b"hmtx", hmtx),
        (*b"loca", places),
        (*b"glyf", outlines),
    ]);
    if wanted.shaped {
        tables.extend(rules(face));
    }
    Some(tables)
}

/// The widths of the glyphs that are kept, and zeros; the last one is that of all behind it.
pub(super) fn widths(table: &[u8], whole: usize, kept: &BTreeSet<u16>) -> Option<Vec<u8>> {
    let mut out = vec![0; table.len()];
    let places = kept.iter().map(|at| usize::from(*at)).chain([whole.checked_sub(1)?]);
    for at in places {
        let place = if at < whole { 4 * at..4 * at + 4 } else { 2 * whole + 2 * at..2 * whole + 2 * at + 2 };
        // A side bearing that is left out is zero.
        if let Some(from) = table.get(place.clone()) {
            out[place].copy_from_slice(from);
        }
    }
    Some(out)
}

/// Where in a glyph that is put together (OpenType, `glyf`) each part is told, and which glyph it is; of another none.
fn parts(glyph: &[u8]) -> Option<Vec<(usize, u16)>> {
    let (words, scaled, more, two_scales, matrix) = (1, 8, 0x20, 0x40, 0x80);
    let mut found = Vec::new();
    if glyph.is_empty() || !is_composite(glyph)? {
        return Some(found);
    }
    let mut at = 10;
    loop {
        let flags = number(glyph, at)?;
        found.push((at, number(glyph, at + 2)? as u16));
        if flags & more == 0 {
            return Some(found);
        }
        let scale = match flags {
            flags if flags & scaled > 0 => 2,
            flags if flags & two_scales > 0 => 4,
            flags if flags & matrix > 0 => 8,
            _ => 0,
        };
        at += 4 + if flags & words > 0 { 4 } else { 2 } + scale;
    }
}

fn is_composite(glyph: &[u8]) -> Option<bool> {
    Some(number(glyph, 0)? > i16::MAX as usize)
}

/// A glyph without its hints, which need tables that are left out.
fn without_hints(glyph: &[u8]) -> Option<Vec<u8>> {
    if glyph.is_empty() {
        return Some(Vec::new());
    }
    if is_composite(glyph)? {
        // What stands behind the last part is not read without this flag.
        const HINTED: u8 = 1;
        let mut out = glyph.to_vec();
        for (at, _) in parts(glyph)? {
            out[at] &= !HINTED;
        }
        return Some(out);
    }
    let at = 10 + 2 * number(glyph, 0)?;
    let hints = number(glyph, at)?;
    Some([glyph.get(..at)?, &[0, 0], glyph.get(at + 2 + hints..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_cut_out_of_simple_glyphs_and_never_reached_in_others() {
        // One contour, a box, its last point; then two bytes of hints and the points.
        let simple = [&[0, 1][..], &[0; 8], &[0, 3], &[0, 2], &[9, 9], &[1, 2, 3]].concat();
        assert_eq!(without_hints(&simple).unwrap(), [&[0, 1][..], &[0; 8], &[0, 3], &[0, 0], &[1, 2, 3]].concat());
        // Two parts, the first with words and a scale, then hints.
        let first: &[u8] = &[0x01, 0x29, 0, 7, 0, 0, 0, 0, 0x40, 0];
        let both = [&[0xff, 0xff][..], &[0; 8], first, &[0x01, 0x00, 0, 8, 1, 1], &[0, 1, 9]].concat();
        assert_eq!(parts(&both).unwrap(), [(10, 7), (20, 8)]);
        let bare = without_hints(&both).unwrap();
        assert_eq!((bare[10], bare[20], bare.len()), (0, 0, both.len()));
        assert_eq!((without_hints(&[]), parts(&[])), (Some(Vec::new()), Some(Vec::new())));
        for damaged in [&both[..15], &simple[..11], &[0, 1][..], &[5][..]] {
            assert!(without_hints(damaged).is_none(), "{damaged:?}");
        }
    }

    #[test]
    fn widths_are_kept_of_what_is_kept() {
        let table = [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6];
        assert_eq!(widths(&table, 2, &BTreeSet::from([2, 3])), Some(vec![0, 0, 0, 0, 0, 3, 0, 4, 0, 5, 0, 6]));
        assert_eq!(widths(&table, 2, &BTreeSet::from([0])), Some(vec![0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0]));
        assert_eq!(widths(&[], 0, &BTreeSet::new()), None);
    }
}
