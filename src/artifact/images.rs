//! `images/`: the images of a dataset, a file a split, of which any can be had at once through a memory map.
//!
//! A file holds the bytes of one image after the other, then a record of 64 bytes for each, then 32 bytes of trailer. All
//! numbers are little-endian:
//!
//! | where | what |
//! |---|---|
//! | record | offset and length in the file (2 x `u64`), height, width, channels, kind (4 x `u32`), digest (32 bytes) |
//! | trailer | `SIMPIMG1`, the first image's example, number of images, bytes in front of the records (3 x `u64`) |
//!
//! Kind 0 is pixels: `height x width x channels` bytes, channels innermost. Kind 1 is the file that the image came as, kind 2
//! the same with 16 bytes in front of it: from which column to before which, and the same of rows (4 x `u32`). Where there are
//! such, the trailer begins with `SIMPIMG2`, and in front of the records stands how they become pixels and the most memory that one
//! takes then, as JSON, with its length (`u64`) behind it. Whoever decodes one compares what comes out with the digest.
//!
//! The examples of a split follow one another, so that its file alone tells which are in it. Nothing of it lies in memory
//! that the system can't take back, but the pixels of the images that are being looked at.

mod record;
mod writer;

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::Mmap;
use simpipe_base::digest::Digest;
use simpipe_picture::{DecodeOptions, Encoded, Image, ImageShape};

pub(super) use self::record::{Kind, Record};
use self::record::{MEMORY, PART, PIXELS_ALONE, RECORD, SOME_ENCODED, TRAILER, part_from_bytes};
pub(super) use self::writer::SplitWriter;
use super::ArtifactError;

/// The longest name of a split that its file is called by.
const LONGEST_NAME: usize = 64;

/// The folder of the files, as stages name it.
pub const IMAGES: &str = "images/";

/// The file of a split beside `examples.parquet`: `images/train.bin`. A name that not every file system can hold as it is
/// stands there as the beginning of its digest.
#[must_use]
pub fn images_file(split: &str) -> String {
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, b'-' | b'_');
    if (1..=LONGEST_NAME).contains(&split.len()) && split.bytes().all(plain) {
        return format!("{IMAGES}{split}.bin");
    }
    let digest = Digest::of(split.as_bytes()).to_string();
    format!("{IMAGES}other.{}.bin", &digest[..16])
}

/// The images of a dataset, or of those of its splits whose files are there. Any number of threads may look at them.
#[derive(Debug)]
pub struct Images {
    folder: PathBuf,
    /// In the order of their examples.
    files: Vec<SplitFile>,
}

/// The file of a split, mapped once somebody looks into it.
#[derive(Debug)]
struct SplitFile {
    path: PathBuf,
    /// Its first example.
    first: u64,
    /// How many it has.
    count: u64,
    /// Bytes in front of the records.
    content: u64,
    /// How images that are encoded become pixels, and the most bytes that this takes of one; nothing where there are none.
    decoding: Option<(DecodeOptions, u64)>,
    map: OnceLock<Mmap>,
}

/// An image that was looked up: where its bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagePlace {
    begin: u64,
    file: u32,
    /// What is more does not fit into memory at once either.
    length: u32,
    kind: Kind,
    /// Its shape.
    pub shape: ImageShape,
    /// [`Image::digest`].
    pub digest: Digest,
}

impl Images {
    /// The images in a folder `images/`.
    ///
    /// # Errors
    /// If it can't be read or holds something else.
    pub fn open(folder: &Path) -> Result<Self, ArtifactError> {
        let unread = |error: std::io::Error| ArtifactError::io("read", folder, error);
        let mut paths = Vec::new();
        for item in std::fs::read_dir(folder).map_err(unread)? {
            let path = item.map_err(unread)?.path();
            if path.extension().is_some_and(|extension| extension == "bin") {
                paths.push(path);
            }
        }
        Self::of(folder, paths)
    }

    /// The images in these files of a folder `images/`, wherever they lie, such as in a store.
    ///
    /// # Errors
    /// If they can't be read or hold something else.
    pub fn of(folder: &Path, paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, ArtifactError> {
        let mut files = paths.into_iter().map(SplitFile::open).collect::<Result<Vec<_>, _>>()?;
        files.sort_by_key(|file| file.first);
        if let Some(two) = files.windows(2).find(|two| two[0].first + two[0].count > two[1].first) {
            let other = two[0].path.file_name().unwrap_or_default().to_string_lossy();
            return Err(ArtifactError::malformed(&two[1].path, format!("it has examples that `{other}` has")));
        }
        Ok(Self { folder: folder.to_path_buf(), files })
    }

    /// Those of a stored dataset, which `place` calls in errors: of the names of the files that it left those below [`IMAGES`],
    /// each from where `find` has it.
    ///
    /// # Errors
    /// As [`Self::open`], and those of `find`.
    pub fn among<'a, E: From<ArtifactError>>(
        place: &Path,
        names: impl IntoIterator<Item = &'a str>,
        find: impl FnMut(&'a str) -> Result<Option<PathBuf>, E>,
    ) -> Result<Self, E> {
        let names = names.into_iter().filter(|name| name.starts_with(IMAGES));
        let files = names.map(find).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of(place, files.into_iter().flatten())?)
    }

