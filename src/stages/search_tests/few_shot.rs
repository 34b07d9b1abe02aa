//! The stage `few-shot` on points of a line.

use super::*;
use crate::few_shot::FewShot;
use simpipe_artifact::{FewShotFile, table::Columns};
use simpipe_stage::{DatasetFacts, SplitFacts};

/// Three classes of eight points each, 100 apart: no query is ever wrong.
fn apart() -> World {
    let world = World::new();
    let points: Vec<(f32, i32)> =
        (0..24_u8).map(|at| (f32::from(at % 3) * 100.0 + f32::from(at / 3), i32::from(at % 3))).collect();
    world.embed("apart", 0, &points, false);
    world
}

fn run(world: &World, params: &Json) -> Outcome {
    world.run::<FewShot>(params, &[("embeddings", "apart")], "few-shot")
}

#[test]
fn classes_apart_are_always_told_and_every_episode_is_kept() {
    let world = apart();
    let params = json!({ "ways": 2, "shots": 2, "queries": 3, "episodes": 40 });
    let metrics = run(&world, &params).unwrap().0;
    for name in ["accuracy", "nearest_prototype.accuracy", "nearest_neighbour.accuracy"] {
        for name in [name.to_owned(), format!("{name}.low"), format!("{name}.high")] {
            assert_eq!(metrics[&name], 1.0, "{name}");
        }
    }
    let file: FewShotFile = read_json(&world.folder("few-shot").join("few-shot.json")).unwrap();
    assert_eq!((file.ways, file.shots, file.queries, file.episodes, file.classes), (2, 2, 3, 40, 3));
    assert_eq!((file.by.as_str(), file.groups, file.unit_length, file.chance), ("class", None, false, 0.5));
    let rows = Columns::read_parquet(&world.folder("few-shot").join("episodes.parquet"), None).unwrap();
    assert_eq!(rows.names(), ["episode", "method", "accuracy", "classes"]);
    assert_eq!(rows.u64("episode").unwrap()[..4], [0, 0, 1, 1]);
    assert_eq!(rows.text("method").unwrap()[..2], ["nearest-prototype", "nearest-neighbour"]);
    assert_eq!(rows.f64("accuracy").unwrap(), vec![1.0; 80]);
}

#[test]
fn the_interval_is_over_episodes_and_the_first_method_is_the_headline() {
    let world = World::new();
    // Two classes that lie in each other.
    let points: Vec<(f32, i32)> = (0..40_u16).map(|at| (f32::from(at * 7 % 40), i32::from(at % 2))).collect();
    world.embed("apart", 0, &points, false);
    let params = json!({ "ways": 2, "queries": 2, "episodes": 30, "methods": ["nearest-neighbour"] });
    let metrics = run(&world, &params).unwrap().0;
    let rows = Columns::read_parquet(&world.folder("few-shot").join("episodes.parquet"), None).unwrap();
    let accuracies = rows.f64("accuracy").unwrap();
    let mean = accuracies.iter().sum::<f64>() / 30.0;
    let variance = accuracies.iter().map(|accuracy| (accuracy - mean).powi(2)).sum::<f64>() / 29.0;
    assert!(variance > 0.0 && (metrics["accuracy"] - mean).abs() < 1e-12);
    assert!((metrics["accuracy.high"] - mean - 1.959_964 * (variance / 30.0).sqrt()).abs() < 1e-6);
    assert!((metrics["accuracy.low"] - mean + 1.959_964 * (variance / 30.0).sqrt()).abs() < 1e-6);
    assert!(!metrics.contains_key("nearest_prototype.accuracy"));
    // One episode has no interval.
    let one = run(&world, &json!({ "ways": 2, "queries": 2, "episodes": 1 })).unwrap().0;
    assert!(one.contains_key("accuracy") && !one.contains_key("accuracy.low"));
}

#[test]
fn what_only_the_data_tells_is_refused_at_its_parameter() {
    let world = apart();
    let refused = |params: Json| run(&world, &params).unwrap_err().to_string();
    assert_eq!(
        refused(json!({ "ways": 3, "shots": 4, "queries": 5 })),
        "`ways`: ways must be at most 0, the classes that have 4 examples to show and 5 others to ask"
    );
    assert!(refused(json!({ "by": "group", "ways": 2, "queries": 2 })).contains("port `dataset`"));
    let plugs = [("embeddings", "apart"), ("dataset", "dataset")];
    let params = json!({ "by": "group", "ways": 2, "queries": 2 });
    let error = world.run::<FewShot>(&params, &plugs, "few-shot").unwrap_err().to_string();
    assert!(error.starts_with("the data has no groups"), "{error}");
}

#[test]
fn episodes_stay_within_the_group_of_nested_classes() {
    let world = apart();
    let mut info: DatasetInfo = read_json(&world.folder("dataset").join("dataset.json")).unwrap();
    info.classes = ["greek/alpha", "greek/beta", "latin/a"].map(str::to_owned).to_vec();
    write_json(&world.folder("dataset").join("dataset.json"), &info).unwrap();
    let plugs = [("embeddings", "apart"), ("dataset", "dataset")];
    let params = json!({ "by": "group", "ways": 2, "queries": 2, "episodes": 20 });
    world.run::<FewShot>(&params, &plugs, "few-shot").unwrap();
    let file: FewShotFile = read_json(&world.folder("few-shot").join("few-shot.json")).unwrap();
    assert_eq!((file.groups, file.classes), (Some(1), 2), "the latin letter is alone");
}

