//! Every layer and every loss on another device: value and gradients are those of the CPU.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device, Tensor};
use serde_json::Value as Json;

use super::device::to_device;
use super::every_layer_tests::{all, alone, forward, random, seed};
use super::loss::property_tests;
use super::*;

/// A tensor by its name.
type Named = (String, Vec<f32>);
/// What something gives: its value, and its gradient by each thing.
type Given = Vec<Named>;

/// The most that a tensor may differ, relative to its largest number.
const TOLERANCE: f64 = 1e-3;

/// What does not run on Vulkan, and why; `check` refuses each at its line. There may be three.
const NOT_ON_VULKAN: &[(&str, &str)] = &[];

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().convert::<f32>().try_into_vec().unwrap()
}

/// A layer's training pass and its gradients along a direction.
fn layer(layer: &Json, device: &Device) -> Given {
    let drawn = alone(layer);
    let mut network = Network::build(drawn.specs(), drawn.input(), seed(), device).unwrap();
    network.set_weights(&drawn.to_weights()).unwrap();
    let [height, width, channels] = network.input().sides();
    let mut rng = seed().rng("input", &[]);
    let x = random([4, height, width, channels], 3.0, &mut rng);
    let towards = random([4, network.dim()], 1.0, &mut rng);
    let device = device.clone().autodiff();
    let parameters = network.parameters().to_trainable();
    let image = Tensor::<4>::from_data(x, &device).require_grad();
    let y = forward(&network, &parameters, image.clone());
    let mut given = vec![("value".to_owned(), values(y.clone()))];
    let mut gradients = ops::sum(y * Tensor::from_data(towards, &device)).backward();
    given.push(("by the input".to_owned(), values(image.grad(&gradients).unwrap())));
    let of_weights = parameters.gradients(&mut gradients).into_iter();
    given.extend(of_weights.map(|(path, gradient)| (format!("by {path}"), values(gradient))));
    given
}

/// A loss's value and its gradients.
fn loss(loss: &LossSpec, device: &Device) -> Given {
    let rows = property_tests::rows();
    let judged = property_tests::judged_on(loss, &rows, &property_tests::LABELS, device);
    let mut given = vec![("value".to_owned(), vec![judged.value]), ("by the rows".to_owned(), judged.gradient)];
    given.extend(judged.weights.into_iter().map(|(path, gradient)| (format!("by {path}"), gradient)));
    given
}

/// The largest difference relative to a tensor's largest number, and of which tensor. A gradient that is as good as nothing
/// beside the others is held against those.
fn off(found: &[Named], expected: &[Named]) -> (f64, String) {
    let most = |values: &[f32]| values.iter().fold(0.0_f64, |most, value| most.max(f64::from(value.abs())));
    assert_eq!(found.len(), expected.len());
    let largest = expected[1..].iter().map(|(_, values)| most(values)).fold(0.0, f64::max);
    let of = |((name, found), (_, expected)): (&Named, &Named)| {
        assert_eq!(found.len(), expected.len(), "{name}");
        let apart = |(a, b): (&f32, &f32)| if a == b { 0.0 } else { (f64::from(*a) - f64::from(*b)).abs() };
        let apart = found.iter().zip(expected).map(apart);
        let apart = apart.fold(0.0, |most: f64, one| if one.is_nan() { f64::INFINITY } else { most.max(one) });
        let floor = if name == "value" { 1e-6 } else { (1e-3 * largest).max(1e-6) };
        (apart / most(expected).max(floor), name.clone())
    };
    found
        .iter()
        .zip(expected)
        .map(of)
        .fold((0.0, String::new()), |one, other| if other.0 > one.0 { other } else { one })
}

/// Holds everything on a device against the CPU, prints a table and gives what differs or does not run.
#[expect(clippy::print_stdout, reason = "the table is read by a person")]
fn compare(device: &Device) -> (Vec<String>, Vec<String>) {
    let (mut differing, mut failing) = (Vec::new(), Vec::new());
    let mut judge = |what: String, expected: Given, found: std::thread::Result<Given>| match found
        .map(|found| off(&found, &expected))
    {
        Ok((error, tensor)) => {
            println!("{error:9.1e}  {what}  ({tensor})");
            if error >= TOLERANCE {
                differing.push(format!("{what}: {error:.1e} {tensor}"));
            }
        }
        Err(_) => {
            println!("    fails  {what}");
            failing.push(what);
        }
    };
    for spec in all() {
        let found = catch_unwind(AssertUnwindSafe(|| layer(&spec, device)));
        judge(spec.to_string(), layer(&spec, &Device::flex()), found);
    }
    for spec in property_tests::every_loss() {
        let found = catch_unwind(AssertUnwindSafe(|| loss(&spec, device)));
        judge(spec.name().to_owned(), loss(&spec, &Device::flex()), found);
    }
    (differing, failing)
}

#[test]
fn layers_and_losses_on_the_plain_reference_backend_are_those_of_the_cpu() {
    let Ok(device) = to_device("ndarray") else { return };
    let none = (Vec::<String>::new(), Vec::<String>::new());
    assert_eq!(compare(&device), none);
}

#[test]
#[ignore = "wants a Vulkan driver, and is slow on one without a GPU: .ci/nightly vulkan"]
fn layers_and_losses_on_vulkan_are_those_of_the_cpu() {
    let device = to_device("vulkan").unwrap_or_else(|error| panic!("{error}: {}", error.help));
    let (differing, failing) = compare(&device);
    assert_eq!(differing, [""; 0], "differ by {TOLERANCE} or more");
    let known: Vec<&str> = NOT_ON_VULKAN.iter().map(|known| known.0).collect();
    assert!(known.len() <= 3 && failing == known, "do not run: {failing:?}");
}
