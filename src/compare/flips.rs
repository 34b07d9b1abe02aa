//! Images whose answer flipped: right in one run and wrong in the other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::measured::Measured;
use super::pair::pair;
use super::queries::Queries;
use super::run::Run;
use simpipe_artifact::ArtifactError;
use simpipe_artifact::table::Columns;

/// An image that one run knows and the other does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// The query's example in the first run's dataset.
    pub query_id: u64,
    /// What it is: its class.
    pub label: String,
    /// What the first run took it for; `null` for nothing.
    pub before: Option<String>,
    /// What the second run took it for.
    pub after: Option<String>,
    /// Whether the second run is right.
    pub fixed: bool,
    /// The file that the image came from, where the dataset says it.
    pub file: Option<String>,
}

/// The flips of a stage that both runs have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flips {
    /// The stage's id.
    pub stage: String,
    /// Queries of both runs; 0 where they can't be paired.
    pub queries: usize,
    /// Queries that the second run alone has right.
    pub fixed: usize,
    /// Queries that the first run alone has right.
    pub broken: usize,
    /// All of them, in the order of the first run's table.
    pub images: Vec<Flip>,
    /// Why there are none to be told.
    pub why: Option<String>,
}

/// The flips of every stage that leaves an answer a query in both runs.
///
/// # Errors
/// If a table of a dataset that is needed is gone or damaged.
pub(super) fn flips(old: &Measured, new: &Measured) -> Result<Vec<Flips>, ArtifactError> {
    let both = old.queries.iter().filter_map(|(id, queries)| Some((id, queries, new.queries.get(id)?)));
    both.map(|(id, queries, others)| of_stage(id, (&old.run, queries), (&new.run, others))).collect()
}

fn of_stage(
    stage: &str,
    (run, queries): (&Run, &Queries),
    (other_run, others): (&Run, &Queries),
) -> Result<Flips, ArtifactError> {
    let mut found = Flips { stage: stage.to_owned(), queries: 0, fixed: 0, broken: 0, images: Vec::new(), why: None };
    let order = match pair(stage, (run, queries), (other_run, others))? {
        Ok(order) => order,
        Err(unpaired) => {
            found.why = Some(unpaired.to_string());
            return Ok(found);
        }
    };
    found.queries = order.len();
    let flipped: Vec<(usize, usize)> = order
        .into_iter()
        .enumerate()
        .filter(|(one, other)| queries.is_right(*one) != others.is_right(*other))
        .collect();
    if flipped.is_empty() {
        return Ok(found);
    }
    let (classes, other_classes) = (run.classes(stage), other_run.classes(stage));
    let files = files(run, stage);
    for (one, other) in flipped {
        let fixed = others.is_right(other);
        if fixed {
            found.fixed += 1
        } else {
            found.broken += 1
        }
        found.images.push(Flip {
            query_id: queries.id[one],
            label: class(&classes, queries.label[one]),
            before: queries.answer[one].map(|label| class(&classes, label)),
            after: others.answer[other].map(|label| class(&other_classes, label)),
            fixed,
            file: files.get(&queries.id[one]).cloned(),
        });
    }
    Ok(found)
}

/// A class by its name, or its label where that is not known.
fn class(classes: &[String], label: i32) -> String {
    let name = usize::try_from(label).ok().and_then(|at| classes.get(at));
    name.cloned().unwrap_or_else(|| label.to_string())
}

/// The file of each example, where the dataset has a table of them.
fn files(run: &Run, stage: &str) -> BTreeMap<u64, String> {
    let read = || -> Option<BTreeMap<u64, String>> {
        let path = run.file(run.above(stage, "dataset")?, "sources.parquet").ok()??;
        let columns = Columns::read_parquet(&path, Some(&["example_id", "path"])).ok()?;
        Some(columns.u64("example_id").ok()?.into_iter().zip(columns.text("path").ok()?).collect())
    };
    read().unwrap_or_default()
}
