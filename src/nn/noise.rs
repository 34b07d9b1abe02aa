//! Batches for tests of trainings, without any image.

use rand::Rng;

use super::{Batch, Batches};
use simpipe_base::seed::Seed;

/// Three noisy images of each of three classes, of so many numbers each: the class decides which third of them is bright.
pub(crate) struct Noise(pub(crate) usize);

impl Batches for Noise {
    fn training(&self, epoch: u64, step: u64) -> Batch {
        let mut rng = Seed::of_stage(7, "noise", None).rng("batch", &[epoch, step]);
        let mut batch = Batch::default();
        for at in 0..9_usize {
            let bright = |number: usize| if number * 3 / self.0 == at / 3 { 90 } else { 0 };
            batch.pixels.extend((0..self.0).map(|number| (rng.next_u32() % 128) as u8 + bright(number)));
            batch.labels.push(i32::try_from(at / 3).unwrap());
        }
        batch
    }

    fn validation(&self, _: u64) -> Option<Batch> {
        None
    }
}
