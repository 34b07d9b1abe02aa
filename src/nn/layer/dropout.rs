//! `dropout`: drops values at random in training.

use burn::tensor::{Tensor, TensorData};

use super::{Describe, FeatureShape, Features, LayerIssue, Pass, Site, Weightless, init};
use crate::base::check;
use crate::params;

params! {
    /// In training, sets each value to 0 with probability `rate` and divides the others by `1 - rate`
    /// (Srivastava et al., 2014, JMLR 15). Does nothing at inference.
    ///
    /// # Example
    ///
    /// ```toml
    /// { dropout = { rate = 0.1 } }
    /// ```
    pub struct Dropout {
        /// The probability, a share of 1.
        #[aka("p", "prob", "probability", "dropout_rate", "keep_prob")]
        rate: f64 => check::decay(),
    }
}

impl Describe for Dropout {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        Ok(input.clone())
    }
}

impl Weightless for Dropout {
    /// The mask depends on the stage's seed, the layer's number and the step alone: a resumed training draws it again.
    fn forward(&self, input: Features, site: Site<'_>) -> Features {
        let Pass::Train(training) = site.pass else { return input };
        let mut rng = training.seed.rng("dropout", &[site.at as u64, training.step]);
        #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
        let kept = (1.0 - self.rate).recip() as f32;
        let mut draw = || if init::unit(&mut rng) < self.rate { 0.0 } else { kept };
        match input {
            Features::Image(x) => Features::Image(mask(x, &mut draw)),
            Features::Vector(x) => Features::Vector(mask(x, &mut draw)),
        }
    }
}

fn mask<const D: usize>(x: Tensor<D>, draw: &mut impl FnMut() -> f32) -> Tensor<D> {
    let shape = x.dims();
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| draw()).collect();
    let mask = Tensor::from_data(TensorData::new(values, shape), &x.device());
    x * mask
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::base::seed::Seed;
    use crate::nn::layer::TrainPass;

    #[test]
    fn a_mask_follows_layer_and_step_and_keeps_the_mean() {
        let x = || Features::Vector(Tensor::ones([100, 100], &Device::flex()));
        let dropout = Dropout { rate: 0.25 };
        let run = |at, step| {
            let pass = Pass::Train(TrainPass::new(Seed::of_stage(1, "train", None), step));
            dropout.forward(x(), Site { at, pass: &pass }).into_vector().into_data().try_into_vec::<f32>().unwrap()
        };
        let values = run(0, 0);
        assert!(values.iter().all(|value| *value == 0.0 || (*value - 4.0 / 3.0).abs() < 1e-6));
        // Standard error of the mean: sqrt(1/3) / 100 = 0.006.
        let mean = values.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        assert_eq!(values, run(0, 0));
        assert_ne!(values, run(0, 1));
        assert_ne!(values, run(1, 0));
        let eval = dropout.forward(x(), Site { at: 0, pass: &Pass::Eval }).into_vector();
        assert!(eval.into_data().try_into_vec::<f32>().unwrap().iter().all(|value| *value == 1.0));
    }
}
