//! Augmented batches, views, samplers with passes, and views of `embed`, from artifacts to artifacts.

use super::*;
use crate::sample::Sample;
use simpipe_base::param::View;
use simpipe_stage::DatasetFacts;

fn with(more: Json) -> TrainParams {
    let mut json = params(2).write(View::Full);
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    param::from_json(&json).unwrap()
}

fn augment() -> Json {
    json!([
        "alternating-flip",
        { "random-crop": { "padding": 1, "border": "reflect" } },
        { "color-jitter": { "brightness": 0.2, "contrast": 0.2 } },
        { "blur": { "sigma": [0.1, 0.5] } },
    ])
}

/// Writes another recipe of a pool's batches.
fn draw_by(lab: &Lab, pool: &str, sampler: Json) {
    let path = lab.folder.path().join(pool).join(RECIPE);
    let file: SamplerFile = read_json(&path).unwrap();
    write_json(&path, &SamplerFile { sampler, ..file }).unwrap();
}

#[test]
fn loader_threads_change_no_byte() {
    let plain = Lab::new();
    plain.train(&params(2), "model").unwrap();
    let files = [1, 2, 5].map(|threads| {
        let lab = Lab::new();
        let params = with(json!({ "augment": augment(), "views": 2, "loader-threads": threads }));
        lab.train(&params, "model").unwrap();
        lab.files("model")
    });
    assert!(files[0] == files[1] && files[0] == files[2], "the same bytes");
    assert!(files[0] != plain.files("model"), "and others than without augmenters");
    let key = |more| with(more).write(View::Key);
    assert_eq!(key(json!({ "loader-threads": 5 })), params(2).write(View::Key));
    assert_eq!(key(json!({ "augment": [], "views": 1 })), params(2).write(View::Key));
    assert_ne!(key(json!({ "augment": ["horizontal-flip"] })), params(2).write(View::Key));
}

#[test]
fn an_augmented_training_that_was_stopped_goes_on_to_the_same_bytes() {
    let params = with(json!({ "augment": augment(), "views": 2 }));
    let (whole, mut lab) = (Lab::new(), Lab::new());
    whole.train(&params, "model").unwrap();
    lab.stop_at = 7;
    assert!(matches!(lab.train(&params, "stopped"), Err(StageError::Interrupted)));
    lab.cancel.store(false, Ordering::Relaxed);
    lab.stop_at = u64::MAX;
    lab.train(&params, "model").unwrap();
    assert!(lab.files("model") == whole.files("model"), "the same bytes");
    let words = "batch size 24 (4 classes x 3 examples x 2 views), continues after step 7";
    assert!(lab.seen.lock().unwrap().iter().any(|seen| seen.message == words));
}

#[test]
fn an_epoch_is_a_pass_where_nothing_else_is_written() {
    let lab = Lab::new();
    draw_by(&lab, "sample", json!({ "epochs": { "examples-per-class": 3 } }));
    let left_out = TrainParams { steps_per_epoch: StepsPerEpoch::default(), ..params(2) };
    lab.train(&left_out, "model").unwrap();
    // Ten examples of each class: three batches of three, and one that is left out.
    let model: ModelFile = read_json(&lab.folder.path().join("model/model.json")).unwrap();
    assert_eq!(model.steps, 6);
    let History(rows) = History::read(&lab.folder.path().join("model/history.parquet")).unwrap();
    let validated: Vec<u64> = rows.iter().filter(|row| row.val_loss.is_some()).map(|row| row.step).collect();
    assert_eq!(validated, [3, 6]);
    // Any number may be written, and is in the key.
    let other = Lab::new();
    draw_by(&other, "sample", json!({ "epochs": { "examples-per-class": 3 } }));
    other.train(&params(2), "model").unwrap();
    let model: ModelFile = read_json(&other.folder.path().join("model/model.json")).unwrap();
    assert_eq!(model.steps, 10);
    let usual = TrainParams { steps_per_epoch: StepsPerEpoch::of(1000), ..params(2) };
    let facts = SamplesFacts { makes_passes: true, steps_per_pass: Some(3), ..samples(None) };
    infer::<Train>(&usual, &[("sampler", Facts::Samples(facts))]).unwrap();
    assert_ne!(Train::key_params(&usual), Train::key_params(&left_out));
}

