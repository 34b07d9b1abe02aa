//! The stages `index`, `calibrate` and `match` on tiny artifacts, computed by hand.
//!
//! Embeddings are points on a line with the euclidean distance. The index holds 0, 1 (label 0), 10 and 11 (label 1).

mod baseline;
mod evaluate;
mod exclude;
mod few_shot;
mod foreign;
mod project;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use serde_json::{Value as Json, json};

use super::calibrate::{self, Calibrate};
use super::index::{self, Index};
use super::match_::{self, Match};
use simpipe_artifact::{
    Calibration, Confusion, DatasetInfo, Distance, Embeddings, EmbeddingsInfo, ImageSet, IndexInfo, IndexRows,
    MatchInfo, Matches, ModelUse, Target, Thresholds, read_json, write_json,
};
use simpipe_base::issue::Issue;
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_stage::{
    CalibrationFacts, Ctx, CtxParts, EmbeddingsFacts, Facts, IndexFacts, InputFacts, SamplesFacts, Stage, StageError,
};

mod cosine;
mod leaks;
mod many_classes;
mod searched;

/// What a stage left beside its files.
pub(super) type Outcome = Result<(BTreeMap<String, f64>, Vec<String>), StageError>;

/// A folder with one sub-folder a stage.
pub(super) struct World(tempfile::TempDir);

impl World {
    /// With nothing in it.
    pub(super) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A dataset of two classes, a pool of six embedded examples and one of four to calibrate on.
    fn new() -> Self {
        let world = Self::empty();
        let info = DatasetInfo {
            format: 1,
            source: "test".into(),
            description: String::new(),
            classes: vec!["cat".into(), "dog".into()],
            counts: BTreeMap::new(),
            image: None,
            checksum: String::new(),
            skipped: Vec::new(),
            transparent: 0,
            encoded: 0,
        };
        write_json(&world.folder("dataset").join("dataset.json"), &info).unwrap();
        world.embed("validation", 10, &[(0.0, 0), (1.0, 0), (10.0, 1), (11.0, 1), (0.4, 0), (3.0, 1)], false);
        world.embed("training", 100, &[(0.25, 0), (2.0, 0), (10.5, 1), (5.0, 1)], true);
        world
    }

    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.0.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn embed(&self, name: &str, first_id: u64, points: &[(f32, i32)], seen_in_training: bool) {
        let ids: Vec<u64> = (first_id..).take(points.len()).collect();
        let embeddings = Embeddings {
            position: (0..).take(points.len()).collect(),
            digest: ids.iter().map(|id| format!("digest of {id}")).collect(),
            example_id: ids,
            label: points.iter().map(|point| point.1).collect(),
            split: vec!["test".into(); points.len()],
            values: points.iter().map(|point| point.0).collect(),
            dim: 1,
            ..Embeddings::default()
        };
        embeddings.write(&self.folder(name).join("embeddings.parquet")).unwrap();
        let (distance, count) = (Distance::Euclidean, points.len());
        let info = EmbeddingsInfo {
            format: 1,
            distance,
            dim: 1,
            count,
            begin: 0,
            seen_in_training,
            model_use: ModelUse::default(),
            made_by: None,
        };
        write_json(&self.folder(name).join(EmbeddingsInfo::FILE), &info).unwrap();
        let seen = embeddings.example_id.iter().copied().zip(embeddings.digest.iter().map(String::as_str));
        let seen = if seen_in_training { ImageSet::of(seen) } else { ImageSet::default() };
        seen.write(&self.folder(name).join(ImageSet::TRAINED_ON)).unwrap();
    }

