//! The model of a run, out of the store.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::joined::join;
use crate::error::Error;
use crate::library::lineage;
use simpipe_artifact::{ArtifactError, ModelFile, ModelUse, Weights};
use simpipe_base::digest::{Digest, canonical_json};
use simpipe_base::fs::read_regular;
use simpipe_base::param;
use simpipe_nn::LayerSpec;
use simpipe_nn::interchange::{InterchangeError, TorchModel};
use simpipe_runner::{RunRecord, StageRecord};
use simpipe_stages::embed::use_of;
use simpipe_store::{Found, Store};

const WEIGHTS: &str = "model.safetensors";
const MODEL: &str = "model.json";

/// A trained model with where it comes from.
#[derive(Debug)]
pub(super) struct StoredModel {
    /// The run's id.
    pub(super) run: String,
    /// The experiment's name.
    pub(super) experiment: String,
    /// The stage that trained it.
    pub(super) stage: String,
    /// What the stage's result is stored under.
    key: Digest,
    /// Of the run's resolved spec.
    spec: Digest,
    /// `model.json`; of a head on features the network that takes images, as `bytes` are.
    pub(super) model: ModelFile,
    layers: Vec<LayerSpec>,
    /// `model.safetensors`.
    pub(super) bytes: Vec<u8>,
    /// The run's stages `embed` that use it, with their parameters.
    embeds: Vec<(String, Json)>,
    /// That of them which was chosen.
    embed: Option<String>,
}

impl StoredModel {
    /// The model of this stage of a run; of the one that has a model where none is named. A format that writes how a model is
    /// used takes a stage `embed` too, for the model that it used.
    pub(super) fn read(record: &RunRecord, wanted: Option<&str>, store: &Store, with_use: bool) -> Result<Self, Error> {
        lineage::one_run(record)?;
        let embed = wanted.and_then(|id| record.stage(id)).filter(|stage| with_use && stage.stage == "embed");
        let stage = match embed {
            Some(embed) => behind(record, embed)?,
            None => choose(record, wanted, store)?,
        };
        let key = stage.key.ok_or_else(|| nothing(record))?;
        let Files { mut model, mut bytes, digest } = Files::read(record, stage, store)?;
        let mut behind = 0;
        while let Some(features) = model.features.clone() {
            let base = lineage::made(record, &features.of).filter(|_| behind < record.stages.len());
            let base = base.ok_or_else(|| {
                let message =
                    format!("no stage of {} produced the model whose features `{}` takes", record.run, stage.id);
                Error::usage(message, "run the experiment again")
            })?;
            let base = Files::read(record, base, store)?;
            let weights = |bytes: &[u8]| Weights::from_bytes(Path::new(WEIGHTS), bytes);
            let (of_base, of_head) = (weights(&base.bytes)?, weights(&bytes)?);
            let (joined, all) = join(&features, (base.model, of_base), (model, of_head))?;
            (model, bytes, behind) = (joined, all.to_bytes(), behind + 1);
        }
        let malformed = |reason: String| ArtifactError::malformed(Path::new(MODEL), reason);
        let layers = param::from_json(&model.layers)
            .map_err(|issues| malformed(issues.first().map_or_else(String::new, |issue| issue.message.clone())))?;
        Ok(Self {
            run: record.run.clone(),
            experiment: record.name.clone(),
            stage: stage.id.clone(),
            key,
            spec: Digest::of_json(&record.spec),
            embeds: embeds(record, digest),
            embed: embed.map(|stage| stage.id.clone()),
            model,
            layers,
            bytes,
        })
    }

    pub(super) fn weights(&self) -> Result<Weights, Error> {
        Ok(Weights::from_bytes(Path::new(WEIGHTS), &self.bytes)?)
    }

    /// The network's layers.
    pub(super) fn layers(&self) -> &[LayerSpec] {
        &self.layers
    }