#[test]
fn examples_that_are_their_own_classes_are_trained_on_by_their_views() {
    let lab = Lab::new();
    draw_by(&lab, "sample", json!({ "single-shot": { "batch-size": 8 } }));
    draw_by(&lab, "sample-validation", json!({ "single-shot": { "batch-size": 4 } }));
    let params = with(json!({ "augment": augment(), "views": 2 }));
    let metrics = lab.train(&params, "model").unwrap();
    assert!(metrics["loss"] > 0.0 && metrics["val_loss"] > 0.0, "{metrics:?}");
    let words = "batch size 16 (8 examples x 2 views)";
    assert_eq!(lab.seen.lock().unwrap()[0].message, words);
    // A loss that learns each class would know none of the validation.
    let proxies = with(json!({ "augment": augment(), "views": 2, "loss": "normalized-softmax" }));
    let own = || Facts::Samples(SamplesFacts { own_classes: true, ..samples(Some([6, 6, 1])) });
    let issues = infer::<Train>(&proxies, &[("sampler", own()), ("validation", own())]).unwrap_err();
    assert_eq!((issues.len(), issues[0].path.as_str()), (1, "loss"), "{issues:?}");
}

fn checked(more: Json, samples: SamplesFacts) -> Result<Facts, Vec<(String, String)>> {
    let found = infer::<Train>(&with(more), &[("sampler", Facts::Samples(samples))]);
    found.map_err(|issues| issues.into_iter().map(|issue| (issue.path, issue.message)).collect())
}

fn paths(more: Json, samples: SamplesFacts) -> Vec<String> {
    checked(more, samples).map_or_else(|issues| issues.into_iter().map(|(path, _)| path).collect(), |_| Vec::new())
}

#[test]
fn what_batches_can_not_be_is_found_before_anything_runs() {
    let known = || samples(Some([6, 6, 1]));
    let wide =
        json!({ "augment": ["horizontal-flip", { "random-crop": { "padding": 6 } }, { "cutout": { "size": 7 } }] });
    assert_eq!(paths(wide.clone(), known()), ["augment[1].random-crop.padding", "augment[2].cutout.size"]);
    assert_eq!(paths(wide.clone(), samples(None)), [""; 0], "not known yet");
    let issues = checked(wide, known()).unwrap_err();
    assert!(issues[0].1.contains("too wide for images of 6 x 6"), "{issues:?}");
    assert_eq!(paths(json!({ "views": 2 }), known()), ["views"]);
    assert_eq!(paths(json!({ "views": 2, "augment": ["horizontal-flip"] }), known()), [""; 0]);
    // A second view makes pairs of one example.
    let one_each = SamplesFacts { examples_per_class: 1, ..known() };
    assert_eq!(paths(json!({}), one_each.clone()), ["loss"]);
    assert_eq!(paths(json!({ "views": 2, "augment": ["horizontal-flip"] }), one_each.clone()), [""; 0]);
    let own = SamplesFacts { own_classes: true, ..one_each };
    assert_eq!(paths(json!({}), own.clone()), ["loss", "views"]);
    assert_eq!(paths(json!({ "views": 3, "augment": ["horizontal-flip"] }), own), [""; 0]);
}

#[test]
fn a_pass_decides_what_fits_once_it_is_known() {
    let passes = |steps_per_pass| SamplesFacts { makes_passes: true, steps_per_pass, ..samples(Some([6, 6, 1])) };
    let warm = |steps: Option<usize>| {
        let mut json = json!({ "epochs": 2, "schedule": { "warmup-cosine": { "warmup-steps": 40 } } });
        if let Some(steps) = steps {
            json["steps-per-epoch"] = steps.into();
        }
        let mut all = params(2).write(View::Full);
        all.as_object_mut().unwrap().remove("steps-per-epoch");
        all.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
        param::from_json::<TrainParams>(&all).unwrap()
    };
    let found = |params: &TrainParams, pass| {
        let issues = infer::<Train>(params, &[("sampler", Facts::Samples(passes(pass)))]).err().unwrap_or_default();
        issues.into_iter().map(|issue| issue.path).collect::<Vec<_>>()
    };
    assert_eq!(found(&warm(None), Some(15)), ["schedule.warmup-cosine.warmup-steps"]);
    assert_eq!(found(&warm(None), Some(50)), [""; 0]);
    assert_eq!(found(&warm(None), None), [""; 0], "not known yet");
    assert_eq!(found(&warm(Some(15)), None), ["schedule.warmup-cosine.warmup-steps"]);
    assert_eq!(found(&warm(Some(1000)), Some(50)), [""; 0]);
}

