//! `simpipe sweep`: trials that share what they can, kills at any moment, two processes at once, what is refused.

mod added;
mod kills;
mod slurm;
mod sources;
mod watch;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::project::{Project, repository, signal, simpipe};
use crate::schemas::validate;

/// A config over the smoke config, whose report draws one figure.
fn config(project: &Project, sweep: &str) -> String {
    let smoke = repository().join("configs/smoke.toml");
    let text = format!(
        "extends = {:?}\nname = \"tiny\"\n[report]\nfigures = [\"training-curves\"]\n[sweep]\n{sweep}",
        smoke.display().to_string()
    );
    let path = project.root().join("tiny.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Calibrations of one training.
const METRICS: &str = "method = \"grid\"\nobjective = \"match.map@r\"\nfinalists = 0\n[sweep.parameters]\n\
                       \"calibrate.metric\" = [\"f1\", \"precision\", \"recall\", \"binary-accuracy\"]\n";

/// Trainings of their own.
const RATES: &str = "method = \"tpe\"\nobjective = \"match.map@r\"\ntrials = 6\nfinalists = 2\nfinalist-seeds = 2\n\
                     [sweep.parameters]\n\"train.optimizer.adam.learning-rate\" = { low = 1e-4, high = 1e-1, log = true }\n";

fn folder(project: &Project) -> PathBuf {
    let named = project.root().join("artifacts/sweeps/tiny");
    let mut sweeps: Vec<PathBuf> = std::fs::read_dir(named).unwrap().map(|item| item.unwrap().path()).collect();
    sweeps.sort();
    sweeps.pop().unwrap()
}

/// The lines of one kind that everybody has said of the newest sweep, in their order.
fn lines(project: &Project, event: &str) -> Vec<Json> {
    let files = walkdir::WalkDir::new(folder(project).join("journals")).sort_by_file_name().into_iter().flatten();
    let files = files.filter(|item| item.file_type().is_file());
    let text: String = files.map(|item| std::fs::read_to_string(item.path()).unwrap()).collect();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let mut lines: Vec<Json> = lines.filter(|line| line["entry"]["event"] == event).collect();
    lines.sort_by_key(|line| line["order"].as_u64());
    lines.into_iter().map(|line| line["entry"].clone()).collect()
}

/// Numbers of the trials that have ended well, in the order of completion.
fn finished(project: &Project) -> Vec<u64> {
    lines(project, "trial-finished").iter().map(|entry| entry["trial"].as_u64().unwrap()).collect()
}

/// What each trial tried and gave, and what it is to others, whatever it is called on disk.
fn trials(project: &Project) -> BTreeMap<u64, (Json, Json, Json)> {
    let table = project.json(&["sweep", "table", "--json"], 0);
    validate("sweep-table.schema.json", &table);
    let trials = table["trials"].as_array().unwrap().iter();
    trials
        .map(|trial| {
            let number = trial["trial"].as_u64().unwrap();
            let to_others = ["again", "further", "epochs"].map(|name| trial[name].clone());
            (number, (trial["parameters"].clone(), trial["values"].clone(), Json::from(to_others.to_vec())))
        })
        .collect()
}

/// Outcomes of a stage in all runs of trials.
fn outcomes(project: &Project, stage: &str) -> Vec<String> {
    let runs = walkdir::WalkDir::new(folder(project).join("trials")).sort_by_file_name().into_iter().flatten();
    let records = runs.filter(|item| item.file_name() == "run.json");
    let outcome = |path: &Path| {
        let record: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let stages = record["stages"].as_array().unwrap().clone();
        let stage = stages.iter().find(|one| one["id"] == stage).unwrap().clone();
        stage["outcome"].as_str().unwrap().to_owned()
    };
    records.map(|item| outcome(item.path())).collect()
}

fn start(project: &Project, config: &str, more: &[&str]) -> Child {
    let root = project.root().to_str().unwrap();
    let mut command = simpipe(&["sweep", "run", config, "--root", root]);
    command.args(more).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a sweep says that a trial begins.
fn in_trial(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("trial ") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it begins a trial");
    }
    said
}

#[test]
fn trials_over_a_late_stage_train_once_and_are_no_runs_of_the_experiment() {
    let project = Project::new();
    let config = config(&project, METRICS);
    let status = project.json(&["sweep", "run", &config, "--json"], 0);
    validate("sweep-status.schema.json", &status);
    assert_eq!(
        (&status["state"], &status["trials"]["finished"], &status["trials"]["total"]),
        (&"done".into(), &4.into(), &4.into())
    );
    let (train, calibrate) = (outcomes(&project, "train"), outcomes(&project, "calibrate"));
    assert_eq!((train.iter().filter(|one| *one == "ran").count(), train.len()), (1, 4), "{train:?}");
    assert_eq!(calibrate, ["ran"; 4]);

    // Nobody who asks for the newest run means a trial, and all of them are one line.
    let listed = project.json(&["runs", "--json"], 0);
    validate("runs.schema.json", &listed);
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["run"], &runs[0]["sweep"]["finished"]), (1, &status["sweep"], &4.into()));
    project.json(&["show", "latest", "--json"], 2);
    project.json(&["show", "tiny", "--json"], 2);
    let explained = project.json(&["explain", "calibrate", &config, "--json", "--set", "calibrate.metric=recall"], 0);
    assert_eq!(explained["compared_with"], Json::Null);
    // A trial is shown like a run.
    let best = project.json(&["sweep", "best", "--json"], 0);
    validate("sweep-best.schema.json", &best);
    let run = best["best"][0]["runs"][0]["run"].as_str().unwrap();
    assert_eq!(project.json(&["show", run, "--json"], 0)["run"], run);
    let pinned = project.json(&["store", "pin", run, "--tag", "winner", "--json"], 0);
    assert_eq!((&pinned["gone"], pinned["pinned"]["run"].as_str()), (&serde_json::json!([]), Some(run)));
    project.json(&["store", "unpin", "winner", "--json"], 0);
    let options: Vec<&str> =
        best["best"][0]["set"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(options.len(), 1);
    let again = project.json(&["run", &config, "--json", "--set", options[0]], 0);
    assert!(again["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "hit"), "{again}");

    // gc takes the sweep for one run, and a second `sweep run` has nothing to do.
    let cleaned = project.json(&["store", "gc", "--keep-runs", "2", "--grace", "0s", "--delete", "--json"], 0);
    let gone = |kind: &str| -> u64 {
        let groups = cleaned["removed"].as_array().unwrap().iter().filter(|group| group["kind"] == kind);
        groups.map(|group| group["entries"].as_u64().unwrap()).sum()
    };
    assert_eq!((gone("train"), gone("calibrate")), (0, 3), "of its trials the best stays: {cleaned}");
    let removed = project.json(&["store", "gc", "--keep-runs", "2", "--grace", "0s", "--json"], 0);
    assert_eq!(removed["removed"], serde_json::json!([]), "{removed}");
    let before = finished(&project);
    project.json(&["sweep", "run", &config, "--json"], 0);
    assert_eq!(finished(&project), before);
    let pinned = project.json(&["store", "pin", status["sweep"].as_str().unwrap(), "--tag", "paper", "--json"], 0);
    validate("store-pin.schema.json", &pinned);
    assert_eq!(pinned["gone"], serde_json::json!([]));
    project.json(&["store", "gc", "--keep-runs", "0", "--grace", "0s", "--delete", "--json"], 0);
    let kept = project.json(&["run", &config, "--json", "--set", options[0]], 0);
    assert!(kept["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "hit"), "{kept}");

    // It is removed as a run is, and only whole.
    let id = status["sweep"].as_str().unwrap();
    let help = |args: &[&str]| project.json(args, 2)["errors"][0]["help"].as_str().unwrap().to_owned();
    assert!(help(&["runs", "rm", run, "--json"]).contains(&format!("simpipe runs rm {id}")));
    assert!(help(&["runs", "rm", id, "--json"]).contains("simpipe store unpin paper"));
    project.json(&["store", "unpin", "paper", "--json"], 0);
    let removed = project.json(&["runs", "rm", id, "--json"], 0);
    validate("runs-rm.schema.json", &removed);
    assert_eq!(removed["removed"], serde_json::json!([id]));
    project.json(&["sweep", "status", "--json"], 2);
    let left = project.json(&["runs", "--json"], 0);
    assert!(left["runs"].as_array().unwrap().iter().all(|run| run["run"] != id), "{left}");
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
}

#[test]
fn two_processes_share_a_sweep() {
    let project = Project::new();
    let sweep = format!(
        "parallel = 2\n{}",
        RATES.replace("trials = 6", "trials = 8").replace("finalists = 2", "finalists = 0")
    );
    let config = config(&project, &sweep);
    let children = [start(&project, &config, &[]), start(&project, &config, &[])];
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(std::fs::read_dir(project.root().join("artifacts/sweeps/tiny")).unwrap().count(), 1, "they share one");
    let mut ended = finished(&project);
    ended.sort_unstable();
    assert_eq!(ended, (0..8).collect::<Vec<u64>>());
    let tried: Vec<String> = trials(&project).values().map(|(parameters, ..)| parameters.to_string()).collect();
    let distinct: std::collections::BTreeSet<&String> = tried.iter().collect();
    assert_eq!(distinct.len(), 8, "{tried:?}");
    let left = std::fs::read_dir(folder(&project).join("workers")).unwrap().count();
    assert_eq!(left, 0, "nobody works on it any more");
}

#[test]
fn gc_beside_a_sweep_takes_nothing_that_it_needs() {
    let project = Project::new();
    let config = config(&project, &RATES.replace("trials = 6", "trials = 4").replace("finalists = 2", "finalists = 0"));
    let mut child = start(&project, &config, &[]);
    let said = in_trial(&mut child);
    let reader = std::thread::spawn(move || said.lines().map_while(Result::ok).collect::<Vec<String>>());
    let mut cleaned = 0;
    while child.try_wait().unwrap().is_none() {
        project.json(&["store", "gc", "--keep-runs", "0", "--grace", "0s", "--delete", "--json"], 0);
        cleaned += 1;
    }
    let rest = reader.join().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
    assert!(cleaned > 1, "gc ran beside it");
    assert_eq!(finished(&project).len(), 4);
    assert_eq!(outcomes(&project, "dataset").iter().filter(|one| *one == "ran").count(), 1, "what all share stayed");
    project.json(&["sweep", "resume", "--json"], 0);
    project.json(&["sweep", "best", "--json"], 0);
}

#[test]
fn a_changed_sweep_is_refused_with_the_difference_and_a_longer_one_is_not() {
    let project = Project::new();
    let config = config(&project, METRICS);
    project.json(&["sweep", "run", &config, "--json", "--set", "sweep.trials=2"], 0);
    let status = project.json(&["sweep", "run", &config, "--json", "--set", "sweep.trials=3"], 0);
    assert_eq!((&status["trials"]["total"], &status["trials"]["finished"]), (&3.into(), &3.into()));
    let refused = project.json(&["sweep", "run", &config, "--json", "--set", "train.epochs=2"], 2);
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("was started with another spec: `train.epochs` was "), "{message}");
    assert!(refused["errors"][0]["help"].as_str().unwrap().contains("--new"));
    let refused =
        project.json(&["sweep", "run", &config, "--json", "--set", "sweep.parameters.calibrate.metric=[\"f1\"]"], 2);
    assert!(
        refused["errors"][0]["message"].as_str().unwrap().contains("sweep.parameters.calibrate.metric"),
        "{refused}"
    );
    let new = project.json(&["sweep", "run", &config, "--json", "--new", "--set", "sweep.trials=1"], 0);
    assert_ne!(new["sweep"], status["sweep"]);
    project.json(&["sweep", "run", "configs/smoke.toml", "--json"], 2);
}

#[test]
fn a_trial_that_gives_no_number_is_recorded_and_the_limit_stops_the_sweep() {
    let project = Project::new();
    let rates = "method = \"grid\"\nobjective = \"train.loss\"\nfinalists = 0\nON\n[sweep.parameters]\n\
                 \"train.optimizer.adam.learning-rate\" = [0.002, 1e30, 0.004]\n";
    let config = |on: &str| config(&project, &rates.replace("ON", on));
    let goes_on = config("on-failure = \"continue\"");
    let status = project.json(&["sweep", "run", &goes_on, "--json"], 0);
    assert_eq!((&status["trials"]["finished"], &status["trials"]["failed"]), (&2.into(), &1.into()), "{status}");
    let table = project.json(&["sweep", "table", "--json"], 0);
    let failed = table["trials"].as_array().unwrap().iter().find(|trial| trial["state"] == "failed").unwrap();
    assert!(failed["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{failed}");

    let stops = config("on-failure = \"stop\"");
    let status = project.json(&["sweep", "run", &stops, "--json", "--new"], 1);
    assert_eq!((&status["state"], &status["stopped"]), (&"failed".into(), &"a trial failed".into()));
    assert_eq!(status["trials"]["finished"], 1);
    let status = project.json(&["sweep", "resume", "--json"], 0);
    assert_eq!(
        (&status["state"], &status["trials"]["finished"]),
        (&"done".into(), &2.into()),
        "resume finishes the rest"
    );
}

#[test]
fn as_many_failures_as_the_spec_allows_stop_the_sweep() {
    let project = Project::new();
    let rates = "method = \"grid\"\nobjective = \"train.loss\"\nfinalists = 0\nmax-failures = 2\n[sweep.parameters]\n\
                 \"train.optimizer.adam.learning-rate\" = [0.002, 1e30, 2e30, 3e30]\n";
    let status = project.json(&["sweep", "run", &config(&project, rates), "--json"], 1);
    let trials = &status["trials"];
    assert_eq!((&status["state"], &status["stopped"]), (&"failed".into(), &"2 trials failed".into()));
    assert_eq!((&trials["finished"], &trials["failed"], &trials["asked"]), (&1.into(), &2.into(), &3.into()));
}

#[test]
fn a_trial_is_a_point_with_all_its_seeds() {
    let project = Project::new();
    let config = config(&project, METRICS);
    project.json(&["sweep", "run", &config, "--json", "--set", "sweep.trials=2", "--set", "seeds=[3, 4]"], 0);
    let table = project.json(&["sweep", "table", "--json"], 0);
    for trial in table["trials"].as_array().unwrap() {
        let runs = trial["runs"].as_array().unwrap();
        let seeds: Vec<u64> = runs.iter().map(|run| run["seed"].as_u64().unwrap()).collect();
        let value = |run: &Json| {
            let path = project.root().join(run["dir"].as_str().unwrap()).join("run.json");
            let record: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            record["metrics"]["match.map@r"].as_f64().unwrap()
        };
        let values: Vec<f64> = runs.iter().map(value).collect();
        let mean = trial["values"]["match.map@r"].as_f64().unwrap();
        assert_eq!((seeds, values.len()), (vec![3, 4], 2));
        assert!((mean - (values[0] + values[1]) / 2.0).abs() < 1e-12 && values[0] != values[1], "{values:?}: {mean}");
    }
    assert_eq!(outcomes(&project, "train").iter().filter(|one| *one == "ran").count(), 2, "one for each seed");
}

#[test]
fn a_trial_that_takes_too_long_is_recorded_and_the_sweep_goes_on() {
    let project = Project::new();
    let sweep = "method = \"grid\"\nobjective = \"train.loss\"\nfinalists = 0\n[sweep.parameters]\n\
                 \"train.steps-per-epoch\" = [12, 10000000]\n[train]\ntimeout = \"5s\"\n";
    let status = project.json(&["sweep", "run", &config(&project, sweep), "--json"], 0);
    assert_eq!(
        (&status["state"], &status["trials"]["finished"], &status["trials"]["failed"]),
        (&"done".into(), &1.into(), &1.into()),
        "{status}"
    );
    let table = project.json(&["sweep", "table", "--json"], 0);
    let failed = table["trials"].as_array().unwrap().iter().find(|trial| trial["state"] == "failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("took longer than `timeout = \"5s\"`"), "{failed}");
}

#[test]
fn a_sweep_that_can_not_be_written_says_where() {
    let project = Project::new();
    let config = config(&project, METRICS);
    std::fs::create_dir_all(project.root().join("artifacts")).unwrap();
    // A file in a folder's place refuses everybody, the system's own user too.
    std::fs::write(project.root().join("artifacts/sweeps"), "").unwrap();
    let refused = project.output(&["sweep", "run", &config, "--json"]);
    let said: Json = serde_json::from_slice(&refused.stdout).unwrap();
    assert!(refused.status.code().is_some_and(|code| code != 0), "{said}");
    let message = said["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("artifacts/sweeps"), "{message}");
}

#[test]
fn a_rung_is_the_beginning_of_the_whole_training_to_the_bit() {
    let project = Project::new();
    let asha = RATES
        .replace("method = \"tpe\"", "method = { asha = { min-epochs = 1, factor = 3 } }")
        .replace("trials = 6", "trials = 3")
        .replace("finalists = 2", "finalists = 0");
    let config = config(
        &project,
        &format!("{asha}[train]\nepochs = 3\nschedule = {{ warmup-cosine = {{ warmup-steps = 4 }} }}\n"),
    );
    let status = project.json(&["sweep", "run", &config, "--json"], 0);
    assert_eq!((&status["trials"]["finished"], &status["trials"]["asked"]), (&3.into(), &4.into()), "{status}");
    let best = project.json(&["sweep", "best", "--json"], 0);
    let best = &best["best"][0];
    assert_eq!(best["epochs"], 3);
    let model = |root: &Path, dir: &Json| {
        std::fs::read(root.join(dir.as_str().unwrap()).join("train/model.safetensors")).unwrap()
    };
    let found = model(project.root(), &best["runs"][0]["dir"]);

    // In a store that knows nothing of the sweep, trained in one go.
    let other = Project::new();
    let set = best["set"][0].as_str().unwrap();
    let length = ["--set", "train.epochs=3", "--set", "train.schedule-epochs=3"];
    let whole = other.json(&[&["run", &config, "--json", "--set", set], &length[..]].concat(), 0);
    assert!(found == model(other.root(), &whole["dir"]), "the same to the byte");
}
