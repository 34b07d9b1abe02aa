//! Convolution with bias and relu in one pass.

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
use simpipe_kernel::{ConvGrads, ConvShape, Scratch, conv2d_backward, conv2d_forward};

/// `relu(conv(x, weight) + bias)`, or without the relu; `None` off flex.
///
/// # Shapes
/// `x`: `[n, h, w, c_in]`, `weight`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`; gives `[n, h', w', c_out]`.
pub(crate) fn conv2d(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: &Tensor<1>,
    shape: ConvShape,
    relu: bool,
) -> Option<Tensor<4>> {
    Some(match operands([x, weight, bias])? {
        Operands::Tracked(operands) => Tensor::from_primitive::<Autodiff<Flex>>(tracked(operands, shape, relu)),
        Operands::Plain([x, weight, bias]) => {
            let y = forward(&contiguous(x), &contiguous(weight), &contiguous(bias), &shape, relu);
            Tensor::from_primitive::<Flex>(y)
        }
    })
}

fn forward(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor, shape: &ConvShape, relu: bool) -> FlexTensor {
    let mut y = Scratch::take(shape.y_len());
    conv2d_forward(shape, floats(x), floats(weight), floats(bias), relu, &mut y);
    let [height, width] = shape.out();
    from_scratch(y, [shape.n, height, width, shape.c_out])
}

fn tracked([x, weight, bias]: [Tracked; 3], shape: ConvShape, relu: bool) -> Tracked {
    let ((x, x_node), (weight, weight_node), (bias, bias_node)) =
        (x.into_parts(), weight.into_parts(), bias.into_parts());
    let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
    let at = Label::here();
    let work = convolutions(&shape, 1, shape.x_len() + shape.y_len());
    let y = at.measure("convolution", work, || forward(&x, &weight, &bias, &shape, relu));
    let operation = ConvBackward { shape, at };
    match operation.prepare::<Keep>([x_node, weight_node, bias_node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, weight, relu.then(|| y.clone())), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

#[derive(Debug)]
struct ConvBackward {
    shape: ConvShape,
    at: Label,
}

impl Backward<Flex, 3> for ConvBackward {
    /// Input, weight, and the output where a relu masks the gradient.
    type State = (FlexTensor, FlexTensor, Option<FlexTensor>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, weight, y) = ops.state;
        let [x_node, weight_node, bias_node] = ops.parents;
        // The images themselves need no gradient: the first layer skips a third of the work.
        let mut dx = x_node.as_ref().map(|_| Scratch::take(self.shape.x_len()));
        let (mut dw, mut db) = (buffer(self.shape.w_len()), buffer(self.shape.c_out));
        let into = ConvGrads { dx: dx.as_deref_mut(), dw: &mut dw, db: &mut db };
        let (shape, times) = (&self.shape, 1 + usize::from(x_node.is_some()));
        let work = convolutions(shape, times, times * shape.x_len() + shape.y_len());
        self.at.measure("convolution, back", work, || {
            conv2d_backward(shape, floats(&x), floats(&weight), y.as_ref().map(floats), floats(&dy), into);
        });
        if let (Some(node), Some(dx)) = (x_node, dx) {
            grads.register::<Flex>(node.id, from_scratch(dx, x.shape()));
        }
        if let Some(node) = weight_node {
            grads.register::<Flex>(node.id, from_vec(dw, weight.shape()));
        }
        if let Some(node) = bias_node {
            grads.register::<Flex>(node.id, from_vec(db, [self.shape.c_out]));
        }
    }
}
