//! `[sweep]` in a config: what varies and how points are chosen, as it is written. What the paths in it name is for
//! `plan` to say, which knows the graph.

mod tables;

use std::time::Duration;

pub use self::tables::{Constraint, Constraints, Objective, Objectives, Parameter, Parameters, Written};
use simpipe_base::check::{self, Check};
use simpipe_base::{choice, params};
use simpipe_stage::TimeLimit;

choice! {
    /// How the next point is chosen.
    pub enum MethodName {
        /// Every combination of the listed values, in the order of the lists.
        #[aka("grid-search", "exhaustive")]
        "grid" => Grid,
        /// Independent draws.
        #[aka("random-search")]
        "random" => Random,
        /// A scrambled Sobol sequence, which is spread more evenly than draws.
        #[aka("quasi-random", "qmc")]
        "sobol" => Sobol,
        /// The tree-structured Parzen estimator over all parameters at once (Bergstra et al. 2011).
        #[aka("hyperopt", "tpesampler")]
        "tpe" => Tpe,
        /// A Gaussian process with the expected improvement in logarithms (Ament et al. 2023).
        #[aka("gp", "bayes", "bayesian", "gpsampler")]
        "gaussian-process" => GaussianProcess,
        /// A Sobol start, then a Gaussian process where there are few numbers and trials, else the Parzen estimator.
        "auto" => Auto,
        /// Asynchronous successive halving (Li et al. 2020): Sobol points, of which one in so many is trained on at each
        /// rung of epochs, from its checkpoint.
        #[aka("hyperband", "successive-halving", "sha")]
        "asha" => Asha(Asha),
        /// All Sobol points for an epoch, and only the best of them the whole way (Egele et al. 2024).
        #[aka("i-epoch", "one-epoch")]
        "screen" => Screen(Screen),
    }
}

params! {
    /// Who goes on in successive halving.
    pub struct Asha {
        /// Epochs of the first rung.
        #[aka("grace-period", "min-resource")]
        min_epochs: u32 = 1 => check::between(1, 1_000_000),
        /// One in so many goes on to the next rung, which is so many times as long.
        #[aka("reduction-factor", "eta")]
        factor: u32 = 3 => check::between(2, 100),
    }
}

params! {
    /// Who goes on after a look at all.
    pub struct Screen {
        /// Epochs that all are trained for.
        epochs: u32 = 1 => check::between(1, 1_000_000),
        /// Points that are trained the whole way.
        keep: u32 = 3 => check::between(1, 1000),
    }
}

choice! {
    /// Which values of a metric are better.
    pub enum Direction {
        /// Large ones.
        #[aka("max", "higher")]
        "maximize" => Maximize,
        /// Small ones.
        #[aka("min", "lower")]
        "minimize" => Minimize,
    }
}

choice! {
    /// What a failed trial does to the others.
    pub enum OnFailure {
        /// Nothing, until there are more than `max-failures`.
        "continue" => Continue,
        /// No further trial begins.
        #[aka("abort", "fail-fast")]
        "stop" => Stop,
    }
}

params! {
    /// Many trainings of one experiment, each with other values of some parameters.
    pub struct SweepParams {
        /// How the next point is chosen.
        #[aka("algorithm", "sampler", "search", "strategy")]
        method: MethodName = MethodName::Auto,
        /// The number that trials are compared by, such as "match.map@r"; or a table of several, each with its direction.
        #[aka("metric", "target", "goal")]
        objective: Objectives,
        /// Which values of a single objective are better; may be left out for losses and for metrics that say so.
        #[aka("mode")]
        direction: Option<Direction> = None,
        /// Finished points in the end, the config's own values included; a grid knows by itself how many it has.
        #[aka("max-trials", "n-trials", "budget", "num-samples")]
        trials: Option<u32> = None => check::between(1, 1_000_000).optional(),
        /// Trials at once.
        #[aka("n-jobs", "workers", "jobs", "concurrency")]
        parallel: u32 = 1 => check::between(1, 64),
        /// What a failed trial does to the others.
        on_failure: OnFailure = OnFailure::Continue,
        /// Failed trials after which no further one begins.
        max_failures: u32 = 10 => check::between(1, 1_000_000),
        /// How long a process of another machine that gives no sign of life keeps its trial, such as `10m`; one of this
        /// machine keeps it as long as it lives.
        #[aka("heartbeat-timeout", "heartbeat-grace-period")]
        lease: TimeLimit = TimeLimit(Duration::from_secs(600)) => leases(),
        /// Numbers that a trial must keep to be chosen, such as `{ "match.recall@1" = { min = 0.8 } }`.
        constraints: Constraints = Constraints::default(),
        /// The best points in the end that are trained with further seeds before one is named; 0 for none.
        finalists: u32 = 3 => check::between(0, 100),
        /// Seeds that each of them then has in all.
        finalist_seeds: u32 = 3 => check::between(1, 100),
        /// What varies: paths in quotes, each with a list of values or a range.
        #[aka("params", "space", "search-space")]
        parameters: Parameters,
    }
}

