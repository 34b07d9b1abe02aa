//! Max-pools whose windows overlap or reach over the border, and the mean of each channel.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::tensor::{Keep, Operands, buffer, contiguous, floats, from_vec, operands};
use simpipe_kernel::{WindowShape, global_mean_backward, global_mean_forward, window_max_backward, window_max_forward};

/// The largest value of each window; `None` off flex.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, h', w', c]`.
pub(crate) fn window_max(x: &Tensor<4>, shape: WindowShape) -> Option<Tensor<4>> {
    let [height, width] = shape.out();
    let sides = [shape.n, height, width, shape.c];
    Some(match operands([x])? {
        Operands::Plain([x]) => {
            let mut y = buffer(shape.y_len());
            window_max_forward(&shape, floats(&contiguous(x)), &mut y, None);
            Tensor::from_primitive::<Flex>(from_vec(y, sides))
        }
        Operands::Tracked([x]) => {
            let (x, node) = x.into_parts();
            let (mut y, mut places) = (buffer(shape.y_len()), vec![0; shape.y_len()]);
            window_max_forward(&shape, floats(&contiguous(x)), &mut y, Some(&mut places));
            let y = from_vec(y, sides);
            let y = match (WindowMaxBackward { shape }).prepare::<Keep>([node]).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish(places, y),
                OpsKind::UnTracked(prep) => prep.finish(y),
            };
            Tensor::from_primitive::<Autodiff<Flex>>(y)
        }
    })
}

#[derive(Debug)]
struct WindowMaxBackward {
    shape: WindowShape,
}

impl Backward<Flex, 1> for WindowMaxBackward {
    /// The place of each maximum in its window.
    type State = Vec<u8>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let [parent] = ops.parents;
        let Some(node) = parent else { return };
        let WindowShape { n, h, w, c, .. } = self.shape;
        let mut dx = buffer(n * h * w * c);
        window_max_backward(&self.shape, floats(&dy), &ops.state, &mut dx);
        grads.register::<Flex>(node.id, from_vec(dx, [n, h, w, c]));
    }
}

/// The mean of each channel; `None` off flex.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, c]`.
pub(crate) fn global_mean(x: &Tensor<4>) -> Option<Tensor<2>> {
    let shape @ [n, _, _, c] = x.dims();
    let forward = |x: &FlexTensor| {
        let mut y = buffer(n * c);
        global_mean_forward(n, c, floats(x), &mut y);
        from_vec(y, [n, c])
    };
    Some(match operands([x])? {
        Operands::Plain([x]) => Tensor::from_primitive::<Flex>(forward(&contiguous(x))),
        Operands::Tracked([x]) => {
            let (x, node) = x.into_parts();
            let y = forward(&contiguous(x));
            let y = match (GlobalMeanBackward { shape }).prepare::<Keep>([node]).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish((), y),
                OpsKind::UnTracked(prep) => prep.finish(y),
            };
            Tensor::from_primitive::<Autodiff<Flex>>(y)
        }
    })
}

#[derive(Debug)]
struct GlobalMeanBackward {
    shape: [usize; 4],
}

impl Backward<Flex, 1> for GlobalMeanBackward {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let [parent] = ops.parents;
        let Some(node) = parent else { return };
        let [n, h, w, c] = self.shape;
        let mut dx = buffer(n * h * w * c);
        global_mean_backward(n, c, floats(&dy), &mut dx);
        grads.register::<Flex>(node.id, from_vec(dx, self.shape));
    }
}
