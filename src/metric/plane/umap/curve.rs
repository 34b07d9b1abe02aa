//! How near two points of the map are taken to be: `1 / (1 + a d^2b)`, and what moves them.

use super::APART;

/// Places at which the curve is fitted, from 0 to three times what groups are wide.
const PLACES: usize = 300;
/// Steps of the fit at most; it needs about ten.
const STEPS: usize = 200;

/// The two numbers of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    pub(super) a: f64,
    pub(super) b: f64,
}

impl Curve {
    /// The curve nearest, by least squares, to 1 up to `min_dist` and to `exp(min_dist - d)` beyond.
    ///
    /// By Levenberg and Marquardt's method from `a = b = 1`, as umap-learn fits it.
    pub(super) fn of(min_dist: f64) -> Self {
        let sample = |at: usize| {
            let place = 3.0 * at as f64 / (PLACES - 1) as f64;
            (place, if place < min_dist { 1.0 } else { libm::exp(min_dist - place) })
        };
        let samples: Vec<(f64, f64)> = (0..PLACES).map(sample).collect();
        let mut curve = Self { a: 1.0, b: 1.0 };
        let (mut damping, mut error) = (1e-3, curve.error(&samples));
        for _ in 0..STEPS {
            let Some(next) = curve.step(&samples, damping) else { break };
            let found = next.error(&samples);
            if found < error {
                let gained = error - found;
                (curve, error, damping) = (next, found, damping / 10.0);
                if gained <= 1e-15 * error {
                    break;
                }
            } else {
                damping *= 10.0;
            }
        }
        curve
    }

    fn at(self, place: f64) -> f64 {
        1.0 / (1.0 + self.a * libm::pow(place, 2.0 * self.b))
    }

    fn error(self, samples: &[(f64, f64)]) -> f64 {
        samples.iter().map(|(place, wanted)| (self.at(*place) - wanted).powi(2)).sum()
    }

    /// The next place of the fit; `None` where nothing moves it, or out of the curves that fall.
    fn step(self, samples: &[(f64, f64)], damping: f64) -> Option<Self> {
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (place, wanted) in samples.iter().filter(|sample| sample.0 > 0.0) {
            let (value, power) = (self.at(*place), libm::pow(*place, 2.0 * self.b));
            let by_a = -power * value * value;
            let by_b = self.a * by_a * 2.0 * libm::log(*place);
            let off = wanted - value;
            (aa, ab, bb) = (aa + by_a * by_a, ab + by_a * by_b, bb + by_b * by_b);
            (ga, gb) = (ga + by_a * off, gb + by_b * off);
        }
        let (aa, bb) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let whole = aa * bb - ab * ab;
        let next = Self { a: self.a + (ga * bb - gb * ab) / whole, b: self.b + (gb * aa - ga * ab) / whole };
        if !(next.a.is_finite() && next.b.is_finite()) || damping > 1e12 {
            return None;
        }
        Some(Self { a: next.a.max(1e-3), b: next.b.max(1e-3) })
    }

    /// How strongly a neighbour pulls, at this square of a distance: negative, for it shortens the way.
    pub(super) fn pull(self, square: f64) -> f64 {
        if square <= 0.0 {
            return 0.0;
        }
        let power = libm::pow(square, self.b - 1.0);
        -2.0 * self.a * self.b * power / (self.a * power * square + 1.0)
    }

    /// How strongly a random point pushes.
    pub(super) fn push(self, square: f64) -> f64 {
        if square <= 0.0 {
            return 0.0;
        }
        2.0 * self.b / ((APART + square) * (self.a * libm::pow(square, self.b) + 1.0))
    }
}
