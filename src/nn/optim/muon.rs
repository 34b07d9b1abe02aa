//! `muon`: steps of equal length in every direction of a kernel or matrix.

use burn::tensor::Tensor;

use super::{Optimizer, Rule, Tick, square_norm, take};
use crate::ops;
use crate::parameters::Updated;
use simpipe_base::check::{self, Check};
use simpipe_base::param;
use simpipe_base::params;

params! {
    /// Muon (Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks") with renormalised weights, as
    /// in the fast CIFAR-10 training of Jordan (2024, arXiv:2404.00498):
    ///
    /// `b = momentum b + g`, `u = g + momentum b` (without `nesterov` `u = b`), `w = w sqrt(out) / |w|`,
    /// `X = u / (|u| + 1e-7)`, then `newton-schulz-steps` times `M = X X'`, `X = 3.4445 X + (-4.7750 M + 2.0315 M M) X`, and
    /// `w = w - lr X`: Newton-Schulz steps, which bring all singular values of `X` near 1.
    ///
    /// # Shapes
    ///
    /// Kernels and matrices of the network, seen as `out x (in kernel kernel)`, turned around where that is higher than wide.
    /// Biases, normalisations and all that a loss learns (class proxies) are left to `rest`. `|w|` is the root of the sum of
    /// squares; weights of 0 are not renormalised.
    ///
    /// # Example
    ///
    /// ```toml
    /// { muon = { learning-rate = 0.12, rest = { adam = { learning-rate = 0.01 } } } }
    /// ```
    pub struct Muon {
        /// Step size.
        #[aka("lr", "base_lr", "initial_lr", "eta", "step_size")]
        learning_rate: f64 = 0.12 => check::positive(),
        /// How much of the direction of previous steps is kept.
        momentum: f64 = 0.6 => check::decay(),
        /// Whether to use Nesterov momentum, which looks one step ahead.
        #[aka("use_nesterov")]
        nesterov: bool = true,
        /// Newton-Schulz steps of each update.
        #[aka("steps", "ns_steps", "backend_steps")]
        newton_schulz_steps: usize = 3 => check::between(1, 20),
        /// Whether a weight is brought to the length `sqrt(out)` before every step.
        #[aka("norm_weight", "normalize_weights")]
        renormalize: bool = true,
        /// The optimiser for all other parameters, with its own learning rate.
        #[aka("other", "backup_optimizer")]
        rest: Box<Optimizer> = Box::new(Optimizer::Adam(param::defaults())) => another_rule(),
    }
}

#[expect(clippy::borrowed_box, reason = "a check is of the parameter's own type")]
fn another_rule() -> Check<Box<Optimizer>> {
    Check::new("another rule than `muon`", |rest: &Box<Optimizer>| !matches!(**rest, Optimizer::Muon(_)))
}

/// Coefficients of the quintic whose repetition brings numbers from 0 to 1 near 1 fastest.
const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// Keeps a gradient of 0 from a division by 0.
const TINY: f64 = 1e-7;

/// The parameter as a matrix, outputs last: `[in kernel kernel, out]`; `None` where `rest` has it.
fn matrix(of: &Updated<'_>) -> Option<[usize; 2]> {
    let (out, inner) = of.shape.split_last()?;
    let of_network = !of.path.starts_with("loss.");
    (of_network && !inner.is_empty()).then(|| [inner.iter().product(), *out])
}

