//! The stage `match`: labels for queries by their neighbours in an index, and how good they are.

mod achieved;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::calibrate::matcher_path;
use super::embedded::{self, INDEX_FILES, QUERY_FILES, Searched};
use super::leak::{self, Leaks};
use super::slice::Slice;
use simpipe_artifact::{
    self as artifact, Calibration, Confusion, ConfusionCell, Cutpoint, Distance, Embeddings, ImageSet, IndexRows,
    MatchInfo, MatchRow, Matches, ModelUse, NearCopiesInfo, read_json, write_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::param::View;
use simpipe_base::params;
use simpipe_base::{check, suggest};
use simpipe_metric::confusion::confusion;
use simpipe_metric::reliability::{Judgement, calibration_error};
use simpipe_metric::{Metric, Ranked, RetrievalMetric, micro_mean};
use simpipe_search::knn::{Hit, Wanted};
use simpipe_search::{ExactSearch, Isotonic, Judge, Matcher, overlap};
use simpipe_stage::{Ctx, DynStage, Facts, IndexFacts, InputFacts, Kind, MatchesFacts, Port, Stage, StageError};

params! {
    /// Which queries are matched, and when a match is believed.
    ///
    /// # Example
    ///
    /// ```toml
    /// [match]
    /// slice = { begin = 60, size = 100 }
    /// cutpoint = "optimal"
    /// neighbours = 5
    /// ```
    pub struct Params {
        /// Positions in the queries' pool; all must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
        /// The cutpoint to use: queries farther away have no match.
        #[aka("threshold", "cutoff", "distance_threshold", "thresh")]
        cutpoint: String = "optimal".to_owned(),
        /// Number of neighbours to keep per query.
        #[aka("k", "top_k", "n_neighbors", "num_neighbors", "neighbors", "knn", "nn")]
        neighbours: usize = 5 => check::count(1),
        /// The word for queries without a match.
        #[aka("no_match_label", "unknown", "no_match", "unknown_class")]
        unknown_label: String = "Unknown".to_owned(),
        /// Whether queries may be images that are in the index (where they match themselves at distance 0), that the
        /// model was trained on, or that the thresholds were found with. The results are then flattering, and the
        /// report says so. Images are recognised by their pixels, whatever dataset or split they are in.
        allow_overlap: bool = false,
        /// Whether queries that are in the index are left out of their own neighbours, together with copies of the
        /// image. This is how retrieval benchmarks look up a test set in itself.
        #[aka("loo", "exclude_self", "ignore_self", "embeddings_come_from_same_source")]
        leave_one_out: bool = false,
        /// How neighbours become a label and a distance; default: the calibration's matcher.
        #[aka("matching", "voting", "vote")]
        matcher: Option<Matcher> = None,
    }
}

/// The stage.
#[derive(Debug)]
pub struct Match;

impl Stage for Match {
    const NAME: &'static str = "match";
    const SUMMARY: &'static str = "Gives queries the labels of their neighbours and measures how often they are right.";
    // 1: the first.
    // 2: queries that are not of unit length are scaled to it for the cosine distance; `confusion.parquet` holds only the
    //    cells that count a query.
    // 3: the probability that each label is right, and what the cutpoint achieves beside its target.
    //    Queries that the model was trained on or that the thresholds were found with are refused like those in the index.
    const VERSION: u32 = 3;
    const OUTPUT: Kind = Kind::Matches;
    const FILES: &'static [&'static str] = &["matches.parquet", "confusion.parquet", "metrics.json", MatchInfo::FILE];
    type Params = Params;

    fn ports(_params: &Params) -> Vec<Port> {
        vec![
            Port::new("index", Kind::Index, INDEX_FILES),
            Port::new("queries", Kind::Embeddings, QUERY_FILES),
            Port::new("calibration", Kind::Calibration, &["calibration.json", ImageSet::CALIBRATED_ON]),
            Port::new("near-copies", Kind::NearCopies, &[NearCopiesInfo::FILE]).optional(),
        ]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let (index, queries) = (inputs.index("index"), inputs.embeddings("queries"));
        let mut issues = Vec::new();
        let range = embedded::select(params.slice, queries.and_then(|facts| facts.range.as_ref()));
        let range = range.map_err(|issue| issues.push(issue)).unwrap_or_default();
        if let (Some(calibration), Some(index)) = (inputs.calibration("calibration"), index) {
            issues.extend(check_distance(calibration.distance, index.distance));
            issues.extend(check_calibrated(calibration.model_use.as_ref(), index.model_use.as_ref()));
        }
        if let Some(calibration) = inputs.calibration("calibration") {
            issues.extend(check_cutpoint(&params.cutpoint, calibration.cutpoints.iter().map(String::as_str)));
        }
        issues.extend(embedded::check_left_out(index, params.leave_one_out));
        issues.extend(embedded::check_classes(index, queries));
        issues.extend(embedded::check_uses(index, queries));
        issues.extend(embedded::check_dims(index.and_then(|facts| facts.dim), queries.and_then(|facts| facts.dim)));
        let indexed = index.and_then(IndexFacts::count);
        let shared = leak::shared(index, queries, range.as_ref());
        let left_out = usize::from(params.leave_one_out && shared > 0);
        issues.extend(embedded::check_neighbours("neighbours", params.neighbours, indexed, left_out));
        let calibrated = inputs.calibration("calibration").map(|facts| ("matcher".to_owned(), facts.neighbours));
        let matcher = params.matcher.as_ref().map(|matcher| (matcher_path(matcher), matcher.k())).or(calibrated);
        let looks_at = |(path, k): (String, usize)| embedded::check_neighbours(&path, k, indexed, left_out);
        issues.extend(matcher.and_then(looks_at));
        issues.extend(index.and_then(|index| check_unknown(&params.unknown_label, index.pool.classes.as_deref()?)));
        if !params.allow_overlap {
            let calibration = inputs.calibration("calibration");
            issues.extend(leak::known(shared, queries, calibration, range.as_ref(), params.leave_one_out));
        }
        if !issues.is_empty() {
            return Err(issues);
        }
        let count = range.map(|range| range.len());
        Ok(Facts::Matches(MatchesFacts { count, neighbours: params.neighbours }))
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let (index, info, searched) = embedded::read_searched(ctx)?;
        let (queries, _) = embedded::read(ctx, "queries", params.slice)?;
        let calibration: Calibration = read_json(ctx.input("calibration", "calibration.json"))?;
        let verdicts = Verdicts::of(params, &calibration, info.metric)?;
        let same = overlap::same_examples(&index, &queries.example_id, &queries.digest);
        let none = vec![Arc::default(); queries.len()];
        let (excluded, kept) = if params.leave_one_out { (same, none) } else { (none, same) };
        let leaks = Leaks::find(ctx, &index, &queries, &kept)?;
        leaks.judge(ctx, &queries, params.allow_overlap)?;
        ctx.stop_if_cancelled()?;
        let judged = verdicts.judge(ctx, (&index, &searched), &queries, &excluded, params.neighbours)?;

        let mut metrics = metrics(&judged, &leaks.tainted(), params.neighbours);
        metrics.extend(leaks.metrics());
        metrics.extend(distinct(ctx, &judged, &queries, params.neighbours)?);
        let achieved = achieved::achieved(&calibration, verdicts.cutpoint, &judged, ctx)?;
        metrics.extend(achieved.iter().flat_map(achieved::numbers));
        let matches = Matches(judged.into_iter().map(|query| query.row).collect());
        let predicted = matches.0.iter().map(|row| (row.label, row.predicted.filter(|_| row.matched)));
        let cell = |(label, predicted, count)| ConfusionCell { label, predicted, count };
        let cells = confusion(predicted).into_iter().map(cell).collect();
        Confusion(cells).write(&ctx.output("confusion.parquet"), &info.classes, &params.unknown_label)?;
        matches.write(&ctx.output("matches.parquet"))?;
        write_json(&ctx.output("metrics.json"), &metrics)?;
        let judged_by = MatchInfo {
            format: artifact::FORMAT,
            cutpoint: params.cutpoint.clone(),
            distance: verdicts.cutpoint.distance,
            unknown_label: params.unknown_label.clone(),
            achieved,
        };
        write_json(&ctx.output(MatchInfo::FILE), &judged_by)?;
        for (name, value) in metrics {
            ctx.metric(name, value);
        }
        Ok(())
    }
}

