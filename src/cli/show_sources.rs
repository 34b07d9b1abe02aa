//! Which file of a source the examples of a shown table came from.

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;

use simpipe_artifact::FileNames;
use simpipe_base::digest::Digest;
use simpipe_runner::{RunRecord, StageRecord};

/// A column of examples: its name, that of the column of their files, and the ports behind which their dataset is.
struct Examples {
    column: &'static str,
    files: &'static str,
    ports: &'static [&'static str],
}

const COLUMNS: [Examples; 4] = [
    Examples { column: "example_id", files: "path", ports: &["dataset", "sampler", "embeddings", "index"] },
    Examples { column: "query_id", files: "query_path", ports: &["queries", "embeddings", "dataset", "sampler"] },
    Examples { column: "reference_id", files: "reference_path", ports: &["reference-dataset", "dataset"] },
    Examples { column: "neighbours", files: "neighbour_paths", ports: &["index"] },
];
/// Ports on the way to a dataset, from wherever it starts.
const ONWARD: [&str; 4] = ["dataset", "embeddings", "sampler", "index"];
/// Stages on the way to a dataset at most: each reads from one before it.
const FURTHEST: usize = 8;

/// A column of files that stands beside those of a table: a text for each of its first rows.
pub(super) struct FileColumn {
    pub(super) name: &'static str,
    pub(super) files: Vec<String>,
}

/// The files of the first rows of a table in a run's folder; nothing of other tables, and of images that came from no files.
pub(super) fn columns(path: &Path, batches: &[RecordBatch], rows: usize) -> Vec<FileColumn> {
    let Some((run, stage)) = path.parent().and_then(|stage| Some((stage.parent()?, stage.file_name()?.to_str()?)))
    else {
        return Vec::new();
    };
    let Ok(record) = RunRecord::read(run) else { return Vec::new() };
    let Some(stage) = record.stages.iter().find(|known| known.id == stage) else { return Vec::new() };
    let of = |examples: &Examples| {
        let ids = ids(batches, examples.column, rows)?;
        let dataset = dataset(&record, stage, examples.ports, FURTHEST)?;
        let names = FileNames::read(&run.join(&dataset.id).join(FileNames::FILE)).ok()?;
        let files = |ids: &Vec<u64>| ids.iter().map(|id| names.of(*id).unwrap_or("?")).collect::<Vec<_>>().join(", ");
        (!names.0.is_empty()).then(|| FileColumn { name: examples.files, files: ids.iter().map(files).collect() })
    };
    COLUMNS.iter().filter_map(of).collect()
}

/// The dataset that a stage has through one of some ports.
fn dataset<'a>(
    record: &'a RunRecord,
    stage: &'a StageRecord,
    ports: &[&str],
    furthest: usize,
) -> Option<&'a StageRecord> {
    if stage.stage == "dataset" || furthest == 0 {
        return (stage.stage == "dataset").then_some(stage);
    }
    let inputs = &stage.key_parts.as_ref()?.inputs;
    ports.iter().filter_map(|port| inputs.get(*port)).find_map(|files| {
        let gives = |from: &&StageRecord| {
            let same = |(name, digest): (&String, &Digest)| {
                from.files.iter().any(|(known, file)| known.as_str() == name && file.digest == *digest)
            };
            !files.is_empty() && files.iter().all(same)
        };
        let from = record.stages.iter().find(gives)?;
        dataset(record, from, &ONWARD, furthest - 1)
    })
}

/// The examples in a column of the first rows: one of each row, or a list.
fn ids(batches: &[RecordBatch], column: &str, rows: usize) -> Option<Vec<Vec<u64>>> {
    let mut found = Vec::new();
    for batch in batches {
        let values = batch.column_by_name(column)?;
        let first = 0..batch.num_rows().min(rows - found.len());
        if let Some(values) = values.as_primitive_opt::<UInt64Type>() {
            found.extend(first.map(|row| vec![values.value(row)]));
            continue;
        }
        let lists = values.as_list_opt::<i32>()?;
        for row in first {
            let list = lists.value(row);
            let ids = list.as_struct_opt()?.column_by_name("example_id")?.clone();
            found.push(ids.as_primitive_opt::<UInt64Type>()?.values().to_vec());
        }
    }
    Some(found)
}
