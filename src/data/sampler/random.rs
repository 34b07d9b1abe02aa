//! `random`: any examples, each once in an epoch.

use super::{Composition, Needs, Recipe, Turn};
use simpipe_base::check::count;

simpipe_base::params! {
    /// Batches of a pool in random order, whatever the classes. In each epoch the pool is shuffled and dealt out batch by
    /// batch, so an epoch shows no example twice; what does not fill the last batch is left out, others in each epoch. If
    /// `steps-per-epoch` of the training asks for more batches than there are, further passes begin, each shuffled anew; if
    /// it is left out, an epoch is one pass.
    ///
    /// A batch may have one example of a class or none, so losses that compare pairs need another sampler.
    pub struct Random {
        /// Number of examples per batch.
        #[aka("batch", "size", "bs")]
        batch_size: usize = 64 => count(1),
    }
}

impl Recipe for Random {
    fn composition(&self, _: Option<usize>) -> Composition {
        Composition { classes: None, examples: self.batch_size }
    }

    fn needs(&self) -> Needs {
        Needs { pool: Some((self.batch_size, "batch-size")), ..Needs::default() }
    }

    fn makes_passes(&self) -> bool {
        true
    }

    fn steps_per_pass(&self, sizes: &[usize]) -> Option<usize> {
        Some(sizes.iter().sum::<usize>() / self.batch_size)
    }

    fn batch(&self, turn: &Turn<'_>) -> Vec<usize> {
        dealt(turn, self.batch_size)
    }
}

/// The part of a shuffled pool that is a batch of this size.
pub(super) fn dealt(turn: &Turn<'_>, size: usize) -> Vec<usize> {
    let count = turn.pool.count();
    let steps = (count / size).max(1) as u64;
    let order = turn.order(turn.index / steps, || vec![(0, (0..count).collect())]);
    let begin = usize::try_from(turn.index % steps).unwrap_or(0) * size;
    order[0][begin..begin + size].to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sampler::{BatchSampler, Sampler, SingleShot};
    use simpipe_base::seed::Seed;

    fn batches(sampler: Sampler) -> Result<BatchSampler, String> {
        let labels = [0, 0, 1, 1, 1, 2, 2, 2, 2, 2];
        BatchSampler::new(sampler, Seed::of_stage(42, "sample", None), &labels, &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn an_epoch_shows_no_example_twice() {
        let batches = batches(Sampler::Random(Random { batch_size: 3 })).unwrap();
        assert_eq!((batches.steps_per_pass(), batches.batch_size()), (Some(3), 3));
        let seen = |epoch| (0..3).flat_map(|index| batches.batch(epoch, index)).collect::<BTreeSet<usize>>();
        assert!((0..9).all(|epoch| seen(epoch).len() == 9));
        assert_eq!((0..20).flat_map(seen).collect::<BTreeSet<usize>>().len(), 10, "another one is left out each time");
        assert_ne!(batches.batch(0, 0), batches.batch(0, 3));
        assert_eq!(batches.composition(1), "batch size 3 (3 examples of any class)");
    }

    #[test]
    fn a_pool_that_fills_no_batch_is_refused() {
        assert!(batches(Sampler::Random(Random { batch_size: 10 })).is_ok());
        let error = batches(Sampler::Random(Random { batch_size: 11 })).unwrap_err();
        assert_eq!(error, "a batch needs 11 examples, the pool has 10");
    }

    #[test]
    fn examples_may_be_their_own_classes() {
        let samples = simpipe_artifact::Samples {
            example_id: vec![7, 9, 3, 4, 5, 6, 1, 2, 8, 11],
            label: vec![0; 10],
            ..Default::default()
        };
        let own = batches(Sampler::SingleShot(SingleShot { batch_size: 4 })).unwrap();
        assert_eq!(own.labels(&samples).unwrap(), [7, 9, 3, 4, 5, 6, 1, 2, 8, 11]);
        assert_eq!(own.composition(2), "batch size 8 (4 examples x 2 views)");
        assert_eq!(own.batch(0, 0), batches(Sampler::Random(Random { batch_size: 4 })).unwrap().batch(0, 0));
        let shared = batches(Sampler::Random(Random { batch_size: 4 })).unwrap();
        assert_eq!(shared.labels(&samples).unwrap(), [0; 10]);
    }
}
