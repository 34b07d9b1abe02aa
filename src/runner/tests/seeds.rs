//! Groups: one run a seed, what they share, what a failure and a stop leave.

use std::path::Path;
use std::sync::Arc;

use petgraph::graph::DiGraph;

use super::*;
use crate::status::{Forecast, Freshness};
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_base::seed::Seed;
use simpipe_plan::{Edge, Node};
use simpipe_stage::{Bound, Ctx, Facts, InputFacts, Kind, Policy, Port, Stage};
use simpipe_store::{GcPolicy, RunState};

params! {
    /// Of [`Roll`].
    struct RollParams {
        /// The seed at which it fails, as text.
        fails_at: String = String::new(),
        /// A file outside the store: it fails only while that is there.
        file: String = String::new(),
    }
}

/// Draws a number.
#[derive(Debug)]
struct Roll;

impl Stage for Roll {
    const NAME: &'static str = "roll";
    const SUMMARY: &'static str = "Draws a number.";
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["out.txt"];
    const SEEDED: bool = true;
    type Params = RollParams;

    fn ports(_: &RollParams) -> Vec<Port> {
        vec![Port::new("a", Kind::Report, &["out.txt"])]
    }

    fn infer(_: &RollParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        Ok(Facts::Report)
    }

    fn run(params: &RollParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let fails = params.fails_at.parse().is_ok_and(|seed| Seed::of_stage(seed, "roll", None) == ctx.seed());
        if fails && Path::new(&params.file).exists() {
            return Err(StageError::failed("an unlucky seed"));
        }
        let rolled = f64::from(u32::try_from(ctx.seed().number("roll") % 1000).unwrap());
        ctx.metric("rolled", rolled);
        let path = ctx.output("out.txt");
        std::fs::write(&path, rolled.to_string()).map_err(StageError::io("write", &path))
    }
}

/// `data` is the same for all seeds; `roll` reads it and draws; `after` reads `roll`.
fn rolling(seeds: &[u64], fails_at: &str) -> Plan {
    failing(seeds, fails_at, Path::new(""))
}

/// The same, and `roll` fails at one of the seeds while a file is there.
fn failing(seeds: &[u64], fails_at: &str, file: &Path) -> Plan {
    let mut plan = plan(&[("data", "d", "", &[]), ("after", "x", "", &["data"])]);
    let (data, after) = (plan.order[0], plan.order[1]);
    let stage = Arc::new(Bound::<Roll>(RollParams {
        fails_at: fails_at.to_owned(),
        file: file.to_string_lossy().into_owned(),
    }));
    let mut graph: DiGraph<Node, Edge> = plan.graph.clone();
    graph.clear_edges();
    let roll = graph.add_node(Node { id: "roll".into(), stage, policy: Policy::default(), facts: Facts::Report });
    let port = || Port::new("a", Kind::Report, &["out.txt"]);
    graph.add_edge(data, roll, Edge { port: port() });
    graph.add_edge(roll, after, Edge { port: port() });
    plan.graph = graph;
    plan.order = vec![data, roll, after];
    plan.experiment.seeds = seeds.to_vec();
    plan.experiment.seed = seeds[0];
    plan
}

impl Project {
    fn group_with(&self, plan: &Plan, on_event: &(dyn Fn(&Event) + Sync)) -> RunRecord {
        let (root, store) = (self.folder.path(), &self.store());
        let runner = Runner { root, store, jobs: 2, cancel: &self.cancel, command: Vec::new(), profiler: None };
        runner.run_seeds(plan, &Fakes, on_event).unwrap()
    }

    fn group(&self, plan: &Plan) -> RunRecord {
        self.group_with(plan, &|_| {})
    }
}

fn outcomes(stages: &[StageRecord]) -> Vec<(&str, &str)> {
    stages.iter().map(|stage| (stage.id.as_str(), stage.outcome.word())).collect()
}

#[test]
fn each_seed_is_a_run_and_what_none_changes_is_computed_once() {
    let project = Project::new();
    let plan = rolling(&[1, 2, 3], "");
    let group = project.group(&plan);
    assert!(group.ok && group.is_group());
    let seeds: Vec<u64> = group.seeds.iter().map(|run| run.seed).collect();
    assert_eq!(seeds, [1, 2, 3]);
    assert_eq!(outcomes(&group.seeds[0].stages), [("data", "ran"), ("roll", "ran"), ("after", "ran")]);
    for run in &group.seeds[1..] {
        assert_eq!(outcomes(&run.stages), [("data", "hit"), ("roll", "ran"), ("after", "ran")]);
    }
    let listed: Vec<_> = group.stages.iter().map(|stage| (stage.id.as_str(), stage.seed)).collect();
    let of = |id: &'static str| [1, 2, 3].map(|seed| (id, Some(seed)));
    assert_eq!(listed, [&[("data", None)][..], &of("roll"), &of("after")].concat());

    let rolled: Vec<f64> = group.seeds.iter().map(|run| run.metrics["roll.rolled"]).collect();
    let mean = rolled.iter().sum::<f64>() / 3.0;
    assert!((group.metrics["roll.rolled"] - mean).abs() < 1e-9);
    assert!(group.metrics["roll.rolled.t_low"] < mean && group.metrics["roll.rolled.t_high"] > mean);
    assert!(group.metrics["roll.rolled.std"] > 0.0, "{rolled:?}");
    assert_eq!(group.metrics["data.length.std"], 0.0);

    // Its runs are ordinary ones: a run of one of the seeds alone has the same keys.
    let folder = project.folder.path().join(&group.seeds[1].dir);
    let member = RunRecord::read(&folder).unwrap();
    assert_eq!((member.group.as_deref(), member.spec["seed"].as_u64()), (Some(group.run.as_str()), Some(2)));
    let mut alone = rolling(&[2], "");
    alone.experiment.seeds.clear();
    assert_eq!(with(&project.run(&alone), Outcome::Hit).len(), 3);
    // And the group's record comes back as it is, its spec with the seeds.
    let stored = RunRecord::read(&project.folder.path().join(&group.dir)).unwrap();
    assert_eq!(stored, group);
    assert_eq!((&group.spec["seeds"], group.spec.get("seed")), (&json!([1, 2, 3]), None));
}

