//! `rescale`: brings pixels of 0 to 255 into a small range.

use super::{Affine, Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::check::{self, Check};
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `y = x / divide-by + offset`.
    pub struct Rescale {
        /// The divisor.
        #[aka("scale", "divisor", "by")]
        divide_by: f64 = 255.0 => Check::new("a number other than 0", |by: &f64| by.is_finite() && *by != 0.0),
        /// Added after the division.
        offset: f64 = 0.0 => check::finite(),
    }
}

impl Layer for Rescale {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        Ok(input.clone())
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        // Multiplied by the reciprocal, as Keras' `Rescaling(1 / 255)` is.
        let (scale, offset) = (self.divide_by.recip(), self.offset);
        let shift = offset != 0.0;
        match input {
            Features::Image(x) if shift => Features::Image(x.mul_scalar(scale).add_scalar(offset)),
            Features::Tokens(x) if shift => Features::Tokens(x.mul_scalar(scale).add_scalar(offset)),
            Features::Vector(x) if shift => Features::Vector(x.mul_scalar(scale).add_scalar(offset)),
            Features::Image(x) => Features::Image(x.mul_scalar(scale)),
            Features::Tokens(x) => Features::Tokens(x.mul_scalar(scale)),
            Features::Vector(x) => Features::Vector(x.mul_scalar(scale)),
        }
    }
    fn affine(&self, channels: usize, _: &dyn Fn(&str) -> Vec<f64>) -> Option<Affine> {
        Some(Affine::uniform(self.divide_by.recip(), self.offset, channels))
    }
}
