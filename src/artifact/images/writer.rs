//! Writes the file of a split.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use simpipe_base::digest::Digest;
use simpipe_picture::DecodeOptions;

use super::record::{Kind, MEMORY, PART, PIXELS_ALONE, Record, SOME_ENCODED, part_to_bytes};
use crate::{ArtifactError, NewImage};

/// Writes the file of a split image by image. It is open only while what has gathered is appended: a dataset may have more
/// splits than a process may have files.
pub(crate) struct SplitWriter {
    path: PathBuf,
    begun: bool,
    waiting: Vec<u8>,
    length: u64,
    records: Vec<Record>,
    /// The most bytes that decoding an image takes.
    memory: u64,
}

impl SplitWriter {
    /// A writer to a path, in a folder that is there.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, begun: false, waiting: Vec::new(), length: 0, records: Vec::new(), memory: 0 }
    }

    /// Appends an image.
    pub(crate) fn push(&mut self, image: &NewImage, digest: Digest) {
        let (part, memory) = match image {
            NewImage::Pixels(_) => (None, 0),
            NewImage::Encoded(image) => (image.part, image.memory),
        };
        self.memory = self.memory.max(memory);
        let kind = match image {
            NewImage::Pixels(_) => Kind::Pixels,
            NewImage::Encoded(_) if part.is_some() => Kind::PartOfEncoded,
            NewImage::Encoded(_) => Kind::Encoded,
        };
        if let Some(part) = part {
            self.waiting.extend(part_to_bytes(part));
            self.length += PART as u64;
        }
        let length = image.bytes().len() as u64;
        self.records.push(Record { offset: self.length, length, shape: image.shape(), digest, kind });
        self.length += length;
        self.waiting.extend_from_slice(image.bytes());
    }

    /// Of the images so far.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Puts what has gathered into the file, and lets go of its memory.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn flush(&mut self) -> Result<(), ArtifactError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.append(|file| file.write_all(&waiting))
    }

    /// Ends the file of a split whose first example this is; `decoding` says how those of its images that are encoded become
    /// pixels.
    ///
    /// # Errors
    /// If it can't be written, or nothing is said of images that are encoded.
    pub(crate) fn finish(&mut self, first: u64, decoding: Option<&DecodeOptions>) -> Result<(), ArtifactError> {
        self.flush()?;
        let records = std::mem::take(&mut self.records);
        let recipe = if records.iter().any(|record| record.kind != Kind::Pixels) {
            let unsaid = || ArtifactError::malformed(&self.path, "nothing says how its images are decoded");
            let mut recipe = decoding.ok_or_else(unsaid)?.to_json();
            recipe[MEMORY] = self.memory.into();
            let text = recipe.to_string();
            [text.as_bytes(), &(text.len() as u64).to_le_bytes()].concat()
        } else {
            Vec::new()
        };
        let magic = if recipe.is_empty() { PIXELS_ALONE } else { SOME_ENCODED };
        let length = self.length + recipe.len() as u64;
        self.append(|file| {
            let mut file = BufWriter::new(file);
            file.write_all(&recipe)?;
            records.iter().try_for_each(|record| file.write_all(&record.to_bytes()))?;
            file.write_all(magic)?;
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
