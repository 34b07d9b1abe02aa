//! What a cutpoint, chosen on calibration queries, achieves on the queries of `match`.

use std::collections::BTreeMap;

use super::Match;
use super::judged::JudgedQuery;
use simpipe_artifact::{Achieved, Calibration, Cutpoint};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_metric::statistics::Bootstrap;
use simpipe_search::{CalibrationMetric, Counting, Counts, Judged, Population, Verdict};
use simpipe_stage::{Ctx, Stage, StageError};

/// The metric of the cutpoint's target with its value on these queries, by the calibration's counting; `None` where it
/// would be a share of no query.
///
/// The interval is that of 2,000 draws of classes and of queries within them. The draws are the same in every experiment,
/// so the seed of the spec enters no key here.
pub(super) fn achieved(
    calibration: &Calibration,
    cutpoint: &Cutpoint,
    queries: &[JudgedQuery],
    ctx: &Ctx<'_>,
) -> Result<Option<Achieved>, StageError> {
    let name = cutpoint.target.as_ref().map_or(&calibration.metric, |target| &target.metric);
    let metric = CalibrationMetric::of_column(name);
    let metric = metric.ok_or_else(|| StageError::failed(format!("unknown metric `{name}` in the calibration")))?;
    let counting = counting(&calibration.counting)?;
    let counted: Vec<[u32; 6]> = queries.iter().map(|query| counted(query, &counting)).collect();
    let labels: Vec<i32> = queries.iter().map(|query| query.row.label).collect();
    let figure = |sums: &[u64; 6]| {
        let [true_positive, false_positive, true_negative, false_negative, queries, indexed] = *sums;
        let counts = Counts { true_positive, false_positive, true_negative, false_negative };
        metric.measured(&counts, Population { queries, indexed })
    };
    let bootstrap = Bootstrap::new(Seed::of_stage(0, Match::NAME, None));
    let interval = bootstrap.of_sums(&labels, &counted, figure, &|| ctx.cancelled());
    let interval = interval.map_err(|error| StageError::failed(error.to_string()))?;
    ctx.stop_if_cancelled()?;
    if interval.is_none() && !queries.is_empty() {
        ctx.warn(format!("there is no query to measure `{name}` on, so it is not known what the cutpoint achieves"));
    }
    Ok(interval.map(|interval| Achieved {
        metric: name.clone(),
        target: cutpoint.target.as_ref().map(|target| target.value),
        calibrated: cutpoint.metrics.get(name).copied().unwrap_or(cutpoint.value),
        value: interval.value,
        low: interval.low,
        high: interval.high,
    }))
}

fn counting(name: &str) -> Result<Counting, StageError> {
    let read = param::from_json(&serde_json::Value::from(name));
    read.map_err(|_| StageError::failed(format!("unknown counting `{name}` in the calibration")))
}

/// What one query counts as, that it is one, and whether its class is in the index.
fn counted(query: &JudgedQuery, counting: &Counting) -> [u32; 6] {
    let row = &query.row;
    let verdict = row.predicted.map(|label| Verdict { label, distance: row.distance });
    let judged = Judged { label: row.label, indexed: query.indexed, verdict };
    let Counts { true_positive, false_positive, true_negative, false_negative } = judged.counts(row.matched, counting);
    let one = |count: u64| u32::from(count > 0);
    let [tp, fp, tn, missed] = [true_positive, false_positive, true_negative, false_negative].map(one);
    [tp, fp, tn, missed, 1, query.indexed.into()]
}

/// Its numbers beside the other metrics of `match`.
pub(super) fn numbers(achieved: &Achieved) -> BTreeMap<String, f64> {
    let mut numbers = BTreeMap::from([
        ("achieved".to_owned(), achieved.value),
        ("achieved.low".to_owned(), achieved.low),
        ("achieved.high".to_owned(), achieved.high),
    ]);
    numbers.extend(achieved.target.map(|target| ("target".to_owned(), target)));
    numbers
}
