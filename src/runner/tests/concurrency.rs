//! Processes that run the same and overlapping experiments on one store at once.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::process::Child;

use super::children::{overlapping, spawn};
use super::*;
use simpipe_base::fs;

/// Lets children go on that hold their first stage, until all have ended.
fn release(root: &Path, children: Vec<Child>) {
    fs::remove_file(&root.join("hold")).unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// Waits until a child says that it waits for the process `owner`.
fn waits_for(child: &mut Child, owner: u32) {
    let mut line = String::new();
    std::io::BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), format!("top: waiting for process {owner}, which is computing the same result"));
}

/// Waits for something that another process does.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..10_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{what} did not come in 10 s")
}

/// The process that holds the one lock of a key.
fn owner(project: &Project) -> u32 {
    wait_for("a lock", || {
        let locks = fs::list(&project.store_folder().join("locks")).ok()?;
        let lock = locks.into_iter().find(|path| path.extension().is_some())?;
        std::fs::read_to_string(lock).ok()?.split('-').next()?.parse().ok()
    })
}

#[test]
fn two_and_twenty_processes_compute_each_key_once() {
    for processes in [2, 20] {
        let project = Project::in_memory();
        let root = project.folder.path();
        std::fs::write(root.join("hold"), "").unwrap();
        // All open the fresh store at once; whoever is first holds `top` until the others have come.
        let mut children: Vec<Child> = (0..processes).map(|at| spawn(root, ["one", "two"][at % 2])).collect();
        let first = owner(&project);
        for child in children.iter_mut().filter(|child| child.id() != first) {
            waits_for(child, first);
        }
        release(root, children);

        let records: Vec<RunRecord> =
            folders::all(root, &RunOrder::default()).iter().map(|dir| RunRecord::read(dir).unwrap()).collect();
        assert_eq!(records.len(), processes);
        let stages = || records.iter().flat_map(|record| &record.stages);
        let ran: Vec<_> = stages().filter(|stage| stage.outcome == Outcome::Ran).map(|stage| stage.key).collect();
        let keys: BTreeSet<_> = stages().map(|stage| stage.key).collect();
        assert_eq!(keys.len(), 6, "top, right, and a left and a bottom of each variant");
        assert_eq!((ran.len(), ran.into_iter().collect::<BTreeSet<_>>()), (6, keys), "each ran once");
        assert!(stages().all(|stage| stage.outcome.done()));
        for variant in ["one", "two"] {
            let plan = overlapping(variant);
            assert_recovers(&project, &plan, &Results::undisturbed(&plan), "after all");
        }
    }
}

#[test]
fn who_waits_for_a_killed_process_takes_over() {
    let project = Project::in_memory();
    let root = project.folder.path();
    std::fs::write(root.join("hold"), "").unwrap();
    let mut first = spawn(root, "one");
    assert_eq!(owner(&project), first.id());
    let mut waiting: Vec<Child> = (0..3).map(|_| spawn(root, "one")).collect();
    for child in &mut waiting {
        waits_for(child, first.id());
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let heir = wait_for("another owner", || Some(owner(&project)).filter(|owner| *owner != first.id()));
    assert!(waiting.iter().any(|child| child.id() == heir));
    release(root, waiting);
    let runs = folders::all(root, &RunOrder::default());
    let records: Vec<RunRecord> = runs.iter().filter_map(|dir| RunRecord::read(dir).ok()).collect();
    assert_eq!((runs.len(), records.len()), (4, 3), "a killed run leaves no record");
    for id in ["top", "left", "right", "bottom"] {
        let outcomes = records.iter().filter(|record| record.stage(id).unwrap().outcome == Outcome::Ran);
        assert_eq!(outcomes.count(), 1, "{id}");
    }
    let plan = overlapping("one");
    assert_recovers(&project, &plan, &Results::undisturbed(&plan), "after a kill");
}
