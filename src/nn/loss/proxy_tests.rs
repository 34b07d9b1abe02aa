//! What holds for every loss with learned weights: gradients by finite differences, scale, the order of classes, and rows
//! that lie on their class's direction or nowhere.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value as Json, json};

use super::*;
use crate::layer::{Cx, Mode, Start, TrainPass};
use crate::ops::Numerics;
use crate::parameters::Parameters;
use simpipe_artifact::Weights;
use simpipe_base::param;
use simpipe_base::seed::Seed;

/// Names, with parameters that leave f32 room for finite differences, and whether lengths of rows count.
fn losses() -> Vec<(Json, bool)> {
    vec![
        (json!({ "normalized-softmax": { "temperature": 0.5, "smoothing": 0.1 } }), false),
        (json!({ "proxy-anchor": { "alpha": 4.0 } }), false),
        (json!({ "proxy-nca": { "softmax-scale": 2.0 } }), false),
        (json!({ "arc-face": { "scale": 4.0 } }), false),
        (json!({ "sub-center-arc-face": { "scale": 4.0, "sub-centers": 2 } }), false),
        (json!({ "cos-face": { "scale": 4.0 } }), false),
        (json!({ "sphere-face": { "margin": 3 } }), true),
        (json!({ "large-margin-softmax": { "margin": 2 } }), true),
        (json!({ "soft-triple": { "lambda": 4.0, "centers-per-class": 3, "gamma": 0.5 } }), false),
        (json!("p2s-grad"), false),
        (json!({ "cross-entropy": { "smoothing": 0.2, "bias": true, "scale": 0.5 } }), true),
        (json!({ "cross-entropy": { "reduction": "sum", "weight-std": 1.0 } }), true),
    ]
}

const DIM: usize = 4;
const LABELS: [i32; 6] = [3, 5, 9, 3, 5, 3];
const CLASSES: [i32; 3] = [3, 5, 9];

fn rows() -> Vec<f32> {
    let mut rng = Seed::of_stage(3, "test", None).rng("rows", &[]);
    Start::Normal { std: 1.0 }.values(LABELS.len() * DIM, &mut rng)
}

struct Step {
    value: f32,
    gradient: Vec<f32>,
    weights: BTreeMap<String, Vec<f32>>,
}

fn parameters(loss: &LossSpec, classes: usize) -> Parameters {
    Parameters::of_loss(loss, Target { dim: DIM, classes }, Seed::of_stage(1, "train", None), &Device::flex())
}

fn step(loss: &LossSpec, parameters: &Parameters, rows: &[f32], labels: &[i32], classes: &[i32]) -> Step {
    let data = TensorData::new(rows.to_vec(), [labels.len(), DIM]);
    let leaf = Tensor::<2>::from_data(data, &Device::flex().autodiff()).require_grad();
    let trained = parameters.to_trainable();
    let mut pass = TrainPass::new(Seed::of_stage(1, "train", None), 0);
    let mut cx = Cx::of_loss(&trained, Numerics::Fast, Mode::Train(&mut pass), loss.name());
    let value = loss.as_dyn().forward(&Embedded::new(leaf.clone(), labels, classes), &mut cx);
    let mut gradients = value.backward();
    let gradient = leaf.grad(&gradients).unwrap().into_data().try_into_vec().unwrap();
    let learned = trained.gradients(&mut gradients).into_iter();
    let weights = learned.map(|(path, gradient)| (path, gradient.into_data().try_into_vec().unwrap())).collect();
    Step { value: value.into_scalar(), gradient, weights }
}

