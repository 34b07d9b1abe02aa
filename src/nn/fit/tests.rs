//! Tests of the loop: it learns, and interruption and thread count change no bit. Measures a step of the tutorial.

use std::time::Instant;

use burn::tensor::Device;
use serde_json::{Value as Json, json};

use super::*;
use crate::layer::LayerSpec;
use simpipe_base::param;

fn specs(json: Json) -> Vec<LayerSpec> {
    param::from_json(&json).unwrap()
}

fn seed() -> Seed {
    Seed::of_stage(42, "train", None)
}

/// Batches that can be learnt: the class decides which third of the pixels is bright.
struct Toy {
    image: [usize; 3],
    classes: usize,
    per_class: usize,
}

impl Toy {
    fn batch(&self, number: u64) -> Batch {
        use rand::Rng;
        let mut rng = Seed::of_stage(7, "toy", None).rng("batch", &[number]);
        let size: usize = self.image.iter().product();
        let mut batch = Batch::default();
        for at in 0..self.classes * self.per_class {
            let class = at / self.per_class;
            let bright = |pixel: usize| pixel * self.classes / size == class;
            let pixel = |pixel| (rng.next_u32() % 128) as u8 + if bright(pixel) { 127 } else { 0 };
            batch.pixels.extend((0..size).map(pixel));
            batch.labels.push(i32::try_from(class).unwrap());
        }
        batch
    }
}

impl Batches for Toy {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        self.batch(epoch * 1000 + step)
    }

    fn validation(&self, step: u64) -> Option<Batch> {
        Some(self.batch(1_000_000 + step))
    }
}

const TOY: Toy = Toy { image: [14, 14, 3], classes: 3, per_class: 12 };

/// Every layer with a reduction, large enough that burn splits the work between threads.
fn toy_network() -> Network {
    let list = specs(json!([
        "rescale",
        { "conv2d": { "filters": 32, "kernel": 3, "activation": "relu" } },
        "batch-norm",
        { "max-pool": { "size": 2 } },
        { "conv2d": { "filters": 48, "kernel": 3, "padding": "same", "activation": "relu" } },
        { "dropout": { "rate": 0.1 } },
        "batch-norm",
        "global-max-pool",
        { "metric-embedding": { "size": 64 } },
    ]));
    Network::build(&list, TOY.image, seed(), &Device::flex()).unwrap()
}

/// Trains the toy network from a state and gives the end and all events.
fn train(epochs: u64, from: Option<FitState>, stop_at: Option<usize>) -> (Result<FitState, FitError>, Vec<FitEvent>) {
    train_with(epochs, from, stop_at, None, None)
}

/// The same, with rules for its end.
fn train_with(
    epochs: u64,
    from: Option<FitState>,
    stop_at: Option<usize>,
    early_stopping: Option<&EarlyStopping>,
    keep_best: Option<&Monitor>,
) -> (Result<FitState, FitError>, Vec<FitEvent>) {
    let (optimizer, loss) =
        (param::from_json(&json!("adam")).unwrap(), param::from_json(&json!("multi-similarity")).unwrap());
    let settings = FitSettings {
        epochs,
        steps_per_epoch: 4,
        validation_steps: 2,
        checkpoint_every: 3,
        early_stopping,
        keep_best,
        ..FitSettings::new(&optimizer, &crate::Schedule::Constant(crate::schedule::Constant {}), &loss, seed())
    };
    let mut network = toy_network();
    let state = from.unwrap_or_else(|| FitState::start(&network, &settings));
    let events = std::cell::RefCell::new(Vec::new());
    let steps = || events.borrow().iter().filter(|event| matches!(event, FitEvent::Step { .. })).count();
    let cancelled = || stop_at.is_some_and(|stop| steps() >= stop);
    let end = fit(&mut network, state, &settings, &TOY, &mut |event| events.borrow_mut().push(event), &cancelled);
    if let Ok(end) = &end {
        let kept = if keep_best.is_some() { &end.best } else { &end.weights };
        assert!(network.to_weights() == *kept, "the network holds what was trained");
    }
    (end, events.into_inner())
}

fn checkpoints(events: &[FitEvent]) -> Vec<FitState> {
    let state = |event: &FitEvent| if let FitEvent::Checkpoint(state) = event { Some(state.clone()) } else { None };
    events.iter().filter_map(state).collect()
}

#[test]
fn an_interrupted_training_ends_with_the_same_bits() {
    let (whole, events) = train(2, None, None);
    let whole = whole.unwrap();
    assert_eq!((whole.losses.len(), whole.val_losses.len()), (8, 2));
    let at: Vec<u64> = checkpoints(&events).iter().map(FitState::steps).collect();
    assert_eq!(at, [3, 4, 6, 8]);
    let (stopped, events) = train(2, None, Some(5));
    assert!(matches!(stopped, Err(FitError::Interrupted)));
    let last = checkpoints(&events).pop().unwrap();
    assert_eq!(last.steps(), 5);
    let back = FitState::from_bytes(&last.to_bytes()).unwrap();
    assert!(back == last, "a checkpoint comes back as it was");
    assert!(train(2, Some(back), None).0.unwrap().to_bytes() == whole.to_bytes());
    // One epoch, then one more, is two epochs.
    let one = train(1, None, None).0.unwrap();
    assert!(train(2, Some(one), None).0.unwrap().to_bytes() == whole.to_bytes());
}

