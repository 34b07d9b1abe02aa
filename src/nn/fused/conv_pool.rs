//! Convolution, relu and max-pool as one operation: the map in between is not kept, and its gradient is never written where
//! the convolution's transforms can read that of the maxima.

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
use simpipe_kernel::{
    ConvGrads, ConvShape, OutputGrad, PoolShape, Scratch, conv2d_backward_pooled, conv2d_max_pool_forward,
};

/// The largest value of each window of side and stride `pool` (1 to 15) of `relu(conv(x, weight) + bias)`, or without the
/// relu; `None` off flex or outside the autodiff graph.
///
/// # Shapes
/// `x`: `[n, h, w, c_in]`, `weight`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`; gives `[n, h' / pool, w' / pool, c_out]`.
pub(crate) fn conv2d_max_pool(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: &Tensor<1>,
    shape: ConvShape,
    relu: bool,
    pool: usize,
) -> Option<Tensor<4>> {
    let Operands::Tracked([x, weight, bias]) = operands([x, weight, bias])? else { return None };
    let [(x, x_node), (weight, weight_node), (bias, bias_node)] = [x, weight, bias].map(Tracked::into_parts);
    let [x, weight, bias] = [x, weight, bias].map(contiguous);
    let [h, w] = shape.out();
    let windows = PoolShape { n: shape.n, h, w, c: shape.c_out, k: pool };
    let (mut y, mut places) = (Scratch::take(windows.y_len()), vec![0; windows.y_len()]);
    let of = [floats(&x), floats(&weight), floats(&bias)];
    let (at, work) = (Label::here(), convolutions(&shape, 1, shape.x_len() + y.len()));
    at.measure("convolution and pool", work, || {
        conv2d_max_pool_forward(&shape, of[0], of[1], of[2], relu, pool, &mut y, &mut places);
    });
    let [height, width] = windows.out();
    let y = from_scratch(y, [windows.n, height, width, windows.c]);
    let operation = ConvPoolBackward { shape, windows, at };
    let y = match operation.prepare::<Keep>([x_node, weight_node, bias_node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, weight, places), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

#[derive(Debug)]
struct ConvPoolBackward {
    shape: ConvShape,
    windows: PoolShape,
    at: Label,
}

impl Backward<Flex, 3> for ConvPoolBackward {
    /// Input, weight, and the places of the maxima in their windows.
    type State = (FlexTensor, FlexTensor, Vec<u8>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let ((x, weight, places), shape) = (ops.state, &self.shape);
        let [x_node, weight_node, bias_node] = ops.parents;
        let mut dx = x_node.as_ref().map(|_| Scratch::take(shape.x_len()));
        let (mut dw, mut db) = (buffer(shape.w_len()), buffer(shape.c_out));
        let into = ConvGrads { dx: dx.as_deref_mut(), dw: &mut dw, db: &mut db };
        let grad = OutputGrad { dy: floats(&dy), relu: false, norm: None, pool: Some((self.windows.k, &places[..])) };
        let times = 1 + usize::from(x_node.is_some());
        let work = convolutions(shape, times, times * shape.x_len() + grad.dy.len());
        self.at.measure("convolution and pool, back", work, || {
            conv2d_backward_pooled(shape, floats(&x), floats(&weight), &grad, into);
        });
        if let (Some(node), Some(dx)) = (x_node, dx) {
            grads.register::<Flex>(node.id, from_scratch(dx, x.shape()));
        }
        if let Some(node) = weight_node {
            grads.register::<Flex>(node.id, from_vec(dw, weight.shape()));
        }
        if let Some(node) = bias_node {
            grads.register::<Flex>(node.id, from_vec(db, [shape.c_out]));
        }
    }
}
