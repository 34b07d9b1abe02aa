//! Layers made ready to embed many images: scales and shifts folded into the convolutions beside them, weights brought
//! into the kernels' form once, relu and pools computed with their convolution, and the sum that a residual ends in with
//! the relu behind it.
//!
//! Up to rounding the same as the layers one by one, which `numerics = "exact"` and other backends than flex compute.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::{relu_of_sum, side_by_side};
use crate::nn::fused::{self, Pooling, PreparedConv};
use crate::nn::layer::{Affine, Conv2d, Cx, FeatureShape, Features, LayerSpec, Sum, Walked, WalkedList, single};
use crate::nn::ops::{Epilogue, Numerics};
use crate::nn::parameters::Parameters;
use simpipe_kernel::Scratch;

/// The steps that stand for each list of layers, by the list's path.
#[derive(Debug)]
pub(in crate::nn) struct Folded {
    lists: BTreeMap<String, Vec<Step>>,
    device: Device,
}

#[derive(Debug)]
enum Step {
    /// The layer of this number, as it is.
    Layer(usize),
    /// A scale and a shift that no convolution could take in.
    Affine(Affine),
    /// A convolution; whether its pool is over the whole map.
    Conv(Box<PreparedConv>, bool),
}

impl Folded {
    /// Of the layers that a walk came through.
    pub(in crate::nn) fn new(
        walked: &Walked<'_>,
        parameters: &Parameters,
        numerics: Numerics,
        device: &Device,
    ) -> Self {
        let fold = |list: &WalkedList<'_>| {
            let steps = if numerics == Numerics::Exact {
                (0..list.layers.len()).map(Step::Layer).collect()
            } else {
                Folding { list, parameters, numerics, steps: Vec::new(), pending: None }.run()
            };
            (list.place.path().to_owned(), steps)
        };
        Self { lists: walked.lists.iter().map(fold).collect(), device: device.clone() }
    }

    /// Computes a list of layers, and the sum that it ends in, if it does; `cx` is the list's.
    pub(in crate::nn) fn forward(
        &self,
        layers: &[LayerSpec],
        x: Features,
        sum: Option<Sum<'_>>,
        cx: &mut Cx<'_>,
    ) -> Features {
        let mut flow = Flow::of(x);
        for step in &self.lists[cx.place().path()] {
            flow = match step {
                Step::Conv(conv, whole_map) => flow.convolve(conv, *whole_map),
                Step::Affine(affine) => Flow::of(affine.forward(flow.into_features(&self.device))),
                Step::Layer(at) => Flow::of(cx.one(layers, *at, flow.into_features(&self.device))),
            };
        }
        match sum {
            Some(sum) => flow.into_sum(sum, &self.device),
            None => flow.into_features(&self.device),
        }
    }
}

/// What flows between steps.
enum Flow {
    Features(Box<Features>),
    /// A map between two convolutions, in memory that is reused, and whether it stands for a vector.
    Map(Scratch, [usize; 4], bool),
}

impl Flow {
    fn of(features: Features) -> Self {
        Self::Features(Box::new(features))
    }

    fn convolve(self, conv: &PreparedConv, whole_map: bool) -> Self {
        let (y, shape) = match self {
            Self::Map(values, shape, _) => conv.forward(shape[0], &values),
            Self::Features(features) => conv.forward_tensor(&features.into_image()),
        };
        Self::Map(y, shape, whole_map)
    }

    /// The sum that a residual ends in: a map and its relu in one pass.
    fn into_sum(self, sum: Sum<'_>, device: &Device) -> Features {
        if let (Self::Map(values, _, false), Features::Image(other)) = (&self, &sum.shortcut) {
            let relu = relu_of_sum(sum.activation);
            if let Some(y) = fused::sum_of_maps(values, other, relu == Some(true)) {
                return Features::Image(if relu.is_none() { sum.activation.forward(y) } else { y });
            }
        }
        sum.of(self.into_features(device))
    }

