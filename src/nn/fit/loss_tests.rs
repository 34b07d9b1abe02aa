//! Every loss, alone and with miners, in a training of a few steps on the smallest network.

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::*;
use crate::layer::LayerSpec;
use simpipe_base::param;

/// Three classes of four images: blobs at a place of their class, with noise.
struct Blobs;

impl Blobs {
    fn batch(number: u64) -> Batch {
        use rand::Rng;
        let mut rng = Seed::of_stage(7, "blobs", None).rng("batch", &[number]);
        let mut batch = Batch::default();
        for class in 0..3 {
            for _ in 0..4 {
                let pixel = |at: i32| (rng.next_u32() % 200) as u8 + if at % 3 == class { 55 } else { 0 };
                batch.pixels.extend((0..16).map(pixel));
                batch.labels.push(class);
            }
        }
        batch
    }
}

impl Batches for Blobs {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        Self::batch(epoch * 100 + step)
    }

    fn validation(&self, step: u64) -> Option<Batch> {
        Some(Self::batch(1000 + step))
    }
}

/// Trains 12 steps, in two epochs, and gives the start, the end, a checkpoint in the middle and how often nothing was mined.
fn train(loss: &LossSpec, miner: Option<&MinerSpec>, from: Option<FitState>) -> (FitState, FitState, FitState, usize) {
    let layers: Vec<LayerSpec> =
        param::from_json(&json!(["rescale", "flatten", { "metric-embedding": { "size": 6 } }])).unwrap();
    let seed = Seed::of_stage(1, "train", None);
    let mut network = Network::build(&layers, [4, 4, 1], seed, &Device::flex()).unwrap();
    let optimizer = param::from_json(&json!({ "adam": { "learning-rate": 0.01 } })).unwrap();
    let settings = FitSettings {
        epochs: 2,
        steps_per_epoch: 6,
        validation_steps: 1,
        schedule_epochs: 2,
        classes: &[0, 1, 2],
        miner,
        checkpoint_every: 5,
        ..FitSettings::new(&optimizer, &crate::Schedule::Constant(crate::schedule::Constant {}), loss, seed)
    };
    let start = FitState::start(&network, &settings);
    let (mut middle, mut nothing_mined) = (FitState::default(), 0);
    let mut on_event = |event| match event {
        FitEvent::Checkpoint(state) if state.steps() == 5 => middle = state,
        FitEvent::NothingMined { .. } => nothing_mined += 1,
        _ => {}
    };
    let state = from.unwrap_or_else(|| start.clone());
    let end = fit(&mut network, state, &settings, &Blobs, &mut on_event, &|| false).unwrap();
    (start, end, middle, nothing_mined)
}

fn every_loss() -> Vec<LossSpec> {
    let losses = LossSpec::NAMES.iter().filter_map(|name| param::from_json(&json!(name)).ok());
    losses.filter(|loss: &LossSpec| !loss.needs().two_views).collect()
}

fn check(loss: &LossSpec, miner: Option<&MinerSpec>) {
    let what = format!("{} with {:?}", loss.name(), miner.map(MinerSpec::name));
    let (start, end, middle, nothing_mined) = train(loss, miner, None);
    assert_eq!((end.losses.len(), end.val_losses.len(), nothing_mined), (12, 2, 0), "{what}");
    assert!(end.losses.iter().chain(&end.val_losses).all(|loss| loss.is_finite()), "{what}: {:?}", end.losses);
    assert!(start.weights != end.weights, "{what}: nothing was learnt");
    assert_eq!(middle.steps(), 5);
    let resumed = train(loss, miner, Some(middle)).1;
    assert!(resumed.to_bytes() == end.to_bytes(), "{what}: resumed, it ends elsewhere");
}

#[test]
fn every_loss_trains_and_goes_on_where_it_was_stopped() {
    for loss in every_loss() {
        check(&loss, None);
    }
}

#[test]
fn every_miner_and_every_loss_that_takes_one_train_together() {
    let miner = |miner: Json| -> MinerSpec { param::from_json(&miner).unwrap() };
    let drawn = miner(json!({ "distance-weighted": { "nonzero-loss-cutoff": 1.9 } }));
    for loss in every_loss().iter().filter(|loss| loss.takes_miner()) {
        check(loss, Some(&drawn));
        check(loss, Some(&miner(json!({ "hdc": {} }))));
    }
    let loss: LossSpec = param::from_json(&json!("contrastive")).unwrap();
    for name in MinerSpec::NAMES {
        let params = match *name {
            "triplet-margin" => json!({ "margin": 0.5 }),
            "pair-margin" => json!({ "neg-margin": 1.5 }),
            "distance-weighted" => json!({ "nonzero-loss-cutoff": 1.9 }),
            "angular" => json!({ "angle": 5.0 }),
            _ => json!({}),
        };
        check(&loss, Some(&miner(json!({ *name: params }))));
    }
    let drawn = json!({ "triplet-margin": { "triplets-per-anchor": 3 } });
    check(&param::from_json(&drawn).unwrap(), None);
    for learned in ["one", "per-class"] {
        let margin = json!({ "margin": { "learn-beta": learned, "nu": 0.01 } });
        check(&param::from_json(&margin).unwrap(), None);
        check(&param::from_json(&json!({ "cross-batch-memory": { "loss": margin } })).unwrap(), None);
    }
}

#[test]
fn a_batch_of_which_nothing_is_mined_has_no_loss_and_is_told_of() {
    let miner = json!({ "pair-margin": { "pos-margin": 9.0, "neg-margin": -1.0 } });
    let miner: MinerSpec = param::from_json(&miner).unwrap();
    for loss in every_loss().iter().filter(|loss| loss.takes_miner()) {
        let (start, end, _, nothing_mined) = train(loss, Some(&miner), None);
        assert_eq!((nothing_mined, &end.losses[..]), (12, &[0.0; 12][..]), "{}", loss.name());
        assert!(start.weights == end.weights, "{}", loss.name());
    }
}

/// A dense layer without weights gives every image the same embedding: told once, at the end of the first epoch.
#[test]
fn a_network_that_has_collapsed_is_told_once() {
    let collapses = |init: &str| {
        let layers: Vec<LayerSpec> = param::from_json(
            &json!(["rescale", "flatten", { "dense": { "units": 6, "init": init } }, { "l2-normalize": {} }]),
        )
        .unwrap();
        let seed = Seed::of_stage(1, "train", None);
        let mut network = Network::build(&layers, [4, 4, 1], seed, &Device::flex()).unwrap();
        let optimizer = param::from_json(&json!({ "sgd": { "learning-rate": 1e-30 } })).unwrap();
        let loss: LossSpec = param::from_json(&json!("contrastive")).unwrap();
        let schedule = crate::Schedule::Constant(crate::schedule::Constant {});
        let settings = FitSettings {
            epochs: 3,
            steps_per_epoch: 4,
            schedule_epochs: 3,
            classes: &[0, 1, 2],
            ..FitSettings::new(&optimizer, &schedule, &loss, seed)
        };
        let mut told = Vec::new();
        let mut on_event = |event| {
            if let FitEvent::Collapsed { since } = event {
                told.push(since);
            }
        };
        let start = FitState::start(&network, &settings);
        fit(&mut network, start, &settings, &Blobs, &mut on_event, &|| false).unwrap();
        told
    };
    assert_eq!(collapses("zeros"), [1]);
    assert!(collapses("glorot-uniform").is_empty());
}
