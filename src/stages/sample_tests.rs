//! The stage as planner and runner call it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::Value as Json;

use super::*;
use simpipe_artifact::{ExamplesWriter, Image, ImageShape, Samples};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_data::sampler::BatchSampler;
use simpipe_stage::{CtxParts, SplitFacts};

fn params(json: &Json) -> Params {
    param::from_json(json).unwrap()
}

fn facts() -> DatasetFacts {
    let split =
        |per_class: [usize; 3]| SplitFacts { count: per_class.iter().sum(), per_class: Some(per_class.to_vec()) };
    DatasetFacts {
        identity: "made up".to_owned(),
        classes: Some(["Ant", "Bee", "Cat"].map(str::to_owned).to_vec()),
        image: Some([1, 1, 1]),
        splits: Some(BTreeMap::from([("train".to_owned(), split([4, 4, 4])), ("test".to_owned(), split([2, 2, 1]))])),
        columns: Some(vec!["group".to_owned()]),
    }
}

fn infer(json: &Json, dataset: DatasetFacts) -> Result<SamplesFacts, Vec<Issue>> {
    let inputs = InputFacts(BTreeMap::from([("dataset".to_owned(), Facts::Dataset(dataset))]));
    match Sample::infer(&params(json), &inputs)? {
        Facts::Samples(facts) => Ok(facts),
        other => panic!("{other:?}"),
    }
}

fn small(classes: usize, examples: usize) -> Json {
    json!({ "multi-shot": { "classes-per-batch": classes, "examples-per-class": examples } })
}

/// Writes the dataset of [`facts`] and runs the stage on it.
fn run(json: &Json, seed: u64) -> Result<(Samples, SamplerFile, BTreeMap<String, f64>), StageError> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut writer = ExamplesWriter::new(&path("examples.parquet"));
    let shape = ImageShape { height: 1, width: 1, channels: 1 };
    for (split, label, count) in
        [("train", 0, 4), ("train", 1, 4), ("train", 2, 4), ("test", 0, 2), ("test", 1, 2), ("test", 2, 1)]
    {
        (0..count).for_each(|value| writer.push(split, label, Image { shape, pixels: vec![value] }).unwrap());
    }
    let summary = writer.finish().unwrap();
    let info = DatasetInfo {
        format: 1,
        source: "test".to_owned(),
        description: String::new(),
        classes: facts().classes.unwrap(),
        counts: summary.counts,
        image: summary.image,
        checksum: summary.checksum,
        skipped: Vec::new(),
        transparent: 0,
        encoded: 0,
    };
    write_json(&path("dataset.json"), &info).unwrap();
    let files = ["examples.parquet", "dataset.json"].map(|name| (name.to_owned(), path(name)));
    let cancel = AtomicBool::new(false);
    let mut ctx = Ctx::new(CtxParts {
        id: "pool",
        inputs: BTreeMap::from([("dataset".to_owned(), BTreeMap::from(files))]),
        output: folder.path(),
        seed: Seed::of_stage(seed, Sample::NAME, Sample::stream(&params(json))),
        backend: "flex",
        spec: &Json::Null,
        cancel: &cancel,
        on_progress: &|_| (),
        on_warning: &|_| (),
        checkpoints: None,
        downloads: Path::new(""),
    });
    Sample::run(&params(json), &mut ctx)?;
    let metrics = ctx.into_metrics();
    assert_eq!(crate::reported::undefined("sample", metrics.keys()), [""; 0]);
    Ok((Samples::read(&path("samples.parquet"))?, read_json(&path("sampler.json"))?, metrics))
}

#[test]
fn a_pool_is_what_its_facts_say_and_train_can_draw_from_it() {
    let json =
        json!({ "split": "train", "class-list": ["Cat", 0], "total-examples-per-class": 3, "sampler": small(2, 2) });
    let facts = infer(&json, facts()).unwrap();
    let (samples, file, metrics) = run(&json, 1).unwrap();
    assert_eq!(facts.count, Some(6));
    assert_eq!((samples.label.len(), file.count), (6, 6));
    assert_eq!(file.labels, [0, 2]);
    assert_eq!(file.classes, ["Ant", "", "Cat"], "no name of a class that the pool has none of");
    assert_eq!((samples.split.as_str(), samples.belonging.names()), ("train", vec![]));
    assert_eq!(metrics, BTreeMap::from([("classes".to_owned(), 2.0), ("examples".to_owned(), 6.0)]));
    let batches = BatchSampler::load(&samples, &file).unwrap();
    assert_eq!(batches.batch_size(), 4);
    let batch = batches.batch(1, 2);
    let labels: Vec<i32> = batch.iter().map(|&position| samples.label[position]).collect();
    assert!(labels == [0, 0, 2, 2] || labels == [2, 2, 0, 0], "{labels:?}");
    let other = run(&json, 2).unwrap();
    assert_ne!(other.1.seed, file.seed);
}

