//! SIGKILL at random points of a run in a process of its own, and processes that run the same thing at once.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rand::{RngExt as _, SeedableRng as _};

use super::*;

const ROOT: &str = "SIMPIPE_TEST_ROOT";

/// A run of many small stages: long enough that most kills find it at work.
fn long() -> Plan {
    let ids: Vec<[String; 4]> =
        (0..8).map(|at| ["data", "train", "twin", "join"].map(|name| format!("{name}-{at}"))).collect();
    let mut stages: Vec<(&str, &str, &str, Vec<&str>)> = Vec::new();
    for (at, [data, train, twin, join]) in ids.iter().enumerate() {
        // The chains share one dataset's bytes; the trainings and all below them differ.
        let text = &data[5..];
        let above = if at == 0 { Vec::new() } else { vec![ids[at - 1][2].as_str()] };
        stages.push((data, "d", "", above));
        stages.push((train, text, "train", vec![data]));
        stages.push((twin, "x", "", vec![data]));
        stages.push((join, text, "", vec![train, twin]));
    }
    let stages: Vec<(&str, &str, &str, &[&str])> =
        stages.iter().map(|(id, text, mode, above)| (*id, *text, *mode, above.as_slice())).collect();
    plan(&stages)
}

/// Not a test by itself: what the processes of the tests below do.
#[test]
fn child() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let record = run_in(Path::new(&root));
    assert!(record.ok, "{:?}", record.failure());
}

fn run_in(root: &Path) -> RunRecord {
    let store = Store::open(&folders::store_folder(root)).unwrap();
    let cancel = AtomicBool::new(false);
    let runner = Runner { root, store: &store, jobs: 2, cancel: &cancel, command: Vec::new() };
    let say = |event: &Event| {
        if let Event::Warning { stage, message } = event {
            eprintln!("{stage}: {message}");
        }
    };
    runner.run(&long(), &Fakes, &say).unwrap()
}

fn spawn(root: &Path) -> Child {
    use std::os::unix::process::CommandExt;
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runner::tests::kills::child", "--nocapture"])
        .env(ROOT, root)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap()
}

/// Every file below a folder with its size and time.
fn listing(folder: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let items = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let state = |item: walkdir::DirEntry| {
        let metadata = item.metadata().ok()?;
        Some((item.path().to_path_buf(), metadata.len(), metadata.modified().ok()?))
    };
    items.filter_map(state).collect()
}

/// Processes of a group, from `/proc`.
fn alive(group: u32) -> usize {
    let of_group = |path: PathBuf| {
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        (fields.get(2)? == &group.to_string() && fields.first()? != &"Z").then_some(())
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(|item| of_group(item.path())).count()
}

/// Where a kill found the run.
#[derive(Debug, Default)]
struct Tally {
    before: usize,
    during: usize,
    after: usize,
}

/// Kills one run after `delay`, and checks what the next one makes of it.
fn kill_after(delay: Duration, expected: &Results, tally: &Mutex<Tally>) {
    let project = Project::in_memory();
    let root = project.folder.path();
    let mut child = spawn(root);
    let group = child.id();
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(alive(group), 0, "nothing of the run outlives it");
    let before = listing(root);
    let records = folders::all(root);
    {
        let mut tally = tally.lock().unwrap();
        match records.first() {
            None => tally.before += 1,
            Some(folder) if folder.join("run.json").exists() => tally.after += 1,
            Some(_) => tally.during += 1,
        }
    }
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(listing(root), before, "nothing writes after a kill");
    assert_recovers(&project, &long(), expected, &format!("killed after {delay:?}"));
}

/// Kills at `count` points, spread at random over the life of a run.
fn kill_many(count: u64, seed: u64) -> Tally {
    let expected = Results::undisturbed(&long());
    let project = Project::in_memory();
    let life = |_| {
        let started = Instant::now();
        let status = spawn(project.folder.path()).wait().unwrap();
        assert!(status.success());
        let life = started.elapsed();
        std::fs::remove_dir_all(project.folder.path().join("artifacts")).unwrap();
        life
    };
    let life = (0..3).map(life).max().unwrap();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let delays: Vec<Duration> = (0..count).map(|_| life.mul_f64(random.random_range(0.0..1.0))).collect();
    let tally = Mutex::new(Tally::default());
    let (first, second) = delays.split_at(delays.len() / 2);
    std::thread::scope(|scope| {
        for delays in [first, second] {
            let (tally, expected) = (&tally, &expected);
            scope.spawn(move || delays.iter().for_each(|delay| kill_after(*delay, expected, tally)));
        }
    });
    let tally = tally.into_inner().unwrap();
    eprintln!("a run lives for {life:?}; kills: {tally:?}");
    assert!(2 * tally.during >= usize::try_from(count).unwrap(), "{tally:?}");
    tally
}

#[test]
fn two_hundred_kills_leave_nothing_wrong() {
    let tally = kill_many(200, 1);
    assert_eq!(tally.before + tally.during + tally.after, 200);
}

#[test]
#[ignore = "takes minutes: the same with ten times as many kills"]
fn two_thousand_kills_leave_nothing_wrong() {
    let tally = kill_many(2000, 2);
    assert_eq!(tally.before + tally.during + tally.after, 2000);
}

#[test]
fn twenty_processes_compute_each_key_once() {
    for processes in [2, 20] {
        let project = Project::in_memory();
        let root = project.folder.path();
        let children: Vec<Child> = (0..processes).map(|_| spawn(root)).collect();
        let outputs = children.into_iter().map(|child| child.wait_with_output().unwrap());
        let said: Vec<String> = outputs
            .map(|output| {
                assert!(output.status.success(), "{output:?}");
                String::from_utf8(output.stderr).unwrap()
            })
            .collect();
        let records: Vec<RunRecord> = folders::all(root).iter().map(|dir| RunRecord::read(dir).unwrap()).collect();
        assert_eq!(records.len(), processes);
        let mut ran = BTreeMap::new();
        let mut results = Vec::new();
        for record in &records {
            for stage in record.stages.iter().filter(|stage| stage.outcome == Outcome::Ran) {
                *ran.entry(stage.key.unwrap()).or_insert(0) += 1;
            }
            results.push(Results::of(root, record));
        }
        let keys: std::collections::BTreeSet<_> = records[0].stages.iter().map(|stage| stage.key.unwrap()).collect();
        assert_eq!(ran.keys().collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
        assert!(ran.values().all(|times| *times == 1), "{ran:?}");
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        let waits = said.iter().flat_map(|text| text.lines()).filter(|line| line.contains("waiting for process"));
        eprintln!("{processes} processes, {} keys, {} waits", keys.len(), waits.count());
        assert_recovers(&project, &long(), &results[0], "after all");
    }
}
