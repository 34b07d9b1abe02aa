//! What holds of every loss, by its name alone: of a new one, too.

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::json;

use super::*;
use crate::layer::{Cx, Mode, TrainPass};
use crate::ops::Numerics;
use crate::parameters::Parameters;
use simpipe_base::param;
use simpipe_base::seed::Seed;

const DIM: usize = 5;
/// Six examples of three classes, in two views: all of the first view, then all of the second.
pub(crate) const LABELS: [i32; 12] = [3, 3, 5, 5, 8, 8, 3, 3, 5, 5, 8, 8];
const CLASSES: [i32; 3] = [3, 5, 8];

/// Every loss: by its name alone but for those that need a parameter.
pub(crate) fn every_loss() -> Vec<LossSpec> {
    let spec = |name: &&str| match *name {
        "sum" => json!({ "sum": { "terms": [{ "loss": "contrastive" }, { "weight": 0.5, "loss": "cos-face" }] } }),
        name => json!(name),
    };
    LossSpec::NAMES
        .iter()
        .map(|name| param::from_json(&spec(name)).unwrap_or_else(|_| panic!("`{name}` needs an example")))
        .collect()
}

/// Rows without a pattern, of lengths between a half and two.
pub(crate) fn rows() -> Vec<f32> {
    let mut rng = Seed::of_stage(9, "rows", None).rng("rows", &[]);
    let mut rows: Vec<f32> = Vec::new();
    for _ in 0..LABELS.len() {
        let row: Vec<f64> = (0..DIM).map(|_| 2.0 * crate::layer::unit(&mut rng) - 1.0).collect();
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt() / (0.5 + 1.5 * crate::layer::unit(&mut rng));
        rows.extend(row.iter().map(|x| (x / length) as f32));
    }
    rows
}

/// What a loss gives for rows.
pub(crate) struct Judged {
    pub(crate) value: f32,
    /// By the rows.
    pub(crate) gradient: Vec<f32>,
    /// By its weights, by path.
    pub(crate) weights: Vec<(String, Vec<f32>)>,
}

/// The loss of rows with fresh weights, and its gradient.
fn judged(loss: &LossSpec, rows: &[f32], labels: &[i32]) -> (f32, Vec<f32>) {
    let judged = judged_on(loss, rows, labels, &Device::flex());
    (judged.value, judged.gradient)
}

/// The same on a device, with the gradients of its weights.
pub(crate) fn judged_on(loss: &LossSpec, rows: &[f32], labels: &[i32], device: &Device) -> Judged {
    let seed = Seed::of_stage(1, "train", None);
    let target = Target { dim: DIM, classes: CLASSES.len() };
    let parameters = Parameters::of_loss(loss, target, seed, device).to_trainable();
    let data = TensorData::new(rows.to_vec(), [labels.len(), DIM]);
    let embeddings = Tensor::<2>::from_data(data, &device.clone().autodiff()).require_grad();
    let views = if loss.needs().two_views { 2 } else { 1 };
    let batch = Embedded::new(embeddings.clone(), labels, &CLASSES).of_views(views);
    let mut pass = TrainPass::new(seed, 0);
    let mut cx = Cx::of_loss(&parameters, Numerics::Fast, Mode::Train(&mut pass), loss.name());
    let value = loss.as_dyn().forward(&batch, &mut cx);
    let numbers = |x: Tensor<1>| x.into_data().convert::<f32>().try_into_vec::<f32>().unwrap();
    let mut gradients = value.backward();
    let gradient = embeddings.grad(&gradients).map(|x| numbers(x.flatten(0, 1)));
    let weights = parameters.gradients(&mut gradients).into_iter().map(|(path, x)| (path, numbers(x))).collect();
    Judged { value: numbers(value)[0], gradient: gradient.unwrap_or_else(|| vec![0.0; rows.len()]), weights }
}

/// The examples in another order, in both views.
fn reordered(rows: &[f32], order: [usize; 6]) -> (Vec<f32>, Vec<i32>) {
    let at: Vec<usize> = order.into_iter().chain(order.map(|example| example + 6)).collect();
    let rows = at.iter().flat_map(|row| rows[row * DIM..][..DIM].to_vec()).collect();
    (rows, at.iter().map(|row| LABELS[*row]).collect())
}

fn close(one: f32, other: f32, tolerance: f32) -> bool {
    (one - other).abs() <= tolerance * (1.0 + one.abs())
}

#[test]
fn every_loss_is_of_the_batch_and_not_of_the_order_of_its_examples() {
    let (rows, losses) = (rows(), every_loss());
    assert!(losses.len() > 20);
    for loss in losses {
        let (name, (value, _)) = (loss.name(), judged(&loss, &rows, &LABELS));
        // The first keeps the order within each class: N-pairs takes the first pair of each.
        let orders = [[4, 0, 2, 5, 1, 3], [1, 0, 3, 2, 5, 4]];
        for order in orders.iter().take(if name == "n-pairs" { 1 } else { 2 }) {
            let (rows, labels) = reordered(&rows, *order);
            let (other, _) = judged(&loss, &rows, &labels);
            assert!(close(value, other, 1e-4), "{name}: {value} {other}");
        }
    }
}

/// Losses whose gradient is not the slope of their value on purpose: they take factors or targets for constants.
const STOP_GRADIENTS: &[&str] = &["circle", "circle-pairs", "simsiam", "dynamic-soft-margin"];

