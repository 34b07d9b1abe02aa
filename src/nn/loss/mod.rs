//! Losses: one file a loss, each giving the loss of every row of a batch; the batch's loss is their mean.
//!
//! Owns the choice [`LossSpec`] and the pair masks that supervised losses share. Knows nothing of networks.

pub mod distances;
mod multi_similarity;

pub use multi_similarity::MultiSimilarity;

use burn::tensor::{Bool, Device, Tensor, TensorData};

use crate::artifact::Distance;
use crate::choice;
use crate::nn::ops;

choice! {
    /// What training minimises.
    pub enum LossSpec {
        /// Hard pairs around each anchor, softly weighted (Wang et al., 2019, arXiv:1904.06627).
        #[aka("MultiSimilarityLoss", "ms", "ms_loss")]
        "multi-similarity" => MultiSimilarity(MultiSimilarity),
    }
}

impl LossSpec {
    /// The distance that the loss is about: the index follows it.
    #[must_use]
    pub const fn distance(&self) -> Distance {
        match self {
            Self::MultiSimilarity(loss) => loss.distance,
        }
    }

    /// The loss of each row.
    ///
    /// # Shapes
    /// `embeddings`: `[batch, dim]`, `labels`: `batch` numbers; returns `[batch]`.
    #[must_use]
    pub fn per_example(&self, embeddings: Tensor<2>, labels: &[i32]) -> Tensor<1> {
        assert_eq!(embeddings.dims()[0], labels.len(), "one label a row");
        match self {
            Self::MultiSimilarity(loss) => loss.per_example(embeddings, labels),
        }
    }

    /// The mean of [`LossSpec::per_example`] over all rows: `[1]`.
    #[must_use]
    pub fn forward(&self, embeddings: Tensor<2>, labels: &[i32]) -> Tensor<1> {
        ops::mean(self.per_example(embeddings, labels))
    }
}

/// Which pairs of a batch share a label, both `[batch, batch]`.
struct PairMasks {
    /// Same label, without the anchor itself.
    positive: Tensor<2, Bool>,
    /// Other label.
    negative: Tensor<2, Bool>,
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
