//! `normalize`: fixed mean and standard deviation by channel, as pretrained networks want their input.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Affine, Cx, FeatureShape, Features, Layer, Walk};
use simpipe_base::bounds::Length;
use simpipe_base::check::{self, Check};
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `y = (x - mean) / std`, by channel.
    ///
    /// # Example
    ///
    /// ```toml
    /// { normalize = { mean = [125.3, 123.0, 113.9], std = [63.0, 62.1, 66.7] } }
    /// ```
    pub struct Normalize {
        /// One number a channel.
        mean: Vec<f64> => check::not_empty(),
        /// One number a channel, above 0.
        #[aka("stddev", "variance", "sigma")]
        std: Vec<f64> => above_0(),
    }
}

fn above_0() -> Check<Vec<f64>> {
    let test = |std: &Vec<f64>| !std.is_empty() && std.iter().all(|std| std.is_finite() && *std > 0.0);
    let check = Check::new("a list of numbers above 0", test);
    check.with_bounds(check::positive().bounds).with_length(Length::at_least(1))
}

impl Layer for Normalize {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        let channels = input.channels();
        for (name, list) in [("mean", &self.mean), ("std", &self.std)] {
            if list.len() != channels {
                let message = format!("`{name}` has {} numbers, but its input has {channels} channels", list.len());
                return Err(Issue::of(format!("normalize.{name}"), message).help("write one number per channel"));
            }
        }
        Ok(input.clone())
    }

    fn forward(&self, input: Features, _: &mut Cx<'_>) -> Features {
        match input {
            Features::Image(x) => Features::Image(self.apply(x)),
            Features::Tokens(x) => Features::Tokens(self.apply(x)),
            Features::Vector(x) => Features::Vector(self.apply(x)),
        }
    }

    fn affine(&self, _: usize, _: &dyn Fn(&str) -> Vec<f64>) -> Option<Affine> {
        let shift = self.mean.iter().zip(&self.std).map(|(mean, std)| -mean / std).collect();
        Some(Affine { scale: self.std.iter().map(|std| std.recip()).collect(), shift })
    }
}

/// The numbers as a tensor of shape `shape`.
fn constant<const D: usize>(values: impl Iterator<Item = f64>, shape: [usize; D], device: &Device) -> Tensor<D> {
    #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
    let values: Vec<f32> = values.map(|value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl Normalize {
    fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut shape = [1; D];
        shape[D - 1] = self.mean.len();
        let device = x.device();
        let mean = constant(self.mean.iter().copied(), shape, &device);
        let scale = constant(self.std.iter().map(|std| std.recip()), shape, &device);
        (x - mean) * scale
    }
}
