//! How queries are judged by their neighbours, and the figures that come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Params;
use crate::embedded::{self, Searched};
use simpipe_artifact::{Calibration, Cutpoint, Distance, Embeddings, IndexRows, MatchRow, NearCopiesInfo, read_json};
use simpipe_metric::reliability::{Judgement, calibration_error};
use simpipe_metric::{Ranked, RetrievalMetric, micro_mean};
use simpipe_search::knn::{Hit, Wanted};
use simpipe_search::{ExactSearch, Isotonic, Judge, Matcher, overlap};
use simpipe_stage::{Ctx, StageError};

/// How queries are judged.
pub(crate) struct Verdicts<'a> {
    distance: Distance,
    pub(super) cutpoint: &'a Cutpoint,
    pub(crate) judge: Judge,
}

/// One query with what it is worth.
pub(super) struct JudgedQuery {
    pub(super) row: MatchRow,
    /// Whether the index holds another example of its class.
    pub(super) indexed: bool,
    /// Values of [`reported`], in its order.
    values: Vec<Option<f64>>,
}

/// The retrieval metrics that are reported, each name once.
pub(super) fn reported(neighbours: usize) -> Vec<RetrievalMetric> {
    use RetrievalMetric::{MapAtR, PrecisionAtK, RecallAtK};
    let mut metrics = vec![RecallAtK(1), PrecisionAtK(1), MapAtR];
    if neighbours > 1 {
        metrics.push(RecallAtK(neighbours));
    }
    metrics
}

impl<'a> Verdicts<'a> {
    pub(crate) fn of(params: &Params, calibration: &'a Calibration, distance: Distance) -> Result<Self, StageError> {
        let Some(cutpoint) = calibration.cutpoints.get(&params.cutpoint) else {
            let name = &params.cutpoint;
            return Err(StageError::failed(format!("no threshold reaches the target of the cutpoint `{name}`"))
                .with_help("choose `optimal`, or a lower target"));
        };
        let calibrated = || Matcher::named(&calibration.matcher, calibration.k);
        let matcher = params.matcher.clone().or_else(calibrated);
        let matcher =
            matcher.ok_or_else(|| StageError::failed(format!("unknown matcher `{}`", calibration.matcher)))?;
        let probability = Isotonic::of(calibration.probability.clone(), distance);
        Ok(Self { distance, cutpoint, judge: Judge::new(matcher, distance, cutpoint.distance, probability) })
    }

    /// Looks every query up but in its `excluded` rows, as deep as its metrics need, and keeps `neighbours`.
    pub(super) fn judge(
        &self,
        ctx: &Ctx<'_>,
        (index, searched): (&IndexRows, &Searched),
        queries: &Embeddings,
        excluded: &[Arc<[u32]>],
        neighbours: usize,
    ) -> Result<Vec<JudgedQuery>, StageError> {
        let rows = embedded::searchable("indexed vector", &index.vectors, index.dim, &index.example_id, self.distance)?;
        let asked =
            embedded::searchable("embedding", &queries.values, queries.dim, &queries.example_id, self.distance)?;
        let metrics = reported(neighbours);
        let relevant = overlap::relevant(&index.label, &queries.label, excluded);
        let depth = |(relevant, excluded): (&usize, &Arc<[u32]>)| {
            let deepest = metrics.iter().map(|metric| metric.depth(*relevant)).max().unwrap_or(0);
            Wanted { k: deepest.max(self.judge.depth(neighbours)), excluded: excluded.clone() }
        };
        let wanted: Vec<Wanted> = relevant.iter().zip(excluded).map(depth).collect();
        let judge = |query: usize, hits: &[Hit]| {
            let label = queries.label[query];
            let right: Vec<bool> = hits.iter().map(|hit| index.label[hit.row as usize] == label).collect();
            let ranked = Ranked { hits: &right, relevant: relevant[query] };
            let values = metrics.iter().map(|metric| metric.of_query(&ranked)).collect();
            let row = self.row(index, queries.example_id[query], label, hits, neighbours);
            JudgedQuery { row, indexed: relevant[query] > 0, values }
        };
        let stop = || ctx.cancelled();
        let search = ExactSearch::new(rows.rows(), self.distance).stopped_by(&stop);
        let mut judged = search.map(asked.rows(), &wanted, judge).map_err(|error| embedded::unsearchable(&error))?;
        if !searched.is_exact() {
            // Metrics are of the embedding, and as deep as they need; answers are what the index's own search finds, which
            // hangs on how much it is asked for.
            let k = self.judge.depth(neighbours).saturating_add(1);
            let wanted: Vec<Wanted> =
                excluded.iter().map(|excluded| Wanted { k, excluded: excluded.clone() }).collect();
            let row = |query: usize, hits: &[Hit]| {
                self.row(index, queries.example_id[query], queries.label[query], hits, neighbours)
            };
            let searcher = searched.among(rows.rows(), self.distance).stopped_by(&stop);
            let rows = searcher.map(asked.rows(), &wanted, row).map_err(|error| embedded::unsearchable(&error))?;
            judged.iter_mut().zip(rows).for_each(|(judged, row)| judged.row = row);
        }
        Ok(judged)
    }