#[test]
fn a_training_that_keeps_its_best_weights_ends_with_the_same_bits_wherever_it_is_stopped() {
    let monitor = Monitor::Loss;
    // No epoch is better than the first by so much, so one is waited for.
    let rule = EarlyStopping { patience: 1, min_delta: 100.0, monitor: Monitor::Loss };
    let (whole, events) = train_with(3, None, None, Some(&rule), Some(&monitor));
    let whole = whole.unwrap();
    assert_eq!((whole.losses.len(), whole.val_losses.len()), (8, 2));
    let best = whole.best_epoch(&monitor, 4).unwrap();
    let after_best = checkpoints(&events).into_iter().find(|state| state.steps() == best * 4).unwrap();
    assert!(whole.best == after_best.weights, "the weights at the end of epoch {best}");
    for stop in [1, 4, 6, 8] {
        let (stopped, events) = train_with(3, None, Some(stop), Some(&rule), Some(&monitor));
        let last = checkpoints(&events).pop().unwrap();
        assert!(matches!(stopped, Err(FitError::Interrupted)), "{stop}");
        let back = FitState::from_bytes(&last.to_bytes()).unwrap();
        let end = train_with(3, Some(back), None, Some(&rule), Some(&monitor)).0.unwrap();
        assert!(end.to_bytes() == whole.to_bytes(), "stopped at {stop}");
    }
    // A training that goes on from the end of one that was stopped early is the longer training.
    let longer = train_with(3, None, None, None, Some(&monitor)).0.unwrap();
    assert!(train_with(3, Some(whole), None, None, Some(&monitor)).0.unwrap().to_bytes() == longer.to_bytes());
}

#[test]
fn a_training_stopped_in_a_validation_makes_it_again() {
    let whole = train(2, None, None).0.unwrap();
    // The first question after step 4 is asked before the first batch of the validation.
    let (stopped, events) = train(2, None, Some(4));
    assert!(matches!(stopped, Err(FitError::Interrupted)));
    let last = checkpoints(&events).pop().unwrap();
    assert_eq!((last.steps(), last.val_losses.len()), (4, 0));
    assert!(train(2, Some(last), None).0.unwrap().to_bytes() == whole.to_bytes());
}

#[test]
fn the_thread_count_changes_no_bit() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let end = train(1, None, None).0.unwrap();
            let mut network = toy_network();
            network.set_weights(&end.weights).unwrap();
            (end.to_bytes(), network.embed(&TOY.batch(5).pixels))
        })
    };
    let one = run(1);
    for threads in [2, 3] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn training_learns_and_reports_every_step() {
    let (end, events) = train(6, None, None);
    let end = end.unwrap();
    assert!(end.val_losses[5] < end.val_losses[0], "{:?}", end.val_losses);
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert!(mean(&end.losses[20..]) < 0.9 * mean(&end.losses[..4]), "{:?}", end.losses);
    let steps: Vec<(u64, u64)> = events
        .iter()
        .filter_map(|event| if let FitEvent::Step { epoch, step, .. } = event { Some((*epoch, *step)) } else { None })
        .collect();
    assert_eq!(steps.len(), 24);
    assert_eq!((steps[0], steps[4], steps[23]), ((1, 1), (2, 5), (6, 24)));
}

#[test]
fn a_loss_that_is_no_number_stops_the_training_at_its_step() {
    let mut state = FitState { weights: toy_network().to_weights(), ..FitState::default() };
    let bias = &mut state.weights.0.get_mut("layers.8.metric-embedding.bias").unwrap().1;
    bias[0] = f32::NAN;
    (state.losses, state.val_losses) = (vec![1.0; 5], vec![1.0]);
    let error = train(2, Some(state), None).0.unwrap_err();
    assert_eq!(error.to_string(), "the loss became NaN in epoch 2, step 6");
    assert!(error.help().unwrap().contains("learning-rate"));
}

fn tutorial() -> Network {
    let list = specs(crate::layer::tutorial());
    Network::build(&list, [32, 32, 3], seed(), &Device::flex()).unwrap()
}

/// `cargo test --lib nn::fit::tests::tutorial_speed -- --ignored --nocapture`
#[test]
#[ignore = "takes half a minute and measures; run it by name"]
#[expect(clippy::print_stdout, reason = "a measurement is there to be read")]
fn tutorial_speed_and_thread_count() {
    let toy = Toy { image: [32, 32, 3], classes: 10, per_class: 8 };
    let (optimizer, loss) =
        (param::from_json(&json!("adam")).unwrap(), param::from_json(&json!("multi-similarity")).unwrap());
    let run = |threads: usize, steps: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let settings = FitSettings {
                steps_per_epoch: steps,
                ..FitSettings::new(&optimizer, &crate::Schedule::Constant(crate::schedule::Constant {}), &loss, seed())
            };
            let mut network = tutorial();
            let state = FitState::start(&network, &settings);
            let (mut times, mut last) = (Vec::new(), Instant::now());
            let mut on_event = |event: FitEvent| {
                if matches!(event, FitEvent::Step { .. }) {
                    times.push(last.elapsed().as_secs_f64() * 1e3);
                    last = Instant::now();
                }
            };
            let end = fit(&mut network, state, &settings, &toy, &mut on_event, &|| false).unwrap();
            let pixels = toy.batch(0).pixels.repeat(4)[..256 * 3072].to_vec();
            let embed: Vec<f64> = (0..5)
                .map(|_| {
                    let start = Instant::now();
                    assert_eq!(network.embed(&pixels).len(), 256 * 256);
                    start.elapsed().as_secs_f64() * 1e3
                })
                .collect();
            let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
            println!("{threads} threads: step {:.0} ms, embed 256 {:.0} ms", least(&times), least(&embed));
            (end.to_bytes(), network.embed(&pixels))
        })
    };
    let two = run(2, 6);
    assert!(run(1, 6) == two, "the thread count changes bits");
}
