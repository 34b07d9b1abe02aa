//! Losses with learned weights against reference libraries, from a spec as a user writes it.

use burn::tensor::{Device, Tensor};
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::base::param;
use crate::base::seed::Seed;
use crate::nn::golden::{self, Golden, assert_close};
use crate::nn::layer::{Cx, Mode, TrainPass};
use crate::nn::ops::Numerics;
use crate::nn::parameters::Parameters;

/// Holds the loss `ours` against the cases of `theirs` in pytorch-metric-learning: `names` are the parameters of the same
/// name, `weight` is what it learns.
pub(in crate::nn) fn proxy_loss(theirs: &str, ours: &str, names: &[&str], weight: &str) {
    let golden = Golden::read(golden::file!("pml_proxy_losses"));
    let device = Device::flex().autodiff();
    let cases: Vec<_> = golden.cases.iter().filter(|case| case.params["loss"] == theirs).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let params: Map<String, Json> =
            names.iter().map(|name| (param::kebab(name), case.params[*name].clone())).collect();
        let loss: LossSpec = param::from_json(&json!({ ours: params })).unwrap();
        let labels: Vec<i32> = serde_json::from_value(case.input["labels"].clone()).unwrap();
        let mut classes = labels.clone();
        classes.sort_unstable();
        classes.dedup();
        let embeddings = golden::matrix(&case.input["embeddings"], &device).require_grad();
        let target = Target { dim: embeddings.dims()[1], classes: classes.len() };
        let seed = Seed::of_stage(1, "train", None);
        let mut parameters = Parameters::of_loss(&loss, target, seed, &Device::flex());
        let (_, theirs) = case.input["weights"].as_object().unwrap().iter().next().unwrap();
        let path = format!("loss.{ours}.{weight}");
        let mut weights = parameters.to_weights();
        weights.0.get_mut(&path).unwrap().1 = golden::floats(theirs);
        parameters.set(&weights).unwrap();
        let mut parameters = parameters.to_trainable();
        let mut pass = TrainPass::new(seed, 0);
        let batch = Embedded::new(embeddings.clone(), &labels, &classes);
        let mut cx = Cx::of_loss(&parameters, Numerics::Fast, Mode::Train(&mut pass), loss.name());
        let value = loss.as_dyn().forward(&batch, &mut cx);
        let values = |x: Tensor<1>| x.into_data().try_into_vec::<f32>().unwrap();
        assert_close(&values(value.clone()), &json!([case.expected["value"]]), golden.tolerance, "value");
        let mut gradients = value.backward();
        let gradient = embeddings.grad(&gradients).unwrap().flatten(0, 1);
        assert_close(&values(gradient), &case.expected["gradient"], golden.tolerance, "gradient");
        let (_, expected) = case.expected["weight_gradients"].as_object().unwrap().iter().next().unwrap();
        let mut seen = 0;
        parameters.update(&mut gradients, |parameter, value, gradient| {
            assert_eq!(parameter.path, path);
            assert_close(&values(gradient), expected, golden.tolerance, "gradient of the weights");
            seen += 1;
            value
        });
        assert_eq!(seen, 1);
    }
}

/// The loss of rows, with fresh weights.
fn loss_of(loss: &LossSpec, rows: [[f32; 2]; 4], labels: &[i32], classes: &[i32]) -> f32 {
    let device = Device::flex();
    let seed = Seed::of_stage(1, "train", None);
    let parameters = Parameters::of_loss(loss, Target { dim: 2, classes: classes.len() }, seed, &device);
    let batch = Embedded::new(Tensor::from_data(rows, &device), labels, classes);
    let mut cx = Cx::of_loss(&parameters, Numerics::Fast, Mode::Eval, loss.name());
    loss.as_dyn().forward(&batch, &mut cx).into_scalar::<f32>()
}

/// The losses that a bare name makes, that learn something by themselves and need no second view.
pub(in crate::nn) fn alone() -> Vec<(&'static str, LossSpec)> {
    let made = |name: &&'static str| Some((*name, param::from_json::<LossSpec>(&json!(name)).ok()?));
    let alone = |(_, loss): &(&str, LossSpec)| loss.as_dyn().is_objective() && !loss.needs().two_views;
    LossSpec::NAMES.iter().filter_map(made).filter(alone).collect()
}

#[test]
fn every_loss_is_of_the_batch_and_not_of_its_order() {
    for (name, loss) in alone() {
        let rows = [[0.6, 0.8], [1.0, 0.0], [0.0, -1.0], [-0.8, 0.6]];
        let one = loss_of(&loss, rows, &[3, 3, 5, 5], &[3, 5]);
        let other = loss_of(&loss, [rows[2], rows[0], rows[3], rows[1]], &[5, 3, 5, 3], &[3, 5]);
        assert!(one.is_finite() && one > 0.0 && (one - other).abs() <= 1e-5 * one.abs(), "{name}: {one} {other}");
        // One class alone, and rows of no length: a number all the same.
        assert!(loss_of(&loss, rows, &[3; 4], &[3]).is_finite(), "{name}");
        assert!(loss_of(&loss, [[0.0; 2]; 4], &[3, 3, 5, 5], &[3, 5]).is_finite(), "{name}");
    }
}