    /// What the run's embeddings of it are made of: the network's own output where the run has none.
    ///
    /// # Errors
    /// If its stages `embed` use it in several ways and none of them was chosen.
    pub(super) fn model_use(&self) -> Result<ModelUse, Error> {
        let chosen = self.embeds.iter().filter(|(id, _)| self.embed.as_ref().is_none_or(|embed| embed == id));
        let mut uses: Vec<(&str, ModelUse)> = Vec::new();
        for (id, params) in chosen {
            let one = use_of(params, &self.layers, self.model.input)?;
            if uses.iter().all(|(_, known)| *known != one) {
                uses.push((id, one));
            }
        }
        match &uses[..] {
            [] => Ok(ModelUse::default()),
            [(_, one)] => Ok(one.clone()),
            several => {
                let message = format!("the stages `embed` of {} use the model in {} ways", self.run, several.len());
                let ways: Vec<String> = several.iter().map(|(id, one)| format!("`{id}` ({})", one.words())).collect();
                Err(Error::usage(message, format!("choose one with `--stage`: {}", ways.join(", "))))
            }
        }
    }

    /// The network as torch has it.
    pub(super) fn torch(&self) -> Result<TorchModel, Error> {
        TorchModel::of(&self.layers, self.model.input).map_err(refused)
    }

    /// What a file says of the model, each in text or JSON; no clock and no path.
    pub(super) fn about(&self) -> Vec<(&'static str, String)> {
        let shape = self.model.input;
        let last = self.model.layers.as_array().and_then(|layers| Some((layers.len().checked_sub(1)?, layers.last()?)));
        let layer = last.map(|(at, layer)| format!("layers.{at}.{}", kind(layer)));
        let embedding = json!({ "layer": layer, "dim": self.model.dim, "distance": self.model.distance.name() });
        let scaling = |layer: &&Json| matches!(kind(layer), "rescale" | "normalize");
        let preprocessing: Vec<&Json> =
            self.model.layers.as_array().into_iter().flatten().take_while(scaling).collect();
        vec![
            ("run", self.run.clone()),
            ("experiment", self.experiment.clone()),
            ("stage", self.stage.clone()),
            ("key", self.key.to_string()),
            ("spec", self.spec.to_string()),
            ("steps", self.model.steps.to_string()),
            (
                "input",
                canonical_json(
                    &json!({ "height": shape[0], "width": shape[1], "channels": shape[2], "pixels": "0 to 255" }),
                ),
            ),
            // The network's own first layers: whoever feeds pixels of 0 to 255 has nothing to scale.
            ("preprocessing", canonical_json(&preprocessing)),
            ("embedding", canonical_json(&embedding)),
            ("uses", canonical_json(&uses(&self.embeds))),
            ("layers", canonical_json(&self.model.layers)),
        ]
    }
}

/// What a stage has left of a model.
struct Files {
    model: ModelFile,
    bytes: Vec<u8>,
    /// Of the bytes.
    digest: Digest,
}

impl Files {
    fn read(record: &RunRecord, stage: &StageRecord, store: &Store) -> Result<Self, Error> {
        let gone = |why: String| {
            let help = format!("run it again, which computes what is missing: `simpipe run {}`", record.config);
            Error::usage(format!("the store no longer has the result of `{}` of {}{why}", stage.id, record.run), help)
        };
        let entry = match store.lookup(stage.key.ok_or_else(|| nothing(record))?)? {
            Found::Hit(entry) => entry,
            Found::Miss => return Err(gone(String::new())),
            Found::Damaged(damage) => return Err(gone(format!(": {damage}"))),
        };
        let read = |name: &str| {
            let file = entry.files.iter().find(|(known, _)| known.as_str() == name);
            let (_, file) = file.ok_or_else(|| gone(format!(": it lacks `{name}`")))?;
            let path = store.object(file.digest);
            let bytes = read_regular(&path).map_err(|error| ArtifactError::io("read", &path, error))?;
            Ok::<_, Error>((bytes, file.digest))
        };
        let ((bytes, digest), (model, _)) = (read(WEIGHTS)?, read(MODEL)?);
        let model = serde_json::from_slice(&model)
            .map_err(|error| ArtifactError::malformed(Path::new(MODEL), error.to_string()))?;
        Ok(Self { model, bytes, digest })
    }
}

/// A layer's name in a spec.
fn kind(layer: &Json) -> &str {
    layer.as_str().or_else(|| layer.as_object()?.keys().next().map(String::as_str)).unwrap_or_default()
}

