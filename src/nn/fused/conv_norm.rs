//! Convolution, relu, batch normalisation and perhaps a max-pool as one operation: the convolution leaves the statistics
//! of its output, and the way back writes no gradient of a map in between.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensor::{Keep, Operands, Tracked, buffer, contiguous, floats, from_vec, operands};
use crate::nn::kernel::{
    BatchStats, ConvGrads, ConvShape, OutputGrad, PoolShape, Scratch, batch_norm_forward, batch_norm_max_pool_forward,
    batch_norm_slopes, conv2d_backward_fused, conv2d_forward_stats,
};

/// What [`conv2d_norm`] computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::nn) struct ConvNorm {
    /// The convolution.
    pub shape: ConvShape,
    /// Whether a relu stands between convolution and normalisation.
    pub relu: bool,
    /// Added to the variance.
    pub epsilon: f32,
    /// Side and stride of a max-pool behind the normalisation, 1 to 15.
    pub pool: Option<usize>,
}

/// The tensors of [`conv2d_norm`].
#[derive(Debug, Clone, Copy)]
pub(in crate::nn) struct ConvNormOperands<'a> {
    /// `[n, h, w, c_in]`.
    pub x: &'a Tensor<4>,
    /// `[kh, kw, c_in, c_out]`.
    pub weight: &'a Tensor<4>,
    /// `[c_out]`.
    pub bias: &'a Tensor<1>,
    /// `[c_out]`.
    pub gamma: &'a Tensor<1>,
    /// `[c_out]`.
    pub beta: &'a Tensor<1>,
}

/// `max_pool(batch_norm(relu(conv(x, weight) + bias)))` by the batch's own statistics, which are given too; `None` off
/// flex. Gives `[n, h', w', c_out]`.
pub(in crate::nn) fn conv2d_norm(what: ConvNorm, of: ConvNormOperands<'_>) -> Option<(Tensor<4>, BatchStats)> {
    let ConvNormOperands { x, weight, bias, gamma, beta } = of;
    Some(match operands([x, weight, bias, gamma, beta])? {
        Operands::Plain(operands) => {
            let operands = operands.map(contiguous);
            let (y, saved) = forward(&what, &operands);
            (Tensor::from_primitive::<Flex>(y), saved.stats)
        }
        Operands::Tracked(operands) => {
            let (y, stats) = tracked(what, operands);
            (Tensor::from_primitive::<Autodiff<Flex>>(y), stats)
        }
    })
}

/// What the way back needs of the way there.
#[derive(Debug, Clone)]
struct Saved {
    /// Output of the convolution (after its relu): no tensor, so that its memory is reused from step to step.
    map: Arc<Scratch>,
    stats: BatchStats,
    /// With a pool: the values of `map` at the maxima, and their places in the windows.
    picked: Option<Arc<(Scratch, Vec<u8>)>>,
}

impl ConvNorm {
    fn map(&self) -> PoolShape {
        let [h, w] = self.shape.out();
        PoolShape { n: self.shape.n, h, w, c: self.shape.c_out, k: self.pool.unwrap_or(1) }
    }
}

fn forward(what: &ConvNorm, [x, weight, bias, gamma, beta]: &[FlexTensor; 5]) -> (FlexTensor, Saved) {
    let (shape, windows) = (&what.shape, what.map());
    let mut map = Scratch::take(shape.y_len());
    let stats = conv2d_forward_stats(shape, floats(x), floats(weight), floats(bias), what.relu, &mut map);
    let len = windows.y_len();
    let mut y = buffer(len);
    let (gamma, beta, [height, width]) = (floats(gamma), floats(beta), windows.out());
    let picked = if what.pool.is_some() {
        let (mut picked, mut from) = (Scratch::take(len), vec![0; len]);
        let epsilon = what.epsilon;
        batch_norm_max_pool_forward(&windows, &map, &stats, gamma, beta, epsilon, &mut y, &mut picked, &mut from);
        Some(Arc::new((picked, from)))
    } else {
        batch_norm_forward(&map, &stats, gamma, beta, what.epsilon, &mut y);
        None
    };
    let y = from_vec(y, [windows.n, height, width, windows.c]);
    (y, Saved { map: Arc::new(map), stats, picked })
}

fn tracked(what: ConvNorm, operands: [Tracked; 5]) -> (Tracked, BatchStats) {
    let (tensors, nodes): (Vec<FlexTensor>, Vec<_>) =
        operands.into_iter().map(Tracked::into_parts).map(|(tensor, node)| (contiguous(tensor), node)).unzip();
    let tensors: [FlexTensor; 5] = tensors.try_into().expect("five operands give five tensors");
    let Ok(nodes) = nodes.try_into() else { unreachable!("five operands have five nodes") };
    let (y, saved) = forward(&what, &tensors);
    let stats = saved.stats.clone();
    let [x, weight, _, gamma, _] = tensors;
    let y = match (ConvNormBackward { what }).prepare::<Keep>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(State { x, weight, gamma, saved }, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    (y, stats)
}

#[derive(Debug)]
struct ConvNormBackward {
    what: ConvNorm,
}

#[derive(Debug, Clone)]
struct State {
    x: FlexTensor,
    weight: FlexTensor,
    gamma: FlexTensor,
    saved: Saved,
}

impl Backward<Flex, 5> for ConvNormBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let State { x, weight, gamma, saved } = ops.state;
        let ConvNorm { shape, relu, epsilon, pool } = self.what;
        let channels = shape.c_out;
        let (mut dgamma, mut dbeta) = (buffer(channels), buffer(channels));
        // Behind a pool the gradient is zero but at the maxima, so these alone give the sums.
        let seen: &[f32] = saved.picked.as_ref().map_or(&saved.map, |picked| &picked.0);
        let slopes =
            batch_norm_slopes(seen, &saved.stats, floats(&gamma), epsilon, floats(&dy), &mut dgamma, &mut dbeta);
        let places = saved.picked.as_ref().map(|picked| &picked.1[..]);
        let grad = OutputGrad { dy: floats(&dy), relu, norm: Some(&slopes), pool: pool.zip(places) };
        // The images themselves need no gradient: the first layer skips a third of the work.
        let mut dx = ops.parents[0].as_ref().map(|_| buffer(shape.x_len()));
        let (mut dw, mut db) = (buffer(shape.w_len()), buffer(channels));
        let into = ConvGrads { dx: dx.as_deref_mut(), dw: &mut dw, db: &mut db };
        conv2d_backward_fused(&shape, floats(&x), floats(&weight), &saved.map, &grad, into);
        let found = [
            dx.map(|dx| from_vec(dx, x.shape())),
            Some(from_vec(dw, weight.shape())),
            Some(from_vec(db, [channels])),
            Some(from_vec(dgamma, [channels])),
            Some(from_vec(dbeta, [channels])),
        ];
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(node), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(node.id, gradient);
            }
        }
    }
}
