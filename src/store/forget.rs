//! Runs that somebody removes: nothing of theirs is kept for them from then on.

use super::journal::RunStart;
use super::signs::SILENT;
use super::{RunState, Store, StoreError, fs};

impl Store {
    /// Removes the journal of a run of a root, so that gc keeps nothing for it; `false`, and nothing is removed, if the run
    /// is under way.
    ///
    /// # Errors
    /// If a journal of this id can't be read or removed.
    pub fn forget_run(&self, root: &str, name: &str, run: &str) -> Result<bool, StoreError> {
        let _hold = self.share()?; // gc decides by all journals or by those that are left
        let is_it = |start: &RunStart| start.root == root && start.name == name && start.run == run;
        let mut found = Vec::new();
        for path in self.files_below("journal")? {
            // Runs of two roots may share an id: the second journal is numbered.
            let of_id = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.starts_with(run));
            if of_id && let Some(journal) = self.read_journal(&path, SILENT)?.filter(|journal| is_it(&journal.start)) {
                if journal.state == RunState::Running {
                    return Ok(false);
                }
                found.push(path);
            }
        }
        found.iter().try_for_each(|path| fs::remove_file(path))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_has_ended_is_forgotten_and_one_under_way_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let start = |root: &str, run: &str| RunStart {
            run: run.to_owned(),
            name: "x".to_owned(),
            root: root.to_owned(),
            dir: format!("artifacts/runs/x/{run}"),
            ..RunStart::default()
        };
        store.journal(start("/a", "1")).unwrap().finish(true, false).unwrap();
        store.journal(start("/b", "1")).unwrap().finish(true, false).unwrap();
        let running = store.journal(start("/a", "2")).unwrap();
        let left = || store.journaled_runs().unwrap().into_iter().map(|run| run.start.root + &run.start.run);
        assert!(!store.forget_run("/a", "x", "2").unwrap());
        assert!(store.forget_run("/a", "y", "1").unwrap(), "of another experiment there is nothing to remove");
        assert_eq!(left().count(), 3);
        assert!(store.forget_run("/a", "x", "1").unwrap());
        let mut rest: Vec<String> = left().collect();
        rest.sort();
        assert_eq!(rest, ["/a2", "/b1"]);
        drop(running);
        assert!(store.forget_run("/a", "x", "2").unwrap(), "a killed one goes too");
        assert_eq!(left().collect::<Vec<_>>(), ["/b1"]);
    }
}
