//! The tables of an evaluation: what each query and each class has.

use std::collections::BTreeMap;

use super::lookup::{Lookup, Retrieved};
use super::rerank::unmeasured;
use simpipe_artifact::{Embeddings, IndexRows, PerClass, PerQuery};
use simpipe_metric::statistics::{Bootstrap, Column};
use simpipe_metric::{Average, RetrievalMetric};
use simpipe_stage::StageError;

/// A column a metric, by its name in tables: a value a query.
pub(super) type MetricColumns = Vec<(String, Vec<Option<f64>>)>;

/// The values of queries, those after re-ranking behind the others as `reranked.NAME`.
pub(super) fn columns(
    metrics: &[RetrievalMetric],
    found: &[Retrieved],
    again: Option<&[Vec<Option<f64>>]>,
) -> MetricColumns {
    let name = |metric: &RetrievalMetric| metric.name().replace('-', "_");
    let before = metrics.iter().enumerate().map(|(at, metric)| {
        let values = found.iter().map(|found| found.values[at]).collect();
        (name(metric), values)
    });
    let after = again.into_iter().flat_map(|again| {
        let column = |at: usize| again.iter().map(|values| values[at]).collect();
        metrics.iter().enumerate().map(move |(at, metric)| (format!("reranked.{}", name(metric)), column(at)))
    });
    before.chain(after).collect()
}

/// What each query found.
pub(super) fn per_query(
    index: &IndexRows,
    queries: &Embeddings,
    lookup: &Lookup<'_>,
    found: &[Retrieved],
    columns: &MetricColumns,
) -> PerQuery {
    PerQuery {
        query_id: queries.example_id.clone(),
        digest: queries.digest.clone(),
        label: queries.label.clone(),
        relevant: lookup.relevant.iter().map(|relevant| *relevant as u64).collect(),
        overlap: lookup.same.iter().map(|rows| !rows.is_empty()).collect(),
        nearest_id: found.iter().map(|found| Some(index.example_id[found.nearest?.row as usize])).collect(),
        nearest_label: found.iter().map(|found| Some(index.label[found.nearest?.row as usize])).collect(),
        nearest_distance: found.iter().map(|found| Some(found.nearest?.distance)).collect(),
        metrics: columns.clone(),
    }
}

/// The means of each class of the queries, each with its interval over the class's queries as `NAME.low` and `NAME.high`.
///
/// # Errors
/// If the stage is to stop.
pub(super) fn per_class(
    classes: &[String],
    index: &IndexRows,
    lookup: &Lookup<'_>,
    bootstrap: &Bootstrap,
    columns: &MetricColumns,
) -> Result<PerClass, StageError> {
    let mut members: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for (query, label) in lookup.labels.iter().enumerate() {
        members.entry(*label).or_default().push(query);
    }
    let mut indexed: BTreeMap<i32, u64> = BTreeMap::new();
    index.label.iter().for_each(|label| *indexed.entry(*label).or_default() += 1);
    let name = |label: &i32| usize::try_from(*label).ok().and_then(|at| classes.get(at)).cloned().unwrap_or_default();
    let lone = |queries: &Vec<usize>| queries.iter().filter(|query| lookup.relevant[**query] == 0).count() as u64;
    let mut metrics: MetricColumns = columns
        .iter()
        .flat_map(|(name, _)| [name.clone(), format!("{name}.low"), format!("{name}.high")])
        .map(|name| (name, Vec::with_capacity(members.len())))
        .collect();
    for queries in members.values() {
        let of_class = |values: &Vec<Option<f64>>| queries.iter().map(|query| values[*query]).collect::<Vec<_>>();
        let values: Vec<Vec<Option<f64>>> = columns.iter().map(|(_, values)| of_class(values)).collect();
        let asked: Vec<Column<'_>> = values.iter().map(|values| Column { values, average: Average::Micro }).collect();
        // One class is drawn each time: what is drawn are its queries.
        let found = bootstrap.means_unless(lookup.stop, &vec![0; queries.len()], &asked);
        for (at, interval) in found.map_err(|error| unmeasured(&error))?.into_iter().enumerate() {
            let ends = interval.map(|found| [found.value, found.low, found.high]);
            (0..3).for_each(|end| metrics[3 * at + end].1.push(ends.map(|ends| ends[end])));
        }
    }
    Ok(PerClass {
        label: members.keys().copied().collect(),
        class: members.keys().map(name).collect(),
        queries: members.values().map(|queries| queries.len() as u64).collect(),
        lone: members.values().map(lone).collect(),
        indexed: members.keys().map(|label| indexed.get(label).copied().unwrap_or(0)).collect(),
        metrics,
    })
}
