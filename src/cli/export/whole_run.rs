//! Formats that take a run as a whole: its record, its figures, its files.
//!
//! A format is a file beside this one, a [`RunFormat`], and a line in [`RUN_FORMATS`](super::RUN_FORMATS).

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::error::Error;
use simpipe_base::digest::Digest;
use simpipe_base::file_name::FileName;
use simpipe_runner::{RunRecord, StageRecord};
use simpipe_store::{Found, Store};

/// A way to hand on a run.
pub(super) trait RunFormat: Sync {
    /// What `--format` calls it; also the option that names its output.
    fn name(&self) -> &'static str;
    /// One line for the help.
    fn about(&self) -> &'static str;
    /// What `--output` names.
    fn target(&self) -> &'static str;
    /// Where it goes, if the user does not say.
    fn default_output(&self, experiment: &str) -> Option<String>;
    /// Whether `--stage` chooses what of the run it takes.
    fn takes_stage(&self) -> bool {
        false
    }
    /// Writes or sends it; `force`: whether what is there may be replaced, or sent once more.
    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error>;
}

/// What was written or sent.
pub(super) struct Sent {
    /// For programs: fields beside `run` and `format`.
    pub(super) json: Json,
    /// For people, in one line.
    pub(super) words: String,
}

/// A run with its files.
pub(super) struct StoredRun<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) store: &'a Store,
    /// The stage that is chosen, where a format takes one.
    pub(super) stage: Option<&'a str>,
}

/// A file of a stage, as it lies in the store.
pub(super) struct StoredFile {
    pub(super) name: FileName,
    pub(super) digest: Digest,
    pub(super) path: PathBuf,
}

impl StoredRun<'_> {
    /// The files of a stage that has a result, each found in the store.
    ///
    /// # Errors
    /// If the store has it no more, or other bytes.
    pub(super) fn files(&self, stage: &StageRecord) -> Result<Vec<StoredFile>, Error> {
        let Some(key) = stage.key else { return Ok(Vec::new()) };
        let gone = |why: String| {
            let help = format!("run it again, which computes what is missing: `simpipe run {}`", self.record.config);
            Error::usage(
                format!("the store no longer has the result of `{}` of {}{why}", stage.id, self.record.run),
                help,
            )
        };
        let entry = match self.store.lookup(key)? {
            Found::Hit(entry) => entry,
            Found::Miss => return Err(gone(String::new())),
            Found::Damaged(damage) => return Err(gone(format!(": {damage}"))),
        };
        if entry.files != stage.files {
            return Err(gone(": it has another one under the same key".to_owned()));
        }
        let file = |(name, file): (&FileName, &simpipe_store::FileRecord)| StoredFile {
            name: name.clone(),
            digest: file.digest,
            path: self.store.object(file.digest),
        };
        Ok(entry.files.iter().map(file).collect())
    }
}