    /// Runs a stage into the folder `out`, with ports plugged to other folders.
    pub(super) fn run<S: Stage>(&self, params: &Json, plugs: &[(&str, &str)], out: &str) -> Outcome {
        let params: S::Params = param::from_json(params).unwrap();
        let inputs = S::ports(&params)
            .into_iter()
            .filter(|port| !port.optional || plugs.iter().any(|plug| plug.0 == port.name))
            .map(|port| {
                let source = plugs.iter().find(|plug| plug.0 == port.name).unwrap().1;
                let files = port.files.iter().map(|file| ((*file).to_owned(), self.folder(source).join(file)));
                (port.name.to_owned(), files.collect())
            })
            .collect();
        let warnings = Mutex::new(Vec::new());
        let output = self.folder(out);
        let cancel = AtomicBool::new(false);
        let on_warning = |warning| warnings.lock().unwrap().push(warning);
        let mut ctx = Ctx::new(CtxParts {
            id: out,
            inputs,
            output: &output,
            seed: Seed::of_stage(1, S::NAME, None),
            backend: "flex",
            spec: &Json::Null,
            cancel: &cancel,
            on_progress: &|_| {},
            on_warning: &on_warning,
            checkpoints: None,
            downloads: Path::new(""),
        });
        S::run(&params, &mut ctx)?;
        assert!(S::FILES.iter().all(|file| output.join(file).exists()), "every declared file is written");
        let metrics = ctx.into_metrics();
        assert_eq!(super::reported::undefined(S::NAME, metrics.keys()), [""; 0]);
        Ok((metrics, warnings.into_inner().unwrap()))
    }

    fn index(&self) -> Outcome {
        let slice = json!({ "slice": { "begin": 0, "size": 4 } });
        self.run::<Index>(&slice, &[("dataset", "dataset"), ("embeddings", "validation")], "index")
    }

    fn calibrate(&self, params: &Json, queries: &str) -> Outcome {
        self.run::<Calibrate>(params, &[("index", "index"), ("queries", queries)], "calibrate")
    }

    fn matched(&self, params: &Json) -> Outcome {
        let plugs = [("index", "index"), ("queries", "validation"), ("calibration", "calibrate")];
        self.run::<Match>(params, &plugs, "match")
    }

    /// With an index and a calibration.
    fn ready() -> Self {
        let world = Self::new();
        world.index().unwrap();
        world.calibrate(&json!({ "targets": { "half": 0.5 } }), "training").unwrap();
        world
    }
}

#[test]
fn the_index_holds_the_slice_and_follows_the_loss() {
    let world = World::new();
    world.index().unwrap();
    let rows = IndexRows::read(&world.folder("index").join("index.arrow")).unwrap();
    assert_eq!((rows.example_id, rows.vectors.to_vec()), (vec![10, 11, 12, 13], vec![0.0, 1.0, 10.0, 11.0]));
    let info: IndexInfo = read_json(&world.folder("index").join("index.json")).unwrap();
    assert_eq!((info.metric, info.count, info.dim), (Distance::Euclidean, 4, 1));
    assert_eq!(info.classes, ["cat", "dog"]);
    let plugs = [("dataset", "dataset"), ("embeddings", "validation")];
    world.run::<Index>(&json!({ "distance": "l1" }), &plugs, "other").unwrap();
    let info: IndexInfo = read_json(&world.folder("other").join("index.json")).unwrap();
    assert_eq!((info.metric, info.count), (Distance::Manhattan, 6));
}

#[test]
fn embeddings_that_are_not_finite_are_refused_with_their_example() {
    let world = World::new();
    world.embed("validation", 10, &[(0.0, 0), (f32::NAN, 1), (1.0, 0), (2.0, 0)], false);
    let error = world.index().unwrap_err();
    assert_eq!(error.to_string(), "the embedding of example 11 (row 1) contains a number that is not finite");
}

#[test]
fn a_slice_beyond_the_embedded_rows_is_refused() {
    let world = World::new();
    let slice = json!({ "slice": { "begin": 3, "size": 4 } });
    let plugs = [("dataset", "dataset"), ("embeddings", "validation")];
    let error = world.run::<Index>(&slice, &plugs, "index").unwrap_err();
    assert_eq!(error.to_string(), "`slice`: `slice` selects positions 3..7, but only 0..6 were embedded");
}