#[test]
fn a_sampler_tells_its_passes() {
    let dataset = DatasetFacts {
        classes: Some(["a", "b"].map(String::from).to_vec()),
        splits: Some(BTreeMap::from([(
            "train".to_owned(),
            simpipe_stage::SplitFacts { count: 30, per_class: Some(vec![20, 10]) },
        )])),
        ..DatasetFacts::default()
    };
    let facts = |json: Json| {
        let Ok(Facts::Samples(facts)) =
            infer::<Sample>(&param::from_json(&json).unwrap(), &[("dataset", Facts::Dataset(dataset.clone()))])
        else {
            panic!("samples")
        };
        (facts.classes_per_batch, facts.examples_per_class, facts.makes_passes, facts.steps_per_pass)
    };
    let sampler = |sampler: Json| facts(json!({ "split": "train", "sampler": sampler }));
    assert_eq!(sampler(json!({ "epochs": { "examples-per-class": 3 } })), (2, 3, true, Some(3)));
    assert_eq!(sampler(json!({ "random": { "batch-size": 7 } })), (0, 7, true, Some(4)));
    assert_eq!(sampler(json!({ "single-shot": { "batch-size": 7 } })), (7, 1, true, Some(4)));
    let multi = json!({ "multi-shot": { "classes-per-batch": 2, "examples-per-class": 5 } });
    assert_eq!(sampler(multi), (2, 5, false, None));
    let few = json!({ "split": "train", "total-examples-per-class": 6, "sampler": { "epochs": { "examples-per-class": 3 } } });
    assert_eq!(facts(few), (2, 3, true, Some(2)));
}

fn embedded(lab: &Lab, params: Json, output: &str) -> (Embeddings, EmbeddingsInfo) {
    let ports = [("dataset", ""), ("sampler", "sample-validation"), ("model", "model")];
    lab.run::<Embed>(&param::from_json(&params).unwrap(), &ports, output).unwrap();
    let folder = lab.folder.path().join(output);
    let rows = Embeddings::read(&folder.join("embeddings.parquet")).unwrap();
    (rows, read_json(&folder.join(EmbeddingsInfo::FILE)).unwrap())
}

#[test]
fn the_mean_of_views_is_of_unit_length_and_says_so() {
    let lab = Lab::new();
    lab.train(&params(1), "model").unwrap();
    let (plain, info) = embedded(&lab, json!({}), "plain");
    assert!(info.model_use.is_plain());
    let text = std::fs::read_to_string(lab.folder.path().join("plain").join(EmbeddingsInfo::FILE)).unwrap();
    assert!(!text.contains("model_use"), "{text}");
    let (flipped, _) = embedded(&lab, json!({ "views": ["flip"] }), "flip");
    let (both, info) = embedded(&lab, json!({ "views": ["identity", "flip"] }), "both");
    assert_eq!(info.model_use.views, ["identity", "flip"]);
    assert_ne!(plain.values, flipped.values);
    for row in 0..both.len() {
        let sum: Vec<f64> =
            plain.row(row).iter().zip(flipped.row(row)).map(|(a, b)| f64::from(*a) + f64::from(*b)).collect();
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        let off = both.row(row).iter().zip(&sum).map(|(mean, sum)| (f64::from(*mean) - sum / length).abs());
        assert!(off.fold(0.0, f64::max) < 1e-6);
    }
}

#[test]
fn an_embedding_may_be_taken_from_other_layers() {
    let lab = Lab::new();
    lab.train(&params(1), "model").unwrap();
    let (plain, _) = embedded(&lab, json!({}), "plain");
    let (pooled, info) = embedded(&lab, json!({ "layer": "global-max-pool" }), "pooled");
    assert_eq!((pooled.dim, info.dim, &info.model_use.layers[0][..]), (8, 8, "layers.3.global-max-pool"));
    let (last, info) = embedded(&lab, json!({ "layer": "metric-embedding" }), "last");
    assert!(last.values == plain.values && info.model_use.is_plain());
    let both = json!({ "layers": ["layers.3", "metric-embedding"] });
    let (joined, info) = embedded(&lab, both, "joined");
    assert_eq!((joined.dim, info.model_use.layers.len()), (12, 2));
    for row in 0..joined.len() {
        assert_eq!(joined.row(row), [pooled.row(row), plain.row(row)].concat());
    }
    let (scaled, _) = embedded(&lab, json!({ "layers": ["3", "4"], "normalize": true }), "scaled");
    for row in 0..scaled.len() {
        let square = |part: &[f32]| part.iter().map(|value| value * value).sum::<f32>();
        assert!((square(&scaled.row(row)[..8]) - 0.5).abs() < 1e-5, "each part alike");
        assert!((square(&scaled.row(row)[8..]) - 0.5).abs() < 1e-5, "each part alike");
    }
    // The output of the pool, its views' mean: of no certain length.
    let (mean, _) = embedded(&lab, json!({ "layer": "global-max-pool", "views": ["identity", "flip"] }), "mean");
    let (flipped, _) = embedded(&lab, json!({ "layer": "global-max-pool", "views": ["flip"] }), "flipped");
    let half = (pooled.row(0)[0] + flipped.row(0)[0]) * 0.5;
    assert!((mean.row(0)[0] - half).abs() < 1e-6);
}
