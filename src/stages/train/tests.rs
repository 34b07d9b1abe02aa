//! The stages `train` and `embed` on a small dataset, from artifacts to artifacts.

mod batches;
mod other_dataset;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::*;
use crate::artifact::{
    Distance, Embeddings, EmbeddingsInfo, ExamplesWriter, History, Image, ImageShape, ModelFile, SamplerFile, Samples,
    Weights, read_json, write_json,
};
use crate::base::seed::Seed;
use crate::stage::{Checkpoints, CtxParts, Progress, SamplesFacts};
use crate::stages::embed::{Embed, EmbedParams};

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
    let example_id: Vec<u64> = ids.rev().collect();
    let label: Vec<i32> = example_id.iter().map(|id| i32::try_from(id % 4).unwrap()).collect();
    let recipe = SamplerFile {
        format: 1,
        split: "train".into(),
        labels: vec![0, 1, 2, 3],
        classes: ["a", "b", "c", "d"].map(String::from).to_vec(),
        count: label.len(),
        sampler: json!({ "multi-shot": { "classes-per-batch": 4, "examples-per-class": per_class } }),
        seed: Seed::of_stage(1, "sample", None).to_hex(),
    };
    Samples { example_id, label }.write(&folder.join(POOL)).unwrap();
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
        Ok(ctx.into_metrics())
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
    let examples = crate::artifact::Examples::read(&root.join(DATASET)).unwrap();
    assert_eq!(embeddings.digest[0], examples.digest[47]);
    let norm: f32 = embeddings.row(7).iter().map(|value| value * value).sum();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bytes() {
    let whole = Lab::new();
    whole.train(&params(2), "model").unwrap();
    let mut lab = Lab::new();
    lab.stop_at = 7;
    assert!(matches!(lab.train(&params(2), "stopped"), Err(StageError::Interrupted)));
    assert_eq!(lab.checkpoints.0.lock().unwrap().keys().copied().collect::<Vec<_>>(), [5, 7]);
    lab.cancel.store(false, Ordering::Relaxed);
    lab.stop_at = u64::MAX;
    lab.seen.lock().unwrap().clear();
    lab.train(&params(2), "model").unwrap();
    let first = lab.seen.lock().unwrap().first().unwrap().clone();
    let words = "batch size 12 (4 classes x 3 examples), goes on after step 7";
    assert_eq!((first.done, first.message.as_str()), (7, words));
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
    // How often checkpoints are made changes neither bytes nor key.
    let often = TrainParams { checkpoint_every_steps: Unkeyed(2), ..params(2) };
    let other = Lab::new();
    other.train(&often, "model").unwrap();
    assert!(other.files("model") == whole.files("model"), "the same bytes");
    assert_eq!(often.write(View::Key), params(2).write(View::Key));
    assert_ne!(often.write(View::Full), params(2).write(View::Full));
}

/// `params` with a rule that no epoch can satisfy, so that one is waited for.
fn stopping(epochs: usize, keep_best: bool) -> TrainParams {
    let rule = json!({ "patience": 1, "min-delta": 10.0 });
    let keep_best = if keep_best { KeepBest::Yes } else { KeepBest::No };
    TrainParams { early_stopping: param::from_json(&rule).ok(), keep_best, ..params(epochs) }
}

#[test]
fn a_training_ends_early_and_keeps_its_best_epoch() {
    let lab = Lab::new();
    let metrics = lab.train(&stopping(9, true), "model").unwrap();
    let History(rows) = History::read(&lab.folder.path().join("model/history.parquet")).unwrap();
    assert_eq!((rows.len(), metrics["epochs"]), (10, 2.0), "two epochs of nine");
    let val_losses: Vec<f64> = rows.iter().filter_map(|row| row.val_loss).collect();
    let best = if val_losses[1] < val_losses[0] { 2 } else { 1 };
    let model: ModelFile = read_json(&lab.folder.path().join("model/model.json")).unwrap();
    assert_eq!((model.best_epoch, model.steps), (Some(best), best * 5));
    assert_eq!(metrics["val_loss"], val_losses[usize::try_from(best).unwrap() - 1]);
    let last = lab.seen.lock().unwrap().last().unwrap().message.clone();
    assert_eq!(last, format!("ended early after epoch 2; keeps epoch {best} (lowest val-loss)"));
    // The weights are those of a training of just so many epochs.
    let short = Lab::new();
    short.train(&params(usize::try_from(best).unwrap()), "model").unwrap();
    assert!(lab.files("model")[0] == short.files("model")[0], "the same weights");
}