    fn into_features(self, device: &Device) -> Features {
        match self {
            Self::Features(features) => *features,
            Self::Map(values, [n, h, w, c], true) => {
                Features::Vector(Tensor::from_data(TensorData::new(values.to_vec(), [n, h * w * c]), device))
            }
            Self::Map(values, shape, false) => {
                Features::Image(Tensor::from_data(TensorData::new(values.to_vec(), shape), device))
            }
        }
    }
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
    fn run(mut self) -> Vec<Step> {
        let mut at = 0;
        while let Some(layer) = self.list.layers.get(at) {
            let convolution = match layer {
                LayerSpec::Conv2d(conv) => Some(conv.clone()),
                LayerSpec::WhitenConv(whiten) => Some(whiten.convolution(self.list.inputs[at].channels())),
                _ => None,
            };
            at = match convolution.filter(|conv| conv.is_plain() && self.is_on_flex(at)) {
                Some(conv) => match conv.epilogue() {
                    Some(epilogue) => self.convolution(at, &conv, epilogue),
                    None => self.plain(at),
                },
                None => self.take_affine(at).unwrap_or_else(|| self.plain(at)),
            };
        }
        self.flush();
        self.steps
    }

    /// A weight of layer `at`.
    fn weight(&self, at: usize, name: &str) -> Vec<f64> {
        self.parameters.numbers(&self.path(at, name))
    }

    fn path(&self, at: usize, name: &str) -> String {
        self.list.place.layer(at, self.list.layers[at].name()).weight(name)
    }

    /// Whether our own kernels can compute the convolution `at` outside the autodiff graph.
    fn is_on_flex(&self, at: usize) -> bool {
        fused::is_on_flex(&self.parameters.flat(&self.path(at, Conv2d::WEIGHT)))
    }

    /// The layer as it is; gives the number of the next.
    fn plain(&mut self, at: usize) -> usize {
        self.flush();
        self.steps.push(Step::Layer(at));
        at + 1
    }

    fn flush(&mut self) {
        self.steps.extend(self.pending.take().map(Step::Affine));
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

    /// A convolution with what lies around it, `[scale] conv [scale] [relu] [scale] [pool]`; gives the number of the layer
    /// behind all that.
    fn convolution(&mut self, at: usize, conv: &Conv2d, epilogue: Epilogue) -> usize {
        let FeatureShape::Image(input) = self.list.inputs[at] else {
            unreachable!("`infer_shapes` gives convolutions an image")
        };
        let shape = conv.shape(input, self.numerics);
        if shape.pad != [0; 4] && self.pending.as_ref().is_some_and(|affine| !affine.keeps_zero()) {
            self.flush();
        }
        let mut weight = self.weight(at, Conv2d::WEIGHT);
        let mut bias = if conv.bias { self.weight(at, Conv2d::BIAS) } else { vec![0.0; shape.c_out] };
        if let Some(affine) = self.pending.take() {
            affine.before(&mut weight, &mut bias);
        }
        let mut relu = epilogue == Epilogue::Relu;
        let mut next = self.take_affines(at + 1);
        if !relu {
            if let Some(affine) = self.pending.take() {
                affine.after(&mut weight, &mut bias);
            }
            if let Some(LayerSpec::Relu(_)) = self.list.layers.get(next) {
                relu = true;
                next = self.take_affines(next + 1);
            }
        }
        let (size, whole_map) = self.pool(next, shape.out());
        let pool = size.map(|size| {
            let ones = || Affine { scale: vec![1.0; shape.c_out], shift: vec![0.0; shape.c_out] };
            let Affine { scale, shift } = self.pending.take().unwrap_or_else(ones);
            Pooling { size, scale: single(&scale), shift: single(&shift) }
        });
        next += usize::from(pool.is_some());
        let conv = PreparedConv::new(&shape, &single(&weight), &single(&bias), relu, pool);
        self.steps.push(Step::Conv(Box::new(conv), whole_map));
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
}