    /// Those that `examples.parquet` tells of.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn beside(examples: &Path) -> Result<Self, ArtifactError> {
        Self::open(&examples.with_file_name(IMAGES.trim_end_matches('/')))
    }

    /// The images of some examples, in the order asked for; an id may be asked for twice.
    ///
    /// # Errors
    /// As [`Self::find`] and [`Self::pixels`].
    pub fn read(&self, example_ids: &[u64]) -> Result<Vec<Image>, ArtifactError> {
        let image = |id: &u64| {
            let place = self.find(*id)?;
            Ok(Image { shape: place.shape, pixels: self.pixels(&place)?.into_owned() })
        };
        example_ids.iter().map(image).collect()
    }

    /// Where the image of an example is.
    ///
    /// # Errors
    /// If there is no such example, or its file is damaged.
    pub fn find(&self, example_id: u64) -> Result<ImagePlace, ArtifactError> {
        let after = self.files.partition_point(|file| file.first <= example_id);
        let found = after.checked_sub(1).map(|at| (at, &self.files[at]));
        let (at, file) = found
            .filter(|(_, file)| example_id - file.first < file.count)
            .ok_or_else(|| ArtifactError::malformed(&self.folder, format!("there is no example {example_id}")))?;
        let Record { offset, length, shape, digest, kind } = file.record(example_id - file.first)?;
        let too_much = |_| ArtifactError::malformed(&file.path, format!("example {example_id} is too large"));
        let length = u32::try_from(length).map_err(too_much)?;
        Ok(ImagePlace { begin: offset, file: u32::try_from(at).unwrap_or(u32::MAX), length, kind, shape, digest })
    }

    /// The pixels of an image that was found here: without a copy where they are stored as such, else decoded now.
    ///
    /// # Errors
    /// If what is stored is no image any longer, or not the one that it was.
    pub fn pixels(&self, place: &ImagePlace) -> Result<Cow<'_, [u8]>, ArtifactError> {
        let begin = usize::try_from(place.begin).unwrap_or(usize::MAX);
        let (first, length) = (begin.saturating_sub(place.in_front()), place.length as usize);
        let map = self.files.get(place.file as usize).and_then(|file| file.map.get());
        let bytes = map.and_then(|map| map.get(first..begin.saturating_add(length))).unwrap_or_default();
        if let Some(map) = map {
            fetch(map, first, bytes.len());
        }
        if place.kind == Kind::Pixels {
            // They were there when the place was found, and a map never shrinks.
            return Ok(Cow::Borrowed(bytes));
        }
        self.decoded(place, bytes).map(Cow::Owned).map_err(|reason| {
            let path = self.files.get(place.file as usize).map_or(&self.folder, |file| &file.path);
            ArtifactError::malformed(path, format!("its image {} can't be had: {reason}", place.digest))
        })
    }

    /// The same of an image that is encoded, from its bytes and what stands in front of them.
    fn decoded(&self, place: &ImagePlace, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let file = self.files.get(place.file as usize);
        let (decoding, _) = file.and_then(|file| file.decoding.as_ref()).ok_or("nothing says how it is decoded")?;
        let (part, bytes) = bytes.split_at_checked(place.in_front()).ok_or("it is cut short")?;
        let part = (place.kind == Kind::PartOfEncoded).then(|| part_from_bytes(part)).flatten();
        let decoded = Encoded::read(bytes, decoding).and_then(|encoded| encoded.decode_part(part));
        let image = decoded.map_err(|error| error.to_string())?.image;
        // Another decoder may make other pixels of it, and everything that was made of them would be of another image.
        if image.shape != place.shape || image.digest() != place.digest {
            return Err("its file gives other pixels than it did".to_owned());
        }
        Ok(image.pixels)
    }

    /// The most bytes that decoding one of them takes; 0 where all are stored as pixels.
    #[must_use]
    pub fn decoding_memory(&self) -> u64 {
        self.files.iter().filter_map(|file| Some(file.decoding.as_ref()?.1)).max().unwrap_or(0)
    }
}

impl ImagePlace {
    /// Whether the image is stored as it came.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.kind != Kind::Pixels
    }

    /// Bytes in front of the image that belong to it.
    const fn in_front(&self) -> usize {
        match self.kind {
            Kind::PartOfEncoded => PART,
            Kind::Pixels | Kind::Encoded => 0,
        }
    }
}

