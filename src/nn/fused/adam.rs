//! Adam's update in one pass over memory.

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData};

use simpipe_kernel::{AdamStep, adam_update};

/// Whether a tensor lives on flex, outside the autodiff graph.
pub(crate) fn is_on_flex(tensor: &Tensor<1>) -> bool {
    tensor.clone().try_into_primitive::<Flex>().is_ok()
}

/// The new value and the new moments of `[value, gradient, first moment, second moment]`, all `[size]` and
/// [on flex](is_on_flex).
pub(crate) fn adam(rule: &AdamStep, operands: [Tensor<1>; 4]) -> (Tensor<1>, [Tensor<1>; 2]) {
    let device = operands[0].device();
    // No copy where nobody else holds the buffer.
    let [mut value, gradient, mut first, mut second] =
        operands.map(|operand| operand.into_data().try_into_vec::<f32>().expect("tensors are f32"));
    adam_update(rule, &mut value, &gradient, &mut first, &mut second);
    let tensor = |values: Vec<f32>| {
        let size = values.len();
        Tensor::from_data(TensorData::new(values, [size]), &device)
    };
    (tensor(value), [tensor(first), tensor(second)])
}
