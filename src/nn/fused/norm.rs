//! Batch normalisation, alone or with what follows it.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tail::{Back, Saved, Tail};
use super::tensor::{Keep, Operands, Tracked, contiguous, floats, from_scratch, from_vec, operands, pass};
use crate::profile::Label;
use simpipe_kernel::{BatchStats, Norm, Scratch, batch_norm_forward, batch_norm_gradient, batch_stats, spread};

/// The tensors of [`batch_norm_train`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormOperands<'a> {
    /// `[n, h, w, c]`.
    pub x: &'a Tensor<4>,
    /// `[c]`.
    pub gamma: &'a Tensor<1>,
    /// `[c]`.
    pub beta: &'a Tensor<1>,
    /// `[n, h, w, c]`.
    pub shortcut: Option<&'a Tensor<4>>,
}

/// Normalises by the batch's own statistics, which are given too, and does what follows; `None` off flex. Gives
/// `[n, h, w, c]`, with a pool of its windows.
pub(crate) fn batch_norm_train(of: NormOperands<'_>, epsilon: f32, tail: Tail) -> Option<(Tensor<4>, BatchStats)> {
    let NormOperands { x, gamma, beta, shortcut } = of;
    let shape = x.dims();
    let what = NormBackward { epsilon, tail, shape };
    match shortcut {
        Some(shortcut) => what.run(operands([x, gamma, beta, shortcut])?),
        None => what.run(operands([x, gamma, beta])?),
    }
}

#[derive(Debug)]
struct NormBackward {
    epsilon: f32,
    tail: Tail,
    /// Of the map.
    shape: [usize; 4],
}

/// The state of the way back.
#[derive(Debug, Clone)]
struct State {
    x: FlexTensor,
    gamma: FlexTensor,
    beta: FlexTensor,
    stats: BatchStats,
    saved: Saved,
    at: Label,
}

impl State {
    fn norm(&self, eps: f32) -> Norm<'_> {
        Norm { stats: &self.stats, gamma: floats(&self.gamma), beta: floats(&self.beta), eps }
    }
}

impl NormBackward {
    fn run<const N: usize>(self, operands: Operands<N>) -> Option<(Tensor<4>, BatchStats)>
    where
        Self: Backward<Flex, N, State = State>,
    {
        Some(match operands {
            Operands::Plain(operands) => {
                let (y, state) = self.forward(operands.map(contiguous).into());
                (Tensor::from_primitive::<Flex>(y), state.stats)
            }
            Operands::Tracked(operands) => {
                let (tensors, nodes): (Vec<FlexTensor>, Vec<_>) = operands
                    .into_iter()
                    .map(Tracked::into_parts)
                    .map(|(tensor, node)| (contiguous(tensor), node))
                    .unzip();
                let Ok(nodes) = nodes.try_into() else { unreachable!("every operand has its node") };
                let (y, state) = self.forward(tensors);
                let stats = state.stats.clone();
                let y = match Backward::<Flex, N>::prepare::<Keep>(self, nodes).compute_bound().stateful() {
                    OpsKind::Tracked(prep) => prep.finish(state, y),
                    OpsKind::UnTracked(prep) => prep.finish(y),
                };
                (Tensor::from_primitive::<Autodiff<Flex>>(y), stats)
            }
        })
    }

    /// Of [`NormOperands`] in their order.
    fn forward(&self, operands: Vec<FlexTensor>) -> (FlexTensor, State) {
        let mut operands = operands.into_iter();
        let mut next = || operands.next().expect("three operands and perhaps a shortcut");
        let [x, gamma, beta] = [(); 3].map(|()| next());
        let shortcut = operands.next();
        let (at, numbers) = (Label::here(), floats(&x).len());
        let stats = at.measure("statistics", pass(numbers), || batch_stats(floats(&x), floats(&gamma).len()));
        let mut state = State { x, gamma, beta, stats, saved: Saved::default(), at };
        let norm = state.norm(self.epsilon);
        let (y, saved) = state.at.measure("normalisation and tail", self.tail.work(numbers), || {
            self.tail.forward(floats(&state.x), self.shape, &norm, shortcut.as_ref())
        });
        state.saved = saved;
        (y, state)
    }

    /// The gradients of [`NormOperands`] in their order.
    fn gradients(&self, dy: FlexTensor, state: &State) -> [FlexTensor; 4] {
        let x = floats(&state.x);
        let norm = state.norm(self.epsilon);
        let back = state.at.measure("normalisation and tail, back", self.tail.work(x.len()), || {
            self.tail.backward(x, self.shape, &norm, &state.saved, dy)
        });
        let Back { dy, shortcut, slopes, dgamma, dbeta } = back;
        let mut dx = Scratch::take(x.len());
        state.at.measure("normalisation, gradient", pass(2 * x.len() + floats(&dy).len()), || {
            match state.saved.places() {
                Some(places) => spread(&self.tail.windows(self.shape), x, &slopes, places, floats(&dy), &mut dx),
                None => batch_norm_gradient(x, &slopes, floats(&dy), &mut dx),
            }
        });
        let channels = state.gamma.shape();
        [from_scratch(dx, state.x.shape()), from_vec(dgamma, channels.clone()), from_vec(dbeta, channels), shortcut]
    }
}

/// Without and with a shortcut.
macro_rules! backward {
    ($($operands:literal),*) => { $(
        impl Backward<Flex, $operands> for NormBackward {
            type State = State;

            fn backward(self, ops: Ops<State, $operands>, grads: &mut Gradients, _: &mut Checkpointer) {
                let dy = contiguous(grads.consume::<Flex>(&ops.node));
                let found = self.gradients(dy, &ops.state);
                for (parent, gradient) in ops.parents.into_iter().zip(found) {
                    if let Some(node) = parent {
                        grads.register::<Flex>(node.id, gradient);
                    }
                }
            }
        }
    )* };
}

backward!(3, 4);

/// Normalises by given statistics, outside the autodiff graph; `None` inside it or off flex.
///
/// # Shapes
/// `x` and the result: `[n, h, w, c]`; the others: `[c]`.
pub(crate) fn batch_norm_eval(
    x: &Tensor<4>,
    [gamma, beta, mean, variance]: [&Tensor<1>; 4],
    epsilon: f32,
) -> Option<Tensor<4>> {
    let Operands::Plain(operands) = operands([x, gamma, beta, mean, variance])? else { return None };
    let [x, gamma, beta, mean, variance] = operands.map(contiguous);
    let rows = floats(&x).len() / floats(&mean).len();
    let stats = BatchStats { mean: floats(&mean).to_vec(), var: floats(&variance).to_vec(), rows };
    let mut y = Scratch::take(floats(&x).len());
    batch_norm_forward(floats(&x), &stats, floats(&gamma), floats(&beta), epsilon, &mut y);
    Some(Tensor::from_primitive::<Flex>(from_scratch(y, x.shape())))
}
