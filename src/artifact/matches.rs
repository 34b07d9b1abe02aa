//! `matches.parquet` and `confusion.parquet`: queries, their neighbours and the verdict.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Int32Array, ListArray, StructArray, UInt32Array, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float32Type, Int32Type, UInt32Type, UInt64Type};

use serde::{Deserialize, Serialize};

use super::ArtifactError;
use super::table::{Column, Columns, write_parquet};

/// `match.json`: how the queries were judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatchInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// The cutpoint's name in the calibration.
    pub cutpoint: String,
    /// Its distance.
    pub distance: f64,
    /// The word for queries without a match.
    pub unknown_label: String,
    /// What the cutpoint achieves on these queries, where that can be measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub achieved: Option<Achieved>,
}

/// What a cutpoint achieves on queries that it was not chosen on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Achieved {
    /// The metric of the cutpoint's target, as columns name it; of `optimal` the calibration's.
    pub metric: String,
    /// The target; `null` for `optimal`.
    pub target: Option<f64>,
    /// What the cutpoint gave in calibration.
    pub calibrated: f64,
    /// What it gives here.
    pub value: f64,
    /// The lower end of its 95 % bootstrap interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl MatchInfo {
    /// The file's name.
    pub const FILE: &'static str = "match.json";
}

/// One neighbour of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// From 1.
    pub rank: u32,
    /// The indexed example.
    pub example_id: u64,
    /// Its label.
    pub label: i32,
    /// How far it is.
    pub distance: f32,
}

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchRow {
    /// The query's example.
    pub query_id: u64,
    /// Its label.
    pub label: i32,
    /// The matcher's label; `None` if there was no neighbour.
    pub predicted: Option<i32>,
    /// The matcher's distance; infinite if there was no neighbour.
    pub distance: f32,
    /// Whether the distance is within the cutpoint: else the query is Unknown.
    pub matched: bool,
    /// How probable it is that the matcher's label is right, by the calibration; 0 if there was no neighbour.
    pub probability: f64,
    /// Nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// All queries, in the order of the pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matches(pub Vec<MatchRow>);

fn neighbour_fields() -> Fields {
    Fields::from(vec![
        Field::new("rank", DataType::UInt32, false),
        Field::new("example_id", DataType::UInt64, false),
        Field::new("label", DataType::Int32, false),
        Field::new("distance", DataType::Float32, false),
    ])
}

impl Matches {
    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let rows = &self.0;
        write_parquet(
            path,
            vec![
                Column::u64("query_id", &rows.iter().map(|row| row.query_id).collect::<Vec<_>>()),
                Column::i32("label", &rows.iter().map(|row| row.label).collect::<Vec<_>>()),
                Column::nullable("predicted", rows.iter().map(|row| row.predicted).collect::<Int32Array>()),
                Column::f32("distance", &rows.iter().map(|row| row.distance).collect::<Vec<_>>()),
                Column::bool("matched", &rows.iter().map(|row| row.matched).collect::<Vec<_>>()),
                Column::f64("probability", &rows.iter().map(|row| row.probability).collect::<Vec<_>>()),
                Column::new("neighbours", self.neighbour_lists()),
            ],
        )
    }

    fn neighbour_lists(&self) -> ListArray {
        let all: Vec<Neighbour> = self.0.iter().flat_map(|row| row.neighbours.iter().copied()).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(all.iter().map(|n| n.rank).collect::<Vec<_>>().into_iter().collect::<UInt32Array>()),
            Arc::new(UInt64Array::from(all.iter().map(|n| n.example_id).collect::<Vec<_>>())),
            Arc::new(Int32Array::from(all.iter().map(|n| n.label).collect::<Vec<_>>())),
            Arc::new(Float32Array::from(all.iter().map(|n| n.distance).collect::<Vec<_>>())),
        ];
        let values = StructArray::new(neighbour_fields(), columns, None);
        let item = Arc::new(Field::new("item", DataType::Struct(neighbour_fields()), false));
        let offsets = OffsetBuffer::from_lengths(self.0.iter().map(|row| row.neighbours.len()));
        ListArray::new(item, offsets, Arc::new(values), None)
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let (query_id, label) = (columns.u64("query_id")?, columns.i32("label")?);
        let (predicted, distance) = (columns.optional_i32("predicted")?, columns.f32("distance")?);
        let (matched, probability) = (columns.bool("matched")?, columns.f64("probability")?);
        let malformed = || ArtifactError::malformed(path, "the column `neighbours` is not a list of structs");
        let mut neighbours = Vec::with_capacity(label.len());
        for piece in columns.pieces("neighbours")? {
            let lists = piece.as_list_opt::<i32>().ok_or_else(malformed)?;
            for row in 0..lists.len() {
                neighbours.push(read_neighbours(&lists.value(row)).ok_or_else(malformed)?);
            }
        }
        let rows = neighbours.into_iter().enumerate().map(|(at, neighbours)| MatchRow {
            query_id: query_id[at],
            label: label[at],
            predicted: predicted[at],
            distance: distance[at],
            matched: matched[at],
            probability: probability[at],
            neighbours,
        });
        Ok(Self(rows.collect()))
    }
}

