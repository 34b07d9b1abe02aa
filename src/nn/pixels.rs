//! Images of a dataset as one block of bytes, the form in which networks take them.

use std::path::Path;

use crate::artifact::{ArtifactError, Examples};

/// Images that all have one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Height, width, channels.
    pub shape: [usize; 3],
    /// `[n, height, width, channels]`, image after image.
    pub bytes: Vec<u8>,
}

/// Why images can't be stacked.
#[derive(Debug, thiserror::Error)]
pub enum PixelsError {
    /// The dataset can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// There is none.
    #[error("there are no images to work on")]
    Empty,
    /// Shapes differ.
    #[error("images must share one shape: example {first} has {expected:?}, example {other} has {found:?}")]
    Mixed {
        /// The first image's example.
        first: u64,
        /// Its height, width, channels.
        expected: [usize; 3],
        /// The example that differs.
        other: u64,
        /// Its height, width, channels.
        found: [usize; 3],
    },
}

impl Pixels {
    /// Reads the images of some examples from `examples.parquet`, in the order asked for.
    ///
    /// # Errors
    /// If the file can't be read, there is no image, or shapes differ.
    pub fn read(path: &Path, example_ids: &[u64]) -> Result<Self, PixelsError> {
        if example_ids.is_empty() {
            return Err(PixelsError::Empty);
        }
        let mut shapes = vec![[0; 3]; example_ids.len()];
        let mut bytes = Vec::new();
        Examples::visit_images(path, example_ids, |place, shape, pixels| {
            // Room for all once the first is seen; images of other sizes are told of below.
            if bytes.is_empty() {
                bytes.resize(example_ids.len() * pixels.len(), 0);
            }
            shapes[place] = [shape.height as usize, shape.width as usize, shape.channels as usize];
            if let Some(to) = bytes.chunks_exact_mut(pixels.len().max(1)).nth(place) {
                to.copy_from_slice(pixels);
            }
        })?;
        let shape = shapes[0];
        if let Some(other) = (1..shapes.len()).find(|&at| shapes[at] != shape) {
            let (first, other, found) = (example_ids[0], example_ids[other], shapes[other]);
            return Err(PixelsError::Mixed { first, expected: shape, other, found });
        }
        Ok(Self { shape, bytes })
    }

    /// Bytes of one image.
    #[must_use]
    pub fn image_size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of one image.
    #[must_use]
    pub fn image(&self, at: usize) -> &[u8] {
        &self.bytes[at * self.image_size()..(at + 1) * self.image_size()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{ExamplesWriter, Image, ImageShape};

    #[test]
    fn images_are_stacked_in_order_and_must_share_a_shape() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.parquet");
        let mut writer = ExamplesWriter::new(&path);
        for (width, value) in [(2, 10), (2, 20), (3, 30)] {
            let shape = ImageShape { height: 1, width, channels: 1 };
            writer.push("train", 0, Image { shape, pixels: vec![value; shape.bytes()] }).unwrap();
        }
        writer.finish().unwrap();
        let pixels = Pixels::read(&path, &[1, 0]).unwrap();
        assert_eq!((pixels.shape, &pixels.bytes[..]), ([1, 2, 1], &[20, 20, 10, 10][..]));
        assert_eq!(pixels.image(1), [10, 10]);
        let error = Pixels::read(&path, &[0, 2]).unwrap_err().to_string();
        assert_eq!(error, "images must share one shape: example 0 has [1, 2, 1], example 2 has [1, 3, 1]");
        assert!(matches!(Pixels::read(&path, &[]), Err(PixelsError::Empty)));
    }
}
