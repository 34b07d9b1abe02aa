//! Sweeps that are killed, interrupted and stopped, and go on.

use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::turns::turn;

#[test]
fn a_sweep_survives_kills_at_any_moment() {
    let _turn = turn();
    let trials = survives_kills(RATES);
    assert_eq!(trials, 8, "six points, and the best two with another seed");
}

#[test]
fn rungs_survive_kills_at_any_moment() {
    let _turn = turn();
    let asha = RATES
        .replace("method = \"tpe\"", "method = { asha = { min-epochs = 1, factor = 3 } }")
        .replace("finalists = 2", "finalists = 0");
    let schedule = "epochs = 3\nschedule = { warmup-cosine = { warmup-steps = 4 } }\ncheckpoint-every-steps = 5\n";
    let trials = survives_kills(&format!("{asha}[train]\n{schedule}"));
    assert!((8..=9).contains(&trials), "six points, and at least two of them trained further: {trials}");
}

/// Kills a sweep eight times; it comes to the same trials as one that nobody disturbs. Gives how many they are.
fn survives_kills(sweep: &str) -> usize {
    let undisturbed = Project::new();
    let status = undisturbed.json(&["sweep", "run", &config(&undisturbed, sweep), "--json"], 0);
    assert_eq!(status["trials"]["finished"], 6);
    let expected = trials(&undisturbed);

    let project = Project::new();
    let config = config(&project, sweep);
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut during = 0;
    for _ in 0..8 {
        let mut child = start(&project, &config, &[]);
        std::thread::sleep(Duration::from_millis(random.random_range(30..700)));
        child.kill().unwrap();
        during += usize::from(child.wait().unwrap().code().is_none());
    }
    assert!(during >= 3, "{during} of 8 kills found it at work");
    let status = project.json(&["sweep", "run", &config, "--json"], 0);
    assert_eq!((&status["state"], &status["trials"]["asked"]), (&"done".into(), &expected.len().into()));
    assert_eq!(trials(&project), expected, "the same trials with the same numbers");
    let mut ended = finished(&project);
    ended.sort_unstable();
    assert_eq!(ended, (0..expected.len() as u64).collect::<Vec<u64>>(), "none was lost, none repeated");
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    expected.len()
}

/// A sweep of two trials that take long enough to be stopped in one.
fn long(project: &Project) -> String {
    let long = format!("{RATES}[train]\nsteps-per-epoch = 800\ncheckpoint-every-steps = 100\n")
        .replace("trials = 6", "trials = 2")
        .replace("finalists = 2", "finalists = 0");
    config(project, &long)
}

#[test]
fn a_sweep_that_is_stopped_goes_on_where_it_was() {
    let _turn = turn();
    let project = Project::new();
    let config = long(&project);
    let mut child = start(&project, &config, &[]);
    let said = in_trial(&mut child);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("`simpipe sweep resume")), "{rest:?}");
    assert_eq!(project.json(&["sweep", "status", "--json"], 0)["state"], "interrupted");

    // The same from outside.
    let mut child = start(&project, &config, &[]);
    let said = in_trial(&mut child);
    assert_eq!(project.json(&["sweep", "status", "--json"], 0)["state"], "running");
    let stopped = project.json(&["sweep", "stop", "--json"], 0);
    validate("sweep-stop.schema.json", &stopped);
    assert_eq!(stopped["stopped"], true);
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert_eq!(project.json(&["sweep", "stop", "--json"], 0)["stopped"], false);

    let status = project.json(&["sweep", "resume", "--json"], 0);
    assert_eq!(
        (&status["state"], &status["trials"]["finished"], &status["trials"]["asked"]),
        (&"done".into(), &2.into(), &2.into())
    );
    assert!(lines(&project, "trial-released").len() >= 2, "both times a trial was given back");
}

#[test]
fn a_second_signal_ends_a_sweep_at_once_and_it_goes_on_later() {
    let _turn = turn();
    let project = Project::new();
    let config = long(&project);
    let mut child = start(&project, &config, &[]);
    let said = in_trial(&mut child);
    std::thread::sleep(Duration::from_millis(300));
    // Both are there before it can do anything about the first.
    for name in ["STOP", "INT", "TERM", "CONT"] {
        signal(&child, name);
    }
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("interrupted")), "no safe point, no summary: {rest:?}");
    assert_eq!(project.json(&["sweep", "status", "--json"], 0)["state"], "killed");
    let status = project.json(&["sweep", "resume", "--json"], 0);
    assert_eq!(
        (&status["state"], &status["trials"]["finished"], &status["trials"]["asked"]),
        (&"done".into(), &2.into(), &2.into())
    );
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
}

#[test]
fn a_trial_is_stopped_by_itself_and_the_others_go_on() {
    let _turn = turn();
    let project = Project::new();
    let endless = "method = \"grid\"\nobjective = \"train.loss\"\nfinalists = 0\nparallel = 2\nmax-failures = 1\n\
                   [sweep.parameters]\n\"train.steps-per-epoch\" = [10000000, 12, 24]\n";
    let config = config(&project, endless);
    let mut child = start(&project, &config, &[]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("10000000") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it begins the trial without end");
    }
    let number = line.strip_prefix("trial ").and_then(|rest| rest.split_once(':')).unwrap().0;
    let refused = project.json(&["sweep", "stop", "--trial", "7", "--json"], 2);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("has no trial 7"), "{refused}");
    let stopped = project.json(&["sweep", "stop", "--trial", number, "--json"], 0);
    validate("sweep-stop.schema.json", &stopped);
    assert_eq!((&stopped["trial"].to_string()[..], &stopped["running"]), (number, &true.into()));
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
    let status = project.json(&["sweep", "status", "--json"], 0);
    let trials = &status["trials"];
    assert_eq!((&status["state"], &status["stopped"]), (&"done".into(), &Json::Null), "no failure that counts");
    assert_eq!((&trials["finished"], &trials["failed"]), (&2.into(), &1.into()));
    let failed = &lines(&project, "trial-failed")[0];
    assert_eq!((&failed["trial"].to_string()[..], &failed["reason"]), (number, &"it was asked to stop".into()));
    let refused = project.json(&["sweep", "stop", "--trial", number, "--json"], 2);
    assert!(refused["errors"][0]["message"].as_str().unwrap().ends_with("has ended"), "{refused}");
}
