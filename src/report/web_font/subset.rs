//! A font with some of its glyphs, of TrueType or of PostScript (`CFF`). Where letters join and marks are placed, they do so as in
//! the whole font.

use rustybuzz::ttf_parser::{Face, RawFace, TableRecord};
use subsetter::GlyphRemapper;

use super::compact;
use super::true_type::{number, true_type, widths};
use super::wanted::{Wanted, rules, table};
use super::woff::Tables;

/// Whether joining letters and placed marks look as in the whole font: rules of OpenType are kept, but not those of a font that
/// has Apple's alone (`morx`), which most browsers don't read.
pub(super) fn keeps_rules(bytes: &[u8]) -> bool {
    RawFace::parse(bytes, 0).is_ok_and(|face| table(&face, b"morx").is_none() || table(&face, b"GSUB").is_some())
}

/// The tables of a font that has what is wanted; `None` if it can't be taken apart.
pub(super) fn of(bytes: &[u8], wanted: &Wanted<'_>) -> Option<Tables> {
    let face = Face::parse(bytes, 0).ok()?;
    let glyph = |c: &char| Some((*c, face.glyph_index(*c)?.0));
    let glyphs: Vec<(char, u16)> = wanted.characters.iter().filter_map(glyph).collect();
    let raw = face.raw_face();
    let (mut tables, glyphs) = match table(raw, b"glyf") {
        Some(glyf) => (true_type(raw, glyf, &glyphs, wanted)?, glyphs),
        None if wanted.shaped => (joined(raw, &glyphs, wanted)?, glyphs),
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

/// The same of a font of PostScript whose glyphs keep their numbers, of which its rules are told.
fn joined(face: &RawFace<'_>, glyphs: &[(char, u16)], wanted: &Wanted<'_>) -> Option<Tables> {
    let whole = |tag: [u8; 4]| Some((tag, table(face, &tag)?.to_vec()));
    let kept = glyphs.iter().map(|(_, at)| *at).chain(wanted.forms.iter().copied()).chain([0]).collect();
    let (_, hhea) = whole(*b"hhea")?;
    let hmtx = widths(table(face, b"hmtx")?, number(&hhea, 34)?, &kept)?;
    let outlines = compact::with_some(table(face, b"CFF ")?, &kept)?;
    let mut tables = Tables::from([whole(*b"head")?, whole(*b"maxp")?]);
    tables.extend([(*b"hhea", hhea), (*b"hmtx", hmtx), (*b"CFF ", outlines)]);
    tables.extend(rules(face));
    Some(tables)
}

/// The same of one whose letters stand alone: its glyphs get new numbers, so that nothing is left of the others.
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
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::text::{Face as Bundled, Weight, glyphs};

    /// A font with a table under another name; tables are listed in the order of names.
    pub(in crate::web_font) fn renamed(font: &[u8], from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let mut out = font.to_vec();
        let count = usize::from(u16::from_be_bytes([font[4], font[5]]));
        let mut records: Vec<Vec<u8>> = font[12..12 + 16 * count].chunks(16).map(<[u8]>::to_vec).collect();
        let record = records.iter_mut().find(|record| record[..4] == from).unwrap();
        record[..4].copy_from_slice(&to);
        records.sort();
        out[12..12 + 16 * count].copy_from_slice(&records.concat());
        out
    }

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
                shaped: font != Bundled::EastAsian,
            };
            let tables = of(font.bytes(), &wanted).unwrap();
            let part = whole(&tables);
            assert_eq!(shaped(&part, text), shaped(font.bytes(), text), "{text}");
            assert!(part.len() < 150_000, "{text}: {}", part.len());
            let face = Face::parse(&part, 0).unwrap();
            assert!(face.glyph_index('X').is_none() && face.tables().os2.is_some(), "{text}");
        }
    }

    /// Letters of Latin and Arabic with rules for joining, and outlines of PostScript.
    const JOINED: &[u8] = include_bytes!("../../../tests/fixtures/fonts/Joined.otf");

    #[test]
    fn letters_of_postscript_join_as_in_the_whole_font() {
        let texts = ["العربية", "بيت لا", "كتابة", "Cat e\u{651}", "ت\u{651}\u{64e}"];
        for text in texts {
            // What is drawn is found as a page finds it.
            let font = crate::text::OwnFont::read(JOINED).unwrap();
            let using = crate::text::OwnFont::in_use(Some(font));
            let own = Bundled::Own(font);
            let forms: BTreeSet<u16> =
                glyphs(text, Weight::Regular).filter(|(face, _)| *face == own).map(|(_, glyph)| glyph).collect();
            drop(using);
            assert!(text.contains("Cat") || !forms.is_empty());
            let tables = of(JOINED, &Wanted { characters: &text.chars().collect(), forms, shaped: true }).unwrap();
            let part = whole(&tables);
            assert_eq!(shaped(&part, text), shaped(JOINED, text), "{text}");
            assert!(Face::parse(&part, 0).unwrap().glyph_index('X').is_none(), "{text}");
            // Outlines of others are gone: what is left packs to little.
            let (some, all) = (super::super::woff::woff(&tables).len(), JOINED.len());
            assert!(some * 2 < all, "{text}: {some} of {all} bytes");
        }
        // Without the forms that letters take beside each other, a word looks otherwise: the test would see it.
        let wanted = Wanted { characters: &"بيت".chars().collect(), forms: BTreeSet::new(), shaped: true };
        let part = whole(&of(JOINED, &wanted).unwrap());
        assert_ne!(shaped(&part, "بيت"), shaped(JOINED, "بيت"));
    }

    #[test]
    fn a_large_font_of_postscript_keeps_its_outlines_where_they_are() {
        let text = "漢字かな한글";
        let wanted = Wanted { characters: &text.chars().collect(), forms: BTreeSet::new(), shaped: true };
        let tables = of(Bundled::EastAsian.bytes(), &wanted).unwrap();
        assert_eq!(shaped(&whole(&tables), text), shaped(Bundled::EastAsian.bytes(), text));
        let (packed, all) = (super::super::woff::woff(&tables).len(), Bundled::EastAsian.bytes().len());
        assert!(packed * 6 < all, "{packed} of {all} bytes");
    }

    #[test]
    fn rules_that_only_apple_reads_are_not_kept() {
        assert!([JOINED, Bundled::Regular.bytes(), Bundled::EastAsian.bytes()].into_iter().all(keeps_rules));
        assert!(!keeps_rules(&renamed(JOINED, *b"GSUB", *b"morx")) && !keeps_rules(b"none"));
    }

    #[test]
    fn what_is_no_font_can_not_be_taken_apart() {
        for bytes in [&b""[..], b"none", &Bundled::Regular.bytes()[..4000], &Bundled::EastAsian.bytes()[..4000]] {
            let wanted = Wanted { characters: &BTreeSet::from(['a']), forms: BTreeSet::new(), shaped: true };
            assert_eq!(of(bytes, &wanted), None);
        }
    }
}
