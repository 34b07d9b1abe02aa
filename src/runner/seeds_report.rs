//! What a group of seeds comes to, as data that tables and pages show.

use super::{RunRecord, SeedRun};
use simpipe_artifact::{FORMAT, SeedsMetric, SeedsReport, SeedsRun, SeedsValue};
use simpipe_metric::bounds;

/// Suffixes of what stands beside a figure.
const BESIDE: [&str; 5] = [".std", ".t_low", ".t_high", ".low", ".high"];

impl RunRecord {
    /// Every figure over the seeds, beside what each run knows of its own; nothing of a run that is no group.
    #[must_use]
    pub fn over_seeds(&self) -> SeedsReport {
        let names = self.metrics.keys().filter(|name| !self.is_beside(name));
        SeedsReport {
            format: FORMAT,
            group: self.run.clone(),
            name: self.name.clone(),
            config: self.config.clone(),
            runs: self.seeds.iter().map(run).collect(),
            metrics: if self.is_group() {
                names.map(|name| self.metric_over_seeds(name)).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// Whether a name is that of a spread or of an interval's end.
    fn is_beside(&self, name: &str) -> bool {
        let of = |suffix: &str| name.strip_suffix(suffix).is_some_and(|of| self.metrics.contains_key(of));
        BESIDE.iter().any(|suffix| of(suffix))
    }

    /// The ends of the 95 % t-interval of a figure's mean over seeds; those of a share are cut at 0 and 1.
    #[must_use]
    pub fn t_interval(&self, name: &str) -> [Option<f64>; 2] {
        ["t_low", "t_high"].map(|end| Some(bounds::cut(name, *self.metrics.get(&format!("{name}.{end}"))?)))
    }

    fn metric_over_seeds(&self, name: &str) -> SeedsMetric {
        let beside = |suffix: &str| self.metrics.get(&format!("{name}{suffix}")).copied();
        let [t_low, t_high] = self.t_interval(name);
        let value = |run: &SeedRun| {
            let of = |suffix: &str| run.metrics.get(&format!("{name}{suffix}")).copied();
            // A run that failed has figures of the stages before, which no mean is made of.
            Some(SeedsValue { value: of("").filter(|_| run.ok)?, low: of(".low"), high: of(".high") })
        };
        SeedsMetric {
            name: name.to_owned(),
            mean: beside("").unwrap_or_default(),
            std: beside(".std"),
            t_low,
            t_high,
            values: self.seeds.iter().map(value).collect(),
        }
    }
}

fn run(run: &SeedRun) -> SeedsRun {
    let failed =
        run.stages.iter().find_map(|stage| Some(format!("`{}`: {}", stage.id, stage.failure.as_ref()?.message)));
    SeedsRun { seed: run.seed, run: run.run.clone(), ok: run.ok, failure: failed }
}
