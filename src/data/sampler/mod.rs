//! Samplers: which examples of a dataset form a pool ([`Pool`]), and which of the pool form batch i.
//!
//! Every draw is a pure function of the stage's seed and a position, so any batch can be shown without drawing
//! those before it.

mod categories;
mod class_list;
mod class_weights;
mod classes;
pub mod draw;
mod epochs;
mod hierarchical;
mod multi_shot;
mod pool;
mod random;
mod single_shot;

pub use categories::Categories;
pub use class_list::{ClassList, ClassRef, Written, item_of_name};
pub use class_weights::ClassWeights;
pub use classes::labels_of;
pub use epochs::Epochs;
pub use hierarchical::Hierarchical;
pub use multi_shot::MultiShot;
pub use pool::{ExpectedPool, Pool, PoolFacts};
pub use random::Random;
pub use single_shot::SingleShot;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;

use simpipe_artifact::{SamplerFile, Samples};
use simpipe_base::issue::Issue;
use simpipe_base::param;
use simpipe_base::seed::Seed;

simpipe_base::choice! {
    /// How batches are drawn from the pool.
    pub enum Sampler: pub(in crate::sampler) dyn Recipe {
        /// Some distinct classes, then some distinct examples of each.
        #[aka(
            "MPerClassSampler", "MultiShotMemorySampler", "pk", "PKSampler", "balanced",
            "TFDatasetMultiShotMemorySampler",
        )]
        "multi-shot" => MultiShot(MultiShot),
        /// Examples regardless of class: each is a class of its own.
        #[aka("SingleShotMemorySampler", "self_supervised", "instance_discrimination", "contrastive_views")]
        "single-shot" => SingleShot(SingleShot),
        /// Some examples of every class; an epoch shows no example twice.
        #[aka("stratified", "StratifiedSampler", "class_balanced_epochs", "one_pass", "stratified_batches")]
        "epochs" => Epochs(Epochs),
        /// Any examples; an epoch shows each once.
        #[aka("RandomSampler", "DataLoader", "BatchSampler", "unbalanced", "plain")]
        "random" => Random(Random),
        /// Some categories, then some classes of each, then some examples of each class.
        #[aka("HierarchicalSampler", "super_classes", "categories", "hierarchy")]
        "hierarchical" => Hierarchical(Hierarchical),
    }
}

/// One way to draw batches. A new one is a file and a line in [`Sampler`].
pub(in crate::sampler) trait Recipe: std::fmt::Debug {
    /// What the batches of a pool of so many classes are made of.
    fn composition(&self, classes: Option<usize>) -> Composition;

    /// What a pool must have for a batch.
    fn needs(&self) -> Needs;

    /// What is wrong with the parameters for classes of these names, of which these labels are in the pool. Paths are
    /// inside the sampler's own table.
    fn misfits(&self, _names: &[String], _labels: Option<&[usize]>) -> Vec<Issue> {
        Vec::new()
    }

    /// Whether the parameters name classes: then the names of all classes belong to the recipe, also of those that a pool has
    /// none of.
    fn names_classes(&self) -> bool {
        false
    }

    /// Batches of one pass over a pool whose classes have so many examples; `None` where batches are drawn without end.
    fn steps_per_pass(&self, _sizes: &[usize]) -> Option<usize> {
        None
    }

    /// Whether it makes passes at all.
    fn makes_passes(&self) -> bool {
        false
    }

    /// Whether every example counts as a class of its own.
    fn own_classes(&self) -> bool {
        false
    }

    /// Positions in the pool of one batch.
    fn batch(&self, turn: &Turn<'_>) -> Vec<usize>;
}

/// What a batch is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// Distinct classes; `None` if that is open, or not known yet.
    pub classes: Option<usize>,
    /// Examples of each class, or of all where the classes are open.
    pub examples: usize,
}

