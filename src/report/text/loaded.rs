//! A font whose file was read.

use ab_glyph::FontRef;

/// A font as those read it who draw its glyphs and who choose them.
pub(super) struct Loaded {
    pub(super) outlines: FontRef<'static>,
    pub(super) shaper: rustybuzz::Face<'static>,
    pub(super) bytes: &'static [u8],
}

impl Loaded {
    /// The first font of a file; `None` if it is none.
    pub(super) fn of(bytes: &'static [u8]) -> Option<Self> {
        let outlines = FontRef::try_from_slice(bytes).ok()?;
        Some(Self { outlines, shaper: rustybuzz::Face::from_slice(bytes, 0)?, bytes })
    }
}
