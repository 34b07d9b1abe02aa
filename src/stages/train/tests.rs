//! The stages `train` and `embed` on a small dataset, from artifacts to artifacts.

mod batches;
mod checked;
mod other_dataset;
mod stopping;
mod watched;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::*;
use crate::embed::{Embed, EmbedParams};
use simpipe_artifact::{
    Distance, Embeddings, EmbeddingsInfo, ExamplesWriter, History, Image, ImageShape, ModelFile, SamplerFile, Samples,
    Weights, read_json, write_json,
};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_stage::{Checkpoints, CtxParts, Progress, SamplesFacts};

const DATASET: &str = "examples.parquet";

/// Four classes of twelve images; a class has its own brightness.
fn dataset(folder: &Path) {
    let shape = ImageShape { height: 6, width: 6, channels: 1 };
    let mut writer = ExamplesWriter::new(&folder.join(DATASET));
    for at in 0..48 {
        let pixel = |pixel| u8::try_from(at % 4 * 60 + (at * 7 + pixel * 11) % 50).unwrap();
        let image = Image { shape, pixels: (0..36).map(pixel).collect() };
        writer.push(if at < 40 { "train" } else { "test" }, at % 4, image).unwrap();
    }
    writer.finish().unwrap();
}

/// A pool of the given examples, in `folder/name`.
fn pool(folder: &Path, name: &str, ids: std::ops::Range<u64>, per_class: usize) {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    let split = if ids.start < 40 { "train" } else { "test" };
    let example_id: Vec<u64> = ids.rev().collect();
    let label: Vec<i32> = example_id.iter().map(|id| i32::try_from(id % 4).unwrap()).collect();
    let recipe = SamplerFile {
        format: 1,
        split: split.into(),
        labels: vec![0, 1, 2, 3],
        classes: ["a", "b", "c", "d"].map(String::from).to_vec(),
        count: label.len(),
        sampler: json!({ "multi-shot": { "classes-per-batch": 4, "examples-per-class": per_class } }),
        seed: Seed::of_stage(1, "sample", None).to_hex(),
    };
    Samples { example_id, label, split: split.into(), ..Samples::default() }.write(&folder.join(POOL)).unwrap();
    write_json(&folder.join(RECIPE), &recipe).unwrap();
}

#[derive(Default)]
struct Kept(Mutex<BTreeMap<u64, Vec<u8>>>);

impl Checkpoints for Kept {
    fn latest(&self, limit: u64) -> Option<(u64, Vec<u8>)> {
        let kept = self.0.lock().unwrap();
        kept.range(..=limit).next_back().map(|(step, bytes)| (*step, bytes.clone()))
    }

    fn save(&self, step: u64, bytes: &[u8]) {
        self.0.lock().unwrap().insert(step, bytes.to_vec());
    }
}

pub(super) struct Lab {
    folder: tempfile::TempDir,
    checkpoints: Kept,
    cancel: AtomicBool,
    /// Cancels at this step.
    stop_at: u64,
    seen: Mutex<Vec<Progress>>,
    warnings: Mutex<Vec<String>>,
}

impl Lab {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        dataset(folder.path());
        pool(folder.path(), "sample", 0..40, 3);
        pool(folder.path(), "sample-validation", 40..48, 2);
        Self {
            folder,
            checkpoints: Kept::default(),
            cancel: AtomicBool::new(false),
            stop_at: u64::MAX,
            seen: Mutex::default(),
            warnings: Mutex::default(),
        }
    }

    /// Runs a stage into `folder/output` and gives its metrics.
    fn run<S: Stage>(
        &self,
        params: &S::Params,
        ports: &[(&str, &str)],
        output: &str,
    ) -> Result<BTreeMap<String, f64>, StageError> {
        let root = self.folder.path();
        let output = root.join(output);
        std::fs::create_dir_all(&output).unwrap();
        let port = |(port, from): &(&str, &str)| {
            let declared = S::ports(params).into_iter().find(|declared| declared.name == *port).unwrap();
            let files: BTreeMap<String, PathBuf> =
                declared.files.iter().map(|file| ((*file).to_owned(), root.join(from).join(file))).collect();
            ((*port).to_owned(), files)
        };
        let on_progress = |progress: Progress| {
            if progress.unit == "steps" && progress.done >= self.stop_at {
                self.cancel.store(true, Ordering::Relaxed);
            }
            self.seen.lock().unwrap().push(progress);
        };
        let on_warning = |warning| self.warnings.lock().unwrap().push(warning);
        let mut ctx = Ctx::new(CtxParts {
            id: "train",
            inputs: ports.iter().map(port).collect(),
            output: &output,
            seed: Seed::of_stage(42, S::NAME, None),
            backend: "flex",
            spec: &Json::Null,
            cancel: &self.cancel,
            on_progress: &on_progress,
            on_warning: &on_warning,
            checkpoints: Some(&self.checkpoints),
            downloads: root,
        });
        S::run(params, &mut ctx)?;
        for file in S::FILES {
            assert!(output.join(file).exists(), "{file}");
        }
        let metrics = ctx.into_metrics();
        assert_eq!(crate::reported::undefined("train", metrics.keys()), [""; 0]);
        Ok(metrics)
    }

    pub(super) fn train(&self, params: &TrainParams, output: &str) -> Result<BTreeMap<String, f64>, StageError> {
        let ports = [("dataset", ""), ("sampler", "sample"), ("validation", "sample-validation")];
        self.run::<Train>(params, &ports, output)
    }

    fn embed(&self, sampler: &str, model: &str, output: &str) -> Result<Embeddings, StageError> {
        let ports = [("dataset", ""), ("sampler", sampler), ("model", model)];
        self.run::<Embed>(&param::defaults::<EmbedParams>(), &ports, output)?;
        Ok(Embeddings::read(&self.folder.path().join(output).join("embeddings.parquet")).unwrap())
    }

    pub(super) fn files(&self, output: &str) -> Vec<Vec<u8>> {
        Train::FILES.iter().map(|file| std::fs::read(self.folder.path().join(output).join(file)).unwrap()).collect()
    }
}

