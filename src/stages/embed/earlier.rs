//! Rows that an earlier result has: of the same network, used in the same way, for images that are still there.
//!
//! An image's row hangs on the image alone ([`Embedder`](simpipe_nn::Embedder) fills its batches up), so such a row is, to the
//! bit, the one that would be computed.

use std::collections::BTreeMap;
use std::path::Path;

use simpipe_artifact::table::Columns;
use simpipe_artifact::{ArtifactError, EmbeddingsInfo};
use simpipe_nn::Pixels;

/// The rows of a result while it grows.
pub(super) struct EarlierRows {
    dim: usize,
    /// `[images, dim]`; empty where none is known.
    values: Vec<f32>,
    /// Which of them are known.
    known: Vec<bool>,
}

impl EarlierRows {
    /// Those in a folder with an earlier result. What can't be read is computed again.
    pub(super) fn read(folder: Option<&Path>, pixels: &Pixels, dim: usize) -> Self {
        let read = |folder: &Path| {
            Self::of(folder, pixels, dim)
                .inspect_err(|error| tracing::debug!(%error, "no row is taken over from the earlier result"))
                .ok()
        };
        folder.and_then(read).unwrap_or_else(|| Self { dim, values: Vec::new(), known: vec![false; pixels.count()] })
    }

    fn of(folder: &Path, pixels: &Pixels, dim: usize) -> Result<Self, ArtifactError> {
        let mut rows = Self { dim, values: vec![0.0; pixels.count() * dim], known: vec![false; pixels.count()] };
        let mut wanted: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        (0..pixels.count()).for_each(|at| wanted.entry(pixels.digest(at)).or_default().push(at));
        let path = folder.join(EmbeddingsInfo::TABLE);
        Columns::each_of_parquet(&path, |piece| {
            let (values, found) = piece.vectors("embedding")?;
            if found != dim {
                return Err(ArtifactError::malformed(&path, format!("rows of {found} numbers, not {dim}")));
            }
            for (digest, row) in piece.text("digest")?.iter().zip(values.chunks(dim.max(1))) {
                for &at in wanted.get(digest).into_iter().flatten() {
                    rows.values[at * dim..(at + 1) * dim].copy_from_slice(row);
                    rows.known[at] = true;
                }
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// The images whose rows are not known.
    pub(super) fn missing(&self) -> Vec<usize> {
        (0..self.known.len()).filter(|&at| !self.known[at]).collect()
    }

    /// All rows, with those that were missing.
    pub(super) fn filled(mut self, missing: &[usize], rows: Vec<f32>) -> Vec<f32> {
        if self.values.is_empty() {
            return rows; // all were
        }
        for (&at, row) in missing.iter().zip(rows.chunks(self.dim.max(1))) {
            self.values[at * self.dim..(at + 1) * self.dim].copy_from_slice(row);
        }
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::{Embeddings, ExamplesWriter, Image, ImageShape};

    fn image(value: u8) -> Image {
        Image { shape: ImageShape { height: 1, width: 1, channels: 1 }, pixels: vec![value] }
    }

    fn pixels(folder: &Path, values: &[u8]) -> Pixels {
        let mut writer = ExamplesWriter::new(&folder.join("examples.parquet"));
        values.iter().for_each(|value| writer.push("train", 0, image(*value)).unwrap());
        writer.finish().unwrap();
        Pixels::read(&folder.join("images"), &(0..values.len() as u64).collect::<Vec<_>>()).unwrap()
    }

    fn written(folder: &Path, values: &[u8]) {
        let embeddings = Embeddings {
            position: (0..values.len() as u64).collect(),
            example_id: (0..values.len() as u64).collect(),
            label: vec![0; values.len()],
            split: vec!["train".to_owned(); values.len()],
            digest: values.iter().map(|value| image(*value).digest().to_string()).collect(),
            values: values.iter().flat_map(|value| [f32::from(*value), 0.5]).collect(),
            dim: 2,
            ..Embeddings::default()
        };
        embeddings.write(&folder.join(EmbeddingsInfo::TABLE)).unwrap();
    }

    #[test]
    fn rows_are_found_by_their_images_wherever_they_stood() {
        let [images, earlier] = [(), ()].map(|()| tempfile::tempdir().unwrap());
        let pixels = pixels(images.path(), &[9, 3, 1, 3]);
        written(earlier.path(), &[1, 2, 3]);
        let rows = EarlierRows::read(Some(earlier.path()), &pixels, 2);
        assert_eq!(rows.missing(), [0]);
        assert_eq!(rows.filled(&[0], vec![7.0, 8.0]), [7.0, 8.0, 3.0, 0.5, 1.0, 0.5, 3.0, 0.5]);
    }

    #[test]
    fn without_an_earlier_result_all_rows_are_missing() {
        let [images, earlier] = [(), ()].map(|()| tempfile::tempdir().unwrap());
        let pixels = pixels(images.path(), &[9, 3]);
        written(earlier.path(), &[9, 3]);
        // None, one of rows of another length, and one that is no table.
        for (folder, dim) in [(None, 2), (Some(earlier.path()), 3), (Some(images.path()), 2)] {
            let rows = EarlierRows::read(folder, &pixels, dim);
            assert_eq!(rows.missing(), [0, 1]);
            assert_eq!(rows.filled(&[0, 1], vec![1.0; 2 * dim]), vec![1.0; 2 * dim]);
        }
    }
}