#[test]
fn a_recipe_that_names_classes_has_the_names_of_all() {
    let categories = json!({ "one": ["Ant", "Bee"], "other": ["Cat"] });
    let sampler = json!({
        "hierarchical": {
            "categories": categories, "categories-per-batch": 2, "classes-per-category": 1, "examples-per-class": 1,
        },
    });
    let (samples, file, _) =
        run(&json!({ "split": "train", "class-list": ["Ant", "Cat"], "sampler": sampler }), 1).unwrap();
    assert_eq!(file.classes, ["Ant", "Bee", "Cat"]);
    assert_eq!(BatchSampler::load(&samples, &file).unwrap().batch(0, 0).len(), 2);
}

#[test]
fn a_pool_in_the_order_of_the_dataset_is_the_same_at_every_seed() {
    let json = json!({ "split": "train", "order": "dataset", "sampler": small(2, 2) });
    let pools = [1, 2].map(|seed| run(&json, seed).unwrap().0);
    assert_eq!(pools[0], pools[1]);
    assert_eq!(pools[0].example_id, (0..12).collect::<Vec<u64>>());
    assert_eq!(pools[0].label, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    let drawn = run(&json!({ "split": "train", "sampler": small(2, 2) }), 1).unwrap().0;
    assert_ne!(drawn.example_id, pools[0].example_id);
    let identity = |json: &Json| infer(json, facts()).unwrap().identity;
    assert_ne!(identity(&json), identity(&json!({ "split": "train", "sampler": small(2, 2) })));
}

#[test]
fn a_stored_sampler_that_does_not_fit_is_refused() {
    let (samples, file, _) = run(&json!({ "split": "train", "sampler": small(2, 2) }), 1).unwrap();
    let with = |change: &dyn Fn(&mut SamplerFile)| {
        let mut file = file.clone();
        change(&mut file);
        BatchSampler::load(&samples, &file).unwrap_err().to_string()
    };
    assert_eq!(with(&|file| file.format = 2), "the sampler's format is 2, this program reads format 1");
    assert_eq!(with(&|file| file.seed = "x".to_owned()), "the sampler's seed is not readable");
    assert_eq!(with(&|file| file.sampler = json!("other")), "the sampler's recipe is not readable");
    assert_eq!(with(&|file| file.sampler = small(4, 1)), "a batch needs 4 classes, the pool has 3");
}

#[test]
fn check_and_run_find_the_same_problems() {
    for (json, path) in [
        (json!({ "split": "tests", "sampler": small(2, 2) }), "split"),
        (json!({ "split": "train", "class-list": ["Ant", "Bea"], "sampler": small(2, 2) }), "class-list[1]"),
        (json!({ "split": "train", "class-list": 4, "sampler": small(2, 2) }), "class-list"),
        (json!({ "split": "train" }), "sampler.multi-shot.classes-per-batch"),
        (json!({ "split": "test", "sampler": small(2, 2) }), "sampler.multi-shot.examples-per-class"),
        (json!({ "split": "test", "total-examples-per-class": 2, "sampler": small(2, 1) }), "total-examples-per-class"),
    ] {
        let issues = infer(&json, facts()).unwrap_err();
        assert_eq!(issues[0].path, path, "{issues:?}");
        assert!(issues[0].help.is_some());
        let error = run(&json, 1).unwrap_err();
        assert!(error.to_string().starts_with(&format!("`{path}`: {}", issues[0].message)), "{error}");
        assert_eq!(error.help(), issues[0].help.as_deref());
    }
    let unknown = infer(&json!({ "split": "tests", "sampler": small(2, 2) }), DatasetFacts::default());
    assert_eq!(unknown.unwrap().count, None);
}

#[test]
fn the_same_pool_has_the_same_identity_whatever_its_batches_are() {
    let identity = |json: Json| infer(&json, facts()).unwrap().identity;
    let base = identity(json!({ "split": "train", "sampler": small(2, 2) }));
    assert_eq!(identity(json!({ "split": "train", "sampler": small(3, 1) })), base);
    assert_eq!(identity(json!({ "split": "train", "class-list": [2, "Ant", 1], "sampler": small(2, 2) })), base);
    for other in [
        json!({ "split": "test", "sampler": small(2, 1) }),
        json!({ "split": "train", "class-list": 2, "sampler": small(2, 2) }),
        json!({ "split": "train", "class-list": [0, 1], "sampler": small(2, 2) }),
        json!({ "split": "train", "total-examples-per-class": 2, "sampler": small(2, 2) }),
        json!({ "split": "train", "stream": "b", "sampler": small(2, 2) }),
    ] {
        assert_ne!(identity(other.clone()), base, "{other}");
    }
    // Two datasets of one shape are still two.
    let second = DatasetFacts { identity: "another".to_owned(), ..facts() };
    assert_ne!(infer(&json!({ "split": "train", "sampler": small(2, 2) }), second).unwrap().identity, base);
}

#[test]
fn another_stream_draws_another_pool() {
    let pool = |stream: &str| run(&json!({ "split": "train", "stream": stream, "sampler": small(2, 2) }), 1).unwrap().0;
    assert_eq!(pool("a"), pool("a"));
    assert_ne!(pool("a"), pool("b"));
}
