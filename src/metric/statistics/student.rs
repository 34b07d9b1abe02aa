//! Student's t distribution: its quantile, computed for any number of degrees of freedom.

/// The value below which a share `share` of Student's t distribution with `freedom` degrees of freedom lies.
///
/// By bisection of the distribution function, which is a regularised incomplete beta function (Abramowitz and Stegun
/// 26.7.1), to about 12 digits. `None` unless `freedom` is above 0 and `share` strictly between 0 and 1.
///
/// ```
/// use simpipe_metric::statistics::t_quantile;
/// assert!((t_quantile(0.975, 4.0).unwrap() - 2.7764451051977934).abs() < 1e-10);
/// ```
#[must_use]
pub fn t_quantile(share: f64, freedom: f64) -> Option<f64> {
    if !(share > 0.0 && share < 1.0 && freedom > 0.0 && freedom.is_finite()) {
        return None;
    }
    // The smaller of the two tails: exact also where the share is close to 0.
    let tail = share.min(1.0 - share);
    let beyond = |t: f64| incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)) / 2.0;
    let (mut low, mut high) = (0.0, 1.0);
    while beyond(high) > tail && high < 1e300 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if beyond(middle) > tail { low = middle } else { high = middle }
    }
    let t = f64::midpoint(low, high);
    Some(if tail == 0.5 { 0.0 } else { t.copysign(share - 0.5) })
}

/// The regularised incomplete beta function `I_x(a, b)`, by its continued fraction (Abramowitz and Stegun 26.5.8) where
/// that converges fast, else by `1 - I_{1-x}(b, a)`.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(a, b, x) / a
    } else {
        1.0 - front * continued_fraction(b, a, 1.0 - x) / b
    }
}

/// Lentz's evaluation of the fraction.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    let nonzero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..10_000_u32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0_f64).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// `ln Gamma(x)` for `x > 0`, by Stirling's series after the argument was raised to 15.
fn log_gamma(x: f64) -> f64 {
    let (mut raised, mut product) = (x, 1.0);
    while raised < 15.0 {
        product *= raised;
        raised += 1.0;
    }
    let square = 1.0 / (raised * raised);
    let series =
        1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)));
    (raised - 0.5) * raised.ln() - raised + 0.5 * (2.0 * std::f64::consts::PI).ln() + series / raised - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.t.ppf`, SciPy 1.17.1.
    const SCIPY: [(f64, f64, f64); 9] = [
        (0.975, 1.0, 12.706_204_736_174_694),
        (0.975, 2.0, 4.302_652_729_749_462),
        (0.975, 4.0, 2.776_445_105_197_793_4),
        (0.95, 9.0, 1.833_112_932_656_237),
        (0.975, 29.0, 2.045_229_642_132_703),
        (0.995, 120.0, 2.617_421_145_106_865_4),
        (0.975, 100_000.0, 1.959_987_707_534_609_5),
        (0.3, 2.5, -0.597_307_738_252_318),
        (1e-6, 3.0, -103.299_467_780_419_35),
    ];

    #[test]
    fn quantiles_are_those_of_scipy() {
        for (share, freedom, expected) in SCIPY {
            let found = t_quantile(share, freedom).unwrap();
            assert!((found - expected).abs() < 1e-9 * expected.abs(), "{share} {freedom}: {found}, not {expected}");
        }
    }

    #[test]
    fn it_is_symmetric_falls_with_freedom_and_has_bounds() {
        for freedom in 1..60 {
            let at = |share: f64, freedom: i32| t_quantile(share, freedom.into()).unwrap();
            assert!((at(0.975, freedom) + at(0.025, freedom)).abs() < 1e-9);
            assert!(at(0.975, freedom) > at(0.975, freedom + 1) && at(0.975, freedom) > 1.959_96);
            assert_eq!(at(0.5, freedom), 0.0);
        }
        for (share, freedom) in
            [(0.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0), (0.5, 0.0), (0.5, f64::NAN), (0.5, f64::INFINITY)]
        {
            assert_eq!(t_quantile(share, freedom), None);
        }
    }
}
