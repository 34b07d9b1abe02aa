//! The ways of a training beside its plain course: every optimiser, averages, groups, clipping, pieces of a batch and a
//! validator. Each does what its formula says, and goes on to the same bits wherever it was stopped.

use std::cell::Cell;

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::*;
use crate::{LayerSpec, Optimizer};
use simpipe_artifact::Weights;
use simpipe_base::param;

/// Batches of noise, 6 images of 3 classes.
struct Noise;

impl Batches for Noise {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        use rand::Rng;
        let mut rng = Seed::of_stage(7, "noise", None).rng("batch", &[epoch * 100 + step]);
        let mut batch = Batch::default();
        for at in 0..6_u8 {
            batch
                .pixels
                .extend((0..36).map(|pixel| (rng.next_u32() % 200) as u8 + if pixel / 12 == at / 2 { 50 } else { 0 }));
            batch.labels.push(i32::from(at / 2));
        }
        batch
    }

    fn validation(&self, step: u64) -> Option<Batch> {
        Some(self.training(100, step))
    }
}

/// A figure that follows the weights, and what it was told.
#[derive(Debug)]
struct Scripted(Vec<f64>, Cell<usize>);

impl Validator for Scripted {
    fn names(&self) -> Vec<String> {
        vec!["recall@1".to_owned()]
    }

    fn measure(&self, _: &Network) -> Result<Option<Vec<f64>>, Unmeasured> {
        let at = self.1.get();
        self.1.set(at + 1);
        let too_often = || Unmeasured { message: "asked too often".to_owned(), help: Some("ask less".to_owned()) };
        self.0.get(at).map(|score| Some(vec![*score])).ok_or_else(too_often)
    }
}

#[derive(Debug, Clone)]
struct Way {
    optimizer: Json,
    groups: Json,
    layers: Json,
    ema: Option<Ema>,
    lookahead: Option<Lookahead>,
    clip_norm: Option<f64>,
    micro_batch: Option<usize>,
    loss: &'static str,
    epochs: u64,
}

fn plain() -> Way {
    let conv = json!({ "conv2d": { "filters": 4, "kernel": 3, "activation": "relu" } });
    Way {
        optimizer: json!({ "sgd": { "learning-rate": 0.05 } }),
        groups: json!([]),
        layers: json!(["rescale", conv, "batch-norm", "global-max-pool", { "metric-embedding": { "size": 3 } }]),
        ema: None,
        lookahead: None,
        clip_norm: None,
        micro_batch: None,
        loss: "multi-similarity",
        epochs: 2,
    }
}

fn by(optimizer: Json) -> Way {
    Way { optimizer, ..plain() }
}

/// Layers whose images go through by themselves.
fn alone() -> Json {
    json!(["rescale", "flatten", { "dense": { "units": 5, "activation": "relu" } }, { "metric-embedding": { "size": 3 } }])
}

struct Left {
    end: Result<FitState, FitError>,
    weights: Weights,
    checkpoints: Vec<FitState>,
    epochs: Vec<FitEvent>,
}

/// Trains epochs of 3 steps, with a checkpoint after every step; stops when `cancelled` was asked so often.
fn train(way: &Way, from: Option<FitState>, stop_at: usize) -> Left {
    train_with(way, from, stop_at, &|settings| settings)
}

fn train_with(
    way: &Way,
    from: Option<FitState>,
    stop_at: usize,
    more: &dyn for<'a> Fn(FitSettings<'a>) -> FitSettings<'a>,
) -> Left {
    let optimizer: Optimizer = param::from_json(&way.optimizer).unwrap();
    let loss = param::from_json(&json!(way.loss)).unwrap();
    let groups: Vec<Group> = param::from_json(&way.groups).unwrap();
    let layers: Vec<LayerSpec> = param::from_json(&way.layers).unwrap();
    let seed = Seed::of_stage(1, "train", None);
    let schedule = Schedule::Linear(param::defaults());
    let settings = more(FitSettings {
        epochs: way.epochs,
        steps_per_epoch: 3,
        validation_steps: 1,
        schedule_epochs: 8,
        classes: &[0, 1, 2],
        checkpoint_every: 1,
        groups: &groups,
        clip_norm: way.clip_norm,
        ema: way.ema.as_ref(),
        lookahead: way.lookahead.as_ref(),
        micro_batch: way.micro_batch,
        ..FitSettings::new(&optimizer, &schedule, &loss, seed)
    });
    let mut network = Network::build(&layers, [6, 6, 1], seed, &Device::flex()).unwrap();
    let state = from.unwrap_or_else(|| FitState::start(&network, &settings));
    let (asked, mut checkpoints, mut epochs) = (Cell::new(0), vec![state.clone()], Vec::new());
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > stop_at
    };
    let mut on_event = |event| match event {
        FitEvent::Checkpoint(state) => checkpoints.push(state),
        FitEvent::Epoch { .. } => epochs.push(event),
        FitEvent::Step { .. } | FitEvent::NothingMined { .. } | FitEvent::Collapsed { .. } => {}
    };
    let end = fit(&mut network, state, &settings, &Noise, &mut on_event, &cancelled);
    Left { end, weights: network.to_weights(), checkpoints, epochs }
}

