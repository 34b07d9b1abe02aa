//! `examples.parquet` and `dataset.json`: what is known of the images; the pixels lie in `images/`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::Columns;
use super::{ArtifactError, Image, ImageShape, Images};

/// `dataset.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// The source's name in a spec, such as `cifar10`.
    pub source: String,
    /// What the source is, with its licence or citation.
    pub description: String,
    /// Names by label.
    pub classes: Vec<String>,
    /// Examples by split.
    pub counts: BTreeMap<String, usize>,
    /// The shape that all images share, if they do.
    pub image: Option<ImageShape>,
    /// Digest over all image digests and labels in order: the same images give the same one, however provided.
    pub checksum: String,
    /// Files that were skipped because they can't be read, as the spec allows.
    pub skipped: Vec<String>,
    /// Images with pixels that were not opaque and were laid over a background; left out if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub transparent: usize,
    /// Images that are stored as they came, encoded, and decoded when they are looked at; left out if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub encoded: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The table of examples without its pixels. `example_id` is the row number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples {
    /// `train`, `test`, ...
    pub split: Vec<String>,
    /// Index into the classes.
    pub label: Vec<i32>,
    /// The shapes.
    pub shape: Vec<ImageShape>,
    /// [`Image::digest`] of each.
    pub digest: Vec<String>,
}

impl Examples {
    /// Reads everything but the pixels.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let names = ["split", "label", "height", "width", "channels", "digest"];
        let columns = Columns::read_parquet(path, Some(&names))?;
        let (height, width, channels) = (columns.u32("height")?, columns.u32("width")?, columns.u32("channels")?);
        let shape = height
            .iter()
            .zip(&width)
            .zip(&channels)
            .map(|((&height, &width), &channels)| ImageShape { height, width, channels })
            .collect();
        Ok(Self { split: columns.text("split")?, label: columns.i32("label")?, shape, digest: columns.text("digest")? })
    }

    /// Number of examples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }

    /// Reads the images of some examples, in the order asked for (an id may be asked for twice), from the files beside
    /// `examples.parquet`.
    ///
    /// # Errors
    /// If they can't be read or there is no such example.
    pub fn read_images(path: &Path, example_ids: &[u64]) -> Result<Vec<Image>, ArtifactError> {
        Images::beside(path)?.read(example_ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_transparency_was_counted_is_read() {
        let json = r#"{"format":1,"source":"mnist","description":"","classes":[],"counts":{},"image":null,"checksum":"",
            "skipped":[]}"#;
        let info: DatasetInfo = serde_json::from_str(json).unwrap();
        assert_eq!(info.transparent, 0);
        assert!(!serde_json::to_string(&info).unwrap().contains("transparent"), "and it is written as before");
    }
}
