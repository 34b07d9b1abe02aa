//! Two machines over one folder whose locks keep nobody out: they share a sweep by names alone.

use std::time::{Duration, SystemTime};

use super::super::claims::{Claims, is_under_way};
use super::super::slurm::Queue;
use super::*;
use simpipe_base::fault::{Fault, Faults};
use simpipe_store::{Claim, pretend_elsewhere};

/// What one machine has of a sweep.
struct Machine {
    store: Store,
    path: PathBuf,
    queue: Queue,
    job: Option<String>,
}

impl Machine {
    /// This thread, as a machine of its own.
    fn new(path: &Path, squeue: &Path, job: Option<&str>) -> Self {
        pretend_elsewhere();
        let store = Store::open(&path.parent().unwrap().join("store")).unwrap();
        let queue = Queue::of(squeue.to_str().unwrap().to_owned());
        Self { store, path: path.to_path_buf(), queue, job: job.map(str::to_owned) }
    }

    fn claims(&self) -> Claims<'_> {
        let (job, lease) = (self.job.as_deref(), Duration::from_secs(60));
        Claims { store: &self.store, folder: &self.path, job, lease, queue: &self.queue }
    }

    fn take(&self, journal: &mut Journal) -> Option<(usize, u32, Claim)> {
        journal.refresh().unwrap();
        self.claims().take(journal).unwrap()
    }
}

/// On a thread, which is another machine to all others.
fn elsewhere<T: Send>(what: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(what).join().unwrap())
}

fn rate(trial: &Trial) -> f64 {
    trial.parameters["train.optimizer.adam.learning-rate"].as_f64().unwrap()
}

/// Asks, claims and ends trials until there are none; gives the numbers of those that it has ended.
fn work(machine: &Machine, plan: &Plan, journal: &mut Journal) -> Vec<usize> {
    let sweep = plan.sweep.as_ref().unwrap();
    let asker = Asker { sweep, seed: Sweep::seed(&plan.experiment), seeds: vec![7] };
    let mut ended = Vec::new();
    loop {
        if let Some((trial, attempt, _claim)) = machine.take(journal) {
            assert_eq!(attempt, 0, "nobody has died");
            std::thread::sleep(Duration::from_millis(2));
            let metrics =
                Metrics::from(BTreeMap::from([("match.map@r".to_owned(), -rate(&journal.state.trials[trial]))]));
            let run = |seed: &u64| TrialRun {
                seed: *seed,
                run: "r".to_owned(),
                dir: "r".to_owned(),
                metrics: metrics.clone(),
            };
            let runs = journal.state.trials[trial].seeds.iter().map(run).collect();
            journal.append(&Entry::TrialFinished { trial, attempt, runs, metrics, seconds: 0.0 }).unwrap();
            ended.push(trial);
            continue;
        }
        match asker.next(&journal.state) {
            Some(entry) => journal.ask(&entry).unwrap(),
            None if journal.state.open().next().is_some() => std::thread::sleep(Duration::from_millis(1)),
            None => return ended,
        }
    }
}

#[test]
fn two_machines_share_a_sweep_where_every_lock_is_given_to_everybody() {
    let plan = plan(RATES);
    let (folder, path) = journal_of(&plan);
    let _faults = Faults::below(folder.path(), Fault::IdleLocks);
    let nowhere = folder.path().join("no-squeue");
    let together = std::sync::Barrier::new(2);
    let share = || {
        let machine = Machine::new(&path, &nowhere, None);
        let warnings = machine.store.take_warnings();
        assert!(warnings[0].contains("locks do not work"), "{warnings:?}");
        let mut journal = Journal::read(&path).unwrap();
        together.wait();
        let ended = work(&machine, &plan, &mut journal);
        (ended, journal)
    };
    let mut machines = std::thread::scope(|scope| {
        let machines = [(); 2].map(|()| scope.spawn(share));
        machines.map(|machine| machine.join().unwrap())
    });
    for (ended, journal) in &mut machines {
        journal.refresh().unwrap();
        assert!(!ended.is_empty(), "it had its share");
    }
    let [(mut one, first), (other, second)] = machines;
    assert_eq!(first.state, second.state, "both tell the same story");
    let state = first.state;
    one.extend(other);
    one.sort_unstable();
    assert_eq!(one, (0..state.trials.len()).collect::<Vec<_>>(), "each trial was run once");
    assert_eq!((state.finished_points(), state.trials.len()), (14, 17), "and the best three with further seeds");
    let mut rates: Vec<String> =
        state.trials.iter().filter(|trial| trial.is_point()).map(|trial| rate(trial).to_string()).collect();
    rates.sort();
    rates.dedup();
    assert_eq!(rates.len(), 14, "no point was asked for twice");
    let files = std::fs::read_dir(path.join("journals")).unwrap().count();
    assert_eq!(files, 3, "whoever says something has a file of his own: the two, and who began it");
}

