//! Which images could be read, and what is said of those that could not.

use super::decoder::Picture;
use super::{OnCorrupt, Pictures};
use crate::DataError;
use crate::source::Loaded;
use crate::source::item::named;
use simpipe_picture::DecodeError;

/// Unreadable files that a message names; the rest is counted.
const NAMED: usize = 20;

/// Images that can't be read, and those that were.
pub(super) struct Tally<'a> {
    pub(super) pictures: &'a Pictures,
    unreadable: Vec<(String, DecodeError)>,
    transparent: usize,
    taken_over: usize,
}

impl<'a> Tally<'a> {
    pub(super) fn new(pictures: &'a Pictures) -> Self {
        Self { pictures, unreadable: Vec::new(), transparent: 0, taken_over: 0 }
    }

    /// The image, if it can be read and is still wanted: after the first failure only the names of the others matter.
    pub(super) fn take(
        &mut self,
        name: impl FnOnce() -> String,
        picture: Result<Picture, DecodeError>,
    ) -> Option<Picture> {
        match picture {
            Ok(_) if !self.unreadable.is_empty() && self.pictures.on_corrupt == OnCorrupt::Fail => None,
            Ok(picture) => {
                self.transparent += usize::from(picture.from.transparent);
                self.taken_over += usize::from(picture.taken_over);
                Some(picture)
            }
            Err(reason) => {
                self.unreadable.push((name(), reason));
                None
            }
        }
    }

    /// What came of `total` images.
    pub(super) fn finish(self, total: usize) -> Result<Loaded, DataError> {
        let Self { pictures, unreadable, transparent, taken_over } = self;
        if !unreadable.is_empty() && (pictures.on_corrupt == OnCorrupt::Fail || unreadable.len() == total) {
            let listed: Vec<String> = unreadable.iter().map(|(name, reason)| format!("`{name}` ({reason})")).collect();
            return Err(DataError::Unreadable {
                count: unreadable.len(),
                total,
                listed: named(&listed, NAMED),
                too_large: unreadable.iter().any(|(_, reason)| matches!(reason, DecodeError::TooLarge { .. })),
            });
        }
        let skipped = unreadable.into_iter().map(|(name, _)| name).collect();
        Ok(Loaded { skipped, transparent, taken_over, ..Loaded::default() })
    }
}
