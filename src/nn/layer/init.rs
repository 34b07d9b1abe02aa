//! What weights a layer needs, and how they start: drawn on the host from the stage's own seed, so equal on every backend.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::place::Place;
use simpipe_base::seed::Seed;

/// A weight that a layer needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeightSpec {
    /// Within the layer: `weight`, `bias`, `gamma`.
    pub(crate) name: &'static str,
    /// As Keras lays it out: kernels `[height, width, in, out]`, matrices `[in, out]`.
    pub(crate) shape: Vec<usize>,
    /// Its first value.
    pub(crate) start: Start,
    /// Whether training changes it by gradient.
    pub(crate) trainable: bool,
    /// What the learning rate is multiplied by for it.
    pub(crate) rate_factor: f64,
}

impl WeightSpec {
    /// A weight that is trained.
    pub(crate) fn new(name: &'static str, shape: impl Into<Vec<usize>>, start: Start) -> Self {
        Self { name, shape: shape.into(), start, trainable: true, rate_factor: 1.0 }
    }

    /// A statistic that is moved towards those of the batches, not trained.
    pub(crate) fn statistic(name: &'static str, shape: impl Into<Vec<usize>>, start: Start) -> Self {
        Self { trainable: false, ..Self::new(name, shape, start) }
    }

    /// The same, at a learning rate of its own: the optimiser's times `factor`.
    pub(crate) const fn at_rate(mut self, factor: f64) -> Self {
        self.rate_factor = factor;
        self
    }

    /// How many numbers it has; `None` if that overflows.
    pub(super) fn size(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |size, side| size.checked_mul(*side))
    }
}

/// A weight of one layer of a tree.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    /// `layers.1.conv2d.weight`.
    pub(crate) path: String,
    pub(crate) spec: WeightSpec,
    /// The numbers of the layer's place.
    numbers: Vec<u64>,
    /// Which of the layer's weights it is.
    at: u64,
}

impl Declared {
    pub(crate) fn new(place: &Place, at: usize, spec: WeightSpec) -> Self {
        Self { path: place.weight(spec.name), spec, numbers: place.numbers().to_vec(), at: at as u64 }
    }

    /// Its own generator, so that no weight's start depends on another's. A layer's first weight has the layer's stream.
    pub(crate) fn rng(&self, seed: Seed) -> ChaCha8Rng {
        let own = Some(self.at).filter(|at| *at > 0);
        let purpose = if own.is_some() { "init of a further weight" } else { "init" };
        let position: Vec<u64> = self.numbers.iter().copied().chain(own).collect();
        seed.rng(purpose, &position)
    }
}

/// A weight of shape `[side, side, inputs, groups * outputs]`; a matrix has the side 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) side: usize,
    /// Of one group.
    pub(crate) inputs: usize,
    /// Of one group.
    pub(crate) outputs: usize,
    pub(crate) groups: usize,
}

impl Filters {
    /// Makes the first filters of each group hand their input on.
    fn write_identity(self, weight: &mut [f32]) {
        let Self { side, inputs, outputs, groups } = self;
        let all = groups * outputs;
        let centre = side / 2 * side + side / 2;
        for (filter, channel) in (0..all).map(|filter| (filter, filter % outputs)).filter(|(_, at)| *at < inputs) {
            for row in 0..side * side * inputs {
                weight[row * all + filter] = f32::from(u8::from(row == centre * inputs + channel));
            }
        }
    }
}

/// How a weight starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Start {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All the same.
    Constant {
        /// The value.
        value: f64,
    },
    /// Uniform in `[-l, l)` with `l = sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010).
    GlorotUniform {
        /// Numbers that one output is made of.
        fan_in: usize,
        /// Outputs that one number goes into.
        fan_out: usize,
    },
    /// Of a normal distribution with mean 0.
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// Uniform in `[-limit, limit)`.
    Uniform {
        /// The limit.
        limit: f64,
    },
    /// Uniform in `[-l, l)` with `l = 1 / sqrt(fan in)`, but for the first filters, which hand their input on.
    Dirac(Filters),
}

impl Start {
    /// `count` values.
    pub(crate) fn values(self, count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        match self {
            Self::Zeros => vec![0.0; count],
            Self::Ones => vec![1.0; count],
            #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
            Self::Constant { value } => vec![value as f32; count],
            Self::GlorotUniform { fan_in, fan_out } => {
                #[expect(clippy::cast_precision_loss, reason = "a fan is far below 2^52")]
                let limit = (6.0 / (fan_in + fan_out) as f64).sqrt();
                uniform(limit, count, rng)
            }
            Self::Uniform { limit } => uniform(limit, count, rng),
            Self::Dirac(filters) => {
                #[expect(clippy::cast_precision_loss, reason = "a fan is far below 2^52")]
                let fan_in = (filters.side * filters.side * filters.inputs) as f64;
                let mut weight = uniform(fan_in.recip().sqrt(), count, rng);
                filters.write_identity(&mut weight);
                weight
            }
            #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
            Self::Normal { std } => (0..count).map(|_| (normal(rng) * std) as f32).collect(),
        }
    }
}

/// Uniform in `[-limit, limit)`.
fn uniform(limit: f64, count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    (0..count).map(|_| ((2.0 * unit(rng) - 1.0) * limit) as f32).collect()
}

/// Of the normal distribution with mean 0 and deviation 1 (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * unit(rng)).cos()
}

/// Uniform in `[0, 1)`, in steps of 2^-24.
pub(crate) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32() >> 8) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_the_interval_and_follow_the_seed() {
        let draw = |layer| {
            let mut rng = Seed::of_stage(1, "train", None).rng("init", &[layer]);
            Start::GlorotUniform { fan_in: 100, fan_out: 100 }.values(10_000, &mut rng)
        };
        let limit = (6.0_f32 / 200.0).sqrt();
        let values = draw(0);
        assert!(values.iter().all(|value| value.abs() <= limit));
        // The variance of a uniform distribution is l^2 / 3 = 0.01; 10,000 draws are within 5 % of it.
        let variance = values.iter().map(|value| value * value).sum::<f32>() / 10_000.0;
        assert!((variance - 0.01).abs() < 5e-4, "{variance}");
        assert_eq!(values, draw(0));
        assert_ne!(values, draw(1));
    }

    #[test]
    fn normal_values_have_their_mean_and_deviation() {
        let mut rng = Seed::of_stage(1, "train", None).rng("init", &[0]);
        let values = Start::Normal { std: 0.5 }.values(10_000, &mut rng);
        let mean = values.iter().sum::<f32>() / 10_000.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 10_000.0;
        // Standard errors: 0.005 of the mean, 0.0035 of the variance.
        assert!(mean.abs() < 0.02 && (variance - 0.25).abs() < 0.015, "{mean} {variance}");
    }

    #[test]
    fn every_weight_of_a_layer_has_a_stream_of_its_own() {
        let place = Place::root().layer(2, "dense");
        let spec = || WeightSpec::new("weight", [4], Start::GlorotUniform { fan_in: 2, fan_out: 2 });
        let draw = |at| {
            let declared = Declared::new(&place, at, spec());
            declared.spec.start.values(4, &mut declared.rng(Seed::of_stage(1, "train", None)))
        };
        assert_ne!(draw(0), draw(1));
        let mut whole = Seed::of_stage(1, "train", None).rng("init", &[2]);
        assert_eq!(draw(0), spec().start.values(4, &mut whole));
    }
}