fn read_neighbours(list: &ArrayRef) -> Option<Vec<Neighbour>> {
    let list = list.as_struct_opt()?;
    let rank = list.column_by_name("rank")?.as_primitive_opt::<UInt32Type>()?;
    let example_id = list.column_by_name("example_id")?.as_primitive_opt::<UInt64Type>()?;
    let label = list.column_by_name("label")?.as_primitive_opt::<Int32Type>()?;
    let distance = list.column_by_name("distance")?.as_primitive_opt::<Float32Type>()?;
    let neighbour = |at: usize| Neighbour {
        rank: rank.value(at),
        example_id: example_id.value(at),
        label: label.value(at),
        distance: distance.value(at),
    };
    Some((0..list.len()).map(neighbour).collect())
}

/// One cell of the confusion matrix that counts a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionCell {
    /// The true label.
    pub label: i32,
    /// The predicted label; `None` is Unknown.
    pub predicted: Option<i32>,
    /// Queries.
    pub count: u64,
}

/// The cells that count a query: by label, then by prediction with Unknown last. All others are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confusion(pub Vec<ConfusionCell>);

impl Confusion {
    /// Writes the table; `classes` are names by label, `unknown` the name of no match.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path, classes: &[String], unknown: &str) -> Result<(), ArtifactError> {
        let name = |label: i32| usize::try_from(label).ok().and_then(|at| classes.get(at)).map_or("", String::as_str);
        let cells = &self.0;
        let label_names: Vec<&str> = cells.iter().map(|cell| name(cell.label)).collect();
        let predicted_names: Vec<&str> = cells.iter().map(|cell| cell.predicted.map_or(unknown, name)).collect();
        write_parquet(
            path,
            vec![
                Column::i32("label", &cells.iter().map(|cell| cell.label).collect::<Vec<_>>()),
                Column::text("label_name", &label_names),
                Column::nullable("predicted", cells.iter().map(|cell| cell.predicted).collect::<Int32Array>()),
                Column::text("predicted_name", &predicted_names),
                Column::u64("count", &cells.iter().map(|cell| cell.count).collect::<Vec<_>>()),
            ],
        )
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let (label, predicted) = (columns.i32("label")?, columns.optional_i32("predicted")?);
        let count = columns.u64("count")?;
        let cell = |at: usize| ConfusionCell { label: label[at], predicted: predicted[at], count: count[at] };
        Ok(Self((0..label.len()).map(cell).collect()))
    }

    /// The name of each cell's true class.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn classes(path: &Path) -> Result<Vec<String>, ArtifactError> {
        Columns::read_parquet(path, Some(&["label_name"]))?.text("label_name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_with_the_names_of_their_classes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("confusion.parquet");
        let cell = |label, predicted| ConfusionCell { label, predicted, count: 3 };
        let cells = Confusion(vec![cell(0, Some(1)), cell(1, None), cell(2, Some(0))]);
        cells.write(&path, &["cat".to_owned(), "dog".to_owned()], "Unknown").unwrap();
        assert_eq!(Confusion::read(&path).unwrap(), cells);
        assert_eq!(Confusion::classes(&path).unwrap(), ["cat", "dog", ""]);
    }

    #[test]
    fn matches_come_back_with_their_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("matches.parquet");
        let neighbour = |rank| Neighbour { rank, example_id: 7, label: 1, distance: 0.25 };
        let row = |query_id, neighbours: Vec<Neighbour>| MatchRow {
            query_id,
            label: 1,
            predicted: neighbours.first().map(|n| n.label),
            distance: 0.25,
            matched: true,
            probability: 0.875,
            neighbours,
        };
        let matches =
            Matches(vec![row(0, vec![neighbour(1), neighbour(2)]), row(1, vec![]), row(2, vec![neighbour(1)])]);
        matches.write(&path).unwrap();
        assert_eq!(Matches::read(&path).unwrap(), matches);
    }
}
