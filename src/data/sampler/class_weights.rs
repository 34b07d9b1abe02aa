//! How often each class is drawn.

use rand_chacha::ChaCha8Rng;

use super::draw;

simpipe_base::choice! {
    /// How often each class is drawn.
    pub enum ClassWeights {
        /// All classes equally often.
        #[aka("balanced", "equal", "none")]
        "uniform" => Uniform,
        /// As often as it has examples in the pool, so that every example is as likely.
        #[aka("proportional", "natural", "instance", "frequency")]
        "by-size" => BySize,
        /// As the square root of its number of examples (Mahajan et al., 2018, arXiv:1805.00932).
        #[aka("sqrt", "square_root_sampling")]
        "square-root" => SquareRoot,
        /// Proportional to one divided by its number of examples.
        #[aka("inverse", "inverse_frequency", "reversed", "rare_first")]
        "inverse-size" => InverseSize,
    }
}

/// Weights are whole numbers, so that nothing depends on how a sum is rounded: shares of this.
const ONE: u64 = 1 << 40;

impl ClassWeights {
    /// `count` distinct classes of a pool, one after the other by their weights among those that are left.
    pub(super) fn draw(
        weights: Option<&Self>,
        by_class: &[Vec<usize>],
        count: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<usize> {
        let Some(weights) = weights.filter(|weights| **weights != Self::Uniform) else {
            return draw::distinct(rng, by_class.len(), count);
        };
        let mut left: Vec<u64> = by_class.iter().map(|positions| weights.of(positions.len() as u64)).collect();
        let mut sum: u64 = left.iter().sum();
        let pick = |_| {
            let mut place = draw::below(rng, sum);
            let class = left.iter().position(|weight| {
                let found = place < *weight;
                place = place.saturating_sub(*weight);
                found
            });
            let class = class.expect("the place is below the sum");
            sum -= std::mem::take(&mut left[class]);
            class
        };
        (0..count).map(pick).collect()
    }

    /// The weight of a class of so many examples, at least 1.
    const fn of(&self, size: u64) -> u64 {
        match self {
            Self::Uniform => 1,
            Self::BySize => size,
            // In 2^10ths of an example's weight.
            Self::SquareRoot => (size << 20).isqrt(),
            Self::InverseSize => ONE / size,
        }
    }
}
