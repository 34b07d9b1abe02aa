//! A batch of embeddings, and what losses share of it: computed when first asked for, once.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::distances;
use super::pairs::PairCounts;
use crate::miner::{Mined, Mining};
use crate::ops;
use simpipe_artifact::Distance;

/// The embeddings of a batch with their labels, and what each row is compared with: its references, which are the rows
/// themselves unless a memory stands behind them.
#[derive(Debug)]
pub(crate) struct Embedded<'a> {
    /// `[batch, dim]`.
    pub(crate) embeddings: Tensor<2>,
    /// One per row.
    pub(crate) labels: &'a [i32],
    /// The labels that are trained on, each once, in ascending order.
    pub(crate) classes: &'a [i32],
    /// How many views of every example there are; the rows are view after view.
    views: usize,
    /// Rows behind the batch's own that every row is compared with.
    memory: Option<Memory>,
    /// What chooses pairs or triplets, where the losses do not take all of them.
    mining: Option<&'a Mining<'a>>,
    mined: OnceCell<Mined>,
    pairs: OnceCell<PairMasks>,
    /// The pairs that losses are made of, made by `pairs.rs`.
    pub(super) counts: OnceCell<PairCounts>,
    directions: OnceCell<Tensor<2>>,
    distances: RefCell<BTreeMap<(&'static str, bool), Tensor<2>>>,
}

/// Rows of earlier batches, without a gradient.
#[derive(Debug, Clone)]
struct Memory {
    /// `[rows, dim]`.
    embeddings: Tensor<2>,
    labels: Vec<i32>,
}

/// Which rows and references share a label, both `[batch, references]`.
#[derive(Debug)]
pub(super) struct PairMasks {
    /// Same label, without the row itself.
    pub(super) positive: Tensor<2, Bool>,
    /// Other label.
    pub(super) negative: Tensor<2, Bool>,
}

impl<'a> Embedded<'a> {
    /// # Panics
    /// If there is not one label per row.
    pub(crate) fn new(embeddings: Tensor<2>, labels: &'a [i32], classes: &'a [i32]) -> Self {
        assert_eq!(embeddings.dims()[0], labels.len(), "one label per row");
        Self {
            embeddings,
            labels,
            classes,
            views: 1,
            memory: None,
            mining: None,
            mined: OnceCell::new(),
            pairs: OnceCell::new(),
            counts: OnceCell::new(),
            directions: OnceCell::new(),
            distances: RefCell::default(),
        }
    }

    /// The same rows as `views` views of every example: all of the first view, then all of the second.
    ///
    /// # Panics
    /// If they are not a whole number of examples.
    pub(crate) fn of_views(self, views: usize) -> Self {
        assert!(views > 0 && self.labels.len().is_multiple_of(views), "a whole number of examples");
        Self { views, ..self }
    }

    /// The same rows, of whose pairs or triplets a miner chooses those that losses are made of.
    pub(crate) fn mined_by(self, mining: Option<&'a Mining<'a>>) -> Self {
        Self { mining, ..self }
    }

    /// The same labels for other embeddings, one per row: a part of each, say. What is mined is mined anew.
    pub(super) fn with_embeddings(&self, embeddings: Tensor<2>) -> Self {
        Self { views: self.views, mining: self.mining, ..Self::new(embeddings, self.labels, self.classes) }
    }

    /// The same batch, compared with these rows behind its own. What is mined is mined anew, among all of them.
    pub(super) fn with_memory(&self, embeddings: Tensor<2>, labels: Vec<i32>) -> Self {
        assert_eq!(embeddings.dims()[0], labels.len(), "one label per row");
        let memory = Some(Memory { embeddings, labels });
        Self { memory, ..self.with_embeddings(self.embeddings.clone()) }
    }

    /// The first `size` numbers of every row, at unit length if `unit`: the memory's too.
    ///
    /// # Panics
    /// If the rows are shorter.
    pub(super) fn beginning(&self, size: usize, unit: bool) -> Self {
        let cut = |rows: &Tensor<2>| {
            let rows = rows.clone().narrow(1, 0, size);
            if unit { ops::l2_normalize(rows) } else { rows }
        };
        let shorter = self.with_embeddings(cut(&self.embeddings));
        match &self.memory {
            None => shorter,
            Some(memory) => shorter.with_memory(cut(&memory.embeddings), memory.labels.clone()),
        }
    }