/// What queues of others do now and then: lose one, or run one twice.
#[test]
fn thirty_trials_of_four_workers_are_thirty_every_time() {
    let text = RATES.replace("\"tpe\"", "\"random\"").replace("trials = 14", "trials = 30\nfinalists = 0");
    let plan = plan(&text);
    for round in 0..20 {
        let (folder, path) = journal_of(&plan);
        let nowhere = folder.path().join("no-squeue");
        let share = || {
            let machine = Machine::new(&path, &nowhere, None);
            let mut journal = Journal::read(&path).unwrap();
            work(&machine, &plan, &mut journal)
        };
        let mut ended: Vec<usize> = std::thread::scope(|scope| {
            let workers = [(); 4].map(|()| scope.spawn(share));
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        ended.sort_unstable();
        assert_eq!(ended, (0..30).collect::<Vec<_>>(), "round {round}: each once");
        let state = Journal::read(&path).unwrap().state;
        assert_eq!((state.finished_points(), state.trials.len()), (30, 30), "round {round}");
    }
}

/// The folder of a sweep over a plan, without a trial; in memory where there is such a folder, for nobody cuts the power.
fn journal_of(plan: &Plan) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let sweep = plan.sweep.as_ref().unwrap();
    let head = Head { goals: sweep.goals.clone(), ..head(&[]) };
    let path = folder.path().join(&head.sweep);
    std::fs::create_dir(&path).unwrap();
    Journal::create(&path, head).unwrap();
    Journal::read(&path).unwrap().append(&Entry::Joined { trials: sweep.trials }).unwrap();
    (folder, path)
}

/// The sweep of one open trial, which a machine has claimed and left without a word.
fn abandoned(job: Option<&str>, squeue: &Path) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = journal(&[Entry::Joined { trials: 3 }, asked(0, None)]);
    elsewhere(|| {
        let machine = Machine::new(&path, squeue, job);
        let mut journal = Journal::read(&path).unwrap();
        let (trial, attempt, claim) = machine.take(&mut journal).unwrap();
        assert_eq!((trial, attempt), (0, 0));
        drop(claim); // no sign of life comes any more
    });
    (folder, path)
}

/// A program that answers as squeue does.
fn squeue(folder: &Path, says: &str) -> PathBuf {
    let path = folder.join("squeue");
    std::fs::write(&path, format!("#!/bin/sh\n{says}\n")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// What another machine takes up of it, as an element of a job or not.
fn taken_up(path: &Path, squeue: &Path, job: Option<&str>) -> Option<u32> {
    elsewhere(|| {
        let machine = Machine::new(path, squeue, job);
        let mut journal = Journal::read(path).unwrap();
        machine.take(&mut journal).map(|(_, attempt, _)| attempt)
    })
}

/// As if the last sign of life had come so many seconds ago.
fn silent(path: &Path, seconds: u64) {
    let claim = std::fs::File::options().write(true).open(path.join("claims/0-0")).unwrap();
    claim.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

#[test]
fn a_silent_machine_keeps_its_trial_for_the_lease() {
    let tools = tempfile::tempdir().unwrap();
    let nowhere = tools.path().join("no-squeue");
    let (_folder, path) = abandoned(None, &nowhere);
    assert_eq!(taken_up(&path, &nowhere, None), None, "it may be at work");
    silent(&path, 50);
    assert_eq!(taken_up(&path, &nowhere, None), None);
    silent(&path, 62);
    assert_eq!(taken_up(&path, &nowhere, None), Some(1), "the lease is over");
    assert_eq!(taken_up(&path, &nowhere, None), None, "and another has it now");
}

#[test]
fn a_job_that_slurm_knows_no_more_has_left_its_trial_and_one_that_it_knows_has_not() {
    let tools = tempfile::tempdir().unwrap();
    for (says, expected) in [
        ("echo '7_3|RUNNING'", None),
        ("echo '7_2|RUNNING'", Some(1)),
        ("echo '7_3|PENDING'", Some(1)),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", Some(1)),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", None),
    ] {
        let squeue = squeue(tools.path(), says);
        let (_folder, path) = abandoned(Some("7_3"), &squeue);
        let claim = std::fs::read_to_string(path.join("claims/0-0")).unwrap();
        assert!(claim.contains("\nhost ") && claim.ends_with("\njob 7_3\n"), "{claim}");
        assert_eq!(taken_up(&path, &squeue, Some("7_4")), expected, "{says}");
    }
    // Whatever Slurm says of it, who was silent for so long has lost it; and a job that begins anew takes up its own.
    let squeue = squeue(tools.path(), "echo '7_3|RUNNING'");
    let (_folder, path) = abandoned(Some("7_3"), &squeue);
    silent(&path, 62);
    assert_eq!(taken_up(&path, &squeue, Some("7_4")), Some(1));
    let (_folder, path) = abandoned(Some("7_3"), &squeue);
    assert_eq!(taken_up(&path, &squeue, Some("7_3")), Some(1));
}

#[test]
fn who_works_elsewhere_is_seen_until_it_leaves() {
    let tools = tempfile::tempdir().unwrap();
    let nowhere = tools.path().join("no-squeue");
    let (folder, path) = journal(&[Entry::Joined { trials: 3 }]);
    let store = Store::open(&folder.path().join("store")).unwrap();
    assert!(!is_under_way(Some(&store), &path));
    elsewhere(|| {
        let machine = Machine::new(&path, &nowhere, Some("7_3"));
        let presence = machine.claims().presence().unwrap();
        assert!(elsewhere(|| is_under_way(Some(&store), &path)));
        drop(presence);
        assert!(!elsewhere(|| is_under_way(Some(&store), &path)));
    });
}