/// File servers show times that are up to a minute old.
fn leases() -> Check<TimeLimit> {
    Check::new("between 1m and 30d", |lease: &TimeLimit| (60..=30 * 86_400).contains(&lease.0.as_secs()))
}

params! {
    /// Limits of a number, both included.
    pub struct Limits {
        /// The least.
        min: Option<f64> = None => check::finite().optional(),
        /// The most.
        max: Option<f64> = None => check::finite().optional(),
    }
}

params! {
    /// All numbers between two.
    pub struct Range {
        /// The least.
        low: Written,
        /// The most.
        high: Written,
        /// Whether factors matter rather than differences.
        log: bool = false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{merge, parse};
    use simpipe_base::issue::Issues;
    use simpipe_base::param::{Param, View};
    use simpipe_base::source::{Layer, Source};

    fn table(text: &str) -> simpipe_base::node::Table {
        let source = Source::of_layer(Layer::Config, "a.toml".to_owned(), text, Path::new(""));
        parse::parse(&source, &mut Issues::default()).unwrap()
    }

    fn read(table: &simpipe_base::node::Table) -> (Option<SweepParams>, Vec<String>) {
        let mut issues = Issues::default();
        let read = SweepParams::read(&table["sweep"].node, "sweep", &mut issues);
        let said = |issue: simpipe_base::issue::Issue| {
            let (line, column) = issue.place.unwrap().line_column();
            format!("{line}:{column} {} | {}", issue.message, issue.help.unwrap_or_default())
        };
        (read, issues.0.into_iter().map(said).collect())
    }

    #[test]
    fn defaults_and_both_forms_of_objectives_are_read() {
        let (one, _) = read(&table("[sweep]\nobjective = \"match.map@r\"\nparameters = { \"train.epochs\" = [1, 2] }"));
        let one = one.unwrap();
        assert_eq!((one.method, one.trials, one.parallel), (MethodName::Auto, None, 1));
        assert_eq!(one.objective.0[0].metric, "match.map@r");
        let text = "[sweep]\nobjective = { \"a.b\" = \"maximize\", \"c.d\" = \"minimize\" }\nparameters = {}";
        let several = read(&table(text)).0.unwrap().objective;
        let directions: Vec<_> = several.0.iter().map(|one| one.direction.clone().unwrap()).collect();
        assert_eq!(directions, [Direction::Maximize, Direction::Minimize]);
    }

    #[test]
    fn mistakes_have_their_place_and_what_was_meant() {
        let text = "[sweep]\nmethod = \"bayesian\"\nobjectiv = \"a.b\"\ntrials = 0\nparameters = { }";
        let messages = read(&table(text)).1;
        assert_eq!(messages.len(), 3, "{messages:?}");
        assert!(
            messages.iter().any(|one| one.starts_with("2:10 ") && one.contains("`gaussian-process`")),
            "{messages:?}"
        );
        assert!(messages.iter().any(|one| one.starts_with("3:1 ") && one.contains("`objective`")), "{messages:?}");
        assert!(messages.iter().any(|one| one.starts_with("4:10 ")), "{messages:?}");
    }

    #[test]
    fn a_sweep_is_laid_over_another_parameter_by_parameter() {
        let mut below =
            table("[sweep]\ntrials = 5\nobjective = \"a.b\"\n[sweep.parameters]\n\"a.x\" = [1]\n\"a.y\" = [2]");
        merge::lay_over(&mut below, table("[sweep]\ntrials = 7\n[sweep.parameters]\n\"a.y\" = [3]\n\"a.z\" = [4]"));
        let merged = read(&below).0.unwrap();
        assert_eq!((merged.trials, merged.objective.0.len()), (Some(7), 1));
        let values = merged.parameters.write(View::Full);
        assert_eq!(values, serde_json::json!({ "a.x": [1], "a.y": [3], "a.z": [4] }));
    }
}
