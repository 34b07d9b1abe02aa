//! Journals that were torn, sweeps that go on, who is best: without running a stage.

mod shared;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::asks::Asker;
use super::*;
use simpipe_plan::sweep::{Bound, Goal};
use simpipe_spec::{self as spec, LoadOptions};
use simpipe_stages::registry;
use simpipe_store::TrialShare;
use simpipe_sweep::Value;

fn head(goals: &[(&str, bool)]) -> Head {
    let goal = |(metric, maximize): &(&str, bool)| Goal { metric: (*metric).to_owned(), maximize: *maximize };
    Head {
        sweep: "20260801T120000.000Z-0a1b2c".to_owned(),
        name: "smoke".to_owned(),
        config: "a.toml".to_owned(),
        path: "/a.toml".into(),
        overlays: vec![SavedOverlay::Set("train.epochs=2".to_owned())],
        method: "tpe".to_owned(),
        goals: goals.iter().map(goal).collect(),
        bounds: Vec::new(),
        identity: json!({ "sweep": {} }),
        sources: BTreeMap::new(),
        started: String::new(),
        version: "0".to_owned(),
        earlier: None,
    }
}

fn asked(trial: usize, again: Option<usize>) -> Entry {
    let point = Some(vec![Some(Coordinate::Real(0.1 + 0.2)), None, Some(Coordinate::Item(trial))]);
    Entry::TrialAsked {
        trial,
        point,
        parameters: BTreeMap::new(),
        seeds: vec![1],
        again,
        further: None,
        rung: 0,
        epochs: None,
        added: false,
    }
}

/// A trial that ends with values of `a.x` for its seeds, and of `a.y`.
fn ended(trial: usize, values: &[(u64, f64)], other: f64) -> Entry {
    let run = |(seed, value): &(u64, f64)| TrialRun {
        seed: *seed,
        run: format!("r{trial}-{seed}"),
        dir: format!("artifacts/r{trial}"),
        metrics: BTreeMap::from([("a.x".to_owned(), *value), ("a.y".to_owned(), other)]).into(),
    };
    let runs: Vec<TrialRun> = values.iter().map(run).collect();
    let metrics = crate::seeds::of_numbers(runs.iter().flat_map(|run| run.metrics.iter())).into();
    Entry::TrialFinished { trial, attempt: 0, runs, metrics, seconds: 1.0 }
}

fn failed(trial: usize) -> Entry {
    Entry::TrialFailed { trial, attempt: 0, runs: Vec::new(), reason: "no".to_owned(), seconds: 1.0 }
}

/// A sweep's folder with a journal of some lines.
fn journal(entries: &[Entry]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let head = head(&[("a.x", true)]);
    let path = folder.path().join(&head.sweep);
    std::fs::create_dir(&path).unwrap();
    Journal::create(&path, head).unwrap();
    let mut journal = Journal::read(&path).unwrap();
    entries.iter().for_each(|entry| journal.append(entry).unwrap());
    (folder, path)
}

