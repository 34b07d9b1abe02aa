//! `history.parquet`: the loss of every step.

use std::path::Path;

use arrow::array::Float64Array;

use super::ArtifactError;
use super::table::{Column, Columns, write_parquet};

/// One training step.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// From 1.
    pub epoch: u32,
    /// From 1, counted over all epochs.
    pub step: u64,
    /// Mean loss of the batch.
    pub loss: f64,
    /// Mean loss over the validation batches; at the last step of an epoch only.
    pub val_loss: Option<f64>,
    /// The step size.
    pub learning_rate: f64,
}

/// All steps in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History(pub Vec<HistoryRow>);

impl History {
    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let rows = &self.0;
        let of = |pick: fn(&HistoryRow) -> f64| rows.iter().map(pick).collect::<Vec<f64>>();
        write_parquet(
            path,
            vec![
                Column::u32("epoch", &rows.iter().map(|row| row.epoch).collect::<Vec<u32>>()),
                Column::u64("step", &rows.iter().map(|row| row.step).collect::<Vec<u64>>()),
                Column::f64("loss", &of(|row| row.loss)),
                Column::nullable("val_loss", rows.iter().map(|row| row.val_loss).collect::<Float64Array>()),
                Column::f64("learning_rate", &of(|row| row.learning_rate)),
            ],
        )
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let (epoch, step, loss) = (columns.u32("epoch")?, columns.u64("step")?, columns.f64("loss")?);
        let (val_loss, learning_rate) = (columns.optional_f64("val_loss")?, columns.f64("learning_rate")?);
        let row = |at: usize| HistoryRow {
            epoch: epoch[at],
            step: step[at],
            loss: loss[at],
            val_loss: val_loss[at],
            learning_rate: learning_rate[at],
        };
        Ok(Self((0..epoch.len()).map(row).collect()))
    }
}
