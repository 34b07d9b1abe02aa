//! Multi-shot batches: C distinct classes, then K distinct examples of each ("PK sampling"; Hermans, Beyer and
//! Leibe, 2017, arXiv:1703.07737, section 2).

use rand_chacha::ChaCha8Rng;

use super::draw;
use crate::base::check::count;

crate::params! {
    /// Batches of some distinct classes with some distinct examples of each (PK sampling: Hermans, Beyer and Leibe, 2017,
    /// arXiv:1703.07737, section 2).
    pub struct MultiShot {
        /// Distinct classes in a batch.
        #[aka("num_classes", "n_classes", "ways", "n_way", "classes", "num_classes_per_batch", "classes_per_episode")]
        classes_per_batch: usize = 10 => count(1),
        /// Distinct examples of each class in a batch.
        #[aka(
            "m_per_class", "m", "samples_per_class", "instances", "num_instances", "instances_per_class", "shots",
            "k_shot", "examples_per_class_per_batch", "images_per_class",
        )]
        examples_per_class: usize = 8 => count(1),
    }
}

impl MultiShot {
    /// One batch of positions; `by_class` has enough of both.
    pub(super) fn batch(&self, by_class: &[Vec<usize>], rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut batch = Vec::with_capacity(self.classes_per_batch * self.examples_per_class);
        for class in draw::distinct(rng, by_class.len(), self.classes_per_batch) {
            let positions = &by_class[class];
            let chosen = draw::distinct(rng, positions.len(), self.examples_per_class);
            batch.extend(chosen.into_iter().map(|at| positions[at]));
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::base::seed::Seed;
    use crate::data::sampler::{BatchSampler, Sampler};

    fn sampler(classes: usize, examples: usize, labels: &[i32]) -> BatchSampler {
        let multi_shot = MultiShot { classes_per_batch: classes, examples_per_class: examples };
        BatchSampler::new(Sampler::MultiShot(multi_shot), Seed::of_stage(42, "sample", None), labels).unwrap()
    }

    proptest! {
        #[test]
        fn a_batch_has_distinct_classes_with_distinct_examples(
            classes in 1_usize..6, examples in 1_usize..5, more in 0_usize..3, epoch: u64, index: u64,
        ) {
            // Labels 0, 3, 6, .. in turn, so that positions of a class are apart.
            let labels: Vec<i32> = (0..(classes + more) * (examples + more))
                .map(|at| i32::try_from(at % (classes + more) * 3).unwrap())
                .collect();
            let batches = sampler(classes, examples, &labels);
            let batch = batches.batch(epoch, index);
            prop_assert_eq!(batch.len(), batches.batch_size());
            prop_assert_eq!(batch.iter().collect::<BTreeSet<_>>().len(), batch.len());
            let groups: Vec<BTreeSet<i32>> =
                batch.chunks(examples).map(|group| group.iter().map(|&at| labels[at]).collect()).collect();
            prop_assert!(groups.iter().all(|group| group.len() == 1), "grouped by class");
            prop_assert_eq!(groups.iter().flatten().collect::<BTreeSet<_>>().len(), classes);
            prop_assert_eq!(batches.batch(epoch, index), batch, "drawn again, the same");
        }
    }

    #[test]
    fn every_example_is_drawn_over_time_and_batches_differ() {
        let labels: Vec<i32> = (0..60).map(|at| at % 6).collect();
        let batches = sampler(2, 2, &labels);
        let drawn: BTreeSet<usize> = (0..200).flat_map(|index| batches.batch(0, index)).collect();
        assert_eq!(drawn.len(), 60);
        let distinct: BTreeSet<Vec<usize>> = (0..5)
            .flat_map(|epoch| (0..5).map(move |index| (epoch, index)))
            .map(|(e, i)| batches.batch(e, i))
            .collect();
        assert_eq!(distinct.len(), 25);
    }

    #[test]
    fn a_pool_that_is_too_small_for_a_batch_is_refused() {
        let shot = |classes, examples| {
            let multi_shot = MultiShot { classes_per_batch: classes, examples_per_class: examples };
            let seed = Seed::of_stage(1, "sample", None);
            BatchSampler::new(Sampler::MultiShot(multi_shot), seed, &[0, 0, 1, 1, 1])
                .map(|sampler| sampler.batch_size())
        };
        assert_eq!(shot(2, 2).unwrap(), 4);
        assert_eq!(shot(3, 1).unwrap_err().to_string(), "a batch needs 3 classes, the pool has 2");
        let message = "a batch needs 3 examples of a class, the pool has 2 of label 0";
        assert_eq!(shot(2, 3).unwrap_err().to_string(), message);
    }
}
