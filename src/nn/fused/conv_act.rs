//! A convolution of few products and the activation behind it as one operation, whose map in between is not kept.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensor::{
    Keep, Operands, Tracked, buffer, contiguous, convolutions, floats, from_scratch, from_vec, operands,
};
use crate::profile::Label;
use simpipe_kernel::{Act, ConvActGrads, ConvShape, Scratch, conv2d_act_backward, conv2d_act_forward, recomputes};

/// `act(conv(x, weight) + bias)` in the autodiff graph on flex, where computing the map once more on the way back takes less
/// than keeping it; else `None`.
///
/// # Shapes
/// `x`: `[n, h, w, c_in]`, `weight`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`; gives `[n, h', w', c_out]`.
pub(crate) fn conv2d_act(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: &Tensor<1>,
    shape: ConvShape,
    act: Act,
) -> Option<Tensor<4>> {
    if !recomputes(&shape) {
        return None;
    }
    let Operands::Tracked([x, weight, bias]) = operands([x, weight, bias])? else { return None };
    let [(x, x_node), (weight, weight_node), (bias, bias_node)] = [x, weight, bias].map(Tracked::into_parts);
    let [x, weight, bias] = [x, weight, bias].map(contiguous);
    let mut y = Scratch::take(shape.y_len());
    let (at, work) = (Label::here(), convolutions(&shape, 1, shape.x_len() + shape.y_len()));
    at.measure("convolution and activation", work, || {
        conv2d_act_forward(&shape, floats(&x), floats(&weight), floats(&bias), act, &mut y);
    });
    let [height, width] = shape.out();
    let y = from_scratch(y, [shape.n, height, width, shape.c_out]);
    let operation = ConvActBackward { shape, act, at };
    let y = match operation.prepare::<Keep>([x_node, weight_node, bias_node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, weight, bias), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

#[derive(Debug)]
struct ConvActBackward {
    shape: ConvShape,
    act: Act,
    at: Label,
}

impl Backward<Flex, 3> for ConvActBackward {
    /// Input, weight and bias.
    type State = (FlexTensor, FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let ((x, weight, bias), shape) = (ops.state, &self.shape);
        let [x_node, weight_node, bias_node] = ops.parents;
        // What is frozen, and the images themselves, need no gradient.
        let mut dx = x_node.as_ref().map(|_| Scratch::take(shape.x_len()));
        let mut dw = weight_node.as_ref().map(|_| buffer(shape.w_len()));
        let mut db = bias_node.as_ref().map(|_| buffer(shape.c_out));
        let into = ConvActGrads { dx: dx.as_deref_mut(), dw: dw.as_deref_mut(), db: db.as_deref_mut() };
        let times = 1 + usize::from(x_node.is_some()) + usize::from(weight_node.is_some());
        let work = convolutions(shape, times, shape.x_len() + shape.y_len());
        self.at.measure("convolution and activation, back", work, || {
            conv2d_act_backward(shape, floats(&x), floats(&weight), floats(&bias), self.act, floats(&dy), into);
        });
        if let (Some(node), Some(dx)) = (x_node, dx) {
            grads.register::<Flex>(node.id, from_scratch(dx, x.shape()));
        }
        if let (Some(node), Some(dw)) = (weight_node, dw) {
            grads.register::<Flex>(node.id, from_vec(dw, weight.shape()));
        }
        if let (Some(node), Some(db)) = (bias_node, db) {
            grads.register::<Flex>(node.id, from_vec(db, bias.shape()));
        }
    }
}
