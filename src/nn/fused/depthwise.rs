//! Convolutions of each channel by itself.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensor::{Keep, Operands, Tracked, buffer, contiguous, floats, from_scratch, from_vec, operands};
use crate::profile::{Label, Work};
use simpipe_kernel::{After, ConvGrads, ConvShape, OutputGrad, Scratch, depthwise_backward, depthwise_forward};

/// `conv(x, weight) + bias` channel by channel, then `max(0)` with `relu`; `None` off flex.
///
/// # Shapes
/// `x`: `[n, h, w, c]`, `weight`: `[k, k, 1, c]`, `bias`: `[c]`; gives `[n, h', w', c]`.
pub(crate) fn depthwise(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: &Tensor<1>,
    shape: ConvShape,
    relu: bool,
) -> Option<Tensor<4>> {
    Some(match operands([x, weight, bias])? {
        Operands::Tracked(operands) => Tensor::from_primitive::<Autodiff<Flex>>(tracked(operands, shape, relu)),
        Operands::Plain(operands) => Tensor::from_primitive::<Flex>(forward(&operands.map(contiguous), &shape, relu)),
    })
}

/// The operation, as profiles name it.
const NAME: &str = "convolution of each channel";

/// What that is, `times` over.
pub(super) fn work(shape: &ConvShape, times: usize) -> Work {
    let [height, width] = shape.kernel;
    Work { flops: times * 2 * shape.y_len() * height * width, numbers: shape.x_len() + shape.y_len() }
}

fn forward([x, weight, bias]: &[FlexTensor; 3], shape: &ConvShape, relu: bool) -> FlexTensor {
    let mut y = Scratch::take(shape.y_len());
    let after = if relu { After::Relu } else { After::Nothing };
    Label::here().measure(NAME, work(shape, 1), || {
        depthwise_forward(shape, floats(x), floats(weight), floats(bias), after, &mut y);
    });
    let [height, width] = shape.out();
    from_scratch(y, [shape.n, height, width, shape.c_out])
}

fn tracked(operands: [Tracked; 3], shape: ConvShape, relu: bool) -> Tracked {
    let [x, weight, bias] = operands.map(Tracked::into_parts);
    let nodes = [x.1, weight.1, bias.1];
    let tensors = [x.0, weight.0, bias.0].map(contiguous);
    let y = forward(&tensors, &shape, relu);
    let [x, weight, _] = tensors;
    match (DepthwiseBackward { shape, at: Label::here() }).prepare::<Keep>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, weight, relu.then(|| y.clone())), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

#[derive(Debug)]
struct DepthwiseBackward {
    shape: ConvShape,
    at: Label,
}

impl Backward<Flex, 3> for DepthwiseBackward {
    /// Input, weight, and the output where a relu masks the gradient.
    type State = (FlexTensor, FlexTensor, Option<FlexTensor>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, weight, y) = ops.state;
        let [x_node, weight_node, bias_node] = ops.parents;
        let mut dx = x_node.as_ref().map(|_| Scratch::take(self.shape.x_len()));
        let (mut dw, mut db) = (buffer(floats(&weight).len()), buffer(self.shape.c_out));
        let times = 1 + usize::from(dx.is_some());
        let grad = OutputGrad { dy: floats(&dy), relu: y.is_some(), norm: None, pool: None };
        let into = ConvGrads { dx: dx.as_deref_mut(), dw: &mut dw, db: &mut db };
        self.at.measure("convolution of each channel, back", work(&self.shape, times), || {
            depthwise_backward(&self.shape, floats(&x), floats(&weight), y.as_ref().map(floats), &grad, into);
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