/// Holds a gradient against differences of the value.
fn agrees(what: &str, at: &[f32], gradient: &[f32], value: impl Fn(&[f32]) -> f32) {
    const WIDTH: f32 = 1e-2;
    let largest = gradient.iter().fold(0.0_f32, |largest, one| largest.max(one.abs()));
    for (i, gradient) in gradient.iter().enumerate() {
        let beside = |by: f32| {
            let mut moved = at.to_vec();
            moved[i] += by;
            f64::from(value(&moved))
        };
        let difference = (beside(WIDTH) - beside(-WIDTH)) / (2.0 * f64::from(WIDTH));
        let apart = (difference - f64::from(*gradient)).abs();
        assert!(apart < 0.02 * f64::from(largest) + 1e-3, "{what}[{i}]: {gradient}, by differences {difference}");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for (spec, _) in losses() {
        let loss: LossSpec = param::from_json(&spec).unwrap();
        let (parameters, rows) = (parameters(&loss, CLASSES.len()), rows());
        let found = step(&loss, &parameters, &rows, &LABELS, &CLASSES);
        agrees(&spec.to_string(), &rows, &found.gradient, |rows| {
            step(&loss, &parameters, rows, &LABELS, &CLASSES).value
        });
        let weights = parameters.to_weights();
        assert_eq!(found.weights.len(), weights.0.len(), "{spec}: every weight has a gradient");
        for (path, gradient) in &found.weights {
            agrees(path, &weights.0[path].1, gradient, |values| {
                let mut moved: Weights = weights.clone();
                moved.0.get_mut(path).unwrap().1 = values.to_vec();
                let mut parameters = parameters.clone();
                parameters.set(&moved).unwrap();
                step(&loss, &parameters, &rows, &LABELS, &CLASSES).value
            });
        }
    }
}

#[test]
fn cosines_know_no_length_and_batches_no_order() {
    for (spec, of_length) in losses() {
        let loss: LossSpec = param::from_json(&spec).unwrap();
        let (parameters, rows) = (parameters(&loss, CLASSES.len()), rows());
        let value = |rows: &[f32], labels: &[i32]| step(&loss, &parameters, rows, labels, &CLASSES).value;
        let one = value(&rows, &LABELS);
        let longer: Vec<f32> = rows.iter().map(|value| value * 3.0).collect();
        let same = (value(&longer, &LABELS) - one).abs() < 1e-5 * one.abs();
        assert_eq!(same, !of_length, "{spec}: {one}");
        let turned: Vec<f32> = rows.chunks(DIM).rev().flatten().copied().collect();
        let labels: Vec<i32> = LABELS.iter().rev().copied().collect();
        assert!((value(&turned, &labels) - one).abs() < 1e-5 * one.abs(), "{spec}");
    }
}

#[test]
fn a_row_on_its_direction_opposite_to_it_or_nowhere_has_a_finite_gradient() {
    for (spec, _) in losses() {
        let loss: LossSpec = param::from_json(&spec).unwrap();
        for classes in [&CLASSES[..], &CLASSES[..1]] {
            let mut parameters = parameters(&loss, classes.len());
            let mut weights = parameters.to_weights();
            // Every direction is the first axis, whichever way the tensor lies.
            for (shape, values) in weights.0.values_mut().filter(|weight| weight.0.len() == 2) {
                let by_row = shape[0] != DIM;
                let columns = shape[1];
                for (at, value) in values.iter_mut().enumerate() {
                    let axis = if by_row { at % columns } else { at / columns };
                    *value = if axis == 0 { 2.0 } else { 0.0 };
                }
            }
            parameters.set(&weights).unwrap();
            for row in
                [[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0; 4], [1e-20, 0.0, 0.0, 0.0]]
            {
                let found = step(&loss, &parameters, &row, &[3], classes);
                let all = found.gradient.iter().chain(found.weights.values().flatten()).copied();
                assert!(
                    found.value.is_finite() && all.into_iter().all(f32::is_finite),
                    "{spec}, {row:?}: {}",
                    found.value
                );
            }
            let found = step(&loss, &parameters, &[f32::NAN; 4], &[3], classes);
            assert!(classes.len() == 1 || found.value.is_nan(), "{spec}: what is no number stays so, {}", found.value);
        }
    }
}

#[test]
fn margins_by_hand() {
    let cosines = |values: [f32; 4]| Tensor::<1>::from_floats(values, &Device::flex()).reshape([4, 1]);
    let read = |x: Tensor<2>| x.into_data().try_into_vec::<f32>().unwrap();
    // cos(0 + 60) = 0.5, cos(90 + 60) = -0.866; beyond 120 degrees: cos(a) - (pi / 3) sin(60).
    let found = read(arc_face::add_to_angle(cosines([1.0, 0.0, -0.6, -1.0]), 60.0));
    for (found, expected) in found.iter().zip([0.5, -0.866_025, -1.506_9, -1.906_9]) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
    // Three times the angle: 0, 90, 180 and 270 degrees in three pieces, each lower by 2 and turned round.
    let third = |degrees: f32| degrees.to_radians().cos();
    let found = read(large_margin_softmax::multiply_angle(cosines([1.0, third(30.0), third(90.0), -1.0]), 3));
    for (found, expected) in found.iter().zip([1.0, 0.0, -2.0, -5.0]) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
    // Once the angle is the cosine itself.
    assert_eq!(read(large_margin_softmax::multiply_angle(cosines([1.0, 0.5, -0.5, -1.0]), 1)), [1.0, 0.5, -0.5, -1.0]);
}

#[test]
fn smoothing_takes_from_the_own_class_what_all_get() {
    // One row on the direction of the first of two classes: logits 16 and -16 at a temperature of 1 / 16. With a tenth spread
    // over both, -(0.95 log p + 0.05 log(1 - p)) where log p is about 0 and log(1 - p) about -32: 1.6.
    let loss: LossSpec =
        param::from_json(&json!({ "normalized-softmax": { "temperature": 0.0625, "smoothing": 0.1 } })).unwrap();
    let mut parameters = parameters(&loss, 2);
    let mut weights = parameters.to_weights();
    weights.0.values_mut().for_each(|one| one.1 = vec![1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    parameters.set(&weights).unwrap();
    let found = step(&loss, &parameters, &[1.0, 0.0, 0.0, 0.0], &[3], &[3, 5]).value;
    assert!((found - 1.6).abs() < 1e-5, "{found}");
}
