//! The stage `calibrate`: distance thresholds from queries of known labels, the cutpoints that `match` may use, and how
//! probable a label is at each distance.

mod held_out;
mod targets;

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::embedded::{self, INDEX_FILES, QUERY_FILES, Searched};
use super::slice::Slice;
use simpipe_artifact::{
    Calibration as CalibrationFile, Cutpoint, Embeddings, ImageSet, IndexInfo, IndexRows, Target, Thresholds,
    write_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_metric::reliability::{Judgement, calibration_error};
use simpipe_search::knn::Wanted;
use simpipe_search::{CalibrationMetric, Counting, Curve, Isotonic, Judged, Matcher, overlap};
use simpipe_stage::{
    CalibrationFacts, Ctx, EmbeddingsFacts, Facts, IndexFacts, InputFacts, Kind, Port, Stage, StageError,
};

pub use targets::Targets;

/// The cutpoint that is always there.
const OPTIMAL: &str = "optimal";

params! {
    /// How thresholds are judged.
    pub struct Params {
        /// The metric that the cutpoint `optimal` maximises, and that bare targets are values of.
        #[aka("calibration_metric", "threshold_metric", "score")]
        metric: CalibrationMetric = CalibrationMetric::F1,
        /// How neighbours become a label and a distance.
        #[aka("matching", "voting", "vote")]
        matcher: Matcher = Matcher::Nearest,
        /// Other metrics to show for each cutpoint.
        #[aka("metrics", "other_metrics")]
        extra_metrics: Vec<CalibrationMetric> =
            vec![CalibrationMetric::Precision, CalibrationMetric::Recall, CalibrationMetric::BinaryAccuracy],
        /// Which queries are right, wrong and missed.
        counting: Counting = Counting::Lookup,
        /// Further cutpoints by name: the value of the metric to reach, `{ p95 = 0.95 }`, or the value of another
        /// metric, `{ strict = { metric = "far", value = 0.01 } }`. For metrics where less is better (`fpr`, `far`,
        /// `frr`) the value is an upper bound: the largest distance within it is used, for `frr` the smallest.
        #[aka("threshold_targets", "thresholds", "cutpoints")]
        targets: Targets = Targets::default(),
        /// Positions in the queries' pool; all must be embedded.
        #[aka("range", "subset", "positions", "rows")]
        slice: Slice = Slice::All,
    }
}

/// The stage.
#[derive(Debug)]
pub struct Calibrate;

impl Stage for Calibrate {
    const NAME: &'static str = "calibrate";
    const SUMMARY: &'static str = "Finds the distances below which a match is believed.";
    // 1: lookup and open-set counting.
    // 2: queries that are not of unit length are scaled to it for the cosine distance.
    // 3: the probability of a right label by distance; more metrics of each threshold; what a cutpoint was to reach.
    //    The images of the queries are left too; whether the model was trained on them is told of the slice alone.
    // 4: how many of the queries the model was trained on.
    const VERSION: u32 = 4;
    const OUTPUT: Kind = Kind::Calibration;
    const FILES: &'static [&'static str] = &["calibration.json", "thresholds.parquet", ImageSet::CALIBRATED_ON];
    type Params = Params;

    fn ports(_params: &Params) -> Vec<Port> {
        vec![Port::new("index", Kind::Index, INDEX_FILES), Port::new("queries", Kind::Embeddings, QUERY_FILES)]
    }

    fn infer(params: &Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        let (index, queries) = (inputs.index("index"), inputs.embeddings("queries"));
        let mut issues = Vec::new();
        let asked = embedded::select(params.slice, queries.and_then(|facts| facts.range.as_ref()));
        let asked = asked.map_err(|issue| issues.push(issue)).unwrap_or_default();
        issues.extend(embedded::check_classes(index, queries));
        issues.extend(embedded::check_uses(index, queries));
        issues.extend(known_classes(index, queries).and_then(|(known, all)| strangers(known, all)));
        issues.extend(embedded::check_dims(index.and_then(|facts| facts.dim), queries.and_then(|facts| facts.dim)));
        let indexed = index.and_then(|facts| facts.count());
        let overlaps = index
            .zip(queries)
            .zip(asked.as_ref())
            .is_some_and(|((index, queries), asked)| embedded::shared(index, queries, asked) > 0);
        if overlaps && index.is_some_and(|index| index.class_means) {
            let message = "the queries are part of the class means in the index, and can't be left out of them";
            let help = "index other images than the queries, or all vectors: leave `reduce` out of `[index]`";
            issues.push(Issue::of("slice", message).help(help));
        }
        let path = matcher_path(&params.matcher);
        issues.extend(embedded::check_neighbours(&path, params.matcher.k(), indexed, usize::from(overlaps)));
        if !issues.is_empty() {
            return Err(issues);
        }
        let targets = params.targets.0.keys().cloned();
        Ok(Facts::Calibration(CalibrationFacts {
            cutpoints: std::iter::once(OPTIMAL.to_owned()).chain(targets).collect(),
            distance: index.map(|index| index.distance),
            neighbours: params.matcher.k(),
            model_use: index.and_then(|index| index.model_use.clone()),
            queries: queries.map(|queries| queries.pool.identity.clone()).zip(asked),
        }))
    }

    fn warnings(params: &Params, inputs: &InputFacts) -> Vec<Issue> {
        let (index, queries) = (inputs.index("index"), inputs.embeddings("queries"));
        let trained_on = queries.is_some_and(|queries| queries.seen_in_training);
        let some = known_classes(index, queries).filter(|_| params.counting == Counting::Lookup);
        let all =
            [trained_on.then(|| fitted(index, queries)), some.and_then(|(known, all)| some_strangers(known, all))];
        all.into_iter().flatten().collect()
    }

    fn run(params: &Params, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let (index, index_info, searched) = embedded::read_searched(ctx)?;
        let (queries, _) = embedded::read(ctx, "queries", params.slice)?;
        let trained = ImageSet::read(ctx.input("queries", ImageSet::TRAINED_ON))?;
        ctx.stop_if_cancelled()?;
        let (judged, distances) = judge(params, ctx, (&index, &index_info, &searched), &queries)?;
        let curve = Curve::new(&judged, distances, index_info.metric, &params.counting);
        let Some(optimal) = curve.optimal(&params.metric) else {
            return Err(StageError::failed("no query has a neighbour, so there is no threshold to choose from")
                .with_help("index other examples than the queries"));
        };
        let columns: Vec<(String, Vec<f64>)> =
            CalibrationMetric::ALL.par_iter().map(|metric| (metric.column(), curve.values(metric))).collect();
        ctx.stop_if_cancelled()?;
        let isotonic = Isotonic::fit(&judged, index_info.metric);
        let file = CalibrationFile {
            probability: isotonic.knots().to_vec(),
            trained_queries: queries.digest.iter().filter(|digest| trained.holds(digest)).count(),
            ..calibration(params, &curve, &columns, optimal, &index_info)
        };
        warn(ctx, params, &curve, optimal, &file);
        leave_metrics(ctx, &file);
        if let Some(error) = calibration_error(&judgements(&judged, &isotonic)) {
            ctx.metric("ece", error);
        }
        thresholds(&curve, columns).write(&ctx.output("thresholds.parquet"))?;
        write_json(&ctx.output("calibration.json"), &file)?;
        let images = queries.example_id.iter().copied().zip(queries.digest.iter().map(String::as_str));
        ImageSet::of(images).write(&ctx.output(ImageSet::CALIBRATED_ON))?;
        Ok(())
    }
}

