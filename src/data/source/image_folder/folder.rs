//! What an image folder holds.

pub(super) use crate::source::listing::Item as File;

/// All image files, in the order of split, class and file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Those of `train`, then those that only other splits have, each sorted.
    pub classes: Vec<String>,
    /// Every image.
    pub files: Vec<File>,
}