pub(super) fn params(epochs: usize) -> TrainParams {
    param::from_json(&json!({
        "epochs": epochs,
        "steps-per-epoch": 5,
        "validation-steps": 2,
        "layers": [
            "rescale",
            { "conv2d": { "filters": 8, "kernel": 3, "activation": "relu" } },
            "batch-norm",
            "global-max-pool",
            { "metric-embedding": { "size": 4 } },
        ],
    }))
    .unwrap()
}

#[test]
fn train_leaves_model_history_and_metrics_and_embed_uses_them() {
    let lab = Lab::new();
    let metrics = lab.train(&params(2), "model").unwrap();
    let root = lab.folder.path();
    let model: ModelFile = read_json(&root.join("model/model.json")).unwrap();
    // conv (9 + 1) 8, batch-norm 4 * 8, metric-embedding (8 + 1) 4.
    assert_eq!((model.dim, model.steps, model.input), (4, 10, [6, 6, 1]));
    assert_eq!(model.trained_on, [(0, 40)]);
    assert_eq!((model.distance, metrics["parameters"]), (Distance::Cosine, 148.0));
    assert_eq!((&model.summary["parameters"], &model.summary["trainable"]), (&json!(148), &json!(132)));
    let History(rows) = History::read(&root.join("model/history.parquet")).unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!((rows[4].epoch, rows[5].epoch, rows[9].step), (1, 2, 10));
    let validated: Vec<u64> = rows.iter().filter(|row| row.val_loss.is_some()).map(|row| row.step).collect();
    assert_eq!(validated, [5, 10]);
    let mean = rows.iter().map(|row| row.loss).sum::<f64>() / 10.0;
    assert!((metrics["loss"] - mean).abs() < 1e-12);
    assert_eq!(Some(metrics["val_loss"]), rows[9].val_loss);
    let seen = lab.seen.lock().unwrap().last().unwrap().clone();
    assert_eq!((seen.done, seen.total), (10, Some(10)));
    assert!(
        seen.message.starts_with("epoch 2/2, loss ") && seen.message.contains("validation loss"),
        "{}",
        seen.message
    );

    for (sampler, seen) in [("sample", true), ("sample-validation", false)] {
        lab.embed(sampler, "model", sampler).unwrap();
        let info: EmbeddingsInfo = read_json(&root.join(sampler).join(EmbeddingsInfo::FILE)).unwrap();
        assert_eq!((info.seen_in_training, info.dim, info.begin), (seen, 4, 0));
    }
    let embeddings = lab.embed("sample-validation", "model", "embeddings").unwrap();
    assert_eq!((embeddings.len(), embeddings.dim), (8, 4));
    assert_eq!(embeddings.example_id, (40..48).rev().collect::<Vec<u64>>());
    assert_eq!((embeddings.split[0].as_str(), embeddings.label[0]), ("test", 3));
    let examples = simpipe_artifact::Examples::read(&root.join(DATASET)).unwrap();
    assert_eq!(embeddings.digest[0], examples.digest[47]);
    let norm: f32 = embeddings.row(7).iter().map(|value| value * value).sum();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");
}

#[test]
fn no_epochs_leave_a_network_as_it_starts() {
    let lab = Lab::new();
    let metrics = lab.train(&params(0), "model").unwrap();
    assert_eq!(metrics.keys().collect::<Vec<_>>(), ["parameters"]);
    let model: ModelFile = read_json(&lab.folder.path().join("model/model.json")).unwrap();
    assert_eq!(model.trained_on, []);
    let facts = infer::<Train>(&params(0), &[("sampler", Facts::Samples(samples(None)))]).unwrap();
    assert!(matches!(facts, Facts::Model(facts) if facts.trained_on.is_empty()));
    let weights = Weights::read(&lab.folder.path().join("model/model.safetensors")).unwrap();
    assert!(weights.0["layers.1.conv2d.bias"].1.iter().all(|bias| *bias == 0.0));
}

#[test]
fn an_embedding_that_is_no_number_names_its_example() {
    let lab = Lab::new();
    lab.train(&params(0), "model").unwrap();
    let path = lab.folder.path().join("model/model.safetensors");
    let mut weights = Weights::read(&path).unwrap();
    weights.0.get_mut("layers.4.metric-embedding.bias").unwrap().1[0] = f32::NAN;
    weights.write(&path).unwrap();
    let error = lab.embed("sample-validation", "model", "embeddings").unwrap_err();
    assert_eq!(error.to_string(), "the embedding of example 47 is not finite");
}

pub(super) fn samples(image: Option<[usize; 3]>) -> SamplesFacts {
    let (identity, count) = ("pool-1".to_owned(), Some(40));
    SamplesFacts { identity, count, image, classes_per_batch: 4, examples_per_class: 3, ..SamplesFacts::default() }
}

pub(super) fn infer<S: Stage>(params: &S::Params, facts: &[(&str, Facts)]) -> Result<Facts, Vec<Issue>> {
    let inputs = facts.iter().map(|(port, facts)| ((*port).to_owned(), facts.clone())).collect();
    S::infer(params, &InputFacts(inputs))
}

/// `params` with more of them.
fn with(epochs: usize, more: Json) -> TrainParams {
    let mut json = params(epochs).write(View::Full);
    let fields = json.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    param::from_json(&json).unwrap()
}
