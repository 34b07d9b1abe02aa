//! Evaluations and matches of stages that are plugged in beside the matches which the figures show. Judges nothing.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use simpipe_artifact::{Evaluation, MatchInfo, PerClass, PerQuery};

use super::ReportData;

/// How good a search is, as one stage has measured it.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The stage's id.
    pub stage: String,
    /// Its figures.
    pub evaluation: Evaluation,
    /// What each query found.
    pub queries: PerQuery,
    /// How each class does.
    pub classes: PerClass,
}

/// What queries were given by another stage than the one that the figures show.
#[derive(Debug, Clone)]
pub struct FurtherMatches {
    /// The stage's id.
    pub stage: String,
    /// Queries.
    pub queries: u64,
    /// The names of their classes.
    pub classes: BTreeSet<String>,
    /// Its numbers by name.
    pub metrics: Map<String, Json>,
    /// How the queries were judged.
    pub info: MatchInfo,
}

impl FurtherMatches {
    /// A number by its name.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.metrics.get(name)?.as_f64()
    }
}

impl Evaluated {
    /// The names of the classes that figures of rankings are about: those with a query that has something to find.
    pub(super) fn measured(&self) -> BTreeSet<&str> {
        let PerClass { class, queries, lone, .. } = &self.classes;
        let found = class.iter().zip(queries.iter().zip(lone)).filter(|(_, (queries, lone))| queries > lone);
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// The mean of a figure of rankings over some of its queries; `None` where it is no mean over queries, or where none of
    /// them has a value.
    pub(super) fn mean_of(&self, name: &str, some: impl Fn(&str) -> bool) -> Option<f64> {
        let (bare, average) = name.rsplit_once('/').unwrap_or((name, &self.evaluation.average));
        let column = bare.replace('-', "_");
        let (_, values) = self.queries.metrics.iter().find(|(known, _)| average == "micro" && *known == column)?;
        let chosen = values.iter().zip(&self.queries.digest).filter(|(_, digest)| some(digest));
        let (sum, count) =
            chosen.filter_map(|(value, _)| *value).fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / count as f64)
    }
}

/// The id of the stage at a port of the report. A spec may have several reports, and the page must not depend on which of
/// them it is of: where they differ, this is the port's name.
#[must_use]
pub fn plugged_at(spec: &Json, port: &str) -> String {
    let stages = spec.get("stages").and_then(Json::as_object);
    let reports = stages.into_iter().flat_map(Map::values).filter(|stage| stage["stage"] == "report");
    let ids: BTreeSet<Option<&str>> = reports.map(|stage| stage["inputs"][port].as_str()).collect();
    match ids.into_iter().collect::<Vec<_>>().as_slice() {
        [Some(id)] => (*id).to_owned(),
        _ => port.to_owned(),
    }
}

/// The names of the classes that the network was trained on; of one that was not trained, none.
pub(super) fn trained_classes(data: &ReportData) -> BTreeSet<&str> {
    let trained = data.model.steps > 0;
    data.samples.label.iter().filter(|_| trained).map(|label| data.class(*label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_stage_is_named_where_no_other_report_reads_another() {
        let report = |id: &str| serde_json::json!({ "stage": "report", "inputs": { "evaluation": id } });
        let mut spec =
            serde_json::json!({ "stages": { "evaluate": { "stage": "evaluate" }, "page": report("evaluate") } });
        assert_eq!(plugged_at(&spec, "evaluation"), "evaluate");
        assert_eq!(plugged_at(&spec, "evaluation-test"), "evaluation-test");
        spec["stages"]["second"] = report("evaluate-test");
        assert_eq!(plugged_at(&spec, "evaluation"), "evaluation");
        assert_eq!(plugged_at(&Json::Null, "matches"), "matches");
    }

    #[test]
    fn means_are_over_the_queries_that_have_a_value() {
        let mut found = synthetic::evaluated("evaluate");
        let without = |found: &Evaluated, name: &str| found.mean_of(name, |digest| digest != "q0");
        // 1, 0, 1, 0, .. of 12 queries, the last two of which have none.
        assert_eq!(found.mean_of("recall@1", |_| true), Some(0.5));
        assert_eq!(without(&found, "recall@1"), Some(4.0 / 9.0));
        assert_eq!(without(&found, "recall@1/micro"), Some(4.0 / 9.0));
        assert_eq!((without(&found, "recall@1/macro"), without(&found, "hubness@10")), (None, None));
        found.evaluation.average = "macro".to_owned();
        assert_eq!(without(&found, "recall@1"), None);
        assert_eq!(found.mean_of("recall@1/micro", |_| false), None);
    }

    #[test]
    fn an_untrained_network_knows_no_class() {
        let mut data = synthetic::small();
        assert_eq!(trained_classes(&data).len(), 10);
        data.model.steps = 0;
        assert!(trained_classes(&data).is_empty());
    }
}
