//! `trials.parquet` and `importance.parquet`: the same for programs that read tables.

use std::path::Path;

use arrow::array::{BooleanArray, Float64Array, StringArray, UInt32Array, UInt64Array};

use super::{SweepImportance, SweepReport, SweepTrial, SweepValue, SweepValues};
use crate::ArtifactError;
use crate::table::{Column, write_parquet};

impl SweepReport {
    /// The table of all trials: `objective.METRIC` with its interval, `own.METRIC` over its own seeds alone,
    /// `parameter.PATH`. Rungs are in it (`rung`, `epochs`, `promoted`), and slices are two of its columns.
    pub const TRIALS: &'static str = "trials.parquet";
    /// The table of importances, a row for each objective and parameter.
    pub const IMPORTANCE: &'static str = "importance.parquet";

    /// Writes the tables into a folder.
    ///
    /// # Errors
    /// If one can't be written.
    pub fn write_tables(&self, folder: &Path) -> Result<(), ArtifactError> {
        write_parquet(&folder.join(Self::TRIALS), self.trial_columns())?;
        write_parquet(&folder.join(Self::IMPORTANCE), self.importance_columns())
    }

    fn trial_columns(&self) -> Vec<Column> {
        let number = |of: fn(&SweepTrial) -> Option<usize>| {
            self.trials.iter().map(|trial| of(trial).map(|number| number as u64)).collect::<UInt64Array>()
        };
        let mut columns = vec![
            Column::new("trial", number(|trial| Some(trial.trial))),
            Column::text("state", &self.trials.iter().map(|trial| trial.state.word()).collect::<Vec<_>>()),
            Column::nullable("rank", number(|trial| trial.rank)),
            Column::nullable("kept", self.trials.iter().map(|trial| trial.kept).collect::<BooleanArray>()),
            Column::nullable("again", number(|trial| trial.again)),
            Column::nullable("further", number(|trial| trial.further)),
            Column::new("rung", number(|trial| Some(trial.rung))),
            Column::nullable("epochs", self.trials.iter().map(|trial| trial.epochs).collect::<UInt32Array>()),
            Column::bool("promoted", &self.trials.iter().map(|trial| trial.promoted).collect::<Vec<_>>()),
            Column::new("runs", number(|trial| Some(trial.runs))),
        ];
        columns.extend((0..self.objectives.len()).flat_map(|at| self.objective_columns(at)));
        columns.extend((0..self.parameters.len()).map(|at| self.parameter_column(at)));
        let seconds = self.trials.iter().map(|trial| trial.seconds).collect::<Float64Array>();
        let reasons = self.trials.iter().map(|trial| trial.reason.as_deref()).collect::<StringArray>();
        columns.extend([Column::nullable("seconds", seconds), Column::nullable("reason", reasons)]);
        columns
    }

    fn objective_columns(&self, at: usize) -> [Column; 5] {
        let metric = &self.objectives[at].metric;
        let values = || self.trials.iter().map(move |trial| trial.values.get(at).and_then(Option::as_ref));
        let numbers = |of: fn(&SweepValue) -> Option<f64>| values().map(|value| value.and_then(of)).collect();
        let part = |end: &str, values: Float64Array| Column::nullable(format!("objective.{metric}{end}"), values);
        let kinds = values().map(|value| value.and_then(|value| value.interval).map(super::SweepInterval::word));
        let own = self.trials.iter().map(|trial| trial.own.get(at).copied().flatten());
        [
            part("", numbers(|value| Some(value.mean))),
            part(".low", numbers(|value| value.low)),
            part(".high", numbers(|value| value.high)),
            Column::nullable(format!("objective.{metric}.interval"), kinds.collect::<StringArray>()),
            Column::nullable(format!("own.{metric}"), own.collect::<Float64Array>()),
        ]
    }

    /// Numbers of a range, names of a list.
    fn parameter_column(&self, at: usize) -> Column {
        let parameter = &self.parameters[at];
        let name = format!("parameter.{}", parameter.path);
        let values = self.trials.iter().map(|trial| trial.at.get(at).copied().flatten());
        match &parameter.values {
            SweepValues::Range { .. } => Column::nullable(name, values.collect::<Float64Array>()),
            SweepValues::List(items) => {
                let item = |value: f64| items.get(value as usize).map(String::as_str);
                Column::nullable(name, values.map(|value| value.and_then(item)).collect::<StringArray>())
            }
        }
    }

