//! Groups: one experiment at several seeds. Each seed is an ordinary run of its own, one after the other; what no seed
//! changes is computed by the first and a hit for the others, because keys say so. The group's record is about all.
//!
//! A group has an id, a folder and a journal like a run. It keeps no result of its own: a group that was killed or stopped
//! goes on as a new one whose finished runs are hits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Value as Json;

use super::git::Look;
use super::memory::Watch;
use super::record::{FORMAT, paths};
use super::{
    Event, Part, RunError, RunRecord, Runner, SeedRun, StageRecord, clock, close, executor, folders, machine, warn,
};
use simpipe_base::interrupt::LeftToEnd;
use simpipe_base::param::View;
use simpipe_metric::MetricError;
use simpipe_metric::statistics::Spread;
use simpipe_plan::Plan;
use simpipe_stage::Catalog;

/// The share of intervals of the mean that hold it.
const LEVEL: f64 = 0.95;

impl Runner<'_> {
    /// Runs the experiment once for each of its seeds, in their order, and gives the group's record.
    ///
    /// A run that fails stops no other; after the user asks to stop, no further one begins.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_seeds(
        &self,
        plan: &Plan,
        catalog: &dyn Catalog,
        on_event: &(dyn Fn(&Event) + Sync),
    ) -> Result<RunRecord, RunError> {
        let backend = super::backend_of(plan, catalog).map_err(RunError::Device)?;
        let (began, started, look) = (clock::now(), Instant::now(), Look::begin(&plan.experiment.project));
        let watch = Watch::begin();
        let (run, inside) = folders::create(self.root, &plan.experiment.name, began)?;
        let folder = inside.path().to_path_buf();
        let dir = folder.strip_prefix(self.root).unwrap_or(&folder).to_string_lossy().into_owned();
        let (journal, unjournaled) = self.journal(plan, &run, &dir, began, None)?;
        unjournaled.into_iter().for_each(|message| warn(on_event, message));
        let mut runs = Vec::new();
        for seed in &plan.experiment.seeds {
            if self.cancel.load(Ordering::Relaxed) {
                break;
            }
            let record = self.run_of(&plan.at_seed(*seed), catalog, on_event, Part::Group(&run))?;
            let RunRecord { run, dir, ok, stages, metrics, saved_seconds, .. } = record;
            runs.push((SeedRun { seed: *seed, run, dir, ok, stages, metrics }, saved_seconds));
        }
        let _recording = LeftToEnd::begin();
        let saved_seconds = runs.iter().map(|(_, saved)| saved).sum();
        let seeds: Vec<SeedRun> = runs.into_iter().map(|(run, _)| run).collect();
        let record = RunRecord {
            format: FORMAT,
            run,
            name: plan.experiment.name.clone(),
            dir,
            ok: seeds.len() == plan.experiment.seeds.len() && seeds.iter().all(|run| run.ok),
            interrupted: self.cancel.load(Ordering::Relaxed),
            started: began.rfc3339(),
            finished: clock::now().rfc3339(),
            seconds: started.elapsed().as_secs_f64(),
            saved_seconds,
            peak_memory: watch.most(),
            config: plan.experiment.config.to_string_lossy().into_owned(),
            command: self.command.clone(),
            versions: executor::made_by(&backend.compute)
                .into_iter()
                .chain(catalog.hardware(&backend.compute))
                .collect(),
            machine: machine::machine(),
            stages: stages(plan, &seeds),
            metrics: over_seeds(seeds.iter().filter(|run| run.ok).map(|run| &run.metrics)),
            spec: spec(plan),
            paths: paths(plan),
            git: look.end(),
            group: None,
            seeds,
        };
        record.write(&folder)?;
        close(journal, &record, "group", on_event);
        Ok(record)
    }
}

/// The resolved spec with the seeds in the place of the one.
fn spec(plan: &Plan) -> Json {
    let mut spec = plan.resolved(View::Full);
    if let Json::Object(spec) = &mut spec {
        spec.remove("seed");
        spec.insert("seeds".to_owned(), plan.experiment.seeds.clone().into());
    }
    spec
}

