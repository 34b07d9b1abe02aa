//! What a folder of images holds, looked at before there is a spec: layout, counts, sizes, files that can't be read.

mod layout;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

use serde_json::json;

use self::layout::{LAYOUTS, Layout, TABLES, TESTING};
use super::folder::{File, Folder};
use super::{Reader, SplitRule};
use crate::DataError;
use crate::in_order::{BUDGET, Claim, in_order};
use crate::source::OnCorrupt;
use crate::source::listing::ListsFiles;
use crate::source::manifest::Manifest;
use crate::source::pictures::decode_file;
use simpipe_base::digest::Digest;
use simpipe_base::param;
use simpipe_picture::{DecodeError, DecodeOptions};

/// Files whose content is looked at, evenly spread over the folder: enough to know the sizes, quick on photographs.
const CHECKED: usize = 4000;

/// A folder of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The folder to name in a spec: the one looked at, or the only split in it.
    pub root: PathBuf,
    /// How it is to be divided.
    pub rule: SplitRule,
    /// The split to train on.
    pub train: String,
    /// The split to test on.
    pub test: String,
    /// Names by label.
    pub classes: Vec<String>,
    /// Images that can be read, by split and label.
    pub counts: BTreeMap<String, Vec<usize>>,
    /// All image files.
    pub files: usize,
    /// Files whose content was looked at.
    pub checked: usize,
    /// Files that can't be read.
    pub broken: Vec<BrokenFile>,
    /// How many images have each height and width.
    pub sizes: BTreeMap<(u32, u32), usize>,
    /// Whether no image looked at has colours.
    pub grey: bool,
    /// How many images looked at have pixels that are not opaque.
    pub transparent: usize,
    /// Files of the same picture in two classes, as far as they were looked at.
    pub twins: Vec<(String, String)>,
    /// Another split that images can be held out of training with: a folder of its own.
    pub held_out: Option<String>,
    /// Whether it is a table of images, and no folder.
    pub table: bool,
}

/// A file that can't be read as an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFile {
    /// As the folder or the table names it.
    pub name: String,
    /// The label of its class.
    pub label: usize,
    /// Why.
    pub reason: String,
    /// Whether there is no such file.
    pub missing: bool,
}

/// A folder that holds no classes of images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SurveyError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl SurveyError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl From<DataError> for SurveyError {
    fn from(error: DataError) -> Self {
        Self::new(error.to_string(), error.help().unwrap_or("correct the folder"))
    }
}

impl Survey {
    /// Looks at a folder.
    ///
    /// # Errors
    /// If it is not there, or its images are not in folders of classes.
    pub fn of(root: &Path) -> Result<Self, SurveyError> {
        let layout = Layout::of(root)?;
        let folder = Folder::scan(&layout.root, &layout.rule, None, &OnCorrupt::Skip)?;
        Self::look(layout, folder)
    }

    /// Looks at a table of images, as the source `manifest` reads it. Where it names no splits all images are `train`, and
    /// none is `test`.
    ///
    /// # Errors
    /// If it can't be read, lists no images, or none of them can be read.
    pub fn of_table(path: &Path) -> Result<Self, SurveyError> {
        let manifest: Result<Manifest, _> = param::from_json(&json!({ "path": path.to_string_lossy() }));
        let manifest = manifest.map_err(|issues| {
            let message = issues.first().map_or_else(String::new, |issue| issue.message.clone());
            SurveyError::new(message, "rename the table")
        })?;
        let listing = manifest.list(&Reader::default(), None)?;
        let names: std::collections::BTreeSet<&str> = listing.items.iter().map(|item| item.split.as_str()).collect();
        if names.is_empty() {
            return Err(SurveyError::new(format!("`{}` lists no images", path.display()), TABLES));
        }
        let like = |known: &str| names.iter().find(|name| name.to_lowercase() == known).map(|name| (*name).to_owned());
        let train = names.iter().find(|name| name.to_lowercase().starts_with("train")).ok_or_else(|| {
            let named: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
            let message =
                format!("`{}` has no images in a split `train`, only in {}", path.display(), named.join(", "));
            SurveyError::new(message, TABLES)
        })?;
        let mut tests = TESTING.iter().filter_map(|known| like(known));
        let layout = Layout {
            root: path.to_path_buf(),
            rule: SplitRule::Folders,
            train: (*train).to_owned(),
            test: tests.next().unwrap_or_else(|| "test".to_owned()),
            held_out: tests.next(),
        };
        let survey = Self::look(layout, Folder { classes: listing.classes, files: listing.items })?;
        Ok(Self { table: true, ..survey })
    }

    /// Whether a share of each class's images is put into another split: the folder holds classes, and no splits.
    #[must_use]
    pub const fn divides_classes(&self) -> bool {
        matches!(self.rule, SplitRule::Images(_))
    }

