//! `prelu`: a relu whose slope below 0 is learned.

use burn::tensor::{Tensor, activation};

use super::init::{Start, WeightSpec};
use super::{Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `x` above 0, `slope x` below, with a learned slope for each channel (He et al., 2015, arXiv:1502.01852).
    pub struct Prelu {
        /// The slope at the start.
        #[aka("init", "slope", "alpha")]
        start: f64 = 0.25 => check::finite(),
    }
}

/// `[channels]`.
const SLOPE: &str = "slope";

impl Layer for Prelu {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        Ok(input.clone())
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        vec![WeightSpec::new(SLOPE, [input.channels()], Start::Constant { value: self.start })]
    }

    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        let slope = cx.weight::<1>(SLOPE);
        match x {
            Features::Image(x) => Features::Image(prelu(x, slope.unsqueeze())),
            Features::Tokens(x) => Features::Tokens(prelu(x, slope.unsqueeze())),
            Features::Vector(x) => Features::Vector(prelu(x, slope.unsqueeze())),
        }
    }
}

fn prelu<const D: usize>(x: Tensor<D>, slope: Tensor<D>) -> Tensor<D> {
    activation::relu(x.clone()) - activation::relu(x.neg()) * slope
}
