//! `dataset.storage`: whether an image is kept as pixels or as the file that it came as.

use simpipe_picture::ImageShape;

/// Pixels that take fewer bytes are kept as such: 96 x 96 in colour. Decoding them at every look would save next to no room.
const SMALL: usize = 96 * 96 * 3;
/// How many times as much room pixels must take for the file to be kept in their place.
const SMALLER: usize = 2;
/// How many pixels a file may have for each that is kept: those beyond are decoded only to be thrown away.
const SHRUNK: u64 = 4;

simpipe_base::choice! {
    /// Whether the dataset stores images as pixels or as the files they came as. Both give the same pixels. Sources of arrays, such
    /// as `cifar10` and `npz`, have no files, so their images are always pixels.
    pub enum Storage {
        /// Pixels, unless they take more than 27,648 bytes (96 x 96 in colour) and the file takes at most half of that and has
        /// at most four times as many pixels as the stored image.
        "auto" => Auto,
        /// Pixels, decoded and scaled: the fastest to read, and the largest.
        #[aka("pixels", "decoded")]
        "raw" => Raw,
        /// Files, if they are smaller than their pixels. Each is decoded and scaled whenever it is read.
        #[aka("compressed", "files", "jpeg", "original")]
        "encoded" => Encoded,
    }
}

impl Storage {
    /// Whether a file is kept: one of so many bytes and pixels, whose pixels have this shape once they are scaled.
    #[must_use]
    pub const fn keeps_file(&self, bytes: usize, pixels: u64, shape: ImageShape) -> bool {
        let raw = shape.bytes();
        match self {
            Self::Raw => false,
            Self::Encoded => bytes < raw,
            Self::Auto => {
                let kept = shape.height as u64 * shape.width as u64;
                raw > SMALL && bytes <= raw / SMALLER && pixels <= kept.saturating_mul(SHRUNK)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_where_they_are_small_beside_their_pixels() {
        let of = |side: u32| ImageShape { height: side, width: side, channels: 3 };
        let photo = |storage: Storage, bytes, side: u64, kept| storage.keeps_file(bytes, side * side, of(kept));
        assert!(photo(Storage::Auto, 20_000, 224, 224));
        assert!(photo(Storage::Auto, 20_000, 448, 224));
        assert!(!photo(Storage::Auto, 20_000, 500, 224), "too many pixels are thrown away");
        assert!(!photo(Storage::Auto, 80_000, 224, 224), "it saves too little");
        assert!(!photo(Storage::Auto, 1_000, 96, 96), "it is small");
        for (storage, small, large) in [(Storage::Raw, false, false), (Storage::Encoded, true, false)] {
            assert_eq!(photo(storage.clone(), 100, 9, 9), small);
            assert_eq!(photo(storage, 300, 9, 9), large, "the file takes more than its pixels");
        }
    }
}
