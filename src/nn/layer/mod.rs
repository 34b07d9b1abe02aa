//! Layers: what a spec's `layers` may hold, the shapes that follow from it, and how it is computed.
//!
//! One file a layer, each a `Layer`. Layers may hold lists of layers, so a network is a tree. [`LayerSpec`] is what is
//! written, [`infer_shapes`] walks through it: what passes can be built and run without a shape mismatch. Layers hold no
//! tensor: they declare weights, and get them by name from a `Cx`. Owns no training and no tensor operation (see
//! [`ops`](super::ops)).

mod activation;
mod affine;
mod batch_norm;
mod concat;
mod conv2d;
mod cx;
mod dense;
mod dropout;
mod init;
mod metric_embedding;
mod normalize;
mod place;
mod pool;
mod repeat;
mod rescale;
mod reshape;
mod residual;
mod shape;
mod walk;

pub use activation::{Activation, Gelu, LeakyRelu, Relu, Sigmoid, Silu, Tanh};
pub(super) use affine::{Affine, single};
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv2d::{Conv2d, Padding};
pub(super) use cx::{Average, Cx, Mode, TrainPass};
pub use dense::Dense;
pub use dropout::Dropout;
pub(super) use init::{Declared, Start, WeightSpec, unit};
pub use metric_embedding::MetricEmbedding;
pub use normalize::Normalize;
pub(super) use place::{List, Place};
pub use pool::{AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool};
pub use repeat::Repeat;
pub use rescale::Rescale;
pub use reshape::{Flatten, L2Normalize};
pub use residual::Residual;
pub use shape::{FeatureShape, LayerIssue, LayerSummary, ModelSummary};
pub use walk::infer_shapes;
pub(super) use walk::{Walk, Walked, WalkedList};

use burn::tensor::Tensor;

use crate::choice;

choice! {
    /// One layer of a network; images come in as `[height, width, channels]` of 0 to 255.
    pub enum LayerSpec: pub(in crate::nn) dyn Layer {
        /// Divides pixels, by 255 unless told otherwise.
        #[aka("rescaling", "scale", "scaling", "ToTensor")]
        "rescale" => Rescale(Rescale),
        /// Subtracts a mean and divides by a standard deviation, by channel.
        #[aka("normalization", "standardize", "normalise", "standardise")]
        "normalize" => Normalize(Normalize),
        /// A square convolution.
        #[aka("convolution", "Convolution2D", "conv", "conv2d_layer", "nn.Conv2d")]
        "conv2d" => Conv2d(Conv2d),
        /// Normalises each channel by the mean and variance of the batch.
        #[aka("BatchNormalization", "BatchNorm2d", "bn", "batch_normalisation")]
        "batch-norm" => BatchNorm(BatchNorm),
        /// `max(x, 0)`, value by value (Nair and Hinton, 2010).
        "relu" => Relu(Relu),
        /// `x` above 0, `slope x` below, value by value (Maas, Hannun and Ng, 2013).
        "leaky-relu" => LeakyRelu(LeakyRelu),
        /// `x Phi(x)` with the normal distribution's `Phi`, value by value (Hendrycks and Gimpel, 2016,
        /// arXiv:1606.08415).
        "gelu" => Gelu(Gelu),
        /// `x sigmoid(x)`, also known as swish, value by value (Ramachandran et al., 2017, arXiv:1710.05941).
        #[aka("swish")]
        "silu" => Silu(Silu),
        /// The hyperbolic tangent, value by value.
        "tanh" => Tanh(Tanh),
        /// `1 / (1 + exp(-x))`, value by value.
        "sigmoid" => Sigmoid(Sigmoid),
        /// The largest value of each window.
        #[aka("MaxPooling2D", "MaxPool2d", "max_pooling", "pool", "pooling")]
        "max-pool" => MaxPool(MaxPool),
        /// The mean of each window.
        #[aka("AveragePooling2D", "AvgPool2d", "average_pool", "mean_pool", "average_pooling")]
        "avg-pool" => AvgPool(AvgPool),
        /// The largest value of each channel.
        #[aka("GlobalMaxPooling2D", "global_max_pooling", "gmp", "AdaptiveMaxPool2d")]
        "global-max-pool" => GlobalMaxPool(GlobalMaxPool),
        /// The mean of each channel (Lin, Chen and Yan, 2014, arXiv:1312.4400).
        #[aka("GlobalAveragePooling2D", "global_avg_pooling", "global_average_pool", "gap", "AdaptiveAvgPool2d")]
        "global-avg-pool" => GlobalAvgPool(GlobalAvgPool),
        /// Drops values at random in training.
        "dropout" => Dropout(Dropout),
        /// A map as one vector, channels innermost.
        "flatten" => Flatten(Flatten),
        /// A full matrix with bias and activation.
        #[aka("linear", "fc", "fully_connected", "inner_product")]
        "dense" => Dense(Dense),
        /// A full matrix and L2 normalisation: the usual last layer.
        #[aka("embedding", "embeddings", "head", "embedder", "projection", "projection_head")]
        "metric-embedding" => MetricEmbedding(MetricEmbedding),
        /// L2 normalisation without weights, `x / sqrt(max(sum x^2, 1e-12))`: after `flatten` it makes raw pixels a baseline.
        #[aka("l2_norm", "unit_norm", "l2_normalization", "l2_normalise")]
        "l2-normalize" => L2Normalize(L2Normalize),
        /// The sum of two ways through: a body and a shortcut.
        "residual" => Residual(Residual),
        /// The same layers several times.
        "repeat" => Repeat(Repeat),
        /// Several ways through, their channels one behind the other.
        "concat" => Concat(Concat),
    }
}

