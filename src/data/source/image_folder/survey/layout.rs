//! How a folder of images is arranged, told by its names alone: where splits and classes are, or why that is not known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::SurveyError;
use crate::source::image_folder::scan::{CONVERT, is_image, is_other_picture};
use crate::source::image_folder::{ImageSplit, SplitRule};
use crate::source::listing::is_visible;
use crate::split::HELD_OUT;
use simpipe_base::param;

/// Names of splits for testing, the most telling first.
pub(super) const TESTING: [&str; 6] = ["test", "testing", "val", "valid", "validation", "eval"];

/// How folders are arranged that are read, in words.
pub(super) const LAYOUTS: &str = "simpipe reads `<class>/<image>` and `<split>/<class>/<image>`, such as `cat/1.jpg` or \
                                  `train/cat/1.jpg`; images are JPEG, PNG, WebP, GIF, BMP or TIFF";

/// What a table of images is, in words.
pub(super) const TABLES: &str = "a table of images is CSV, TSV, JSON Lines or Parquet with the columns `path`, `label` and, \
                                 optionally, `split` (`train`, `test`)";

/// Where splits and classes are.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    pub(super) rule: SplitRule,
    pub(super) train: String,
    pub(super) test: String,
    pub(super) held_out: Option<String>,
}

/// Image files by the number of folders between them and the root: how many, and the first one.
type Depths = BTreeMap<usize, (usize, String)>;

impl Layout {
    pub(super) fn of(root: &Path) -> Result<Self, SurveyError> {
        if !root.exists() {
            let help = "correct the path; for a built-in dataset write `simpipe init --dataset cifar10`";
            return Err(SurveyError::new(format!("there is no file or folder `{}`", root.display()), help));
        }
        if !root.is_dir() {
            let message = format!("`{}` is a file, not a folder of images", root.display());
            return Err(SurveyError::new(message, format!("{LAYOUTS}; {TABLES}")));
        }
        let depths = depths(root)?;
        let at = root.display();
        match depths.keys().copied().collect::<Vec<_>>().as_slice() {
            [] if is_empty(root) => Err(SurveyError::new(format!("the folder `{at}` is empty"), LAYOUTS)),
            [] => Err(no_images(root)),
            [0] => Err(SurveyError::new(
                format!("the images are directly in `{at}`, so their classes are not known"),
                "put the images of each class in a folder named after the class",
            )),
            [1] => match splits_alone(root) {
                Some(names) => Err(SurveyError::new(
                    format!("{names} are splits, and the images are directly in them, so their classes are not known"),
                    format!("arrange them as `train/<class>/<image>`, or list them in a table: {TABLES}"),
                )),
                None => Ok(Self::flat(root.to_path_buf())),
            },
            [2] => Self::of_splits(root),
            [only] => {
                let message = format!("images are nested too deep: {only} folders down, such as `{}`", depths[only].1);
                Err(SurveyError::new(message, LAYOUTS))
            }
            several => {
                let common = several.iter().max_by_key(|depth| depths[depth].0).expect("there are several");
                let odd = several.iter().find(|depth| *depth != common).expect("there are several");
                let [(_, common), (_, odd)] = [&depths[common], &depths[odd]];
                let message = format!("images are at several depths: most as `{common}`, but also `{odd}`");
                Err(SurveyError::new(message, LAYOUTS))
            }
        }
    }

    /// `<class>/<image>`.
    fn flat(root: PathBuf) -> Self {
        let rule = SplitRule::Images(ImageSplit { validation: HELD_OUT, ..param::defaults() });
        let [train, test, held_out] = ["train", "test", "validation"].map(str::to_owned);
        Self { root, rule, train, test, held_out: Some(held_out) }
    }

    /// `<split>/<class>/<image>`.
    fn of_splits(root: &Path) -> Result<Self, SurveyError> {
        let mut names: Vec<String> = subfolders(root);
        names.sort();
        let train = names.iter().find(|name| name.to_lowercase().starts_with("train"));
        let mut tests = TESTING.iter().filter_map(|known| names.iter().find(|name| name.to_lowercase() == *known));
        let (test, held_out) = (tests.next(), tests.next());
        match (train, test) {
            (Some(train), Some(test)) => Ok(Self {
                root: root.to_path_buf(),
                rule: SplitRule::Folders,
                train: train.clone(),
                test: test.clone(),
                held_out: held_out.cloned(),
            }),
            // A split for training alone is divided as if it were the folder.
            (Some(only), None) if names.len() == 1 => Ok(Self::flat(root.join(only))),
            _ => {
                let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
                let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
                let message = format!(
                    "images are arranged as `<a>/<b>/<image>`, but {}{more} are not the splits `train` and `test`",
                    shown.join(", ")
                );
                let help = format!(
                    "rename the splits, or start from a folder of classes: `simpipe init {}`",
                    root.join(&names[0]).display()
                );
                Err(SurveyError::new(message, help))
            }
        }
    }
}

/// What to say of a folder that holds files, and no image.
fn no_images(root: &Path) -> SurveyError {
    let at = root.display();
    let files = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_visible);
    let other = files.flatten().find(|entry| entry.file_type().is_file() && is_other_picture(entry.path()));
    match other {
        None => SurveyError::new(format!("there are no images in `{at}`"), LAYOUTS),
        Some(entry) => {
            let name = entry.path().strip_prefix(root).unwrap_or_else(|_| entry.path()).display().to_string();
            let message = format!("there are no readable images in `{at}`: `{name}` has another format");
            SurveyError::new(message, CONVERT)
        }
    }
}

/// The folders' names, if there are several and all are those of splits, one of them for training.
fn splits_alone(root: &Path) -> Option<String> {
    let mut names = subfolders(root);
    names.sort();
    let trains = |name: &String| name.to_lowercase().starts_with("train");
    let tests = |name: &String| TESTING.contains(&name.to_lowercase().as_str());
    let all = names.len() > 1 && names.iter().all(|name| trains(name) || tests(name));
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    (all && names.iter().any(trains) && names.iter().any(tests)).then(|| quoted.join(" and "))
}

fn depths(root: &Path) -> Result<Depths, SurveyError> {
    let mut depths = Depths::new();
    for entry in WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_visible) {
        let entry = entry.map_err(|error| {
            SurveyError::new(error.to_string(), "make the folder readable, and remove broken links")
        })?;
        if entry.file_type().is_file() && is_image(&entry) {
            let name = entry.path().strip_prefix(root).unwrap_or_else(|_| entry.path()).display().to_string();
            depths.entry(entry.depth() - 1).or_insert((0, name)).0 += 1;
        }
    }
    Ok(depths)
}

fn is_empty(root: &Path) -> bool {
    std::fs::read_dir(root).is_ok_and(|mut items| items.next().is_none())
}

fn subfolders(root: &Path) -> Vec<String> {
    let items = WalkDir::new(root).min_depth(1).max_depth(1).follow_links(true).into_iter().filter_entry(is_visible);
    let folders = items.flatten().filter(|item| item.file_type().is_dir());
    folders.map(|item| item.file_name().to_string_lossy().into_owned()).collect()
}
