//! The steps of one list of layers: what goes into the weights beside it, and what is computed with what it follows.

use super::flow::Kind;
use super::step::Step;
use super::{after_of, side_by_side};
use crate::fused::{Pooling, PreparedAttention, PreparedConv, PreparedDepthwise};
use crate::layer::{
    Affine, Attention, Conv2d, Dense, FeatureShape, LayerNorm, LayerSpec, MaxPool, Over, PatchEmbed, WalkedList, single,
};
use crate::ops::{Numerics, PoolGeometry};
use crate::parameters::Parameters;
use simpipe_kernel::{After, ConvShape, Matrix, is_depthwise};

/// The steps of a list, with these weights, each with the number of its first layer.
pub(super) fn steps(list: &WalkedList<'_>, parameters: &Parameters, numerics: Numerics) -> Vec<(usize, Step)> {
    Folding { list, parameters, numerics, steps: Vec::new(), pending: None }.run()
}

/// The steps of one list under work.
struct Folding<'a> {
    list: &'a WalkedList<'a>,
    parameters: &'a Parameters,
    numerics: Numerics,
    steps: Vec<Step>,
    /// What is still to be done to the output of the last step.
    pending: Option<Affine>,
}

impl Folding<'_> {
    fn run(mut self) -> Vec<(usize, Step)> {
        let (mut at, mut firsts) = (0, Vec::new());
        while let Some(layer) = self.list.layers.get(at) {
            let next = self.step(at, layer).or_else(|| self.take_affine(at)).unwrap_or_else(|| self.plain(at));
            firsts.resize(self.steps.len(), at);
            at = next;
        }
        self.flush(After::Nothing);
        firsts.resize(self.steps.len(), at.saturating_sub(1));
        firsts.into_iter().zip(self.steps).collect()
    }

    /// A step for `layer`, number `at`, and what it takes with it; gives the number of the next.
    fn step(&mut self, at: usize, layer: &LayerSpec) -> Option<usize> {
        match layer {
            LayerSpec::Conv2d(conv) => self.any_convolution(at, conv),
            LayerSpec::WhitenConv(whiten) => {
                self.any_convolution(at, &whiten.convolution(self.list.inputs[at].channels()))
            }
            LayerSpec::Dense(dense) => self.dense(at, dense),
            LayerSpec::PatchEmbed(patches) => Some(self.patches(at, patches)),
            LayerSpec::Attention(attention) => Some(self.attention(at, attention)),
            LayerSpec::LayerNorm(norm) => self.norm(at, norm),
            LayerSpec::MaxPool(pool) => self.windows(at, pool),
            LayerSpec::GlobalAvgPool(_) => Some(self.push(at, Step::Mean)),
            LayerSpec::Residual(residual) => {
                let after = after_of(&residual.activation)?;
                Some(self.push(at, Step::Residual(at, after)))
            }
            _ => {
                self.flush(after_of_layer(layer)?);
                Some(at + 1)
            }
        }
    }

    /// A weight of layer `at`.
    fn weight(&self, at: usize, name: &str) -> Vec<f64> {
        self.parameters.numbers(&self.list.place.layer(at, self.list.layers[at].name()).weight(name))
    }

    /// The bias of layer `at`, or zeros.
    fn bias(&self, at: usize, name: &str, has: bool, outputs: usize) -> Vec<f64> {
        if has { self.weight(at, name) } else { vec![0.0; outputs] }
    }

    /// A step for layer `at` alone; gives the number of the next.
    fn push(&mut self, at: usize, step: Step) -> usize {
        self.flush(After::Nothing);
        self.steps.push(step);
        at + 1
    }

    /// The layer as it is; gives the number of the next.
    fn plain(&mut self, at: usize) -> usize {
        self.push(at, Step::Layer(at))
    }

    /// What is pending, and a function behind it.
    fn flush(&mut self, after: After) {
        let affine = self.pending.take().map(|affine| [single(&affine.scale), single(&affine.shift)]);
        if affine.is_some() || after != After::Nothing {
            self.steps.push(Step::Pointwise(affine, after));
        }
    }

    /// Keeps a layer that is a scale and a shift for later.
    fn take_affine(&mut self, at: usize) -> Option<usize> {
        let layer = self.list.layers.get(at)?.as_dyn();
        let next = layer.affine(self.list.inputs[at].channels(), &|name| self.weight(at, name))?;
        self.pending = Some(self.pending.take().map_or_else(|| next.clone(), |before| before.then(&next)));
        Some(at + 1)
    }

    /// Keeps the scales and shifts from `at` on; gives the number of the layer behind them.
    fn take_affines(&mut self, at: usize) -> usize {
        let mut next = at;
        while let Some(behind) = self.take_affine(next) {
            next = behind;
        }
        next
    }

    /// What follows weights whose own activation is `after`, `[scale] [activation] [scale]`: a scale in front of an activation
    /// goes into them, one behind it is kept. Gives the activation and the number of the layer behind all that.
    fn ending(&mut self, at: usize, after: After, weight: &mut [f64], bias: &mut [f64]) -> (After, usize) {
        let next = self.take_affines(at);
        if after != After::Nothing {
            return (after, next);
        }
        if let Some(affine) = self.pending.take() {
            affine.after(weight, bias);
        }
        match self.list.layers.get(next).and_then(after_of_layer) {
            Some(after) => (after, self.take_affines(next + 1)),
            None => (After::Nothing, next),
        }
    }

    fn any_convolution(&mut self, at: usize, conv: &Conv2d) -> Option<usize> {
        let after = after_of(&conv.activation)?;
        let FeatureShape::Image(input) = self.list.inputs[at] else { return None };
        let shape = conv.shape(input, self.numerics);
        if conv.is_plain() {
            return Some(self.convolution(at, conv, &shape, after));
        }
        let fits = conv.groups == shape.c_in && conv.dilation == 1 && is_depthwise(&shape);
        fits.then(|| self.depthwise(at, conv, &shape, after))
    }

    /// A convolution with what lies around it, `[scale] conv [scale] [activation] [scale] [pool]`; gives the number of the
    /// layer behind all that.
    fn convolution(&mut self, at: usize, conv: &Conv2d, shape: &ConvShape, after: After) -> usize {
        if shape.pad != [0; 4] && self.pending.as_ref().is_some_and(|affine| !affine.keeps_zero()) {
            self.flush(After::Nothing);
        }
        let mut weight = self.weight(at, Conv2d::WEIGHT);
        let mut bias = self.bias(at, Conv2d::BIAS, conv.bias, shape.c_out);
        if let Some(affine) = self.pending.take() {
            affine.before(&mut weight, &mut bias);
        }
        let (after, mut next) = self.ending(at + 1, after, &mut weight, &mut bias);
        // Not the largest value has the largest of other functions.
        let can_pool = matches!(after, After::Nothing | After::Relu);
        let (size, whole_map) = if can_pool { self.pool(next, shape.out()) } else { (None, false) };
        let pool = size.map(|size| {
            let ones = || Affine { scale: vec![1.0; shape.c_out], shift: vec![0.0; shape.c_out] };
            let Affine { scale, shift } = self.pending.take().unwrap_or_else(ones);
            Pooling { size, scale: single(&scale), shift: single(&shift) }
        });
        next += usize::from(pool.is_some());
        let conv = PreparedConv::new(shape, &single(&weight), &single(&bias), after, pool);
        self.steps.push(Step::Conv(Box::new(conv), if whole_map { Kind::Vector } else { Kind::Image }));
        next
    }

    /// The side of the pool at `at` that a convolution with this map can compute, and whether that is over all of it.
    fn pool(&self, at: usize, [height, width]: [usize; 2]) -> (Option<usize>, bool) {
        let Some(layer) = self.list.layers.get(at) else { return (None, false) };
        let whole_map = matches!(layer, LayerSpec::GlobalMaxPool(_)) && height == width;
        let size = if whole_map { Some(height) } else { side_by_side(layer) };
        let size = size.filter(|size| (1..=15).contains(size));
        (size, whole_map && size.is_some())
    }

    fn depthwise(&mut self, at: usize, conv: &Conv2d, shape: &ConvShape, after: After) -> usize {
        self.flush(After::Nothing);
        let mut weight = self.weight(at, Conv2d::WEIGHT);
        let mut bias = self.bias(at, Conv2d::BIAS, conv.bias, shape.c_out);
        let (after, next) = self.ending(at + 1, after, &mut weight, &mut bias);
        let (weight, bias) = (single(&weight), single(&bias));
        self.steps.push(Step::Depthwise(Box::new(PreparedDepthwise { shape: *shape, weight, bias, after })));
        next
    }

    fn dense(&mut self, at: usize, dense: &Dense) -> Option<usize> {
        let after = after_of(&dense.activation)?;
        let mut weight = self.weight(at, Dense::WEIGHT);
        let mut bias = self.bias(at, Dense::BIAS, dense.bias, dense.units);
        if let Some(affine) = self.pending.take() {
            affine.before(&mut weight, &mut bias);
        }
        let (after, next) = self.ending(at + 1, after, &mut weight, &mut bias);
        let matrix = Matrix::new(&single(&weight), &single(&bias), self.numerics);
        self.steps.push(Step::Dense(Box::new(matrix), after));
        Some(next)
    }

    /// Patches are the windows of a convolution that lie side by side.
    fn patches(&mut self, at: usize, patches: &PatchEmbed) -> usize {
        let FeatureShape::Image([height, width, channels]) = self.list.inputs[at] else {
            unreachable!("`infer_shapes` gives patches an image")
        };
        let (side, filters) = (patches.patch, patches.width);
        let mut weight = self.weight(at, PatchEmbed::WEIGHT);
        let mut bias = self.bias(at, PatchEmbed::BIAS, patches.bias, filters);
        if let Some(affine) = self.pending.take() {
            affine.before(&mut weight, &mut bias);
        }
        let valid = ConvShape::valid([1, height, width, channels], [side; 2], filters);
        let shape = ConvShape { stride: [side; 2], numerics: self.numerics, ..valid };
        let conv = PreparedConv::new(&shape, &single(&weight), &single(&bias), After::Nothing, None);
        self.steps.push(Step::Conv(Box::new(conv), Kind::Tokens));
        at + 1
    }

    fn attention(&mut self, at: usize, attention: &Attention) -> usize {
        self.flush(After::Nothing);
        let width = self.list.inputs[at].channels();
        let part = |[weight, bias]: [&str; 2]| {
            (single(&self.weight(at, weight)), single(&self.bias(at, bias, attention.bias, width)))
        };
        let [query, key, value, output] = Attention::PARTS.map(part);
        let inner = [&query, &key, &value];
        let weight: Vec<f32> = (0..width)
            .flat_map(|row| inner.into_iter().flat_map(move |(part, _)| &part[row * width..][..width]))
            .copied()
            .collect();
        let bias: Vec<f32> = inner.into_iter().flat_map(|(_, bias)| bias).copied().collect();
        let prepared = PreparedAttention {
            inner: Matrix::new(&weight, &bias, self.numerics),
            outer: Matrix::new(&output.0, &output.1, self.numerics),
            heads: attention.heads,
        };
        self.steps.push(Step::Attention(Box::new(prepared)));
        at + 1
    }

    fn norm(&mut self, at: usize, norm: &LayerNorm) -> Option<usize> {
        if norm.over != Over::Channels {
            return None;
        }
        let channels = self.list.inputs[at].channels();
        let weight =
            |name, has: bool, otherwise| single(&if has { self.weight(at, name) } else { vec![otherwise; channels] });
        let gamma = weight(LayerNorm::GAMMA, norm.scale, 1.0);
        let beta = weight(LayerNorm::BETA, norm.bias, 0.0);
        let epsilon = single(&[norm.epsilon])[0];
        Some(self.push(at, Step::Norm([gamma, beta], epsilon)))
    }

    fn windows(&mut self, at: usize, pool: &MaxPool) -> Option<usize> {
        let FeatureShape::Image([height, width, channels]) = self.list.inputs[at] else { return None };
        let [rows, columns] = pool.borders([height, width]);
        let (size, stride) = (pool.size, pool.stride.unwrap_or(pool.size));
        let geometry = PoolGeometry { size, stride, rows, columns };
        geometry.windows([1, height, width, channels])?;
        Some(self.push(at, Step::Windows(geometry)))
    }
}

/// What a layer is as a function of each value that the kernels know.
fn after_of_layer(layer: &LayerSpec) -> Option<After> {
    match layer {
        LayerSpec::Relu(_) => Some(After::Relu),
        LayerSpec::Relu6(_) => Some(After::Relu6),
        LayerSpec::Gelu(_) => Some(After::Gelu),
        LayerSpec::Silu(_) => Some(After::Silu),
        _ => None,
    }
}
