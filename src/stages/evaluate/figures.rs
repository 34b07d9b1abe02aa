//! Every figure with its interval.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::apart::apart;
use super::asked::{Groups, Mean, Named};
use super::lookup::{Lookup, Retrieved};
use super::rerank::unmeasured;
use super::{Params, pairs};
use simpipe_artifact::{ClusteringInfo, Estimate, Figure, PairsInfo, RerankInfo};
use simpipe_metric::clustering::{Contingency, KMeans};
use simpipe_metric::open_set::{OpenSet, Probe, Truth};
use simpipe_metric::space::Space;
use simpipe_metric::space::hubness::hubness;
use simpipe_metric::statistics::{Bootstrap, Column, Interval, Resampling};
use simpipe_metric::{Metric, SpaceMetric};
use simpipe_stage::{Ctx, StageError};

/// Intervals are left out where more would have to be looked at, in all draws together: some seconds' work.
const MOST_LOOKS: usize = 1_000_000_000;

/// What an interval was drawn from, or why there is none.
const CLASSES: &str = "classes-then-queries";
const QUERIES: &str = "queries-within-classes";
const NO_COPIES: &str = "none: drawn again, a row would be there twice, which the figure would take for structure";
const TOO_MANY: &str = "none: it would take more than 1,000,000,000 looks; ask for fewer `draws` or `pairs`";
const NO_DRAW: &str = "none: no draw has a value";

/// Hubs that are named.
const HUBS: usize = 10;

/// Index rows that are found most often.
#[derive(Debug)]
pub(super) struct Hubs {
    /// The nearest of each query that were looked at.
    pub(super) neighbours: usize,
    /// Each with how often it is found.
    pub(super) rows: Vec<(usize, usize)>,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) metrics: BTreeMap<String, Figure>,
    pub(super) undefined: BTreeMap<String, String>,
    pub(super) disjoint: BTreeMap<String, Figure>,
    pub(super) pairs: Option<PairsInfo>,
    pub(super) clustering: Option<ClusteringInfo>,
    pub(super) hubs: Option<Hubs>,
    pub(super) rerank: Option<RerankInfo>,
}

/// Measures what is asked for; `again` are the values of queries after re-ranking, `tainted` the queries that are where they
/// must not be.
///
/// # Errors
/// If the stage is to stop.
pub(super) fn measure(
    params: &Params,
    ctx: &Ctx<'_>,
    groups: &Groups,
    lookup: &Lookup<'_>,
    found: &[Retrieved],
    again: Option<&[Vec<Option<f64>>]>,
    tainted: &[bool],
) -> Result<Measured, StageError> {
    let bootstrap = params.bootstrap(ctx.seed());
    let mut all = Measuring { groups, lookup, bootstrap, measured: Measured::default() };
    let values: Vec<&[Option<f64>]> = found.iter().map(|found| found.values.as_slice()).collect();
    let everyone: Vec<usize> = (0..values.len()).collect();
    all.measured.metrics = all.means(&everyone, |query, column| values[query][column])?;
    if let Some(again) = again {
        let metrics = all.means(&everyone, |query, column| again[query][column])?;
        let gain = |query: usize, column: usize| Some(again[query][column]? - values[query][column]?);
        let gains = all.means(&everyone, gain)?;
        all.measured.rerank = Some(RerankInfo { method: Json::Null, metrics, gains });
    }
    let disjoint: Vec<usize> = everyone.into_iter().filter(|query| !tainted[*query]).collect();
    if disjoint.len() < values.len() {
        all.measured.disjoint = all.means(&disjoint, |query, column| values[query][column])?;
    }
    all.pairs(params.pairs, ctx)?;
    all.open_set(found)?;
    all.neighbours(found)?;
    all.space(ctx)?;
    Ok(all.measured)
}

struct Measuring<'a> {
    groups: &'a Groups,
    lookup: &'a Lookup<'a>,
    bootstrap: Bootstrap,
    measured: Measured,
}