#[test]
fn every_gradient_is_the_slope_of_the_value() {
    const BY: f32 = 1e-3;
    let rows = rows();
    for loss in every_loss() {
        if STOP_GRADIENTS.contains(&loss.name()) {
            continue;
        }
        let (_, gradient) = judged(&loss, &rows, &LABELS);
        for number in 0..4 {
            let mut rng = Seed::of_stage(9, "rows", None).rng("direction", &[number]);
            let mut direction: Vec<f32> =
                rows.iter().map(|_| (2.0 * crate::layer::unit(&mut rng) - 1.0) as f32).collect();
            let length = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
            direction.iter_mut().for_each(|x| *x /= length);
            let moved = |by: f32| -> f32 {
                let rows: Vec<f32> = rows.iter().zip(&direction).map(|(row, by_one)| row + by * by_one).collect();
                judged(&loss, &rows, &LABELS).0
            };
            let measured = (moved(BY) - moved(-BY)) / (2.0 * BY);
            let slope: f32 = gradient.iter().zip(&direction).map(|(gradient, by)| gradient * by).sum();
            let length = gradient.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!((measured - slope).abs() <= 0.02 * length + 2e-3, "{}: {measured} {slope}", loss.name());
        }
    }
}

#[test]
fn a_loss_that_takes_directions_is_the_same_at_any_length() {
    let rows = rows();
    let scaled: Vec<f32> = rows.iter().map(|x| x * 3.0).collect();
    for loss in every_loss().iter().filter(|loss| loss.takes_directions()) {
        let ((value, gradient), (other, shorter)) = (judged(loss, &rows, &LABELS), judged(loss, &scaled, &LABELS));
        assert!(close(value, other, 1e-4), "{}: {value} {other}", loss.name());
        for (one, other) in gradient.iter().zip(shorter) {
            assert!(close(*one, 3.0 * other, 1e-2), "{}: {one} {other}", loss.name());
        }
    }
}

#[test]
fn a_loss_that_is_the_same_at_any_length_says_so() {
    let rows = rows();
    let scaled: Vec<f32> = rows.iter().map(|x| x * 3.0).collect();
    for loss in every_loss().iter().filter(|loss| !loss.takes_directions()) {
        let (value, other) = (judged(loss, &rows, &LABELS).0, judged(loss, &scaled, &LABELS).0);
        assert!(!close(value, other, 1e-4), "{}: {value} {other}", loss.name());
    }
    let sum = |terms: &[&str]| -> LossSpec {
        let terms: Vec<_> = terms.iter().map(|name| json!({ "loss": name })).collect();
        param::from_json(&json!({ "sum": { "terms": terms } })).unwrap()
    };
    for (terms, directions, lengths) in [
        (&["arc-face", "contrastive"][..], true, false),
        (&["arc-face", "lp"], true, false),
        (&["arc-face", "triplet"], false, false),
        (&["sphere-face", "sup-con"], false, true),
        (&["sphere-face", "triplet"], false, false),
    ] {
        let sum = sum(terms);
        assert_eq!((sum.takes_directions(), sum.learns_lengths()), (directions, lengths), "{terms:?}");
    }
}

#[test]
fn a_loss_that_goes_beside_another_is_missed_nowhere_else() {
    let lacks = |loss: serde_json::Value| param::from_json::<LossSpec>(&loss).unwrap().lacks_company();
    let beside = |name: &str, other: &str| json!({ "sum": { "terms": [{ "loss": name }, { "loss": other }] } });
    for name in ["intra-pair-variance", "threshold-consistent-margin"] {
        for alone in [json!(name), beside(name, "lp"), json!({ "cross-batch-memory": { "loss": name } })] {
            let issue = lacks(alone.clone()).unwrap_or_else(|| panic!("{alone}"));
            assert!(
                issue.path == "loss" && issue.message.starts_with(&format!("`{name}` complements another loss")),
                "{issue:?}"
            );
        }
        assert_eq!(lacks(beside(name, "triplet")), None);
    }
    for loss in every_loss().iter().filter(|loss| !loss.as_dyn().is_objective() || loss.as_dyn().stands_alone()) {
        assert_eq!(loss.lacks_company(), None, "{}", loss.name());
    }
}

#[test]
fn a_batch_with_nothing_to_learn_from_gives_numbers() {
    let rows = rows();
    let mut some_zero = rows.clone();
    some_zero[..2 * DIM].fill(0.0);
    let mut some_equal = rows.clone();
    some_equal.copy_within(..2 * DIM, 6 * DIM);
    for loss in every_loss() {
        for (rows, labels, what) in [
            (&rows[..], &[3; 12][..], "one class"),
            (&rows[..4 * DIM], &[3, 5, 3, 5], "two examples"),
            (&rows[..2 * DIM], &[3; 2], "one example"),
            (&rows[..4 * DIM], &[3, 3, 3, 3], "one class of four"),
            (&[0.0; 12 * DIM], &LABELS, "no length"),
            (&some_zero, &LABELS, "some of no length"),
            (&some_equal, &LABELS, "some equal"),
            (&[1.0; 12 * DIM], &LABELS, "all equal"),
        ] {
            let (value, gradient) = judged(&loss, rows, labels);
            assert!(value.is_finite(), "{}, {what}: {value}", loss.name());
            assert!(gradient.iter().all(|x| x.is_finite()), "{}, {what}: {gradient:?}", loss.name());
        }
        if !loss.needs().two_views {
            let (value, gradient) = judged(&loss, &rows[..DIM], &[3]);
            assert!(value.is_finite() && gradient.iter().all(|x| x.is_finite()), "{}: one row", loss.name());
        }
    }
}

#[test]
fn no_loss_panics_at_what_is_no_number() {
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        let mut rows = rows();
        rows[DIM + 1] = wrong;
        for loss in every_loss() {
            judged(&loss, &rows, &LABELS);
        }
    }
}
