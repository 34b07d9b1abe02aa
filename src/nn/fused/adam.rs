//! Adam's update in one pass over memory.

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};

use crate::nn::kernel::{AdamStep, adam_update};

/// The new value and the new moments; the operands `[value, gradient, first moment, second moment]` are given back off
/// flex. All are `[size]`, outside the autodiff graph.
pub(in crate::nn) fn adam(
    rule: &AdamStep,
    operands: [Tensor<1>; 4],
) -> Result<(Tensor<1>, [Tensor<1>; 2]), [Tensor<1>; 4]> {
    if operands.iter().any(|operand| operand.clone().try_into_primitive::<Flex>().is_err()) {
        return Err(operands);
    }
    let device = operands[0].device();
    // No copy where nobody else holds the buffer.
    let [mut value, gradient, mut first, mut second] =
        operands.map(|operand| operand.into_data().try_into_vec::<f32>().expect("tensors are f32"));
    adam_update(rule, &mut value, &gradient, &mut first, &mut second);
    let tensor = |values: Vec<f32>| {
        let size = values.len();
        Tensor::from_data(TensorData::new(values, [size]), &device)
    };
    Ok((tensor(value), [tensor(first), tensor(second)]))
}
