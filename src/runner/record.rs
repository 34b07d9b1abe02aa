//! `run.json`: what a run did. The same object is what `run --json` prints.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Failure, FailureKind, GitState, RunError, listing};
use simpipe_base::param::View;
use simpipe_base::{file_name, fs, path};
use simpipe_plan::{Key, KeyParts, Plan, Reason, Snapshot};
use simpipe_store::{Files, RunState};

/// Version of this record's format.
pub(super) const FORMAT: u32 = 1;

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its result was there, or another process computed it meanwhile.
    Hit,
    /// This run computed it.
    Ran,
    /// It went wrong.
    Failed,
    /// A stage that it depends on failed, or the user asked to stop.
    Skipped,
}

impl Outcome {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Ran => "ran",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Whether there is a result.
    #[must_use]
    pub const fn done(self) -> bool {
        matches!(self, Self::Hit | Self::Ran)
    }
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The stage's id.
    pub id: String,
    /// Its kind.
    pub stage: String,
    /// The seed, in the record of a group: of a stage that differs from seed to seed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What its result is stored under; `null` if its inputs never came to be.
    pub key: Option<Key>,
    /// How long it took in this run.
    pub seconds: f64,
    /// How long the work of a hit took when it was done.
    pub saved_seconds: f64,
    /// How long parts of the work took, in this run or when it was done, in seconds, where the stage tells them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub timings: BTreeMap<String, f64>,
    /// How often it was tried again after a failure.
    #[serde(default)]
    pub retries: u32,
    /// Why it ran: the most telling reason.
    pub reason: Option<Reason>,
    /// All reasons.
    pub reasons: Vec<Reason>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why it was skipped.
    pub skipped: Option<String>,
    /// What decides its key.
    pub key_parts: Option<KeyParts>,
    /// What computed its result, in this run or an earlier one: code version, backend, kernels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub made_by: BTreeMap<String, String>,
    /// Its parameters with every default: what reasons are told from.
    pub params: Json,
    /// Its files.
    pub files: Files,
}

/// One run of a group: the same experiment at one of its seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedRun {
    /// The seed.
    pub seed: u64,
    /// The run's id.
    #[serde(deserialize_with = "file_name::word")]
    pub run: String,
    /// Its folder, relative to the root.
    #[serde(deserialize_with = "file_name::inside")]
    pub dir: String,
    /// Whether every stage has its result.
    pub ok: bool,
    /// In the order of the plan.
    pub stages: Vec<StageRecord>,
    /// Its own headline numbers.
    pub metrics: BTreeMap<String, f64>,
}

/// What every version of the record has.
#[derive(Deserialize)]
struct Head {
    format: Json,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this format.
    pub format: u32,
    /// The run's id.
    #[serde(deserialize_with = "file_name::word")]
    pub run: String,
    /// The experiment's name.
    #[serde(deserialize_with = "file_name::word")]
    pub name: String,
    /// The run's folder, relative to the root.
    #[serde(deserialize_with = "file_name::inside")]
    pub dir: String,
    /// Whether every stage has its result.
    pub ok: bool,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// When it began, in UTC.
    pub started: String,
    /// When it ended, in UTC.
    pub finished: String,
    /// How long it took.
    pub seconds: f64,
    /// What the hits would have taken.
    pub saved_seconds: f64,
    /// The most memory that the process had for itself meanwhile, in bytes, where the system says: pages of mapped files are
    /// not counted. Looked at 50 times a second.
    #[serde(default)]
    pub peak_memory: Option<u64>,
    /// The config as the user named it.
    pub config: String,
    /// The command line.
    pub command: Vec<String>,
    /// Of simpipe, and the backend that it computed on.
    pub versions: BTreeMap<String, String>,
    /// The machine that it ran on, as far as the system says: host, processor, cores, memory.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub machine: BTreeMap<String, String>,
    /// In the order of the plan.
    pub stages: Vec<StageRecord>,
    /// Headline numbers as `<stage id>.<name>`.
    pub metrics: BTreeMap<String, f64>,
    /// The resolved spec.
    pub spec: Json,
    /// Where the files and folders lay that the spec names, by the spec path that names them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub paths: BTreeMap<String, String>,
    /// The state of the project's git repository when the run began, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub git: Option<GitState>,
    /// The group that it is a run of.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "file_name::optional_word")]
    pub group: Option<String>,
    /// The runs of a group, in the order of its seeds: this record is then about all of them. Stages that no seed changes
    /// are listed once, and each metric is the mean over the runs that are ok, with `NAME.std` and the 95 % t-interval
    /// `NAME.t_low`, `NAME.t_high` beside it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub seeds: Vec<SeedRun>,
}

