//! Layers: what a spec's `layers` list may hold, the shapes that follow from it, and the burn modules that compute it.
//!
//! One file a layer. [`LayerSpec`] is what is written, [`Layer`] the module with weights, [`infer_shapes`] the bridge:
//! a list that passes it can be built and run without a shape mismatch. Owns no training and no tensor operation (see
//! [`ops`](super::ops)).

mod activation;
mod affine;
mod batch_norm;
mod conv2d;
mod dense;
mod dropout;
mod fusion;
mod init;
mod metric_embedding;
mod normalize;
mod pool;
mod rescale;
mod reshape;
mod shape;

pub use activation::{Activation, LeakyRelu};
pub(super) use affine::{Affine, single};
pub use batch_norm::{BatchNorm, BatchNormSpec};
pub use conv2d::{Conv2d, Conv2dSpec, Padding};
pub use dense::{Dense, DenseSpec};
pub use dropout::Dropout;
pub(super) use fusion::Fusion;
pub use metric_embedding::{MetricEmbedding, MetricEmbeddingSpec};
pub use normalize::Normalize;
pub use pool::{AvgPool, MaxPool};
pub use rescale::Rescale;
pub use shape::{FeatureShape, LayerIssue, LayerSummary, ModelSummary, ParameterCount, infer_shapes};

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::ops::{BatchStatistics, Numerics};
use crate::base::seed::Seed;
use crate::choice;

choice! {
    /// One layer of a network; images come in as `[height, width, channels]` of 0 to 255.
    pub enum LayerSpec {
        /// Divides pixels, by 255 unless told otherwise.
        "rescale" => Rescale(Rescale),
        /// Subtracts a mean and divides by a standard deviation, by channel.
        "normalize" => Normalize(Normalize),
        /// A square convolution.
        "conv2d" => Conv2d(Conv2dSpec),
        /// Normalises each channel by the mean and variance of the batch.
        "batch-norm" => BatchNorm(BatchNormSpec),
        /// `max(x, 0)`, value by value (Nair and Hinton, 2010).
        "relu" => Relu,
        /// `x` above 0, `slope x` below, value by value (Maas, Hannun and Ng, 2013).
        "leaky-relu" => LeakyRelu(LeakyRelu),
        /// `x Phi(x)` with the normal distribution's `Phi`, value by value (Hendrycks and Gimpel, 2016,
        /// arXiv:1606.08415).
        "gelu" => Gelu,
        /// `x sigmoid(x)`, also known as swish, value by value (Ramachandran et al., 2017, arXiv:1710.05941).
        "silu" => Silu,
        /// The hyperbolic tangent, value by value.
        "tanh" => Tanh,
        /// `1 / (1 + exp(-x))`, value by value.
        "sigmoid" => Sigmoid,
        /// The largest value of each window.
        "max-pool" => MaxPool(MaxPool),
        /// The mean of each window.
        "avg-pool" => AvgPool(AvgPool),
        /// The largest value of each channel.
        "global-max-pool" => GlobalMaxPool,
        /// The mean of each channel (Lin, Chen and Yan, 2014, arXiv:1312.4400).
        "global-avg-pool" => GlobalAvgPool,
        /// Drops values at random in training.
        "dropout" => Dropout(Dropout),
        /// A map as one vector, channels innermost.
        "flatten" => Flatten,
        /// A full matrix with bias and activation.
        "dense" => Dense(DenseSpec),
        /// A full matrix and L2 normalisation: the usual last layer.
        "metric-embedding" => MetricEmbedding(MetricEmbeddingSpec),
        /// L2 normalisation without weights, `x / sqrt(max(sum x^2, 1e-12))`: after `flatten` it makes raw pixels a baseline.
        "l2-normalize" => L2Normalize,
    }
}

/// Whether a network of these layers gives embeddings of unit length.
#[must_use]
pub fn gives_unit_rows(layers: &[LayerSpec]) -> bool {
    layers.iter().rev().find_map(LayerSpec::gives_unit_rows).unwrap_or(false)
}

/// What is known of a layer before it is built.
pub(crate) trait Describe {
    /// The output shape for an input shape.
    fn output(&self, input: &FeatureShape) -> Result<FeatureShape, LayerIssue>;

    /// Its parameters for an input shape.
    fn parameters(&self, _input: &FeatureShape) -> ParameterCount {
        ParameterCount::default()
    }
}

/// A layer without weights.
pub(crate) trait Weightless: Describe {
    /// Computes it.
    fn forward(&self, input: Features, site: Site<'_>) -> Features;
}

/// Where and when a layer computes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    /// The layer's number, from 0.
    at: usize,
    /// Training or inference.
    pass: &'a Pass,
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

    pub(super) fn into_vector(self) -> Tensor<2> {
        match self {
            Self::Vector(x) => x,
            Self::Image(_) => unreachable!("`infer_shapes` refuses a layer for vectors behind an image"),
        }
    }
}

/// Whether layers learn or infer.
#[derive(Debug)]
pub enum Pass {
    /// Batch statistics and dropout.
    Train(TrainPass),
    /// Moving averages, no dropout.
    Eval,
}

/// What a training pass needs and collects.
#[derive(Debug)]
pub struct TrainPass {
    /// The stage's seed.
    pub seed: Seed,
    /// The step, from 0.
    pub step: u64,
    /// Batch statistics by layer number, for the moving averages.
    pub statistics: Vec<(usize, BatchStatistics)>,
}

