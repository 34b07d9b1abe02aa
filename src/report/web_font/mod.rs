//! The fonts of a page: of those that draw figures, the glyphs of its own characters, as rules of its style sheet. So its text
//! looks the same whatever fonts a reader's machine has, and a name in Chinese is no row of boxes.

mod compact;
mod subset;
mod true_type;
mod wanted;
mod woff;

use std::collections::BTreeSet;
use std::fmt::Write;

use self::wanted::Wanted;
use super::inline::base64;
use super::text::{Face, Weight, glyphs, is_shaped};

/// How every rule begins.
pub(super) const RULE: &str = "@font-face{";
/// How the rules of a font of the spec begin.
pub(super) const OWN_RULE: &str = "@font-face{font-family:\"simpipe own";
/// The names of the fonts, in the order in which they are asked for a character: the same as in figures. What joins has fonts of
/// its own, which alone have rules for it: letters of others have no forms beside each other, such as that of f and i.
pub(super) static FAMILIES: [&str; 6] =
    ["simpipe own", "simpipe own joined", "simpipe text", "simpipe joined", "simpipe Thai", "simpipe East Asian"];

/// A font with the characters that it writes.
struct Part {
    family: &'static str,
    font: Face,
    weight: Weight,
    characters: BTreeSet<char>,
}

/// The rules of a page's fonts, one a line; none of a font that has no character of it.
pub(super) fn rules(page: &str) -> String {
    let texts = joined(page);
    let mut out = String::new();
    for part in parts(page).iter().filter(|part| part.characters.iter().any(|c| *c != ' ')) {
        let Part { family, font, weight, characters } = part;
        let some = texts.iter().filter(|text| text.chars().any(|c| is_shaped(c) && characters.contains(&c)));
        let glyphs = some.flat_map(|text| glyphs(text, *weight)).filter(|(face, _)| face == font);
        let forms: BTreeSet<u16> = glyphs.map(|(_, at)| at).collect();
        let wanted = Wanted { characters, shaped: !forms.is_empty(), forms };
        if let Some(tables) = subset::of(font.bytes(), &wanted) {
            let heavy = if *weight == Weight::Bold { "font-weight:700;" } else { "" };
            let address = base64(&woff::woff(&tables));
            // A string takes all that is written.
            let _ = writeln!(
                out,
                "{RULE}font-family:\"{family}\";{heavy}src:url(data:font/woff;base64,{address}) format(\"woff\")}}"
            );
        }
    }
    out
}

/// Every font with its share of a page's characters, the heavy ones last.
fn parts(page: &str) -> Vec<Part> {
    let mut left: BTreeSet<char> = (' '..='~').chain(page.chars().filter(|c| !c.is_ascii())).collect();
    let under: BTreeSet<char> = marked(page).flat_map(str::chars).collect();
    let mut take = |family: &'static str, font: Face, which: fn(char) -> bool| {
        let mut characters: BTreeSet<char> = left.iter().copied().filter(|c| which(*c) && font.has(*c)).collect();
        left.retain(|c| !characters.contains(c));
        if characters.iter().any(|c| is_mark(*c)) {
            // A mark is of the font of its letter.
            characters.extend(under.iter().filter(|c| font.has(**c)));
        }
        Part { family, font, weight: Weight::Regular, characters }
    };
    let plain = |c: char| !is_shaped(c);
    let mut found = Vec::new();
    if let Some(font) = Face::own() {
        found.push(take(FAMILIES[0], font, plain));
        // Without rules letters don't join.
        if subset::keeps_rules(font.bytes()) {
            found.push(take(FAMILIES[1], font, is_shaped));
        }
    }
    found.push(take(FAMILIES[2], Face::Regular, plain));
    found.push(take(FAMILIES[3], Face::Regular, is_shaped));
    found.push(take(FAMILIES[4], Face::Thai, |_| true));
    found.push(take(FAMILIES[5], Face::EastAsian, |_| true));
    let heavy = |part: &Part| Part {
        font: Face::Bold,
        weight: Weight::Bold,
        characters: part.characters.iter().copied().filter(|c| Face::Bold.has(*c)).collect(),
        ..*part
    };
    let heavy: Vec<Part> = found.iter().filter(|part| part.font == Face::Regular).map(heavy).collect();
    found.extend(heavy);
    found
}

/// What of a page is not drawn letter after letter, each piece once: letters have other forms beside each other.
fn joined(page: &str) -> BTreeSet<&str> {
    page.split(|c: char| c.is_ascii()).filter(|piece| piece.contains(is_shaped)).chain(marked(page)).collect()
}

/// Letters with the first of their marks, where a page writes them one after the other.
fn marked(page: &str) -> impl Iterator<Item = &str> {
    page.match_indices(is_mark).filter_map(|(at, mark)| {
        let letter = page[..at].chars().next_back()?;
        page.get(at - letter.len_utf8()..at + mark.len())
    })
}