#[test]
fn a_seed_that_fails_stops_no_other_and_a_second_time_only_it_runs() {
    let project = Project::new();
    let file = project.folder.path().join("unlucky");
    std::fs::write(&file, "").unwrap();
    let plan = failing(&[5, 6, 7], "6", &file);
    let group = project.group(&plan);
    assert!(!group.ok && !group.interrupted);
    assert_eq!(group.seeds.iter().map(|run| run.ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(outcomes(&group.seeds[1].stages), [("data", "hit"), ("roll", "failed"), ("after", "skipped")]);
    // Means are over the runs that are ok.
    let of = |at: usize| group.seeds[at].metrics["roll.rolled"];
    assert!((group.metrics["roll.rolled"] - f64::midpoint(of(0), of(2))).abs() < 1e-9);
    std::fs::remove_file(&file).unwrap();
    let again = project.group(&plan);
    assert!(again.ok);
    let ran: Vec<_> = again.stages.iter().filter(|stage| stage.outcome == Outcome::Ran).collect();
    assert_eq!(
        ran.iter().map(|stage| (stage.id.as_str(), stage.seed)).collect::<Vec<_>>(),
        [("roll", Some(6)), ("after", Some(6))]
    );
}

#[test]
fn a_group_that_was_stopped_goes_on_where_it_was() {
    let project = Project::new();
    let plan = rolling(&[1, 2, 3], "");
    let stopped = project.group_with(&plan, &|event| {
        if matches!(event, Event::RunFinished { .. }) {
            project.cancel.store(true, Ordering::Relaxed);
        }
    });
    assert!(!stopped.ok && stopped.interrupted);
    assert_eq!(stopped.seeds.iter().map(|run| (run.seed, run.ok)).collect::<Vec<_>>(), [(1, true)]);
    assert!(!stopped.metrics.contains_key("roll.rolled.std"), "one run has no spread");
    project.cancel.store(false, Ordering::Relaxed);
    let group = project.group(&plan);
    assert!(group.ok);
    assert_eq!(
        with(&RunRecord::read(&project.folder.path().join(&group.seeds[0].dir)).unwrap(), Outcome::Hit).len(),
        3
    );
}

#[test]
fn the_latest_of_the_config_is_the_group_and_gc_keeps_it_whole() {
    let project = Project::new();
    let plan = rolling(&[1, 2, 3], "");
    let group = project.group(&plan);
    let store = project.store();
    let found = folders::find_tagged(project.folder.path(), &store, "latest").unwrap();
    assert_eq!(RunRecord::read(&found).unwrap().run, group.run);
    let started = store.journaled_runs().unwrap();
    let groups: Vec<Option<&str>> = started.iter().map(|run| run.start.group.as_deref()).collect();
    assert_eq!(groups.iter().filter(|of| **of == Some(group.run.as_str())).count(), 3);
    assert!(started.iter().all(|run| run.state == RunState::Done));

    let none = std::time::Duration::ZERO;
    let policy = GcPolicy { keep_runs: 1, grace: none, delete: true, ..GcPolicy::default() };
    store.gc(&policy, &folders::reach(project.folder.path())).unwrap();
    let again = project.group(&plan);
    assert!(again.seeds.iter().all(|run| run.stages.iter().all(|stage| stage.outcome == Outcome::Hit)));
    assert_eq!(again.stages[0].outcome, Outcome::Hit);
}

#[test]
fn what_changed_is_told_from_the_last_run_of_the_same_seed() {
    let project = Project::new();
    project.group(&rolling(&[1, 2, 3], ""));
    let changed = rolling(&[1, 2, 3], "9");
    for seed in [1, 2, 3] {
        let plan = changed.at_seed(seed);
        let forecast = Forecast::of(&plan, &Fakes, &project.store(), project.folder.path()).unwrap();
        let roll = forecast.stage("roll").unwrap();
        assert_eq!(roll.status, Freshness::Stale);
        let paths: Vec<_> = roll.reasons.iter().map(|reason| reason.path.as_deref()).collect();
        assert_eq!(paths, [Some("roll.fails-at")], "not the seed");
    }
    let ids = |nodes: std::collections::BTreeSet<NodeIndex>| -> Vec<String> {
        nodes.into_iter().map(|node| changed.graph[node].id.clone()).collect()
    };
    assert_eq!(ids(changed.hanging_on_seed()), ["after", "roll"]);
    assert!(Path::new(&project.store_folder()).exists());
}
