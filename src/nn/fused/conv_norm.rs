//! Convolution, relu, batch normalisation and what follows it as one operation: the convolution leaves the statistics of
//! its output, and the way back writes no gradient of a map in between.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::depthwise;
use super::tail::{Back, Saved, Tail};
use super::tensor::{
    Keep, Operands, Tracked, buffer, contiguous, convolutions, floats, from_scratch, from_vec, operands,
};
use crate::profile::Label;
use simpipe_kernel::{
    Act, After, BatchStats, ConvGrads, ConvShape, Norm, OutputGrad, Scratch, batch_stats, conv2d_backward_fused,
    conv2d_forward_stats, depthwise_backward, depthwise_forward, max_pool_backward, use_winograd,
};

/// What [`conv2d_norm`] computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ConvNorm {
    /// The convolution.
    pub shape: ConvShape,
    /// Whether it is one of each channel by itself; then there is no pool.
    pub depthwise: bool,
    /// Whether a relu stands between convolution and normalisation.
    pub relu: bool,
    /// Added to the variance.
    pub epsilon: f32,
    /// What follows the normalisation.
    pub tail: Tail,
}

/// The tensors of [`conv2d_norm`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvNormOperands<'a> {
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
    /// `[n, h', w', c_out]`.
    pub shortcut: Option<&'a Tensor<4>>,
}

/// `tail(batch_norm(relu(conv(x, weight) + bias)))` by the batch's own statistics, which are given too; `None` off flex.
/// Gives `[n, h', w', c_out]`.
pub(crate) fn conv2d_norm(what: ConvNorm, of: ConvNormOperands<'_>) -> Option<(Tensor<4>, BatchStats)> {
    let ConvNormOperands { x, weight, bias, gamma, beta, shortcut } = of;
    match shortcut {
        Some(shortcut) => what.run(operands([x, weight, bias, gamma, beta, shortcut])?),
        None => what.run(operands([x, weight, bias, gamma, beta])?),
    }
}

/// The state of the way back.
#[derive(Debug, Clone)]
struct State {
    x: FlexTensor,
    weight: FlexTensor,
    gamma: FlexTensor,
    beta: FlexTensor,
    /// Output of the convolution (after its relu): no tensor, so that its memory is reused from step to step.
    map: Arc<Scratch>,
    stats: BatchStats,
    saved: Saved,
    at: Label,
}

impl ConvNorm {
    /// The shape of the convolution's output.
    fn map(&self) -> [usize; 4] {
        let ConvShape { n, c_out, .. } = self.shape;
        let [height, width] = self.shape.out();
        [n, height, width, c_out]
    }

    fn run<const N: usize>(self, operands: Operands<N>) -> Option<(Tensor<4>, BatchStats)>
    where
        ConvNormBackward: Backward<Flex, N, State = State>,
    {
        Some(match operands {
            Operands::Plain(operands) => {
                let (y, state) = self.forward(operands.map(contiguous).into());
                (Tensor::from_primitive::<Flex>(y), state.stats)
            }
            Operands::Tracked(operands) => {
                let (y, stats) = self.tracked(operands);
                (Tensor::from_primitive::<Autodiff<Flex>>(y), stats)
            }
        })
    }

    /// Of [`ConvNormOperands`] in their order.
    fn forward(&self, operands: Vec<FlexTensor>) -> (FlexTensor, State) {
        let mut operands = operands.into_iter();
        let mut next = || operands.next().expect("five operands and perhaps a shortcut");
        let [x, weight, bias, gamma, beta] = [(); 5].map(|()| next());
        let shortcut = operands.next();
        let mut map = Scratch::take(self.shape.y_len());
        let (at, shape) = (Label::here(), &self.shape);
        let work = convolutions(shape, 1, shape.x_len() + shape.y_len());
        let of = [floats(&x), floats(&weight), floats(&bias)];
        let stats = if self.depthwise {
            let after = if self.relu { After::Relu } else { After::Nothing };
            at.measure("convolution of each channel and statistics", depthwise::work(shape, 1), || {
                depthwise_forward(shape, of[0], of[1], of[2], after, &mut map);
                batch_stats(&map, shape.c_out)
            })
        } else {
            at.measure("convolution and statistics", work, || {
                conv2d_forward_stats(shape, of[0], of[1], of[2], self.relu, &mut map)
            })
        };
        let norm = Norm { stats: &stats, gamma: floats(&gamma), beta: floats(&beta), eps: self.epsilon };
        let (y, saved) = at.measure("normalisation and tail", self.tail.work(map.len()), || {
            self.tail.forward(&map, self.map(), &norm, shortcut.as_ref())
        });
        (y, State { x, weight, gamma, beta, map: Arc::new(map), stats, saved, at })
    }