#[test]
fn early_stopping_goes_on_from_any_checkpoint_and_keeping_the_best_from_its_own() {
    let (whole, lab) = (Lab::new(), Lab::new());
    whole.train(&stopping(9, false), "model").unwrap();
    // A longer training without the rule has left checkpoints before and behind the end of this one.
    lab.train(&params(4), "other").unwrap();
    lab.seen.lock().unwrap().clear();
    lab.train(&stopping(9, false), "model").unwrap();
    assert_eq!(lab.seen.lock().unwrap()[0].done, 10, "goes on from the last checkpoint that is not too far");
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
    let key = |params: &TrainParams| Train::resume_params(params).unwrap();
    assert_eq!(key(&params(1)), key(&stopping(9, false)), "they share checkpoints");
    assert_ne!(key(&params(1)), key(&stopping(1, true)), "they don't");
    assert_ne!(params(1).write(View::Key), stopping(1, false).write(View::Key));
}

#[test]
fn a_rule_that_looks_at_a_loss_that_is_not_there_is_refused() {
    let facts = [("sampler", Facts::Samples(samples(None)))];
    let issues = infer::<Train>(&stopping(2, false), &facts).unwrap_err();
    assert_eq!((issues.len(), issues[0].path.as_str()), (1, "early-stopping"));
    assert!(issues[0].help.as_ref().unwrap().contains("early-stopping = { metric = \"loss\" }"));
    let rule = param::from_json(&json!({ "metric": "loss" })).ok();
    infer::<Train>(&TrainParams { early_stopping: rule, ..params(2) }, &facts).unwrap();
}

#[test]
fn a_useless_checkpoint_is_a_warning() {
    let (lab, whole) = (Lab::new(), Lab::new());
    lab.checkpoints.save(3, b"nonsense");
    lab.train(&params(1), "model").unwrap();
    whole.train(&params(1), "model").unwrap();
    let warnings = lab.warnings.lock().unwrap();
    assert!(warnings[0].starts_with("the checkpoint of step 3 can't be used"), "{warnings:?}");
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
}

#[test]
fn an_older_checkpoint_is_used_where_newer_ones_are_useless() {
    let (lab, whole) = (Lab::new(), Lab::new());
    whole.train(&params(3), "model").unwrap();
    let kept = whole.checkpoints.0.lock().unwrap().clone();
    let (&newest, &older) = (kept.keys().next_back().unwrap(), kept.keys().next().unwrap());
    let cut = |bytes: &[u8], at: usize| bytes[..at].to_vec();
    // Damaged in three ways: cut, of another step, and nonsense between them.
    lab.checkpoints.save(older, &kept[&older]);
    lab.checkpoints.save(older + 1, &kept[&older]);
    lab.checkpoints.save(older + 2, b"");
    lab.checkpoints.save(newest, &cut(&kept[&newest], kept[&newest].len() / 2));
    lab.train(&params(3), "model").unwrap();
    assert_eq!(lab.seen.lock().unwrap()[0].done, older);
    let warnings = lab.warnings.lock().unwrap();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings.iter().all(|said| said.ends_with(&format!(": training goes on from step {older}"))),
        "{warnings:?}"
    );
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
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

pub(super) fn infer<S: Stage>(params: &S::Params, facts: &[(&str, Facts)]) -> Result<Facts, Vec<ParamIssue>> {
    let inputs = facts.iter().map(|(port, facts)| ((*port).to_owned(), facts.clone())).collect();
    S::infer(params, &InputFacts(inputs))
}

#[test]
fn facts_tell_the_summary_and_whether_a_pool_was_trained_on() {
    let unknown = infer::<Train>(&params(1), &[("sampler", Facts::Samples(samples(None)))]).unwrap();
    let Facts::Model(unknown) = unknown else { panic!("a model") };
    assert_eq!((unknown.dim, unknown.summary), (None, None));
    let known = infer::<Train>(&params(1), &[("sampler", Facts::Samples(samples(Some([6, 6, 1]))))]).unwrap();
    let Facts::Model(model) = &known else { panic!("a model") };
    assert_eq!((model.dim, model.trained_on.as_str()), (Some(4), "pool-1"));
    assert_eq!(model.summary.as_ref().unwrap().layers[1].output, [4, 4, 8]);
    for (identity, seen) in [("pool-1", true), ("pool-2", false)] {
        let pool = SamplesFacts { identity: identity.into(), ..samples(None) };
        let facts = [("sampler", Facts::Samples(pool)), ("model", known.clone())];
        let Facts::Embeddings(facts) = infer::<Embed>(&param::defaults(), &facts).unwrap() else {
            panic!("embeddings")
        };
        assert_eq!((facts.seen_in_training, facts.dim, facts.range), (seen, Some(4), Some(0..40)));
    }
}

