//! The artifacts that a run's stage `match` was made of, out of the store, each found by its digest.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::lineage;
use crate::error::Error;
use simpipe_artifact::{Codes, FileNames, Graph, Image, Images, ModelFile, read_json};
use simpipe_base::digest::Digest;
use simpipe_base::param;
use simpipe_runner::{RunRecord, StageRecord};
use simpipe_stages::ask::{AskFiles, Reading};
use simpipe_store::{Found, Store};

/// Names of files by example.
pub(crate) struct Files(FileNames);

impl Files {
    pub(crate) fn into_names(self) -> FileNames {
        self.0
    }

    pub(crate) fn of(&self, example_id: u64) -> Option<&str> {
        self.0.of(example_id)
    }
}

/// A stage `match` with what it was made of.
pub(crate) struct StoredMatch<'a> {
    run: Stored<'a>,
    /// The stage's id.
    pub(crate) id: &'a str,
    stage: &'a StageRecord,
    index: &'a StageRecord,
    calibration: &'a StageRecord,
    model: &'a StageRecord,
    /// The digests of the model's weights and layers.
    made_by: [Digest; 2],
    /// The dataset of the indexed images.
    dataset: &'a StageRecord,
    /// That of the queries, as the stage's parameters write its `source`.
    pub(crate) source: Json,
}

/// A run and the store that has its results.
pub(super) struct Stored<'a> {
    record: &'a RunRecord,
    store: &'a Store,
    /// Whether what the store lacks may be elsewhere.
    is_shared: bool,
}

impl<'a> StoredMatch<'a> {
    /// The stage `match` of a run, of this id where it has several.
    pub(crate) fn find(
        record: &'a RunRecord,
        id: Option<&str>,
        store: &'a Store,
        is_shared: bool,
    ) -> Result<Self, Error> {
        let stage = choose(record, id)?;
        let run = Stored::new(record, store, is_shared);
        let index = run.behind(stage, "index", "index.arrow")?;
        let calibration = run.behind(stage, "calibration", "calibration.json")?;
        let queries = run.behind(stage, "queries", "embeddings.parquet")?;
        let indexed = run.behind(index, "embeddings", "embeddings.parquet")?;
        let of_model = |embed: &StageRecord| -> Result<[Digest; 2], Error> {
            Ok([run.digest(embed, "model", "model.safetensors")?, run.digest(embed, "model", "model.json")?])
        };
        let (asked, known) = (of_model(queries)?, of_model(indexed)?);
        if asked != known {
            // The weights say it, or else the layers do.
            let at = usize::from(asked[0] == known[0]);
            let (asked, known) = (asked[at], known[at]);
            let message = format!(
                "the index belongs to another model: its vectors are made by {}, those of the queries by {}",
                short(known),
                short(asked)
            );
            return Err(Error::usage(message, "give both `embed` stages of the template the same `model`"));
        }
        let asked_of = run.dataset_of(queries)?;
        Ok(Self {
            id: &stage.id,
            stage,
            index,
            calibration,
            model: run.behind(queries, "model", "model.safetensors")?,
            made_by: known,
            dataset: run.dataset_of(indexed)?,
            source: asked_of.params["source"].clone(),
            run,
        })
    }

    /// The digest of the model that all vectors are of.
    pub(crate) fn model_digest(&self) -> Digest {
        Digest::of(self.made_by.map(|digest| digest.to_string()).join(" ").as_bytes())
    }

