//! Interruptions at every kind of moment, with every way to end: the resumed training ends with the same bits.

use burn::tensor::Device;
use serde_json::json;

use super::*;
use crate::LayerSpec;
use simpipe_artifact::Weights;
use simpipe_base::param;

/// Batches of noise with a bright third; every third validation is harder, so that its loss goes up and down.
struct Noise {
    validates: bool,
}

impl Noise {
    fn batch(number: u64) -> Batch {
        let mut rng = Seed::of_stage(7, "noise", None).rng("batch", &[number]);
        let mut batch = Batch::default();
        for at in 0..6_u8 {
            use rand::Rng;
            batch
                .pixels
                .extend((0..16).map(|pixel| (rng.next_u32() % 200) as u8 + if pixel / 6 == at / 2 { 50 } else { 0 }));
            batch.labels.push(i32::from(at / 2));
        }
        batch
    }
}

impl Batches for Noise {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        Self::batch(epoch * 100 + step)
    }

    fn validation(&self, step: u64) -> Option<Batch> {
        self.validates.then(|| Self::batch(10_000 + step))
    }
}

fn network() -> Network {
    let layers: Vec<LayerSpec> =
        param::from_json(&json!(["rescale", "flatten", { "metric-embedding": { "size": 3 } }])).unwrap();
    Network::build(&layers, [4, 4, 1], Seed::of_stage(1, "train", None), &Device::flex()).unwrap()
}

/// How a training is to end.
#[derive(Debug, Clone)]
struct Way {
    validates: bool,
    stopping: Option<EarlyStopping>,
    keep_best: Option<Monitor>,
}

/// What a training left: its end, the weights in the network, and its checkpoints.
struct Left {
    end: Result<FitState, FitError>,
    weights: Weights,
    checkpoints: Vec<FitState>,
}

/// Trains epochs of 3 steps and 2 validation batches; stops when `cancelled` was asked so often.
fn train(way: &Way, epochs: u64, from: Option<FitState>, stop_at: usize) -> Left {
    let optimizer = param::from_json(&json!({ "adam": { "learning-rate": 0.05 } })).unwrap();
    let loss = param::from_json(&json!("multi-similarity")).unwrap();
    let settings = FitSettings {
        epochs,
        steps_per_epoch: 3,
        validation_steps: 2,
        checkpoint_every: 2,
        early_stopping: way.stopping.as_ref(),
        keep_best: way.keep_best.as_ref(),
        ..FitSettings::new(
            &optimizer,
            &crate::Schedule::Constant(crate::schedule::Constant {}),
            &loss,
            Seed::of_stage(1, "train", None),
        )
    };
    let mut network = network();
    let state = from.unwrap_or_else(|| FitState::start(&network, &settings));
    let (asked, mut checkpoints) = (std::cell::Cell::new(0), Vec::new());
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > stop_at
    };
    let mut on_event = |event| {
        if let FitEvent::Checkpoint(state) = event {
            checkpoints.push(state);
        }
    };
    let batches = Noise { validates: way.validates };
    let end = fit(&mut network, state, &settings, &batches, &mut on_event, &cancelled);
    Left { end, weights: network.to_weights(), checkpoints }
}

fn ways() -> Vec<Way> {
    let stopping = |monitor| Some(EarlyStopping { patience: 1, min_delta: 0.0, monitor });
    vec![
        Way { validates: false, stopping: None, keep_best: None },
        Way { validates: true, stopping: None, keep_best: None },
        Way { validates: true, stopping: stopping(Monitor::ValLoss), keep_best: None },
        Way { validates: true, stopping: stopping(Monitor::ValLoss), keep_best: Some(Monitor::ValLoss) },
        Way { validates: true, stopping: None, keep_best: Some(Monitor::Loss) },
        Way { validates: false, stopping: stopping(Monitor::Loss), keep_best: Some(Monitor::Loss) },
    ]
}

#[test]
fn stopped_anywhere_a_training_goes_on_to_the_same_bits() {
    let (mut stopped, mut in_validation) = (0, 0);
    for way in ways() {
        let whole = train(&way, 4, None, usize::MAX);
        let end = whole.end.unwrap();
        for stop_at in 0..20 {
            let first = train(&way, 4, None, stop_at);
            let Err(FitError::Interrupted) = first.end else { continue };
            let state = first.checkpoints.last().unwrap();
            stopped += 1;
            in_validation += usize::from(way.validates && state.val_losses.len() < state.losses.len() / 3);
            let back = FitState::from_bytes(&state.to_bytes()).unwrap();
            assert!(&back == state, "a checkpoint comes back as it was");
            let rest = train(&way, 4, Some(back), usize::MAX);
            let resumed = rest.end.unwrap();
            assert_eq!(
                (&resumed.losses, &resumed.val_losses),
                (&end.losses, &end.val_losses),
                "{way:?} stopped at {stop_at}"
            );
            for (what, resumed, whole) in [
                ("weights", &resumed.weights, &end.weights),
                ("moments", &resumed.moments, &end.moments),
                ("best", &resumed.best, &end.best),
            ] {
                assert!(
                    resumed.to_bytes() == whole.to_bytes(),
                    "{what} of {way:?} stopped at {stop_at}: {:?} / {:?}",
                    resumed.0,
                    whole.0
                );
            }
            assert!(rest.weights == whole.weights, "stopped at {stop_at}");
        }
    }
    assert!(stopped > 60 && in_validation >= 10, "{stopped} stopped, {in_validation} of them in a validation");
}

#[test]
fn a_longer_training_goes_on_from_a_shorter_one() {
    for way in ways() {
        let whole = train(&way, 3, None, usize::MAX);
        let one = train(&way, 1, None, usize::MAX).end.unwrap();
        let two = train(&way, 2, Some(one), usize::MAX).end.unwrap();
        let three = train(&way, 3, Some(two), usize::MAX);
        assert!(three.end.unwrap() == whole.end.unwrap() && three.weights == whole.weights);
    }
}

#[test]
fn the_best_epochs_weights_are_those_of_a_training_that_ends_there() {
    for monitor in [Monitor::ValLoss, Monitor::Loss] {
        let plain = Way { validates: true, stopping: None, keep_best: None };
        let kept = train(&Way { keep_best: Some(monitor.clone()), ..plain.clone() }, 8, None, usize::MAX);
        let end = kept.end.unwrap();
        let best = end.best_epoch(&monitor, 3).unwrap();
        assert!(kept.weights == train(&plain, best, None, usize::MAX).weights, "epoch {best}");
        assert!(end.weights == train(&plain, 8, None, usize::MAX).weights, "the state goes on from the last epoch");
    }
}

#[test]
fn early_stopping_ends_where_its_rule_says() {
    let plain = Way { validates: true, stopping: None, keep_best: None };
    let end = train(&plain, 30, None, usize::MAX).end.unwrap();
    let (losses, costs) = (&end.val_losses, end.monitored(&Monitor::ValLoss, 3));
    let rule = EarlyStopping { patience: 2, min_delta: 0.0, monitor: Monitor::ValLoss };
    let stop = rule.stops_after(&costs).expect("noise can't be learnt for ever");
    let end = train(&Way { stopping: Some(rule), ..plain }, 30, None, usize::MAX).end.unwrap();
    assert_eq!((end.steps(), end.val_losses.as_slice()), (3 * stop, &losses[..usize::try_from(stop).unwrap()]));
    assert!(stop < 30, "{losses:?}");
}
