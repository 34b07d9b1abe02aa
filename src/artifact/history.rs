//! `history.parquet`: the loss of every step, and all else that was measured on the way.

use std::collections::{BTreeMap, BTreeSet};
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
    /// What else was measured at this step, by name: what the loss shows of itself, and at the last step of an epoch
    /// figures of the validation pool, such as `recall@1`. Each name is a column.
    pub logged: BTreeMap<String, f64>,
}

/// Steps whose mean loss is the loss of a training.
pub const RECENT_STEPS: usize = 100;

/// Columns that every history has.
const FIXED: [&str; 5] = ["epoch", "step", "loss", "val_loss", "learning_rate"];

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
        let mut columns = vec![
            Column::u32("epoch", &rows.iter().map(|row| row.epoch).collect::<Vec<u32>>()),
            Column::u64("step", &rows.iter().map(|row| row.step).collect::<Vec<u64>>()),
            Column::f64("loss", &of(|row| row.loss)),
            Column::nullable("val_loss", rows.iter().map(|row| row.val_loss).collect::<Float64Array>()),
            Column::f64("learning_rate", &of(|row| row.learning_rate)),
        ];
        let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.logged.keys()).collect();
        for name in names.into_iter().filter(|name| !FIXED.contains(&name.as_str())) {
            let values: Float64Array = rows.iter().map(|row| row.logged.get(name).copied()).collect();
            columns.push(Column::nullable(name.as_str(), values));
        }
        write_parquet(path, columns)
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let (epoch, step, loss) = (columns.u32("epoch")?, columns.u64("step")?, columns.f64("loss")?);
        let (val_loss, learning_rate) = (columns.optional_f64("val_loss")?, columns.f64("learning_rate")?);
        let others = columns.names().into_iter().filter(|name| !FIXED.contains(&name.as_str()));
        let others = others.map(|name| Ok((columns.optional_f64(&name)?, name)));
        let others = others.collect::<Result<Vec<_>, ArtifactError>>()?;
        let logged = |at: usize| others.iter().filter_map(|(values, name)| Some((name.clone(), values[at]?))).collect();
        let row = |at: usize| HistoryRow {
            epoch: epoch[at],
            step: step[at],
            loss: loss[at],
            val_loss: val_loss[at],
            learning_rate: learning_rate[at],
            logged: logged(at),
        };
        Ok(Self((0..epoch.len()).map(row).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_logged_comes_back_where_it_was() {
        let row = |step: u64, logged: &[(&str, f64)]| HistoryRow {
            epoch: 1,
            step,
            loss: 0.5,
            val_loss: None,
            learning_rate: 0.1,
            logged: logged.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.parquet");
        for history in [
            History(vec![row(1, &[]), row(2, &[])]),
            History(vec![
                row(1, &[("hard-pairs", 3.0)]),
                row(2, &[("hard-pairs", 4.0), ("recall@1", 0.25)]),
                row(3, &[]),
            ]),
        ] {
            history.write(&path).unwrap();
            assert_eq!(History::read(&path).unwrap(), history);
        }
    }
}
