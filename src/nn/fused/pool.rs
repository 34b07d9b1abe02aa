//! Max-pools that remember where each maximum came from.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::tensor::{Keep, Operands, buffer, contiguous, floats, from_scratch, from_vec, operands, pass};
use crate::profile::Label;
use simpipe_kernel::{
    PoolShape, Scratch, global_max_pool_backward, global_max_pool_forward, max_pool_backward, max_pool_forward,
};

/// The largest value of each window of side and stride `shape.k`; `None` off flex.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, h / k, w / k, c]`.
pub(crate) fn max_pool(x: &Tensor<4>, shape: PoolShape) -> Option<Tensor<4>> {
    let forward = |x: &FlexTensor| {
        let (mut y, mut from) = (Scratch::take(shape.y_len()), vec![0; shape.y_len()]);
        Label::here().measure("max-pool", pass(shape.x_len() + shape.y_len()), || {
            max_pool_forward(&shape, floats(x), &mut y, &mut from);
        });
        let [height, width] = shape.out();
        (from_scratch(y, [shape.n, height, width, shape.c]), from)
    };
    Some(match operands([x])? {
        Operands::Plain([x]) => Tensor::from_primitive::<Flex>(forward(&contiguous(x)).0),
        Operands::Tracked([x]) => {
            let (x, node) = x.into_parts();
            let (y, from) = forward(&contiguous(x));
            let y =
                match (MaxPoolBackward { shape, at: Label::here() }).prepare::<Keep>([node]).compute_bound().stateful()
                {
                    OpsKind::Tracked(prep) => prep.finish(from, y),
                    OpsKind::UnTracked(prep) => prep.finish(y),
                };
            Tensor::from_primitive::<Autodiff<Flex>>(y)
        }
    })
}

#[derive(Debug)]
struct MaxPoolBackward {
    shape: PoolShape,
    at: Label,
}

impl Backward<Flex, 1> for MaxPoolBackward {
    type State = Vec<u8>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let [parent] = ops.parents;
        let Some(node) = parent else { return };
        let mut dx = Scratch::take(self.shape.x_len());
        self.at.measure("max-pool, back", pass(self.shape.x_len() + self.shape.y_len()), || {
            max_pool_backward(&self.shape, floats(&dy), &ops.state, &mut dx);
        });
        let PoolShape { n, h, w, c, .. } = self.shape;
        grads.register::<Flex>(node.id, from_scratch(dx, [n, h, w, c]));
    }
}

/// The largest value of each channel; `None` off flex.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, c]`.
pub(crate) fn global_max_pool(x: &Tensor<4>) -> Option<Tensor<2>> {
    let [n, h, w, c] = x.dims();
    let forward = |x: &FlexTensor| {
        let (mut y, mut from) = (buffer(n * c), vec![0; n * c]);
        Label::here().measure("global-max-pool", pass(floats(x).len()), || {
            global_max_pool_forward(h * w, c, floats(x), &mut y, &mut from);
        });
        (from_vec(y, [n, c]), from)
    };
    Some(match operands([x])? {
        Operands::Plain([x]) => Tensor::from_primitive::<Flex>(forward(&contiguous(x)).0),
        Operands::Tracked([x]) => {
            let (x, node) = x.into_parts();
            let (y, from) = forward(&contiguous(x));
            let operation = GlobalMaxPoolBackward { shape: [n, h, w, c], at: Label::here() };
            let y = match operation.prepare::<Keep>([node]).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish(from, y),
                OpsKind::UnTracked(prep) => prep.finish(y),
            };
            Tensor::from_primitive::<Autodiff<Flex>>(y)
        }
    })
}

#[derive(Debug)]
struct GlobalMaxPoolBackward {
    shape: [usize; 4],
    at: Label,
}

impl Backward<Flex, 1> for GlobalMaxPoolBackward {
    type State = Vec<u32>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let [parent] = ops.parents;
        let Some(node) = parent else { return };
        let [n, h, w, c] = self.shape;
        let mut dx = Scratch::take(n * h * w * c);
        self.at.measure("global-max-pool, back", pass(dx.len()), || {
            global_max_pool_backward(h * w, c, floats(&dy), &ops.state, &mut dx);
        });
        grads.register::<Flex>(node.id, from_scratch(dx, self.shape));
    }
}
