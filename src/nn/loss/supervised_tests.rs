//! Properties of the losses of rows and of views, and of those that hold other losses: order, gradients, batches with nothing
//! in them; trainings of each go on from any checkpoint.

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value as Json, json};

use super::tfs_tests::values;
use super::*;
use crate::layer::{Cx, Mode, TrainPass};
use crate::ops::Numerics;
use crate::parameters::Parameters;
use simpipe_base::param;
use simpipe_base::seed::Seed;

const PAIRS: [&str; 4] = ["triplet", "pn", "circle", "soft-nearest-neighbor"];
const VIEWS: [&str; 5] = ["multi-negatives-ranking", "simclr", "barlow", "vicreg", "simsiam"];
const REGULARISERS: [&str; 3] = ["lp", "center-invariant", "zero-mean"];
const DISTANCES: [&str; 5] = ["cosine", "euclidean", "squared-euclidean", "manhattan", "snr"];

fn sum(first: &str, second: &str) -> Json {
    json!({ "sum": { "terms": [{ "loss": first }, { "weight": 0.3, "loss": second }] } })
}

fn matryoshka(loss: &Json) -> Json {
    json!({ "matryoshka": { "loss": loss, "sizes": [2, 3] } })
}

/// Losses of labels: every pair loss, each inside every loss that holds others.
fn of_labels() -> Vec<Json> {
    let memory = |loss: &Json| json!({ "cross-batch-memory": { "loss": loss, "size": 16 } });
    let plain = PAIRS.map(|name| json!(name));
    let margins = ["triplet", "pn"].map(|name| json!({ name: { "margin": 0.3, "negative-mining": "hard" } }));
    let all = plain.into_iter().chain(margins).flat_map(|loss| {
        let held = [matryoshka(&loss), memory(&loss), memory(&matryoshka(&loss)), matryoshka(&memory(&loss))];
        [loss].into_iter().chain(held)
    });
    let sums = [sum("circle", "lp"), sum("triplet", "normalized-softmax"), matryoshka(&sum("triplet", "zero-mean"))];
    all.chain(sums).collect()
}

/// Losses of two views.
fn of_views() -> Vec<Json> {
    let plain = VIEWS.map(|name| json!(name)).into_iter();
    plain.flat_map(|loss| [matryoshka(&loss), loss]).chain([sum("simclr", "triplet"), sum("barlow", "lp")]).collect()
}

/// The loss and its gradient by the rows, `[rows, dim]`, of a first step of training.
pub(crate) fn step(json: &Json, rows: &[f32], labels: &[i32], views: usize) -> (f32, Vec<f32>) {
    let loss: LossSpec = param::from_json(json).unwrap();
    let dim = rows.len() / labels.len();
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let seed = Seed::of_stage(1, "train", None);
    let target = Target { dim, classes: classes.len() };
    let parameters = Parameters::of_loss(&loss, target, seed, &Device::flex()).to_trainable();
    let mut pass = TrainPass::new(seed, 0);
    let mut cx = Cx::of_loss(&parameters, Numerics::Fast, Mode::Train(&mut pass), loss.name());
    let data = TensorData::new(rows.to_vec(), [labels.len(), dim]);
    let rows = Tensor::<2>::from_data(data, &Device::flex().autodiff()).require_grad();
    let batch = Embedded::new(rows.clone(), labels, &classes).of_views(views);
    let value = loss.as_dyn().forward(&batch, &mut cx);
    let gradient = rows.grad(&value.clone().backward()).map_or_else(Vec::new, values);
    (value.into_scalar::<f32>(), gradient)
}

/// The same of four rows of one class each.
pub(crate) fn value_of(json: &Json, rows: [[f32; 2]; 4], views: usize) -> (f32, Vec<f32>) {
    step(json, rows.as_flattened(), &[0, 1, 2, 3], views)
}

/// Rows that are neither short nor long, `[rows, 4]`.
fn noise(rows: usize) -> Vec<f32> {
    use rand::Rng;
    let mut rng = Seed::of_stage(5, "noise", None).rng("rows", &[rows as u64]);
    (0..4 * rows).map(|_| (rng.next_u32() % 2001) as f32 / 1000.0 - 1.0).collect()
}

