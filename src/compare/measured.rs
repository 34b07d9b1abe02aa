//! A run with what it measured of each query.

use std::collections::BTreeMap;

use super::queries::{Queries, QueryColumn};
use super::run::Run;
use simpipe_artifact::ArtifactError;

/// A run with the values of its queries, by stage.
#[derive(Debug)]
pub struct Measured {
    /// The run.
    pub run: Run,
    /// Of stages that leave a value a query.
    pub queries: BTreeMap<String, Queries>,
    /// Stages whose values can't be read, each with why.
    pub lost: BTreeMap<String, ArtifactError>,
}

impl Measured {
    /// Reads the values of the queries of every stage that has some. A group has none of its own.
    ///
    /// # Errors
    /// If a file of them is gone or damaged.
    pub fn read(run: Run) -> Result<Self, ArtifactError> {
        let mut found = Self::as_far_as_there(run);
        found.lost.pop_first().map_or(Ok(found), |(_, error)| Err(error))
    }

    /// As [`Self::read`], but without what is gone or damaged.
    #[must_use]
    pub fn as_far_as_there(run: Run) -> Self {
        let (mut queries, mut lost) = (BTreeMap::new(), BTreeMap::new());
        let done = run.record.stages.iter().filter(|stage| stage.outcome.done() && !run.record.is_group());
        for stage in done {
            match Queries::read(&run, stage) {
                Ok(read) => queries.extend(read.map(|read| (stage.id.clone(), read))),
                Err(error) => drop(lost.insert(stage.id.clone(), error)),
            }
        }
        Self { run, queries, lost }
    }

    /// What a number of a run is computed of: the stage's queries, and their column.
    #[must_use]
    pub fn column(&self, metric: &str) -> Option<(&Queries, &QueryColumn)> {
        let (id, name) = metric.split_once('.')?;
        let queries = self.queries.get(id)?;
        Some((queries, queries.columns.get(name)?))
    }
}
