//! Images that somebody asks about: files that he names, the images of a folder, bytes that he sends. They become pixels as
//! the images of a dataset do, whose source says what is behind transparent pixels and how large an image may be.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use walkdir::{DirEntry, WalkDir};

use super::in_order::{BUDGET, Claim, in_order};
use super::source::{Resize, is_image};
use simpipe_artifact::Image;
use simpipe_base::fs::{open_regular, read_at_most};
use simpipe_base::param;
use simpipe_picture::{DecodeError, DecodeOptions, Encoded, Scaling};

/// How an image becomes pixels.
#[derive(Debug, Clone)]
pub struct Decoding(DecodeOptions);

/// Why bytes did not become pixels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The image has more pixels than are allowed, as its header says.
    #[error("{0}")]
    TooLarge(String),
    /// They are no whole image of a format that is read.
    #[error("{0}")]
    Unreadable(String),
    /// There is no memory for it now.
    #[error("decoding it needs {memory} bytes, which are not free now")]
    NoRoom {
        /// The bytes that it takes, about.
        memory: u64,
    },
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        let words = error.to_string();
        if matches!(error, DecodeError::TooLarge { .. }) { Self::TooLarge(words) } else { Self::Unreadable(words) }
    }
}

impl Decoding {
    /// Like images of a dataset, given as the stage's parameters write its `source`, brought to the height, width and channels
    /// that a network takes: as the source does it, and stretched where it leaves images as they are.
    #[must_use]
    pub fn like(source: &Json, [height, width, channels]: [usize; 3]) -> Self {
        let usual = DecodeOptions::default();
        let params = source.as_object().and_then(|source| source.values().next());
        let given = |name: &str| params.and_then(|params| params.get(name));
        let background = given("background").and_then(|colour| serde_json::from_value(colour.clone()).ok());
        let max_pixels = given("max-pixels").and_then(Json::as_u64);
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let size = (side(height), side(width));
        let resize = given("resize").and_then(|resize| param::from_json::<Resize>(resize).ok());
        let scaling = resize.and_then(|resize| resize.to_scaling());
        let scaling = scaling.filter(|scaling| (scaling.height, scaling.width) == size);
        let scaling = scaling.unwrap_or_else(|| Scaling::stretch(size));
        Self(DecodeOptions {
            channels: side(channels),
            scaling: Some(scaling),
            background: background.unwrap_or(usual.background),
            max_pixels: max_pixels.unwrap_or(usual.max_pixels),
        })
    }

    /// The most bytes that an image file may have.
    #[must_use]
    pub fn most_bytes(&self) -> u64 {
        self.0.most_bytes()
    }

    /// The image in these bytes.
    ///
    /// # Errors
    /// In words, if they are no image or one that is too large.
    pub fn bytes(&self, bytes: &[u8]) -> Result<Image, String> {
        let decoded = Encoded::read(bytes, &self.0).and_then(Encoded::decode);
        decoded.map(|decoded| decoded.image).map_err(|error| error.to_string())
    }

    /// The same, in as much memory as `room` gives: it is asked for the bytes that decoding takes before they are spent.
    ///
    /// # Errors
    /// If they are no image, one that is too large, or there is no room for it now.
    pub fn bytes_within(&self, bytes: &[u8], room: &mut dyn FnMut(u64) -> bool) -> Result<Image, Refused> {
        let encoded = Encoded::read(bytes, &self.0)?;
        let memory = encoded.memory();
        if !room(memory) {
            return Err(Refused::NoRoom { memory });
        }
        Ok(encoded.decode()?.image)
    }

    /// The same of images with at most so many pixels.
    #[must_use]
    pub fn at_most(mut self, max_pixels: u64) -> Self {
        self.0.max_pixels = self.0.max_pixels.min(max_pixels);
        self
    }

    /// The images in these files, in their order: each, or why it can't be had. Fewer than asked for once `stop` says so.
    pub fn files(&self, paths: &[PathBuf], stop: &(dyn Fn() -> bool + Sync)) -> Vec<Result<Image, String>> {
        let mut found = Vec::with_capacity(paths.len());
        let decode = |path: &PathBuf, claim: &Claim<'_>| self.file(path, claim);
        // Only the wish to stop ends it early, and whoever has that knows.
        let _: Result<(), ()> = in_order(paths, BUDGET, decode, |result| {
            found.extend(result.map(|(_, image)| image.map_err(|error| error.to_string())));
            if stop() { Err(()) } else { Ok(()) }
        });
        found
    }

