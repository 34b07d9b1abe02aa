//! `parquet` and `arrow`: embeddings as one table, for whatever reads columns: pandas, Polars, `DuckDB`, Lance.

use std::path::Path;

use serde_json::json;

use super::embeddings::{self, StoredEmbeddings};
use super::refuse_overwriting;
use super::whole_run::{RunFormat, Sent, StoredRun};
use crate::cli::print::{self, shown};
use crate::cli::sink;
use crate::error::Error;
use simpipe_artifact::ArtifactError;
use simpipe_artifact::table::{Column, arrow_bytes, parquet_bytes};
use simpipe_base::interrupt::LeftToEnd;

/// A Parquet file.
pub(super) struct Parquet;

/// An Arrow IPC file, also known as Feather 2.
pub(super) struct Arrow;

/// Columns as a whole file.
type ToBytes = fn(&Path, Vec<Column>) -> Result<Vec<u8>, ArtifactError>;

impl RunFormat for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn about(&self) -> &'static str {
        "embeddings of every stage `embed` as a table, with labels, classes, splits, example ids and digests"
    }

    fn target(&self) -> &'static str {
        "a file"
    }

    fn default_output(&self, experiment: &str) -> Option<String> {
        Some(format!("{experiment}.embeddings.parquet"))
    }

    fn takes_stage(&self) -> bool {
        true
    }

    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error> {
        write(run, output, force, parquet_bytes)
    }
}

impl RunFormat for Arrow {
    fn name(&self) -> &'static str {
        "arrow"
    }

    fn about(&self) -> &'static str {
        "the same table as an Arrow IPC file, which Lance takes over as it is"
    }

    fn target(&self) -> &'static str {
        "a file"
    }

    fn default_output(&self, experiment: &str) -> Option<String> {
        Some(format!("{experiment}.embeddings.arrow"))
    }

    fn takes_stage(&self) -> bool {
        true
    }

    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error> {
        write(run, output, force, arrow_bytes)
    }
}

/// Writes the table. The same run gives the same bytes.
fn write(run: &StoredRun<'_>, output: &str, force: bool, to_bytes: ToBytes) -> Result<Sent, Error> {
    let path = Path::new(output);
    refuse_overwriting(path, force)?;
    let all = embeddings::of(run)?;
    let (columns, dim) = columns(&all)?;
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let bytes = to_bytes(path, columns)?;
    let _writing = LeftToEnd::begin();
    let help = "choose a file in a writable folder: `--output FILE`";
    sink::write(path, &bytes).map_err(|error| sink::unwritable(path, &error, help))?;
    let vectors: usize = all.iter().map(|one| one.rows.len()).sum();
    let (count, size, said) = (print::thousands(vectors), print::thousands(bytes.len()), shown(path.display()));
    Ok(Sent {
        json: json!({ "file": output, "bytes": bytes.len(), "columns": names, "vectors": vectors, "dim": dim }),
        words: format!("wrote {said}: {count} vectors of {dim} numbers, {size} bytes"),
    })
}

/// A row an embedding, and how many numbers each has.
fn columns(all: &[StoredEmbeddings]) -> Result<(Vec<Column>, usize), Error> {
    let dim = all.first().map_or(0, |one| one.rows.dim);
    if let Some(other) = all.iter().find(|one| one.rows.dim != dim) {
        let message = format!("`{}` has vectors of {} numbers, others of {dim}", other.name, other.rows.dim);
        let names: Vec<String> = all.iter().map(|one| format!("`{}`", one.name)).collect();
        return Err(Error::usage(
            message,
            format!("a table has one length: choose with `--stage` of {}", names.join(", ")),
        ));
    }
    let rows = || all.iter().flat_map(|one| (0..one.rows.len()).map(move |row| (one, row)));
    let stages: Vec<&str> = rows().map(|(one, _)| one.name.as_str()).collect();
    let ids: Vec<u64> = rows().map(|(one, row)| one.rows.example_id[row]).collect();
    let labels: Vec<i32> = rows().map(|(one, row)| one.rows.label[row]).collect();
    let classes: Vec<&str> = rows().map(|(one, row)| one.class(row)).collect();
    let splits: Vec<&String> = rows().filter_map(|(one, row)| one.rows.split.get(row)).collect();
    let digests: Vec<&String> = rows().filter_map(|(one, row)| one.rows.digest.get(row)).collect();
    let values: Vec<f32> = all.iter().flat_map(|one| &one.rows.values).copied().collect();
    let columns = vec![
        Column::text("stage", &stages),
        Column::u64("example_id", &ids),
        Column::i32("label", &labels),
        Column::text("class", &classes),
        Column::text("split", &splits),
        Column::text("digest", &digests),
        Column::vectors("embedding", &values, dim),
    ];
    Ok((columns, dim))
}
