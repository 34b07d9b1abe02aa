//! `epochs`: balanced batches of every class, no example twice in an epoch.

use super::{Composition, Needs, Recipe, Turn};
use simpipe_base::check::count;

simpipe_base::params! {
    /// Batches of some examples of every class of the pool. In each epoch every class is shuffled on its own and dealt out
    /// batch by batch: an epoch shows no example twice, and every example once where the classes are of one size that is a
    /// multiple of `examples-per-class`.
    ///
    /// What does not fill a batch is left out: an epoch ends when the smallest class is used up, so larger classes show
    /// only as many examples as that one, others in each epoch. If `steps-per-epoch` of the training asks for more batches
    /// than there are, further passes begin, each shuffled anew; if it is left out, an epoch is one pass.
    ///
    /// # Example
    ///
    /// ```toml
    /// { epochs = { examples-per-class = 5 } }
    /// ```
    pub struct Epochs {
        /// Number of distinct examples of each class per batch.
        #[aka(
            "m_per_class", "m", "samples_per_class", "instances", "num_instances", "shots", "images_per_class",
        )]
        examples_per_class: usize = 8 => count(1),
    }
}

impl Recipe for Epochs {
    fn composition(&self, classes: Option<usize>) -> Composition {
        Composition { classes, examples: self.examples_per_class }
    }

    fn needs(&self) -> Needs {
        Needs { examples: Some((self.examples_per_class, "examples-per-class")), ..Needs::default() }
    }

    fn makes_passes(&self) -> bool {
        true
    }

    fn steps_per_pass(&self, sizes: &[usize]) -> Option<usize> {
        sizes.iter().min().map(|smallest| smallest / self.examples_per_class)
    }

    /// Classes take turns.
    fn batch(&self, turn: &Turn<'_>) -> Vec<usize> {
        let pool = turn.pool;
        let sizes: Vec<usize> = pool.by_class.iter().map(Vec::len).collect();
        let steps = self.steps_per_pass(&sizes).unwrap_or(0).max(1) as u64;
        let numbers = pool.labels.iter().map(|label| u64::from(label.cast_unsigned()));
        let order = turn.order(turn.index / steps, || numbers.zip(pool.by_class.iter().cloned()).collect());
        let begin = usize::try_from(turn.index % steps).unwrap_or(0) * self.examples_per_class;
        let dealt = (begin..begin + self.examples_per_class).flat_map(|at| order.iter().map(move |class| class[at]));
        dealt.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sampler::{BatchSampler, Sampler};
    use simpipe_base::seed::Seed;

    fn batches(examples: usize, labels: &[i32]) -> BatchSampler {
        let epochs = Sampler::Epochs(Epochs { examples_per_class: examples });
        BatchSampler::new(epochs, Seed::of_stage(42, "sample", None), labels, &[]).unwrap()
    }

    #[test]
    fn an_epoch_shows_every_example_once_and_each_batch_all_classes() {
        let labels: Vec<i32> = (0..60).map(|at| at % 3 * 5).collect();
        let batches = batches(4, &labels);
        assert_eq!((batches.steps_per_pass(), batches.batch_size()), (Some(5), 12));
        for epoch in 0..3 {
            let mut seen = BTreeSet::new();
            for index in 0..5 {
                let batch = batches.batch(epoch, index);
                let classes: Vec<i32> = batch.iter().map(|&at| labels[at]).collect();
                assert_eq!(classes, [0, 5, 10].repeat(4), "classes take turns");
                seen.extend(batch);
            }
            assert_eq!(seen.len(), 60);
        }
        assert_ne!(batches.batch(0, 0), batches.batch(1, 0), "every epoch is shuffled anew");
        assert_ne!(batches.batch(0, 0), batches.batch(0, 5), "so is every further pass");
        let next: BTreeSet<usize> = (5..10).flat_map(|index| batches.batch(0, index)).collect();
        assert_eq!(next.len(), 60);
    }

    #[test]
    fn a_batch_is_a_function_of_its_place_alone() {
        let labels: Vec<i32> = (0..60).map(|at| at % 3).collect();
        let (one, other) = (batches(4, &labels), batches(4, &labels));
        let places: Vec<(u64, u64)> = (0..4).flat_map(|epoch| (0..7).map(move |index| (epoch, index))).collect();
        let forwards: Vec<_> = places.iter().map(|&(epoch, index)| one.batch(epoch, index)).collect();
        let mut backwards: Vec<_> = places.iter().rev().map(|&(epoch, index)| other.batch(epoch, index)).collect();
        backwards.reverse();
        assert_eq!(forwards, backwards);
    }

    #[test]
    fn the_smallest_class_ends_an_epoch_and_larger_ones_change() {
        // Classes of 12, 5 and 7 examples: two batches of 2, and what is left of the smallest is left out.
        let labels: Vec<i32> = [vec![0; 12], vec![1; 5], vec![2; 7]].concat();
        let batches = batches(2, &labels);
        assert_eq!(batches.steps_per_pass(), Some(2));
        let seen = |epoch| (0..2).flat_map(|index| batches.batch(epoch, index)).collect::<BTreeSet<usize>>();
        assert!((0..9).all(|epoch| seen(epoch).len() == 12));
        assert_eq!((0..40).flat_map(seen).collect::<BTreeSet<usize>>().len(), 24, "all in the long run");
    }
}