fn ways() -> Vec<Way> {
    let muon = json!({ "muon": { "learning-rate": 0.02, "rest": { "adam": { "learning-rate": 0.01 } } } });
    let centered = json!({ "rmsprop": { "momentum": 0.9, "centered": true } });
    let groups = json!([
        { "match": "layers.1", "optimizer": muon, "until-step": 2 },
        { "match": "**.batch-norm", "optimizer": "adamw", "learning-rate-factor": 0.5, "until-step": 4 },
        { "match": "layers.**.bias", "freeze": true },
        { "match": "loss", "optimizer": { "sgd": { "momentum": 0.9 } }, "learning-rate-factor": 2.0 },
    ]);
    let ema = Some(Ema { decay: 0.8, warmup: true });
    let lookahead = Some(Lookahead { steps: 2, rate: 0.5 });
    vec![
        by(json!("adamw")),
        by(json!({ "sgd": { "momentum": 0.9, "nesterov": true, "weight-decay": 0.01 } })),
        by(centered),
        by(json!("lamb")),
        by(muon.clone()),
        Way { ema: ema.clone(), ..plain() },
        Way { lookahead: lookahead.clone(), ..plain() },
        Way { ema, lookahead, clip_norm: Some(0.1), ..by(json!("adam")) },
        Way { groups, loss: "proxy-anchor", ..by(json!("adam")) },
        Way { micro_batch: Some(4), layers: alone(), loss: "normalized-softmax", ..by(muon) },
    ]
}

#[test]
fn every_way_stopped_anywhere_goes_on_to_the_same_bits() {
    let mut stopped = 0;
    for way in ways() {
        let whole = train(&way, None, usize::MAX);
        let end = whole.end.unwrap();
        for stop_at in 0..9 {
            let first = train(&way, None, stop_at);
            let Err(FitError::Interrupted) = first.end else { continue };
            stopped += 1;
            let back = FitState::from_bytes(&first.checkpoints.last().unwrap().to_bytes()).unwrap();
            let rest = train(&way, Some(back), usize::MAX);
            assert!(rest.end.unwrap().to_bytes() == end.to_bytes(), "{way:?} stopped at {stop_at}");
            assert!(rest.weights == whole.weights, "{way:?} stopped at {stop_at}");
        }
        assert!(end.losses.iter().all(|loss| loss.is_finite()));
    }
    assert!(stopped >= 70, "{stopped}");
}

/// The largest difference of two sets of weights.
fn difference(one: &Weights, other: &Weights) -> f64 {
    assert!(one.0.keys().eq(other.0.keys()));
    let pairs = one.0.iter().flat_map(|(name, (_, values))| values.iter().zip(&other.0[name].1));
    pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

#[test]
fn averages_are_validated_and_kept() {
    let way = Way { ema: Some(Ema { decay: 0.6, warmup: false }), ..plain() };
    let left = train(&way, None, usize::MAX);
    let end = left.end.unwrap();
    let steps: Vec<u64> = left.checkpoints.iter().map(FitState::steps).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5, 6]);
    let mut by_hand = left.checkpoints[0].weights.clone();
    for state in &left.checkpoints[1..] {
        for (name, (_, values)) in &mut by_hand.0 {
            for (value, new) in values.iter_mut().zip(&state.weights.0[name].1) {
                *value = 0.6 * *value + 0.4 * new;
            }
        }
    }
    assert!(difference(&end.ema, &by_hand) < 1e-6);
    assert!(left.weights == end.ema && difference(&end.ema, &end.weights) > 1e-3);
    // Trained as without averages, and validated on other weights.
    let bare = train(&plain(), None, usize::MAX).end.unwrap();
    assert!(bare.weights == end.weights && bare.losses == end.losses && bare.val_losses != end.val_losses);
}