#[test]
fn calibration_is_as_computed_by_hand() {
    let world = World::new();
    world.index().unwrap();
    // Nearest: 0.25 (right), 1 (right), 0.5 (right), 4 (wrong).
    let (metrics, warnings) = world.calibrate(&json!({ "targets": { "half": 0.5 } }), "training").unwrap();
    let file: Calibration = read_json(&world.folder("calibrate").join("calibration.json")).unwrap();
    assert_eq!((file.cutpoints["optimal"].distance, file.cutpoints["optimal"].value), (1.0, 1.0));
    assert_eq!((file.cutpoints["half"].distance, file.cutpoints["half"].metrics["precision"]), (0.25, 1.0));
    assert_eq!((file.metric.as_str(), file.matcher.as_str(), file.k, file.queries), ("f1", "nearest", 1, 4));
    assert_eq!(file.extra_metrics, ["precision", "recall", "binary_accuracy"]);
    assert_eq!(metrics["optimal.distance"], 1.0);
    assert_eq!(metrics["optimal.binary_accuracy"], 0.75);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("the model was trained on "));
    let thresholds = Thresholds::read(&world.folder("calibrate").join("thresholds.parquet")).unwrap();
    assert_eq!(thresholds.distance, [0.25, 0.5, 1.0, 4.0]);
    assert_eq!(thresholds.metrics["f1"], [0.5, 0.8, 1.0, 6.0 / 7.0]);
    assert_eq!(thresholds.metrics["fpr"], [0.0, 0.0, 0.0, 1.0]);
    assert_eq!((thresholds.true_positive, thresholds.false_negative), (vec![1, 2, 3, 3], vec![2, 1, 0, 0]));
    let columns: Vec<&str> = thresholds.metrics.keys().map(String::as_str).collect();
    let expected = ["binary_accuracy", "dir", "f1", "far", "fpr", "frr", "npv", "precision", "recall", "tpr"];
    assert_eq!(columns, expected);
    // Right at 0.25, 0.5 and 1, wrong at 4: certain up to 1.
    let knots: Vec<(f64, f64)> = file.probability.iter().map(|knot| (knot.distance, knot.probability)).collect();
    assert_eq!(knots, [(0.25, 1.0), (1.0, 1.0), (4.0, 0.0)]);
    assert_eq!(metrics["ece"], 0.0);
    assert_eq!(file.cutpoints["optimal"].target, None);
    assert_eq!(file.cutpoints["half"].target, Some(Target { metric: "f1".to_owned(), value: 0.5 }));
}

#[test]
fn a_target_may_be_of_any_metric_and_match_says_what_it_achieves() {
    let world = World::new();
    world.index().unwrap();
    let targets = json!({
        "strict": { "metric": "far", "value": 0.0 }, "sparing": { "metric": "frr", "value": 0.4 },
        "most": { "metric": "dir", "value": 0.7 }, "half": 0.5,
    });
    world.calibrate(&json!({ "targets": targets }), "training").unwrap();
    let file: Calibration = read_json(&world.folder("calibrate").join("calibration.json")).unwrap();
    // By distance 0.25, 0.5, 1, 4: far is 0 0 0 1; frr 2/3 1/3 0 0; dir 1/4 2/4 3/4 3/4; f1 0.5 0.8 1 6/7.
    let distances = ["strict", "sparing", "most", "half"].map(|name| file.cutpoints[name].distance);
    assert_eq!(distances, [1.0, 0.5, 1.0, 0.25]);
    let slice = json!({ "begin": 4, "size": 2 });
    let achieved = |cutpoint: &str| {
        let params = json!({ "slice": slice, "neighbours": 3, "cutpoint": cutpoint });
        let (metrics, _) = world.matched(&params).unwrap();
        let info: MatchInfo = read_json(&world.folder("match").join(MatchInfo::FILE)).unwrap();
        let achieved = info.achieved.unwrap();
        assert_eq!(
            [metrics["achieved"], metrics["achieved.low"], metrics["achieved.high"]],
            [achieved.value, achieved.low, achieved.high]
        );
        assert_eq!(metrics.get("target").copied(), achieved.target);
        achieved
    };
    // Of the two queries one is right within 0.5, the other wrong and beyond 1.
    let strict = achieved("strict");
    assert_eq!((strict.metric.as_str(), strict.target, strict.calibrated, strict.value), ("far", Some(0.0), 0.0, 0.0));
    let most = achieved("most");
    assert_eq!((most.metric.as_str(), most.target, most.calibrated, most.value), ("dir", Some(0.7), 0.75, 0.5));
    // Either class may be drawn twice: one is always found, the other never.
    assert_eq!((most.low, most.high), (0.0, 1.0));
    let optimal = achieved("optimal");
    assert_eq!((optimal.metric.as_str(), optimal.target, optimal.value), ("f1", None, 1.0));
}