/// Queries that the network has fitted.
fn fitted(index: Option<&IndexFacts>, queries: Option<&EmbeddingsFacts>) -> Issue {
    let message = "the queries are examples that the model was trained on: the cutpoints will look better than they \
                   are";
    Issue::of("", message).help(held_out::help(index, queries))
}

/// How many classes of the queries the index has, and how many there are.
fn known_classes(index: Option<&IndexFacts>, queries: Option<&EmbeddingsFacts>) -> Option<(usize, usize)> {
    let (indexed, asked) = (index?.pool.labels.as_ref()?, queries?.pool.labels.as_ref()?);
    Some((asked.iter().filter(|label| indexed.contains(label)).count(), asked.len()))
}

/// No answer can be right.
fn strangers(known: usize, all: usize) -> Option<Issue> {
    (known == 0 && all > 0).then(|| {
        let message = format!(
            "none of the queries' {all} classes is in the index, so no answer can be right"
        );
        Issue::of("", message).help(
            "calibrate in an index of the queries' own classes: `pipeline = \"metric-learning-held-out\"` looks a split \
             `validation` up in itself, which `split = { classes = { validation = 0.2, test = 0.4 } }` of the dataset makes",
        )
    })
}

/// Some answers can't be right, and count as if the network had failed.
fn some_strangers(known: usize, all: usize) -> Option<Issue> {
    (0 < known && known < all).then(|| {
        let message = format!(
            "{} of the queries' {all} classes are not in the index, so their queries are always wrong",
            all - known
        );
        Issue::of("", message).help(
            "index these classes too, leave them out of the queries' `class-list`, or count them as unknown: \
             `counting = \"open-set\"`",
        )
    })
}

/// Where the matcher's number of neighbours is written.
pub(super) fn matcher_path(matcher: &Matcher) -> String {
    format!("matcher.{}.k", matcher.name())
}

/// How probable each verdict was said to be right, and whether it is.
fn judgements(judged: &[Judged], isotonic: &Isotonic) -> Vec<Judgement> {
    let of_query = |query: &Judged| Judgement {
        probability: query.verdict.map_or(0.0, |verdict| isotonic.probability(verdict.distance)),
        right: query.is_right(),
    };
    judged.iter().map(of_query).collect()
}