/// The file of the only one who has said something.
fn only_file(path: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(path.join("journals")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn what_is_written_is_read_to_the_last_bit() {
    let entries = [
        Entry::Joined { trials: 3 },
        asked(0, None),
        Entry::TrialClaimed { trial: 0, attempt: 2, by: None },
        ended(0, &[(1, 0.3)], 0.0),
    ];
    let (_folder, path) = journal(&entries);
    let state = Journal::read(&path).unwrap().state;
    assert_eq!((state.total, state.trials.len(), state.finished.as_slice()), (3, 1, &[0][..]));
    let point = state.trials[0].point.clone().unwrap();
    assert_eq!(point.0, [Some(Value::Real(0.1 + 0.2)), None, Some(Value::Item(0))]);
    assert_eq!((state.trials[0].attempt, state.notes.len()), (Some(2), 0));
    let mut again = State::new(state.head.clone());
    entries.into_iter().for_each(|entry| again.apply(entry));
    assert_eq!(again, state);
}

#[test]
fn what_is_said_twice_counts_once_and_the_first_time() {
    let mut state = State::new(head(&[("a.x", true)]));
    for entry in
        [asked(0, None), asked(0, None), asked(5, None), ended(0, &[(1, 0.5)], 0.0), ended(0, &[(1, 0.9)], 0.0)]
    {
        state.apply(entry);
    }
    state.apply(failed(0));
    state.apply(ended(7, &[], 0.0));
    assert_eq!((state.trials.len(), state.finished.len(), state.failed.len()), (1, 1, 0));
    assert_eq!(state.trials[0].metrics().unwrap().get("a.x").unwrap(), 0.5);
}

#[test]
fn a_torn_last_line_is_dropped_and_said_wherever_it_was_torn() {
    let (_folder, path) = journal(&[Entry::Joined { trials: 3 }, asked(0, None), asked(1, None)]);
    let file = only_file(&path);
    let whole = std::fs::read(&file).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in last..whole.len() {
        std::fs::write(&file, &whole[..end]).unwrap();
        let mut journal = Journal::read(&path).unwrap();
        assert_eq!(journal.state.trials.len(), 1, "torn at {end}");
        assert_eq!(journal.state.notes.len(), usize::from(end > last), "{:?}", journal.state.notes);
        // Who goes on has a file of its own.
        journal.append(&asked(1, None)).unwrap();
        assert_eq!(journal.state.trials.len(), 2, "torn at {end}");
        let read = Journal::read(&path).unwrap().state;
        assert_eq!(read, journal.state, "torn at {end}");
        let own = |item: &std::fs::DirEntry| item.path() != file;
        let others = std::fs::read_dir(path.join("journals")).unwrap().map(Result::unwrap).filter(own);
        others.for_each(|item| std::fs::remove_file(item.path()).unwrap());
    }
}

/// A full disk can cut a process' own line short: its next one stands by itself.
#[test]
fn who_was_cut_short_begins_a_line_of_its_own() {
    let (_folder, path) = journal(&[]);
    let mut journal = Journal::read(&path).unwrap();
    journal.append(&Entry::Joined { trials: 3 }).unwrap();
    let half = std::fs::read(only_file(&path)).unwrap();
    let mut file = std::fs::File::options().append(true).open(only_file(&path)).unwrap();
    std::io::Write::write_all(&mut file, &half[..half.len() / 2]).unwrap();
    journal.append(&asked(0, None)).unwrap();
    let state = Journal::read(&path).unwrap().state;
    assert_eq!((state.total, state.trials.len(), state.notes.len()), (3, 1, 1));
    assert!(state.notes[0].ends_with(" is damaged and left out"), "{:?}", state.notes);
}

#[test]
fn whoever_reads_the_same_lines_tells_the_same_whenever_each_came_into_sight() {
    let (_folder, path) = journal(&[Entry::Joined { trials: 3 }]);
    let mut writers = [(); 3].map(|()| Journal::read(&path).unwrap());
    let mut reader = Journal::read(&path).unwrap();
    writers[0].append(&asked(0, None)).unwrap();
    // Two say at one time how it ended: neither has read the other.
    for (writer, value) in [(1, 0.5), (2, 0.9)] {
        let text = super::line::text_of(&ended(0, &[(1, value)], 0.0), 3);
        std::fs::write(path.join("journals").join(format!("{writer}.jsonl")), text).unwrap();
        if writer == 1 {
            writers[1].refresh().unwrap();
        }
    }
    let [first, second] = ["1.jsonl", "2.jsonl"].map(|name| path.join("journals").join(name));
    // Somebody sees the second alone at first.
    let hidden = path.join("hidden");
    std::fs::rename(&first, &hidden).unwrap();
    reader.refresh().unwrap();
    assert_eq!(reader.state.trials[0].metrics().unwrap().get("a.x").unwrap(), 0.9);
    std::fs::rename(&hidden, &first).unwrap();
    for journal in writers.iter_mut().chain([&mut reader]) {
        journal.refresh().unwrap();
        assert_eq!(journal.state.trials[0].metrics().unwrap().get("a.x").unwrap(), 0.5, "the file that comes first");
        assert_eq!(journal.state, Journal::read(&path).unwrap().state);
    }
    assert!(second.is_file());
    // What follows from what was read stands behind it, whatever the file is called.
    writers[0].append(&Entry::SweepStopped { why: "enough".to_owned(), at_once: false }).unwrap();
    reader.refresh().unwrap();
    reader.append(&Entry::Joined { trials: 4 }).unwrap();
    let state = Journal::read(&path).unwrap().state;
    assert_eq!((state.total, state.stopped), (4, None));
}

#[test]
fn a_trial_is_what_the_first_who_asked_says_even_if_that_was_his_last_word() {
    let (_folder, path) = journal(&[Entry::Joined { trials: 3 }]);
    let [mut one, mut other] = [(); 2].map(|()| Journal::read(&path).unwrap());
    one.ask(&asked(0, None)).unwrap();
    let added = |trial| match asked(trial, None) {
        Entry::TrialAsked { trial, point, parameters, seeds, again, further, rung, epochs, .. } => {
            Entry::TrialAsked { trial, point, parameters, seeds, again, further, rung, epochs, added: true }
        }
        entry => entry,
    };
    other.ask(&added(0)).unwrap();
    assert!(!other.state.trials[0].added && other.state == one.state, "it was asked for already");
    // Who ends between the name and the line has asked all the same.
    let text = super::line::text_of(&added(1), 9);
    assert!(simpipe_store::put_name(&path.join("asked"), "1", text.as_bytes()).unwrap());
    one.refresh().unwrap();
    assert!(one.state.trials[1].added);
    // And what is said of it is no less true where that is seen first.
    one.append(&ended(1, &[(1, 0.5)], 0.0)).unwrap();
    assert_eq!(Journal::read(&path).unwrap().state.finished, [1]);
    let name = path.join("asked/1");
    std::fs::rename(&name, path.join("away")).unwrap();
    let mut late = Journal::read(&path).unwrap();
    assert_eq!((late.state.trials.len(), late.state.finished.len()), (1, 0));
    std::fs::rename(path.join("away"), &name).unwrap();
    late.refresh().unwrap();
    assert_eq!(late.state, one.state);
}

#[test]
fn a_journal_of_one_file_is_read_and_goes_on() {
    let entries = [Entry::Joined { trials: 3 }, asked(0, None), asked(0, Some(7)), ended(0, &[(1, 0.5)], 0.0)];
    let (_folder, path) = journal(&[]);
    let file = path.join("journal.jsonl");
    // As format 1 has it: no line says its place.
    let line = |entry: &Entry| {
        let text = super::line::text_of(entry, 0).replace(",\"order\":0", "").replace("\"order\":0,", "");
        let (_, rest) = text.split_once("\",").unwrap();
        let check = simpipe_base::digest::Digest::of(rest.trim_end().as_bytes()).short();
        format!("{{\"check\":\"{check}\",{rest}")
    };
    let head = line(&Entry::SweepStarted { format: 1, head: Box::new(Journal::read(&path).unwrap().state.head) });
    std::fs::write(&file, head + &entries.iter().map(line).collect::<String>()).unwrap();
    let mut journal = Journal::read(&path).unwrap();
    assert_eq!((journal.state.total, journal.state.trials.len(), journal.state.finished.as_slice()), (3, 1, &[0][..]));
    assert_eq!((journal.state.trials[0].again, journal.state.notes.len()), (None, 0));
    journal.ask(&asked(1, None)).unwrap();
    journal.append(&failed(1)).unwrap();
    let state = Journal::read(&path).unwrap().state;
    assert_eq!((state.trials.len(), state.failed.as_slice()), (2, &[1][..]));
}

#[test]
fn a_line_that_was_changed_is_left_out() {
    let (_folder, path) = journal(&[Entry::Joined { trials: 3 }, asked(0, None), asked(1, None)]);
    let file = only_file(&path);
    let text = std::fs::read_to_string(&file).unwrap().replace("\"trials\":3", "\"trials\":4");
    std::fs::write(&file, text).unwrap();
    let state = Journal::read(&path).unwrap().state;
    assert_eq!((state.total, state.trials.len()), (0, 2));
    let name = file.file_name().unwrap().to_str().unwrap();
    assert_eq!(state.notes, [format!("line 1 of the sweep's {name} is damaged and left out")]);
}

#[test]
fn journals_of_another_sweep_or_a_newer_format_are_refused() {
    let (folder, path) = journal(&[]);
    let other = folder.path().join("20260801T130000.000Z-ffffff");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(path.join("journal.jsonl"), other.join("journal.jsonl")).unwrap();
    let error = Journal::read(&other).unwrap_err().to_string();
    assert!(error.contains("is the journal of the sweep 20260801T120000.000Z-0a1b2c"), "{error}");
    let text = std::fs::read_to_string(path.join("journal.jsonl")).unwrap();
    std::fs::write(path.join("journal.jsonl"), text.replace("\"format\":2", "\"format\":3")).unwrap();
    let error = Journal::read(&path).unwrap_err();
    assert!(error.to_string().ends_with("has format 3, this program reads format 2"), "{error}");
    assert_eq!(error.help(), Some("use the version of simpipe that wrote it, or a newer one"));
    std::fs::write(path.join("journal.jsonl"), "{}\n").unwrap();
    assert!(Journal::read(&path).unwrap_err().to_string().contains("its first line is damaged"));
}

#[test]
fn a_sweep_that_goes_on_after_it_was_stopped_has_its_failures_behind_it() {
    let mut state = State::new(head(&[("a.x", true)]));
    for entry in [Entry::Joined { trials: 5 }, asked(0, None), failed(0), Entry::Joined { trials: 5 }] {
        state.apply(entry);
    }
    assert_eq!(state.failures, 1, "who joins a sweep under way changes nothing");
    state.apply(Entry::SweepStopped { why: "a trial failed".to_owned(), at_once: false });
    state.apply(Entry::Joined { trials: 5 });
    assert_eq!((state.failures, state.failed.len(), state.stopped), (0, 1, None));
}

#[test]
fn a_trial_that_was_asked_to_stop_is_no_failure_that_stops_the_sweep() {
    let (_folder, path) = journal(&[Entry::Joined { trials: 5 }, asked(0, None), asked(1, None), failed(1)]);
    let error = |trial: usize| stop_trial(&path, trial).unwrap_err().to_string();
    assert!(error(1).ends_with("has ended") && error(2).contains("has no trial 2, for it has 2 so far"));
    assert!(stop_trial(&path, 0).unwrap().trials[0].unwanted);
    let mut journal = Journal::read(&path).unwrap();
    assert!(journal.state.trials[0].unwanted && journal.state.open().eq([0]), "whoever takes it up ends it");
    journal.append(&failed(0)).unwrap();
    assert_eq!((journal.state.failures, journal.state.failed.as_slice()), (1, &[1, 0][..]));
}

#[test]
fn the_best_comes_first_and_further_seeds_decide_whether_two_differ() {
    let mut state = State::new(head(&[("a.x", true)]));
    for (trial, value) in [(0, 0.5), (1, 0.8), (2, 0.7)] {
        state.apply(asked(trial, None));
        state.apply(ended(trial, &[(1, value)], 0.0));
    }
    let ranked = |state: &State| state.standings(true).iter().map(|one| one.trial).collect::<Vec<_>>();
    assert_eq!(ranked(&state), [1, 2, 0]);
    let verdict = state.verdict();
    assert_eq!((verdict.best, verdict.differ), (vec![1], None));
    assert!(verdict.statement.contains("it is not known whether they differ"), "{}", verdict.statement);
    // The first was lucky: over three seeds it is second, and the two don't differ.
    for (trial, again, values) in [(3, 1, [(2, 0.6), (3, 0.5)]), (4, 2, [(2, 0.7), (3, 0.72)])] {
        state.apply(asked(trial, Some(again)));
        state.apply(ended(trial, &values, 0.0));
    }
    assert_eq!(ranked(&state), [2, 1, 0]);
    let verdict = state.verdict();
    assert_eq!((verdict.best, verdict.differ), (vec![2], Some(false)));
    assert!(verdict.statement.contains("trial 2 and trial 1 do not differ over 3 seeds"), "{}", verdict.statement);
    assert_eq!(state.standings(false).iter().map(|one| one.trial).collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(state.finished_points(), 3);
}

#[test]
fn two_that_always_differ_are_said_to() {
    let mut state = State::new(head(&[("a.x", false)]));
    for (trial, values) in [(0, [(1, 0.50), (2, 0.60), (3, 0.55)]), (1, [(1, 0.71), (2, 0.80), (3, 0.76)])] {
        state.apply(asked(trial, None));
        state.apply(ended(trial, &values, 0.0));
    }
    let verdict = state.verdict();
    assert_eq!((verdict.best, verdict.differ), (vec![0], Some(true)), "less is better: {}", verdict.statement);
}

#[test]
fn constraints_come_before_the_objective_and_several_objectives_have_a_front() {
    let mut bounded = head(&[("a.x", true)]);
    bounded.bounds = vec![Bound { metric: "a.y".to_owned(), min: Some(0.5), max: None }];
    let mut state = State::new(bounded);
    for (trial, value, other) in [(0, 0.9, 0.4), (1, 0.5, 0.6), (2, 0.95, 0.1)] {
        state.apply(asked(trial, None));
        state.apply(ended(trial, &[(1, value)], other));
    }
    assert_eq!(state.standings(true).iter().map(|one| one.trial).collect::<Vec<_>>(), [1, 0, 2]);
    assert_eq!(state.verdict().best, [1]);
    let mut state = State::new(head(&[("a.x", true), ("a.y", false)]));
    for (trial, value, other) in [(0, 0.9, 0.4), (1, 0.5, 0.1), (2, 0.8, 0.5)] {
        state.apply(asked(trial, None));
        state.apply(ended(trial, &[(1, value)], other));
    }
    assert_eq!(state.verdict().best, [0, 1]);
}

/// A plan of the smoke config with a sweep.
fn plan(sweep: &str) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let smoke = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/smoke.toml");
    let path = folder.path().join("sweep.toml");
    std::fs::write(&path, format!("extends = {:?}\n[sweep]\n{sweep}", smoke.display().to_string())).unwrap();
    let experiment = spec::load(&path, &LoadOptions::default()).unwrap();
    Plan::build(experiment, registry::builtin()).unwrap()
}

struct Simulated {
    sweep: Arc<Sweep>,
    state: State,
    /// All entries so far.
    entries: Vec<Entry>,
}

impl Simulated {
    fn of(plan: &Plan) -> Self {
        let sweep = Arc::clone(plan.sweep.as_ref().unwrap());
        let head = Head { goals: sweep.goals.clone(), ..head(&[]) };
        let mut simulated = Self { sweep, state: State::new(head), entries: Vec::new() };
        simulated.say(Entry::Joined { trials: simulated.sweep.trials });
        simulated
    }

    fn say(&mut self, entry: Entry) {
        self.entries.push(entry.clone());
        self.state.apply(entry);
    }

    /// Asks until there are `open` trials, then ends the first: with a value that its parameters give.
    fn step(&mut self, plan: &Plan, open: usize) -> bool {
        let seed = Sweep::seed(&plan.experiment);
        while self.state.open().count() < open {
            let asker = Asker { sweep: &self.sweep, seed, seeds: vec![7] };
            let Some(entry) = asker.next(&self.state) else { break };
            self.say(entry);
        }
        let Some(trial) = self.state.open().next() else { return false };
        let parameters = self.state.trials[trial].parameters.clone();
        let rate =
            parameters.get("train.optimizer.adam.learning-rate").and_then(serde_json::Value::as_f64).unwrap_or(0.002);
        let metrics = Metrics::from(BTreeMap::from([("match.map@r".to_owned(), -(rate.ln() - 0.01_f64.ln()).powi(2))]));
        let run = |seed: &u64| TrialRun {
            seed: *seed,
            run: format!("r{trial}"),
            dir: "r".to_owned(),
            metrics: metrics.clone(),
        };
        let runs = self.state.trials[trial].seeds.iter().map(run).collect();
        self.say(Entry::TrialFinished { trial, attempt: 0, runs, metrics, seconds: 0.0 });
        true
    }
}

const RATES: &str = "method = \"tpe\"\nobjective = \"match.map@r\"\ntrials = 14\n[sweep.parameters]\n\
                     \"train.optimizer.adam.learning-rate\" = { low = 1e-4, high = 1e-1, log = true }";

#[test]
fn the_same_completions_ask_for_the_same_trials_whoever_asks() {
    let plan = plan(RATES);
    for open in [1, 4] {
        let mut whole = Simulated::of(&plan);
        while whole.step(&plan, open) {}
        // One that is begun again after every line goes on as if nothing had been.
        let mut resumed = Simulated::of(&plan);
        loop {
            let entries = std::mem::take(&mut resumed.entries);
            resumed.state = State::new(resumed.state.head.clone());
            entries.into_iter().for_each(|entry| resumed.say(entry));
            if !resumed.step(&plan, open) {
                break;
            }
        }
        assert_eq!(whole.state, resumed.state, "{open} at once");
        let points = whole.state.trials.iter().filter(|trial| trial.again.is_none()).count();
        assert_eq!((whole.state.finished_points(), points), (14, 14));
    }
}

#[test]
fn the_first_trial_is_the_configs_own_and_the_best_three_get_further_seeds() {
    let plan = plan(RATES);
    let mut simulated = Simulated::of(&plan);
    while simulated.step(&plan, 2) {}
    let trials = &simulated.state.trials;
    assert_eq!(trials[0].parameters, BTreeMap::from([("train.optimizer.adam.learning-rate".to_owned(), json!(0.002))]));
    let again: Vec<usize> = trials.iter().filter_map(|trial| trial.again).collect();
    let best: Vec<usize> = simulated.state.standings(false).iter().take(3).map(|one| one.trial).collect();
    assert_eq!(again, best);
    assert!(trials.iter().filter(|trial| trial.again.is_some()).all(|trial| trial.seeds == [8, 9]));
    assert_eq!(simulated.state.verdict().best, [best[0]]);
}

#[test]
fn failures_are_no_finished_points_and_a_small_space_ends() {
    let plan = plan(
        "method = \"random\"\nobjective = \"match.map@r\"\ntrials = 50\nfinalists = 0\n[sweep.parameters]\n\"train.epochs\" = [1, 2, 3, 4]",
    );
    let mut simulated = Simulated::of(&plan);
    assert_eq!(simulated.sweep.trials, 4, "there are no more");
    let seed = Sweep::seed(&plan.experiment);
    let mut number = 0;
    loop {
        let asker = Asker { sweep: &simulated.sweep, seed, seeds: vec![7] };
        let Some(entry) = asker.next(&simulated.state) else { break };
        simulated.say(entry);
        let metrics = BTreeMap::from([("match.map@r".to_owned(), 0.5)]).into();
        let done = Entry::TrialFinished { trial: number, attempt: 0, runs: Vec::new(), metrics, seconds: 0.0 };
        simulated.say(if number == 1 { failed(1) } else { done });
        number += 1;
    }
    assert_eq!((number, simulated.state.finished_points(), simulated.state.failed.len()), (4, 3, 1));
}

#[test]
fn halving_trains_the_best_third_on_and_names_one_that_came_the_whole_way() {
    let text = RATES.replace("method = \"tpe\"", "method = { asha = { min-epochs = 1, factor = 3 } }");
    let plan = plan(&format!("{}\n[train]\nepochs = 9", text.replace("trials = 14", "trials = 9")));
    let run = |open: usize| {
        let mut simulated = Simulated::of(&plan);
        while simulated.step(&plan, open) {}
        simulated.state
    };
    for open in [1, 3] {
        let state = run(open);
        assert_eq!(state, run(open), "the same again");
        let at = |rung: usize| state.trials.iter().filter(|trial| trial.again.is_none() && trial.rung == rung).count();
        assert_eq!((at(0), state.finished_points()), (9, 9));
        assert!((3..=5).contains(&at(1)) && (1..=2).contains(&at(2)), "{} and {}", at(1), at(2));
        assert!(state.trials.iter().all(|trial| trial.epochs == Some([1, 3, 9][trial.rung])));
        let best = state.verdict().best[0];
        assert_eq!(state.trials[best].rung, 2);
        assert!(state.trials.iter().filter(|trial| trial.again.is_some()).all(|trial| trial.rung == 2));
    }
}

#[test]
fn gc_keeps_of_a_sweep_its_best_and_what_may_be_trained_further() {
    let text = RATES.replace("method = \"tpe\"", "method = { asha = { min-epochs = 1, factor = 3 } }");
    let plan = plan(&format!("{}\n[train]\nepochs = 9", text.replace("trials = 14", "trials = 9")));
    let mut simulated = Simulated::of(&plan);
    assert!(shares::shares_of(&simulated.state).is_empty(), "before there is a best everything stays");
    // Three points, and the best of them trained further.
    (0..4).for_each(|_| assert!(simulated.step(&plan, 1)));
    let began = simulated.state.trials[3].further.unwrap();
    let share = |number: usize| if number == began { TrialShare::Nothing } else { TrialShare::Checkpoints };
    let expected: Vec<_> = (0..3).map(|number| (format!("r{number}"), share(number))).collect();
    assert_eq!(shares::shares_of(&simulated.state), expected);
    while simulated.step(&plan, 1) {}
    simulated.say(Entry::SweepDone {});
    let best = simulated.state.verdict().best[0];
    let trials = simulated.state.trials.iter().enumerate();
    let others = trials.filter(|(number, trial)| *number != best && trial.again != Some(best));
    let expected: Vec<_> = others.map(|(number, _)| (format!("r{number}"), TrialShare::Nothing)).collect();
    let mut found = shares::shares_of(&simulated.state);
    found.dedup();
    assert_eq!(found, expected, "nobody is trained further any more");
}

#[test]
fn screening_trains_the_best_on_once_all_have_been_seen() {
    let text = RATES.replace("method = \"tpe\"", "method = { screen = { keep = 2 } }");
    let plan = plan(&format!("{}\n[train]\nepochs = 4", text.replace("trials = 14", "trials = 6")));
    let mut simulated = Simulated::of(&plan);
    while simulated.step(&plan, 2) {}
    let rungs = simulated.state.trials.iter().filter(|trial| trial.again.is_none()).map(|trial| trial.rung);
    assert_eq!(rungs.collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 1, 1]);
}
