//! Random numbers as augmenters need them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::sampler::draw;

/// A generator for one augmenter and one image.
#[derive(Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) const fn new(rng: ChaCha8Rng) -> Self {
        Self(rng)
    }

    /// A number of `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * STEP
    }

    /// Whether something happens that has this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number between two.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `bound`.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(draw::below(&mut self.0, bound as u64)).expect("below a usize")
    }

    /// Puts items into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        draw::shuffle(&mut self.0, items);
    }
}