#[test]
fn a_kernel_larger_than_its_input_is_found_at_its_parameter() {
    let mut params = params(1);
    params.layers.insert(1, param::from_json(&json!({ "max-pool": { "size": 3 } })).unwrap());
    let issues = infer::<Train>(&params, &[("sampler", Facts::Samples(samples(Some([6, 6, 1]))))]).unwrap_err();
    assert_eq!(issues[0].path, "layers[2].conv2d.kernel");
    assert!(
        issues[0].message.starts_with("a kernel of 3 x 3 is larger than its input of 2 x 2"),
        "{}",
        issues[0].message
    );
}

#[test]
fn layers_without_unit_rows_are_warned_about_where_the_loss_expects_them() {
    let warnings = |loss: Json, epochs: usize, last: &[Json]| {
        let mut layers = vec![json!("flatten"), json!({ "dense": { "units": 4 } })];
        layers.extend_from_slice(last);
        let params = json!({ "epochs": epochs, "loss": loss, "layers": layers });
        Train::warnings(&param::from_json(&params).unwrap(), &InputFacts(BTreeMap::new()))
    };
    let cosine = || json!("multi-similarity");
    let found = warnings(cosine(), 1, &[]);
    assert_eq!((found.len(), found[0].path.as_str()), (1, "layers"));
    assert!(found[0].message.contains("expects embeddings of unit length"), "{found:?}");
    // In training a dropout takes the length away again.
    assert_eq!(warnings(cosine(), 1, &[json!("l2-normalize"), json!({ "dropout": { "rate": 0.5 } })]).len(), 1);
    for last in [json!("l2-normalize"), json!({ "metric-embedding": { "size": 4 } })] {
        assert_eq!(warnings(cosine(), 1, std::slice::from_ref(&last)), []);
        assert_eq!(warnings(cosine(), 1, &[last, json!("flatten")]), []);
    }
    assert_eq!(warnings(json!({ "multi-similarity": { "distance": "euclidean" } }), 1, &[]), []);
    assert_eq!(warnings(cosine(), 0, &[]), [], "a network that is not trained has no loss");
}

#[test]
fn a_miner_chooses_for_a_loss_that_asks_it_and_says_once_where_it_finds_nothing() {
    let facts = [("sampler", Facts::Samples(samples(None)))];
    let with = |loss: Json, miner: Json| {
        let (loss, miner) = (param::from_json(&loss).unwrap(), param::from_json(&miner).ok());
        TrainParams { loss, miner, ..params(2) }
    };
    for loss in ["multi-similarity", "pnp", "ranked-list", "proxy-anchor", "normalized-softmax"] {
        let issues = infer::<Train>(&with(json!(loss), json!("batch-hard")), &facts).unwrap_err();
        assert_eq!((issues.len(), issues[0].path.as_str()), (1, "miner"), "{loss}");
        assert!(issues[0].help.as_ref().unwrap().contains("`contrastive`"), "{loss}");
    }
    let strategies = json!({ "batch-easy-hard": { "pos-strategy": "all" } });
    let issues = infer::<Train>(&with(json!("contrastive"), strategies), &facts).unwrap_err();
    assert_eq!((issues.len(), issues[0].path.as_str()), (1, "miner.batch-easy-hard.neg-strategy"));
    infer::<Train>(&with(json!("contrastive"), json!("batch-hard")), &facts).unwrap();

    let nothing = json!({ "pair-margin": { "pos-margin": 9.0, "neg-margin": 0.0 } });
    let (lab, silent) = (Lab::new(), Lab::new());
    lab.train(&with(json!("contrastive"), nothing), "model").unwrap();
    let warnings = lab.warnings.lock().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("the miner found nothing in 10 of 10 batches (100.0 %)"), "{warnings:?}");
    silent.train(&with(json!("contrastive"), json!("batch-hard")), "model").unwrap();
    assert!(silent.warnings.lock().unwrap().is_empty());
}

