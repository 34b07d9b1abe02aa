//! `images/`: the pixels of a dataset, a file a split, of which any image can be had at once through a memory map.
//!
//! A file holds the pixels of one image after the other, then a record of [`RECORD`] bytes for each, then [`TRAILER`]
//! bytes. All numbers are little-endian:
//!
//! | where | what |
//! |---|---|
//! | record | offset and length in the file (2 x `u64`), height, width, channels (3 x `u32`), 0 (`u32`), digest (32 bytes) |
//! | trailer | `SIMPIMG1`, the first image's example, number of images, bytes of all pixels (3 x `u64`) |
//!
//! The examples of a split follow one another, so that its file alone tells which are in it. Nothing of it lies in memory
//! that the system can't take back.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use memmap2::Mmap;

use super::{ArtifactError, Image, ImageShape};
use simpipe_base::digest::Digest;

const RECORD: usize = 64;
const TRAILER: usize = 32;
const MAGIC: &[u8; 8] = b"SIMPIMG1";
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

/// What a file says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// Where its pixels begin.
    pub(super) offset: u64,
    pub(super) shape: ImageShape,
    pub(super) digest: Digest,
}

impl Record {
    fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let ImageShape { height, width, channels } = self.shape;
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&(self.shape.bytes() as u64).to_le_bytes());
        for (at, side) in [height, width, channels].into_iter().enumerate() {
            bytes[16 + 4 * at..20 + 4 * at].copy_from_slice(&side.to_le_bytes());
        }
        bytes[32..].copy_from_slice(self.digest.as_bytes());
        bytes
    }

    /// `None` if the length is not that of the shape.
    fn from_bytes(bytes: &[u8; RECORD]) -> Option<Self> {
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
        let shape = ImageShape { height: short(16), width: short(20), channels: short(24) };
        let [height, width, channels] = [shape.height, shape.width, shape.channels].map(u64::from);
        let length = height.checked_mul(width)?.checked_mul(channels)?;
        let digest = Digest::from_bytes(bytes[32..].try_into().ok()?);
        (long(8) == length).then_some(Self { offset: long(0), shape, digest })
    }
}

/// Writes the file of a split image by image. It is open only while what has gathered is appended: a dataset may have more
/// splits than a process may have files.
pub(super) struct SplitWriter {
    path: PathBuf,
    begun: bool,
    waiting: Vec<u8>,
    length: u64,
    records: Vec<Record>,
}

impl SplitWriter {
    /// A writer to a path, in a folder that is there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, begun: false, waiting: Vec::new(), length: 0, records: Vec::new() }
    }

    /// Appends an image.
    pub(super) fn push(&mut self, image: &Image, digest: Digest) {
        self.records.push(Record { offset: self.length, shape: image.shape, digest });
        self.length += image.pixels.len() as u64;
        self.waiting.extend_from_slice(&image.pixels);
    }

    /// Of the images so far.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Puts what has gathered into the file, and lets go of its memory.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn flush(&mut self) -> Result<(), ArtifactError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.append(|file| file.write_all(&waiting))
    }

    /// Ends the file of a split whose first example this is.
    ///
    /// # Errors
    /// If it can't be written.
    pub(super) fn finish(&mut self, first: u64) -> Result<(), ArtifactError> {
        self.flush()?;
        let (records, length) = (std::mem::take(&mut self.records), self.length);
        self.append(|file| {
            let mut file = BufWriter::new(file);
            records.iter().try_for_each(|record| file.write_all(&record.to_bytes()))?;
            file.write_all(MAGIC)?;
            [first, records.len() as u64, length]
                .iter()
                .try_for_each(|number| file.write_all(&number.to_le_bytes()))?;
            file.flush()
        })
    }

    fn append(&mut self, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), ArtifactError> {
        let mut options = OpenOptions::new();
        if std::mem::replace(&mut self.begun, true) {
            options.append(true);
        } else {
            options.write(true).create(true).truncate(true);
        }
        let mut file = options.open(&self.path).map_err(|error| ArtifactError::io("create", &self.path, error))?;
        write(&mut file).map_err(|error| ArtifactError::io("write", &self.path, error))
    }
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
    /// Bytes of pixels in front of the records.
    pixels: u64,
    map: OnceLock<Mmap>,
}

/// An image that was looked up: where its pixels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagePlace {
    file: u32,
    begin: u64,
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
    /// As [`Self::find`].
    pub fn read(&self, example_ids: &[u64]) -> Result<Vec<Image>, ArtifactError> {
        let image = |id: &u64| {
            let place = self.find(*id)?;
            Ok(Image { shape: place.shape, pixels: self.pixels(&place).to_vec() })
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
        let Record { offset, shape, digest } = file.record(example_id - file.first)?;
        Ok(ImagePlace { file: u32::try_from(at).unwrap_or(u32::MAX), begin: offset, shape, digest })
    }

    /// The pixels of an image that was found here, without a copy.
    #[must_use]
    pub fn pixels(&self, place: &ImagePlace) -> &[u8] {
        let map = self.files.get(place.file as usize).and_then(|file| file.map.get());
        let begin = usize::try_from(place.begin).unwrap_or(usize::MAX);
        let Some(map) = map else { return &[] };
        // They were there when the place was found, and a map never shrinks.
        let pixels = map.get(begin..begin.saturating_add(place.shape.bytes())).unwrap_or_default();
        fetch(map, begin, pixels.len());
        pixels
    }
}

