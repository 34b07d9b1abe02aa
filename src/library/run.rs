//! A run that has been recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Encoder, Error, Index};
use simpipe_runner::{RunRecord, folders};
use simpipe_spec as spec;
use simpipe_store::Store;

/// A run with its results.
///
/// ```no_run
/// # fn main() -> Result<(), simpipe::Error> {
/// let run = simpipe::Run::open("latest")?;
/// let vectors = run.encoder()?.encode_files(&["photo.jpg"])?;
/// for answer in run.index()?.query_files(&["photo.jpg"])? {
///     println!("{} at {:?}, {} numbers", answer.label, answer.distance, vectors[0].len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Run {
    record: RunRecord,
    root: PathBuf,
    store: Store,
}

impl Run {
    /// The run of this name in the project around the current folder: an id, the start of one, the run's folder, an
    /// experiment's name, a tag, or `latest`.
    ///
    /// # Errors
    /// If there is none, or several are meant.
    pub fn open(name: &str) -> Result<Self, Error> {
        let here = std::env::current_dir()?;
        Self::open_at(spec::project_above(&here).unwrap_or(&here), name)
    }

    /// The same below `artifacts/` of this folder.
    ///
    /// # Errors
    /// As [`Run::open`].
    pub fn open_at(root: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        let root = root.as_ref().to_path_buf();
        let store = Store::to_look_at(&folders::store_folder(&root))?;
        let folder = match Store::existing(&folders::store_folder(&root))? {
            Some(store) => folders::find_tagged(&root, &store, name)?,
            None => folders::find(&root, &folders::order_of(None), name)?,
        };
        Ok(Self { record: RunRecord::read(&folder)?, root, store })
    }

    pub(super) const fn of(record: RunRecord, root: PathBuf, store: Store) -> Self {
        Self { record, root, store }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.run
    }

    /// The experiment's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Its folder: `run.json`, and the files of each stage.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.join(&self.record.dir)
    }

    /// Whether every stage has its result.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.record.ok
    }

    /// Its numbers by `STAGE.NAME`, such as `match.recall@1`: those that `simpipe show` lists.
    #[must_use]
    pub const fn metrics(&self) -> &BTreeMap<String, f64> {
        &self.record.metrics
    }

    /// What makes embeddings of images as the run's stages `embed` do.
    ///
    /// # Errors
    /// If the run has no such stage, several that embed in different ways ([`Run::encoder_of`] chooses), or the store has lost
    /// the model.
    pub fn encoder(&self) -> Result<Encoder, Error> {
        Encoder::of(self, None)
    }

    /// The same of one stage `embed`.
    ///
    /// # Errors
    /// As [`Run::encoder`].
    pub fn encoder_of(&self, stage: &str) -> Result<Encoder, Error> {
        Encoder::of(self, Some(stage))
    }

    /// What answers questions about images as the run's stage `match` does.
    ///
    /// # Errors
    /// If the run has no such stage, several ([`Run::index_of`] chooses), or the store has lost what it was made of.
    pub fn index(&self) -> Result<Index, Error> {
        Index::of(self, None)
    }

    /// The same of one stage `match`.
    ///
    /// # Errors
    /// As [`Run::index`].
    pub fn index_of(&self, stage: &str) -> Result<Index, Error> {
        Index::of(self, Some(stage))
    }

    pub(super) const fn record(&self) -> &RunRecord {
        &self.record
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }
}
