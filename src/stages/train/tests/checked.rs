//! What is said of a training before it runs: facts, problems and warnings.

use serde_json::json;

use super::*;

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
        (json!("arc-face"), false),
        (json!("proxy-anchor"), false),
        (json!({ "sum": { "terms": [{ "loss": "normalized-softmax" }, { "loss": "sup-con" }] } }), false),
        (json!({ "sum": { "terms": [{ "loss": "normalized-softmax" }, { "loss": "multi-similarity" }] } }), true),
        (json!("angular"), true),
        (json!("multi-similarity"), true),
        (json!({ "multi-similarity": { "distance": "euclidean" } }), false),
    ] {
        assert_eq!(unsuitable_lengths(&with(loss.clone(), free.clone())).is_some(), warns, "{loss}");
        assert!(unsuitable_lengths(&with(loss.clone(), unit.clone())).is_none(), "{loss}");
    }
    // Those that learn by lengths want them left.
    for loss in
        [json!("sphere-face"), json!("large-margin-softmax"), json!({ "matryoshka": { "loss": "sphere-face" } })]
    {
        assert_eq!(unsuitable_lengths(&with(loss.clone(), free.clone())), None, "{loss}");
        let issue = unsuitable_lengths(&with(loss.clone(), unit.clone())).unwrap();
        assert!(issue.message.contains("learns from the lengths of embeddings"), "{issue:?}");
    }
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
        (json!({ "micro-batch": 4 }), true, "micro-batch", "`layers.2.batch-norm` uses statistics"),
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

#[test]
fn without_a_step_what_does_nothing_is_named() {
    let warnings = |more: Json| Train::warnings(&with(0, more), &InputFacts(BTreeMap::new()));
    assert_eq!(warnings(json!({})), []);
    let found = warnings(json!({ "ema": {}, "augment": ["horizontal-flip"], "groups": [{ "match": "layers.1" }] }));
    assert_eq!((found.len(), found[0].path.as_str()), (1, "augment"));
    assert_eq!(found[0].message, "`augment`, `ema` and `groups` do nothing: `epochs` is 0, so nothing is trained");
    let found = warnings(json!({ "lookahead": {} }));
    assert_eq!(found[0].message, "`lookahead` does nothing: `epochs` is 0, so nothing is trained");
    assert_eq!(Train::warnings(&with(1, json!({ "ema": {} })), &InputFacts(BTreeMap::new())), []);
}

#[test]
fn a_companion_without_a_loss_is_warned_about() {
    let warnings = |epochs: usize, loss: Json| {
        Train::warnings(&with(epochs, json!({ "loss": loss })), &InputFacts(BTreeMap::new()))
    };
    let found = warnings(1, json!("intra-pair-variance"));
    assert_eq!((found.len(), found[0].path.as_str()), (1, "loss"));
    assert!(found[0].help.as_ref().unwrap().contains("sum = { terms = ["), "{found:?}");
    assert_eq!(warnings(0, json!("intra-pair-variance")), []);
    let both = json!({ "sum": { "terms": [{ "loss": "contrastive" }, { "loss": "intra-pair-variance" }] } });
    assert_eq!(warnings(1, both), []);
}

#[test]
fn the_length_of_a_schedule_is_in_the_key_only_where_it_counts() {
    let key = |more| Train::key_params(&with(2, more));
    assert_eq!(key(json!({ "schedule-epochs": 5 })), key(json!({})));
    assert_eq!(
        key(json!({ "schedule-epochs": 5, "schedule": { "step": { "every": 4 } } })).get("schedule-epochs"),
        None
    );
    for schedule in ["linear", "one-cycle", "warmup-cosine"] {
        let scheduled = json!({ "schedule-epochs": 5, "schedule": schedule });
        assert_eq!(key(scheduled)["schedule-epochs"], 5, "{schedule}");
    }
}

#[test]
fn a_large_rate_and_pixels_as_they_are_are_warned_about() {
    let with = |rate: f64, layers: Json, epochs: usize| {
        let optimizer = param::from_json(&json!({ "adam": { "learning-rate": rate } })).unwrap();
        TrainParams { optimizer, layers: param::from_json(&layers).unwrap(), ..params(epochs) }
    };
    let plain = json!(["flatten", { "dense": { "units": 4 } }]);
    let rate = |rate, epochs| large_learning_rate(&with(rate, plain.clone(), epochs));
    assert_eq!((rate(0.9, 1), rate(2.0, 0)), (None, None));
    let large = rate(2.0, 1).unwrap();
    assert_eq!(large.path, "optimizer.adam");
    assert!(large.message.contains("a learning rate of 2 is large"), "{large:?}");
    let image = Some([6, 6, 1]);
    let pixels = |layers: Json| pixels_as_they_are(&with(0.1, layers, 1), image);
    assert!(pixels(plain.clone()).unwrap().message.contains("`dense` gets pixels from 0 to 255"));
    for scaled in ["rescale", "batch-norm", "normalize", "layer-norm"] {
        let first =
            if scaled == "normalize" { json!({ "normalize": { "mean": [0.5], "std": [0.5] } }) } else { json!(scaled) };
        assert_eq!(pixels(json!([first, "flatten", { "dense": { "units": 4 } }])), None, "{scaled}");
    }
    assert_eq!(pixels(json!(["resnet9"])), None, "a preset brings its own");
    assert_eq!(pixels_as_they_are(&with(0.1, plain.clone(), 1), None), None, "features are no pixels");
    assert_eq!(pixels_as_they_are(&with(0.1, plain, 0), image), None);
}