/// Looks every query up, without itself: the verdicts, and the distances of all neighbours looked at.
fn judge(
    params: &Params,
    ctx: &Ctx<'_>,
    (index, info, searched): (&IndexRows, &IndexInfo, &Searched),
    queries: &Embeddings,
) -> Result<(Vec<Judged>, Vec<f32>), StageError> {
    let rows = embedded::searchable("indexed vector", &index.vectors, index.dim, &index.example_id, info.metric)?;
    let asked = embedded::searchable("embedding", &queries.values, queries.dim, &queries.example_id, info.metric)?;
    let same = overlap::same_examples(index, &queries.example_id, &queries.digest);
    let relevant = overlap::relevant(&index.label, &queries.label, &same);
    let k = params.matcher.k();
    let wanted: Vec<Wanted> = same.into_iter().map(|excluded| Wanted { k, excluded }).collect();
    let stop = || ctx.cancelled();
    let neighbours = searched
        .among(rows.rows(), info.metric)
        .stopped_by(&stop)
        .map(asked.rows(), &wanted, |_, hits| {
            hits.iter().map(|hit| (index.label[hit.row as usize], hit.distance)).collect::<Vec<_>>()
        })
        .map_err(|error| embedded::unsearchable(&error))?;
    let judged: Vec<Judged> = neighbours
        .iter()
        .zip(&queries.label)
        .zip(relevant)
        .map(|((near, &label), relevant)| Judged { label, indexed: relevant > 0, verdict: params.matcher.decide(near) })
        .collect();
    let distances = neighbours.iter().flatten().map(|near| near.1).collect();
    Ok((judged, distances))
}

fn calibration(
    params: &Params,
    curve: &Curve,
    columns: &[(String, Vec<f64>)],
    optimal: usize,
    index: &IndexInfo,
) -> CalibrationFile {
    let metrics = |at: usize| columns.iter().map(|(name, values)| (name.clone(), values[at])).collect();
    let cutpoint = |at: usize, target: Option<Target>| {
        let metrics: BTreeMap<String, f64> = metrics(at);
        let (distance, value) = (curve.thresholds[at].into(), metrics[&params.metric.column()]);
        Cutpoint { distance, value, target, metrics }
    };
    let mut cutpoints = BTreeMap::from([(OPTIMAL.to_owned(), cutpoint(optimal, None))]);
    let mut unreachable = Vec::new();
    for (name, target) in &params.targets.0 {
        let metric = target.metric(&params.metric);
        let reached = Target { metric: metric.column(), value: target.value() };
        match curve.target(metric, target.value()) {
            Some(at) => drop(cutpoints.insert(name.clone(), cutpoint(at, Some(reached)))),
            None => unreachable.push(name.clone()),
        }
    }
    CalibrationFile {
        metric: params.metric.column(),
        matcher: params.matcher.name().to_owned(),
        k: params.matcher.k(),
        counting: params.counting.name().to_owned(),
        distance_metric: index.metric,
        queries: usize::try_from(curve.population.queries).unwrap_or(usize::MAX),
        extra_metrics: params.extra_metrics.iter().map(CalibrationMetric::column).collect(),
        cutpoints,
        unreachable,
        trained_queries: 0,
        probability: Vec::new(),
    }
}

fn thresholds(curve: &Curve, columns: Vec<(String, Vec<f64>)>) -> Thresholds {
    let mut thresholds = Thresholds {
        distance: curve.thresholds.iter().map(|&distance| distance.into()).collect(),
        metrics: columns.into_iter().collect(),
        ..Thresholds::default()
    };
    for counts in &curve.counts {
        thresholds.true_positive.push(counts.true_positive);
        thresholds.false_positive.push(counts.false_positive);
        thresholds.true_negative.push(counts.true_negative);
        thresholds.false_negative.push(counts.false_negative);
    }
    thresholds
}

fn warn(ctx: &Ctx<'_>, params: &Params, curve: &Curve, optimal: usize, file: &CalibrationFile) {
    if file.trained_queries > 0 {
        ctx.warn(format!(
            "the model was trained on {} of {} queries: their distances are too small and the cutpoints optimistic",
            file.trained_queries, file.queries
        ));
    }
    if curve.counts[optimal].accepted() == curve.population.queries {
        ctx.warn("the cutpoint `optimal` accepts every query, so it has no effect");
    }
    for name in &file.unreachable {
        let metric = params.targets.0.get(name).map_or(&params.metric, |target| target.metric(&params.metric));
        let measured = metric.measured(&curve.counts[optimal], curve.population).is_some();
        let why = if measured { "" } else { ": there is no query to measure it on" };
        ctx.warn(format!("no threshold reaches the target `{name}` of `{}`{why}", metric.column()));
    }
}

fn leave_metrics(ctx: &mut Ctx<'_>, file: &CalibrationFile) {
    let optimal = &file.cutpoints[OPTIMAL];
    ctx.metric("optimal.distance", optimal.distance);
    ctx.metric("optimal.value", optimal.value);
    for name in ["f1", "precision", "recall", "binary_accuracy"] {
        ctx.metric(format!("optimal.{name}"), optimal.metrics[name]);
    }
}