    fn tracked<const N: usize>(self, operands: [Tracked; N]) -> (Tracked, BatchStats)
    where
        ConvNormBackward: Backward<Flex, N, State = State>,
    {
        let (tensors, nodes): (Vec<FlexTensor>, Vec<_>) =
            operands.into_iter().map(Tracked::into_parts).map(|(tensor, node)| (contiguous(tensor), node)).unzip();
        let Ok(nodes) = nodes.try_into() else { unreachable!("every operand has its node") };
        let (y, state) = self.forward(tensors);
        let stats = state.stats.clone();
        let operation = ConvNormBackward { what: self };
        let y = match Backward::<Flex, N>::prepare::<Keep>(operation, nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(state, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, stats)
    }
}

#[derive(Debug)]
struct ConvNormBackward {
    what: ConvNorm,
}

impl ConvNormBackward {
    /// The gradients of [`ConvNormOperands`] in their order.
    fn gradients(&self, dy: FlexTensor, state: &State, wants_input: bool) -> [Option<FlexTensor>; 6] {
        let State { x, weight, gamma, beta, map, stats, saved, at } = state;
        let ConvNorm { shape, relu, epsilon, tail, .. } = self.what;
        let norm = Norm { stats, gamma: floats(gamma), beta: floats(beta), eps: epsilon };
        let back = at.measure("normalisation and tail, back", tail.work(map.len()), || {
            tail.backward(map, self.what.map(), &norm, saved, dy)
        });
        let Back { dy, shortcut, slopes, dgamma, dbeta } = back;
        let mut grad = OutputGrad { dy: floats(&dy), relu, norm: Some(&slopes), pool: tail.pool.zip(saved.places()) };
        // Behind a relu and a pool, a convolution that is no Winograd rounds otherwise than one with the whole gradient.
        let spread = grad.pool.filter(|_| tail.act == Act::Relu && !use_winograd(&shape)).map(|(_, places)| {
            let mut whole = Scratch::take(map.len());
            max_pool_backward(&tail.windows(self.what.map()), floats(&dy), places, &mut whole);
            whole
        });
        if let Some(whole) = &spread {
            grad = OutputGrad { dy: whole, pool: None, ..grad };
        }
        // The images themselves need no gradient: the first layer skips a third of the work.
        let mut dx = wants_input.then(|| Scratch::take(shape.x_len()));
        let (mut dw, mut db) = (buffer(floats(weight).len()), buffer(shape.c_out));
        let into = ConvGrads { dx: dx.as_deref_mut(), dw: &mut dw, db: &mut db };
        let times = 1 + usize::from(wants_input);
        let work = convolutions(&shape, times, times * shape.x_len() + grad.dy.len() + map.len());
        if self.what.depthwise {
            at.measure("convolution of each channel and statistics, back", depthwise::work(&shape, times), || {
                depthwise_backward(&shape, floats(x), floats(weight), Some(map), &grad, into);
            });
        } else {
            at.measure("convolution and statistics, back", work, || {
                conv2d_backward_fused(&shape, floats(x), floats(weight), map, &grad, into);
            });
        }
        let channels = [shape.c_out];
        [
            dx.map(|dx| from_scratch(dx, x.shape())),
            Some(from_vec(dw, weight.shape())),
            Some(from_vec(db, channels)),
            Some(from_vec(dgamma, channels)),
            Some(from_vec(dbeta, channels)),
            Some(shortcut),
        ]
    }
}

/// Without and with a shortcut.
macro_rules! backward {
    ($($operands:literal),*) => { $(
        impl Backward<Flex, $operands> for ConvNormBackward {
            type State = State;

            fn backward(self, ops: Ops<State, $operands>, grads: &mut Gradients, _: &mut Checkpointer) {
                let dy = contiguous(grads.consume::<Flex>(&ops.node));
                let found = self.gradients(dy, &ops.state, ops.parents[0].is_some());
                for (parent, gradient) in ops.parents.into_iter().zip(found) {
                    if let (Some(node), Some(gradient)) = (parent, gradient) {
                        grads.register::<Flex>(node.id, gradient);
                    }
                }
            }
        }
    )* };
}

backward!(5, 6);