/// What a pool must have for a batch: a number, and the parameter that asks for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sampler) struct Needs {
    /// Classes.
    pub(in crate::sampler) classes: Option<(usize, &'static str)>,
    /// Examples of each class.
    pub(in crate::sampler) examples: Option<(usize, &'static str)>,
    /// Examples of all classes together.
    pub(in crate::sampler) pool: Option<(usize, &'static str)>,
}

impl Sampler {
    /// What the batches of a pool of so many classes are made of.
    #[must_use]
    pub fn composition(&self, classes: Option<usize>) -> Composition {
        self.as_dyn().composition(classes)
    }

    /// Whether it makes passes over its pool, each of which shows no example twice.
    #[must_use]
    pub fn makes_passes(&self) -> bool {
        self.as_dyn().makes_passes()
    }

    /// Whether the parameters name classes: then the names of all classes belong to the recipe, also of those that a pool has
    /// none of.
    #[must_use]
    pub fn names_classes(&self) -> bool {
        self.as_dyn().names_classes()
    }

    /// Whether every example counts as a class of its own.
    #[must_use]
    pub fn own_classes(&self) -> bool {
        self.as_dyn().own_classes()
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

/// Positions in a pool, by class in the order of labels.
#[derive(Debug, Clone, Default)]
pub(in crate::sampler) struct Grouped {
    pub(in crate::sampler) labels: Vec<i32>,
    pub(in crate::sampler) by_class: Vec<Vec<usize>>,
    /// Names of all classes of the dataset, by label.
    pub(in crate::sampler) names: Vec<String>,
}

impl Grouped {
    fn new(labels: &[i32], names: &[String]) -> Self {
        let mut by_class = BTreeMap::<i32, Vec<usize>>::new();
        for (position, label) in labels.iter().enumerate() {
            by_class.entry(*label).or_default().push(position);
        }
        let (labels, by_class) = by_class.into_iter().unzip();
        Self { labels, by_class, names: names.to_vec() }
    }

    fn sizes(&self) -> Vec<usize> {
        self.by_class.iter().map(Vec::len).collect()
    }

    /// Examples of all classes.
    pub(in crate::sampler) fn count(&self) -> usize {
        self.by_class.iter().map(Vec::len).sum()
    }
}

/// The orders in which passes show a pool, by epoch and pass: a list of positions a class, or one of all.
type Orders = Vec<((u64, u64), Arc<Vec<Vec<usize>>>)>;

/// One batch to draw.
#[derive(Debug)]
pub(in crate::sampler) struct Turn<'a> {
    pub(in crate::sampler) pool: &'a Grouped,
    pub(in crate::sampler) epoch: u64,
    pub(in crate::sampler) index: u64,
    seed: Seed,
    orders: &'a Mutex<Orders>,
}

impl Turn<'_> {
    /// Random numbers of this batch.
    pub(in crate::sampler) fn rng(&self) -> ChaCha8Rng {
        self.seed.rng("batch", &[self.epoch, self.index])
    }

    /// The order of a pass: lists of positions, each shuffled on its own. It follows from the seed alone; the last ones are
    /// kept, so that a pass is not shuffled anew for each of its batches.
    pub(in crate::sampler) fn order(
        &self,
        pass: u64,
        lists: impl FnOnce() -> Vec<(u64, Vec<usize>)>,
    ) -> Arc<Vec<Vec<usize>>> {
        /// Threads that work ahead are in two passes at once.
        const KEPT: usize = 2;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = orders.iter().find(|(place, _)| *place == (self.epoch, pass)) {
            return order.clone();
        }
        let shuffled = |(number, mut list): (u64, Vec<usize>)| {
            draw::shuffle(&mut self.seed.rng("pass", &[self.epoch, pass, number]), &mut list);
            list
        };
        let order = Arc::new(lists().into_iter().map(shuffled).collect::<Vec<_>>());
        if orders.len() == KEPT {
            orders.remove(0);
        }
        orders.push(((self.epoch, pass), order.clone()));
        order
    }
}

/// Draws the batches of a pool.
#[derive(Debug)]
pub struct BatchSampler {
    seed: Seed,
    sampler: Sampler,
    pool: Grouped,
    orders: Mutex<Orders>,
}

impl BatchSampler {
    /// The sampler of a stored pool.
    ///
    /// # Errors
    /// If the files don't fit each other.
    pub fn load(samples: &Samples, file: &SamplerFile) -> Result<Self, SamplerError> {
        if file.format != simpipe_artifact::FORMAT {
            return Err(SamplerError::Format(file.format));
        }
        let sampler: Sampler = param::from_json(&file.sampler).map_err(|_| SamplerError::Unreadable("recipe"))?;
        let seed = Seed::from_hex(&file.seed).ok_or(SamplerError::Unreadable("seed"))?;
        Self::new(sampler, seed, &samples.label, &file.classes)
    }

    /// A sampler of a pool with these labels by position, whose names are those of all classes of the dataset.
    ///
    /// # Errors
    /// If there are too few classes, or too few examples of a class, for a batch.
    pub fn new(sampler: Sampler, seed: Seed, labels: &[i32], names: &[String]) -> Result<Self, SamplerError> {
        let pool = Grouped::new(labels, names);
        let needs = sampler.as_dyn().needs();
        if let Some((classes, _)) = needs.classes.filter(|(classes, _)| pool.labels.len() < *classes) {
            let found = pool.labels.len();
            return Err(SamplerError::Pool(format!("a batch needs {classes} classes, the pool has {found}")));
        }
        if let Some((count, _)) = needs.pool.filter(|(count, _)| pool.count() < *count) {
            let found = pool.count();
            return Err(SamplerError::Pool(format!("a batch needs {count} examples, the pool has {found}")));
        }
        let examples = needs.examples.map_or(0, |(examples, _)| examples);
        if let Some((label, few)) = pool.labels.iter().zip(pool.sizes()).find(|(_, size)| *size < examples) {
            let message = format!("a batch needs {examples} examples of a class, the pool has {few} of label {label}");
            return Err(SamplerError::Pool(message));
        }
        let present: Vec<usize> = pool.labels.iter().filter_map(|label| usize::try_from(*label).ok()).collect();
        if let Some(problem) = sampler.as_dyn().misfits(names, Some(&present)).into_iter().next() {
            return Err(SamplerError::Pool(problem.message));
        }
        Ok(Self { seed, sampler, pool, orders: Mutex::default() })
    }

    /// Positions in the pool of batch `index` of an epoch: a pure function of seed, epoch and index.
    #[must_use]
    pub fn batch(&self, epoch: u64, index: u64) -> Vec<usize> {
        let turn = Turn { pool: &self.pool, epoch, index, seed: self.seed, orders: &self.orders };
        self.sampler.as_dyn().batch(&turn)
    }

    /// What a batch is made of.
    fn parts(&self) -> Composition {
        self.sampler.composition(Some(self.pool.labels.len()))
    }

    /// Number of examples per batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        let parts = self.parts();
        parts.examples * parts.classes.unwrap_or(1)
    }

    /// What a batch of so many views of each example is made of, in words.
    #[must_use]
    pub fn composition(&self, views: usize) -> String {
        let parts = self.parts();
        let (size, shown) =
            (self.batch_size() * views, if views > 1 { format!(" x {views} views") } else { String::new() });
        match parts.classes {
            _ if self.sampler.own_classes() => format!("batch size {size} ({} examples{shown})", self.batch_size()),
            Some(classes) => format!("batch size {size} ({classes} classes x {} examples{shown})", parts.examples),
            None => format!("batch size {size} ({} examples of any class{shown})", parts.examples),
        }
    }

    /// Batches of one pass over the pool; `None` where batches are drawn without end.
    #[must_use]
    pub fn steps_per_pass(&self) -> Option<usize> {
        self.sampler.as_dyn().steps_per_pass(&self.pool.sizes())
    }

    /// What the loss sees as the class of each position: its label, or itself where every example is its own class.
    ///
    /// # Errors
    /// If an example's number is none of 32 bits.
    pub fn labels(&self, samples: &Samples) -> Result<Vec<i32>, SamplerError> {
        if !self.sampler.own_classes() {
            return Ok(samples.label.clone());
        }
        let class =
            |id: &u64| i32::try_from(*id).map_err(|_| SamplerError::Pool(format!("there are too many examples: {id}")));
        samples.example_id.iter().map(class).collect()
    }
}
