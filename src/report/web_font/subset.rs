//! A font with some of its glyphs: of TrueType, where letters join and marks are placed as in the whole font, or of PostScript
//! (`CFF`), where they don't.

use std::collections::BTreeSet;

use rustybuzz::ttf_parser::{Face, RawFace, TableRecord, Tag};
use subsetter::GlyphRemapper;

use super::true_type::true_type;
use super::woff::Tables;

/// What of a font a page needs.
pub(super) struct Wanted<'a> {
    /// Characters, each of which may stand alone.
    pub(super) characters: &'a BTreeSet<char>,
    /// Glyphs beside theirs: forms that letters have beside others.
    pub(super) forms: BTreeSet<u16>,
    /// Whether letters join, or marks stand on them.
    pub(super) shaped: bool,
}

/// A table of a font.
pub(super) fn table<'a>(face: &RawFace<'a>, tag: &[u8; 4]) -> Option<&'a [u8]> {
    face.table(Tag::from_bytes(tag))
}

/// Whether joining letters and placed marks look as in the whole font.
pub(super) fn keeps_rules(bytes: &[u8]) -> bool {
    RawFace::parse(bytes, 0).is_ok_and(|face| table(&face, b"glyf").is_some())
}

/// The tables of a font that has what is wanted; `None` if it can't be taken apart.
pub(super) fn of(bytes: &[u8], wanted: &Wanted<'_>) -> Option<Tables> {
    let face = Face::parse(bytes, 0).ok()?;
    let glyph = |c: &char| Some((*c, face.glyph_index(*c)?.0));
    let glyphs: Vec<(char, u16)> = wanted.characters.iter().filter_map(glyph).collect();
    let raw = face.raw_face();
    let (mut tables, glyphs) = match table(raw, b"glyf") {
        Some(glyf) => (true_type(raw, glyf, &glyphs, wanted)?, glyphs),
        None => post_script(bytes, &glyphs)?,
    };
    tables.insert(*b"cmap", cmap(&glyphs));
    tables.insert(*b"OS/2", table(raw, b"OS/2")?.to_vec());
    tables.insert(*b"name", names(table(raw, b"name")?)?);
    // Version 3: glyphs have no names.
    let rest = table(raw, b"post")?.get(4..32)?;
    tables.insert(*b"post", [&[0, 3, 0, 0], rest].concat());
    Some(tables)
}

/// The same of a font whose glyphs get new numbers.
fn post_script(bytes: &[u8], glyphs: &[(char, u16)]) -> Option<(Tables, Vec<(char, u16)>)> {
    let mut numbers = GlyphRemapper::new();
    let glyphs = glyphs.iter().map(|(c, glyph)| (*c, numbers.remap(*glyph))).collect();
    let font = subsetter::subset(bytes, 0, &numbers).ok()?;
    let face = RawFace::parse(&font, 0).ok()?;
    let table = |record: TableRecord| Some((record.tag.to_bytes(), face.table(record.tag)?.to_vec()));
    Some((face.table_records.into_iter().map(table).collect::<Option<Tables>>()?, glyphs))
}

