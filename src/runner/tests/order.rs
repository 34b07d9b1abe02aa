//! Power cuts: whatever an entry names is on the disk before the entry can be.
//!
//! A run is recorded operation by operation and replayed on a model of a disk that keeps only what was synced: the
//! bytes of a file after its own sync, a name after a sync of its folder. Anything else may or may not be there
//! after a cut, and a removed name may come back until its folder is synced.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use simpipe_base::fault::{Fault, Faults, Op};
use simpipe_base::fs::Verb;

/// What a power cut can't take, as far as the trace has come.
#[derive(Default)]
struct Disk {
    /// Files whose bytes are as they were last written.
    synced: BTreeSet<PathBuf>,
    /// Names that stay.
    names: BTreeSet<PathBuf>,
    /// Names given or taken since the last sync of their folder.
    pending: BTreeSet<PathBuf>,
    removed: BTreeSet<PathBuf>,
    /// Entries that may be there after a cut, and the objects that each names.
    entries: BTreeMap<PathBuf, Vec<PathBuf>>,
    problems: Vec<String>,
}

impl Disk {
    /// A disk on which `root` is there, and nothing in it.
    fn replay(trace: &[Op], root: &Path, store: &Store) -> Vec<String> {
        let mut disk = Self::default();
        disk.names.insert(root.to_path_buf());
        for op in trace {
            disk.apply(op, root, store);
        }
        disk.problems
    }

    fn stays(&self, path: &Path, root: &Path) -> bool {
        path.ancestors().take_while(|above| above.starts_with(root)).all(|above| self.names.contains(above))
    }

    fn require(&mut self, holds: bool, what: &str, path: &Path) {
        if !holds {
            self.problems.push(format!("{what}: {}", path.display()));
        }
    }

    fn apply(&mut self, op: &Op, root: &Path, store: &Store) {
        match op.verb {
            Verb::Read | Verb::Lock => {}
            // One operation may create several folders.
            Verb::CreateDir => {
                let new = op.path.ancestors().filter(|above| above.starts_with(root) && !self.names.contains(*above));
                self.pending.extend(new.map(Path::to_path_buf).collect::<Vec<_>>());
            }
            Verb::Create => {
                self.pending.insert(op.path.clone());
            }
            Verb::Write | Verb::Copy => {
                self.synced.remove(&op.to);
            }
            Verb::Sync => {
                self.synced.insert(op.path.clone());
            }
            Verb::SyncDir => self.sync_dir(&op.path),
            Verb::Rename | Verb::Link => self.give_name(op, root, store),
            Verb::Remove | Verb::RemoveDir => self.take_name(&op.path),
        }
    }

    fn sync_dir(&mut self, folder: &Path) {
        let here = |path: &&PathBuf| path.parent() == Some(folder);
        for path in self.removed.iter().filter(here).cloned().collect::<Vec<_>>() {
            self.removed.remove(&path);
            self.names.remove(&path);
            self.entries.remove(&path);
        }
        for path in self.pending.iter().filter(here).cloned().collect::<Vec<_>>() {
            self.pending.remove(&path);
            self.names.insert(path);
        }
    }

    fn give_name(&mut self, op: &Op, root: &Path, store: &Store) {
        let named = |part: &str| op.to.components().any(|component| component.as_os_str() == part);
        let (object, entry) = (named("cas"), named("ac"));
        if object || entry || op.to.ends_with("run.json") || op.to.ends_with("store/format") {
            self.require(self.synced.contains(&op.path), "named before its bytes are synced", &op.to);
        }
        if self.synced.contains(&op.path) {
            self.synced.insert(op.to.clone());
        }
        self.removed.remove(&op.to);
        self.pending.insert(op.to.clone());
        if entry {
            let json: serde_json::Value = serde_json::from_slice(&op.linked).unwrap();
            let digests = json["files"].as_object().unwrap().values().map(|file| file["digest"].as_str().unwrap());
            let objects: Vec<PathBuf> = digests.map(|digest| store.object(digest.parse().unwrap())).collect();
            for object in &objects {
                let whole = self.synced.contains(object) && self.stays(object, root);
                self.require(whole, "an entry may outlive its object", object);
            }
            self.entries.insert(op.to.clone(), objects);
        }
    }

    fn take_name(&mut self, path: &Path) {
        let needed = self.entries.values().flatten().any(|object| object == path);
        self.require(!needed, "an object is removed before its entry surely is", path);
        self.pending.remove(path);
        self.removed.insert(path.to_path_buf());
    }
}