#[test]
fn slow_weights_go_half_the_way_every_other_step() {
    let way = Way { lookahead: Some(Lookahead { steps: 2, rate: 0.5 }), epochs: 1, ..plain() };
    let left = train(&way, None, usize::MAX);
    let at = |step: u64| left.checkpoints.iter().find(|state| state.steps() == step).unwrap();
    let weight = |weights: &Weights| weights.0["layers.4.metric-embedding.weight"].1.clone();
    assert_eq!(weight(&at(1).slow), weight(&at(0).weights));
    assert_eq!(weight(&at(2).slow), weight(&at(2).weights));
    // As without it to step 1; at step 2 the middle of start and fast weights.
    let bare = train(&Way { epochs: 1, ..plain() }, None, usize::MAX);
    let bare_at = |step: u64| bare.checkpoints.iter().find(|state| state.steps() == step).unwrap();
    assert_eq!(weight(&at(1).weights), weight(&bare_at(1).weights));
    let starts = weight(&at(0).weights);
    for ((slow, start), fast) in weight(&at(2).slow).iter().zip(&starts).zip(weight(&bare_at(2).weights)) {
        assert!((slow - f32::midpoint(*start, fast)).abs() < 1e-6);
    }
    // Kept are the slow weights, with the moving statistics as they are.
    let end = left.end.unwrap();
    assert_eq!(left.weights.0["layers.4.metric-embedding.weight"].1, weight(&end.slow));
    let mean = |weights: &Weights| weights.0["layers.2.batch-norm.moving_mean"].1.clone();
    assert_eq!(mean(&left.weights), mean(&end.weights));
}

#[test]
fn what_a_loss_remembers_is_in_a_checkpoint_once() {
    const LOWEST_LOSS: &Monitor = &Monitor::Loss;
    let (ema, lookahead) = (Some(Ema { decay: 0.8, warmup: true }), Some(Lookahead { steps: 2, rate: 0.5 }));
    let way = Way { ema, lookahead, loss: "cross-batch-memory", ..plain() };
    let run = |from: Option<FitState>| {
        train_with(&way, from, usize::MAX, &|settings| FitSettings { keep_best: Some(LOWEST_LOSS), ..settings })
    };
    let whole = run(None);
    let end = whole.end.unwrap();
    let memory = "loss.cross-batch-memory.embeddings";
    assert!(end.weights.0[memory].1.iter().any(|value| *value != 0.0));
    for state in &whole.checkpoints {
        assert!([&state.best, &state.ema, &state.slow].iter().all(|beside| !beside.0.contains_key(memory)));
        assert!(state.weights.0.contains_key(memory) && state.fits(&whole.checkpoints[0]));
    }
    assert!(end.best.0.contains_key("layers.1.conv2d.weight") && end.slow.0.len() == end.ema.0.len());
    // A checkpoint of a version that held it in each of them goes on to the same weights.
    let mut older = whole.checkpoints.iter().find(|state| state.steps() == 4).unwrap().clone();
    for beside in [&mut older.ema, &mut older.slow, &mut older.best] {
        let held = older.weights.0.iter().filter(|(path, _)| path.starts_with("loss."));
        beside.0.extend(held.map(|(path, tensor)| (path.clone(), tensor.clone())));
    }
    assert!(older.fits(&whole.checkpoints[0]));
    let resumed = run(Some(FitState::from_bytes(&older.to_bytes()).unwrap()));
    assert!(resumed.weights == whole.weights);
    let back = resumed.end.unwrap();
    assert!(back.weights == end.weights && back.ema == end.ema && back.slow == end.slow);
    older.slow.0.remove("layers.1.conv2d.weight");
    assert!(!older.fits(&whole.checkpoints[0]));
}

/// The weights at some step, by path.
fn moved(left: &Left, path: &str, from: u64, to: u64) -> bool {
    let at = |step: u64| &left.checkpoints.iter().find(|state| state.steps() == step).unwrap().weights.0[path].1;
    at(from) != at(to)
}

