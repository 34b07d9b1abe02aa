//! SIGKILL at random points of a run in a process of its own.

use std::path::PathBuf;
use std::time::Instant;

use rand::{RngExt as _, SeedableRng as _};

use super::children::{long, spawn};
use super::*;

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
    let mut child = spawn(root, "long");
    let group = child.id();
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(alive(group), 0, "nothing of the run outlives it");
    let before = listing(root);
    let records = folders::all(root, &RunOrder::default());
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
fn kill_many(count: u64, seed: u64) {
    let expected = Results::undisturbed(&long());
    let project = Project::in_memory();
    let life = |_| {
        let started = Instant::now();
        let status = spawn(project.folder.path(), "long").wait().unwrap();
        assert!(status.success());
        let life = started.elapsed();
        std::fs::remove_dir_all(project.folder.path().join("artifacts")).unwrap();
        life
    };
    // The shortest of some: a busy machine only makes kills come earlier in a run.
    let life = (0..5).map(life).min().unwrap();
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
    assert_eq!(tally.before + tally.during + tally.after, delays.len());
    assert!(2 * tally.during >= delays.len(), "a run lives for {life:?}; kills: {tally:?}");
}

#[test]
fn two_hundred_kills_leave_nothing_wrong() {
    kill_many(200, 1);
}

#[test]
#[ignore = "takes minutes: the same with ten times as many kills"]
fn two_thousand_kills_leave_nothing_wrong() {
    kill_many(2000, 2);
}
