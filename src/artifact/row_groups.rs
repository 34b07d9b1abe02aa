//! A Parquet file read one row group at a time, and only those that are needed: for columns too large to hold.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::ArtifactError;
use super::table::{Columns, ROW_GROUP};

/// A file and what its footer says.
pub(super) struct RowGroups {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
}

impl RowGroups {
    /// Opens a file, to read these columns of it.
    ///
    /// # Errors
    /// If it is no Parquet file.
    pub(super) fn open(path: &Path, names: &[&str]) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(|error| ArtifactError::io("read", path, error))?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|error| ArtifactError::malformed(path, error))?;
        let mask = ProjectionMask::columns(metadata.parquet_schema(), names.iter().copied());
        Ok(Self { path: path.to_path_buf(), file, metadata, mask })
    }

    /// Rows of each group.
    #[must_use]
    pub(super) fn lengths(&self) -> Vec<usize> {
        let rows = |group: &parquet::file::metadata::RowGroupMetaData| usize::try_from(group.num_rows()).unwrap_or(0);
        self.metadata.metadata().row_groups().iter().map(rows).collect()
    }

    /// The columns of one group.
    ///
    /// # Errors
    /// If the file is damaged.
    pub(super) fn read(&self, group: usize) -> Result<Columns, ArtifactError> {
        let malformed = |error: &dyn std::fmt::Display| ArtifactError::malformed(&self.path, error.to_string());
        let file = self.file.try_clone().map_err(|error| ArtifactError::io("read", &self.path, error))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(self.mask.clone())
            .with_row_groups(vec![group])
            .with_batch_size(ROW_GROUP)
            .build()
            .map_err(|error| malformed(&error))?;
        let batches = reader.collect::<Result<_, _>>().map_err(|error| malformed(&error))?;
        Ok(Columns::new(&self.path, batches))
    }
}
