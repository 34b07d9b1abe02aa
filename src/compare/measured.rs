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
}

impl Measured {
    /// Reads the values of the queries of every stage that has some. A group has none of its own.
    ///
    /// # Errors
    /// If a file of them is gone or damaged.
    pub fn read(run: Run) -> Result<Self, ArtifactError> {
        let mut queries = BTreeMap::new();
        if !run.record.is_group() {
            for stage in run.record.stages.iter().filter(|stage| stage.outcome.done()) {
                if let Some(read) = Queries::read(&run, stage)? {
                    queries.insert(stage.id.clone(), read);
                }
            }
        }
        Ok(Self { run, queries })
    }

    /// What a number of a run is computed of: the stage's queries, and their column.
    #[must_use]
    pub fn column(&self, metric: &str) -> Option<(&Queries, &QueryColumn)> {
        let (id, name) = metric.split_once('.')?;
        let queries = self.queries.get(id)?;
        Some((queries, queries.columns.get(name)?))
    }
}