fn check_cutpoint<'a>(cutpoint: &str, known: impl Iterator<Item = &'a str>) -> Option<Issue> {
    let known: Vec<&str> = known.collect();
    (!known.contains(&cutpoint)).then(|| {
        Issue::of("cutpoint", format!("the calibration has no cutpoint `{cutpoint}`"))
            .help(suggest::help(cutpoint, &known))
    })
}

/// Thresholds mean nothing for another distance than they were found with.
fn check_distance(calibrated: Option<Distance>, indexed: Distance) -> Option<Issue> {
    let calibrated = calibrated.filter(|calibrated| *calibrated != indexed)?;
    let (found, wanted) = (calibrated.name(), indexed.name());
    let message = format!("the calibration is for the distance `{found}`, the index has `{wanted}`");
    Some(Issue::of("", message).help("calibrate with an index of the same distance"))
}

/// Nor for vectors that are made otherwise.
fn check_calibrated(calibrated: Option<&ModelUse>, indexed: Option<&ModelUse>) -> Option<Issue> {
    let (calibrated, indexed) = (calibrated?, indexed?);
    (calibrated != indexed).then(|| {
        let message =
            format!("the calibration is for embeddings by {}, the index holds {}", calibrated.words(), indexed.words());
        Issue::of("", message).help("calibrate with an index that was embedded in the same way")
    })
}

