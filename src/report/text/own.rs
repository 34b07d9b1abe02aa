//! A font that the spec names: it draws all that it has, in one weight, and the bundled ones the rest.
//!
//! Which font it is is known to a thread, while a report is made on it: words are measured, drawn and written in some dozens of
//! places, none of which has a say in it. Reports of other threads have their own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use simpipe_base::digest::Digest;

use super::loaded::Loaded;

/// Bytes of a file at most: more than any font has.
pub const LARGEST: u64 = 64 << 20;

/// A font whose file was read. It is kept for as long as the program runs, once however often it is read: glyphs of it are
/// held by whatever is drawn with it.
#[derive(Clone, Copy)]
pub struct OwnFont(&'static Loaded);

impl std::fmt::Debug for OwnFont {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "OwnFont({} bytes)", self.0.bytes.len())
    }
}

static READ: Mutex<BTreeMap<Digest, &'static Loaded>> = Mutex::new(BTreeMap::new());

thread_local! {
    static IN_USE: Cell<Option<OwnFont>> = const { Cell::new(None) };
}

impl OwnFont {
    /// The first font of a TrueType or OpenType file, or of a collection of them.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with the file.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        checked(bytes)?;
        let digest = Digest::of(bytes);
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = read.get(&digest) {
            return Ok(Self(known));
        }
        let bytes: &'static [u8] = Box::leak(bytes.to_vec().into_boxed_slice());
        let loaded = Loaded::of(bytes).ok_or_else(|| DAMAGED.to_owned())?;
        let loaded: &'static Loaded = Box::leak(Box::new(loaded));
        read.insert(digest, loaded);
        Ok(Self(loaded))
    }

    pub(super) const fn loaded(self) -> &'static Loaded {
        self.0
    }

    /// Draws with it on this thread until what is given is dropped.
    #[must_use]
    pub fn in_use(font: Option<Self>) -> InUse {
        InUse(IN_USE.replace(font))
    }
}

/// While it is there, this thread draws with a font of a spec, or with the bundled ones.
#[derive(Debug)]
pub struct InUse(Option<OwnFont>);

impl Drop for InUse {
    fn drop(&mut self) {
        IN_USE.set(self.0);
    }
}

/// The font that this thread draws with beside the bundled ones.
pub(super) fn in_use() -> Option<OwnFont> {
    IN_USE.get()
}

const DAMAGED: &str = "is not a font, or is damaged";

/// Whether text can be drawn with a file, before anything of it is kept.
fn checked(bytes: &[u8]) -> Result<(), String> {
    let tags: [(&[u8], &str); 2] = [(b"wOFF", "WOFF"), (b"wOF2", "WOFF2")];
    if let Some((_, name)) = tags.iter().find(|(tag, _)| bytes.starts_with(tag)) {
        return Err(format!(
            "is a {name} file, packed for pages: the TrueType or OpenType file that it was made of is needed"
        ));
    }
    let face = rustybuzz::ttf_parser::Face::parse(bytes, 0).map_err(|error| format!("{DAMAGED}: {error}"))?;
    let tables = face.tables();
    if tables.glyf.is_none() && tables.cff.is_none() {
        return Err("has no outlines of TrueType or OpenType (`glyf` or `CFF`)".to_owned());
    }
    if rustybuzz::Face::from_slice(bytes, 0).is_none() || ab_glyph::FontRef::try_from_slice(bytes).is_err() {
        return Err(DAMAGED.to_owned());
    }
    let lacking: String = ('!'..='~').filter(|c| face.glyph_index(*c).is_none()).take(5).collect();
    if !lacking.is_empty() {
        return Err(format!("lacks letters, digits or signs that every page has, such as `{lacking}`"));
    }
    Ok(())
}

/// Whether the font's own terms forbid to put it into files that are passed on (`fsType` of `OS/2`, bit 1).
#[must_use]
pub fn forbids_embedding(bytes: &[u8]) -> bool {
    let face = rustybuzz::ttf_parser::Face::parse(bytes, 0);
    face.is_ok_and(|face| face.permissions() == Some(rustybuzz::ttf_parser::Permissions::Restricted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Weight, face, width};

    #[test]
    fn a_font_draws_on_its_thread_alone_and_what_it_lacks_the_bundled_ones_draw() {
        let before = width("Cat", 100.0, Weight::Regular);
        let bold = width("Cat", 100.0, Weight::Bold);
        let font = OwnFont::read(face::BOLD).unwrap();
        let using = OwnFont::in_use(Some(font));
        assert_eq!([Weight::Regular, Weight::Bold].map(|weight| width("Cat", 100.0, weight)), [bold; 2]);
        assert!((width("猫", 100.0, Weight::Regular) - 100.0).abs() < 0.1, "a bundled font has it");
        std::thread::spawn(move || assert_eq!(width("Cat", 100.0, Weight::Regular), before)).join().unwrap();
        drop(using);
        assert_eq!(width("Cat", 100.0, Weight::Regular), before);
        // The same file again is the same font.
        assert!(std::ptr::eq(font.0, OwnFont::read(face::BOLD).unwrap().0));
    }

    #[test]
    fn what_is_no_font_of_text_is_refused_in_words() {
        let cut = &face::REGULAR[..5000];
        for (bytes, words) in [
            (&b"wOF2...."[..], "is a WOFF2 file"),
            (b"wOFF....", "is a WOFF file"),
            (b"", "is not a font"),
            (b"<html>", "is not a font"),
            (cut, "is not a font"),
            (face::THAI, "lacks letters"),
        ] {
            let error = OwnFont::read(bytes).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(!forbids_embedding(face::REGULAR));
    }
}
