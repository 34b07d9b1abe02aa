//! Samplers: which examples of a dataset form a pool ([`Pool`]), and which of the pool form batch i.
//!
//! Every draw is a pure function of the stage's seed and a position, so any batch can be shown without drawing
//! those before it.

mod class_list;
mod classes;
pub mod draw;
mod multi_shot;
mod pool;

pub use class_list::{ClassList, ClassRef, Written, item_of_name};
pub use multi_shot::MultiShot;
pub use pool::{Outlook, Pool, PoolFacts, Problem};

use crate::artifact::{SamplerFile, Samples};
use crate::base::param;
use crate::base::seed::Seed;

crate::choice! {
    /// How batches are drawn from the pool.
    pub enum Sampler {
        /// Some distinct classes, then some distinct examples of each.
        #[aka(
            "MPerClassSampler", "MultiShotMemorySampler", "pk", "PKSampler", "balanced",
            "TFDatasetMultiShotMemorySampler",
        )]
        "multi-shot" => MultiShot(MultiShot),
    }
}

impl Sampler {
    /// Distinct classes in a batch.
    #[must_use]
    pub const fn classes_per_batch(&self) -> usize {
        match self {
            Self::MultiShot(multi_shot) => multi_shot.classes_per_batch,
        }
    }

    /// Examples of each class in a batch.
    #[must_use]
    pub const fn examples_per_class(&self) -> usize {
        match self {
            Self::MultiShot(multi_shot) => multi_shot.examples_per_class,
        }
    }

    /// The path of a parameter of the sampler, inside the stage's table.
    fn path(&self, field: &str) -> String {
        format!("sampler.{}.{field}", self.name())
    }
}

/// Why batches can't be drawn from stored files.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// `sampler.json` was written by another version of the program.
    #[error("the sampler's format is {0}, this program reads format 1")]
    Format(u32),
    /// The sampler or its seed can't be read back.
    #[error("the sampler's {0} is not readable")]
    Unreadable(&'static str),
    /// The pool does not suit the sampler.
    #[error("{0}")]
    Pool(String),
}

/// Draws the batches of a pool.
#[derive(Debug, Clone)]
pub struct BatchSampler {
    seed: Seed,
    sampler: Sampler,
    /// Positions in the pool, by class in the order of labels.
    by_class: Vec<Vec<usize>>,
}

impl BatchSampler {
    /// The sampler of a stored pool.
    ///
    /// # Errors
    /// If the files don't fit each other.
    pub fn load(samples: &Samples, file: &SamplerFile) -> Result<Self, SamplerError> {
        if file.format != crate::artifact::FORMAT {
            return Err(SamplerError::Format(file.format));
        }
        let sampler: Sampler = param::from_json(&file.sampler).map_err(|_| SamplerError::Unreadable("recipe"))?;
        let seed = Seed::from_hex(&file.seed).ok_or(SamplerError::Unreadable("seed"))?;
        Self::new(sampler, seed, &samples.label)
    }

    /// A sampler of a pool with these labels by position.
    ///
    /// # Errors
    /// If there are too few classes, or too few examples of a class, for a batch.
    pub fn new(sampler: Sampler, seed: Seed, labels: &[i32]) -> Result<Self, SamplerError> {
        let mut by_class = std::collections::BTreeMap::<i32, Vec<usize>>::new();
        for (position, label) in labels.iter().enumerate() {
            by_class.entry(*label).or_default().push(position);
        }
        let (classes, examples) = (sampler.classes_per_batch(), sampler.examples_per_class());
        if by_class.len() < classes {
            return Err(SamplerError::Pool(format!(
                "a batch needs {classes} classes, the pool has {}",
                by_class.len()
            )));
        }
        if let Some((label, few)) = by_class.iter().find(|(_, positions)| positions.len() < examples) {
            let found = few.len();
            let message =
                format!("a batch needs {examples} examples of a class, the pool has {found} of label {label}");
            return Err(SamplerError::Pool(message));
        }
        Ok(Self { seed, sampler, by_class: by_class.into_values().collect() })
    }

    /// Positions in the pool of batch `index` of an epoch, grouped by class: a pure function of seed, epoch and
    /// index.
    #[must_use]
    pub fn batch(&self, epoch: u64, index: u64) -> Vec<usize> {
        let mut rng = self.seed.rng("batch", &[epoch, index]);
        match &self.sampler {
            Sampler::MultiShot(multi_shot) => multi_shot.batch(&self.by_class, &mut rng),
        }
    }

    /// Examples in a batch.
    #[must_use]
    pub const fn batch_size(&self) -> usize {
        self.sampler.classes_per_batch() * self.sampler.examples_per_class()
    }
}
