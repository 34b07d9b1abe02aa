//! Reads golden vectors (`tests/fixtures/golden/*.json`) for tests: inputs with what a reference library computed.

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;
use serde_json::Value as Json;

/// One file.
#[derive(Debug, Deserialize)]
pub(crate) struct Golden {
    /// Absolute and relative.
    pub(crate) tolerance: f64,
    pub(crate) cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) input: Json,
    pub(crate) params: Json,
    pub(crate) expected: Json,
}

/// The path of a golden file.
macro_rules! file {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden/", $name, ".json")
    };
}
pub(crate) use file;

impl Golden {
    pub(crate) fn read(path: &str) -> Self {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}

/// Every number of a nested list, in order.
pub(crate) fn numbers(json: &Json) -> Vec<f64> {
    match json {
        Json::Array(items) => items.iter().flat_map(numbers).collect(),
        Json::String(text) => vec![text.parse().unwrap()],
        number => vec![number.as_f64().unwrap()],
    }
}

/// The shape of a nested list.
pub(crate) fn shape<const D: usize>(json: &Json) -> [usize; D] {
    let mut at = json;
    std::array::from_fn(|_| {
        let items = at.as_array().unwrap();
        at = &items[0];
        items.len()
    })
}

/// A nested list as a tensor.
pub(crate) fn tensor<const D: usize>(json: &Json, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(floats(json), shape::<D>(json)), device)
}

/// A list of rows as a tensor.
pub(crate) fn matrix(json: &Json, device: &Device) -> Tensor<2> {
    tensor(json, device)
}

/// Every number as `f32`.
#[expect(clippy::cast_possible_truncation, reason = "the references computed in f32")]
pub(crate) fn floats(json: &Json) -> Vec<f32> {
    numbers(json).into_iter().map(|number| number as f32).collect()
}

/// `|found - expected| <= t + t |expected|`.
pub(crate) fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance + tolerance * expected.abs()
}

/// Asserts that all numbers are [`close`].
pub(crate) fn assert_close(found: &[f32], expected: &Json, tolerance: f64, what: &str) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(close(f64::from(*found), expected, tolerance), "{what}[{at}]: {found}, expected {expected}");
    }
}
