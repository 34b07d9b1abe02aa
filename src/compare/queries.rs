//! What each query of a stage was given: its answer, and a value for each metric that is a mean over queries.

use std::collections::BTreeMap;

use super::run::Run;
use simpipe_artifact::{ArtifactError, Evaluation, Examples, Matches, PerQuery, read_json};
use simpipe_base::digest::Digest;
use simpipe_metric::Average;
use simpipe_runner::StageRecord;

/// The queries of a stage of a run, in the order of its table.
#[derive(Debug, Default)]
pub struct Queries {
    /// Their examples in the dataset.
    pub id: Vec<u64>,
    /// The digests of their images; empty where `dataset` has to tell them.
    pub digest: Vec<String>,
    /// Their labels.
    pub label: Vec<i32>,
    /// The labels that they were given; `None` for none, or Unknown.
    pub answer: Vec<Option<i32>>,
    /// The digest of the dataset's table: with the same one, the same id is the same image.
    pub dataset: Option<Digest>,
    /// By the metric's name behind the stage's id.
    pub columns: BTreeMap<String, QueryColumn>,
}

/// A value a query, and the mean that is made of them.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryColumn {
    /// The values; `None` for queries that the mean leaves out.
    pub values: Vec<Option<f64>>,
    /// What a query weighs.
    pub average: Average,
}

/// What a mean of the same values may differ by.
const ROUNDING: f64 = 1e-9;

impl Queries {
    /// Reads those of a stage; `None` if its kind leaves none.
    ///
    /// A column whose mean is not the number that the run has is left out: then it is not what that was computed of.
    ///
    /// # Errors
    /// If a file of them is gone or damaged.
    pub fn read(run: &Run, stage: &StageRecord) -> Result<Option<Self>, ArtifactError> {
        let mut queries = match stage.stage.as_str() {
            "evaluate" => of_evaluation(run, stage)?,
            "match" => of_matches(run, stage)?,
            _ => None,
        };
        if let Some(queries) = &mut queries {
            let examples = run.above(&stage.id, "dataset").and_then(|dataset| {
                dataset.files.iter().find(|(name, _)| name.as_str() == "examples.parquet").map(|(_, file)| file.digest)
            });
            queries.dataset = examples;
            let labels = std::mem::take(&mut queries.label);
            queries.columns.retain(|name, column| {
                let told = run.record.metrics.get(&format!("{}.{name}", stage.id));
                let mean = column.average.of(&column.values, &labels);
                told.zip(mean).is_some_and(|(told, mean)| (told - mean).abs() <= ROUNDING)
            });
            queries.label = labels;
        }
        Ok(queries)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// Whether a query was given its own label.
    #[must_use]
    pub fn is_right(&self, query: usize) -> bool {
        self.answer[query] == Some(self.label[query])
    }

    /// The digests of their images, from the dataset where the stage's own table has none.
    ///
    /// # Errors
    /// If the dataset's table is gone or damaged, or lacks a query.
    pub(super) fn digests(&self, run: &Run, stage: &str) -> Result<Vec<String>, ArtifactError> {
        if !self.digest.is_empty() {
            return Ok(self.digest.clone());
        }
        let dataset = run.above(stage, "dataset");
        let path = dataset.map(|dataset| run.file(dataset, "examples.parquet")).transpose()?.flatten();
        let Some(path) = path else { return Ok(Vec::new()) };
        let known = Examples::read(&path)?.digest;
        let of = |id: &u64| usize::try_from(*id).ok().and_then(|id| known.get(id)).cloned();
        let missing = || ArtifactError::malformed(&path, "it lacks a query");
        self.id.iter().map(|id| of(id).ok_or_else(missing)).collect()
    }
}

/// The metric's name without what it says of the average, and that average.
fn averaged(name: &str, usual: Average) -> (&str, Average) {
    match name.rsplit_once('/') {
        Some((name, "macro")) => (name, Average::Macro),
        Some((name, "micro")) => (name, Average::Micro),
        _ => (name, usual),
    }
}

fn of_evaluation(run: &Run, stage: &StageRecord) -> Result<Option<Queries>, ArtifactError> {
    let (Some(info), Some(table)) = (run.file(stage, Evaluation::FILE)?, run.file(stage, PerQuery::FILE)?) else {
        return Ok(None);
    };
    let info: Evaluation = read_json(&info)?;
    let table = PerQuery::read_metrics(&table)?;
    let usual = if info.average == "macro" { Average::Macro } else { Average::Micro };
    let values: BTreeMap<&str, &Vec<Option<f64>>> =
        table.metrics.iter().map(|(name, values)| (name.as_str(), values)).collect();
    let again = info.rerank.iter().flat_map(|rerank| rerank.metrics.keys()).map(|name| format!("reranked.{name}"));
    let names = info.metrics.keys().cloned().chain(again);
    let columns = names.filter_map(|name| {
        let (plain, average) = averaged(&name, usual);
        let values = (*values.get(plain)?).clone();
        Some((name, QueryColumn { values, average }))
    });
    let columns = columns.collect();
    let PerQuery { query_id, digest, label, nearest_label, .. } = table;
    Ok(Some(Queries { id: query_id, digest, label, answer: nearest_label, dataset: None, columns }))
}

fn of_matches(run: &Run, stage: &StageRecord) -> Result<Option<Queries>, ArtifactError> {
    let Some(table) = run.file(stage, "matches.parquet")? else { return Ok(None) };
    let rows = Matches::read(&table)?.0;
    let share = |is: &dyn Fn(&simpipe_artifact::MatchRow) -> bool| QueryColumn {
        values: rows.iter().map(|row| Some(if is(row) { 1.0 } else { 0.0 })).collect(),
        average: Average::Micro,
    };
    let mut columns = BTreeMap::from([
        ("accuracy".to_owned(), share(&|row| row.matched && row.predicted == Some(row.label))),
        ("matched".to_owned(), share(&|row| row.matched)),
        ("unknown".to_owned(), share(&|row| !row.matched)),
    ]);
    // A query that has nothing to find is left out of these: which those are, the table does not say.
    let lone = run.record.metrics.get(&format!("{}.lone", stage.id));
    if lone.is_some_and(|lone| *lone == 0.0) {
        let found = |row: &simpipe_artifact::MatchRow, first: usize| {
            row.neighbours.iter().take(first).any(|neighbour| neighbour.label == row.label)
        };
        let kept = rows.iter().map(|row| row.neighbours.len()).max().unwrap_or(0);
        columns.insert("precision@1".to_owned(), share(&|row| found(row, 1)));
        columns.extend([1, kept].map(|first| (format!("recall@{first}"), share(&|row| found(row, first)))));
    }
    Ok(Some(Queries {
        id: rows.iter().map(|row| row.query_id).collect(),
        label: rows.iter().map(|row| row.label).collect(),
        answer: rows.iter().map(|row| row.predicted.filter(|_| row.matched)).collect(),
        columns,
        ..Queries::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_average_or_takes_the_usual_one() {
        assert_eq!(averaged("recall@1/macro", Average::Micro), ("recall@1", Average::Macro));
        assert_eq!(averaged("reranked.map@r", Average::Macro), ("reranked.map@r", Average::Macro));
        assert_eq!(averaged("a/b", Average::Micro), ("a/b", Average::Micro));
    }
}