/// The command line's mistake: the model is what it is.
pub(super) fn refused(error: InterchangeError) -> Error {
    Error::usage(error.to_string(), "`--format safetensors` writes the tensors as they lie in the store")
}

/// The stages of a run that have left a model.
fn with_model(record: &RunRecord) -> Vec<&StageRecord> {
    let has = |stage: &&StageRecord| {
        stage.outcome.done()
            && [WEIGHTS, MODEL].iter().all(|name| stage.files.keys().any(|known| known.as_str() == *name))
    };
    record.stages.iter().filter(has).collect()
}

fn names(stages: &[&StageRecord]) -> String {
    stages.iter().map(|stage| format!("`{}`", stage.id)).collect::<Vec<_>>().join(", ")
}

fn nothing(record: &RunRecord) -> Error {
    let message = format!("the run {} has no trained model", record.run);
    let failed = record.stages.iter().find(|stage| stage.stage == "train");
    let help = failed.map_or_else(
        || "it has no stage `train`".to_owned(),
        |stage| {
            format!("its stage `{}` is {}: `simpipe show {}` says more", stage.id, stage.outcome.word(), record.run)
        },
    );
    Error::usage(message, help)
}

fn choose<'a>(record: &'a RunRecord, wanted: Option<&str>, store: &Store) -> Result<&'a StageRecord, Error> {
    let found = with_model(record);
    if wanted.is_none() && found.len() > 1 {
        // A model that is there for another's features is not what is meant.
        let mut last = found.clone();
        for stage in &found {
            let features = Files::read(record, stage, store)?.model.features;
            let base = features.and_then(|features| lineage::made(record, &features.of));
            last.retain(|other| base.is_none_or(|base| base.id != other.id));
        }
        if let [stage] = last.as_slice() {
            return Ok(stage);
        }
    }
    match (wanted, found.as_slice()) {
        (_, []) => Err(nothing(record)),
        (None, [stage]) => Ok(stage),
        (None, several) => {
            let message = format!("the run {} has several trained models", record.run);
            Err(Error::usage(message, format!("choose one with `--stage`: {}", names(several))))
        }
        (Some(id), all) => all.iter().find(|stage| stage.id == id).copied().ok_or_else(|| {
            let why = if record.stage(id).is_some() { "has no model" } else { "is not there" };
            let message = format!("the stage `{id}` of {} {why}", record.run);
            Error::usage(message, format!("models are those of {}", names(all)))
        }),
    }
}

/// The stages that embed with these weights, with their parameters.
fn embeds(record: &RunRecord, weights: Digest) -> Vec<(String, Json)> {
    let embeds = |stage: &&StageRecord| stage.stage == "embed" && used_weights(stage) == Some(weights);
    record.stages.iter().filter(embeds).map(|stage| (stage.id.clone(), stage.params.clone())).collect()
}

/// The weights that a stage has read as its `model`.
fn used_weights(stage: &StageRecord) -> Option<Digest> {
    stage.key_parts.as_ref()?.inputs.get("model")?.get(WEIGHTS).copied()
}

/// The stage that has left the model which a stage `embed` has used.
fn behind<'a>(record: &'a RunRecord, embed: &StageRecord) -> Result<&'a StageRecord, Error> {
    let used = used_weights(embed);
    let left = |stage: &&StageRecord| {
        let file = stage.files.iter().find(|(name, _)| name.as_str() == WEIGHTS);
        file.is_some_and(|(_, file)| Some(file.digest) == used)
    };
    with_model(record).into_iter().find(left).ok_or_else(|| {
        let message = format!("no stage of {} produced the model that `{}` uses", record.run, embed.id);
        Error::usage(message, "run the experiment again")
    })
}

/// What an embedding is made of, each way once.
fn uses(embeds: &[(String, Json)]) -> Vec<Json> {
    let of = |params: &Json| -> Json {
        let keys = ["views", "layer", "layers", "normalize"];
        let field = |key: &&str| Some(((*key).to_owned(), params.get(key)?.clone()));
        keys.iter().filter_map(field).collect::<Map<_, _>>().into()
    };
    let ways: BTreeSet<String> = embeds.iter().map(|(_, params)| canonical_json(&of(params))).collect();
    ways.iter().filter_map(|way| serde_json::from_str(way).ok()).collect()
}
