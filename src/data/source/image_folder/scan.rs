//! Which files an image folder holds, as far as possible by names alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::ClassFolder;
use super::folder::{File, Folder};
use super::split::SplitRule;
use crate::DataError;
use crate::source::OnCorrupt;
use crate::source::listing::is_visible;
use crate::split::TRAIN;
use simpipe_base::fs::{expect_regular, open_regular};

/// Endings of formats that are read.
const READ: [&str; 12] = ["jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff"];
/// Images too, but of formats that are not read: leaving them out silently would shrink the dataset.
const FOREIGN: [&str; 7] = ["avif", "heic", "heif", "jp2", "jxl", "pgm", "ppm"];
/// Pictures of other kinds: no images to this program, but a folder that holds nothing else was meant to hold some.
const OTHER: [&str; 12] = ["svg", "svgz", "psd", "eps", "ico", "tga", "exr", "dng", "cr2", "cr3", "nef", "arw"];
/// What to do about files that are not read.
pub(super) const CONVERT: &str = "convert them to JPEG or PNG, or remove the folder";
/// First bytes that tell an image whose name has no ending.
const HEAD: u64 = 32;

const BY_FOLDERS: &str = "arrange the images as `<split>/<class>/<name>.jpg` or `.png`, such as `train/cat/1.jpg`; \
                          folders of classes alone need `split = \"images\"` or `split = \"classes\"`, deeper ones \
                          `class = \"path\"`";
const BY_CLASS: &str = "arrange the images as `<class>/<name>.jpg` or `.png`, such as `cat/1.jpg`; folders of splits \
                        are read with `split = \"folders\"`";

impl Folder {
    /// Looks at names, and at the first bytes where a name has no ending; hidden files, folders of systems and
    /// files that are no images are ignored. Where files that can't be read are skipped, a class of nothing but pictures of other
    /// kinds has these for its files, so that it is told like one of images that are damaged.
    ///
    /// # Errors
    /// If there is no such folder, or it is not laid out as the rule has it.
    pub(super) fn scan(
        root: &Path,
        rule: &SplitRule,
        class: Option<&ClassFolder>,
        on_corrupt: &OnCorrupt,
    ) -> Result<Self, DataError> {
        let layout = if rule.by_folders() { BY_FOLDERS } else { BY_CLASS };
        if !root.is_dir() {
            let help = format!("correct `path`; {layout}");
            return Err(DataError::Missing { what: "folder", path: root.to_path_buf(), help });
        }
        let mut found = FoundFiles { by_folders: rule.by_folders(), class: class.cloned(), ..FoundFiles::default() };
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(is_visible) {
            let entry = entry.map_err(|error| found.malformed(root, error.to_string()))?;
            found.take(root, &entry)?;
        }
        if *on_corrupt == OnCorrupt::Skip {
            found.take_unread();
        }
        let mut folder = found.finish(root)?;
        rule.assign(&mut folder);
        Ok(folder)
    }
}

/// Split, class, and path inside the folder; and where it is.
type ClassFile = ([String; 3], PathBuf);

#[derive(Default)]
struct FoundFiles {
    /// Else the whole folder is one split, to be divided afterwards.
    by_folders: bool,
    /// Which of several folders is the class; without it there is one.
    class: Option<ClassFolder>,
    splits: BTreeSet<String>,
    /// (split, class) of each class folder.
    class_folders: BTreeSet<(String, String)>,
    files: Vec<ClassFile>,
    /// By split and class: pictures that are not read, as `files` has the others.
    unread: BTreeMap<(String, String), Vec<ClassFile>>,
}

impl FoundFiles {
    fn take(&mut self, root: &Path, entry: &DirEntry) -> Result<(), DataError> {
        let relative = entry.path().strip_prefix(root).unwrap_or_else(|_| entry.path());
        let parts: Option<Vec<String>> = relative.iter().map(|part| part.to_str().map(str::to_owned)).collect();
        let mut parts = parts.ok_or_else(|| self.malformed(entry.path(), "the name is not valid UTF-8"))?;
        if !self.by_folders {
            parts.insert(0, String::new());
        }
        let image = is_image(entry);
        match (parts.as_slice(), entry.file_type().is_dir()) {
            ([], _) => {}
            ([split], true) => {
                self.splits.insert(split.clone());
            }
            ([_, ..], true) if self.class.is_some() => {}
            ([split, class], true) => {
                self.class_folders.insert((split.clone(), class.clone()));
            }
            ([_, _, ..], true) => {
                return Err(self
                    .malformed(entry.path(), "a folder inside a class: images must be directly in the class folder"));
            }
            (_, false) if image && expect_regular(entry.file_type()).is_err() => {
                let reason =
                    expect_regular(entry.file_type()).err().map_or_else(String::new, |error| error.to_string());
                return Err(self.malformed(entry.path(), reason));
            }
            ([split, folders @ .., _], false) if image && !folders.is_empty() => {
                let file = self.class_file(&parts, entry.path());
                if self.class.is_some() {
                    self.class_folders.insert((split.clone(), file.0[1].clone()));
                }
                self.files.push(file);
            }
            ([_] | [_, _], false) if image => {
                return Err(self.malformed(entry.path(), "an image outside a class folder"));
            }
            ([_, _, .., _], false) if is_other_picture(entry.path()) => {
                let file = self.class_file(&parts, entry.path());
                let of = (file.0[0].clone(), file.0[1].clone());
                self.unread.entry(of).or_default().push(file);
            }
            _ => {}
        }
        Ok(())
    }

