//! What a node reads: digests of upstream files by port for its key, and the files themselves for its work.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use crate::base::digest::Digest;
use crate::base::fs::Inside;
use crate::plan::{KeyParts, Plan};
use crate::stage::{BackendChoice, Inputs, SourceDigest, SourceFinder, StageError};
use crate::store::{AcEntry, Store, StoreError};

/// Stored results by node.
pub(super) type Entries = BTreeMap<NodeIndex, AcEntry>;

/// Digests of the files that each port reads; the whole upstream must be in `entries`.
pub(super) fn digests(plan: &Plan, node: NodeIndex, entries: &Entries) -> BTreeMap<String, BTreeMap<String, Digest>> {
    let port_files = |upstream: NodeIndex, files: &[&str]| {
        let entry = &entries[&upstream];
        let stored = files.iter().flat_map(|file| entry.files_of(file));
        stored.map(|(name, file)| (name.to_string(), file.digest)).collect()
    };
    let ports = plan.upstream(node).into_iter();
    ports.map(|(upstream, port)| (port.name.to_owned(), port_files(upstream, port.files))).collect()
}

/// Digests of what a node reads outside the store.
pub(super) fn sources(plan: &Plan, node: NodeIndex, store: &Store) -> Result<Vec<SourceDigest>, StageError> {
    plan.graph[node].stage.sources(&SourceFinder { downloads: store.downloads(), digest_file: store })
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
        // Every backend computes in 32-bit floats.
        let parts = |name: &String| plan.key_parts(node, inputs.clone(), sources.to_vec(), &format!("{name}/f32"));
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
        store.materialise(port.files.iter().flat_map(|file| entry.files_of(file)), &inside)?;
        let files = port.files.iter().map(|file| ((*file).to_owned(), path.join(file))).collect();
        inputs.insert(port.name.to_owned(), files);
    }
    Ok(inputs)
}