/// A table of characters of all of Unicode (OpenType, `cmap`, format 12), one group a character.
fn cmap(glyphs: &[(char, u16)]) -> Vec<u8> {
    // Version 0 with one table, of Windows and all of Unicode, that begins behind this.
    let mut out = vec![0, 0, 0, 1, 0, 3, 0, 10, 0, 0, 0, 12, 0, 12, 0, 0];
    let groups = glyphs.len() as u32;
    for number in [16 + 12 * groups, 0, groups] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for (c, glyph) in glyphs {
        let character = u32::from(*c);
        for number in [character, character, u32::from(*glyph)] {
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
    out
}

/// Whose the font is: copyright, licence and its address (OpenType, `name`, of Windows in English).
fn names(table: &[u8]) -> Option<Vec<u8>> {
    const KEPT: [u16; 3] = [0, 13, 14];
    const ENGLISH: u16 = 0x409;
    let number = |at: usize| Some(u16::from_be_bytes(table.get(at..at + 2)?.try_into().ok()?));
    let storage = usize::from(number(4)?);
    let (mut records, mut texts) = (Vec::new(), Vec::new());
    for at in (0..usize::from(number(2)?)).map(|at| 6 + 12 * at) {
        let (platform, language, name) = (number(at)?, number(at + 4)?, number(at + 6)?);
        if platform == 3 && language == ENGLISH && KEPT.contains(&name) {
            let (length, from) = (number(at + 8)?, storage + usize::from(number(at + 10)?));
            records.extend_from_slice(table.get(at..at + 10)?);
            records.extend_from_slice(&u16::try_from(texts.len()).ok()?.to_be_bytes());
            texts.extend_from_slice(table.get(from..from + usize::from(length))?);
        }
    }
    let count = (records.len() / 12) as u16;
    let head = [0, count, 6 + 12 * count].map(u16::to_be_bytes).concat();
    Some([head, records, texts].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Face as Bundled, Weight, glyphs};

    /// The file as programs read it that know nothing of WOFF.
    fn whole(tables: &Tables) -> Vec<u8> {
        let mut out = if tables.contains_key(b"CFF ") { b"OTTO".to_vec() } else { vec![0, 1, 0, 0] };
        out.extend_from_slice(&(tables.len() as u16).to_be_bytes());
        out.extend_from_slice(&[0; 6]);
        let mut at = 12 + 16 * tables.len();
        for (tag, table) in tables {
            out.extend_from_slice(tag);
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&(at as u32).to_be_bytes());
            out.extend_from_slice(&(table.len() as u32).to_be_bytes());
            at += table.len();
        }
        tables.values().for_each(|table| out.extend_from_slice(table));
        out
    }

    /// Numbers of glyphs differ; where they stand and how they look does not.
    fn shaped(bytes: &[u8], text: &str) -> Vec<(i32, i32, i32, String)> {
        let face = rustybuzz::Face::from_slice(bytes, 0).unwrap();
        let mut buffer = rustybuzz::UnicodeBuffer::new();
        buffer.push_str(text);
        let found = rustybuzz::shape(&face, &[], buffer);
        let glyph = |(info, place): (&rustybuzz::GlyphInfo, &rustybuzz::GlyphPosition)| {
            let id = rustybuzz::ttf_parser::GlyphId(info.glyph_id as u16);
            let bounds = face.glyph_bounding_box(id).map(|bounds| format!("{bounds:?}")).unwrap_or_default();
            (place.x_advance, place.x_offset, place.y_offset, bounds)
        };
        found.glyph_infos().iter().zip(found.glyph_positions()).map(glyph).collect()
    }

    #[test]
    fn text_is_shaped_as_by_the_whole_font() {
        for (font, text) in [
            (Bundled::Regular, "Größe 12 %"),
            (Bundled::Bold, "Ж Ω"),
            (Bundled::Regular, "العربية لا"),
            (Bundled::Regular, "שלום"),
            (Bundled::Thai, "กี่ไทยกรุงเทพฯ"),
            (Bundled::EastAsian, "漢字かなカナ한글"),
        ] {
            let forms = glyphs(text, if font == Bundled::Bold { Weight::Bold } else { Weight::Regular });
            let wanted = Wanted {
                characters: &text.chars().collect(),
                forms: forms.filter(|(face, _)| *face == font).map(|(_, glyph)| glyph).collect(),
                shaped: true,
            };
            let tables = of(font.bytes(), &wanted).unwrap();
            let part = whole(&tables);
            assert_eq!(shaped(&part, text), shaped(font.bytes(), text), "{text}");
            assert!(part.len() < 150_000, "{text}: {}", part.len());
            let face = Face::parse(&part, 0).unwrap();
            assert!(face.glyph_index('X').is_none() && face.tables().os2.is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_no_font_can_not_be_taken_apart() {
        for bytes in [&b""[..], b"none", &Bundled::Regular.bytes()[..4000], &Bundled::EastAsian.bytes()[..4000]] {
            let wanted = Wanted { characters: &BTreeSet::from(['a']), forms: BTreeSet::new(), shaped: true };
            assert_eq!(of(bytes, &wanted), None);
        }
    }
}
