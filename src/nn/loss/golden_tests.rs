//! What holds for every loss. Their values are held against reference libraries in [`reference`](crate::reference).

use burn::tensor::{Device, Tensor};
use serde_json::json;

use super::*;
use crate::layer::{Cx, Mode};
use crate::ops::Numerics;
use crate::parameters::Parameters;
use simpipe_base::param;
use simpipe_base::seed::Seed;

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
pub(crate) fn alone() -> Vec<(&'static str, LossSpec)> {
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
        assert!(one.is_finite() && one != 0.0 && (one - other).abs() <= 1e-5 * one.abs(), "{name}: {one} {other}");
        // One class alone, and rows of no length: a number all the same.
        assert!(loss_of(&loss, rows, &[3; 4], &[3]).is_finite(), "{name}");
        assert!(loss_of(&loss, [[0.0; 2]; 4], &[3, 3, 5, 5], &[3, 5]).is_finite(), "{name}");
    }
}
