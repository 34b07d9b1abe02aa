//! CUB-200-2011: photographs of birds, by the lists that it comes with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::listing::{Item, Listing, ListsFiles, More};
use super::pictures::Pictures;
use super::reader::Reader;
use super::word_lines::WordLines;
use crate::DataError;
use simpipe_base::param::SpecPath;
use simpipe_picture::Part;

picture_source! {
    /// CUB-200-2011 (Wah, Branson, Welinder, Perona and Belongie, "The Caltech-UCSD Birds-200-2011 Dataset", 2011): 11,788
    /// photographs of 200 kinds of birds.
    ///
    /// The literature of metric learning trains on the first 100 classes and tests on the other 100, which is the default.
    ///
    /// # Example
    ///
    /// ```toml
    /// { cub-200-2011 = { path = "CUB_200_2011", resize = [224, 224] } }
    /// ```
    pub struct Cub200 {
        /// The folder `CUB_200_2011`, or the one that holds it.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
        /// How the images are divided into `train` and `test`.
        #[aka("split", "protocol", "subset")]
        division: Division = Division::ClassDisjoint,
        /// Whether each bird is cut out by the box that was drawn around it.
        #[aka("boxes", "bounding_boxes", "cropped")]
        crop: bool = false,
    }
}

simpipe_base::choice! {
    /// How the images of a published dataset are divided.
    pub enum Division {
        /// The first half of the classes is `train`, the other half `test`: as the literature of metric learning has it.
        "class-disjoint" => ClassDisjoint,
        /// The published split for classification: every class is on both sides.
        "classification" => Classification,
    }
}

impl Division {
    /// Why the split for classification says little about unseen classes.
    pub(super) fn doubted(&self, name: &str) -> Option<(&'static str, String, String)> {
        let message = format!(
            "the classification split of {name} has every class on both sides: its figures can't be compared with those of the \
             literature, whose test classes were never trained on"
        );
        let help = "leave `division` out to test on classes of their own";
        (*self == Self::Classification).then_some(("division", message, help.to_owned()))
    }

    /// The split of an image of the class `label` of `classes`, which the published split has for training or not.
    pub(super) fn split(&self, label: usize, classes: usize, published_for_training: bool) -> &'static str {
        let trained = match self {
            Self::ClassDisjoint => label < classes / 2,
            Self::Classification => published_for_training,
        };
        if trained { "train" } else { "test" }
    }
}

/// A folder of this name inside a path, or else the path.
pub(super) fn inside(path: &Path, name: &str) -> PathBuf {
    let inside = path.join(name);
    if inside.is_dir() { inside } else { path.to_path_buf() }
}

const HELP: &str = "put the unpacked `CUB_200_2011.tgz` there: a folder with `images.txt`, `classes.txt` and `images`";

/// A box around an object: its corner, width and height in floats of whole pixels.
fn boxed(x: &str, y: &str, rest: &str) -> Option<Part> {
    let (width, height) = rest.split_once(char::is_whitespace)?;
    let whole = |text: &str| {
        let number: f64 = text.trim().parse().ok()?;
        let is_pixel = (0.0..=100_000.0).contains(&number);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in between")]
        let pixel = number as u32;
        is_pixel.then_some(pixel)
    };
    let (x, y) = (whole(x)?, whole(y)?);
    Some(Part { x: (x, x + whole(width)?), y: (y, y + whole(height)?) })
}

impl Cub200 {
    fn folder(&self) -> PathBuf {
        inside(&self.path.resolved, "CUB_200_2011")
    }
}

impl ListsFiles for Cub200 {
    const DESCRIPTION: &'static str = "CUB-200-2011 (C. Wah, S. Branson, P. Welinder, P. Perona and S. Belongie, The Caltech-UCSD \
                                       Birds-200-2011 Dataset, 2011); for non-commercial research and education";

    fn place(&self) -> &Path {
        &self.path.resolved
    }

    fn pictures(&self) -> Pictures {
        self.to_pictures()
    }

    fn doubted(&self) -> Option<(&'static str, String, String)> {
        self.division.doubted("CUB-200-2011")
    }