/// The same rows in another order.
fn reordered<T: Copy>(rows: &[T], width: usize, order: &[usize]) -> Vec<T> {
    order.iter().flat_map(|&at| rows[at * width..(at + 1) * width].to_vec()).collect()
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3_f32, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * largest, "{what}: {found} {expected}");
    }
}

#[test]
fn the_order_of_a_batch_changes_neither_loss_nor_gradients() {
    let order = [3, 0, 7, 5, 1, 6, 2, 4];
    let labels = [4, 4, 9, 9, 9, 2, 2, 2];
    for loss in of_labels().iter().chain(&REGULARISERS.map(|name| json!(name))) {
        let (one, gradient) = step(loss, &noise(8), &labels, 1);
        let (other, moved) = step(loss, &reordered(&noise(8), 4, &order), &reordered(&labels, 1, &order), 1);
        assert!(one.is_finite() && (one - other).abs() <= 1e-5 * one.abs().max(1.0), "{loss}: {one} {other}");
        assert_near(&moved, &reordered(&gradient, 4, &order), 1e-4, &loss.to_string());
    }
    // Of views: the examples in another order, in both views alike.
    let order = [2, 0, 3, 1, 6, 4, 7, 5];
    let labels = [0, 0, 1, 1, 0, 0, 1, 1];
    for loss in of_views() {
        let (one, gradient) = step(&loss, &noise(8), &labels, 2);
        let (other, moved) = step(&loss, &reordered(&noise(8), 4, &order), &reordered(&labels, 1, &order), 2);
        assert!(one.is_finite() && (one - other).abs() <= 1e-5 * one.abs().max(1.0), "{loss}: {one} {other}");
        assert_near(&moved, &reordered(&gradient, 4, &order), 1e-4, &loss.to_string());
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f32 = 2e-3;
    let mild = json!({ "circle": { "gamma": 4.0 } });
    let labels = [4, 4, 9, 9, 9, 2, 2, 2];
    let with_views = of_views().into_iter().filter(|loss| !loss.to_string().contains("simsiam")).map(|loss| (loss, 2));
    // Semi-hard mining takes another negative from one side of a row to the other.
    let smooth = |loss: &Json| {
        let text = loss.to_string();
        let mined = text.contains("triplet") || text.contains("pn");
        !text.contains("circle") && (!mined || text.contains("\"hard\""))
    };
    let without = of_labels().into_iter().filter(smooth);
    let without = without.chain([mild.clone(), matryoshka(&mild)]).chain(REGULARISERS.map(|name| json!(name)));
    for (loss, views) in with_views.chain(without.map(|loss| (loss, 1))) {
        let rows = noise(8);
        let labels = if views == 2 { [0, 1, 2, 3, 0, 1, 2, 3] } else { labels };
        let (_, gradient) = step(&loss, &rows, &labels, views);
        let slope = |at: usize| {
            let beside = |by: f32| {
                let mut rows = rows.clone();
                rows[at] += by;
                f64::from(step(&loss, &rows, &labels, views).0)
            };
            ((beside(STEP) - beside(-STEP)) / f64::from(2.0 * STEP)) as f32
        };
        let slopes: Vec<f32> = (0..rows.len()).map(slope).collect();
        assert_near(&gradient, &slopes, 2e-2, &loss.to_string());
    }
}

#[test]
fn batches_without_pairs_have_zero_loss_and_zero_gradient() {
    let all_apart: Vec<i32> = (0..8).collect();
    for name in PAIRS {
        for distance in DISTANCES {
            let loss = json!({ name: { "distance": distance } });
            for labels in [vec![3; 8], all_apart.clone()] {
                let (value, gradient) = step(&loss, &noise(8), &labels, 1);
                assert_eq!((value, gradient), (0.0, vec![0.0; 32]), "{loss} {labels:?}");
            }
            assert_eq!(step(&loss, &[0.5, 0.5, 0.1, 0.2], &[1], 1), (0.0, vec![0.0; 4]), "{loss}, one example");
        }
    }
    for loss in of_labels() {
        let has_classes = loss.to_string().contains("normalized-softmax");
        let regularised = REGULARISERS.iter().any(|name| loss.to_string().contains(name));
        let (value, gradient) = step(&loss, &noise(8), &[3; 8], 1);
        let zero = value == 0.0 && gradient.iter().all(|value| *value == 0.0);
        assert!(zero || ((has_classes || regularised) && value.is_finite()), "{loss}: {value}");
    }
}

#[test]
fn rows_of_zeros_and_single_examples_have_a_finite_loss() {
    let finite = |loss: &Json, rows: &[f32], labels: &[i32], views: usize| {
        let (value, gradient) = step(loss, rows, labels, views);
        assert!(value.is_finite() && gradient.iter().all(|value| value.is_finite()), "{loss}: {value} {gradient:?}");
        value
    };
    for loss in of_labels().iter().chain(&REGULARISERS.map(|name| json!(name))) {
        finite(loss, &[0.0; 32], &[4, 4, 9, 9, 9, 2, 2, 2], 1);
        finite(loss, &[0.5; 32], &[4, 4, 9, 9, 9, 2, 2, 2], 1);
        finite(loss, &[0.5, 0.5, 0.1, 0.2], &[1], 1);
    }
    for loss in of_views() {
        finite(&loss, &[0.0; 32], &[0, 1, 2, 3, 0, 1, 2, 3], 2);
        finite(&loss, &[0.5; 32], &[0, 1, 2, 3, 0, 1, 2, 3], 2);
        finite(&loss, &noise(2), &[1, 1], 2);
    }
    // One example has no other to be told apart from.
    for name in ["simclr", "barlow", "vicreg"] {
        assert_eq!(step(&json!(name), &noise(2), &[1, 1], 2), (0.0, vec![0.0; 8]), "{name}");
    }
    // A batch without a second view holds nothing to learn from.
    for name in VIEWS {
        assert_eq!(step(&json!(name), &noise(4), &[1; 4], 1), (0.0, vec![0.0; 16]), "{name}");
    }
}

#[test]
fn rows_that_are_no_numbers_end_no_program() {
    let mut rows = noise(8);
    (rows[5], rows[17]) = (f32::NAN, f32::INFINITY);
    let losses = of_labels().into_iter().chain(REGULARISERS.map(|name| json!(name))).map(|loss| (loss, 1));
    for (loss, views) in losses.chain(of_views().into_iter().map(|loss| (loss, 2))) {
        let labels = [0, 1, 2, 3, 0, 1, 2, 3];
        let _ = step(&loss, &rows, &labels, views);
    }
}

#[test]
fn a_sum_adds_its_terms_and_tells_each() {
    let loss: LossSpec = param::from_json(&json!({ "matryoshka": { "sizes": [2], "loss": { "sum": { "terms": [
        { "loss": "triplet" }, { "weight": 0.5, "loss": { "sum": { "terms": [{ "loss": "circle" }, { "weight": 2, "loss": "lp" }] } } }
    ] } } } }))
    .unwrap();
    let seed = Seed::of_stage(1, "train", None);
    let parameters = Parameters::of_loss(&loss, Target { dim: 4, classes: 3 }, seed, &Device::flex());
    let mut pass = TrainPass::new(seed, 0);
    let mut cx = Cx::of_loss(&parameters, Numerics::Fast, Mode::Train(&mut pass), loss.name());
    let rows = Tensor::<2>::from_data(TensorData::new(noise(8), [8, 4]), &Device::flex());
    let value = loss.as_dyn().forward(&Embedded::new(rows, &[4, 4, 9, 9, 9, 2, 2, 2], &[2, 4, 9]), &mut cx);
    let told: Vec<(String, f32)> =
        pass.logged.into_iter().map(|(name, value)| (name, value.into_scalar::<f32>())).collect();
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    let of = |size: usize| {
        ["terms.0.triplet", "terms.1.sum.terms.0.circle", "terms.1.sum.terms.1.lp", "terms.1.sum"]
            .map(|term| format!("loss.matryoshka.{size}.sum.{term}"))
    };
    assert_eq!(names, [of(2), of(4)].concat());
    let [a, b] = [0, 4].map(|at| told[at].1 + 0.5 * (told[at + 1].1 + 2.0 * told[at + 2].1));
    assert!((value.into_scalar::<f32>() - a - b).abs() < 1e-4);
    assert!((told[3].1 - told[1].1 - 2.0 * told[2].1).abs() < 1e-5);
}

#[test]
fn the_index_follows_the_first_term_that_learns() {
    let distance = |terms: Json| {
        let loss: LossSpec = param::from_json(&json!({ "sum": { "terms": terms } })).unwrap();
        loss.distance()
    };
    let squared = json!({ "loss": "soft-nearest-neighbor" });
    assert_eq!(distance(json!([{ "loss": "lp" }, squared, { "loss": "triplet" }])), Distance::SquaredEuclidean);
    assert_eq!(distance(json!([{ "loss": "triplet" }, squared])), Distance::Cosine);
}

#[test]
fn what_a_loss_cannot_be_is_refused_at_its_own_place() {
    let issues = |json: Json, views: usize| {
        let loss: LossSpec = param::from_json(&json).unwrap();
        loss.problems(&Known { dim: Some(8), rows: Some(12), views })
    };
    for name in PAIRS {
        assert_eq!(issues(json!(name), 1), [], "{name}");
        assert_eq!(issues(json!(name), 2), [], "views are more examples of a label");
    }
    for name in VIEWS {
        assert_eq!(issues(json!(name), 2), [], "{name}");
        for views in [1, 3] {
            let found = issues(json!({ "matryoshka": { "loss": name } }), views);
            assert_eq!((found.len(), found[0].path.as_str()), (1, "loss"), "{name}");
            assert!(found[0].help.as_ref().unwrap().contains("views = 2"), "{found:?}");
        }
    }
    for name in REGULARISERS {
        let found = issues(json!(name), 1);
        assert_eq!((found.len(), found[0].path.as_str()), (1, "loss"), "{name}");
        assert!(found[0].message.contains("is a regulariser"), "{found:?}");
    }
    let deep = json!({ "sum": { "terms": [
        { "loss": "triplet" },
        { "loss": { "sum": { "terms": [{ "loss": "lp" }, { "loss": "zero-mean" }] } } },
        { "loss": { "matryoshka": { "sizes": [4, 9] } } },
        { "loss": { "cross-batch-memory": { "loss": "proxy-anchor" } } },
    ] } });
    let found: Vec<String> = issues(deep, 1).into_iter().map(|issue| issue.path).collect();
    let at = "loss.sum.terms";
    let expected = ["[1].loss.sum.terms", "[2].loss.matryoshka.sizes[1]", "[3].loss.cross-batch-memory.loss"];
    assert_eq!(found, expected.map(|path| format!("{at}{path}")));
}

mod training {
    //! Tiny trainings of every loss.

    use super::*;
    use crate::fit::{Batch, Batches, FitEvent, FitSettings, fit};
    use crate::{FitState, LayerSpec, Network};

    struct Noise {
        views: usize,
    }

    impl Batches for Noise {
        fn training(&self, epoch: u64, step: u64) -> Batch {
            use rand::Rng;
            let mut rng = Seed::of_stage(7, "noise", None).rng("batch", &[epoch, step]);
            let mut batch = Batch { views: self.views, ..Batch::default() };
            for at in (0..self.views).flat_map(|_| 0..6_u8) {
                let bright = |pixel: usize| if pixel / 6 == usize::from(at / 2) { 50 } else { 0 };
                batch.pixels.extend((0..16).map(|pixel| (rng.next_u32() % 200) as u8 + bright(pixel)));
                batch.labels.push(i32::from(at / 2));
            }
            batch
        }

        fn validation(&self, step: u64) -> Option<Batch> {
            Some(self.training(1000, step))
        }
    }

    /// Three epochs of four steps, with a checkpoint after every step.
    fn train(loss: &Json, views: usize, from: Option<FitState>) -> (FitState, Vec<FitState>) {
        let layers: Vec<LayerSpec> =
            param::from_json(&json!(["rescale", "flatten", { "metric-embedding": { "size": 8 } }])).unwrap();
        let seed = Seed::of_stage(1, "train", None);
        let mut network = Network::build(&layers, [4, 4, 1], seed, &Device::flex()).unwrap();
        let optimizer = param::from_json(&json!({ "adam": { "learning-rate": 0.02 } })).unwrap();
        let loss: LossSpec = param::from_json(loss).unwrap();
        let metrics = param::from_json::<Vec<TrainingMetric>>(&json!(["mean-positive", "min-negative"])).unwrap();
        let settings = FitSettings {
            epochs: 3,
            steps_per_epoch: 4,
            validation_steps: 1,
            schedule_epochs: 3,
            metrics: &metrics,
            classes: &[0, 1, 2],
            checkpoint_every: 1,
            ..FitSettings::new(&optimizer, &crate::Schedule::Constant(crate::schedule::Constant {}), &loss, seed)
        };
        let from = from.unwrap_or_else(|| FitState::start(&network, &settings));
        let mut checkpoints = Vec::new();
        let mut on_event = |event| {
            if let FitEvent::Checkpoint(state) = event {
                checkpoints.push(FitState::from_bytes(&state.to_bytes()).unwrap());
            }
        };
        let end = fit(&mut network, from, &settings, &Noise { views }, &mut on_event, &|| false).unwrap();
        (end, checkpoints)
    }

    #[test]
    fn every_loss_goes_on_from_any_checkpoint_with_the_same_bits() {
        let losses = of_labels().into_iter().map(|loss| (loss, 1)).chain(of_views().into_iter().map(|loss| (loss, 2)));
        for (loss, views) in losses {
            let (end, checkpoints) = train(&loss, views, None);
            assert_eq!(end.losses.len(), 12);
            assert!(end.losses.iter().all(|loss| loss.is_finite()) && checkpoints.len() >= 12, "{loss}");
            for checkpoint in checkpoints {
                let step = checkpoint.steps();
                assert!(
                    train(&loss, views, Some(checkpoint)).0.to_bytes() == end.to_bytes(),
                    "{loss} from step {step}"
                );
            }
        }
    }

    #[test]
    fn a_memory_changes_training_from_the_step_after_its_first_rows_on() {
        let plain = train(&json!("circle"), 1, None).0;
        let memory =
            |warmup: usize| json!({ "cross-batch-memory": { "loss": "circle", "size": 64, "warmup-steps": warmup } });
        let (kept, _) = train(&memory(5), 1, None);
        // Steps 0 to 4 keep nothing, step 5 keeps the first rows, step 6 is compared with them.
        assert_eq!(kept.losses[..6], plain.losses[..6]);
        assert_ne!(kept.losses[6], plain.losses[6]);
        let held = |name: &str| &kept.weights.0[&format!("loss.cross-batch-memory.{name}")];
        assert_eq!(held("filled").1, [42.0]);
        assert_eq!(held("embeddings").0, [64, 8]);
        assert!(held("embeddings").1[42 * 8..].iter().all(|value| *value == 0.0));
        // It has no moments: it is not trained.
        assert!(kept.moments.0.keys().all(|name| !name.contains("cross-batch-memory")));
    }

    #[test]
    fn two_views_are_compared_with_each_other_and_can_be_learnt() {
        for name in VIEWS {
            let (end, _) = train(&json!(name), 2, None);
            let (first, last) = (end.epoch_losses(4)[0], end.epoch_losses(4)[2]);
            assert!(last < first, "{name}: {first} {last}");
        }
        let (end, _) = train(&json!("simsiam"), 2, None);
        assert_eq!(end.weights.0["loss.simsiam.hidden.weight"].0, [8, 2]);
        assert!(end.moments.0.contains_key("m.loss.simsiam.output.bias"));
        assert_ne!(end.weights.0["loss.simsiam.norm.moving_mean"].1, [0.0; 2]);
    }
}