    fn importance_columns(&self) -> Vec<Column> {
        type Row<'a> = (&'a SweepImportance, &'a str, f64);
        let of_objective = |found: &'_ SweepImportance| -> Vec<(String, f64)> {
            let paths = self.parameters.iter().map(|parameter| parameter.path.clone());
            let shares = paths.zip(found.shares.iter().copied());
            shares.chain(found.interactions.map(|share| ("interactions".to_owned(), share))).collect()
        };
        let all: Vec<(&SweepImportance, Vec<(String, f64)>)> =
            self.importance.iter().map(|found| (found, of_objective(found))).collect();
        let rows: Vec<Row<'_>> = all
            .iter()
            .flat_map(|(found, shares)| shares.iter().map(|(name, share)| (*found, name.as_str(), *share)))
            .collect();
        vec![
            Column::text("objective", &rows.iter().map(|(found, ..)| found.metric.as_str()).collect::<Vec<_>>()),
            Column::text("parameter", &rows.iter().map(|(_, name, _)| *name).collect::<Vec<_>>()),
            Column::f64("share", &rows.iter().map(|(.., share)| *share).collect::<Vec<_>>()),
            Column::nullable("r2", rows.iter().map(|(found, ..)| found.r2).collect::<Float64Array>()),
            Column::u64("trials", &rows.iter().map(|(found, ..)| found.trials as u64).collect::<Vec<_>>()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SweepInterval, SweepObjective, SweepParameter, SweepState};
    use super::*;
    use crate::table::Columns;

    fn report() -> SweepReport {
        let range = SweepValues::Range { low: 0.0, high: 1.0, log: false, integer: false };
        let parameter =
            |path: &str, values: SweepValues| SweepParameter { path: path.to_owned(), values, under: None, own: None };
        let value = SweepValue { mean: 0.5, low: Some(0.4), high: Some(0.6), interval: Some(SweepInterval::Seeds) };
        let trial = SweepTrial {
            state: SweepState::Finished,
            rank: Some(1),
            runs: 3,
            values: vec![Some(value)],
            own: vec![Some(0.45)],
            at: vec![Some(0.25), Some(1.0)],
            ..SweepTrial::default()
        };
        let failed = SweepTrial {
            trial: 1,
            state: SweepState::Failed,
            values: vec![None],
            own: vec![None],
            at: vec![None, Some(7.0)],
            reason: Some("no".to_owned()),
            ..SweepTrial::default()
        };
        SweepReport {
            objectives: vec![SweepObjective { metric: "train.loss".to_owned(), ..SweepObjective::default() }],
            parameters: vec![
                parameter("train.loss", range),
                parameter("a.b", SweepValues::List(vec!["x".to_owned(), "y".to_owned()])),
            ],
            trials: vec![trial, failed],
            importance: vec![SweepImportance {
                metric: "train.loss".to_owned(),
                trials: 20,
                r2: Some(0.5),
                shares: vec![0.75, 0.125],
                interactions: Some(0.125),
                ..SweepImportance::default()
            }],
            ..SweepReport::default()
        }
    }

    #[test]
    fn tables_hold_what_the_page_shows() {
        let folder = tempfile::tempdir().unwrap();
        report().write_tables(folder.path()).unwrap();
        let trials = Columns::read_parquet(&folder.path().join(SweepReport::TRIALS), None).unwrap();
        // A parameter and an objective may have one name.
        assert_eq!(trials.optional_f64("objective.train.loss").unwrap(), [Some(0.5), None]);
        assert_eq!(trials.optional_f64("objective.train.loss.low").unwrap(), [Some(0.4), None]);
        assert_eq!(trials.optional_f64("own.train.loss").unwrap(), [Some(0.45), None]);
        assert_eq!(trials.optional_f64("parameter.train.loss").unwrap(), [Some(0.25), None]);
        assert_eq!(trials.pieces("parameter.a.b").unwrap()[0].null_count(), 1, "an item that is not in the list");
        let importance = Columns::read_parquet(&folder.path().join(SweepReport::IMPORTANCE), None).unwrap();
        assert_eq!(importance.text("parameter").unwrap(), ["train.loss", "a.b", "interactions"]);
        assert_eq!(importance.f64("share").unwrap(), [0.75, 0.125, 0.125]);
    }

    #[test]
    fn a_sweep_without_a_trial_has_tables_too() {
        let folder = tempfile::tempdir().unwrap();
        SweepReport::default().write_tables(folder.path()).unwrap();
        let path = folder.path().join(SweepReport::IMPORTANCE);
        assert_eq!(Columns::read_parquet(&path, None).unwrap().rows(), 0);
    }
}