    /// A picture in the folders of a class.
    fn class_file(&self, parts: &[String], path: &Path) -> ClassFile {
        let folders = &parts[1..parts.len() - 1];
        let class = match self.class {
            Some(ClassFolder::First) => folders[0].clone(),
            Some(ClassFolder::Last) => folders[folders.len() - 1].clone(),
            Some(ClassFolder::Path) | None => folders.join("/"),
        };
        ([parts[0].clone(), class, parts.join("/").trim_start_matches('/').to_owned()], path.to_path_buf())
    }

    /// Classes without an image take their pictures of other kinds for files; such a picture alone makes no class.
    fn take_unread(&mut self) {
        let empty = self.empty_classes();
        let unread = std::mem::take(&mut self.unread).into_iter().filter(|(of, _)| empty.contains(of));
        self.files.extend(unread.flat_map(|(_, files)| files));
    }

    /// (split, class) of class folders without a file.
    fn empty_classes(&self) -> BTreeSet<(String, String)> {
        let mut empty = self.class_folders.clone();
        for ([split, class, _], _) in &self.files {
            empty.remove(&(split.clone(), class.clone()));
        }
        empty
    }

    /// A class without an image.
    fn empty_class(&self, root: &Path, split: &str, class: &str) -> DataError {
        let path = root.join(split).join(class);
        match self.unread.get(&(split.to_owned(), class.to_owned())) {
            None => self.malformed(&path, "the class has no images"),
            Some(files) => {
                let name = files.first().and_then(|(_, path)| path.file_name()).unwrap_or_default().to_string_lossy();
                let more =
                    if files.len() > 1 { format!(" and {} more are", files.len() - 1) } else { " is".to_owned() };
                let reason = format!("the class has no readable images: `{name}`{more} of another format");
                DataError::Malformed { path, reason, help: Some(CONVERT.to_owned()) }
            }
        }
    }

    fn malformed(&self, path: &Path, reason: impl Into<String>) -> DataError {
        let help = if self.by_folders { BY_FOLDERS } else { BY_CLASS };
        DataError::Malformed { path: path.to_path_buf(), reason: reason.into(), help: Some(help.to_owned()) }
    }

    fn finish(mut self, root: &Path) -> Result<Folder, DataError> {
        if self.splits.is_empty() {
            return Err(self.malformed(root, "there are no splits: the folder has no subfolder"));
        }
        let divided: BTreeSet<&String> = self.class_folders.iter().map(|(split, _)| split).collect();
        for split in &self.splits {
            if !divided.contains(split) {
                return Err(match split.as_str() {
                    "" => self.malformed(root, "there are no class folders"),
                    split => self.malformed(&root.join(split), "the split has no class folders"),
                });
            }
        }
        if let Some((split, class)) = self.empty_classes().first() {
            return Err(self.empty_class(root, split, class));
        }
        // Those that are trained on come first: a class that only other splits have moves no label of theirs.
        let mut trained: BTreeMap<String, bool> = BTreeMap::new();
        for (split, class) in self.class_folders {
            *trained.entry(class).or_default() |= split == TRAIN;
        }
        let (first, others): (Vec<_>, Vec<_>) = trained.into_iter().partition(|(_, trained)| *trained);
        let classes: Vec<String> = first.into_iter().chain(others).map(|(class, _)| class).collect();
        let labels: BTreeMap<&str, usize> =
            classes.iter().enumerate().map(|(label, class)| (class.as_str(), label)).collect();
        // By the names' bytes, whatever order the file system or its separators give.
        self.files.sort();
        let file = |([split, class, name], path): ([String; 3], PathBuf)| File {
            label: labels[class.as_str()],
            name,
            split,
            path,
            more: None,
        };
        let files = self.files.into_iter().map(file).collect();
        Ok(Folder { classes, files })
    }
}

/// Whether something in a folder is to be read as an image: its ending says so, or, where its name has none, its first
/// bytes. Files with other endings are what lies beside images: texts, copies that editors keep, raw files of cameras.
pub(crate) fn is_image(entry: &DirEntry) -> bool {
    let extension = entry.path().extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        None | Some("") => entry.file_type().is_file() && starts_as_image(entry.path()),
        Some(extension) => READ.contains(&extension) || FOREIGN.contains(&extension),
    }
}

/// Whether a file is a picture of a kind that is not read at all.
pub(super) fn is_other_picture(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| OTHER.contains(&extension.as_str()))
}

fn starts_as_image(path: &Path) -> bool {
    let head = open_regular(path).and_then(|file| {
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head)?;
        Ok(head)
    });
    head.is_ok_and(|head| simpipe_picture::starts_as_image(&head))
}
