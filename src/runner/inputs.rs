//! What a node reads: digests of upstream files by port for its key, and the files themselves for its work.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use petgraph::graph::NodeIndex;

use super::error::StageFailure;
use simpipe_artifact::{IMAGES, images_file};
use simpipe_base::contents::{Compute, Contents};
use simpipe_base::digest::Digest;
use simpipe_base::file_name::FileName;
use simpipe_base::fs::Inside;
use simpipe_plan::{KeyParts, Plan};
use simpipe_stage::{BackendChoice, Facts, Inputs, Port, SourceDigest, SourceFinder, StageError};
use simpipe_store::{AcEntry, FileRecord, Store, StoreError};

/// Stored results by node, of all that a node reads.
pub(super) type Entries = BTreeMap<NodeIndex, AcEntry>;

/// The stored files that a port of a node reads.
fn files<'a>(plan: &Plan, node: NodeIndex, port: &Port, entry: &'a AcEntry) -> Vec<(&'a FileName, &'a FileRecord)> {
    let splits = splits(plan, node, port);
    let read = |name: &FileName| {
        splits.as_ref().is_none_or(|files| !name.starts_with(IMAGES) || files.contains(name.as_str()))
    };
    port.files.iter().flat_map(|file| entry.files_of(file)).filter(|(name, _)| read(name)).collect()
}

/// The files of `images/` that a port reads, where it does not read all of them.
fn splits(plan: &Plan, node: NodeIndex, port: &Port) -> Option<BTreeSet<String>> {
    let pools = plan.upstream(node).into_iter().filter(|(_, pool)| port.splits_of.contains(&pool.name));
    let file = |(pool, _): (NodeIndex, &Port)| match &plan.graph[pool].facts {
        Facts::Samples(facts) if !facts.split.is_empty() => Some(images_file(&facts.split)),
        _ => None,
    };
    // A pool of which that is not known may be of any.
    let files: Option<BTreeSet<String>> = pools.map(file).collect();
    files.filter(|files| !files.is_empty())
}

/// Digests of the files that each port reads; what they are of must be in `entries`.
pub(super) fn digests(plan: &Plan, node: NodeIndex, entries: &Entries) -> BTreeMap<String, BTreeMap<String, Digest>> {
    let port_files = |upstream: NodeIndex, port: &Port| {
        let stored = files(plan, node, port, &entries[&upstream]).into_iter();
        stored.map(|(name, file)| (name.to_string(), file.digest)).collect()
    };
    let ports = plan.upstream(node).into_iter();
    ports.map(|(upstream, port)| (port.name.to_owned(), port_files(upstream, port))).collect()
}

/// What a node reads outside the store, as its key names it.
pub(super) struct Sources {
    pub(super) digests: Vec<SourceDigest>,
    /// The files and folders that the digests are of.
    asked: BTreeSet<PathBuf>,
}

impl Sources {
    pub(super) fn of(plan: &Plan, node: NodeIndex, store: &Store) -> Result<Self, StageError> {
        let asked = Asked { store, paths: Mutex::default() };
        let finder = SourceFinder { downloads: store.downloads(), digest_file: &asked };
        let digests = plan.graph[node].stage.sources(&finder)?;
        Ok(Self { digests, asked: asked.paths.into_inner().unwrap_or_else(PoisonError::into_inner) })
    }

    /// Compares what a stage has read with its key. A result of other bytes must not be stored under it: they were
    /// changed since, or what is remembered of them is wrong and is forgotten. A stage that failed may not have read all.
    pub(super) fn compare(&self, read: &[SourceDigest], done: bool, store: &Store) -> Result<(), StageFailure> {
        if let Some(other) = read.iter().find(|source| !self.digests.contains(source)) {
            self.forget(store);
            return Err(StageError::SourceChanged { what: format!("the source `{}`", other.name) }.into());
        }
        let unsaid = self.digests.iter().find(|source| !read.contains(source)).filter(|_| done);
        unsaid.map_or(Ok(()), |source| Err(StageFailure::Unsaid(source.name.clone())))
    }

    /// Where they lie.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        self.asked.iter().cloned().collect()
    }

    pub(super) fn forget(&self, store: &Store) {
        self.asked.iter().for_each(|path| Contents::forget(store, path));
    }
}

/// Digests from a store, and what they were asked of.
struct Asked<'a> {
    store: &'a Store,
    paths: Mutex<BTreeSet<PathBuf>>,
}

impl Asked<'_> {
    fn note(&self, path: &Path) -> &Store {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_path_buf());
        self.store
    }
}

impl Contents for Asked<'_> {
    fn digest(&self, path: &Path) -> io::Result<Digest> {
        self.note(path).digest(path)
    }
    fn digests(&self, folder: &Path, paths: &[&Path]) -> Result<Vec<Digest>, (PathBuf, io::Error)> {
        self.note(folder).digests(folder, paths)
    }
    fn fact(&self, path: &Path, what: &'static str, compute: &Compute<'_>) -> io::Result<String> {
        self.note(path).fact(path, what, compute)
    }
    fn forget(&self, path: &Path) {
        Contents::forget(self.store, path);
    }
}

/// A backend as keys name it. Every one computes in 32-bit floats.
pub(super) fn key_name(backend: &str) -> String {
    format!("{backend}/f32")
}

/// Key parts of a node for every backend whose results are accepted, in that order, and for the one to compute on.
pub(super) struct Candidates {
    pub(super) accepted: Vec<KeyParts>,
    pub(super) compute: KeyParts,
}

impl Candidates {
    pub(super) fn of(
        plan: &Plan,
        node: NodeIndex,
        backend: &BackendChoice,
        entries: &Entries,
        sources: &[SourceDigest],
    ) -> Self {
        let inputs = digests(plan, node, entries);
        let parts = |name: &String| plan.key_parts(node, inputs.clone(), sources.to_vec(), &key_name(name));
        let compute = parts(&backend.compute);
        let tensor = plan.graph[node].stage.tensor();
        let accepted = if tensor { backend.accepted.iter().map(parts).collect() } else { vec![compute.clone()] };
        Self { accepted, compute }
    }
}

/// Puts the files that a node's ports read into a folder of `folder` a port, and says where each is.
pub(super) fn provide(
    plan: &Plan,
    node: NodeIndex,
    entries: &Entries,
    store: &Store,
    folder: &Inside,
) -> Result<Inputs, StoreError> {
    let mut inputs = Inputs::new();
    for (upstream, port) in plan.upstream(node) {
        let (entry, path) = (&entries[&upstream], folder.path().join(port.name));
        let inside = folder.enter(port.name).map_err(StoreError::io("create", &path))?;
        store.materialise(files(plan, node, port, entry), &inside)?;
        let files = port.files.iter().map(|file| ((*file).to_owned(), path.join(file))).collect();
        inputs.insert(port.name.to_owned(), files);
    }
    Ok(inputs)
}