/// What no match is called can't be what some match is called.
fn check_unknown(unknown: &str, classes: &[String]) -> Option<Issue> {
    classes.iter().any(|class| class == unknown).then(|| {
        Issue::of("unknown-label", format!("`{unknown}` is a class of the dataset"))
            .help(format!("choose a word that is not a class: `unknown-label = \"{}\"`", free_word(classes)))
    })
}

/// A word for no match that no class is called by: the default, if it is free.
#[must_use]
pub fn free_word(classes: &[String]) -> String {
    let words = ["Unknown", "No match", "None of them"].map(str::to_owned).into_iter();
    let numbered = (2..=classes.len() + 2).map(|number| format!("Unknown {number}"));
    words.chain(numbered).find(|word| !classes.contains(word)).unwrap_or_default()
}

/// How queries are judged.
pub(super) struct Verdicts<'a> {
    distance: Distance,
    cutpoint: &'a Cutpoint,
    pub(super) judge: Judge,
}

/// One query with what it is worth.
struct JudgedQuery {
    row: MatchRow,
    /// Whether the index holds another example of its class.
    indexed: bool,
    /// Values of [`reported`], in its order.
    values: Vec<Option<f64>>,
}

/// The names of the retrieval metrics that a stage of this kind leaves; `None` for another kind.
pub(super) fn given(stage: &dyn DynStage) -> Option<Vec<String>> {
    let neighbours = (stage.name() == Match::NAME).then(|| stage.params(View::Full)["neighbours"].as_u64())?;
    let metrics = reported(neighbours.and_then(|count| usize::try_from(count).ok()).unwrap_or(1));
    Some(metrics.iter().map(Metric::name).collect())
}

/// The retrieval metrics that are reported, each name once.
fn reported(neighbours: usize) -> Vec<RetrievalMetric> {
    use RetrievalMetric::{MapAtR, PrecisionAtK, RecallAtK};
    let mut metrics = vec![RecallAtK(1), PrecisionAtK(1), MapAtR];
    if neighbours > 1 {
        metrics.push(RecallAtK(neighbours));
    }
    metrics
}

impl<'a> Verdicts<'a> {
    pub(super) fn of(params: &Params, calibration: &'a Calibration, distance: Distance) -> Result<Self, StageError> {
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
    fn judge(
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
fn metrics(judged: &[JudgedQuery], tainted: &[bool], neighbours: usize) -> BTreeMap<String, f64> {
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
fn distinct(
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