#[test]
fn a_rate_of_no_query_reaches_no_target() {
    let world = World::new();
    world.index().unwrap();
    let params = json!({ "counting": "open-set", "targets": { "strict": { "metric": "far", "value": 0.5 } } });
    let (_, warnings) = world.calibrate(&params, "training").unwrap();
    let file: Calibration = read_json(&world.folder("calibrate").join("calibration.json")).unwrap();
    assert_eq!(file.unreachable, ["strict"]);
    let expected = "no threshold reaches the target `strict` of `far`: there is no query to measure it on";
    assert!(warnings.iter().any(|warning| warning == expected), "{warnings:?}");
}

#[test]
fn an_unreachable_target_is_said_so() {
    let world = World::new();
    world.index().unwrap();
    let params = json!({ "metric": "recall", "counting": "open-set", "targets": { "r90": 0.9, "r70": 0.7 } });
    let (metrics, warnings) = world.calibrate(&params, "training").unwrap();
    let file: Calibration = read_json(&world.folder("calibrate").join("calibration.json")).unwrap();
    assert_eq!((file.unreachable.as_slice(), file.counting.as_str()), (["r90".to_owned()].as_slice(), "open-set"));
    assert_eq!(file.cutpoints.keys().collect::<Vec<_>>(), ["optimal", "r70"]);
    // Recall is 3/4 from 1.0 on; the last threshold of the best value accepts everything.
    assert_eq!((metrics["optimal.value"], metrics["optimal.distance"]), (0.75, 4.0));
    assert!(warnings.iter().any(|warning| warning.contains("accepts every query")), "{warnings:?}");
    assert!(warnings.iter().any(|warning| warning.contains("`r90`")), "{warnings:?}");
    let error = world.matched(&json!({ "cutpoint": "r90", "neighbours": 3, "allow-overlap": true })).unwrap_err();
    assert!(error.to_string().contains("no threshold reaches"), "{error}");
}

#[test]
fn calibration_queries_do_not_find_themselves() {
    let world = World::new();
    world.index().unwrap();
    let (_, warnings) = world.calibrate(&json!({ "slice": { "begin": 0, "size": 4 } }), "validation").unwrap();
    let thresholds = Thresholds::read(&world.folder("calibrate").join("thresholds.parquet")).unwrap();
    assert_eq!(thresholds.distance, [1.0]);
    assert_eq!(warnings, ["the cutpoint `optimal` accepts every query, so it has no effect"]);
}

#[test]
fn matches_are_as_computed_by_hand() {
    let world = World::ready();
    let params = json!({ "slice": { "begin": 4, "size": 2 }, "neighbours": 3 });
    let (metrics, warnings) = world.matched(&params).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    // 0.4 (label 0) finds 0, 1, 10; 3 (label 1) finds 1, 0, 10: wrong, and beyond the cutpoint of 1.
    let expected = [
        ("accuracy", 0.5),
        ("achieved", 1.0),
        ("achieved.high", 1.0),
        ("achieved.low", 1.0),
        // A probability of 1 is right, one of 2/3 wrong.
        ("ece", (1.0 - 1.0 / 3.0) / 2.0),
        ("lone", 0.0),
        ("map@r", 0.5),
        ("matched", 0.5),
        ("overlap", 0.0),
        ("precision@1", 0.5),
        ("recall@1", 0.5),
        ("recall@3", 1.0),
        ("unknown", 0.5),
    ];
    assert_eq!(metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>(), expected);
    let written: BTreeMap<String, f64> = read_json(&world.folder("match").join("metrics.json")).unwrap();
    assert_eq!(written, metrics);

    let rows = Matches::read(&world.folder("match").join("matches.parquet")).unwrap().0;
    assert_eq!((rows[0].query_id, rows[0].predicted, rows[0].distance, rows[0].matched), (14, Some(0), 0.4, true));
    assert_eq!([rows[0].probability, rows[1].probability], [1.0, 1.0 - 1.0 / 3.0]);
    assert_eq!((rows[1].query_id, rows[1].predicted, rows[1].distance, rows[1].matched), (15, Some(0), 2.0, false));
    let near: Vec<_> = rows[1].neighbours.iter().map(|near| (near.rank, near.example_id, near.distance)).collect();
    assert_eq!(near, [(1, 11, 2.0), (2, 10, 3.0), (3, 12, 7.0)]);
    let cells = Confusion::read(&world.folder("match").join("confusion.parquet")).unwrap().0;
    let cells: Vec<_> = cells.iter().map(|cell| (cell.label, cell.predicted, cell.count)).collect();
    assert_eq!(cells, [(0, Some(0), 1), (1, None, 1)]);
}