    /// What answers are made of.
    pub(crate) fn files(&self, reading: Reading) -> Result<AskFiles, Error> {
        let file = |stage: &StageRecord, name: &str| {
            self.run.file(stage, name)?.ok_or_else(|| self.run.gone(stage, &format!(": it lacks `{name}`")))
        };
        let params = param::from_json(&self.stage.params).map_err(|issues| {
            let why = issues.first().map_or_else(String::new, |issue| issue.message.clone());
            let message = format!("the parameters of `{}` can't be read: {why}", self.stage.id);
            Error::usage(message, "use the version of simpipe that made the run, or run the experiment again")
        })?;
        let queries = self.run.behind(self.stage, "queries", "embeddings.parquet")?;
        let there = |name: &str| Ok::<_, Error>(self.run.file(self.index, name)?.unwrap_or_default());
        Ok(AskFiles {
            behind: self.run.models_behind(self.model)?,
            model: [file(self.model, "model.json")?, file(self.model, "model.safetensors")?],
            index: [
                file(self.index, "index.json")?,
                file(self.index, "index.arrow")?,
                there(Graph::FILE)?,
                there(Codes::FILE)?,
            ],
            reading,
            calibration: file(self.calibration, "calibration.json")?,
            params,
            backend: self.run.backend(queries),
            numerics: self.run.numerics(queries),
        })
    }

    /// The files that indexed images come from, where they come from files.
    pub(crate) fn file_names(&self) -> Result<Files, Error> {
        let has = self.dataset.files.keys().any(|name| name.as_str() == FileNames::FILE);
        let path = if has { self.run.file(self.dataset, FileNames::FILE)? } else { None };
        Ok(Files(path.map_or_else(|| Ok(FileNames::default()), |path| FileNames::read(&path))?))
    }

    /// Indexed images, in the order asked for.
    pub(crate) fn images(&self, example_ids: &[u64]) -> Result<Vec<Image>, Error> {
        let names = self.dataset.files.keys().map(|name| name.as_str());
        let images = Images::among(Path::new(&self.dataset.id), names, |name| self.run.file(self.dataset, name))?;
        Ok(images.read(example_ids)?)
    }
}

impl<'a> Stored<'a> {
    /// A run with the store that has its results; `is_shared`: whether what that lacks may be elsewhere.
    pub(super) const fn new(record: &'a RunRecord, store: &'a Store, is_shared: bool) -> Self {
        Self { record, store, is_shared }
    }

    /// The backend that a stage was computed on, where it is there.
    pub(super) fn backend(&self, stage: &StageRecord) -> String {
        let parts = stage.key_parts.as_ref();
        let backend = parts.and_then(|parts| parts.backend.as_deref()?.split('/').next()).unwrap_or("flex");
        if simpipe_nn::device::to_device(backend).is_ok() { backend.to_owned() } else { "flex".to_owned() }
    }

    /// The `numerics` that a stage was computed with.
    pub(super) fn numerics(&self, stage: &StageRecord) -> Option<String> {
        stage.key_parts.as_ref().and_then(|parts| parts.numerics.clone())
    }

    /// A file of a stage's result, if it has one of this name.
    pub(super) fn file(&self, stage: &StageRecord, name: &str) -> Result<Option<PathBuf>, Error> {
        let key = stage.key.ok_or_else(|| self.gone(stage, ""))?;
        let found = match self.store.inspect(key)? {
            // Only then is anything written: what another machine has computed is kept here.
            Found::Miss if self.is_shared => self.store.lookup(key)?,
            found => found,
        };
        let entry = match found {
            Found::Hit(entry) => entry,
            Found::Miss => return Err(self.gone(stage, "")),
            Found::Damaged(damage) => return Err(self.gone(stage, &format!(": {damage}"))),
        };
        if entry.files != stage.files {
            return Err(self.gone(stage, ": it has another one under the same key"));
        }
        let file = entry.files.iter().find(|(known, _)| known.as_str() == name);
        Ok(file.map(|(_, file)| self.store.object(file.digest)))
    }

    /// The digest of a file that a stage has read through a port.
    pub(super) fn digest(&self, stage: &StageRecord, port: &str, file: &str) -> Result<Digest, Error> {
        let inputs = stage.key_parts.as_ref().and_then(|parts| parts.inputs.get(port));
        inputs.and_then(|files| files.get(file)).copied().ok_or_else(|| {
            let message =
                format!("the record of {} does not say what `{}` read as `{port}`", self.record.run, stage.id);
            Error::usage(message, "run the experiment again")
        })
    }

