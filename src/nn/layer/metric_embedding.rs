//! `metric-embedding`: the usual last layer, a matrix with bias followed by L2 normalisation.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use super::activation::Activation;
use super::dense::{Dense, DenseSpec};
use super::{Describe, FeatureShape, LayerIssue, ParameterCount};
use crate::base::check;
use crate::nn::ops;
use crate::params;

params! {
    /// `y = l2-normalize(x W + b)`: embeddings of unit norm (TensorFlow Similarity's `MetricEmbedding`).
    ///
    /// # Example
    ///
    /// ```toml
    /// { metric-embedding = { size = 64 } }
    /// ```
    pub struct MetricEmbeddingSpec {
        /// Length of an embedding.
        #[aka("units", "embedding_size", "embedding_dim", "emb_dim", "dim", "out_features")]
        size: usize => check::between(1, 65_536),
    }
}

/// The weights of a [`MetricEmbeddingSpec`].
#[derive(Module, Debug)]
pub struct MetricEmbedding {
    dense: Dense,
}

impl MetricEmbeddingSpec {
    fn dense(&self) -> DenseSpec {
        DenseSpec { units: self.size, activation: Activation::None }
    }

    /// Fresh weights for `inputs` features.
    pub(super) fn init(&self, inputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> MetricEmbedding {
        MetricEmbedding { dense: self.dense().init(inputs, rng, device) }
    }
}

impl Describe for MetricEmbeddingSpec {
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue> {
        input.vector("metric-embedding")?;
        Ok(FeatureShape::Vector(self.size))
    }

    fn parameters(&self, input: &FeatureShape) -> ParameterCount {
        self.dense().parameters(input)
    }
}

impl MetricEmbedding {
    /// `[n, in]` to `[n, size]`, rows of unit norm.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::l2_normalize(self.dense.forward(x))
    }
}
