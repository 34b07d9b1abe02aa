//! Losses of labels against TensorFlow Similarity's golden vectors.

use burn::tensor::{Device, Tensor};
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::golden::{self, Case, Golden, assert_close, close};
use simpipe_base::param::{self, Param};

/// What was seen of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Off {
    pub(crate) cases: usize,
    /// Cases with rows that differ on purpose: their gradients and means are not compared.
    pub(crate) differing: usize,
    /// Those rows: without a positive or without a negative, 0 here and not there.
    pub(crate) rows: usize,
}

/// Parameters as a spec has them; `null` is a parameter that is left out.
pub(crate) fn params<T: Param>(case: &Json) -> T {
    let name = |name: &str| param::kebab(name.trim_end_matches("_strategy").trim_end_matches('_'));
    let kept = case.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    let params: Map<String, Json> = kept.map(|(key, value)| (name(key), value.clone())).collect();
    param::from_json(&Json::Object(params)).unwrap()
}

pub(crate) fn labels(json: &Json) -> Vec<i32> {
    serde_json::from_value(json.clone()).unwrap()
}

pub(crate) fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_into_vec::<f32>().unwrap()
}

/// Compares the loss of each row, the mean and its gradient with a file.
pub(crate) fn per_example<T: Param>(file: &str, loss: impl Fn(&T, &Embedded<'_>) -> Tensor<1>) -> Off {
    let golden = Golden::read(file);
    let mut off = Off { cases: 0, differing: 0, rows: 0 };
    for (at, case) in golden.cases.iter().enumerate() {
        let rows = rows_off(case, golden.tolerance, &loss, &format!("case {at} ({})", case.input["kind"]));
        off.cases += 1;
        off.differing += usize::from(rows > 0);
        off.rows += rows;
    }
    off
}

/// How many rows of a case differ on purpose.
fn rows_off<T: Param>(
    case: &Case,
    tolerance: f64,
    loss: &impl Fn(&T, &Embedded<'_>) -> Tensor<1>,
    what: &str,
) -> usize {
    let labels = labels(&case.input["labels"]);
    let embeddings = golden::matrix(&case.input["embeddings"], &Device::flex().autodiff()).require_grad();
    let found = loss(&params(&case.params), &Embedded::new(embeddings.clone(), &labels, &[]));
    let count = |row: usize, same: bool| {
        (0..labels.len()).filter(|&at| at != row && (labels[at] == labels[row]) == same).count()
    };
    let mut off = 0;
    let expected = golden::numbers(&case.expected["per_example"]);
    for (row, (&found, expected)) in values(found.clone()).iter().zip(&expected).enumerate() {
        let same = close(f64::from(found), *expected, tolerance);
        let complete = count(row, true) > 0 && count(row, false) > 0;
        assert!(same || (!complete && found == 0.0), "{what}, row {row}: {found} {expected}");
        off += usize::from(!same);
    }
    let mean = found.mean();
    let gradient = embeddings.grad(&mean.clone().backward()).unwrap();
    if off == 0 {
        assert_close(&values(mean), &json!([case.expected["mean"]]), tolerance, what);
        assert_close(&values(gradient), &case.expected["gradient_of_mean"], tolerance, what);
    } else {
        assert!(values(gradient).iter().all(|value| value.is_finite()), "{what}");
    }
    off
}
