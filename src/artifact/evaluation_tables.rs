//! `per-query.parquet` and `per-class.parquet`: how good a search is for each query and each class.

use std::path::Path;

use arrow::array::{Float32Array, Float64Array, Int32Array, UInt64Array};

use super::ArtifactError;
use super::table::{Column, Columns, write_parquet};

/// `per-query.parquet`: what each query found, in the order of the pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerQuery {
    /// The query's example.
    pub query_id: Vec<u64>,
    /// The digest of its image: the same query in another run, whatever its id there.
    pub digest: Vec<String>,
    /// Its label.
    pub label: Vec<i32>,
    /// Indexed images of its class that it can find.
    pub relevant: Vec<u64>,
    /// Whether it is in the index itself, or its very image is.
    pub overlap: Vec<bool>,
    /// The nearest example; `None` if there is none.
    pub nearest_id: Vec<Option<u64>>,
    /// Its label.
    pub nearest_label: Vec<Option<i32>>,
    /// How far it is.
    pub nearest_distance: Vec<Option<f32>>,
    /// A value a query for each metric of ranked neighbours, by name; `None` where the query has nothing to find.
    pub metrics: Vec<(String, Vec<Option<f64>>)>,
}

/// Columns of `per-query.parquet` that are no metric.
const OF_QUERY: [&str; 8] =
    ["query_id", "digest", "label", "relevant", "overlap", "nearest_id", "nearest_label", "nearest_distance"];

impl PerQuery {
    /// The file's name.
    pub const FILE: &'static str = "per-query.parquet";

    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let fixed = vec![
            Column::u64("query_id", &self.query_id),
            Column::text("digest", &self.digest),
            Column::i32("label", &self.label),
            Column::u64("relevant", &self.relevant),
            Column::bool("overlap", &self.overlap),
            Column::nullable("nearest_id", self.nearest_id.iter().copied().collect::<UInt64Array>()),
            Column::nullable("nearest_label", self.nearest_label.iter().copied().collect::<Int32Array>()),
            Column::nullable("nearest_distance", self.nearest_distance.iter().copied().collect::<Float32Array>()),
        ];
        write_metrics(path, fixed, &self.metrics)
    }

    /// The values of a table's metrics with what identifies each query (its example, its image and its label) and the label
    /// of what it found nearest.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_metrics(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        Ok(Self {
            query_id: columns.u64("query_id")?,
            digest: columns.text("digest")?,
            label: columns.i32("label")?,
            relevant: columns.u64("relevant")?,
            overlap: columns.bool("overlap")?,
            nearest_label: columns.optional_i32("nearest_label")?,
            metrics: read_metrics(&columns, &OF_QUERY)?,
            ..Self::default()
        })
    }
}

/// `per-class.parquet`: the means of each class of the queries, by label.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerClass {
    /// The label.
    pub label: Vec<i32>,
    /// The class's name.
    pub class: Vec<String>,
    /// Queries of it.
    pub queries: Vec<u64>,
    /// Those of them that have nothing to find.
    pub lone: Vec<u64>,
    /// Indexed images of it.
    pub indexed: Vec<u64>,
    /// The mean over the class's queries for each metric of ranked neighbours, by name, and the ends of its interval over
    /// them as `NAME.low` and `NAME.high`; `None` where none has a value.
    pub metrics: Vec<(String, Vec<Option<f64>>)>,
}

/// Columns of `per-class.parquet` that are no metric.
const OF_CLASS: [&str; 5] = ["label", "class", "queries", "lone", "indexed"];

impl PerClass {
    /// The file's name.
    pub const FILE: &'static str = "per-class.parquet";

    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let fixed = vec![
            Column::i32("label", &self.label),
            Column::text("class", &self.class),
            Column::u64("queries", &self.queries),
            Column::u64("lone", &self.lone),
            Column::u64("indexed", &self.indexed),
        ];
        write_metrics(path, fixed, &self.metrics)
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        Ok(Self {
            label: columns.i32("label")?,
            class: columns.text("class")?,
            queries: columns.u64("queries")?,
            lone: columns.u64("lone")?,
            indexed: columns.u64("indexed")?,
            metrics: read_metrics(&columns, &OF_CLASS)?,
        })
    }
}

/// A column of a metric: its name, and a value a row where there is one.
type Named = (String, Vec<Option<f64>>);

/// Writes a table that ends with a column a metric.
fn write_metrics(path: &Path, fixed: Vec<Column>, metrics: &[Named]) -> Result<(), ArtifactError> {
    let column =
        |(name, values): &Named| Column::nullable(name.as_str(), values.iter().copied().collect::<Float64Array>());
    write_parquet(path, fixed.into_iter().chain(metrics.iter().map(column)).collect())
}

fn read_metrics(columns: &Columns, fixed: &[&str]) -> Result<Vec<Named>, ArtifactError> {
    let names = columns.names().into_iter().filter(|name| !fixed.contains(&name.as_str()));
    let read = |name: String| {
        let values = columns.optional_f64(&name)?;
        Ok((name, values))
    };
    names.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_query_and_class_has_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = |values: [Option<f64>; 2]| vec![("recall@1".to_owned(), values.to_vec())];
        let queries = PerQuery {
            query_id: vec![3, 9],
            digest: vec!["a".into(), "b".into()],
            label: vec![1, 0],
            relevant: vec![4, 0],
            overlap: vec![true, false],
            nearest_id: vec![Some(7), None],
            nearest_label: vec![Some(1), None],
            nearest_distance: vec![Some(0.5), None],
            metrics: metrics([Some(1.0), None]),
        };
        let path = folder.path().join(PerQuery::FILE);
        queries.write(&path).unwrap();
        let read = PerQuery::read_metrics(&path).unwrap();
        assert_eq!(
            (&read.query_id, &read.digest, &read.metrics),
            (&queries.query_id, &queries.digest, &queries.metrics)
        );
        assert_eq!(read.nearest_label, queries.nearest_label);
        let columns = Columns::read_parquet(&path, None).unwrap();
        assert_eq!(columns.names()[..8], OF_QUERY);

        let classes = PerClass {
            label: vec![0, 1],
            class: vec!["cat".into(), "dog".into()],
            queries: vec![1, 1],
            lone: vec![1, 0],
            indexed: vec![0, 4],
            metrics: metrics([None, Some(1.0)]),
        };
        let path = folder.path().join(PerClass::FILE);
        classes.write(&path).unwrap();
        assert_eq!(PerClass::read(&path).unwrap(), classes);
    }
}
