//! The fonts of a page: of those that draw figures, the glyphs of its own characters, as rules of its style sheet. So its text
//! looks the same whatever fonts a reader's machine has, and a name in Chinese is no row of boxes.

mod subset;
mod true_type;
mod woff;

use std::collections::BTreeSet;
use std::fmt::Write;

use self::subset::Wanted;
use super::inline::base64;
use super::text::{Face, Weight, glyphs, is_shaped};

/// How every rule begins.
pub(super) const RULE: &str = "@font-face{";
/// How the rule of a font of the spec begins.
pub(super) const OWN_RULE: &str = "@font-face{font-family:\"simpipe own\"";
/// The names of the fonts, in the order in which they are asked for a character: the same as in figures.
pub(super) static FAMILIES: [&str; 4] = ["simpipe own", "simpipe text", "simpipe Thai", "simpipe East Asian"];

/// The rules of a page's fonts, one a line; none of a font that has no character of it.
pub(super) fn rules(page: &str) -> String {
    let mut left: BTreeSet<char> = (' '..='~').chain(page.chars().filter(|c| !c.is_ascii())).collect();
    // What joins or stands on other letters is left to a font whose rules for that are kept.
    let has = |font: Face, c: char| font.has(c) && (!is_shaped(c) || subset::keeps_rules(font.bytes()));
    let mut take = |font: Face| {
        let some: BTreeSet<char> = left.iter().copied().filter(|c| has(font, *c)).collect();
        left.retain(|c| !some.contains(c));
        some
    };
    let own = Face::own().map(|font| (FAMILIES[0], font, Weight::Regular, take(font)));
    let bundled = FAMILIES[1..].iter().zip([Face::Regular, Face::Thai, Face::EastAsian]);
    let mut fonts: Vec<(&'static str, Face, Weight, BTreeSet<char>)> = own.into_iter().collect();
    fonts.extend(bundled.map(|(family, font)| (*family, font, Weight::Regular, take(font))));
    let heavy = |(family, _, _, some): &(&'static str, Face, Weight, BTreeSet<char>)| {
        (*family, Face::Bold, Weight::Bold, some.iter().copied().filter(|c| Face::Bold.has(*c)).collect())
    };
    let heavy = fonts.iter().find(|(family, ..)| *family == FAMILIES[1]).map(heavy);
    fonts.extend(heavy);
    let shaped = shaped(page);
    let mut out = String::new();
    for (family, font, weight, some) in fonts.iter().filter(|(.., some)| some.iter().any(|c| *c != ' ')) {
        let shaped = shaped.iter().filter(|text| some.iter().any(|c| is_shaped(*c) && text.contains(*c)));
        let forms: BTreeSet<u16> =
            shaped.flat_map(|text| glyphs(text, *weight)).filter(|(face, _)| face == font).map(|(_, at)| at).collect();
        let wanted = Wanted { characters: some, shaped: !forms.is_empty(), forms };
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

/// What of a page is not drawn letter after letter, each piece once: letters have other forms beside each other.
fn shaped(page: &str) -> BTreeSet<&str> {
    page.split(|c: char| c.is_ascii()).filter(|piece| piece.contains(is_shaped)).collect()
}

/// Whether a page can hold a font: whether glyphs of it can be taken out.
#[must_use]
pub fn can_be_embedded(bytes: &[u8]) -> bool {
    let wanted = Wanted { characters: &('!'..='~').collect(), forms: BTreeSet::new(), shaped: true };
    subset::of(bytes, &wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::inline::from_base64;
    use crate::report::text::OwnFont;

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
        let all = ["simpipe text", "simpipe Thai", "simpipe East Asian", "simpipe text bold"];
        assert_eq!(families("Cat 猫 แมว قط חתול"), all);
        for (family, bytes) in found("Cat 猫 แมว قط חתול") {
            assert!(bytes.starts_with(b"wOFF") && bytes.len() < 40_000, "{family}: {} bytes", bytes.len());
        }
        let few = found("Cat")[0].1.len();
        assert!(few < found("Cat قط")[0].1.len() && few < 20_000, "{few} bytes");
        assert_eq!(rules("Cat 猫"), rules("猫 Cat Cat"));
    }

    #[test]
    fn a_font_of_the_spec_has_what_it_has_and_the_bundled_ones_the_rest() {
        let using = OwnFont::in_use(Some(OwnFont::read(Face::Bold.bytes()).unwrap()));
        assert_eq!(families("Cat 猫"), ["simpipe own", "simpipe East Asian"]);
        assert!(rules("Cat").starts_with(OWN_RULE));
        drop(using);
        assert!(!families("Cat 猫").contains(&"simpipe own".to_owned()));
        assert!(can_be_embedded(Face::Regular.bytes()) && can_be_embedded(Face::EastAsian.bytes()));
        assert!(!can_be_embedded(b"none"));
    }
}
