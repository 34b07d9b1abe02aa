//! Layers made ready to embed many images: scales and shifts folded into the convolutions and matrices beside them, weights
//! brought into the kernels' form once, activations, pools and the sums that residuals end in computed with what they follow.
//!
//! Up to rounding the same as the layers one by one, which `numerics = "exact"` and other backends than flex compute.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};

use super::flow::{Flow, Map};
use super::folding;
use super::step::{self, Step};
use crate::fused;
use crate::layer::{Cx, FeatureShape, Features, LayerSpec, Residual, Sum, Walked, WalkedList};
use crate::ops::Numerics;
use crate::parameters::Parameters;
use crate::profile;
use simpipe_kernel::After;

/// The steps that stand for each list of layers, by the list's path, each with the number of its first layer.
#[derive(Debug)]
pub(crate) struct Folded {
    lists: BTreeMap<String, Vec<(usize, Step)>>,
    device: Device,
    /// Whether only layers that are computed as they are need a batch of one size for an example's bits to be the same: kernels
    /// of our own compute the others, and give an example the same bits whatever stands beside it.
    fills_layers: bool,
    /// Numbers of the largest map of one image.
    largest: usize,
}

impl Folded {
    /// Of the layers that a walk came through.
    pub(crate) fn new(walked: &Walked<'_>, parameters: &Parameters, numerics: Numerics, device: &Device) -> Self {
        let probe: Tensor<1> = Tensor::zeros([1], device);
        let is_ours = numerics != Numerics::Exact && fused::is_on_flex(&probe.without_autodiff());
        let fold = |list: &WalkedList<'_>| {
            let steps = if is_ours {
                folding::steps(list, parameters, numerics)
            } else {
                (0..list.layers.len()).map(|at| (at, Step::Layer(at))).collect()
            };
            (list.place.path().to_owned(), steps)
        };
        let sizes = walked.lists.iter().flat_map(|list| &list.inputs).map(FeatureShape::size);
        let largest = if is_ours { sizes.max().unwrap_or(1) } else { 1 };
        // The tiles of products in bfloat16 depend on the processor.
        let fills_layers = is_ours && numerics != Numerics::Bf16;
        Self { lists: walked.lists.iter().map(fold).collect(), device: device.clone(), fills_layers, largest }
    }

    /// Whether layers that are computed as they are have to be filled up, and no others; else images themselves have to be.
    pub(crate) const fn fills_layers(&self) -> bool {
        self.fills_layers
    }

    /// Images that are best computed at a time, a power of two up to `most`: their maps stay in caches, and weights are not
    /// read for every image.
    pub(crate) fn images_at_once(&self, most: usize) -> usize {
        const NUMBERS: usize = 8 << 20;
        let fitting = (NUMBERS / self.largest.max(1)).clamp(1, most);
        1 << fitting.ilog2()
    }

    /// Computes a list of layers, and the sum that it ends in, if it does; `cx` is the list's. Behind what it gives may come copies
    /// of the first example, where it is not a sum.
    pub(crate) fn forward(&self, layers: &[LayerSpec], x: Features, sum: Option<Sum<'_>>, cx: &mut Cx<'_>) -> Features {
        let y = self.steps(layers, Flow::of(x), None, cx).into_features(&self.device);
        match sum {
            Some(sum) => sum.of(y),
            None => y,
        }
    }

    /// The same between maps; `sum` is the other way of a residual and what follows the sum.
    fn steps(&self, layers: &[LayerSpec], flow: Flow, sum: Option<(Map, After)>, cx: &mut Cx<'_>) -> Flow {
        let (mut flow, mut sum) = (flow, sum);
        let (count, fewest) = (flow.shape()[0], cx.fewest());
        let steps = &self.lists[cx.place().path()];
        for (number, (first, step)) in steps.iter().enumerate() {
            let taken = if number + 1 == steps.len() && step.is_open() { sum.take() } else { None };
            let path = cx.place().layer(*first, layers[*first].name());
            flow = profile::within(
                || path.path().to_owned(),
                || match step {
                    // Those inside it are filled up each by itself.
                    Step::Layer(at) if layers[*at].as_dyn().only_holds_layers() => {
                        Flow::of(cx.one(layers, *at, flow.first(count).into_features(&self.device)))
                    }
                    // What it gives stays filled up until a kernel takes it, so that the next layer finds it as it was left.
                    Step::Layer(at) => Flow::of(cx.one(layers, *at, flow.filled(fewest, &self.device))),
                    Step::Residual(at, after) => match &layers[*at] {
                        LayerSpec::Residual(residual) => {
                            Flow::Map(self.residual(residual, *after, flow.first(count), &mut cx.of(layers, *at)))
                        }
                        _ => unreachable!("the step is of a residual"),
                    },
                    _ => Flow::Map(step.measured(flow.first(count), taken.as_ref())),
                },
            );
        }
        match sum {
            Some(sum) => Flow::Map(step::sum(flow.first(count).into_map(), &sum)),
            None => flow,
        }
    }

    /// Both ways and their sum; `cx` is the residual's.
    fn residual(&self, residual: &Residual, after: After, flow: Flow, cx: &mut Cx<'_>) -> Map {
        let map = flow.into_map();
        let other = if residual.shortcut.is_empty() {
            map.clone()
        } else {
            let (flow, count) = (Flow::Map(map.clone()), map.shape[0]);
            self.steps(&residual.shortcut, flow, None, &mut cx.inside(&Residual::SHORTCUT)).first(count).into_map()
        };
        let sum = Some((other, after));
        self.steps(&residual.body, Flow::Map(map), sum, &mut cx.inside(&Residual::BODY)).into_map()
    }
}
