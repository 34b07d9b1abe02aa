//! Networks with layers inside layers: every weight has a name of its own, learns, is saved and comes back.

use std::collections::BTreeSet;

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::noise::Noise;
use super::*;
use simpipe_base::param;
use simpipe_base::seed::Seed;

fn specs(json: Json) -> Vec<LayerSpec> {
    param::from_json(&json).unwrap()
}

fn seed() -> Seed {
    Seed::of_stage(3, "train", None)
}

fn conv(filters: usize, kernel: usize) -> Json {
    json!({ "conv2d": { "filters": filters, "kernel": kernel, "padding": "same" } })
}

/// A residual block with a shortcut, one in a repetition, and branches of another depth each.
fn tree() -> Vec<LayerSpec> {
    let block = json!({ "residual": { "body": [conv(6, 3), "batch-norm", "relu", conv(6, 3), "batch-norm"], "activation": "relu" } });
    specs(json!([
        "rescale",
        { "residual": {
            "body": [conv(6, 3), "batch-norm", "relu", { "dropout": { "rate": 0.2 } }, conv(6, 3), "batch-norm"],
            "shortcut": [conv(6, 1), "batch-norm"],
            "activation": "relu"
        } },
        { "repeat": { "times": 2, "body": [block, { "dropout": { "rate": 0.2 } }] } },
        { "concat": { "branches": [["global-max-pool"], [conv(4, 3), "relu", "global-avg-pool"]] } },
        { "metric-embedding": { "size": 5 } },
    ]))
}

fn network() -> Network {
    Network::build(&tree(), [8, 8, 3], seed(), &Device::flex()).unwrap()
}

/// How a training goes.
#[derive(Debug, Clone, Copy)]
struct Way<'a> {
    loss: &'a str,
    schedule: &'a str,
    /// The epochs that the schedule is made for.
    whole: u64,
}

const PLAIN: Way<'static> = Way { loss: "multi-similarity", schedule: "constant", whole: 1 };

/// Trains epochs of 4 steps, from a state or from the start; gives the end and every checkpoint.
fn train(way: Way<'_>, from: Option<FitState>, epochs: u64) -> (FitState, Vec<FitState>, Network) {
    let [optimizer, loss, schedule] = ["adam", way.loss, way.schedule].map(|name| json!(name));
    let (optimizer, loss) = (param::from_json(&optimizer).unwrap(), param::from_json(&loss).unwrap());
    let schedule = param::from_json(&schedule).unwrap();
    let settings = FitSettings {
        epochs,
        steps_per_epoch: 4,
        schedule_epochs: way.whole,
        classes: &[0, 1, 2],
        checkpoint_every: 1,
        ..FitSettings::new(&optimizer, &schedule, &loss, seed())
    };
    let (mut network, mut checkpoints) = (network(), Vec::new());
    let from = from.unwrap_or_else(|| FitState::start(&network, &settings));
    let mut on_event = |event| {
        if let FitEvent::Checkpoint(state) = event {
            checkpoints.push(FitState::from_bytes(&state.to_bytes()).unwrap());
        }
    };
    let end = fit(&mut network, from, &settings, &Noise(192), &mut on_event, &|| false).unwrap();
    (end, checkpoints, network)
}

#[test]
fn every_weight_of_a_tree_has_its_own_path() {
    let network = network();
    let weights = network.to_weights();
    for path in [
        "layers.1.residual.body.0.conv2d.weight",
        "layers.1.residual.body.4.conv2d.weight",
        "layers.1.residual.shortcut.0.conv2d.weight",
        "layers.1.residual.shortcut.1.batch-norm.moving_mean",
        "layers.2.repeat.0.body.0.residual.body.3.conv2d.bias",
        "layers.2.repeat.1.body.0.residual.body.3.conv2d.bias",
        "layers.3.concat.branches.1.0.conv2d.weight",
        "layers.4.metric-embedding.weight",
    ] {
        assert!(weights.0.contains_key(path), "{path}");
    }
    // 8 convolutions of 2, 7 normalisations of 4, and the embedding.
    assert_eq!(weights.0.len(), 8 * 2 + 7 * 4 + 2);
    let numbers: usize = weights.0.values().map(|(_, values)| values.len()).sum();
    assert_eq!(numbers, network.summary().parameters);
    // No two start alike, not even the rounds of a repetition.
    let drawn = weights.0.iter().filter(|(path, _)| path.ends_with(".weight"));
    let starts: BTreeSet<Vec<u32>> = drawn.map(|(_, (_, w))| w.iter().map(|w| w.to_bits()).collect()).collect();
    assert_eq!(starts.len(), 9);
}

#[test]
fn every_weight_of_a_tree_learns_and_every_statistic_moves() {
    let start = network().to_weights();
    let (end, _, _) = train(PLAIN, None, 3);
    let unmoved = |name: &str| start.0[name].1 == end.weights.0[name].1;
    // A bias before a batch normalisation has no effect, so its gradient is rounding at most.
    let dead = |name: &str| name.ends_with("conv2d.bias") && !name.starts_with("layers.3");
    let still: Vec<&String> = start.0.keys().filter(|name| !dead(name) && unmoved(name)).collect();
    assert_eq!(still, Vec::<&String>::new());
    // Two moments of each trained weight, none of a statistic.
    let trained = start.0.keys().filter(|name| !name.contains("moving_")).count();
    assert_eq!(end.moments.0.len(), 2 * trained);
    let (first, last) = (end.epoch_losses(4)[0], end.epoch_losses(4)[2]);
    assert!(last < first, "{first} {last}");
}

