//! Multi-shot batches: C distinct classes, then K distinct examples of each ("PK sampling"; Hermans, Beyer and
//! Leibe, 2017, arXiv:1703.07737, section 2).

use super::{ClassWeights, Composition, Needs, Recipe, Turn, draw};
use simpipe_base::check::count;

simpipe_base::params! {
    /// Batches of some distinct classes with some distinct examples of each (PK sampling: Hermans, Beyer and Leibe, 2017,
    /// arXiv:1703.07737, section 2).
    pub struct MultiShot {
        /// Number of distinct classes per batch.
        #[aka("num_classes", "n_classes", "ways", "n_way", "classes", "num_classes_per_batch", "classes_per_episode")]
        classes_per_batch: usize = 10 => count(1),
        /// Number of distinct examples of each class per batch.
        #[aka(
            "m_per_class", "m", "samples_per_class", "instances", "num_instances", "instances_per_class", "shots",
            "k_shot", "examples_per_class_per_batch", "images_per_class",
        )]
        examples_per_class: usize = 8 => count(1),
        /// How often each class is drawn; by default all equally often.
        #[aka("class_weights", "class_weighting", "weighting", "sampling_weights")]
        weights: Option<ClassWeights> = None,
    }
}

impl Recipe for MultiShot {
    fn composition(&self, _: Option<usize>) -> Composition {
        Composition { classes: Some(self.classes_per_batch), examples: self.examples_per_class }
    }

    fn needs(&self) -> Needs {
        Needs {
            classes: Some((self.classes_per_batch, "classes-per-batch")),
            examples: Some((self.examples_per_class, "examples-per-class")),
            pool: None,
        }
    }

    /// Grouped by class.
    fn batch(&self, turn: &Turn<'_>) -> Vec<usize> {
        let (by_class, mut rng) = (&turn.pool.by_class, turn.rng());
        let mut batch = Vec::with_capacity(self.classes_per_batch * self.examples_per_class);
        for class in ClassWeights::draw(self.weights.as_ref(), by_class, self.classes_per_batch, &mut rng) {
            let positions = &by_class[class];
            let chosen = draw::distinct(&mut rng, positions.len(), self.examples_per_class);
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
    use crate::sampler::{BatchSampler, Sampler};
    use simpipe_base::seed::Seed;

    fn sampler(classes: usize, examples: usize, labels: &[i32]) -> BatchSampler {
        weighted(classes, examples, labels, None)
    }

    fn weighted(classes: usize, examples: usize, labels: &[i32], weights: Option<ClassWeights>) -> BatchSampler {
        let multi_shot = MultiShot { classes_per_batch: classes, examples_per_class: examples, weights };
        BatchSampler::new(Sampler::MultiShot(multi_shot), Seed::of_stage(42, "sample", None), labels, &[]).unwrap()
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
    fn weighted_classes_are_drawn_as_often_as_their_weights_say() {
        // Classes of 8, 2 and 2 examples.
        let labels = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2];
        for (weights, expected) in [
            (None, 1.0 / 3.0),
            (Some(ClassWeights::Uniform), 1.0 / 3.0),
            (Some(ClassWeights::BySize), 8.0 / 12.0),
            (Some(ClassWeights::SquareRoot), 2.0 / 4.0),
            (Some(ClassWeights::InverseSize), 1.0 / 9.0),
        ] {
            let batches = weighted(1, 1, &labels, weights.clone());
            let drawn = (0..4000).filter(|&index| batches.batch(0, index)[0] < 8).count() as f64 / 4000.0;
            // A standard deviation is at most 0.008.
            assert!((drawn - expected).abs() < 0.03, "{weights:?}: {drawn}");
            // All classes at once, each once.
            let all: BTreeSet<i32> =
                weighted(3, 1, &labels, weights).batch(0, 0).into_iter().map(|at| labels[at]).collect();
            assert_eq!(all.len(), 3);
        }
        let plain = weighted(2, 2, &labels, None);
        let uniform = weighted(2, 2, &labels, Some(ClassWeights::Uniform));
        assert!((0..9).all(|index| plain.batch(1, index) == uniform.batch(1, index)), "the same batches");
    }

    #[test]
    fn a_pool_that_is_too_small_for_a_batch_is_refused() {
        let shot = |classes, examples| {
            let multi_shot = MultiShot { classes_per_batch: classes, examples_per_class: examples, weights: None };
            let seed = Seed::of_stage(1, "sample", None);
            BatchSampler::new(Sampler::MultiShot(multi_shot), seed, &[0, 0, 1, 1, 1], &[])
                .map(|sampler| sampler.batch_size())
        };
        assert_eq!(shot(2, 2).unwrap(), 4);
        assert_eq!(shot(3, 1).unwrap_err().to_string(), "a batch needs 3 classes, the pool has 2");
        let message = "a batch needs 3 examples of a class, the pool has 2 of label 0";
        assert_eq!(shot(2, 3).unwrap_err().to_string(), message);
    }
}
