//! `single-shot`: every example is a class of its own.

use super::random::dealt;
use super::{Composition, Needs, Recipe, Turn};
use simpipe_base::check::count;

simpipe_base::params! {
    /// Batches of a pool in random order, in which every example counts as a class of its own: only another view of it is
    /// like it (Wu et al., 2018, arXiv:1805.01978). Labels are not looked at, so the training needs `views = 2` or more and
    /// augmenters. Passes are those of `random`: no example twice in an epoch.
    ///
    /// # Example
    ///
    /// ```toml
    /// { single-shot = { batch-size = 64 } }
    ///
    /// [train]
    /// augment = ["random-resized-crop", "horizontal-flip"]
    /// views = 2
    /// ```
    pub struct SingleShot {
        /// Examples in a batch, before they are multiplied by the views.
        #[aka("class_per_batch", "classes_per_batch", "batch", "size", "bs")]
        batch_size: usize = 64 => count(1),
    }
}

impl Recipe for SingleShot {
    fn composition(&self, _: Option<usize>) -> Composition {
        Composition { classes: Some(self.batch_size), examples: 1 }
    }

    fn needs(&self) -> Needs {
        Needs { pool: Some((self.batch_size, "batch-size")), ..Needs::default() }
    }

    fn makes_passes(&self) -> bool {
        true
    }

    fn own_classes(&self) -> bool {
        true
    }

    fn steps_per_pass(&self, sizes: &[usize]) -> Option<usize> {
        Some(sizes.iter().sum::<usize>() / self.batch_size)
    }

    fn batch(&self, turn: &Turn<'_>) -> Vec<usize> {
        dealt(turn, self.batch_size)
    }
}
