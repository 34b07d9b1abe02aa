//! What the columns of a manifest mean, and what is wrong with its rows.

use std::collections::BTreeMap;
use std::path::Path;

use crate::DataError;
use crate::source::listing::{Item, More, wrong_lines};
use crate::source::table::{Row, Table};
use simpipe_artifact::About;
use simpipe_picture::Part;

const PATH: [&str; 6] = ["path", "file_name", "filename", "filepath", "image_path", "image"];
const LABEL: [&str; 4] = ["label", "class", "class_name", "labels"];
const SOURCE: [&str; 2] = ["source", "sequence"];
/// A box as open-metric-learning writes it.
const BOX: [&str; 4] = ["x_1", "x_2", "y_1", "y_2"];

/// Where each column is.
pub(super) struct Columns {
    path: usize,
    pub(super) label: usize,
    split: Option<usize>,
    group: Option<usize>,
    source: Option<usize>,
    category: Option<usize>,
    is_query: Option<usize>,
    is_gallery: Option<usize>,
    part: Option<[usize; 4]>,
}

impl Columns {
    /// Of a table, whose labels may stand in a column of another name.
    ///
    /// # Errors
    /// If a column that must be there is not.
    pub(super) fn of(table: &Table, label: Option<&str>) -> Result<Self, DataError> {
        let part = match BOX.map(|name| table.find(&[name])) {
            [None, None, None, None] => None,
            [Some(x_1), Some(x_2), Some(y_1), Some(y_2)] => Some([x_1, x_2, y_1, y_2]),
            _ => {
                let reason = "only some of the columns `x_1`, `x_2`, `y_1` and `y_2` exist";
                return Err(DataError::malformed(&table.path, reason));
            }
        };
        Ok(Self {
            path: table.expect(&PATH)?,
            label: label.map_or_else(|| table.expect(&LABEL), |label| table.expect(&[label]))?,
            split: table.find(&["split"]),
            group: table.find(&["group"]),
            source: table.find(&SOURCE),
            category: table.find(&["category"]),
            is_query: table.find(&["is_query"]),
            is_gallery: table.find(&["is_gallery"]),
            part,
        })
    }

    /// The columns that examples are told apart by beside their class, by the names that they have in the artifact.
    pub(super) fn told(&self, table: &Table) -> Vec<String> {
        let used = [Some(self.path), Some(self.label), self.split];
        let of_box = |at: &usize| self.part.is_some_and(|part| part.contains(at));
        // A column without a name is the row numbers that Pandas writes.
        let is_told = |at: &usize| !used.contains(&Some(*at)) && !of_box(at) && !table.columns[*at].is_empty();
        let told = (0..table.columns.len()).filter(is_told);
        told.map(|at| if self.source == Some(at) { "source".to_owned() } else { table.columns[at].clone() }).collect()
    }

    /// The place of a column by the name that it is asked for.
    fn named(&self, table: &Table, name: &str) -> Option<usize> {
        if name == "source" { self.source } else { table.find(&[name]) }
    }
}

/// How the rows of a table become images.
pub(super) struct Rows<'a> {
    /// What paths are relative to.
    pub(super) root: &'a Path,
    /// What names in the artifact are relative to: that folder, or one above it.
    pub(super) above: &'a Path,
    /// The split of a row that says none.
    pub(super) split: &'a str,
    /// The column whose value each image is to come with.
    pub(super) column: Option<&'a str>,
}

impl Rows<'_> {
    /// The images of all rows, their labels left open.
    ///
    /// # Errors
    /// The lines that are wrong.
    pub(super) fn items(&self, table: &Table, columns: &Columns) -> Result<Vec<Item>, DataError> {
        let column = self.column.and_then(|name| columns.named(table, name));
        let (mut items, mut wrong) = (Vec::with_capacity(table.rows.len()), Vec::new());
        let mut first: BTreeMap<(&str, Option<[u32; 4]>), usize> = BTreeMap::new();
        for row in &table.rows {
            match self.item(row, columns, column) {
                Ok(item) => {
                    let path = row.cell(columns.path).unwrap_or_default();
                    let part = item.more.as_ref().and_then(|more| more.part).map(|of| [of.x.0, of.x.1, of.y.0, of.y.1]);
                    let earlier = *first.entry((path, part)).or_insert(row.line);
                    if earlier != row.line {
                        wrong.push((row.line, format!("`{path}` is already in line {earlier}")));
                    }
                    items.push(item);
                }
                Err(reason) => wrong.push((row.line, reason)),
            }
        }
        let help = "correct or remove these lines: an image, or a box in it, has one line";
        if wrong.is_empty() { Ok(items) } else { Err(wrong_lines(&table.path, &wrong, help)) }
    }

    fn item(&self, row: &Row, columns: &Columns, column: Option<usize>) -> Result<Item, String> {
        let path = row.cell(columns.path).ok_or("there is no path")?;
        let text = |at: Option<usize>| at.and_then(|at| row.cell(at)).map(str::to_owned);
        let truth = |at: Option<usize>| at.and_then(|at| row.cell(at)).map_or(Ok(None), truth);
        let about = About {
            group: text(columns.group),
            source: text(columns.source),
            category: text(columns.category),
            is_query: truth(columns.is_query)?,
            is_gallery: truth(columns.is_gallery)?,
        };
        let part = columns.part.map_or(Ok(None), |part| part_of(part.map(|at| row.cell(at))))?;
        let full = self.root.join(path);
        let name = full.strip_prefix(self.above).unwrap_or(Path::new(path));
        let parts: Vec<&str> =
            name.iter().filter_map(|part| part.to_str()).filter(|part| !matches!(*part, "." | "/")).collect();
        Ok(Item {
            split: text(columns.split).unwrap_or_else(|| self.split.to_owned()),
            label: 0,
            name: parts.join("/"),
            path: full,
            // The line is worth its memory: what is wrong with an image is often wrong in its line.
            more: Some(Box::new(More { about, part, value: text(column), line: row.line })),
        })
    }
}

/// As Python, Pandas and people write it.
fn truth(text: &str) -> Result<Option<bool>, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "1.0" | "yes" => Ok(Some(true)),
        "false" | "0" | "0.0" | "no" => Ok(Some(false)),
        "" | "nan" | "none" | "null" => Ok(None),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
}

/// The part of a picture; none where none of the four numbers is there.
fn part_of(cells: [Option<&str>; 4]) -> Result<Option<Part>, String> {
    let numbers = match cells {
        [None, None, None, None] => return Ok(None),
        [Some(x_1), Some(x_2), Some(y_1), Some(y_2)] => [x_1, x_2, y_1, y_2],
        _ => return Err("its box is incomplete: `x_1`, `x_2`, `y_1` and `y_2` must all be numbers".to_owned()),
    };
    let whole = |text: &str| {
        let text = text.strip_suffix(".0").unwrap_or(text);
        text.parse::<u32>()
            .map_err(|_| format!("`{text}` is not a pixel of a box: it must be an integer of at least 0"))
    };
    let [x_1, x_2, y_1, y_2] = [whole(numbers[0])?, whole(numbers[1])?, whole(numbers[2])?, whole(numbers[3])?];
    if x_1 >= x_2 || y_1 >= y_2 {
        return Err(format!("its box from ({x_1}, {y_1}) to ({x_2}, {y_2}) has no pixels"));
    }
    Ok(Some(Part { x: (x_1, x_2), y: (y_1, y_2) }))
}
