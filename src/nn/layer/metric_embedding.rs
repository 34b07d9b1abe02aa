//! `metric-embedding`: the usual last layer, a matrix with bias followed by L2 normalisation.

use super::activation::Activation;
use super::dense::Dense;
use super::init::WeightSpec;
use super::initial::Init;
use super::{Cx, FeatureShape, Features, Layer, Length, Walk};
use crate::ops;
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::params;

params! {
    /// `y = l2-normalize(x W + b)`: embeddings of unit norm (TensorFlow Similarity's `MetricEmbedding`).
    ///
    /// # Example
    ///
    /// ```toml
    /// { metric-embedding = { size = 64 } }
    /// ```
    pub struct MetricEmbedding {
        /// Length of an embedding.
        #[aka("units", "embedding_size", "embedding_dim", "emb_dim", "dim", "out_features")]
        size: usize => check::between(1, 65_536),
    }
}

impl MetricEmbedding {
    /// The matrix that it begins with.
    pub(crate) const fn dense(&self) -> Dense {
        Dense { units: self.size, bias: true, init: Init::GlorotUniform, activation: Activation::None }
    }
}

impl Layer for MetricEmbedding {
    fn length(&self) -> Length {
        Length::Unit
    }

    fn output<'a>(&'a self, input: &FeatureShape, _: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        input.vector("metric-embedding")?;
        Ok(FeatureShape::Vector(self.size))
    }

    fn weights(&self, input: &FeatureShape) -> Vec<WeightSpec> {
        self.dense().weights(input)
    }

    /// `[n, in]` to `[n, size]`, rows of unit norm.
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        Features::Vector(ops::l2_normalize(self.dense().forward(x, cx).into_vector()))
    }
}
