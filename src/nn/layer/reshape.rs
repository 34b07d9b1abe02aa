//! `flatten` and `l2-normalize`: layers without parameters that turn maps into vectors and vectors into directions.

use super::{Describe, FeatureShape, Features, LayerIssue, Site, Weightless};
use crate::nn::ops;

/// `[h, w, c]` to `[h w c]`, channels innermost.
#[derive(Debug)]
pub(super) struct Flatten;

impl Describe for Flatten {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        Ok(FeatureShape::Vector(input.size()))
    }
}

impl Weightless for Flatten {
    fn forward(&self, input: Features, _: Site<'_>) -> Features {
        match input {
            Features::Image(x) => {
                let [n, h, w, c] = x.dims();
                Features::Vector(x.reshape([n, h * w * c]))
            }
            vector @ Features::Vector(_) => vector,
        }
    }
}

/// `x * rsqrt(max(sum x^2, 1e-12))`.
#[derive(Debug)]
pub(super) struct L2Normalize;

impl Describe for L2Normalize {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        input.vector("l2-normalize").map(FeatureShape::Vector)
    }
}

impl Weightless for L2Normalize {
    fn forward(&self, input: Features, _: Site<'_>) -> Features {
        Features::Vector(ops::l2_normalize(input.into_vector()))
    }
}