/// Issues at check of a pool of `labels` classes and `embedded` rows, in a split of these counts.
fn issues(params: Json, labels: i32, embedded: usize, per_class: &[usize], classes: &[&str]) -> Vec<(String, String)> {
    let params = param::from_json(&params).unwrap();
    let pool =
        SamplesFacts { labels: Some((0..labels).collect()), split: "test".to_owned(), ..SamplesFacts::default() };
    let embeddings = Facts::Embeddings(EmbeddingsFacts {
        pool,
        range: Some(0..embedded),
        dim: Some(1),
        distance: Distance::Cosine,
        seen_in_training: false,
        model_use: Some(ModelUse::default()),
    });
    let split = SplitFacts { count: per_class.iter().sum(), per_class: Some(per_class.to_vec()) };
    let dataset = Facts::Dataset(DatasetFacts {
        classes: Some(classes.iter().map(|&class| class.to_owned()).collect()),
        splits: Some(BTreeMap::from([("test".to_owned(), split)])),
        ..DatasetFacts::default()
    });
    let inputs = InputFacts(BTreeMap::from([("embeddings".to_owned(), embeddings), ("dataset".to_owned(), dataset)]));
    let found: Vec<Issue> = FewShot::infer(&params, &inputs).err().unwrap_or_default();
    found.into_iter().map(|issue| (issue.path, issue.message)).collect()
}

#[test]
fn what_is_known_at_check_is_refused_there() {
    let letters = ["g/a", "g/b", "l/c"];
    assert_eq!(issues(json!({ "ways": 3, "queries": 9 }), 3, 60, &[20, 10, 20], &letters), []);
    let one = |params: Json, embedded: usize| {
        let mut issues = issues(params, 3, embedded, &[20, 10, 20], &letters);
        assert_eq!(issues.len(), 1, "{issues:?}");
        issues.remove(0)
    };
    let (path, message) = one(json!({ "ways": 4 }), 60);
    assert_eq!((path.as_str(), message.as_str()), ("ways", "an episode needs 4 classes, but the pool has 3"));
    let (path, message) = one(json!({ "ways": 3, "queries": 10 }), 60);
    assert_eq!(path, "queries");
    assert_eq!(message, "an episode needs 11 examples of each of 3 classes, but 2 have that many");
    let (path, message) = one(json!({ "ways": 2, "queries": 10 }), 21);
    assert_eq!((path.as_str(), message.as_str()), ("queries", "an episode needs 22 examples, but there are 21"));
    let (path, message) = one(json!({ "ways": 3, "queries": 2, "by": "group" }), 60);
    assert_eq!(path, "ways");
    assert_eq!(message, "an episode needs 3 classes of one group, but none has more than 2");
    let none = issues(json!({ "ways": 2, "queries": 2, "by": "group" }), 2, 60, &[20, 20], &["cat", "dog"]);
    assert_eq!(none[0].0, "by");
}

#[test]
fn examples_that_were_trained_on_are_refused_or_told_of() {
    let read = |json: Json| param::from_json::<crate::few_shot::Params>(&json).unwrap();
    let mut inputs = facts(200, 0..100, false);
    assert_eq!(FewShot::warnings(&read(json!({})), &inputs), []);
    if let Some(Facts::Embeddings(embeddings)) = inputs.0.get_mut("embeddings") {
        embeddings.seen_in_training = true;
    }
    let issue = FewShot::infer(&read(json!({})), &inputs).unwrap_err().remove(0);
    assert_eq!(
        (issue.path.as_str(), issue.message.as_str()),
        ("slice", "100 queries are images that the model was trained on")
    );
    let allowed = read(json!({ "allow-overlap": true }));
    assert!(FewShot::infer(&allowed, &inputs).is_ok());
    let warned = FewShot::warnings(&allowed, &inputs).remove(0).message;
    assert!(warned.starts_with("episodes are drawn from examples that the model was trained on"), "{warned}");

    // Another dataset's copy: only the bytes tell.
    let world = apart();
    let seen = ImageSet::of([(7, "digest of 3"), (8, "digest of nobody")]);
    seen.write(&world.folder("apart").join(ImageSet::TRAINED_ON)).unwrap();
    let params = json!({ "ways": 2, "queries": 2, "episodes": 5 });
    let error = run(&world, &params).unwrap_err();
    let words =
        "`slice`: 1 query is an image that the model was trained on (query 3 is example 7 of the training pool)";
    assert_eq!(error.to_string(), words);
    let mut allowed = params;
    allowed["allow-overlap"] = json!(true);
    let (metrics, warnings) = run(&world, &allowed).unwrap();
    assert_eq!((metrics["overlap.training"], metrics["accuracy"]), (1.0, 1.0));
    assert_eq!(warnings, ["1 of 24 examples are images that the model was trained on"]);
}
