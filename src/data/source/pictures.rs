//! What becomes of encoded images, whatever holds them: decoding by all cores, in order, within a bound of memory; what can't
//! be read is named or left out.

mod decoder;
mod stream;
mod tally;

pub(super) use self::decoder::decode_file;
use self::decoder::{Decoder, Picture, kept, picture_of_file};
pub(super) use self::stream::{Encoding, Stream};
use self::tally::Tally;
use super::item::Item;
use super::reader::Reader;
use super::{Access, Example, Loaded, Resize, Sink};
use crate::DataError;
use crate::in_order::{BUDGET, Claim, in_order};
use simpipe_base::check::Check;
use simpipe_picture::{BACKGROUND, DecodeOptions};

/// More than that in colour do not fit into one value of a Parquet file.
pub(super) const MOST_PIXELS: u64 = 700_000_000;

simpipe_base::choice! {
    /// What to do with files that can't be decoded.
    pub enum OnCorrupt {
        /// Stop, and name them.
        "fail" => Fail,
        /// Skip them, with a warning; `dataset.json` lists them.
        "skip" => Skip,
    }
}

pub(super) fn colour() -> Check<Vec<u8>> {
    Check::new("three numbers from 0 to 255: red, green and blue", |colour: &Vec<u8>| colour.len() == 3)
}

/// Parameters of a source of encoded images: its own, and then what becomes of the images.
macro_rules! picture_source {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident { $($fields:tt)* }
    ) => {
        simpipe_base::params! {
            $(#[doc = $doc])*
            pub struct $name {
                $($fields)*
                /// Height and width to resize every image to, in pixels, or a table that says how: `[64, 64]` stretches
                /// images, `{ size = [64, 64], mode = "centre-crop" }` shows their middle. Bit-identical to Pillow. By
                /// default images keep their sizes.
                #[aka("image_size", "size", "target_size", "input_shape", "shape", "img_size")]
                resize: Option<$crate::source::Resize> = None => $crate::source::Resize::range().optional(),
                /// 3 for colour, 1 for grey (luma of ITU-R BT.709).
                channels: u32 = 3 => simpipe_base::check::Check::new("1 or 3", |channels| matches!(channels, 1 | 3)),
                /// The colour behind transparent pixels: red, green and blue from 0 to 255.
                background: Vec<u8> = simpipe_picture::BACKGROUND.to_vec() => $crate::source::pictures::colour(),
                /// The largest number of pixels of an image as it is in the file. An image that claims more is treated
                /// as one that can't be decoded; the header is enough to see that, so it takes no memory.
                max_pixels: u64 = simpipe_picture::MAX_PIXELS =>
                    simpipe_base::check::between(1, $crate::source::pictures::MOST_PIXELS),
                /// What to do with files that can't be decoded.
                on_corrupt: $crate::source::OnCorrupt = $crate::source::OnCorrupt::Fail,
            }
        }

        impl $name {
            /// What becomes of the images.
            fn to_pictures(&self) -> $crate::source::pictures::Pictures {
                let (resize, background) = (self.resize.as_ref(), self.background.as_slice());
                $crate::source::pictures::Pictures::new(
                    self.channels, resize, background, self.max_pixels, self.on_corrupt.clone(),
                )
            }
        }
    };
}

/// What becomes of the images of a source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pictures {
    /// How each is decoded.
    pub(super) options: DecodeOptions,
    /// What to do with those that can't be.
    pub(super) on_corrupt: OnCorrupt,
}

impl Pictures {
    /// Of parameters as a spec has them.
    pub(super) fn new(
        channels: u32,
        resize: Option<&Resize>,
        background: &[u8],
        max_pixels: u64,
        on_corrupt: OnCorrupt,
    ) -> Self {
        let scaling = resize.and_then(Resize::to_scaling);
        let background = background.try_into().unwrap_or(BACKGROUND);
        Self { options: DecodeOptions { channels, scaling, background, max_pixels }, on_corrupt }
    }

    /// Height, width and channels, if all images will share them.
    pub(super) fn shape(&self) -> Option<[usize; 3]> {
        let scaling = self.options.scaling.as_ref()?;
        Some([scaling.height, scaling.width, self.options.channels].map(|side| side as usize))
    }
}

/// Says what a reader has read, by the rule of the source's digests.
pub(super) type HasRead<'a> = dyn Fn(&Reader<'_>) -> Result<(), DataError> + 'a;

/// Images in files of their own.
pub(super) struct FileImages<'a> {
    pub(super) items: &'a [Item],
    pub(super) pictures: &'a Pictures,
    pub(super) reader: &'a Reader<'a>,
}

impl FileImages<'_> {
    /// Hands them all to `sink`; `has_read` is called once all were read, before anything is complained of.
    pub(super) fn load(
        &self,
        access: &Access<'_>,
        has_read: &HasRead<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Loaded, DataError> {
        let (items, decoder) = (self.items, Decoder::of(&self.pictures.options, access));
        let (mut tally, mut done) = (Tally::new(self.pictures), 0);
        let decode = |item: &Item, claim: &Claim<'_>| {
            let part = item.more.as_ref().and_then(|more| more.part);
            kept(picture_of_file(&item.path, self.reader, decoder, part, claim), claim)
        };
        in_order(items, BUDGET, decode, |result| {
            let Some((at, decoded)) = result else { return access.images(done, items.len()) };
            let item = &items[at];
            done = at + 1;
            let Some(Picture { image, from, .. }) = tally.take(|| item.shown(), decoded) else { return Ok(()) };
            let label = i32::try_from(item.label).expect("fewer classes than files than 2^31");
            let more = item.more.as_deref();
            let about = more.map(|more| more.about.clone()).unwrap_or_default();
            let value = more.and_then(|more| more.value.as_deref());
            let (split, decoded_from) = (item.split.as_str(), Some(from));
            sink(Example { split, label, image, name: &item.name, about, value, decoded_from })?;
            if (access.stop)() { Err(DataError::Stopped) } else { Ok(()) }
        })?;
        has_read(self.reader)?;
        tally.finish(items.len())
    }
}

impl Item {
    /// Its name in a list of files, with its line where it stands in one.
    fn shown(&self) -> String {
        match self.more.as_ref().map_or(0, |more| more.line) {
            0 => self.name.clone(),
            line => format!("{}, line {line}", self.name),
        }
    }
}

#[cfg(test)]
#[path = "pictures/pictures_tests.rs"]
mod tests;