    fn look(layout: Layout, folder: Folder) -> Result<Self, SurveyError> {
        let step = folder.files.len().div_ceil(CHECKED).max(1);
        let chosen: Vec<&File> = folder.files.iter().step_by(step).collect();
        let looks = looks(&chosen);
        let mut survey = Self {
            root: layout.root,
            rule: layout.rule,
            train: layout.train,
            test: layout.test,
            counts: BTreeMap::new(),
            files: folder.files.len(),
            checked: chosen.len(),
            broken: Vec::new(),
            sizes: BTreeMap::new(),
            grey: true,
            transparent: 0,
            twins: Vec::new(),
            held_out: layout.held_out,
            table: false,
            classes: folder.classes,
        };
        let mut pictures: BTreeMap<Digest, &File> = BTreeMap::new();
        for file in &folder.files {
            let counts = survey.counts.entry(file.split.clone());
            counts.or_insert_with(|| vec![0; survey.classes.len()])[file.label] += 1;
        }
        for (file, look) in chosen.into_iter().zip(looks) {
            match look {
                Ok(look) => {
                    *survey.sizes.entry(look.size).or_default() += 1;
                    survey.grey &= !look.coloured;
                    survey.transparent += usize::from(look.transparent);
                    let first = *pictures.entry(look.digest).or_insert(file);
                    if first.label != file.label {
                        survey.twins.push((first.name.clone(), file.name.clone()));
                    }
                }
                Err(reason) => {
                    let (name, missing) = (file.name.clone(), reason.is_missing());
                    survey.broken.push(BrokenFile { name, label: file.label, reason: reason.to_string(), missing });
                    if let Some(counts) = survey.counts.get_mut(&file.split) {
                        counts[file.label] -= 1;
                    }
                }
            }
        }
        if survey.sizes.is_empty() {
            let BrokenFile { name, reason, .. } = &survey.broken[0];
            let message = format!("none of the images can be read: `{name}`: {reason}");
            return Err(SurveyError::new(message, LAYOUTS));
        }
        Ok(survey)
    }
}

/// What an image shows of itself.
struct Look {
    size: (u32, u32),
    coloured: bool,
    transparent: bool,
    digest: Digest,
}

