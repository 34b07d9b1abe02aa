//! Raw pixels with their size.

use serde::{Deserialize, Serialize};
use simpipe_base::digest::Digest;

/// Height, width and channels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u32,
}

impl ImageShape {
    /// Bytes of an image of this shape.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.height as usize * self.width as usize * self.channels as usize
    }
}

impl Default for ImageShape {
    fn default() -> Self {
        Self { height: 0, width: 0, channels: 1 }
    }
}

/// Raw pixels: `height x width x channels` bytes, channels innermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The size.
    pub shape: ImageShape,
    /// The pixels.
    pub pixels: Vec<u8>,
}

impl Image {
    /// The digest of shape and pixels: equal images have equal digests, whatever file they came from.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        for side in [self.shape.height, self.shape.width, self.shape.channels] {
            hasher.update(&side.to_le_bytes());
        }
        hasher.update(&self.pixels);
        Digest::from_hasher(&hasher)
    }
}