    fn list(&self, reader: &Reader<'_>, _: Option<&str>) -> Result<Listing, DataError> {
        let folder = self.folder();
        let mut lists = Vec::new();
        let mut read = |name: &str| {
            let path = folder.join(name);
            lists.push((name.to_owned(), path.clone()));
            WordLines::read(&path, 0, reader, HELP)
        };
        let number = |text: &str| text.parse::<u32>().ok();
        let classes =
            read("classes.txt")?.parse("number name", |[id, name]: [&str; 2]| Some((number(id)?, name.to_owned())))?;
        let images =
            read("images.txt")?.parse("number path", |[id, path]: [&str; 2]| Some((number(id)?, path.to_owned())))?;
        let pair = |[id, of]: [&str; 2]| Some((number(id)?, number(of)?));
        let labels: BTreeMap<u32, u32> =
            read("image_class_labels.txt")?.parse("number class", pair)?.into_iter().collect();
        let trained: BTreeMap<u32, u32> =
            read("train_test_split.txt")?.parse("number 0 or 1", pair)?.into_iter().collect();
        let boxes: BTreeMap<u32, Part> = if self.crop {
            let parse = |[id, x, y, rest]: [&str; 4]| Some((number(id)?, boxed(x, y, rest)?));
            read("bounding_boxes.txt")?.parse("number x y width height", parse)?.into_iter().collect()
        } else {
            BTreeMap::new()
        };
        let ids: BTreeMap<u32, usize> = classes.iter().enumerate().map(|(label, (id, _))| (*id, label)).collect();
        let item = |(id, path): (u32, String)| {
            let unknown =
                |list: &str| DataError::malformed(&folder.join(list), format!("it has no entry for image {id}"));
            let label =
                labels.get(&id).and_then(|class| ids.get(class)).ok_or_else(|| unknown("image_class_labels.txt"))?;
            let published = *trained.get(&id).ok_or_else(|| unknown("train_test_split.txt"))? == 1;
            Ok(Item {
                split: self.division.split(*label, classes.len(), published).to_owned(),
                label: *label,
                name: format!("images/{path}"),
                path: folder.join("images").join(&path),
                more: More { part: boxes.get(&id).copied(), ..More::default() }.boxed(),
            })
        };
        let items = images.into_iter().map(item).collect::<Result<_, DataError>>()?;
        let classes = classes.into_iter().map(|(_, name)| readable(&name)).collect();
        Ok(Listing { classes, items, lists, columns: Vec::new() })
    }
}

/// `001.Black_footed_Albatross` as it is read.
fn readable(name: &str) -> String {
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use crate::source::made_for_tests::{load, png, refused, short, source, survives, with, write};

    fn birds() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, text: &str| write(folder.path(), &format!("CUB_200_2011/{name}"), text);
        at("classes.txt", "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n");
        at(
            "images.txt",
            "1 001.Black_footed_Albatross/a.jpg\n2 001.Black_footed_Albatross/b.jpg\n3 002.Laysan_Albatross/c.jpg\n",
        );
        at("image_class_labels.txt", "1 1\n2 1\n3 2\n");
        at("train_test_split.txt", "1 1\n2 0\n3 1\n");
        at("bounding_boxes.txt", "1 1.0 0.0 2.0 1.0\n2 0.0 0.0 4.0 2.0\n3 0.0 0.0 4.0 2.0\n");
        for (name, value) in
            [("001.Black_footed_Albatross/a", 1), ("001.Black_footed_Albatross/b", 2), ("002.Laysan_Albatross/c", 3)]
        {
            write(folder.path(), &format!("CUB_200_2011/images/{name}.jpg"), png(value));
        }
        folder
    }

    #[test]
    fn classes_are_divided_unless_classification_is_asked_for() {
        let folder = birds();
        let of = source("cub-200-2011", folder.path());
        assert_eq!(
            short(&of),
            [
                "train Black footed Albatross images/001.Black_footed_Albatross/a.jpg 1",
                "train Black footed Albatross images/001.Black_footed_Albatross/b.jpg 2",
                "test Laysan Albatross images/002.Laysan_Albatross/c.jpg 3",
            ]
        );
        assert!(of.loader().doubt().is_none());
        let known =
            with("cub-200-2011", folder.path(), &serde_json::json!({ "division": "classification", "crop": true }));
        let (seen, _) = load(&known, None).unwrap();
        assert_eq!(seen.iter().map(|seen| seen.split.as_str()).collect::<Vec<_>>(), ["train", "test", "train"]);
        assert_eq!((seen[0].image.shape.width, seen[0].image.shape.height), (2, 1));
        assert!(known.loader().doubt().unwrap().1.contains("every class on both sides"));
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = birds();
        let of = source("cub-200-2011", folder.path());
        write(folder.path(), "CUB_200_2011/train_test_split.txt", "1 1\n2 x\n");
        assert_eq!(
            refused(&of, folder.path()),
            "ROOT/CUB_200_2011/train_test_split.txt: line 2: `2 x` is not `number 0 or 1`"
        );
        write(folder.path(), "CUB_200_2011/train_test_split.txt", "1 1\n2 1\n");
        assert!(refused(&of, folder.path()).ends_with("it has no entry for image 3"));
        std::fs::remove_file(folder.path().join("CUB_200_2011/classes.txt")).unwrap();
        assert_eq!(refused(&of, folder.path()), "there is no file at ROOT/CUB_200_2011/classes.txt");
    }

    #[test]
    fn damaged_lists_are_errors_and_no_panics() {
        let folder = birds();
        let cropped = with("cub-200-2011", folder.path(), &serde_json::json!({ "crop": true }));
        for name in ["classes", "images", "image_class_labels", "train_test_split", "bounding_boxes"] {
            survives(&cropped, &folder.path().join(format!("CUB_200_2011/{name}.txt")));
        }
    }
}