#[test]
fn a_tree_goes_on_from_any_checkpoint_with_the_same_bits() {
    for (loss, _) in super::loss::golden_tests::alone() {
        let way = Way { loss, schedule: "warmup-cosine", whole: 2 };
        let (end, checkpoints, _) = train(way, None, 2);
        assert!(checkpoints.len() >= 8);
        for checkpoint in checkpoints {
            let step = checkpoint.steps();
            assert!(train(way, Some(checkpoint), 2).0 == end, "{loss} from step {step}");
        }
    }
}

#[test]
fn what_a_loss_learns_is_trained_and_kept_beside_the_network() {
    let (end, _, network) = train(Way { loss: "proxy-anchor", ..PLAIN }, None, 3);
    let proxies = "loss.proxy-anchor.proxies";
    assert_eq!(end.weights.0[proxies].0, [3, 5]);
    assert!(end.moments.0.contains_key(&format!("m.{proxies}")));
    let (start, _, _) = train(Way { loss: "proxy-anchor", ..PLAIN }, None, 0);
    assert_ne!(end.weights.0[proxies], start.weights.0[proxies]);
    assert!(!network.to_weights().0.contains_key(proxies), "the model is the network alone");
    assert!(end.epoch_losses(4)[2] < end.epoch_losses(4)[0]);
}

#[test]
fn fewer_epochs_of_a_schedule_are_the_beginning_of_the_whole() {
    let of = |whole| Way { schedule: "warmup-cosine", whole, ..PLAIN };
    let (whole, checkpoints, _) = train(of(3), None, 3);
    let (rung, _, _) = train(of(3), None, 1);
    assert!(checkpoints.contains(&rung));
    let (next, _, _) = train(of(3), Some(rung.clone()), 2);
    assert!(checkpoints.contains(&next));
    assert!(train(of(3), Some(next), 3).0 == whole);
    // A schedule of another length is another training from its first step on.
    assert!(train(of(1), None, 1).0 != rung);
}

#[test]
fn a_saved_tree_embeds_as_before_and_folded_as_layer_by_layer() {
    let (_, _, network) = train(PLAIN, None, 1);
    let pixels = Noise(192).training(9, 9).pixels;
    let mut other = super::tree_tests::network();
    assert_ne!(other.embed(&pixels), network.embed(&pixels));
    other.set_weights(&network.to_weights()).unwrap();
    assert_eq!(other.embed(&pixels), network.embed(&pixels));
    let exact = network.clone().with_numerics(Numerics::Exact);
    let pairs = network.embed(&pixels).into_iter().zip(exact.embed(&pixels));
    let off = pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(off < 1e-5, "{off}");
}

#[test]
fn a_residual_sum_and_branches_by_hand() {
    // Body and shortcut are the pixels over 2 and over 4: 0.75 of them; the branches are the largest and the mean.
    let list = specs(json!([
        { "residual": { "body": [{ "rescale": { "divide-by": 2 } }], "shortcut": [{ "rescale": { "divide-by": 4 } }] } },
        { "repeat": { "times": 3, "body": [{ "rescale": { "divide-by": 0.5 } }] } },
        { "concat": { "branches": [["global-max-pool"], ["global-avg-pool"], ["flatten"]] } },
    ]));
    let network = Network::build(&list, [1, 2, 1], seed(), &Device::flex()).unwrap();
    assert_eq!(network.embed(&[4, 8]), [48.0, 36.0, 24.0, 48.0]);
}

#[test]
fn problems_stand_at_the_nested_layer() {
    let refuse = |list: Json| infer_shapes([8, 8, 3], &specs(list)).unwrap_err().remove(0);
    let big = json!({ "conv2d": { "filters": 4, "kernel": 9 } });
    let inside = |name: &str, lists: Json| json!(["rescale", { name: lists }, "global-max-pool"]);
    let issue = refuse(inside("residual", json!({ "body": ["relu", big] })));
    assert_eq!(issue.path, "layers[1].residual.body[1].conv2d.kernel");
    assert!(issue.message.starts_with("a kernel of 9 x 9 is larger than its input of 8 x 8"), "{}", issue.message);
    let issue = refuse(inside("residual", json!({ "body": [conv(4, 3)], "shortcut": [big] })));
    assert_eq!(issue.path, "layers[1].residual.shortcut[0].conv2d.kernel");
    let issue = refuse(inside(
        "concat",
        json!({ "branches": [["relu"], ["relu", { "repeat": { "times": 2, "body": [big] } }]] }),
    ));
    assert_eq!(issue.path, "layers[1].concat.branches[1][1].repeat.body[0].conv2d.kernel");
    // The second round is where the map has become too small.
    let issue = refuse(inside("repeat", json!({ "times": 3, "body": [{ "max-pool": { "size": 4 } }] })));
    assert_eq!(issue.path, "layers[1].repeat.body[0].max-pool.size");
    assert!(issue.message.starts_with("a window of 4 x 4 is larger than its input of 2 x 2"), "{}", issue.message);
    let issue = refuse(inside("residual", json!({ "body": [conv(4, 3)] })));
    assert_eq!(issue.path, "layers[1].residual");
    assert!(issue.message.starts_with("`body` gives 8 x 8 x 4, but `shortcut` gives 8 x 8 x 3"), "{}", issue.message);
    let issue = refuse(inside("concat", json!({ "branches": [["relu"], ["flatten"]] })));
    assert_eq!(issue.path, "layers[1].concat.branches[1]");
    let deep = json!({ "repeat": { "times": 1000, "body": [{ "repeat": { "times": 1000, "body": ["relu"] } }] } });
    assert!(refuse(json!([deep, "flatten"])).message.starts_with("the network has more than 10000 layers"));
}
