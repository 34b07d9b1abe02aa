//! Batch normalisation, alone or with the max-pool behind it.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensor::{Keep, Operands, Tracked, buffer, contiguous, floats, from_vec, operands};
use crate::nn::kernel::{
    BatchNormGrads, BatchStats, PoolShape, batch_norm_backward, batch_norm_forward, batch_norm_max_pool_backward,
    batch_norm_max_pool_forward, batch_stats,
};

/// Normalises by the batch's own statistics, which are given too; `None` off flex.
///
/// # Shapes
/// `x` and the result: `[n, h, w, c]`; `gamma`, `beta`: `[c]`.
pub(in crate::nn) fn batch_norm_train(
    x: &Tensor<4>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f32,
) -> Option<(Tensor<4>, BatchStats)> {
    let forward = |x: &FlexTensor, gamma: &FlexTensor, beta: &FlexTensor| {
        let mut y = buffer(floats(x).len());
        let stats = batch_stats(floats(x), floats(gamma).len());
        batch_norm_forward(floats(x), &stats, floats(gamma), floats(beta), epsilon, &mut y);
        (from_vec(y, x.shape()), stats)
    };
    Some(match operands([x, gamma, beta])? {
        Operands::Plain(operands) => {
            let [x, gamma, beta] = operands.map(contiguous);
            let (y, stats) = forward(&x, &gamma, &beta);
            (Tensor::from_primitive::<Flex>(y), stats)
        }
        Operands::Tracked([x, gamma, beta]) => {
            let ((x, x_node), (gamma, gamma_node), (beta, beta_node)) =
                (x.into_parts(), gamma.into_parts(), beta.into_parts());
            let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
            let (y, stats) = forward(&x, &gamma, &beta);
            let operation = NormBackward { epsilon };
            let y = match operation.prepare::<Keep>([x_node, gamma_node, beta_node]).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish((x, gamma, stats.clone()), y),
                OpsKind::UnTracked(prep) => prep.finish(y),
            };
            (Tensor::from_primitive::<Autodiff<Flex>>(y), stats)
        }
    })
}

#[derive(Debug)]
struct NormBackward {
    epsilon: f32,
}

impl Backward<Flex, 3> for NormBackward {
    type State = (FlexTensor, FlexTensor, BatchStats);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, gamma, stats) = ops.state;
        let channels = floats(&gamma).len();
        let (mut dx, mut dgamma, mut dbeta) = (buffer(floats(&x).len()), buffer(channels), buffer(channels));
        let into = BatchNormGrads { dx: &mut dx, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_backward(floats(&x), &stats, floats(&gamma), self.epsilon, floats(&dy), into);
        let parts = [(dx, x.shape()), (dgamma, gamma.shape()), (dbeta, gamma.shape())];
        for (parent, (values, shape)) in ops.parents.into_iter().zip(parts) {
            if let Some(node) = parent {
                grads.register::<Flex>(node.id, from_vec(values, shape));
            }
        }
    }
}

/// [`batch_norm_train`] and a max-pool of side and stride `shape.k` in one pass; `None` off flex.
///
/// # Shapes
/// `x`: `[n, h, w, c]`; gives `[n, h / k, w / k, c]`.
pub(in crate::nn) fn batch_norm_max_pool_train(
    x: &Tensor<4>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f32,
    shape: PoolShape,
) -> Option<(Tensor<4>, BatchStats)> {
    Some(match operands([x, gamma, beta])? {
        Operands::Plain(operands) => {
            let [x, gamma, beta] = operands.map(contiguous);
            let pooled = norm_pool(&x, &gamma, &beta, epsilon, &shape);
            (Tensor::from_primitive::<Flex>(pooled.y), pooled.stats)
        }
        Operands::Tracked(operands) => {
            let (y, stats) = norm_pool_tracked(operands, epsilon, shape);
            (Tensor::from_primitive::<Autodiff<Flex>>(y), stats)
        }
    })
}

struct Pooled {
    y: FlexTensor,
    stats: BatchStats,
    picked: Vec<f32>,
    from: Vec<u8>,
}

fn norm_pool(x: &FlexTensor, gamma: &FlexTensor, beta: &FlexTensor, epsilon: f32, shape: &PoolShape) -> Pooled {
    let len = shape.y_len();
    let (mut y, mut picked, mut from) = (buffer(len), buffer(len), vec![0; len]);
    let stats = batch_stats(floats(x), shape.c);
    batch_norm_max_pool_forward(
        shape,
        floats(x),
        &stats,
        floats(gamma),
        floats(beta),
        epsilon,
        &mut y,
        &mut picked,
        &mut from,
    );
    let [height, width] = shape.out();
    Pooled { y: from_vec(y, [shape.n, height, width, shape.c]), stats, picked, from }
}

fn norm_pool_tracked([x, gamma, beta]: [Tracked; 3], epsilon: f32, shape: PoolShape) -> (Tracked, BatchStats) {
    let ((x, x_node), (gamma, gamma_node), (beta, beta_node)) = (x.into_parts(), gamma.into_parts(), beta.into_parts());
    let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
    let Pooled { y, stats, picked, from } = norm_pool(&x, &gamma, &beta, epsilon, &shape);
    let operation = NormPoolBackward { epsilon, shape };
    let y = match operation.prepare::<Keep>([x_node, gamma_node, beta_node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, gamma, stats.clone(), picked, from), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    (y, stats)
}

#[derive(Debug)]
struct NormPoolBackward {
    epsilon: f32,
    shape: PoolShape,
}

impl Backward<Flex, 3> for NormPoolBackward {
    type State = (FlexTensor, FlexTensor, BatchStats, Vec<f32>, Vec<u8>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, gamma, stats, picked, from) = ops.state;
        let channels = floats(&gamma).len();
        let (mut dx, mut dgamma, mut dbeta) = (buffer(floats(&x).len()), buffer(channels), buffer(channels));
        let into = BatchNormGrads { dx: &mut dx, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_max_pool_backward(
            &self.shape,
            floats(&x),
            &stats,
            floats(&gamma),
            self.epsilon,
            &picked,
            &from,
            floats(&dy),
            into,
        );
        let parts = [(dx, x.shape()), (dgamma, gamma.shape()), (dbeta, gamma.shape())];
        for (parent, (values, shape)) in ops.parents.into_iter().zip(parts) {
            if let Some(node) = parent {
                grads.register::<Flex>(node.id, from_vec(values, shape));
            }
        }
    }
}

/// Normalises by given statistics, outside the autodiff graph; `None` inside it or off flex.
///
/// # Shapes
/// `x` and the result: `[n, h, w, c]`; the others: `[c]`.
pub(in crate::nn) fn batch_norm_eval(
    x: &Tensor<4>,
    [gamma, beta, mean, variance]: [&Tensor<1>; 4],
    epsilon: f32,
) -> Option<Tensor<4>> {
    let Operands::Plain(operands) = operands([x, gamma, beta, mean, variance])? else { return None };
    let [x, gamma, beta, mean, variance] = operands.map(contiguous);
    let rows = floats(&x).len() / floats(&mean).len();
    let stats = BatchStats { mean: floats(&mean).to_vec(), var: floats(&variance).to_vec(), rows };
    let mut y = buffer(floats(&x).len());
    batch_norm_forward(floats(&x), &stats, floats(&gamma), floats(&beta), epsilon, &mut y);
    Some(Tensor::from_primitive::<Flex>(from_vec(y, x.shape())))
}