/// Where the files and folders lie that a plan's spec names, by spec path: what a spec writes starts from the folder of the
/// file that writes it, which nobody knows who has the resolved spec alone.
pub(super) fn paths(plan: &Plan) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for node in &plan.order {
        let node = &plan.graph[*node];
        add_paths(&node.id, &node.stage.params(View::Located), &node.stage.params(View::Portable), &mut found);
    }
    found
}

/// Adds the texts of a located spec that the portable one has not: those are paths.
fn add_paths(at: &str, located: &Json, portable: &Json, found: &mut BTreeMap<String, String>) {
    match located {
        Json::String(text) if *portable != *located => {
            found.insert(at.to_owned(), text.clone());
        }
        Json::Object(fields) => {
            for (key, value) in fields {
                add_paths(&path::join(at, key), value, portable.get(key).unwrap_or(&Json::Null), found);
            }
        }
        Json::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                add_paths(&path::at(at, index), value, portable.get(index).unwrap_or(&Json::Null), found);
            }
        }
        _ => {}
    }
}

impl StageRecord {
    /// The stage as it was in this run; `None` if its inputs never came to be.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        Some(Snapshot { parts: self.key_parts.clone()?, params: self.params.clone() })
    }

    /// Whether the user stopped it.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Interrupted)
    }
}

impl RunRecord {
    /// Reads `run.json` of a run's folder.
    ///
    /// # Errors
    /// If it is not there, is no run record or is one of another format.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        Self::read_file(&folder.join("run.json"))
    }

    /// Reads a run record that may lie anywhere and be called anything: somebody has sent it.
    ///
    /// # Errors
    /// As [`RunRecord::read`].
    pub fn read_file(path: &Path) -> Result<Self, RunError> {
        let path = path.to_path_buf();
        let bytes = fs::read(&path).map_err(RunError::io("read", &path))?;
        let format = serde_json::from_slice::<Head>(&bytes).ok().map(|head| head.format);
        if let Some(found) = format.filter(|found| found.as_u64() != Some(FORMAT.into())) {
            return Err(RunError::RecordFormat { path, found: found.to_string() });
        }
        serde_json::from_slice(&bytes).map_err(|error| RunError::Record { path, reason: error.to_string() })
    }

    /// Reads `run.json` whatever its format, as far as its fields are those of this one: for what must not be lost
    /// because a newer program wrote it.
    pub(super) fn read_of_any_format(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(&folder.join("run.json")).ok()?).ok()
    }

    /// Writes `run.json` into a run's folder.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        let path = folder.join("run.json");
        let mut bytes = serde_json::to_vec_pretty(self).expect("a record serializes to JSON");
        bytes.push(b'\n');
        let durable = || {
            fs::write_atomic(&path, &bytes)?;
            folder.parent().map_or(Ok(()), fs::sync_dir) // the folder itself is new
        };
        durable().map_err(RunError::io("write", &path))?;
        listing::remember(folder, self);
        Ok(())
    }

    /// How the run ended.
    #[must_use]
    pub const fn state(&self) -> RunState {
        RunState::of_end(self.ok, self.interrupted)
    }

    /// Whether it is of a group of runs.
    #[must_use]
    pub const fn is_group(&self) -> bool {
        !self.seeds.is_empty()
    }

    /// The record of a stage.
    #[must_use]
    pub fn stage(&self, id: &str) -> Option<&StageRecord> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// The first failure in the order of the plan.
    #[must_use]
    pub fn failure(&self) -> Option<(&StageRecord, &Failure)> {
        self.stages.iter().find_map(|stage| Some((stage, stage.failure.as_ref()?)))
    }
}