/// Whether a network of these layers gives embeddings of unit length.
#[must_use]
pub fn gives_unit_rows(layers: &[LayerSpec]) -> bool {
    lengths(layers) == Length::Unit
}

/// What layers one behind the other do to the length of a row.
fn lengths(layers: &[LayerSpec]) -> Length {
    let last = layers.iter().rev().map(|layer| layer.as_dyn().length()).find(|length| *length != Length::Kept);
    last.unwrap_or(Length::Kept)
}

/// What a layer does to the length of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::nn) enum Length {
    /// It stays.
    Kept,
    /// It becomes 1.
    Unit,
    /// It becomes whatever it becomes.
    Any,
}

/// One kind of layer. A new one is a file and a line in [`LayerSpec`].
pub(in crate::nn) trait Layer: std::fmt::Debug {
    /// The output shape for an input shape. A layer that holds lists of layers sends its input through them with
    /// [`Walk::list`].
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, LayerIssue>;

    /// What it does to the length of a row, in training too.
    fn length(&self) -> Length {
        Length::Any
    }

    /// The weights that it needs for an input of this shape, without those of layers inside it.
    fn weights(&self, _input: &FeatureShape) -> Vec<WeightSpec> {
        Vec::new()
    }

    /// Computes it. Layers inside are computed by [`Cx::list`], in the order of [`Layer::output`].
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features;

    /// What it is at inference, if that is a scale and a shift of each of `channels`; `weight` gives its weights.
    fn affine(&self, _channels: usize, _weight: &dyn Fn(&str) -> Vec<f64>) -> Option<Affine> {
        None
    }
}

/// What flows between layers.
#[derive(Debug, Clone)]
pub enum Features {
    /// `[batch, height, width, channels]`.
    Image(Tensor<4>),
    /// `[batch, features]`.
    Vector(Tensor<2>),
}

impl Features {
    pub(super) fn into_image(self) -> Tensor<4> {
        match self {
            Self::Image(x) => x,
            Self::Vector(_) => unreachable!("`infer_shapes` refuses a layer for images behind a vector"),
        }
    }

    /// The sum with features of the same shape.
    pub(super) fn add(self, other: Self) -> Self {
        match self {
            Self::Image(x) => Self::Image(x + other.into_image()),
            Self::Vector(x) => Self::Vector(x + other.into_vector()),
        }
    }

    pub(super) fn into_vector(self) -> Tensor<2> {
        match self {
            Self::Vector(x) => x,
            Self::Image(_) => unreachable!("`infer_shapes` refuses a layer for vectors behind an image"),
        }
    }
}