impl SplitFile {
    fn open(path: PathBuf) -> Result<Self, ArtifactError> {
        let mut trailer = [0; TRAILER];
        let mut read = || -> std::io::Result<Option<u64>> {
            let mut file = File::open(&path)?;
            let length = file.metadata()?.len();
            let Some(at) = length.checked_sub(TRAILER as u64) else { return Ok(None) };
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut trailer)?;
            Ok(Some(length))
        };
        let length = read().map_err(|error| ArtifactError::io("read", &path, error))?;
        let number = |at: usize| u64::from_le_bytes(trailer[at..at + 8].try_into().unwrap_or_default());
        let (first, count, pixels) = (number(8), number(16), number(24));
        let expected = || count.checked_mul(RECORD as u64)?.checked_add(pixels)?.checked_add(TRAILER as u64);
        if trailer[..8] != *MAGIC || length != expected() || first.checked_add(count).is_none() {
            return Err(ArtifactError::malformed(&path, "it is no whole file of images"));
        }
        Ok(Self { path, first, count, pixels, map: OnceLock::new() })
    }

    fn map(&self) -> Result<&Mmap, ArtifactError> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let map = map(&self.path).map_err(|error| ArtifactError::io("map", &self.path, error))?;
        if map.len() as u64 != self.pixels + self.count * RECORD as u64 + TRAILER as u64 {
            return Err(ArtifactError::malformed(&self.path, "it has changed since it was opened"));
        }
        Ok(self.map.get_or_init(|| map))
    }

    /// Of an image by its number in the file.
    fn record(&self, at: u64) -> Result<Record, ArtifactError> {
        let begin = usize::try_from(self.pixels + at * RECORD as u64).unwrap_or(usize::MAX);
        let bytes = self.map()?.get(begin..begin.saturating_add(RECORD)).and_then(|bytes| bytes.try_into().ok());
        let inside = |record: &Record| {
            let end = record.offset.checked_add(record.shape.bytes() as u64);
            end.is_some_and(|end| end <= self.pixels)
        };
        let damaged = || ArtifactError::malformed(&self.path, format!("the record of image {at} is damaged"));
        bytes.and_then(Record::from_bytes).filter(inside).ok_or_else(damaged)
    }
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
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

    fn image(value: u8) -> Image {
        Image { shape: SHAPE, pixels: vec![value, value + 1] }
    }

    /// Two splits of three and two images, the second appended to in turn with the first.
    fn written(folder: &Path) -> Vec<PathBuf> {
        let mut writers = ["a", "b"].map(|name| SplitWriter::new(folder.join(name).with_extension("bin")));
        for value in 0..5_u8 {
            let writer = &mut writers[usize::from(value % 2)];
            writer.push(&image(value), image(value).digest());
            writer.flush().unwrap();
        }
        writers[0].finish(0).unwrap();
        writers[1].finish(3).unwrap();
        writers.into_iter().map(|writer| writer.path).collect()
    }

    #[test]
    fn any_image_is_found_in_whichever_files_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let paths = written(folder.path());
        let images = Images::open(folder.path()).unwrap();
        for (id, value) in [(0, 0), (1, 2), (2, 4), (3, 1), (4, 3)] {
            let place = images.find(id).unwrap();
            assert_eq!((place.shape, place.digest), (SHAPE, image(value).digest()));
            assert_eq!(images.pixels(&place), image(value).pixels);
        }
        assert!(images.find(5).unwrap_err().to_string().ends_with("there is no example 5"));
        std::fs::remove_file(&paths[0]).unwrap();
        let images = Images::open(folder.path()).unwrap();
        assert!(images.find(2).is_err());
        assert_eq!(images.pixels(&images.find(3).unwrap()), image(1).pixels);
    }

    #[test]
    fn a_damaged_file_is_an_error_wherever_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = &written(folder.path())[0];
        let bytes = std::fs::read(path).unwrap();
        let read = |bytes: &[u8]| {
            // What is mapped is replaced, never written to.
            std::fs::remove_file(path).unwrap();
            std::fs::write(path, bytes).unwrap();
            let images = Images::open(folder.path())?;
            (0..3).try_for_each(|id| images.find(id).map(|place| assert_eq!(images.pixels(&place).len(), 2)))
        };
        read(&bytes).unwrap();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "cut after {length} bytes");
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x80;
            // A pixel, a digest, the spare number or the first example may be any: the store knows the bytes.
            let _ = read(&bytes);
        }
        let record = bytes.len() - TRAILER - RECORD;
        for (at, what) in [(record, "offset"), (record + 8, "length"), (record + 16, "height")] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x80;
            assert!(read(&bytes).is_err(), "{what}");
        }
    }

    #[test]
    fn every_split_has_a_file_name() {
        assert_eq!(images_file("train"), "images/train.bin");
        let odd = ["", "Train", "..", "a/b", "ä", &"x".repeat(100)].map(images_file);
        for name in &odd {
            assert!(simpipe_base::file_name::FileName::try_from(name.as_str()).is_ok(), "{name}");
            assert!(odd.iter().filter(|other| *other == name).count() == 1, "{name}");
        }
    }
}