/// A recorded run.
struct Recorded {
    project: Project,
    trace: Vec<Op>,
}

impl Recorded {
    fn new() -> Self {
        let project = Project::in_memory();
        let faults = Faults::below(project.folder.path(), Fault::Nothing);
        project.run_with(&varied(), 1, &|_| {});
        let trace = faults.trace();
        drop(faults);
        Self { project, trace }
    }

    fn problems(&self, trace: &[Op]) -> Vec<String> {
        Disk::replay(trace, self.project.folder.path(), &self.project.store())
    }

    /// Links that put an entry in its place.
    fn entries(&self) -> impl Iterator<Item = &Op> {
        let folder = self.project.store_folder().join("ac");
        self.trace.iter().filter(move |op| op.verb == Verb::Link && op.to.starts_with(&folder))
    }

    fn position(&self, verb: Verb, path: &Path) -> usize {
        let found = self.trace.iter().position(|op| op.verb == verb && (op.path == path || op.to == path));
        found.unwrap_or_else(|| panic!("no {verb:?} of {}", path.display()))
    }

    fn follows(&self, at: usize, verb: Verb, path: &Path) -> bool {
        self.trace[at..].iter().any(|op| op.verb == verb && op.path == path)
    }
}

#[test]
fn after_a_power_cut_no_entry_names_an_object_that_is_gone() {
    let recorded = Recorded::new();
    assert_eq!(recorded.entries().count(), 8, "five results and three checkpoints");
    assert_eq!(recorded.problems(&recorded.trace), [""; 0]);

    // The model is no rubber stamp: without any one sync of an object, a shard or `cas/`, it objects.
    let cas = recorded.project.store_folder().join("cas");
    let mut needed = 0;
    for (at, op) in recorded.trace.iter().enumerate() {
        let object = |next: &Op| next.verb == Verb::Rename && next.path == op.path && next.to.starts_with(&cas);
        let seals = op.verb == Verb::Sync && recorded.trace[at..].iter().any(object);
        if seals {
            let trace = [&recorded.trace[..at], &recorded.trace[at + 1..]].concat();
            assert!(!recorded.problems(&trace).is_empty(), "without {op:?}");
            needed += 1;
        }
    }
    assert!(needed >= 7, "{needed} objects are sealed");
    let without = |folder: &dyn Fn(&Path) -> bool| {
        let kept = |op: &&Op| !(op.verb == Verb::SyncDir && folder(&op.path));
        recorded.problems(&recorded.trace.iter().filter(kept).cloned().collect::<Vec<_>>())
    };
    assert!(!without(&|path| path == cas).is_empty(), "new shards are synced");
    assert!(!without(&|path| path.parent() == Some(&cas)).is_empty(), "shards are synced");
    assert!(!without(&|path| path.ends_with("ac")).is_empty(), "an outdated checkpoint's entry goes first");
}

#[test]
fn what_was_promised_survives_a_power_cut() {
    let recorded = Recorded::new();
    let store = recorded.project.store_folder();
    for entry in recorded.entries() {
        // The folder is synced before the private folder goes, which is what ends a publication.
        let linked = recorded.position(Verb::Link, &entry.to);
        let ended = recorded.position(Verb::RemoveDir, entry.path.parent().unwrap());
        assert!(recorded.trace[linked..ended].iter().any(|op| op.verb == Verb::SyncDir && op.path == store.join("ac")));
    }
    let markers = recorded.trace.iter().enumerate().filter(|(_, op)| {
        op.verb == Verb::Create && op.path.parent().and_then(Path::parent) == Some(&store.join("checkpoints"))
    });
    let markers: Vec<_> = markers.collect();
    assert_eq!(markers.len(), 3);
    for (at, marker) in markers {
        let set = marker.path.parent().unwrap();
        assert!(recorded.follows(at, Verb::SyncDir, set), "{marker:?}");
        let new = recorded.position(Verb::CreateDir, set);
        assert!(recorded.follows(new, Verb::SyncDir, &store.join("checkpoints")));
    }
    let record = folders::find(recorded.project.folder.path(), &RunOrder::default(), "latest").unwrap();
    let written = recorded.position(Verb::Rename, &record.join("run.json"));
    assert!(recorded.follows(written, Verb::SyncDir, &record));
    assert!(recorded.follows(written, Verb::SyncDir, record.parent().unwrap()), "the run's folder is new");
    let made = recorded.position(Verb::Rename, &store.join("format"));
    assert!(recorded.follows(made, Verb::SyncDir, &store));
}