#[test]
fn a_loss_of_directions_warns_where_the_index_would_see_lengths() {
    let with = |loss: Json, last: Json| {
        let layers = json!(["rescale", "flatten", last]);
        let (loss, layers) = (param::from_json(&loss).unwrap(), param::from_json(&layers).unwrap());
        TrainParams { loss, layers, ..params(1) }
    };
    let (unit, free) = (json!({ "metric-embedding": { "size": 4 } }), json!({ "dense": { "units": 4 } }));
    for (loss, warns) in [
        (json!("contrastive"), true),
        (json!({ "contrastive": { "distance": "cosine" } }), false),
        (json!("sup-con"), false),
        (json!("angular"), true),
        (json!("multi-similarity"), true),
        (json!({ "multi-similarity": { "distance": "euclidean" } }), false),
    ] {
        assert_eq!(lacks_unit_rows(&with(loss.clone(), free.clone())).is_some(), warns, "{loss}");
        assert!(lacks_unit_rows(&with(loss.clone(), unit.clone())).is_none(), "{loss}");
    }
}

/// `params` with more of them.
fn with(epochs: usize, more: Json) -> TrainParams {
    let mut json = params(epochs).write(View::Full);
    let fields = json.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    param::from_json(&json).unwrap()
}

/// recall@1 and map@r of the validation pool, by a model that was written.
fn looked_up(lab: &Lab, model: &str, output: &str) -> [f64; 2] {
    use crate::metric::{Ranked, RetrievalMetric, micro_mean};
    use crate::search::distance::between;
    let embedded = lab.embed("sample-validation", model, output).unwrap();
    let value = |metric: RetrievalMetric| {
        micro_mean((0..embedded.len()).map(|query| {
            let mut near: Vec<(f32, usize)> = (0..embedded.len())
                .filter(|other| *other != query && embedded.digest[*other] != embedded.digest[query])
                .map(|other| (between(Distance::Cosine, embedded.row(query), embedded.row(other)), other))
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            let hits: Vec<bool> =
                near.iter().map(|(_, other)| embedded.label[*other] == embedded.label[query]).collect();
            metric.of_query(&Ranked { hits: &hits, relevant: hits.iter().filter(|hit| **hit).count() })
        }))
    };
    [RetrievalMetric::RecallAtK(1), RetrievalMetric::MapAtR].map(value)
}

#[test]
fn a_metric_of_the_validation_pool_is_that_of_the_finished_model() {
    for more in [json!({}), json!({ "ema": { "decay": 0.5 } }), json!({ "lookahead": { "steps": 3 } })] {
        let mut more = more;
        more["early-stopping"] = json!({ "metric": "recall@1", "patience": 9 });
        more["keep-best"] = json!("map@r");
        let lab = Lab::new();
        let metrics = lab.train(&with(3, more), "model").unwrap();
        let [recall, map] = looked_up(&lab, "model", "embeddings");
        assert_eq!((metrics["recall@1"], metrics["map@r"]), (recall, map));
        let History(rows) = History::read(&lab.folder.path().join("model/history.parquet")).unwrap();
        let measured: Vec<u64> =
            rows.iter().filter(|row| row.logged.contains_key("recall@1")).map(|row| row.step).collect();
        assert_eq!(measured, [5, 10, 15]);
        let best = rows.iter().filter_map(|row| row.logged.get("map@r")).copied().fold(0.0, f64::max);
        assert_eq!(best, map, "the best epoch's weights are kept");
        let said = lab.seen.lock().unwrap().iter().map(|seen| seen.message.clone()).collect::<Vec<_>>();
        assert!(said.iter().any(|said| said.contains(", recall@1 ") && said.contains(", map@r ")), "{said:?}");
        assert!(said.iter().any(|said| said.ends_with("(highest map@r)")), "{said:?}");
    }
}

#[test]
fn a_training_that_watches_a_metric_goes_on_to_the_same_bytes() {
    let watched = || {
        with(
            3,
            json!({ "early-stopping": { "metric": "recall@1", "patience": 9 }, "keep-best": true, "validate-every": 2 }),
        )
    };
    let whole = Lab::new();
    whole.train(&watched(), "model").unwrap();
    for stop_at in [3, 5, 10, 12] {
        let mut lab = Lab::new();
        lab.stop_at = stop_at;
        assert!(matches!(lab.train(&watched(), "stopped"), Err(StageError::Interrupted)));
        lab.cancel.store(false, Ordering::Relaxed);
        lab.stop_at = u64::MAX;
        lab.train(&watched(), "model").unwrap();
        assert!(lab.files("model") == whole.files("model"), "stopped at {stop_at}");
    }
    let key = |params: &TrainParams| Train::resume_params(params).unwrap();
    assert_ne!(key(&watched()), key(&stopping(3, true)), "they share no checkpoints");
}