/// Whether a character stands on the letter before it, of whatever script that is.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Whether a page can hold a font: whether glyphs of it can be taken out, both of letters that stand alone and of such that join.
#[must_use]
pub fn can_be_embedded(bytes: &[u8]) -> bool {
    let characters = ('!'..='~').collect();
    let taken =
        |shaped| subset::of(bytes, &Wanted { characters: &characters, forms: BTreeSet::new(), shaped }).is_some();
    taken(false) && taken(true)
}

/// Letters that join or stand on others, of which a font has forms that a page can't: the bundled fonts write them there, though
/// pictures are drawn with the font. Nothing of most fonts.
#[must_use]
pub fn lost_on_a_page(bytes: &[u8]) -> Vec<char> {
    if subset::keeps_rules(bytes) {
        return Vec::new();
    }
    let Ok(face) = rustybuzz::ttf_parser::Face::parse(bytes, 0) else { return Vec::new() };
    let all = ('\u{300}'..='\u{10fff}').filter(|c| is_shaped(*c) && face.glyph_index(*c).is_some());
    all.filter(|c| c.is_alphabetic()).take(5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inline::from_base64;
    use crate::text::OwnFont;

    /// The families of the rules with the bytes of their fonts.
    fn found(page: &str) -> Vec<(String, Vec<u8>)> {
        let rule = |line: &str| {
            let family = line.split('"').nth(1).unwrap().to_owned() + if line.contains(":700") { " bold" } else { "" };
            let bytes = line.split("base64,").nth(1).unwrap().split(')').next().unwrap();
            (family, from_base64(bytes).unwrap())
        };
        rules(page).lines().map(rule).collect()
    }

    fn families(page: &str) -> Vec<String> {
        found(page).into_iter().map(|(family, _)| family).collect()
    }

    #[test]
    fn a_page_has_the_fonts_of_its_own_characters_alone() {
        assert_eq!(families("Cat"), ["simpipe text", "simpipe text bold"]);
        let all = [
            "simpipe text",
            "simpipe joined",
            "simpipe Thai",
            "simpipe East Asian",
            "simpipe text bold",
            "simpipe joined bold",
        ];
        assert_eq!(families("Cat 猫 แมว قط חתול"), all);
        for (family, bytes) in found("Cat 猫 แมว قط חתול") {
            assert!(bytes.starts_with(b"wOFF") && bytes.len() < 40_000, "{family}: {} bytes", bytes.len());
        }
        let few = &found("Cat")[0];
        assert!(few.1.len() < 20_000, "{} bytes", few.1.len());
        // Latin letters have no forms, whatever else is on the page; a mark brings its letter along.
        assert_eq!(few, &found("Cat قط")[0]);
        assert_eq!(families("e\u{301}")[..2], ["simpipe text", "simpipe joined"]);
        assert_eq!(marked("ae\u{301}\u{302}b").collect::<Vec<_>>(), ["e\u{301}", "\u{301}\u{302}"]);
        assert_eq!(rules("Cat 猫"), rules("猫 Cat Cat"));
    }

    /// A font with outlines of PostScript whose letters join: it writes them itself, and where only Apple's systems know how they
    /// join, the bundled fonts do.
    #[test]
    fn joining_letters_are_of_the_font_of_the_spec_where_its_rules_can_be_kept() {
        let font = include_bytes!("../../../tests/fixtures/fonts/Joined.otf");
        let with = |bytes: &[u8]| {
            let using = OwnFont::in_use(Some(OwnFont::read(bytes).unwrap()));
            let found = families("Cat العربية");
            drop(using);
            found
        };
        assert_eq!(with(font), ["simpipe own", "simpipe own joined"]);
        assert!(lost_on_a_page(font).is_empty() && can_be_embedded(font));
        let apples = subset::tests::renamed(font, *b"GSUB", *b"morx");
        assert_eq!(with(&apples)[..2], ["simpipe own", "simpipe joined"]);
        assert_eq!(lost_on_a_page(&apples).first(), Some(&'ا'), "{:?}", lost_on_a_page(&apples));
    }

    #[test]
    fn a_font_of_the_spec_has_what_it_has_and_the_bundled_ones_the_rest() {
        let using = OwnFont::in_use(Some(OwnFont::read(Face::Bold.bytes()).unwrap()));
        assert_eq!(families("Cat 猫"), ["simpipe own", "simpipe East Asian"]);
        assert_eq!(families("Cat قط"), ["simpipe own", "simpipe own joined"]);
        assert!(rules("Cat").starts_with(OWN_RULE));
        drop(using);
        assert!(!families("Cat 猫").contains(&"simpipe own".to_owned()));
        assert!(can_be_embedded(Face::Regular.bytes()) && can_be_embedded(Face::EastAsian.bytes()));
        assert!(lost_on_a_page(Face::Regular.bytes()).is_empty());
        assert!(!can_be_embedded(b"none"));
    }
}
