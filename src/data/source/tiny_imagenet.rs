//! Tiny ImageNet, by its folders and lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::cub::inside;
use super::listing::{Item, Listing, ListsFiles};
use super::pictures::Pictures;
use super::reader::Reader;
use super::word_lines::WordLines;
use crate::DataError;
use simpipe_base::param::SpecPath;

picture_source! {
    /// Tiny ImageNet (Le and Yang, "Tiny ImageNet Visual Recognition Challenge", 2015): 200 classes of 500 images of 64 x 64
    /// pixels in the split `train`, and 50 of each in `test`: those are the images that were published for validation, since
    /// the published test images have no labels.
    ///
    /// # Example
    ///
    /// ```toml
    /// { tiny-imagenet = { path = "tiny-imagenet-200" } }
    /// ```
    pub struct TinyImageNet {
        /// The folder `tiny-imagenet-200`, or the one that holds it.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
    }
}

const HELP: &str =
    "put the unpacked `tiny-imagenet-200.zip` there: a folder with `wnids.txt`, `words.txt`, `train` and `val`";

/// The first word for each class; a class whose word is another's too keeps its number beside it.
fn readable(ids: &[String], words: &BTreeMap<String, String>) -> Vec<String> {
    fn word<'a>(id: &'a String, words: &'a BTreeMap<String, String>) -> &'a str {
        words.get(id).and_then(|words| words.split(',').next()).map_or(id.as_str(), str::trim)
    }
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    ids.iter().for_each(|id| *uses.entry(word(id, words)).or_default() += 1);
    let name = |id: &String| match word(id, words) {
        word if uses[word] == 1 => word.to_owned(),
        word => format!("{word} ({id})"),
    };
    ids.iter().map(name).collect()
}

/// The images of a class, in the order of their names.
fn images(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1).max_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| DataError::malformed(folder, error.to_string()))?;
        let name = entry
            .file_name()
            .to_str()
            .ok_or_else(|| DataError::malformed(entry.path(), "the name is not valid UTF-8"))?;
        if Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jpeg")) {
            found.push((name.to_owned(), entry.path().to_path_buf()));
        }
    }
    if found.is_empty() { Err(DataError::malformed(folder, "the class has no images")) } else { Ok(found) }
}

impl ListsFiles for TinyImageNet {
    const DESCRIPTION: &'static str = "Tiny ImageNet (Y. Le and X. Yang, Tiny ImageNet Visual Recognition Challenge, 2015); its authors \
                                       state no licence: ImageNet's terms hold";

    fn place(&self) -> &Path {
        &self.path.resolved
    }

    fn pictures(&self) -> Pictures {
        self.to_pictures()
    }

    fn list(&self, reader: &Reader<'_>, _: Option<&str>) -> Result<Listing, DataError> {
        let folder = inside(&self.path.resolved, "tiny-imagenet-200");
        let mut lists = Vec::new();
        let mut read = |name: &str| {
            let path = folder.join(name);
            lists.push((name.to_owned(), path.clone()));
            WordLines::read(&path, 0, reader, HELP)
        };
        let mut ids = read("wnids.txt")?.parse("wnid", |[id]: [&str; 1]| Some(id.to_owned()))?;
        ids.sort();
        let words =
            read("words.txt")?.parse("wnid words", |[id, words]: [&str; 2]| Some((id.to_owned(), words.to_owned())))?;
        let tested = read("val/val_annotations.txt")?
            .parse("image wnid ..", |[name, id, _]: [&str; 3]| Some((name.to_owned(), id.to_owned())))?;
        let mut items = Vec::new();
        for (label, id) in ids.iter().enumerate() {
            for (file, path) in images(&folder.join("train").join(id).join("images"))? {
                let name = format!("train/{id}/images/{file}");
                items.push(Item { split: "train".to_owned(), label, name, path, more: None });
            }
        }
        for (file, id) in tested {
            let label = ids.binary_search(&id).map_err(|_| {
                DataError::malformed(
                    &folder.join("val/val_annotations.txt"),
                    format!("`{file}` is of the class `{id}`, which does not exist"),
                )
            })?;
            let name = format!("val/images/{file}");
            items.push(Item { split: "test".to_owned(), label, path: folder.join(&name), name, more: None });
        }
        let classes = readable(&ids, &words.into_iter().collect());
        Ok(Listing { classes, items, lists, columns: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::made_for_tests::{png, refused, short, source, write};

    fn images() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "tiny-imagenet-200/wnids.txt", "n02\nn01\n");
        write(folder.path(), "tiny-imagenet-200/words.txt", "n01\tgoldfish, Carassius auratus\nn02\tnewt\nn03\telse\n");
        write(folder.path(), "tiny-imagenet-200/val/val_annotations.txt", "val_0.JPEG\tn02\t0\t0\t62\t62\n");
        for (name, value) in [("train/n01/images/n01_0", 1), ("train/n02/images/n02_0", 2), ("val/images/val_0", 3)] {
            write(folder.path(), &format!("tiny-imagenet-200/{name}.JPEG"), png(value));
        }
        write(folder.path(), "tiny-imagenet-200/train/n01/n01_boxes.txt", "n01_0.JPEG\t0\t0\t1\t1\n");
        folder
    }

    #[test]
    fn folders_and_lists_say_what_there_is() {
        let folder = images();
        let of = source("tiny-imagenet", folder.path());
        let all = [
            "train goldfish train/n01/images/n01_0.JPEG 1",
            "train newt train/n02/images/n02_0.JPEG 2",
            "test newt val/images/val_0.JPEG 3",
        ];
        assert_eq!(short(&of), all);
        write(folder.path(), "tiny-imagenet-200/val/val_annotations.txt", "val_0.JPEG\tn09\t0\t0\t62\t62\n");
        assert!(refused(&of, folder.path()).ends_with("`val_0.JPEG` is of the class `n09`, which does not exist"));
    }

    #[test]
    fn a_word_of_two_classes_keeps_their_numbers() {
        let (ids, words) = (["n1", "n2", "n3"].map(str::to_owned), [("n1", "crane, bird"), ("n2", "crane")]);
        let words = words.into_iter().map(|(id, word)| (id.to_owned(), word.to_owned())).collect();
        assert_eq!(readable(&ids, &words), ["crane (n1)", "crane (n2)", "n3"]);
    }
}