#[test]
fn how_often_a_metric_is_measured_is_in_the_key_only_where_one_is() {
    let key = |more| Train::key_params(&with(3, more));
    assert_eq!(key(json!({ "validate-every": 2 })), key(json!({})));
    let watched = |every: usize| json!({ "keep-best": "recall@1", "validate-every": every });
    assert_ne!(key(watched(2)), key(watched(1)));
    assert_eq!(key(json!({ "keep-best": false })), key(json!({})));
    assert_eq!(key(json!({ "keep-best": true }))["keep-best"], json!(true));
    assert_ne!(key(json!({ "clip-norm": 1.0 })), key(json!({})));
}

#[test]
fn a_metric_without_anything_to_find_is_refused_at_its_place() {
    let lab = Lab::new();
    pool(lab.folder.path(), "lone", 40..44, 1);
    let ports = [("dataset", ""), ("sampler", "sample"), ("validation", "lone")];
    let run = |more| lab.run::<Train>(&with(1, more), &ports, "model");
    for (more, place) in [
        (json!({ "early-stopping": { "metric": "recall@1" } }), "early-stopping.metric"),
        (json!({ "keep-best": "map@r" }), "keep-best"),
    ] {
        let Err(StageError::Param { path, message, .. }) = run(more) else { panic!("a pool of lone images") };
        assert_eq!(path, place);
        assert!(message.contains("no image of the validation pool has another one of its class"), "{message}");
    }
    run(json!({})).unwrap();
}

#[test]
fn what_can_be_said_before_a_training_is_said_at_its_place() {
    let facts = |validation: bool| {
        let mut facts = vec![("sampler", Facts::Samples(samples(Some([6, 6, 1]))))];
        facts.extend(validation.then(|| ("validation", Facts::Samples(samples(Some([6, 6, 1]))))));
        facts
    };
    let refused = |more: Json, validation: bool| {
        let issues = infer::<Train>(&with(2, more), &facts(validation)).unwrap_err();
        assert_eq!(issues.len(), 1, "{issues:?}");
        (issues[0].path.clone(), issues[0].message.clone())
    };
    for (more, validation, place, words) in [
        (
            json!({ "early-stopping": { "metric": "recall@1" } }),
            false,
            "early-stopping",
            "`recall@1` needs a validation pool",
        ),
        (json!({ "keep-best": "val-loss" }), false, "keep-best", "`val-loss` needs validation batches"),
        (json!({ "keep-best": "recall@1", "validate-every": 3 }), true, "validate-every", "nothing is measured"),
        (json!({ "groups": [{ "match": "layers.9" }] }), true, "groups[0].match", "matches no parameter"),
        (
            json!({ "groups": [{ "match": "**", "freeze": true }] }),
            true,
            "groups",
            "every parameter of the layers is frozen",
        ),
        (json!({ "micro-batch": 4 }), true, "micro-batch", "`layers.2.batch-norm` takes statistics"),
        (json!({ "optimizer": { "sgd": { "nesterov": true } } }), true, "optimizer.sgd.nesterov", "needs a `momentum`"),
        (
            json!({ "optimizer": { "muon": { "rest": { "sgd": { "nesterov": true } } } } }),
            true,
            "optimizer.muon.rest.sgd.nesterov",
            "needs a `momentum`",
        ),
    ] {
        let (found, message) = refused(more, validation);
        assert!(found == place && message.contains(words), "{found}: {message}");
    }
    // A frozen normalisation goes by its averages: its images go through by themselves.
    let frozen = json!({ "micro-batch": 4, "groups": [{ "match": "layers.2", "freeze": true }] });
    let Facts::Model(facts) = infer::<Train>(&with(2, frozen), &facts(true)).unwrap() else { unreachable!() };
    let summary = facts.summary.unwrap();
    assert_eq!((summary.trainable, summary.groups.len()), (132 - 16, 1));
    assert_eq!((summary.groups[0].training.as_str(), summary.groups[0].parameters.len()), ("frozen", 4));
}