/// The stages of all runs in the order of the plan: those of one key once, as the run has them that computed them, others
/// once for each seed.
fn stages(plan: &Plan, runs: &[SeedRun]) -> Vec<StageRecord> {
    let of_stage = |id: &str| {
        let of_run = |run: &SeedRun| Some((run.seed, run.stages.iter().find(|stage| stage.id == id)?.clone()));
        let all: Vec<(u64, StageRecord)> = runs.iter().filter_map(of_run).collect();
        let keys: BTreeSet<_> = all.iter().map(|(_, stage)| stage.key).collect();
        if keys.len() == 1 && !keys.contains(&None) && all.iter().all(|(_, stage)| stage.outcome.done()) {
            return all.into_iter().map(|(_, stage)| stage).take(1).collect();
        }
        all.into_iter().map(|(seed, stage)| StageRecord { seed: Some(seed), ..stage }).collect::<Vec<_>>()
    };
    plan.order.iter().flat_map(|node| of_stage(&plan.graph[*node].id)).collect()
}

/// For each metric of the runs its mean, `NAME.std` and the t-interval `NAME.t_low`, `NAME.t_high` of the mean; of a
/// single run no spread is known, of the ends of an interval none is told.
pub(super) fn over_seeds<'a>(runs: impl Iterator<Item = &'a BTreeMap<String, f64>>) -> BTreeMap<String, f64> {
    of_numbers(runs.flatten().map(|(name, value)| (name.as_str(), *value)))
}

/// The same of all numbers of all runs, by their names.
pub(super) fn of_numbers<'a>(numbers: impl Iterator<Item = (&'a str, f64)>) -> BTreeMap<String, f64> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in numbers {
        values.entry(name).or_default().push(value);
    }
    // The ends of an interval have a mean, but how they vary over seeds nobody asks.
    let is_end = |name: &str| {
        let of = name.strip_suffix(".low").or_else(|| name.strip_suffix(".high"));
        of.is_some_and(|of| values.contains_key(of))
    };
    let mut metrics = BTreeMap::new();
    for (name, values) in &values {
        let spread: Result<Option<Spread>, MetricError> = Spread::of(values, LEVEL);
        let Ok(Some(Spread { mean, std, interval })) = spread else { continue };
        metrics.insert((*name).to_owned(), mean);
        if is_end(name) {
            continue;
        }
        metrics.extend(std.map(|std| (format!("{name}.std"), std)));
        if let Some((low, high)) = interval {
            metrics.insert(format!("{name}.t_low"), low);
            metrics.insert(format!("{name}.t_high"), high);
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_means_with_their_spread() {
        let run = |loss: f64, more: Option<f64>| {
            let more = more.map(|value| ("match.map@r".to_owned(), value));
            BTreeMap::from_iter([("train.loss".to_owned(), loss)].into_iter().chain(more))
        };
        let runs = [run(0.61, None), run(0.62, Some(0.5)), run(0.63, None)];
        let metrics = over_seeds(runs.iter());
        // scipy.stats.t.interval(0.95, 2, 0.62, sem([0.61, 0.62, 0.63])).
        let expected = [
            ("match.map@r", 0.5),
            ("train.loss", 0.62),
            ("train.loss.std", 0.01),
            ("train.loss.t_high", 0.644_841_377_117_503_3),
            ("train.loss.t_low", 0.595_158_622_882_496_7),
        ];
        assert_eq!(metrics.len(), expected.len(), "{metrics:?}");
        for (name, value) in expected {
            assert!((metrics[name] - value).abs() < 1e-12, "{name}: {}", metrics[name]);
        }
        assert_eq!(over_seeds(std::iter::empty()), BTreeMap::new());
    }

    #[test]
    fn ends_of_an_interval_have_a_mean_and_no_spread() {
        let run = |value: f64| {
            let named = [("a", 0.0), ("a.low", -0.1), ("b.low", 0.2)];
            BTreeMap::from_iter(named.map(|(name, by)| (name.to_owned(), value + by)))
        };
        let metrics = over_seeds([run(0.5), run(0.7)].iter());
        let names: Vec<&str> = metrics.keys().map(String::as_str).collect();
        let spread =
            ["a", "a.low", "a.std", "a.t_high", "a.t_low", "b.low", "b.low.std", "b.low.t_high", "b.low.t_low"];
        assert_eq!(names, spread);
    }
}