impl Rule for Muon {
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn slots(&self, of: &Updated<'_>) -> &'static [&'static str] {
        if matrix(of).is_some() { &["momentum"] } else { self.rest.as_dyn().slots(of) }
    }

    fn update(
        &self,
        tick: Tick,
        of: &Updated<'_>,
        value: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
    ) -> Tensor<1> {
        let Some(sides) = matrix(of) else { return self.rest.as_dyn().update(tick, of, value, gradient, slots) };
        let [buffer] = slots else { unreachable!("Muon has one slot") };
        *buffer = take(buffer).mul_scalar(self.momentum) + gradient.clone();
        let direction =
            if self.nesterov { gradient + buffer.clone().mul_scalar(self.momentum) } else { buffer.clone() };
        let value = if self.renormalize { renormalized(value, sides[1]) } else { value };
        value - self.orthogonal(direction, sides).mul_scalar(tick.rate(self.learning_rate))
    }

    fn misfit(&self) -> Option<(String, String)> {
        self.rest.misfit().map(|(path, message)| (format!("rest.{path}"), message))
    }
}

impl Muon {
    /// The Newton-Schulz steps. They are the same of a matrix and of the same turned around, so the smaller side is the
    /// one that is multiplied out.
    fn orthogonal(&self, direction: Tensor<1>, [inner, out]: [usize; 2]) -> Tensor<1> {
        let size = square_norm(&direction).sqrt() + TINY;
        let x: Tensor<2> = direction.div_scalar(size).reshape([inner, out]);
        let turned = inner > out;
        let mut x = if turned { x.transpose() } else { x };
        let [a, b, c] = QUINTIC;
        for _ in 0..self.newton_schulz_steps {
            let m = ops::product(x.clone(), x.clone().transpose());
            let inner = m.clone().mul_scalar(b) + ops::product(m.clone(), m).mul_scalar(c);
            x = x.clone().mul_scalar(a) + ops::product(inner, x);
        }
        let x = if turned { x.transpose() } else { x };
        x.reshape([inner * out])
    }
}

/// The weight at the length `sqrt(out)`.
#[expect(clippy::cast_precision_loss, reason = "a layer has far fewer than 2^52 outputs")]
fn renormalized(value: Tensor<1>, out: usize) -> Tensor<1> {
    let size = square_norm(&value).sqrt();
    if size > 0.0 { value.mul_scalar((out as f64).sqrt() / size) } else { value }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::optim::golden_tests;

    #[test]
    fn steps_are_those_of_the_formula() {
        golden_tests::assert_steps("muon");
    }

    #[test]
    fn all_but_kernels_and_matrices_of_the_network_is_left_to_the_rest() {
        let of = |path, shape| Updated { path, shape, rate_factor: 1.0, group: None };
        assert_eq!(matrix(&of("layers.1.conv2d.weight", &[3, 3, 4, 8])), Some([36, 8]));
        assert_eq!(matrix(&of("layers.4.dense.weight", &[5, 7])), Some([5, 7]));
        assert_eq!(matrix(&of("layers.4.dense.bias", &[7])), None);
        assert_eq!(matrix(&of("loss.proxy-anchor.proxies", &[10, 7])), None);
        let muon: Muon = param::defaults();
        assert_eq!(muon.slots(&of("layers.4.dense.bias", &[7])), ["m", "v"]);
    }

    #[test]
    fn all_singular_values_of_a_step_are_near_1() {
        // Of a diagonal matrix the step is diagonal too, and its singular values can be read off.
        let device = Device::flex();
        let diagonal = Tensor::<1>::from_floats([1.0, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.2], &device);
        let muon = Muon { newton_schulz_steps: 5, ..param::defaults() };
        let step = muon.orthogonal(diagonal, [3, 3]).into_data().try_into_vec::<f32>().unwrap();
        for (at, value) in step.iter().enumerate() {
            let expected = [1.0, -1.0, 1.0][at / 3];
            assert!(if at % 4 == 0 { (value - expected).abs() < 0.35 } else { value.abs() < 1e-6 }, "{step:?}");
        }
    }

    #[test]
    fn a_gradient_and_a_weight_of_0_stay() {
        let device = Device::flex();
        let zeros = || Tensor::<1>::zeros([6], &device);
        let of = Updated { path: "layers.0.dense.weight", shape: &[2, 3], rate_factor: 1.0, group: None };
        let tick = Tick { step: 1, schedule: 1.0, factor: 1.0 };
        let muon: Muon = param::defaults();
        let value = muon.update(tick, &of, zeros(), zeros(), &mut [zeros()]);
        assert_eq!(value.into_data().try_into_vec::<f32>().unwrap(), [0.0; 6]);
    }

    #[test]
    fn muon_is_no_rest_of_itself() {
        let issues = param::from_json::<Optimizer>(&serde_json::json!({ "muon": { "rest": "muon" } })).unwrap_err();
        assert!(issues[0].message.contains("must be another rule than `muon`"), "{issues:?}");
    }
}
