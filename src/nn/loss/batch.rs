//! A batch of embeddings, and what losses share of it: computed when first asked for, once.

use std::cell::OnceCell;

use burn::tensor::{Bool, Device, Tensor, TensorData};

use crate::nn::ops;

/// The embeddings of a batch with their labels.
#[derive(Debug)]
pub(in crate::nn) struct Embedded<'a> {
    /// `[batch, dim]`.
    pub(in crate::nn) embeddings: Tensor<2>,
    /// One per row.
    pub(in crate::nn) labels: &'a [i32],
    /// The labels that are trained on, each once, in ascending order.
    classes: &'a [i32],
    pairs: OnceCell<PairMasks>,
    directions: OnceCell<Tensor<2>>,
}

/// Which pairs of a batch share a label, both `[batch, batch]`.
#[derive(Debug)]
pub(super) struct PairMasks {
    /// Same label, without the anchor itself.
    pub(super) positive: Tensor<2, Bool>,
    /// Other label.
    pub(super) negative: Tensor<2, Bool>,
}

impl<'a> Embedded<'a> {
    /// # Panics
    /// If there is not one label per row.
    pub(in crate::nn) fn new(embeddings: Tensor<2>, labels: &'a [i32], classes: &'a [i32]) -> Self {
        assert_eq!(embeddings.dims()[0], labels.len(), "one label per row");
        Self { embeddings, labels, classes, pairs: OnceCell::new(), directions: OnceCell::new() }
    }

    /// Which rows form positive and negative pairs.
    pub(super) fn pairs(&self) -> &PairMasks {
        self.pairs.get_or_init(|| PairMasks::new(self.labels, &self.embeddings.device()))
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
    fn new(labels: &[i32], device: &Device) -> Self {
        let batch = labels.len();
        let mask = |keep: &dyn Fn(usize, usize) -> bool| {
            let values: Vec<bool> = (0..batch * batch).map(|at| keep(at / batch, at % batch)).collect();
            Tensor::from_data(TensorData::new(values, [batch, batch]), device)
        };
        Self {
            positive: mask(&|anchor, other| anchor != other && labels[anchor] == labels[other]),
            negative: mask(&|anchor, other| labels[anchor] != labels[other]),
        }
    }
}