#[test]
fn overlap_is_refused_or_shown() {
    let world = World::ready();
    let error = world.matched(&json!({ "neighbours": 3 })).unwrap_err();
    let words = "`slice`: 4 queries are also in the index and would match themselves (query 10 is example 10 of the \
                 index, query 11 is example 11 of the index, query 12 is example 12 of the index, ..)";
    assert_eq!(error.to_string(), words);
    let (metrics, warnings) = world.matched(&json!({ "neighbours": 3, "allow-overlap": true })).unwrap();
    assert_eq!((metrics["recall@1"], metrics["map@r"], metrics["overlap"]), (5.0 / 6.0, 5.0 / 6.0, 4.0));
    assert_eq!((metrics["disjoint.recall@1"], metrics["disjoint.map@r"]), (0.5, 0.5));
    assert!(warnings[0].starts_with("4 of 6 queries are in the index"), "{warnings:?}");
    let rows = Matches::read(&world.folder("match").join("matches.parquet")).unwrap().0;
    assert_eq!((rows[3].neighbours[0].example_id, rows[3].neighbours[0].distance), (13, 0.0));
}

#[test]
fn the_matcher_can_differ_from_the_calibrations() {
    let world = World::ready();
    let slice = json!({ "begin": 4, "size": 1 });
    let params = json!({ "slice": slice, "neighbours": 2, "matcher": { "majority-vote": { "k": 3 } } });
    world.matched(&params).unwrap();
    let row = Matches::read(&world.folder("match").join("matches.parquet")).unwrap().0.remove(0);
    // Distances 0.4, 0.6 and 9.6: label 0 by two votes, at their mean.
    assert_eq!((row.predicted, row.matched, row.neighbours.len()), (Some(0), false, 2));
    assert!((row.distance - 10.6 / 3.0).abs() < 1e-6);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let bytes = || {
        let world = World::ready();
        world.matched(&json!({ "neighbours": 3, "allow-overlap": true })).unwrap();
        let files = [("index", Index::FILES), ("calibrate", Calibrate::FILES), ("match", Match::FILES)];
        let read = |folder: &str, file: &&str| std::fs::read(world.folder(folder).join(file)).unwrap();
        files.iter().flat_map(|(folder, files)| files.iter().map(|file| read(folder, file))).collect::<Vec<_>>()
    };
    assert_eq!(bytes(), bytes());
}

fn facts(count: usize, asked: std::ops::Range<usize>, same_pool: bool) -> InputFacts {
    let pool = |identity: &str| SamplesFacts { identity: identity.into(), ..SamplesFacts::default() };
    let index = IndexFacts {
        pool: pool("a"),
        range: Some(0..count),
        dim: Some(8),
        distance: Distance::Cosine,
        model_use: Some(ModelUse::default()),
        class_means: false,
    };
    let queries = EmbeddingsFacts {
        pool: pool(if same_pool { "a" } else { "b" }),
        range: Some(asked),
        dim: Some(8),
        distance: Distance::Cosine,
        seen_in_training: false,
        model_use: Some(ModelUse::default()),
    };
    let calibration = CalibrationFacts {
        cutpoints: vec!["optimal".into(), "p95".into()],
        distance: None,
        neighbours: 1,
        model_use: None,
        queries: None,
    };
    InputFacts(BTreeMap::from([
        ("index".to_owned(), Facts::Index(index)),
        ("queries".to_owned(), Facts::Embeddings(queries.clone())),
        ("embeddings".to_owned(), Facts::Embeddings(queries)),
        ("calibration".to_owned(), Facts::Calibration(calibration)),
    ]))
}

