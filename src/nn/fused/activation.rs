//! Activations in one pass there and one back.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensor::{Keep, Operands, contiguous, floats, from_scratch, operands, pass};
use crate::profile::Label;
use simpipe_kernel::{Act, Scratch, activate, activate_backward};

/// The activation of every value, in the autodiff graph on flex; elsewhere `None`: what is computed without gradients
/// keeps the digits that it has always had.
pub(crate) fn activation<const D: usize>(x: &Tensor<D>, act: Act) -> Option<Tensor<D>> {
    let Operands::Tracked([x]) = operands([x])? else { return None };
    let (x, node) = x.into_parts();
    let x = contiguous(x);
    let mut y = Scratch::take(floats(&x).len());
    let at = Label::here();
    at.measure("activation", pass(2 * floats(&x).len()), || activate(act, floats(&x), &mut y));
    let y = from_scratch(y, x.shape());
    let y = match (ActBackward { act, at }).prepare::<Keep>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(x, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

#[derive(Debug)]
struct ActBackward {
    act: Act,
    at: Label,
}

impl Backward<Flex, 1> for ActBackward {
    /// The input.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let [parent] = ops.parents;
        let Some(node) = parent else { return };
        let x = ops.state;
        let mut dx = Scratch::take(floats(&x).len());
        self.at.measure("activation, back", pass(3 * floats(&x).len()), || {
            activate_backward(self.act, floats(&x), floats(&dy), &mut dx);
        });
        grads.register::<Flex>(node.id, from_scratch(dx, x.shape()));
    }
}
