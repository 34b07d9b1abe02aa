//! Image files in folders: `<split>/<class>/*`, or `<class>/*` with a rule that divides them.
//!
//! Splits, classes and files are taken in the order of their names, so the same folder gives the same labels and
//! example ids on every machine. Finding the files is in [`scan`], decoding in [`simpipe_picture`].

mod folder;
mod scan;
mod split;
mod survey;
mod twins;

use std::collections::BTreeMap;
use std::path::Path;

pub use self::split::{ClassSplit, ImageSplit, SplitRule};
pub use self::survey::{BrokenFile, Survey, SurveyError};

pub(crate) use self::scan::is_image;

use self::folder::{File, Folder};
use super::pictures::FileImages;
use super::reader::Reader;
use super::{Access, DigestFile, Load, Loaded, OnCorrupt, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use simpipe_base::digest::Digest;
use simpipe_base::param::SpecPath;
use simpipe_picture::DecodeOptions;

picture_source! {
    /// JPEG, PNG, WebP, GIF, BMP and TIFF files in folders: `<split>/<class>/*`, or `<class>/*` with a rule that divides
    /// them.
    ///
    /// Splits, classes and files are taken in the order of their names. A file is taken for an image by its ending
    /// (`.jpg`, `.jpeg`, `.jpe`, `.jfif`, `.png`, `.apng`, `.webp`, `.gif`, `.bmp`, `.dib`, `.tif`, `.tiff` in any case),
    /// or, where its name has none, by its first bytes; how it is decoded, its content alone decides: a JPEG named
    /// `x.png` is a JPEG. Hidden files, what is in folders of systems (`__MACOSX`, `@eaDir`) and others are ignored; `.heic`,
    /// `.avif` and other images that are not read, pipes and devices are errors.
    ///
    /// An image is first laid over `background`, then turned as its EXIF orientation says (all eight values, in JPEG,
    /// PNG, WebP and TIFF), then scaled. What is half transparent is mixed in sRGB values, as browsers do; how many images
    /// have pixels that are not opaque stands in `dataset.json`. Of an animation or a file of several pages the first picture is taken, of an
    /// animated PNG the one that other programs show. Sixteen bits are rounded to eight; colour profiles are not applied.
    ///
    /// # Example
    ///
    /// ```toml
    /// { image-folder = { path = "photos", split = { images = { test = 0.2 } }, resize = [64, 64] } }
    /// ```
    pub struct ImageFolder {
        /// The folder that holds the splits, or the classes.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
        /// How images are divided into splits.
        #[aka("subset", "part", "partition", "fold")]
        split: SplitRule = SplitRule::Folders,
        /// Which folder above an image is its class, if there may be several; images may then be at any depth. By
        /// default there is exactly one, and a folder inside it is an error.
        #[aka("label", "depth", "class_name", "label_from")]
        class: Option<ClassFolder> = None,
    }
}

simpipe_base::choice! {
    /// Which folder above an image is its class; those of a split are not counted.
    pub enum ClassFolder {
        /// The outermost folder: `cat` for `cat/indoors/1.jpg`.
        "first" => First,
        /// The innermost folder: `indoors`, wherever a folder with this name is.
        "last" => Last,
        /// All of them: `cat/indoors`. Stages that use groups of classes take `cat` as the group.
        "path" => Path,
    }
}

/// Names of folders that are splits rather than classes.
const SPLITS: [&str; 9] = ["train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"];

impl ImageFolder {
    /// Whether the folders say how the images are divided.
    #[must_use]
    pub const fn by_folders(&self) -> bool {
        self.split.by_folders()
    }

    /// The same images where something else divides them: `None` where the folder is one of splits, or none at all. Of a
    /// folder of classes all images are one split.
    #[must_use]
    pub fn undivided(&self) -> Option<Self> {
        let whole = SplitRule::Images(ImageSplit { test: 0.0, validation: 0.0 });
        let found =
            |rule: &SplitRule| Folder::scan(&self.path.resolved, rule, self.class.as_ref(), &self.on_corrupt).ok();
        // Of folders of any depth only the names of the first tell what they are.
        let are_splits = |folder: Folder| {
            let is_split = |name: &String| SPLITS.contains(&name.to_lowercase().as_str());
            self.class.is_none() || folder.files.iter().any(|file| is_split(&file.split))
        };
        let undivided = self.by_folders() && !found(&SplitRule::Folders).is_some_and(are_splits);
        (undivided && found(&whole).is_some()).then(|| Self { split: whole, ..self.clone() })
    }

    fn scan(&self) -> Result<Folder, DataError> {
        Folder::scan(&self.path.resolved, &self.split, self.class.as_ref(), &self.on_corrupt)
    }

    /// One digest over the names and contents of files.
    fn digests_of(&self, files: &[File], contents: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        let digests = contents.digests(&self.path.resolved, &paths);
        let digests = digests.map_err(|(path, error)| DataError::unread(&path)(error))?;
        let digests: Vec<(&str, Digest)> = files.iter().map(|file| file.name.as_str()).zip(digests).collect();
        Ok(vec![("images".to_owned(), Digest::of_json(&digests))])
    }
}

impl Load for ImageFolder {
    fn description(&self) -> &'static str {
        "images from a folder"
    }

    /// From file names alone. Counts are left open where files may be skipped, everything where the folder is not
    /// as it should be: [`Load::digests`] then says why.
    fn facts(&self) -> SourceFacts {
        let Ok(folder) = self.scan() else { return SourceFacts::default() };
        let image = self.to_pictures().shape();
        let splits = (self.on_corrupt == OnCorrupt::Fail).then(|| {
            let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for file in &folder.files {
                let per_class = counts.entry(file.split.clone()).or_insert_with(|| vec![0; folder.classes.len()]);
                per_class[file.label] += 1;
            }
            counts.into_iter().map(|(split, counts)| (split, SplitCounts::of_classes(counts))).collect()
        });
        SourceFacts { classes: Some(folder.classes), image, splits, ..SourceFacts::default() }
    }

    /// One digest over the names and contents of all files.
    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let folder = self.scan()?;
        self.digests_of(&folder.files, digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place::of(self.path.resolved.clone())]
    }

    fn decoding(&self) -> Option<DecodeOptions> {
        Some(self.to_pictures().options)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path.resolved)
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let Folder { classes, files } = self.scan()?;
        let (pictures, reader) = (self.to_pictures(), Reader::of_all(access.stop));
        let images = FileImages { items: &files, pictures: &pictures, reader: &reader };
        let has_read = |reader: &Reader<'_>| {
            access.has_read(&self.digests_of(&files, reader)?);
            Ok(())
        };
        Ok(Loaded { classes, ..images.load(access, &has_read, sink)? })
    }
}

#[cfg(test)]
#[path = "image_folder_tests.rs"]
mod tests;