fn match_issues(params: &Json, facts: &InputFacts) -> Vec<Issue> {
    let params: match_::Params = param::from_json(params).unwrap();
    Match::infer(&params, facts).err().unwrap_or_default()
}

#[test]
fn match_is_checked_before_anything_runs() {
    assert_eq!(match_issues(&json!({}), &facts(200, 200..1000, true)), []);
    let shared = match_issues(&json!({}), &facts(200, 0..1000, true));
    assert_eq!(shared[0].message, "200 queries are also in the index and would match themselves");
    assert!(shared[0].help.as_ref().unwrap().contains("allow-overlap = true"));
    assert_eq!(match_issues(&json!({ "allow-overlap": true }), &facts(200, 0..1000, true)), []);
    assert_eq!(match_issues(&json!({}), &facts(200, 0..1000, false)), []);

    let wrong = match_issues(&json!({ "cutpoint": "p96", "neighbours": 5 }), &facts(4, 4..10, true));
    assert_eq!(wrong.iter().map(|issue| issue.path.as_str()).collect::<Vec<_>>(), ["cutpoint", "neighbours"]);
    assert_eq!(wrong[0].help.as_deref(), Some("did you mean `p95`?"));
    assert_eq!(wrong[1].message, "5 neighbours are asked for, but the index holds 4 vectors");
}

#[test]
fn index_and_calibrate_say_what_they_give() {
    let params: index::Params = param::from_json(&json!({ "slice": { "begin": 5, "size": 3 } })).unwrap();
    let Ok(Facts::Index(index)) = Index::infer(&params, &facts(1, 5..9, true)) else { panic!("an index") };
    assert_eq!((index.range, index.distance, index.dim), (Some(5..8), Distance::Cosine, Some(8)));
    let issues = Index::infer(&params, &facts(1, 0..6, true)).unwrap_err();
    assert_eq!((issues.len(), issues[0].path.as_str()), (1, "slice"));

    let params: calibrate::Params = param::from_json(&json!({ "targets": { "p95": 0.95, "p80": 0.8 } })).unwrap();
    let facts_of = |inputs: &InputFacts| Calibrate::infer(&params, inputs);
    let Ok(Facts::Calibration(calibration)) = facts_of(&facts(9, 0..9, true)) else { panic!("a calibration") };
    assert_eq!(calibration.cutpoints, ["optimal", "p80", "p95"]);
    let mut inputs = facts(9, 0..9, true);
    if let Some(Facts::Index(index)) = inputs.0.get_mut("index") {
        index.dim = Some(4);
    }
    assert_eq!(facts_of(&inputs).unwrap_err()[0].message, "the queries have 8 dimensions, the index has 4");
}

#[test]
fn target_names_and_values_are_checked() {
    let read = |targets: Json| param::from_json::<calibrate::Params>(&json!({ "targets": targets }));
    assert!(read(json!({ "p-95": 1 })).is_ok());
    for (targets, message) in [
        (json!({ "optimal": 0.9 }), "the cutpoint `optimal` is the best value of the metric, not a target"),
        (json!({ "P95": 0.9 }), "`P95` can't name a cutpoint"),
        (json!({ "p95": 95 }), "`targets.p95` must be between 0 and 1, found 95"),
        (json!({ "p95": "high" }), "`targets.p95` expects a number, found the text \"high\""),
        (json!(["p95"]), "`targets` expects a table of names and values, found a list"),
    ] {
        assert_eq!(read(targets).unwrap_err()[0].message, message);
    }
}

#[test]
fn parameters_at_their_defaults_enter_no_key() {
    use simpipe_base::param::{Param, View};
    assert_eq!(param::defaults::<calibrate::Params>().write(View::Key), json!({}));
    assert_eq!(param::defaults::<match_::Params>().write(View::Key), json!({}));
    assert_eq!(param::defaults::<index::Params>().write(View::Key), json!({}));
    let params: calibrate::Params = param::from_json(&json!({ "targets": { "p95": 0.95 } })).unwrap();
    assert_eq!(params.write(View::Key), json!({ "targets": { "p95": 0.95 } }));
}