impl SplitFile {
    fn open(path: PathBuf) -> Result<Self, ArtifactError> {
        let mut trailer = [0; TRAILER];
        let unread = |error| ArtifactError::io("read", &path, error);
        let damaged = || ArtifactError::malformed(&path, "it is not a complete file of images");
        let mut file = File::open(&path).map_err(unread)?;
        let length = file.metadata().map_err(unread)?.len();
        let at = length.checked_sub(TRAILER as u64).ok_or_else(damaged)?;
        read_at(&mut file, at, &mut trailer).map_err(unread)?;
        let number = |at: usize| u64::from_le_bytes(trailer[at..at + 8].try_into().unwrap_or_default());
        let (first, count, content) = (number(8), number(16), number(24));
        let expected = || count.checked_mul(RECORD as u64)?.checked_add(content)?.checked_add(TRAILER as u64);
        let some_encoded = trailer[..8] == *SOME_ENCODED;
        let known = some_encoded || trailer[..8] == *PIXELS_ALONE;
        if !known || Some(length) != expected() || first.checked_add(count).is_none() {
            return Err(damaged());
        }
        let decoding = if some_encoded { Some(decoding(&mut file, content, &path)?) } else { None };
        Ok(Self { path, first, count, content, decoding, map: OnceLock::new() })
    }

    fn map(&self) -> Result<&Mmap, ArtifactError> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let map = map(&self.path).map_err(|error| ArtifactError::io("map", &self.path, error))?;
        if map.len() as u64 != self.content + self.count * RECORD as u64 + TRAILER as u64 {
            return Err(ArtifactError::malformed(&self.path, "it has changed since it was opened"));
        }
        Ok(self.map.get_or_init(|| map))
    }

    /// Of an image by its number in the file.
    fn record(&self, at: u64) -> Result<Record, ArtifactError> {
        let begin = usize::try_from(self.content + at * RECORD as u64).unwrap_or(usize::MAX);
        let bytes = self.map()?.get(begin..begin.saturating_add(RECORD)).and_then(|bytes| bytes.try_into().ok());
        let inside = |record: &Record| {
            let end = record.offset.checked_add(record.length);
            end.is_some_and(|end| end <= self.content)
        };
        let damaged = || ArtifactError::malformed(&self.path, format!("the record of image {at} is damaged"));
        let read = |bytes: &[u8; RECORD]| Record::from_bytes(bytes, self.decoding.is_some());
        bytes.and_then(read).filter(inside).ok_or_else(damaged)
    }
}

fn read_at(file: &mut File, at: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

/// How images become pixels, which stands at the end of what is in front of the records.
fn decoding(file: &mut File, content: u64, path: &Path) -> Result<(DecodeOptions, u64), ArtifactError> {
    const LONGEST: u64 = 1 << 12;
    let damaged = || ArtifactError::malformed(path, "it does not say how its images are decoded");
    let unread = |error| ArtifactError::io("read", path, error);
    let mut length = [0; 8];
    let end = content.checked_sub(8).ok_or_else(damaged)?;
    read_at(file, end, &mut length).map_err(unread)?;
    let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= LONGEST.min(end)).ok_or_else(damaged)?;
    let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
    read_at(file, end - length, &mut text).map_err(unread)?;
    let recipe: serde_json::Value = serde_json::from_slice(&text).ok().ok_or_else(damaged)?;
    let memory = recipe.get(MEMORY).and_then(serde_json::Value::as_u64).ok_or_else(damaged)?;
    let options = DecodeOptions::from_json(&recipe).ok_or_else(|| {
        ArtifactError::malformed(path, "its images are to be decoded in a way that this program does not know")
    })?;
    Ok((options, memory))
}

/// A file as memory.
#[expect(unsafe_code, reason = "a map is only as constant as its file")]
fn map(path: &Path) -> std::io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: files in the store, and links to them in a stage's private folder, are never written to once they are there.
    // Who truncates one by hand meanwhile ends the process with a signal, as with any program that maps files.
    let map = unsafe { Mmap::map(&file) }?;
    // Batches are drawn from all over it: what lies around an image is not worth reading. Only advice: nothing hangs on it.
    #[cfg(unix)]
    let _ = map.advise(memmap2::Advice::Random);
    Ok(map)
}

/// Has the system read a range at once, and not page by page as each is first touched.
fn fetch(map: &Mmap, begin: usize, length: usize) {
    #[cfg(unix)]
    let _ = map.advise_range(memmap2::Advice::WillNeed, begin, length);
}

#[cfg(test)]
#[path = "images/tests.rs"]
mod tests;
