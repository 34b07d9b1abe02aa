//! The stage `match`: labels for queries by their neighbours in an index, and how good they are.

mod achieved;
mod judged;

use std::sync::Arc;

pub(super) use self::judged::Verdicts;
use self::judged::{distinct, metrics, reported};
use super::calibrate::matcher_path;
use super::embedded::{self, INDEX_FILES, QUERY_FILES};
use super::leak::{self, Leaks};
use super::slice::Slice;
use simpipe_artifact::{
    self as artifact, Calibration, Confusion, ConfusionCell, Distance, ImageSet, MatchInfo, Matches, ModelUse,
    NearCopiesInfo, read_json, write_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::param::View;
use simpipe_base::params;
use simpipe_base::{check, suggest};
use simpipe_metric::Metric;
use simpipe_metric::confusion::confusion;
use simpipe_search::{Matcher, overlap};
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

/// The names of the retrieval metrics that a stage of this kind leaves; `None` for another kind.
pub(super) fn given(stage: &dyn DynStage) -> Option<Vec<String>> {
    let neighbours = (stage.name() == Match::NAME).then(|| stage.params(View::Full)["neighbours"].as_u64())?;
    let metrics = reported(neighbours.and_then(|count| usize::try_from(count).ok()).unwrap_or(1));
    Some(metrics.iter().map(Metric::name).collect())
}