/// Looks at files as a run with the defaults would.
fn looks(files: &[&File]) -> Vec<Result<Look, DecodeError>> {
    let options = DecodeOptions::default();
    let (mut looks, reader) = (Vec::with_capacity(files.len()), Reader::default());
    let look = |file: &&File, claim: &Claim<'_>| {
        let decoded = decode_file(&file.path, &reader, &options, claim);
        claim.keep(0);
        decoded.map(|decoded| Look {
            size: (decoded.image.shape.height, decoded.image.shape.width),
            coloured: decoded.coloured,
            transparent: decoded.transparent,
            digest: decoded.image.digest(),
        })
    };
    let Ok(()) = in_order(files, BUDGET, look, |look| {
        looks.extend(look.map(|(_, look)| look));
        Ok::<_, Infallible>(())
    });
    looks
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn png(colour: bool) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::DynamicImage::new_rgb8(5, 4);
        let picture = if colour { picture } else { picture.into_luma8().into() };
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, if name.contains("broken") { b"no image".to_vec() } else { png(false) }).unwrap();
        }
        folder
    }

    fn refused(files: &[&str]) -> String {
        let folder = folder(files);
        let root = folder.path().display().to_string();
        Survey::of(folder.path()).unwrap_err().message.replace(&root, "ROOT")
    }

    #[test]
    fn classes_are_divided_and_broken_files_are_not_counted() {
        let names: Vec<String> = (0..10).map(|at| format!("cat/{at}.png")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.extend(["ant/1.png", "ant/2.png", "ant/broken.png", ".hidden/x.png", "ant/notes.txt"]);
        let folder = folder(&names);
        let survey = Survey::of(folder.path()).unwrap();
        assert_eq!(survey.classes, ["ant", "cat"]);
        assert_eq!(survey.counts["test"][1], 2);
        assert_eq!((survey.counts["train"][1], survey.counts["validation"][1]), (7, 1));
        assert_eq!(survey.counts.values().map(|counts| counts[0]).sum::<usize>(), 2);
        let (name, reason) = ("ant/broken.png".to_owned(), "neither JPEG, PNG, WebP, GIF, BMP nor TIFF".to_owned());
        assert_eq!(survey.broken, [BrokenFile { name, label: 0, reason, missing: false }]);
        assert_eq!((survey.sizes, survey.grey), (BTreeMap::from([((4, 5), 12)]), true));
    }

    #[test]
    fn a_picture_in_two_classes_is_told() {
        let folder = folder(&["ant/1.png", "ant/2.png", "bee/1.png"]);
        // All are the same black picture; two of one class are no contradiction.
        let survey = Survey::of(folder.path()).unwrap();
        assert!(survey.twins.len() == 1 && survey.twins[0].0.starts_with("ant/"), "{:?}", survey.twins);
        assert_eq!(survey.twins[0].1, "bee/1.png");
    }

    #[test]
    fn splits_are_told_by_their_names() {
        let both = folder(&["train/a/1.png", "val/a/1.png", "Test/a/1.png", "extra/a/1.png"]);
        let survey = Survey::of(both.path()).unwrap();
        assert_eq!((survey.train.as_str(), survey.test.as_str(), survey.rule), ("train", "Test", SplitRule::Folders));
        assert_eq!(survey.held_out.as_deref(), Some("val"));
        let alone = folder(&["train/a/1.png", "train/b/1.png"]);
        let survey = Survey::of(alone.path()).unwrap();
        assert_eq!(survey.root, alone.path().join("train"));
        assert!(survey.divides_classes());
        std::fs::write(alone.path().join("train/b/2.png"), png(true)).unwrap();
        assert!(!Survey::of(alone.path()).unwrap().grey);
    }

    #[test]
    fn splits_without_classes_and_pictures_that_are_not_read_are_named() {
        let said = refused(&["train/1.png", "test/2.png"]);
        assert!(said.starts_with("`test` and `train` are splits, and the images are directly in them"), "{said}");
        let folder = folder(&["train/1.png", "cat/2.png"]);
        assert!(Survey::of(folder.path()).is_ok(), "one may be a class");
        let said = refused(&["a/1.svg", "b/2.svg"]);
        assert_eq!(said, "there are no readable images in `ROOT`: `a/1.svg` has another format");
        // A class of nothing but pictures that are not read is told, whatever their kind; beside images they are passed over.
        let folder = self::folder(&["a/1.png", "a/broken.svg", "b/broken2.svg", "b/broken3.svg", "c/broken.heic"]);
        let survey = Survey::of(folder.path()).unwrap();
        let mut broken: Vec<(&str, usize)> =
            survey.broken.iter().map(|file| (file.name.as_str(), file.label)).collect();
        broken.sort_unstable();
        assert_eq!(broken, [("b/broken2.svg", 1), ("b/broken3.svg", 1), ("c/broken.heic", 2)]);
    }

    #[test]
    fn a_table_is_looked_at_by_its_rows() {
        let folder = folder(&["i/1.png", "i/2.png", "i/3.png", "i/broken.png"]);
        let table = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            Survey::of_table(&folder.path().join(name))
        };
        let rows = "path,label,split\ni/1.png,a,train\ni/2.png,b,train\ni/3.png,a,val\ni/broken.png,b,val\n";
        let survey = table("split.csv", rows).unwrap();
        assert_eq!((survey.train.as_str(), survey.test.as_str(), survey.table), ("train", "val", true));
        assert_eq!((survey.classes, &survey.counts["val"]), (vec!["a".to_owned(), "b".to_owned()], &vec![1, 0]));
        assert!(survey.broken.len() == 1 && !survey.broken[0].missing, "{:?}", survey.broken);
        let survey = table("gone.csv", "path,label\ni/1.png,a\ni/2.png,a\ni/gone.png,b\n").unwrap();
        assert!(survey.broken.len() == 1 && survey.broken[0].missing, "{:?}", survey.broken);
        let survey = table("plain.csv", "path,label\ni/1.png,a\ni/2.png,b\n").unwrap();
        assert_eq!((survey.test.as_str(), survey.counts.get("test")), ("test", None));
        let odd = table("odd.csv", "path,label,split\ni/1.png,a,left\n").unwrap_err();
        assert!(odd.message.ends_with("has no images in a split `train`, only in `left`"), "{odd:?}");
        assert!(table("none.csv", "path,label\n").is_err());
        assert!(table("bad.csv", "file,kind\ni/1.png,a\n").is_err());
    }

    #[test]
    fn what_is_no_folder_of_classes_is_said() {
        assert_eq!(refused(&[]), "the folder `ROOT` is empty");
        assert_eq!(refused(&["a/notes.txt"]), "there are no images in `ROOT`");
        assert!(refused(&["1.png", "2.png"]).starts_with("the images are directly in `ROOT`"));
        assert!(refused(&["x/train/a/1.png"]).starts_with("images are nested too deep: 3 folders down"));
        assert_eq!(
            refused(&["a/1.png", "a/2.png", "b/c/3.png"]),
            "images are at several depths: most as `a/1.png`, but also `b/c/3.png`"
        );
        assert!(refused(&["Latin/a/1.png", "Greek/b/1.png"]).contains("`Greek`, `Latin` are not the splits"));
        assert!(refused(&["a/broken.png"]).starts_with("none of the images can be read"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Survey::of(file.path()).unwrap_err().message.ends_with("is a file, not a folder of images"));
        assert!(Survey::of(Path::new("no-such")).unwrap_err().message.contains("there is no file or folder `no-such`"));
    }
}