/// The means over some queries of each value that `value` gives of a query and a column.
///
/// # Errors
/// If the stage is to stop.
pub(super) fn means(
    groups: &Groups,
    lookup: &Lookup<'_>,
    bootstrap: &Bootstrap,
    queries: &[usize],
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Result<BTreeMap<String, Figure>, StageError> {
    let columns: Vec<Vec<Option<f64>>> =
        (0..groups.columns.len()).map(|column| queries.iter().map(|query| value(*query, column)).collect()).collect();
    let labels: Vec<i32> = queries.iter().map(|query| lookup.labels[*query]).collect();
    let of_mean = |mean: &Named<Mean>| Column { values: &columns[mean.metric.column], average: mean.metric.average };
    let asked: Vec<Column<'_>> = groups.means.iter().map(of_mean).collect();
    let found = bootstrap.means_unless(lookup.stop, &labels, &asked).map_err(|error| unmeasured(&error))?;
    let named = groups.means.iter().zip(found).filter_map(|(mean, interval)| {
        let interval = interval?;
        let metric = &groups.columns[mean.metric.column];
        let counted = columns[mean.metric.column].iter().flatten().count();
        Some((mean.name.clone(), figure(metric, interval.value, Some(interval), CLASSES, counted)))
    });
    Ok(named.collect())
}

/// A figure as it is left.
fn figure(metric: &dyn Metric, value: f64, interval: Option<Interval>, drawn: &str, queries: usize) -> Figure {
    Figure {
        estimate: Estimate {
            value,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        },
        interval: drawn.to_owned(),
        queries,
        unit: metric.unit().to_owned(),
        higher_is_better: metric.higher_is_better(),
    }
}

impl Measuring<'_> {
    fn means(
        &self,
        queries: &[usize],
        value: impl Fn(usize, usize) -> Option<f64>,
    ) -> Result<BTreeMap<String, Figure>, StageError> {
        means(self.groups, self.lookup, &self.bootstrap, queries, value)
    }

    /// Leaves a figure, or says why there is none.
    fn leave(
        &mut self,
        name: &str,
        metric: &dyn Metric,
        value: Option<f64>,
        interval: (Option<Interval>, &str),
        why: &str,
    ) {
        match value.filter(|value| value.is_finite()) {
            Some(value) => {
                let drawn = if interval.0.is_none() && !interval.1.starts_with("none") { NO_DRAW } else { interval.1 };
                let queries = self.lookup.labels.len();
                self.measured.metrics.insert(name.to_owned(), figure(metric, value, interval.0, drawn, queries));
            }
            None => {
                self.measured.undefined.insert(name.to_owned(), why.to_owned());
            }
        }
    }

    /// Leaves figures that `of` computes together of any queries, by their values for all of them.
    fn leave_resampled<M: ?Sized>(
        &mut self,
        asked: &[Named<Box<M>>],
        as_metric: impl Fn(&M) -> &dyn Metric,
        (resampling, looks): (Resampling, usize),
        why: &str,
        of: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    ) -> Result<(), StageError> {
        let labels = self.lookup.labels;
        let affordable = looks.saturating_mul(self.bootstrap.draws) <= MOST_LOOKS;
        let everyone: Vec<u32> = (0..).zip(labels).map(|(query, _)| query).collect();
        let values = of(&everyone);
        let intervals = if affordable {
            let found = self.bootstrap.figures_unless(self.lookup.stop, resampling, labels, asked.len(), of);
            found.map_err(|error| unmeasured(&error))?
        } else {
            vec![None; asked.len()]
        };
        let drawn = match resampling {
            _ if !affordable => TOO_MANY,
            Resampling::ClassesThenQueries => CLASSES,
            Resampling::WithinClasses => QUERIES,
        };
        for ((asked, value), interval) in asked.iter().zip(values).zip(intervals) {
            self.leave(&asked.name, as_metric(&asked.metric), value, (interval, drawn), why);
        }
        Ok(())
    }

    fn pairs(&mut self, most: usize, ctx: &Ctx<'_>) -> Result<(), StageError> {
        let asked = &self.groups.pair;
        if asked.is_empty() {
            return Ok(());
        }
        let (pairs, info) = pairs::draw(self.lookup, most, ctx.seed())?;
        let queries = self.lookup.labels.len();
        let of = |drawn: &[u32]| {
            let mut times = vec![0_u32; queries];
            drawn.iter().for_each(|query| times[*query as usize] += 1);
            let roc = pairs.roc(|query| times[query as usize] as usize);
            asked.iter().map(|asked| asked.metric.of_pairs(&roc)).collect()
        };
        let looks = pairs.pairs().len();
        let why = "there are no pairs of one class, or none of two";
        self.leave_resampled(asked, |metric| metric, (Resampling::ClassesThenQueries, looks), why, of)?;
        self.measured.pairs = Some(info);
        Ok(())
    }

    fn open_set(&mut self, found: &[Retrieved]) -> Result<(), StageError> {
        let asked = &self.groups.open_set;
        if asked.is_empty() {
            return Ok(());
        }
        let sign = if self.lookup.distance.larger_is_nearer() { 1.0 } else { -1.0 };
        let probe = |(query, found): (usize, &Retrieved)| Probe {
            score: found.nearest.map_or(f64::NEG_INFINITY, |hit| sign * f64::from(hit.distance)),
            truth: match found.nearest {
                _ if self.lookup.relevant[query] == 0 => Truth::Unknown,
                Some(hit) if self.lookup.is_relevant(query, hit.row) => Truth::Right,
                _ => Truth::Wrong,
            },
        };
        let probes: Vec<Probe> = found.iter().enumerate().map(probe).collect();
        let of = |drawn: &[u32]| {
            let drawn: Vec<Probe> = drawn.iter().map(|query| probes[*query as usize]).collect();
            let set = OpenSet::new(&drawn).ok();
            asked.iter().map(|asked| asked.metric.of_open_set(set.as_ref()?)).collect()
        };
        // Each draw sorts its queries.
        let looks = probes.len().saturating_mul(10);
        let why = "there are no queries of classes in the index, or none of others";
        self.leave_resampled(asked, |metric| metric, (Resampling::ClassesThenQueries, looks), why, of)
    }

    fn neighbours(&mut self, found: &[Retrieved]) -> Result<(), StageError> {
        if self.groups.neighbour.is_empty() {
            return Ok(());
        }
        let nearest: Vec<Vec<u32>> = found.iter().map(|found| found.near.clone()).collect();
        for asked in &self.groups.neighbour {
            let value = asked.metric.of_neighbours(&nearest, self.lookup.row_labels.len());
            let value = value.map_err(|error| unmeasured(&error))?;
            let why = "every indexed image is found equally often";
            self.leave(&asked.name, asked.metric.as_ref(), value, (None, NO_COPIES), why);
        }
        let neighbours = self.groups.neighbour.iter().map(|asked| asked.metric.depth()).max().unwrap_or(0);
        let looked_at = nearest.iter().map(|near| &near[..neighbours.min(near.len())]);
        let hubs = hubness(looked_at, self.lookup.row_labels.len(), HUBS).map_err(|error| unmeasured(&error))?;
        let rows = hubs.top.into_iter().filter(|(_, times)| *times > 0).collect();
        self.measured.hubs = Some(Hubs { neighbours, rows });
        Ok(())
    }

    /// Figures of the queries' embeddings.
    fn space(&mut self, ctx: &Ctx<'_>) -> Result<(), StageError> {
        if self.groups.space.is_empty() && self.groups.clustering.is_empty() {
            return Ok(());
        }
        let asked = self.lookup.asked();
        let values: Arc<[f32]> = (0..asked.len()).flat_map(|row| asked.row(row)).copied().collect();
        let labels: Arc<[i32]> = self.lookup.labels.into();
        let dim = asked.dim();
        self.clustering(&values, dim)?;
        for asked in &self.groups.space {
            let value = alone(ctx, &asked.metric, (&values, dim), &labels)?;
            let why = "there are too few images, pairs or classes for it, or all embeddings are alike";
            self.leave(&asked.name, asked.metric.as_ref(), value, (None, NO_COPIES), why);
        }
        Ok(())
    }

    fn clustering(&mut self, values: &[f32], dim: usize) -> Result<(), StageError> {
        let asked = &self.groups.clustering;
        if asked.is_empty() {
            return Ok(());
        }
        let labels = self.lookup.labels;
        let space = Space::new(values, dim, labels).map_err(|error| unmeasured(&error))?;
        let by = KMeans::of_classes(&space, self.bootstrap.seed);
        let clusters = by.fit_unless(self.lookup.stop, &space).map_err(|error| unmeasured(&error))?;
        let of = |drawn: &[u32]| {
            let labels: Vec<i32> = drawn.iter().map(|query| labels[*query as usize]).collect();
            let given: Vec<u32> = drawn.iter().map(|query| clusters.of[*query as usize]).collect();
            let table = Contingency::new(&labels, &given).ok();
            asked.iter().map(|asked| asked.metric.of_clustering(table.as_ref()?)).collect()
        };
        let looks = labels.len().saturating_mul(20);
        self.leave_resampled(asked, |metric| metric, (Resampling::WithinClasses, looks), "there are no queries", of)?;
        self.measured.clustering = Some(ClusteringInfo { clusters: by.clusters, inertia: clusters.inertia });
        Ok(())
    }
}

/// A figure of embeddings: it asks nobody whether to stop, and a spectrum of many dimensions takes its time.
fn alone(
    ctx: &Ctx<'_>,
    metric: &Arc<dyn SpaceMetric>,
    (values, dim): (&Arc<[f32]>, usize),
    labels: &Arc<[i32]>,
) -> Result<Option<f64>, StageError> {
    let (metric, values, labels) = (metric.clone(), values.clone(), labels.clone());
    let work = move || Space::new(&values, dim, &labels).map(|space| metric.of_space(&space));
    apart(ctx, work)?.map_err(|error| unmeasured(&error))
}
