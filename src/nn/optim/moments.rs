//! The moments of a gradient and of its square: what `adam`, `adamw` and `lamb` share.

use burn::tensor::Tensor;

use super::take;
use crate::fused;
use simpipe_kernel::AdamStep;

/// What they are called in a checkpoint.
pub(super) const SLOTS: &[&str] = &["m", "v"];

/// `m = b1 m + (1 - b1) g` and `v = b2 v + (1 - b2) g^2`; gives both.
pub(super) fn follow(gradient: Tensor<1>, slots: &mut [Tensor<1>], [beta_1, beta_2]: [f64; 2]) -> [Tensor<1>; 2] {
    let [first, second] = slots else { unreachable!("there are two moments") };
    *first = take(first).mul_scalar(beta_1) + gradient.clone().mul_scalar(1.0 - beta_1);
    *second = take(second).mul_scalar(beta_2) + gradient.square().mul_scalar(1.0 - beta_2);
    [first.clone(), second.clone()]
}

/// `w - lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)` with the moments of this step: by the fused kernel where there is
/// one.
pub(super) fn step(rule: &AdamStep, value: Tensor<1>, gradient: Tensor<1>, slots: &mut [Tensor<1>]) -> Tensor<1> {
    if fused::is_on_flex(&value) {
        let [first, second] = slots else { unreachable!("there are two moments") };
        let (value, [m, v]) = fused::adam(rule, [value, gradient, take(first), take(second)]);
        (*first, *second) = (m, v);
        return value;
    }
    let [first, second] = follow(gradient, slots, [rule.beta1, rule.beta2]);
    let exponent = i32::try_from(rule.step).unwrap_or(i32::MAX);
    let rate = rule.lr * (1.0 - rule.beta2.powi(exponent)).sqrt() / (1.0 - rule.beta1.powi(exponent));
    value - first.mul_scalar(rate) / second.sqrt().add_scalar(rule.eps)
}