#[test]
fn what_is_frozen_stays_and_lets_gradients_through() {
    let groups = json!([{ "match": "layers.2", "freeze": true }, { "match": "layers.4.*.weight", "until-step": 2 }]);
    let left = train(&Way { groups, ..plain() }, None, usize::MAX);
    for name in ["gamma", "beta", "moving_mean", "moving_variance"] {
        assert!(!moved(&left, &format!("layers.2.batch-norm.{name}"), 0, 6), "{name}");
    }
    assert!(moved(&left, "layers.1.conv2d.weight", 0, 1), "before the frozen layer");
    let weight = "layers.4.metric-embedding.weight";
    assert!(moved(&left, weight, 0, 1) && moved(&left, weight, 1, 2) && !moved(&left, weight, 2, 6));
    assert!(moved(&left, "layers.4.metric-embedding.bias", 2, 6));
    let bare = train(&plain(), None, usize::MAX);
    assert!(moved(&bare, "layers.2.batch-norm.moving_mean", 0, 1) && moved(&bare, "layers.2.batch-norm.gamma", 0, 1));
}

#[test]
fn a_training_whose_last_weights_are_frozen_goes_on_without_them() {
    let way = Way { groups: json!([{ "match": "**", "until-step": 4 }]), ..plain() };
    let left = train(&way, None, usize::MAX);
    assert!(moved(&left, "layers.1.conv2d.weight", 3, 4) && !moved(&left, "layers.1.conv2d.weight", 4, 6));
    assert_eq!(left.end.unwrap().losses.len(), 6);
}

#[test]
fn a_group_has_its_own_rule_and_rate() {
    let start = |groups: Json| {
        let left = train(&Way { groups, epochs: 1, ..plain() }, None, usize::MAX);
        let at = |step: usize| left.checkpoints[step].weights.clone();
        (at(0), at(1), left)
    };
    let step = |of: &(Weights, Weights, Left), path: &str| -> Vec<f32> {
        of.0.0[path].1.iter().zip(&of.1.0[path].1).map(|(old, new)| new - old).collect()
    };
    let (conv, dense) = ("layers.1.conv2d.weight", "layers.4.metric-embedding.weight");
    let (bare, slow) = (start(json!([])), start(json!([{ "match": "layers.1", "learning-rate-factor": 0.1 }])));
    for (bare, slow) in step(&bare, conv).iter().zip(step(&slow, conv)) {
        assert!((slow - 0.1 * bare).abs() < 1e-6, "{slow} {bare}");
    }
    assert_eq!(step(&bare, dense), step(&slow, dense));
    // Adam's first step is its learning rate.
    let own = start(json!([{ "match": "layers.4", "optimizer": { "adam": { "learning-rate": 0.01 } } }]));
    let steps = step(&own, dense);
    assert!(steps.iter().filter(|step| (step.abs() - 0.01).abs() < 1e-4).count() * 2 > steps.len(), "{steps:?}");
    let slots: Vec<String> = own.2.end.unwrap().moments.0.into_keys().collect();
    assert_eq!(
        slots,
        ["bias", "weight"]
            .map(|name| format!("m.layers.4.metric-embedding.{name}"))
            .into_iter()
            .chain(["bias", "weight"].map(|name| format!("v.layers.4.metric-embedding.{name}")))
            .collect::<Vec<_>>()
    );
}

#[test]
fn clipped_gradients_are_as_long_as_they_may_be() {
    let way = Way { clip_norm: Some(1e-3), epochs: 1, ..by(json!({ "sgd": { "learning-rate": 1.0 } })) };
    let left = train(&way, None, usize::MAX);
    let (start, first) = (&left.checkpoints[0].weights, &left.checkpoints[1].weights);
    let trained = start.0.iter().filter(|(path, _)| !path.contains("moving"));
    let squares = trained.flat_map(|(path, (_, old))| old.iter().zip(&first.0[path].1));
    let norm = squares.map(|(old, new)| f64::from(new - old).powi(2)).sum::<f64>().sqrt();
    // The weights themselves are rounded to f32.
    assert!((norm - 1e-3).abs() < 2e-6, "{norm}");
    let end = left.end.unwrap();
    let logged = &end.logged["gradient-norm"];
    assert!(logged.len() == 3 && logged.iter().all(|norm| *norm > 1e-3), "{logged:?}");
    let FitEvent::Epoch { logged: means, .. } = &left.epochs[0] else { unreachable!() };
    let mean = logged.iter().map(|&norm| f64::from(norm)).sum::<f64>() / 3.0;
    assert_eq!(means[0], ("gradient-norm".to_owned(), mean));
}

