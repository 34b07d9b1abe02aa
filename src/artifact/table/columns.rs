//! The columns of a file that was read.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, UInt32Type, UInt64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::ROW_GROUP;
use super::mapped::mapped_batches;
use crate::ArtifactError;
use crate::parts::mapped;

/// The columns of a file that was read whole.
pub struct Columns {
    path: PathBuf,
    batches: Vec<RecordBatch>,
}

impl Columns {
    /// Reads columns of a Parquet file: those named, or all.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_parquet(path: &Path, names: Option<&[&str]>) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| ArtifactError::malformed(path, error))?;
        let mask = names.map_or_else(ProjectionMask::all, |names| {
            ProjectionMask::columns(builder.parquet_schema(), names.iter().copied())
        });
        let reader = builder
            .with_projection(mask)
            .with_batch_size(ROW_GROUP)
            .build()
            .map_err(|error| ArtifactError::malformed(path, error))?;
        let batches = reader.collect::<Result<_, _>>().map_err(|error| ArtifactError::malformed(path, error))?;
        Ok(Self { path: path.to_path_buf(), batches })
    }

    /// Hands the columns of a Parquet file to `take` a row group after the other, so that only one is in memory.
    ///
    /// # Errors
    /// If the file can't be read, and those of `take`.
    pub fn each_of_parquet(
        path: &Path,
        mut take: impl FnMut(&Self) -> Result<(), ArtifactError>,
    ) -> Result<(), ArtifactError> {
        let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let reader = builder.and_then(|builder| builder.with_batch_size(ROW_GROUP).build());
        for batch in reader.map_err(|error| ArtifactError::malformed(path, error))? {
            let batch = batch.map_err(|error| ArtifactError::malformed(path, error))?;
            take(&Self { path: path.to_path_buf(), batches: vec![batch] })?;
        }
        Ok(())
    }

    /// Reads an Arrow IPC file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_arrow(path: &Path) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
        let reader = arrow::ipc::reader::FileReader::try_new(std::io::BufReader::new(file), None)
            .map_err(|error| ArtifactError::malformed(path, error))?;
        let batches = reader.collect::<Result<_, _>>().map_err(|error| ArtifactError::malformed(path, error))?;
        Ok(Self { path: path.to_path_buf(), batches })
    }

    /// Opens an Arrow IPC file by mapping: columns of numbers are read when they are looked at, those of text are checked. Of
    /// columns that are not named nothing is looked at.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn map_arrow(path: &Path, names: Option<&[&str]>) -> Result<Self, ArtifactError> {
        let batches = mapped_batches(&mapped(path)?, names).map_err(|error| ArtifactError::malformed(path, error))?;
        Ok(Self { path: path.to_path_buf(), batches })
    }

    /// Column names in the file's order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.batches
            .first()
            .map_or_else(Vec::new, |batch| batch.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    /// Rows in the file.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The pieces of a column.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn pieces(&self, name: &str) -> Result<Vec<ArrayRef>, ArtifactError> {
        self.batches.iter().map(|batch| batch.column_by_name(name).cloned().ok_or_else(|| self.missing(name))).collect()
    }

    fn missing(&self, name: &str) -> ArtifactError {
        ArtifactError::malformed(&self.path, format!("there is no column `{name}` of the expected type"))
    }

    fn primitive<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<PrimitiveArray<T>>, ArtifactError> {
        let typed = |piece: &ArrayRef| piece.as_primitive_opt::<T>().cloned().ok_or_else(|| self.missing(name));
        self.pieces(name)?.iter().map(typed).collect()
    }

    fn values<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<T::Native>, ArtifactError> {
        // One copy of each piece: an index is opened by these.
        let pieces = self.primitive::<T>(name)?;
        Ok(pieces.iter().map(|piece| &piece.values()[..]).collect::<Vec<_>>().concat())
    }

    /// A column of `u64`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn u64(&self, name: &str) -> Result<Vec<u64>, ArtifactError> {
        self.values::<UInt64Type>(name)
    }

    /// A column of `u32`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn u32(&self, name: &str) -> Result<Vec<u32>, ArtifactError> {
        self.values::<UInt32Type>(name)
    }

    /// A column of `i32`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn i32(&self, name: &str) -> Result<Vec<i32>, ArtifactError> {
        self.values::<Int32Type>(name)
    }

    /// A column of `f32`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn f32(&self, name: &str) -> Result<Vec<f32>, ArtifactError> {
        self.values::<Float32Type>(name)
    }

    /// A column of `f64`.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn f64(&self, name: &str) -> Result<Vec<f64>, ArtifactError> {
        self.values::<Float64Type>(name)
    }

    /// A column of `i32` with missing values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn optional_i32(&self, name: &str) -> Result<Vec<Option<i32>>, ArtifactError> {
        Ok(self.primitive::<Int32Type>(name)?.iter().flatten().collect())
    }

    /// A column of `f64` with missing values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn optional_f64(&self, name: &str) -> Result<Vec<Option<f64>>, ArtifactError> {
        Ok(self.primitive::<Float64Type>(name)?.iter().flatten().collect())
    }

    /// A column of truth values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn bool(&self, name: &str) -> Result<Vec<bool>, ArtifactError> {
        let mut values = Vec::with_capacity(self.rows());
        for piece in self.pieces(name)? {
            let piece = piece.as_boolean_opt().ok_or_else(|| self.missing(name))?;
            values.extend((0..piece.len()).map(|row| piece.value(row)));
        }
        Ok(values)
    }

    /// A column of text.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn text(&self, name: &str) -> Result<Vec<String>, ArtifactError> {
        let mut values = Vec::with_capacity(self.rows());
        for piece in self.pieces(name)? {
            let piece = piece.as_string_opt::<i32>().ok_or_else(|| self.missing(name))?;
            values.extend((0..piece.len()).map(|row| piece.value(row).to_owned()));
        }
        Ok(values)
    }

    /// A column of text with missing values.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn optional_text(&self, name: &str) -> Result<Vec<Option<String>>, ArtifactError> {
        let mut values = Vec::with_capacity(self.rows());
        for piece in self.pieces(name)? {
            let piece = piece.as_string_opt::<i32>().ok_or_else(|| self.missing(name))?;
            values.extend(piece.iter().map(|text| text.map(str::to_owned)));
        }
        Ok(values)
    }

    /// A column of vectors, as the file has it in memory, and their length (0 if there are no rows).
    ///
    /// # Errors
    /// If there is no such column.
    pub fn shared_vectors(&self, name: &str) -> Result<(ScalarBuffer<f32>, usize), ArtifactError> {
        let pieces = self.pieces(name)?;
        let [piece] = pieces.as_slice() else {
            let (values, dim) = self.vectors(name)?;
            return Ok((values.into(), dim));
        };
        let list = piece.as_fixed_size_list_opt().ok_or_else(|| self.missing(name))?;
        let floats = list.values().as_primitive_opt::<Float32Type>().ok_or_else(|| self.missing(name))?;
        Ok((floats.values().clone(), usize::try_from(list.value_length()).unwrap_or(0)))
    }

    /// A column of vectors, row after row, and their length (0 if there are no rows).
    ///
    /// # Errors
    /// If there is no such column.
    pub fn vectors(&self, name: &str) -> Result<(Vec<f32>, usize), ArtifactError> {
        let (mut values, mut dim) = (Vec::new(), 0);
        for piece in self.pieces(name)? {
            let list = piece.as_fixed_size_list_opt().ok_or_else(|| self.missing(name))?;
            dim = usize::try_from(list.value_length()).unwrap_or(0);
            let floats = list.values().as_primitive_opt::<Float32Type>().ok_or_else(|| self.missing(name))?;
            values.extend_from_slice(floats.values());
        }
        Ok((values, dim))
    }
}
