//! The bundled fonts and that of the spec, and which of them draws a character. Never those of the machine: a figure has the same
//! bytes everywhere.

use std::borrow::Cow;
use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, GlyphId};
use simpipe_base::visible::visible;

use super::Weight;
use super::loaded::Loaded;
use super::own::{self, OwnFont};

pub(super) const REGULAR: &[u8] = include_bytes!("../font/DejaVuSans.ttf");
pub(super) const BOLD: &[u8] = include_bytes!("../font/DejaVuSans-Bold.ttf");
pub(super) const THAI: &[u8] = include_bytes!("../font/NotoSansThai-Subset.ttf");
const EAST_ASIAN: &[u8] = include_bytes!("../font/NotoSansCJK-Subset.otf");

/// A font that draws.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Face {
    /// Latin, Greek, Cyrillic, Arabic, Hebrew and signs.
    Regular,
    /// The same, heavy.
    Bold,
    /// Thai.
    Thai,
    /// Han, kana and Hangul.
    EastAsian,
    /// That of the spec.
    Own(OwnFont),
}

/// In the order of [`Face`].
static BUNDLED: LazyLock<[Loaded; 4]> = LazyLock::new(|| {
    [REGULAR, BOLD, THAI, EAST_ASIAN].map(|bytes| Loaded::of(bytes).expect("the bundled fonts are valid"))
});

impl PartialEq for Face {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.loaded(), other.loaded())
    }
}

impl Eq for Face {}

impl Face {
    /// The font of most text of a weight: that of the spec, where there is one, in its one weight.
    pub(super) fn main(weight: Weight) -> Self {
        Self::own().unwrap_or_else(|| Self::bundled(weight))
    }

    /// That of the spec, if there is one.
    pub(crate) fn own() -> Option<Self> {
        own::in_use().map(Self::Own)
    }

    const fn bundled(weight: Weight) -> Self {
        match weight {
            Weight::Regular => Self::Regular,
            Weight::Bold => Self::Bold,
        }
    }

    /// The first font that has a character.
    pub(crate) fn of(c: char, weight: Weight) -> Option<Self> {
        [Self::main(weight), Self::bundled(weight), Self::Regular, Self::Thai, Self::EastAsian]
            .into_iter()
            .find(|face| face.has(c))
    }

    /// Whether it has a character.
    pub(crate) fn has(self, c: char) -> bool {
        self.outlines().glyph_id(c) != GlyphId(0)
    }

    fn loaded(self) -> &'static Loaded {
        match self {
            Self::Regular => &BUNDLED[0],
            Self::Bold => &BUNDLED[1],
            Self::Thai => &BUNDLED[2],
            Self::EastAsian => &BUNDLED[3],
            Self::Own(font) => font.loaded(),
        }
    }

    /// The font as its glyphs are drawn.
    pub(super) fn outlines(self) -> &'static FontRef<'static> {
        &self.loaded().outlines
    }

    /// The font as its glyphs are chosen.
    pub(super) fn shaper(self) -> &'static rustybuzz::Face<'static> {
        &self.loaded().shaper
    }

    /// The whole file.
    pub(crate) fn bytes(self) -> &'static [u8] {
        self.loaded().bytes
    }

    /// Its units in an em.
    pub(super) fn em(self) -> f32 {
        self.outlines().units_per_em().unwrap_or(2048.0)
    }
}

/// Whether no font has a character: it is written by its number.
pub(crate) fn is_missing(c: char) -> bool {
    !c.is_ascii() && Face::of(c, Weight::Regular).is_none()
}

/// A character by its number, as `U+1F980`.
pub(crate) fn number(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// A text as it is drawn: what nobody would see by its escape, and what no bundled font has by its number, as `U+1F980`.
pub(crate) fn drawable(text: &str) -> Cow<'_, str> {
    let text = visible(text);
    if !text.contains(is_missing) {
        return text;
    }
    let written = |c: char| if is_missing(c) { number(c) } else { c.to_string() };
    Cow::Owned(text.chars().map(written).collect())
}

/// Whether every character is drawn by itself, one after the other from left to right, by the main font.
pub(super) fn is_plain(text: &str, weight: Weight) -> bool {
    text.chars().all(|c| c.is_ascii() || !is_shaped(c) && Face::main(weight).has(c))
}

/// Whether a character may look otherwise beside others, stand on one of them, or be read from right to left: combining marks,
/// the scripts from Hebrew to Khmer, and their forms.
pub(crate) fn is_shaped(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{590}'..='\u{109f}'
            | '\u{1100}'..='\u{11ff}'
            | '\u{1780}'..='\u{18af}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe00}'..='\u{fe2f}'
            | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_has_the_scripts_that_it_is_for_and_the_rest_is_written_as_numbers() {
        for (text, face) in [
            ("Cat é Ж Ω שלום العربية پ", Face::Regular),
            ("ไทยกรุงเทพฯ", Face::Thai),
            ("汉字漢字日本語かなカナ한글、。「」", Face::EastAsian),
        ] {
            for c in text.chars().filter(|c| *c != ' ') {
                assert_eq!(Face::of(c, Weight::Regular), Some(face), "{c}");
                assert!(Face::of(c, Weight::Bold).is_some(), "{c}");
            }
            assert_eq!(drawable(text), text);
        }
        assert_eq!(drawable("crab 🦀!"), "crab U+1F980!");
        assert_eq!(drawable("हि"), "U+0939U+093F");
        assert_eq!(drawable("\u{202e}gnp\u{1b}"), "\\u{202e}gnp\\x1b");
    }

    #[test]
    fn latin_text_is_plain_and_what_joins_or_turns_is_not() {
        for (text, plain) in [
            ("Airplane", true),
            ("Größe – «ça» ≤ 0.5 ✓ → 12 %", true),
            ("Ελληνικά Кириллица", true),
            ("", true),
            ("e\u{301}", false),
            ("שלום", false),
            ("العربية", false),
            ("ไทย", false),
            ("漢字", false),
        ] {
            assert_eq!([is_plain(text, Weight::Regular), is_plain(text, Weight::Bold)], [plain; 2], "{text}");
        }
    }
}
