//! What is in an artifact file: columns and first rows, tensors, or JSON.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value as Json, json};

use super::print::{self, Align, Table};
use super::show_sources;
use crate::error::Error;
use simpipe_artifact::{ArtifactError, TensorFile};
use simpipe_base::suggest;

/// Columns and first rows of a table.
struct Head {
    schema: SchemaRef,
    rows: usize,
    batches: Vec<RecordBatch>,
}

/// Writes what is in a file.
pub(super) fn write(path: &Path, rows: usize, as_json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match extension.as_ref() {
        "parquet" => write_table(path, &read_parquet(path, rows)?, rows, as_json, out),
        "arrow" => write_table(path, &read_arrow(path)?, rows, as_json, out),
        "safetensors" | "pth" | "pt" => write_tensors(path, as_json, out),
        "json" => {
            let value: Json =
                serde_json::from_slice(&read(path)?).map_err(|error| ArtifactError::malformed(path, error))?;
            Ok(print::json(&value, out)?)
        }
        other => {
            let known = suggest::one_of(&["parquet", "arrow", "json", "safetensors", "pth", "pt"]);
            Err(Error::usage(format!("`{other}` files are not known"), format!("expected {known}")))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    std::fs::read(path).map_err(|error| ArtifactError::io("read", path, error))
}

fn read_parquet(path: &Path, rows: usize) -> Result<Head, ArtifactError> {
    let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
    let malformed = |error| ArtifactError::malformed(path, error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(malformed)?;
    let schema = builder.schema().clone();
    let count = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let reader = builder.with_limit(rows).build().map_err(malformed)?;
    let batches = reader.collect::<Result<_, _>>().map_err(|error| ArtifactError::malformed(path, error))?;
    Ok(Head { schema, rows: count, batches })
}

fn read_arrow(path: &Path) -> Result<Head, ArtifactError> {
    let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
    let malformed = |error| ArtifactError::malformed(path, error);
    let reader = arrow::ipc::reader::FileReader::try_new(std::io::BufReader::new(file), None).map_err(malformed)?;
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(malformed)?;
    Ok(Head { schema, rows: batches.iter().map(RecordBatch::num_rows).sum(), batches })
}

fn write_table(path: &Path, head: &Head, rows: usize, as_json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let fields: Vec<(String, String)> =
        head.schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect();
    let mut first = first_rows(head, rows)?;
    let files = show_sources::columns(path, &head.batches, rows);
    if as_json {
        let columns: Vec<Json> = fields.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect();
        let mut shown = json!({ "rows": head.rows, "columns": columns, "first": first });
        if !files.is_empty() {
            shown["files"] = files.into_iter().map(|column| (column.name.to_owned(), json!(column.files))).collect();
        }
        return Ok(print::json(&shown, out)?);
    }
    writeln!(out, "{} rows\n", print::thousands(head.rows))?;
    let mut columns = Table::new(&[("Column", Align::Left), ("Type", Align::Left)]);
    fields.iter().for_each(|(name, kind)| columns.row(vec![name.clone(), kind.clone()]));
    columns.write(out, &print::plain)?;
    writeln!(out)?;
    let names = fields.iter().map(|(name, _)| name.as_str()).chain(files.iter().map(|column| column.name));
    let titles: Vec<(&str, Align)> = names.map(|name| (name, Align::Left)).collect();
    for column in &files {
        first.iter_mut().zip(&column.files).for_each(|(row, file)| row.push(file.clone()));
    }
    let mut table = Table::new(&titles);
    first.into_iter().for_each(|row| table.row(row));
    Ok(table.write(out, &print::plain)?)
}

fn first_rows(head: &Head, rows: usize) -> Result<Vec<Vec<String>>, Error> {
    let bad = |error: arrow::error::ArrowError| std::io::Error::other(error.to_string());
    let options = FormatOptions::default();
    let mut first = Vec::new();
    for batch in &head.batches {
        let cells = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let cells: Vec<ArrayFormatter<'_>> = cells.collect::<Result<_, _>>().map_err(bad)?;
        for row in 0..batch.num_rows().min(rows.saturating_sub(first.len())) {
            let cell = |(at, cell): (usize, &ArrayFormatter<'_>)| match batch.column(at).data_type() {
                DataType::Binary | DataType::LargeBinary => "(bytes)".to_owned(),
                _ => short(&cell.value(row).to_string()),
            };
            first.push(cells.iter().enumerate().map(cell).collect());
        }
    }
    Ok(first)
}

/// A cell that fits beside others.
fn short(text: &str) -> String {
    const WIDEST: usize = 40;
    if text.chars().count() <= WIDEST {
        text.to_owned()
    } else {
        text.chars().take(WIDEST).chain("..".chars()).collect()
    }
}

fn write_tensors(path: &Path, as_json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let mut tensors = TensorFile::read_head(path)?.tensors;
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    if as_json {
        let tensors: Vec<Json> =
            tensors.iter().map(|one| json!({ "name": one.name, "type": one.dtype, "shape": one.shape })).collect();
        return Ok(print::json(&json!({ "tensors": tensors }), out)?);
    }
    let mut table = Table::new(&[("Tensor", Align::Left), ("Type", Align::Left), ("Shape", Align::Left)]);
    for one in tensors {
        table.row(vec![one.name, one.dtype, format!("{:?}", one.shape)]);
    }
    Ok(table.write(out, &print::plain)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::table::{Column, write_arrow, write_parquet};

    #[test]
    fn a_table_shows_its_columns_and_first_rows() {
        let folder = tempfile::tempdir().unwrap();
        let columns = || vec![Column::u64("example_id", &[7, 8, 9]), Column::text("split", &["train", "test", "test"])];
        let paths = [folder.path().join("a.parquet"), folder.path().join("a.arrow")];
        write_parquet(&paths[0], columns()).unwrap();
        write_arrow(&paths[1], columns()).unwrap();
        for path in paths {
            let mut out = Vec::new();
            write(&path, 2, true, &mut out).unwrap();
            let json: Json = serde_json::from_slice(&out).unwrap();
            assert_eq!(json["rows"], 3);
            assert_eq!(json["columns"][0], json!({ "name": "example_id", "type": "UInt64" }));
            assert_eq!(json["first"], json!([["7", "train"], ["8", "test"]]));
        }
        assert_eq!(write(Path::new("a.xyz"), 2, true, &mut Vec::new()).unwrap_err().exit().code(), 2);
    }
}