impl TrainPass {
    /// The pass of one step.
    #[must_use]
    pub const fn new(seed: Seed, step: u64) -> Self {
        Self { seed, step, statistics: Vec::new() }
    }
}

/// The two sorts of layers.
enum Sort<'a> {
    /// With weights, so with a module in [`Layer`].
    Weighted(&'a dyn Describe),
    /// Computed from the spec alone.
    Weightless(&'a dyn Weightless),
}

impl LayerSpec {
    fn sort(&self) -> Sort<'_> {
        Sort::Weightless(match self {
            Self::Conv2d(spec) => return Sort::Weighted(spec),
            Self::BatchNorm(spec) => return Sort::Weighted(spec),
            Self::Dense(spec) => return Sort::Weighted(spec),
            Self::MetricEmbedding(spec) => return Sort::Weighted(spec),
            Self::Rescale(spec) => spec,
            Self::Normalize(spec) => spec,
            Self::Relu => &Activation::Relu,
            Self::LeakyRelu(spec) => spec,
            Self::Gelu => &Activation::Gelu,
            Self::Silu => &Activation::Silu,
            Self::Tanh => &Activation::Tanh,
            Self::Sigmoid => &Activation::Sigmoid,
            Self::MaxPool(spec) => spec,
            Self::AvgPool(spec) => spec,
            Self::GlobalMaxPool => &pool::GlobalMaxPool,
            Self::GlobalAvgPool => &pool::GlobalAvgPool,
            Self::Dropout(spec) => spec,
            Self::Flatten => &reshape::Flatten,
            Self::L2Normalize => &reshape::L2Normalize,
        })
    }

    fn describe(&self) -> &dyn Describe {
        match self.sort() {
            Sort::Weighted(layer) => layer,
            Sort::Weightless(layer) => layer,
        }
    }

    /// What becomes of the length of a row, in training too; `None` where it stays.
    const fn gives_unit_rows(&self) -> Option<bool> {
        match self {
            Self::MetricEmbedding(_) | Self::L2Normalize => Some(true),
            Self::Flatten => None,
            Self::Rescale(_)
            | Self::Normalize(_)
            | Self::Conv2d(_)
            | Self::BatchNorm(_)
            | Self::Relu
            | Self::LeakyRelu(_)
            | Self::Gelu
            | Self::Silu
            | Self::Tanh
            | Self::Sigmoid
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::GlobalMaxPool
            | Self::GlobalAvgPool
            | Self::Dropout(_)
            | Self::Dense(_) => Some(false),
        }
    }

    /// The layer with fresh weights; `at` is its number and names its stream of random numbers.
    pub(super) fn init(&self, at: usize, input: &FeatureShape, seed: Seed, device: &Device) -> Layer {
        let channels = input.channels();
        let mut rng = seed.rng("init", &[at as u64]);
        match self {
            Self::Conv2d(spec) => Layer::Conv2d(spec.init(channels, &mut rng, device)),
            Self::BatchNorm(spec) => Layer::BatchNorm(spec.init(channels, device)),
            Self::Dense(spec) => Layer::Dense(spec.init(channels, &mut rng, device)),
            Self::MetricEmbedding(spec) => Layer::MetricEmbedding(spec.init(channels, &mut rng, device)),
            weightless => Layer::Plain(Plain { spec: weightless.clone() }),
        }
    }
}

/// A layer that can compute.
#[derive(Module, Debug)]
pub enum Layer {
    /// A convolution.
    Conv2d(Conv2d),
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// A full matrix.
    Dense(Dense),
    /// A full matrix and L2 normalisation.
    MetricEmbedding(MetricEmbedding),
    /// Any layer without weights.
    Plain(Plain),
}

/// A layer without weights: its spec is all there is to know.
#[derive(Module, Debug)]
pub struct Plain {
    #[module(skip)]
    spec: LayerSpec,
}

impl Layer {
    /// Computes layer number `at`; a training pass keeps batch statistics.
    pub(super) fn forward(&self, at: usize, input: Features, pass: &mut Pass) -> Features {
        match self {
            Self::Conv2d(layer) => Features::Image(layer.forward(input.into_image())),
            Self::BatchNorm(layer) => layer.forward(at, input, pass),
            Self::Dense(layer) => Features::Vector(layer.forward(input.into_vector())),
            Self::MetricEmbedding(layer) => Features::Vector(layer.forward(input.into_vector())),
            Self::Plain(layer) => match layer.spec.sort() {
                Sort::Weightless(layer) => layer.forward(input, Site { at, pass }),
                Sort::Weighted(_) => unreachable!("`init` gives layers with weights their own module"),
            },
        }
    }

    /// Which methods may compute it; only convolutions have a choice.
    pub(super) const fn set_numerics(&mut self, numerics: Numerics) {
        if let Self::Conv2d(layer) = self {
            layer.set_numerics(numerics);
        }
    }

    /// Moves the averages of a batch normalisation; other layers have none.
    pub(super) fn absorb(self, batch: BatchStatistics) -> Self {
        match self {
            Self::BatchNorm(layer) => Self::BatchNorm(layer.absorb(batch)),
            other => other,
        }
    }
}
