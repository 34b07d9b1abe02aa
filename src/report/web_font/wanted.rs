//! What of a font a page needs, and how a table of it is found.

use std::collections::BTreeSet;

use rustybuzz::ttf_parser::{RawFace, Tag};

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

/// The rules of a font for joining and placing.
pub(super) fn rules(face: &RawFace<'_>) -> impl Iterator<Item = ([u8; 4], Vec<u8>)> {
    [*b"GDEF", *b"GPOS", *b"GSUB"].into_iter().filter_map(move |tag| Some((tag, table(face, &tag)?.to_vec())))
}