    fn file(&self, path: &Path, claim: &Claim<'_>) -> Result<Image, DecodeError> {
        let unreadable = |error: std::io::Error| DecodeError::of_file(&error);
        let stopped = |_| DecodeError::Unreadable("stopped".to_owned());
        let file = open_regular(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        claim.hold(length.min(self.most_bytes())).map_err(stopped)?;
        let bytes = read_at_most(&file, self.most_bytes()).map_err(unreadable)?;
        let encoded = Encoded::read(&bytes, &self.0)?;
        claim.hold(encoded.memory()).map_err(stopped)?;
        let image = encoded.decode()?.image;
        claim.keep(image.pixels.len() as u64);
        Ok(image)
    }
}

/// The images in a folder and in those inside it, in the order of their names; hidden ones are not looked at.
///
/// # Errors
/// In words, if a folder can't be read.
pub fn images_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    let visible = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut found = Vec::new();
    for entry in walk.into_iter().filter_entry(visible) {
        let entry = entry.map_err(|error| error.to_string())?;
        if !entry.file_type().is_dir() && is_image(&entry) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A PNG file of one colour, half of it transparent.
    fn png(side: u32) -> Vec<u8> {
        let image = image::RgbaImage::from_pixel(side, side, image::Rgba([200, 100, 0, 0]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_source_says_how_images_become_pixels() {
        let plain = Decoding::like(&json!("cifar10-sample"), [2, 3, 3]);
        let image = plain.bytes(&png(8)).unwrap();
        assert_eq!((image.shape.height, image.shape.width, image.pixels), (2, 3, vec![255; 18]), "on white");
        let source = json!({ "image-folder": { "path": "x", "background": [1, 2, 3], "max-pixels": 50 } });
        let given = Decoding::like(&source, [1, 1, 3]);
        assert_eq!(given.bytes(&png(7)).unwrap().pixels, [1, 2, 3]);
        assert_eq!(given.bytes(&png(8)).unwrap_err(), "8 x 8 pixels are more than `max-pixels = 50` allows");
        assert_eq!(Decoding::like(&source, [1, 1, 1]).bytes(&png(7)).unwrap().pixels.len(), 1);
    }

    #[test]
    fn room_is_asked_for_before_anything_is_decoded() {
        let decoding = Decoding::like(&json!("mnist"), [2, 2, 1]);
        let mut asked = Vec::new();
        let refused = decoding.bytes_within(&png(64), &mut |bytes| {
            asked.push(bytes);
            false
        });
        assert!(asked.len() == 1 && asked[0] > 64 * 64 * 4, "{asked:?}");
        assert_eq!(refused, Err(Refused::NoRoom { memory: asked[0] }));
        assert_eq!(decoding.bytes_within(&png(64), &mut |_| true).unwrap(), decoding.bytes(&png(64)).unwrap());
        let small = decoding.at_most(100);
        let mut never = |_: u64| panic!("the header says enough");
        assert!(matches!(small.bytes_within(&png(11), &mut never), Err(Refused::TooLarge(_))));
        assert!(matches!(small.bytes_within(b"%PDF-1.7", &mut never), Err(Refused::Unreadable(_))));
    }

    /// Red, green and blue, four pixels each side by side, four high.
    #[test]
    fn images_are_brought_to_a_size_as_those_of_the_source() {
        let colour = |x: u32, _| image::Rgb([0, 1, 2].map(|channel| if x / 4 == channel { 255 } else { 0 }));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_fn(12, 4, colour).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let of = |resize: Json, shape| {
            let source = json!({ "image-folder": { "path": "x", "resize": resize } });
            Decoding::like(&source, shape).bytes(bytes.get_ref()).unwrap().pixels
        };
        let cropped = json!({ "size": [4, 4], "mode": "centre-crop" });
        assert_eq!(of(cropped.clone(), [4, 4, 3]), [0, 255, 0].repeat(16), "its middle");
        let fitted = of(json!({ "size": [6, 6], "mode": "fit", "pad": [9, 8, 7], "filter": "nearest" }), [6, 6, 3]);
        assert_eq!(fitted[..3 * 6], [9, 8, 7].repeat(6), "a border");
        assert_eq!(fitted[3 * 12..3 * 14], [255, 0, 0].repeat(2), "the whole image between");
        // A source that leaves images as they are, and one of another size than the network.
        for resize in [Json::Null, json!([4, 4]), json!({ "size": [8, 8], "mode": "centre-crop" })] {
            let stretched = of(resize, [4, 4, 3]);
            assert!(stretched != of(cropped.clone(), [4, 4, 3]) && stretched[0] > stretched[1], "{stretched:?}");
        }
    }

    #[test]
    fn files_come_in_order_and_each_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("inside")).unwrap();
        std::fs::create_dir_all(at(".hidden")).unwrap();
        for name in ["b.png", "a.JPG", "inside/c.webp", ".hidden/d.png", "no-ending"] {
            std::fs::write(at(name), png(4)).unwrap();
        }
        for name in ["notes.txt", "page.pdf"] {
            std::fs::write(at(name), "%PDF-1.7 words").unwrap();
        }
        let found = images_in(folder.path()).unwrap();
        let names: Vec<PathBuf> = ["a.JPG", "b.png", "inside/c.webp", "no-ending"].map(at).to_vec();
        assert_eq!(found, names);
        let decoding = Decoding::like(&json!("mnist"), [2, 2, 1]);
        let paths = [at("b.png"), at("page.pdf"), at("nothing.png"), at("inside"), at("a.JPG")];
        let images = decoding.files(&paths, &|| false);
        let words: Vec<&str> = images.iter().map(|image| image.as_ref().err().map_or("", String::as_str)).collect();
        assert_eq!(words[..2], ["", "neither JPEG, PNG, WebP, GIF, BMP nor TIFF"]);
        assert!(words[2].contains("No such file") && words[3].contains("a folder") && words[4].is_empty(), "{words:?}");
        assert!(decoding.files(&paths, &|| true).len() <= 1);
        assert!(images_in(&at("nowhere")).is_err());
    }
}