    fn row(&self, index: &IndexRows, query_id: u64, label: i32, hits: &[Hit], neighbours: usize) -> MatchRow {
        let answer = self.judge.answer(index, hits, neighbours);
        MatchRow {
            query_id,
            label,
            predicted: answer.verdict.map(|verdict| verdict.label),
            distance: answer.verdict.map_or(f32::INFINITY, |verdict| verdict.distance),
            matched: answer.accepted,
            probability: answer.probability,
            neighbours: answer.neighbours,
        }
    }
}

/// The figures by name; with leaks also those of the queries that are in none of the places where they must not be, as
/// `disjoint.*`.
#[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
pub(super) fn metrics(judged: &[JudgedQuery], tainted: &[bool], neighbours: usize) -> BTreeMap<String, f64> {
    let all: Vec<&JudgedQuery> = judged.iter().collect();
    let disjoint: Vec<&JudgedQuery> =
        judged.iter().zip(tainted).filter(|(_, tainted)| !**tainted).map(|(query, _)| query).collect();
    let mut metrics = figures(&all, neighbours);
    let shared = judged.len() - disjoint.len();
    // Queries of classes that the index does not hold: retrieval metrics leave them out.
    let lone = judged.iter().filter(|query| query.values.iter().all(Option::is_none)).count();
    metrics.insert("lone".to_owned(), lone as f64);
    if shared > 0 && !disjoint.is_empty() {
        metrics.extend(
            figures(&disjoint, neighbours).into_iter().map(|(name, value)| (format!("disjoint.{name}"), value)),
        );
    }
    metrics
}

/// The figures of the queries that have no near copy, as `distinct.*`, where somebody has looked for copies.
#[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
pub(super) fn distinct(
    ctx: &Ctx<'_>,
    judged: &[JudgedQuery],
    queries: &Embeddings,
    neighbours: usize,
) -> Result<BTreeMap<String, f64>, StageError> {
    if !ctx.has_input("near-copies") {
        return Ok(BTreeMap::new());
    }
    let copies: NearCopiesInfo = read_json(ctx.input("near-copies", NearCopiesInfo::FILE))?;
    let copied: BTreeSet<String> = copies.query_digests.into_iter().collect();
    let all = judged.iter().zip(&queries.digest);
    let distinct: Vec<&JudgedQuery> =
        all.filter(|(_, digest)| !copied.contains(*digest)).map(|(query, _)| query).collect();
    let mut metrics = BTreeMap::from([("near_copies".to_owned(), (judged.len() - distinct.len()) as f64)]);
    if !distinct.is_empty() {
        let figures = figures(&distinct, neighbours).into_iter();
        metrics.extend(figures.map(|(name, value)| (format!("distinct.{name}"), value)));
    }
    Ok(metrics)
}

fn figures(queries: &[&JudgedQuery], neighbours: usize) -> BTreeMap<String, f64> {
    let share = |test: fn(&MatchRow) -> bool| {
        micro_mean(queries.iter().map(|query| Some(if test(&query.row) { 1.0 } else { 0.0 })))
    };
    let mut figures: BTreeMap<String, f64> = reported(neighbours)
        .iter()
        .enumerate()
        .map(|(at, metric)| (metric.name(), micro_mean(queries.iter().map(|query| query.values[at]))))
        .collect();
    figures.insert("accuracy".to_owned(), share(|row| row.matched && row.predicted == Some(row.label)));
    figures.insert("matched".to_owned(), share(|row| row.matched));
    figures.insert("unknown".to_owned(), share(|row| !row.matched));
    let judgement = |query: &&JudgedQuery| Judgement {
        probability: query.row.probability,
        right: query.row.predicted == Some(query.row.label),
    };
    let error = calibration_error(&queries.iter().map(judgement).collect::<Vec<_>>());
    figures.extend(error.map(|error| ("ece".to_owned(), error)));
    figures
}
