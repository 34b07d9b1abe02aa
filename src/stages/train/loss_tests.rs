//! What `check` says of losses that do not fit a training, and that a training stops for what only it can know.

use serde_json::json;

use super::tests::{Lab, infer, params, samples};
use super::*;
use simpipe_base::param;

fn with(loss: Json, views: usize) -> TrainParams {
    let augment = param::from_json(&json!(["horizontal-flip"])).unwrap();
    TrainParams { loss: param::from_json(&loss).unwrap(), views, augment, ..params(1) }
}

/// The paths of the problems; images are 6 x 6, so embeddings have 4 numbers, and batches 4 classes of 3 examples.
fn paths(params: &TrainParams) -> Vec<String> {
    let facts = [("sampler", Facts::Samples(samples(Some([6, 6, 1]))))];
    infer::<Train>(params, &facts).err().unwrap_or_default().into_iter().map(|issue| issue.path).collect()
}

#[test]
fn losses_that_do_not_fit_are_refused_at_their_parameter() {
    let none: [&str; 0] = [];
    assert_eq!(paths(&with(json!("simclr"), 1)), ["loss"]);
    assert_eq!(paths(&with(json!("simclr"), 2)), none);
    assert_eq!(paths(&with(json!("triplet"), 2)), none);
    assert_eq!(paths(&with(json!("lp"), 1)), ["loss"]);
    assert_eq!(paths(&with(json!({ "sum": { "terms": [{ "loss": "lp" }] } }), 1)), ["loss.sum.terms"]);
    assert_eq!(paths(&with(json!({ "matryoshka": { "sizes": [2, 5] } }), 1)), ["loss.matryoshka.sizes[1]"]);
    let memory = |size: usize| json!({ "cross-batch-memory": { "size": size } });
    assert_eq!(paths(&with(memory(12), 1)), ["loss.cross-batch-memory.size"]);
    assert_eq!(paths(&with(memory(13), 1)), none);
    assert_eq!(paths(&with(memory(24), 2)), ["loss.cross-batch-memory.size"]);
    let untrained = TrainParams { epochs: 0, ..with(json!("lp"), 1) };
    assert_eq!(paths(&untrained), none, "a network that is not trained has no loss");
}

#[test]
fn another_view_is_another_example_of_a_class() {
    let singles = |params: &TrainParams| {
        let facts =
            [("sampler", Facts::Samples(simpipe_stage::SamplesFacts { examples_per_class: 1, ..samples(None) }))];
        infer::<Train>(params, &facts).is_ok()
    };
    assert!(!singles(&with(json!("triplet"), 1)) && singles(&with(json!("triplet"), 2)));
}

#[test]
fn a_beginning_longer_than_an_embedding_is_refused_once_its_length_is_known() {
    let long = with(json!({ "matryoshka": { "sizes": [9] } }), 1);
    infer::<Train>(&long, &[("sampler", Facts::Samples(samples(None)))]).unwrap();
    let issues = infer::<Train>(&long, &[("sampler", Facts::Samples(samples(Some([6, 6, 1]))))]).unwrap_err();
    assert!(issues[0].message.contains("longer than the embedding"), "{issues:?}");
}

#[test]
fn numbers_beside_the_loss_change_no_weight() {
    let (plain, told) = (Lab::new(), Lab::new());
    plain.train(&params(1), "model").unwrap();
    let metrics = param::from_json(&json!(["mean-positive", "min-negative"])).unwrap();
    let beside = TrainParams { metrics, ..params(1) };
    told.train(&beside, "model").unwrap();
    assert!(plain.files("model")[0] == told.files("model")[0], "the same weights");
    // The history that shows them is part of the result.
    assert_ne!(beside.write(View::Key), params(1).write(View::Key));
    assert_eq!(params(1).write(View::Key).get("metrics"), None);
}
