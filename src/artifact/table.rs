//! Parquet and Arrow IPC files: columns in, columns out.
//!
//! Every writer here gives the same bytes for the same columns: no statistics of the machine, no dates.

mod column;
mod columns;
mod mapped;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

pub use self::column::Column;
pub use self::columns::Columns;
use super::ArtifactError;

/// Rows of a Parquet row group: enough to compress well, few enough to hold a batch of images in memory.
pub const ROW_GROUP: usize = 8192;

fn batch(path: &Path, columns: Vec<Column>) -> Result<RecordBatch, ArtifactError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| Field::new(&column.name, column.values.data_type().clone(), column.nullable))
        .collect();
    let values = columns.into_iter().map(|column| column.values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).map_err(|error| ArtifactError::malformed(path, error))
}

/// Writes a Parquet file in pieces.
pub struct ParquetWriter {
    path: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

impl ParquetWriter {
    /// A writer that creates the file with its first piece.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), writer: None }
    }

    /// Appends rows; every piece must have the same columns.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn append(&mut self, columns: Vec<Column>) -> Result<(), ArtifactError> {
        let batch = batch(&self.path, columns)?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(open_writer(&self.path, batch.schema())?),
        };
        writer.write(&batch).map_err(|error| ArtifactError::unwritten(&self.path, error))
    }

    /// Ends the row group that the next piece would go on with: its columns are held in memory until then.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn end_row_group(&mut self) -> Result<(), ArtifactError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.flush().map_err(|error| ArtifactError::unwritten(&self.path, error))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn finish(self) -> Result<(), ArtifactError> {
        if let Some(writer) = self.writer {
            writer.close().map_err(|error| ArtifactError::unwritten(&self.path, error))?;
        }
        Ok(())
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("simpipe".to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build()
}

fn open_writer(path: &Path, schema: SchemaRef) -> Result<ArrowWriter<File>, ArtifactError> {
    let file = File::create(path).map_err(|error| ArtifactError::io("create", path, error))?;
    ArrowWriter::try_new(file, schema, Some(properties())).map_err(|error| ArtifactError::unwritten(path, error))
}

/// A whole Parquet file, which errors call by `path`.
///
/// # Errors
/// If the columns don't belong together.
pub fn parquet_bytes(path: &Path, columns: Vec<Column>) -> Result<Vec<u8>, ArtifactError> {
    let batch = batch(path, columns)?;
    let bad = |error| ArtifactError::unwritten(path, error);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties())).map_err(bad)?;
    writer.write(&batch).map_err(bad)?;
    writer.into_inner().map_err(bad)
}

/// A whole Arrow IPC file, which errors call by `path`.
///
/// # Errors
/// If the columns don't belong together.
pub fn arrow_bytes(path: &Path, columns: Vec<Column>) -> Result<Vec<u8>, ArtifactError> {
    let batch = batch(path, columns)?;
    let bad = |error| ArtifactError::unwritten(path, error);
    let mut writer = arrow::ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).map_err(bad)?;
    writer.write(&batch).map_err(bad)?;
    writer.into_inner().map_err(bad)
}

/// Writes a whole Parquet file.
///
/// # Errors
/// If the file can't be written.
pub fn write_parquet(path: &Path, columns: Vec<Column>) -> Result<(), ArtifactError> {
    let mut writer = ParquetWriter::new(path);
    writer.append(columns)?;
    writer.finish()
}

/// Writes a whole Arrow IPC file.
///
/// # Errors
/// If the file can't be written.
pub fn write_arrow(path: &Path, columns: Vec<Column>) -> Result<(), ArtifactError> {
    let batch = batch(path, columns)?;
    let file = File::create(path).map_err(|error| ArtifactError::io("create", path, error))?;
    let bad = |error| ArtifactError::unwritten(path, error);
    let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &batch.schema()).map_err(bad)?;
    writer.write(&batch).map_err(bad)?;
    writer.finish().map_err(bad)
}

/// The names of a Parquet file's columns: nothing but its schema is read.
///
/// # Errors
/// If the file can't be read.
pub fn parquet_names(path: &Path) -> Result<Vec<String>, ArtifactError> {
    let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| ArtifactError::malformed(path, error))?;
    Ok(builder.schema().fields().iter().map(|field| field.name().clone()).collect())
}

/// How many rows a Parquet file says that it has.
///
/// # Errors
/// If the file can't be read.
pub fn parquet_rows(path: &Path) -> Result<usize, ArtifactError> {
    let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| ArtifactError::malformed(path, error))?;
    let rows = builder.metadata().file_metadata().num_rows();
    usize::try_from(rows).map_err(|_| ArtifactError::malformed(path, "it has less than no rows"))
}