    /// The views, `[examples, dim]` each.
    pub(super) fn views(&self) -> Vec<Tensor<2>> {
        self.embeddings.clone().chunk(self.views, 0)
    }

    /// What every row is compared with, `[references, dim]`: the batch's own rows, then the memory's.
    pub(super) fn references(&self) -> Tensor<2> {
        self.behind(self.embeddings.clone(), |memory| memory)
    }

    /// The references at unit length.
    pub(crate) fn reference_directions(&self) -> Tensor<2> {
        self.behind(self.directions(), ops::l2_normalize)
    }

    fn behind(&self, own: Tensor<2>, made: impl Fn(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        match &self.memory {
            None => own,
            Some(memory) => Tensor::cat(vec![own, made(memory.embeddings.clone())], 0),
        }
    }

    /// One label per reference.
    pub(crate) fn reference_labels(&self) -> Vec<i32> {
        let memory = self.memory.as_ref().map_or(&[][..], |memory| &memory.labels);
        self.labels.iter().chain(memory).copied().collect()
    }

    /// The distance of every row to every reference, `[batch, references]`.
    pub(super) fn distances(&self, distance: Distance) -> Tensor<2> {
        self.kept((distance.name(), false), || {
            distances::pairwise(distance, self.embeddings.clone(), self.references())
        })
    }

    /// The same of all rows at unit length, as pytorch-metric-learning compares them.
    pub(crate) fn unit_distances(&self, distance: Distance) -> Tensor<2> {
        let computed = || distances::pairwise(distance, self.directions(), self.reference_directions());
        self.kept((distance.name(), true), computed)
    }

    /// Whether rows of earlier batches stand behind its own.
    pub(crate) const fn has_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// What the miner has chosen, computed when first asked for; `None` if there is no miner.
    pub(super) fn mined(&self) -> Option<&Mined> {
        self.mining.map(|mining| self.mined.get_or_init(|| mining.mine(self)))
    }

    fn kept(&self, key: (&'static str, bool), computed: impl FnOnce() -> Tensor<2>) -> Tensor<2> {
        self.distances.borrow_mut().entry(key).or_insert_with(computed).clone()
    }

    /// Which rows and references form positive and negative pairs.
    pub(super) fn pairs(&self) -> &PairMasks {
        let device = || self.embeddings.device();
        self.pairs.get_or_init(|| PairMasks::new(self.labels, &self.reference_labels(), &device()))
    }

    /// The embeddings at unit length: `[batch, dim]`.
    pub(super) fn directions(&self) -> Tensor<2> {
        self.directions.get_or_init(|| ops::l2_normalize(self.embeddings.clone())).clone()
    }

    /// Which rows are of which class: 1 or 0, `[batch, classes]`. A row of a class that is not trained on has only 0.
    pub(super) fn one_hot(&self) -> Tensor<2> {
        let (rows, columns) = (self.labels.len(), self.classes.len());
        let mut values = vec![0.0_f32; rows * columns];
        for (row, label) in self.labels.iter().enumerate() {
            if let Ok(class) = self.classes.binary_search(label) {
                values[row * columns + class] = 1.0;
            }
        }
        Tensor::from_data(TensorData::new(values, [rows, columns]), &self.embeddings.device())
    }
}

impl PairMasks {
    /// The first of the references are the rows themselves.
    pub(super) fn new(labels: &[i32], references: &[i32], device: &Device) -> Self {
        let (rows, columns) = (labels.len(), references.len());
        let mask = |keep: &dyn Fn(usize, usize) -> bool| {
            let values: Vec<bool> = (0..rows * columns).map(|at| keep(at / columns, at % columns)).collect();
            Tensor::from_data(TensorData::new(values, [rows, columns]), device)
        };
        Self {
            positive: mask(&|row, other| row != other && labels[row] == references[other]),
            negative: mask(&|row, other| labels[row] != references[other]),
        }
    }
}
