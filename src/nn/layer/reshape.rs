//! `flatten` and `l2-normalize`: layers without parameters that turn maps into vectors and vectors into directions.

use super::{Cx, FeatureShape, Features, Layer, Length, Walk};
use crate::ops;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `[h, w, c]` to `[h w c]`, channels innermost.
    pub struct Flatten {}
}

impl Layer for Flatten {
    fn length(&self) -> Length {
        Length::Kept
    }

    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        Ok(FeatureShape::Vector(input.size()))
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        match input {
            Features::Image(x) => {
                let [n, h, w, c] = x.dims();
                Features::Vector(x.reshape([n, h * w * c]))
            }
            Features::Tokens(x) => {
                let [n, t, c] = x.dims();
                Features::Vector(x.reshape([n, t * c]))
            }
            vector @ Features::Vector(_) => vector,
        }
    }
}

params! {
    /// `x * rsqrt(max(sum x^2, 1e-12))`.
    pub struct L2Normalize {}
}

impl Layer for L2Normalize {
    fn length(&self) -> Length {
        Length::Unit
    }

    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        input.vector("l2-normalize").map(FeatureShape::Vector)
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        Features::Vector(ops::l2_normalize(input.into_vector()))
    }
}