#[test]
fn pieces_of_a_batch_give_the_gradients_of_the_whole() {
    for loss in ["multi-similarity", "proxy-anchor"] {
        let whole = Way { layers: alone(), loss, epochs: 1, ..plain() };
        let expected = train(&whole, None, usize::MAX).end.unwrap();
        for size in [1, 2, 4, 5] {
            let found = train(&Way { micro_batch: Some(size), ..whole.clone() }, None, usize::MAX).end.unwrap();
            assert!(difference(&found.weights, &expected.weights) < 1e-5, "{loss} in pieces of {size}");
            for (found, expected) in found.losses.iter().zip(&expected.losses) {
                assert!((found - expected).abs() < 1e-5, "{loss} in pieces of {size}");
            }
        }
        let more = train(&Way { micro_batch: Some(6), ..whole.clone() }, None, usize::MAX).end.unwrap();
        assert!(more.to_bytes() == expected.to_bytes(), "one piece is the whole");
    }
}

#[test]
fn layers_that_see_the_batch_are_not_trained_in_pieces() {
    let refused = |way: Way| matches!(train(&way, None, usize::MAX).end, Err(FitError::MicroBatch));
    assert!(refused(Way { micro_batch: Some(2), ..plain() }), "a batch normalisation");
    let dropout = json!(["rescale", "flatten", { "dropout": { "rate": 0.5 } }, { "metric-embedding": { "size": 3 } }]);
    assert!(refused(Way { micro_batch: Some(2), layers: dropout, ..plain() }), "a dropout");
    // One that is frozen normalises each image by itself.
    let frozen = Way { groups: json!([{ "match": "layers.2", "freeze": true }]), ..plain() };
    let whole = train(&frozen, None, usize::MAX).end.unwrap();
    let pieces = train(&Way { micro_batch: Some(2), ..frozen }, None, usize::MAX).end.unwrap();
    assert!(difference(&whole.weights, &pieces.weights) < 1e-5);
}

#[test]
fn a_validator_decides_when_to_end_and_what_to_keep() {
    let monitor = Monitor::Score { name: "recall@1".to_owned(), higher_is_better: true };
    let rule = EarlyStopping { patience: 2, min_delta: 0.0, monitor: monitor.clone() };
    let way = Way { epochs: 8, ..plain() };
    let run = |from: Option<FitState>, stop_at: usize, scores: &[f64], every: u64| {
        let validator = Scripted(scores.to_vec(), Cell::new(0));
        // The settings live as long as what they borrow.
        let (rule, monitor): (&'static _, &'static _) =
            (Box::leak(Box::new(rule.clone())), Box::leak(Box::new(monitor.clone())));
        let validator: &'static Scripted = Box::leak(Box::new(validator));
        train_with(&way, from, stop_at, &move |settings| FitSettings {
            early_stopping: Some(rule),
            keep_best: Some(monitor),
            validator: Some(validator),
            validate_every: every,
            ..settings
        })
    };
    let scores = [0.5, 0.75, 0.625, 0.75, 0.9];
    let left = run(None, usize::MAX, &scores, 1);
    let end = left.end.unwrap();
    assert_eq!(
        (end.steps(), end.best_epoch(&monitor, 3)),
        (12, Some(2)),
        "four epochs, of which the second is the best"
    );
    let after_best = left.checkpoints.iter().rev().find(|state| state.steps() == 6).unwrap();
    assert!(left.weights == after_best.weights);
    let FitEvent::Epoch { scores: told, .. } = &left.epochs[1] else { unreachable!() };
    assert_eq!(*told, [("recall@1".to_owned(), 0.75)]);
    // Every other epoch: measured at the ends of epochs 2, 4, 6 and 8.
    let left = run(None, usize::MAX, &scores, 2);
    let sparse = left.end.unwrap();
    assert_eq!((sparse.steps(), sparse.best_epoch(&monitor, 3)), (24, Some(4)));
    assert_eq!(sparse.scores["recall@1"][..4], [None, Some(0.5), None, Some(0.75)]);
    let failed = run(None, usize::MAX, &scores[..1], 1).end.unwrap_err();
    assert_eq!((failed.to_string().as_str(), failed.help()), ("asked too often", Some("ask less")));
    // Stopped before the measurement of the second epoch, whose score is the next one then.
    for stop_at in 0..16 {
        let first = run(None, stop_at, &scores, 1);
        let Err(FitError::Interrupted) = first.end else { continue };
        let state = first.checkpoints.last().unwrap().clone();
        let measured = state.scores.get("recall@1").map_or(0, Vec::len);
        let rest = run(Some(FitState::from_bytes(&state.to_bytes()).unwrap()), usize::MAX, &scores[measured..], 1);
        assert!(rest.end.unwrap().to_bytes() == end.to_bytes(), "stopped at {stop_at}");
    }
}
