//! `dropout`: drops values at random in training.

use burn::tensor::{Tensor, TensorData};

use super::{Cx, FeatureShape, Features, Layer, Walk, init};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

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

impl Layer for Dropout {
    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        Ok(input.clone())
    }

    /// The mask depends on the stage's seed, the layer's place and the step alone: a resumed training draws it again.
    fn forward(&self, input: Features, cx: &mut Cx<'_>) -> Features {
        let Some(mut rng) = cx.rng("dropout") else { return input };
        #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
        let kept = (1.0 - self.rate).recip() as f32;
        let mut draw = || if init::unit(&mut rng) < self.rate { 0.0 } else { kept };
        match input {
            Features::Image(x) => Features::Image(mask(x, &mut draw)),
            Features::Tokens(x) => Features::Tokens(mask(x, &mut draw)),
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
    use crate::layer::{LayerSpec, Mode, TrainPass};
    use crate::ops::Numerics;
    use crate::parameters::Parameters;
    use simpipe_base::seed::Seed;

    #[test]
    fn a_mask_follows_layer_and_step_and_keeps_the_mean() {
        let x = || Features::Vector(Tensor::ones([100, 100], &Device::flex()));
        let layers = [LayerSpec::Dropout(Dropout { rate: 0.25 }), LayerSpec::Dropout(Dropout { rate: 0.25 })];
        let (parameters, values) =
            (Parameters::default(), |y: Features| y.into_vector().into_data().try_into_vec::<f32>().unwrap());
        let run = |at, step| {
            let mut pass = TrainPass::new(Seed::of_stage(1, "train", None), step);
            values(Cx::root(&parameters, Numerics::Fast, Mode::Train(&mut pass)).one(&layers, at, x()))
        };
        let kept = run(0, 0);
        assert!(kept.iter().all(|value| *value == 0.0 || (*value - 4.0 / 3.0).abs() < 1e-6));
        // Standard error of the mean: sqrt(1/3) / 100 = 0.006.
        let mean = kept.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        assert_eq!(kept, run(0, 0));
        assert_ne!(kept, run(0, 1));
        assert_ne!(kept, run(1, 0));
        let eval = values(Cx::root(&parameters, Numerics::Fast, Mode::Eval).one(&layers, 0, x()));
        assert!(eval.iter().all(|value| *value == 1.0));
    }
}