    /// The dataset that the pool of a stage `embed` is drawn from.
    pub(super) fn dataset_of(&self, embed: &StageRecord) -> Result<&'a StageRecord, Error> {
        let pool = self.behind(embed, "sampler", "samples.parquet")?;
        self.behind(pool, "dataset", "examples.parquet")
    }

    /// `model.json` and `model.safetensors` of the models whose features a model takes, the nearest first.
    pub(super) fn models_behind(&self, model: &StageRecord) -> Result<Vec<[PathBuf; 2]>, Error> {
        let (mut files, mut at) = (Vec::new(), model);
        let file = |stage: &StageRecord, name: &str| {
            self.file(stage, name)?.ok_or_else(|| self.gone(stage, &format!(": it lacks `{name}`")))
        };
        loop {
            let model: ModelFile = read_json(&file(at, "model.json")?)?;
            let Some(features) = model.features else { return Ok(files) };
            let next = lineage::made(self.record, &features.of).filter(|_| files.len() < self.record.stages.len());
            at = next.ok_or_else(|| {
                let message =
                    format!("no stage of {} produced the model whose features `{}` takes", self.record.run, at.id);
                Error::usage(message, "run the experiment again")
            })?;
            files.push([file(at, "model.json")?, file(at, "model.safetensors")?]);
        }
    }

    /// The stage of the run that has left the file which a stage has read through a port.
    pub(super) fn behind(&self, stage: &StageRecord, port: &str, file: &str) -> Result<&'a StageRecord, Error> {
        let digest = self.digest(stage, port, file)?;
        let has = |stage: &&StageRecord| {
            let left = stage.files.iter().find(|(name, _)| name.as_str() == file);
            stage.outcome.done() && left.is_some_and(|(_, left)| left.digest == digest)
        };
        self.record.stages.iter().find(has).ok_or_else(|| {
            let message = format!("no stage of {} produced what `{}` read as `{port}`", self.record.run, stage.id);
            Error::usage(message, "run the experiment again")
        })
    }

    fn gone(&self, stage: &StageRecord, why: &str) -> Error {
        let help = format!("run it again, which computes what is missing: `simpipe run {}`", self.record.config);
        Error::usage(format!("the store no longer has the result of `{}` of {}{why}", stage.id, self.record.run), help)
    }
}

/// The start of a digest, as people compare them.
fn short(digest: Digest) -> String {
    digest.to_string().chars().take(12).collect()
}

fn choose<'a>(record: &'a RunRecord, wanted: Option<&str>) -> Result<&'a StageRecord, Error> {
    let run = &record.run;
    lineage::one_run(record)?;
    let all: Vec<&StageRecord> = record.stages.iter().filter(|stage| stage.stage == "match").collect();
    let names = all.iter().map(|stage| format!("`{}`", stage.id)).collect::<Vec<_>>().join(", ");
    let chosen = match (wanted, all.as_slice()) {
        (_, []) => {
            let help = "its pipeline needs the stages index, calibrate and match, as `metric-learning` has them";
            return Err(Error::usage(format!("the run {run} has no stage `match`, so it has no threshold"), help));
        }
        (None, [stage]) => *stage,
        (None, _) => {
            let message = format!("the run {run} has several stages `match`");
            return Err(Error::usage(message, format!("choose one with `--stage`: {names}")));
        }
        (Some(id), all) => {
            let found = all.iter().find(|stage| stage.id == id).copied();
            found.ok_or_else(|| {
                Error::usage(format!("the run {run} has no stage `match` called `{id}`"), format!("it has {names}"))
            })?
        }
    };
    if chosen.outcome.done() {
        return Ok(chosen);
    }
    let why = match (&chosen.failure, record.failure()) {
        (Some(failure), _) => format!("failed: {}", failure.message),
        (None, Some((stage, failure))) => format!("was not reached: `{}` failed: {}", stage.id, failure.message),
        (None, None) => "was not reached".to_owned(),
    };
    let help = format!("run it to its end: `simpipe run {}`", record.config);
    Err(Error::usage(format!("the run {run} can't answer: its stage `{}` {why}", chosen.id), help))
}
