//! A table of image files, as people keep who have more to say than folders can.
//!
//! Reading tables is in [`table`](super::table), what columns mean in [`rows`].

mod rows;

use std::path::{Path, PathBuf};

use self::rows::{Columns, Rows};
use super::class_names::classes_of;
use super::listing::{Listing, ListsFiles, wrong_lines};
use super::pictures::Pictures;
use super::reader::Reader;
use super::table::Table;
use crate::DataError;
use simpipe_base::param::SpecPath;

picture_source! {
    /// A table of image files: CSV, TSV, JSON Lines or Parquet, told by its content.
    ///
    /// The columns `path` (or `file_name`, `image_path`) and `label` (or `class`) must be there. `split` says the split of each
    /// image; without it all are `train`. Whole numbers as labels are classes in the order of numbers, others in the order of
    /// their names. Optional columns are kept for evaluation and for `split`: `group`, `source` (or `sequence`), `category`,
    /// `is_query`, `is_gallery`; any other may divide the images too. With `x_1`, `x_2`, `y_1` and `y_2` only that part of
    /// the picture is taken, from the first pixel to before the second; a file may then stand in several rows. A manifest of
    /// open-metric-learning is read as it is.
    ///
    /// A folder that holds `metadata.csv`, `metadata.jsonl` or `metadata.parquet` is read by that; where its subfolders do,
    /// each of them is a split.
    ///
    /// # Example
    ///
    /// ```toml
    /// { manifest = { path = "photos.csv", root = "photos", resize = [64, 64] } }
    /// ```
    pub struct Manifest {
        /// The table, or the folder of one called `metadata`.
        #[aka("file", "csv", "df", "dataframe_name", "location", "url", "metadata")]
        path: SpecPath,
        /// The folder that the paths in the table are relative to; default: the table's own.
        #[aka("dir", "folder", "data_dir", "dataset_root", "image_folder", "images")]
        root: Option<SpecPath> = None,
        /// The column of labels, if it is not called `label` or `class`.
        #[aka("label_column", "target", "class_column", "y")]
        label: Option<String> = None,
    }
}

/// Names of a table that a folder is read by.
const METADATA: [&str; 3] = ["metadata.csv", "metadata.jsonl", "metadata.parquet"];

/// A table, and the split of its rows where it does not say one.
struct Part {
    name: String,
    path: PathBuf,
    split: String,
}

impl Manifest {
    /// The tables, with their names in a key.
    fn parts(&self) -> Result<Vec<Part>, DataError> {
        let path = &self.path.resolved;
        let part = |folder: &Path, split: &str, above: &str| {
            let found = METADATA.iter().find(|name| folder.join(name).is_file())?;
            Some(Part { name: format!("{above}{found}"), path: folder.join(found), split: split.to_owned() })
        };
        if path.is_file() {
            return Ok(vec![Part { name: "manifest".to_owned(), path: path.clone(), split: "train".to_owned() }]);
        }
        if let Some(whole) = part(path, "train", "") {
            return Ok(vec![whole]);
        }
        let folders = std::fs::read_dir(path).map_err(DataError::io("read", path))?;
        let mut folders: Vec<PathBuf> = folders.flatten().map(|item| item.path()).collect();
        folders.sort();
        let split = |folder: &PathBuf| {
            let split = folder.file_name()?.to_str()?;
            part(folder, split, &format!("{split}/"))
        };
        let parts: Vec<Part> = folders.iter().filter_map(split).collect();
        let help =
            "name the table itself, or a folder that holds `metadata.csv`, `metadata.jsonl` or `metadata.parquet`";
        match parts.is_empty() {
            true => Err(DataError::Missing { what: "table of images", path: path.clone(), help: help.to_owned() }),
            false => Ok(parts),
        }
    }
}

impl ListsFiles for Manifest {
    const DESCRIPTION: &'static str = "images that a table lists";

    fn place(&self) -> &Path {
        &self.path.resolved
    }

    fn root(&self) -> &Path {
        let path = &self.path.resolved;
        let beside = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        self.root.as_ref().map_or(beside, |root| &root.resolved)
    }

    fn pictures(&self) -> Pictures {
        self.to_pictures()
    }

    fn list(&self, reader: &Reader<'_>, column: Option<&str>) -> Result<Listing, DataError> {
        let mut listing = Listing::default();
        let mut labels = Vec::new();
        let mut lines = Vec::new();
        for Part { name, path, split } in self.parts()? {
            let table = Table::read(&path, reader)?;
            let folder = path.parent().unwrap_or(&path);
            let root = if self.root.is_some() || !self.path.resolved.is_dir() { self.root() } else { folder };
            let columns = Columns::of(&table, self.label.as_deref())?;
            let rows = Rows { root, above: self.root(), split: &split, column };
            lines.extend(table.rows.iter().map(|row| row.line));
            listing.items.extend(rows.items(&table, &columns)?);
            labels.extend(table.rows.iter().map(|row| row.cell(columns.label).map(str::to_owned)));
            listing.columns.extend(columns.told(&table));
            listing.lists.push((name, path));
        }
        listing.columns.sort();
        listing.columns.dedup();
        let classes = classes_of(&labels).map_err(|wrong| {
            let wrong: Vec<(usize, String)> = wrong.into_iter().map(|(row, what)| (lines[row], what)).collect();
            let help = "give every image a class; if the classes are in another column, name it with `label`";
            wrong_lines(&listing.lists[0].1, &wrong, help)
        })?;
        listing.items.iter_mut().zip(&classes.of_rows).for_each(|(item, label)| item.label = *label);
        listing.classes = classes.names;
        Ok(listing)
    }
}

#[cfg(test)]
#[path = "manifest/manifest_tests.rs"]
mod tests;
