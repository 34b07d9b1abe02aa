//! The smooth step that ranks are counted with.

/// A value with its slope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) value: f64,
    pub(super) slope: f64,
}

/// `1 / (1 + exp(-x))`.
pub(super) fn step(x: f64) -> Step {
    let small = (-x.abs()).exp(); // at most 1, so that nothing overflows
    let of_positive = (1.0 + small).recip();
    Step { value: if x < 0.0 { small * of_positive } else { of_positive }, slope: small * of_positive * of_positive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_smooth_and_never_overflows() {
        for x in [-3.0, -0.1, 0.0, 0.5, 4.0] {
            let (Step { value, slope }, by) = (step(x), 1e-6);
            assert!((value - 1.0 / (1.0 + (-x).exp())).abs() < 1e-15);
            assert!((slope - (step(x + by).value - step(x - by).value) / (2.0 * by)).abs() < 1e-9);
        }
        assert_eq!((step(1e9).value, step(-1e9).value, step(1e9).slope), (1.0, 0.0, 0.0));
    }
}
