//! Every golden file that is evaluated here passes, and what is not of its form is refused without a panic.

use serde_json::{Value as Json, json};

use super::*;
use simpipe_base::golden::GoldenFile;

fn file(name: &str) -> GoldenFile {
    let path = format!("{}/../../tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Holds the cases that `which` lets through against the reference: so many at least.
fn passes(name: &str, which: impl Fn(&Json) -> bool, cases: usize) {
    let file = file(name);
    let (_, evaluate) = EVALUATORS.iter().find(|known| known.0 == file.name).unwrap();
    let mut seen = 0;
    for (at, case) in file.cases.iter().enumerate().filter(|(_, case)| which(&case.params)) {
        let mut comparison = Comparison::new(file.tolerance);
        evaluate(case, &mut comparison).unwrap_or_else(|error| panic!("{name}, case {at}: {error}"));
        assert!(
            comparison.wrong() == 0 && comparison.compared() > 0,
            "{name}, case {at}: {:?}",
            comparison.mismatches()
        );
        seen += 1;
    }
    assert!(seen >= cases, "{name}: {seen}");
}

#[test]
fn distances_and_losses_are_tensorflow_similaritys() {
    passes("distances", |_| true, 18);
    passes("loss_multi_similarity", |_| true, 15);
    passes("loss_triplet", |_| true, 65);
    passes("loss_pn", |_| true, 60);
    passes("training_distance_metrics", |_| true, 5);
}

#[test]
fn losses_with_learned_weights_are_pytorch_metric_learnings() {
    passes("pml_proxy_losses", |_| true, 9);
    passes("pml_pairs", |_| true, 200);
}

#[test]
fn layers_and_rules_are_the_references() {
    passes("batch_norm_keras", |_| true, 1);
    passes("layers", |_| true, 13);
    passes("optimizers", |_| true, 15);
    passes("network_step", |_| true, 1);
    passes("adam_keras", |_| true, 1);
    passes("schedule_warmup_cosine", |_| true, 3);
}

/// Weights by torch's names give torch's embeddings: of every kind of layer, and of torchvision's residual networks.
#[test]
fn networks_from_torch_embed_as_torch_does() {
    passes("interchange", |_| true, 4);
    passes("torchvision_resnets", |_| true, 3);
}

/// Backbones by the names of the libraries that trained them, behind their preprocessing, give what these give.
#[test]
fn backbones_give_the_features_of_their_libraries() {
    passes("backbones", |_| true, 18);
}

/// Takes each part of a case away, or makes something else of it.
fn damaged(json: &Json) -> Vec<Json> {
    let mut found = vec![Json::Null, json!("word"), json!([]), json!({}), json!([[1.0], [1.0, 2.0]]), json!(-1)];
    match json {
        Json::Object(fields) => {
            for (name, value) in fields {
                for part in damaged(value) {
                    let mut fields = fields.clone();
                    fields[name] = part;
                    found.push(Json::Object(fields));
                }
                let mut fields = fields.clone();
                fields.remove(name);
                found.push(Json::Object(fields));
            }
        }
        Json::Array(items) if items.len() > 1 => {
            found.push(Json::Array(items[1..].to_vec()));
            found.extend(
                damaged(&items[0]).into_iter().map(|item| Json::Array([vec![item], items[1..].to_vec()].concat())),
            );
        }
        _ => {}
    }
    found
}

#[test]
fn a_damaged_case_is_refused_and_never_a_panic() {
    for (name, evaluate) in EVALUATORS {
        let path = format!("{}/../../tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let Ok(bytes) = std::fs::read(path) else { continue };
        let file: GoldenFile = serde_json::from_slice(&bytes).unwrap();
        let mut comparison = Comparison::new(file.tolerance);
        let case = &file.cases[0];
        for input in damaged(&case.input) {
            drop(evaluate(&Case { input, ..case.clone() }, &mut comparison));
        }
        for params in damaged(&case.params) {
            drop(evaluate(&Case { params, ..case.clone() }, &mut comparison));
        }
        for expected in damaged(&case.expected) {
            drop(evaluate(&Case { expected, ..case.clone() }, &mut comparison));
        }
    }
}

/// A case of a file with other parameters, `null` for one that is taken away.
fn changed(name: &str, which: &str, params: &Json) -> Case {
    let of_it =
        |case: &&Case| which.is_empty() || ["loss", "miner", "layer"].iter().any(|key| case.params[key] == which);
    let mut case = file(name).cases.iter().find(of_it).unwrap_or_else(|| panic!("{name}, {which}")).clone();
    for (key, value) in params.as_object().unwrap() {
        if value.is_null() {
            case.params.as_object_mut().unwrap().remove(key);
        } else {
            case.params[key] = value.clone();
        }
    }
    case
}

/// What generators might have written beside what they have: all of it is computed, whatever comes out.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn other_parameters_are_known() {
    let squared = json!({ "LpDistance": { "power": 2 } });
    let threshold = json!({ "class": "ThresholdReducer", "low": 0.1, "high": 0.9 });
    let weighted = json!({ "ClassWeightedReducer": { "weights": [1.0, 2.0, 0.5] } });
    let range = json!([0.1, 1.5]);
    for (name, which, params) in [
        ("distances", "", json!({ "distance": "ip" })),
        ("distances", "", json!({ "distance": "L2" })),
        ("distances", "", json!({ "distance": "pythagorean" })),
        ("distances", "", json!({ "distance": "sqeuclidean" })),
        ("distances", "", json!({ "distance": "taxicab" })),
        ("distances", "", json!({ "distance": "signal-to-noise-ratio" })),
        ("loss_multi_similarity", "", json!({ "distance": "taxicab", "lmda": 1.5, "center": 0.0, "epsilon": -0.1 })),
        ("loss_multi_similarity", "", json!({ "name": "mine", "alpha": 1, "beta": 2 })),
        ("loss_triplet", "", json!({ "distance": "l2", "margin": 0 })),
        ("loss_triplet", "", json!({ "distance": "snr", "positive_mining_strategy": "easy" })),
        ("loss_pn", "", json!({ "distance": "squared_euclidean", "negative_mining_strategy": "easy", "margin": 2.5 })),
        ("loss_circle", "", json!({ "distance": "euclidean", "gamma": 1, "margin": -0.1 })),
        ("loss_soft_nearest_neighbor", "", json!({ "distance": "manhattan", "temperature": 3 })),
        ("loss_multi_negatives_ranking", "", json!({ "distance": "inner_product", "scale": 0.5 })),
        ("loss_two_view", "Barlow", json!({ "lambda_": 0.1, "margin": 0.5 })),
        ("loss_two_view", "VicReg", json!({ "std_const": 0.1, "lambda_": 1, "mu": 0, "nu": 3.5 })),
        ("loss_two_view", "SimSiamLoss", json!({ "margin": 0, "projection_type": "cosine_distance" })),
        (
            "loss_xbm",
            "TripletLoss",
            json!({ "negative_mining_strategy": "hard", "memory_size": 100, "warmup_steps": 0 }),
        ),
        ("loss_xbm", "CircleLoss", json!({ "gamma": 5, "memory_size": 16 })),
        ("training_distance_metrics", "", json!({ "distance": "sql2", "positive_mining_strategy": "easy" })),
        ("training_distance_metrics", "", json!({ "distance": "inner_product", "negative_mining_strategy": "easy" })),
        ("pml_losses", "ContrastiveLoss", json!({ "distance": "CosineSimilarity", "pos_margin": 1, "neg_margin": 0 })),
        ("pml_losses", "ContrastiveLoss", json!({ "distance": squared, "reducer": "SumReducer" })),
        ("pml_losses", "TripletMarginLoss", json!({ "triplets_per_anchor": 5, "distance": { "SNRDistance": {} } })),
        ("pml_losses", "TripletMarginLoss", json!({ "triplets_per_anchor": "all", "reducer": threshold })),
        ("pml_losses", "NTXentLoss", json!({ "distance": "DotProductSimilarity", "reducer": "PerAnchorReducer" })),
        ("pml_losses", "SupConLoss", json!({ "temperature": 1, "reducer": "MeanReducer" })),
        ("pml_losses", "MultiSimilarityLoss", json!({ "alpha": 1, "beta": 2, "base": 0, "reducer": weighted })),
        ("pml_losses", "CircleLoss", json!({ "m": 0, "gamma": 1 })),
        ("pml_losses", "LiftedStructureLoss", json!({ "pos_margin": 0.5, "distance": "LpDistance" })),
        ("pml_losses", "GeneralizedLiftedStructureLoss", json!({ "neg_margin": 2, "pos_margin": 0.5 })),
        ("pml_losses", "NPairsLoss", json!({ "distance": "CosineSimilarity" })),
        ("pml_losses", "AngularLoss", json!({ "alpha": 45.5 })),
        ("pml_losses", "FastAPLoss", json!({ "num_bins": 3 })),
        ("pml_losses", "NCALoss", json!({ "softmax_scale": 0.5, "distance": squared })),
        ("pml_losses", "TupletMarginLoss", json!({ "margin": 10, "scale": 1 })),
        ("pml_losses", "IntraPairVarianceLoss", json!({ "pos_eps": 0, "neg_eps": 0.5 })),
        ("pml_losses", "SignalToNoiseRatioContrastiveLoss", json!({ "pos_margin": 0.5, "neg_margin": 3 })),
        ("pml_losses", "PNPLoss", json!({ "variant": "Dq", "b": 3, "alpha": 2, "anneal": 0.1 })),
        ("pml_losses", "MarginLoss", json!({ "nu": 1, "beta": 0.5, "learn_beta": true, "num_classes": 5 })),
        ("pml_losses", "MarginLoss", json!({ "learn_beta": false, "triplets_per_anchor": "all" })),
        ("loss_multi_negatives_ranking", "", json!({ "distance": "ip" })),
        ("pml_losses", "SmoothAPLoss", json!({ "temperature": 1 })),
        ("pml_losses", "HistogramLoss", json!({ "delta": 0.1 })),
        ("pml_losses", "HistogramLoss", json!({ "n_bins": 7 })),
        ("pml_losses", "RankedListLoss", json!({ "alpha": 1.3, "Tp": 2, "imbalance": 0 })),
        ("pml_proxy_losses", "ArcFaceLoss", json!({ "collect_stats": null, "margin": 10, "scale": 2 })),
        ("pml_proxy_losses", "SoftTripleLoss", json!({ "gamma": 2, "la": 1, "margin": 0 })),
        ("pml_proxy_losses", "SphereFaceLoss", json!({ "margin": 2 })),
        ("pml_miners", "AngularMiner", json!({ "angle": 60 })),
        ("pml_miners", "BatchEasyHardMiner", json!({ "neg_strategy": "all", "pos_strategy": "hard" })),
        ("pml_miners", "BatchEasyHardMiner", json!({ "allowed_neg_range": range, "distance": "CosineSimilarity" })),
        ("pml_miners", "PairMarginMiner", json!({ "pos_margin": 0, "neg_margin": 2, "collect_stats": true })),
        ("pml_miners", "TripletMarginMiner", json!({ "margin": 1, "type_of_triplets": "easy" })),
        ("layers", "gem-2d", json!({ "p": 0.5 })),
        ("layers", "gem-1d", json!({ "p": "-inf" })),
        ("layers", "gem-1d", json!({ "p": 1e-7 })),
        ("layers", "gem-2d", json!({ "layer": "global-avg-pool", "p": null })),
        ("layers", "metric-embedding", json!({ "layer": "l2-normalize" })),
        ("batch_norm_keras", "", json!({ "momentum": 0.5, "epsilon": 0.1 })),
        ("adam_keras", "", json!({ "beta_1": 0.0, "epsilon": 1.0 })),
        ("schedule_warmup_cosine", "", json!({ "warmup_steps": 0, "alpha": null })),
        ("network_step", "", json!({ "loss": "TripletMarginLoss", "margin": 0.5 })),
        ("network_step", "", json!({ "loss": "NTXentLoss", "temperature": 0.5 })),
    ] {
        let case = changed(name, which, &params);
        let mut comparison = Comparison::new(1.0);
        let (_, evaluate) = EVALUATORS.iter().find(|known| known.0 == name).unwrap();
        let ended = evaluate(&case, &mut comparison);
        assert!(ended.is_ok() && comparison.unknown_parts().is_empty(), "{name}, {which}, {params}: {ended:?}");
        assert!(comparison.compared() > 0, "{name}, {which}, {params}");
    }
}
