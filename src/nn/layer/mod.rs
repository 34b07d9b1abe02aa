//! Layers: what a spec's `layers` may hold, the shapes that follow from it, and how it is computed.
//!
//! One file a layer, each a `Layer`. Layers may hold lists of layers, so a network is a tree. [`LayerSpec`] is what is
//! written, [`infer_shapes`] walks through it: what passes can be built and run without a shape mismatch. Layers hold no
//! tensor: they declare weights, and get them by name from a `Cx`. Owns no training and no tensor operation (see
//! [`ops`](super::ops)).

mod activation;
mod affine;
mod attention;
mod backbone;
mod batch_norm;
mod channel_shuffle;
mod class_token;
mod concat;
mod conv2d;
mod cx;
mod dense;
mod dropout;
mod gem;
mod init;
mod initial;
mod layer_scale;
mod metric_embedding;
mod norm;
mod normalize;
mod onnx;
mod padding;
mod patch_embed;
mod place;
mod pool;
mod position_embedding;
mod prelu;
mod preset;
mod repeat;
mod rescale;
mod reshape;
mod residual;
mod resize;
mod shape;
mod squeeze_excite;
mod token_pool;
mod walk;
mod whiten_conv;

pub use activation::{
    Activation, Elu, Gelu, GeluTanh, HardSigmoid, HardSwish, LeakyRelu, Mish, QuickGelu, Relu, Relu6, Selu, Sigmoid,
    Silu, Softplus, Softsign, Tanh,
};
pub(super) use affine::{Affine, single};
pub use attention::Attention;
pub(super) use backbone::Naming;
pub use backbone::{Backbone, BackboneArchitecture, backbones};
pub use batch_norm::BatchNorm;
pub use channel_shuffle::ChannelShuffle;
pub use class_token::ClassToken;
pub use concat::Concat;
pub use conv2d::Conv2d;
pub(super) use cx::{Average, Cx, Mode, Sum, TrainPass};
pub use dense::Dense;
pub use dropout::Dropout;
pub use gem::{Clamp, Gem, Negative};
pub(super) use init::{Declared, Start, WeightSpec, unit};
pub use initial::{Fan, He, Init, NormalInit, UniformInit};
pub use layer_scale::LayerScale;
pub use metric_embedding::MetricEmbedding;
pub use norm::{GroupNorm, LayerNorm, Over};
pub use normalize::Normalize;
pub use onnx::{Onnx, OnnxFile, OnnxLayout, onnx_networks};
pub use padding::{Padding, Symmetric};
pub use patch_embed::PatchEmbed;
pub(super) use place::{List, Place};
pub use pool::{AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool};
pub use position_embedding::{Interpolation, PositionEmbedding};
pub use prelu::Prelu;
pub(super) use preset::Architecture;
pub use preset::{Preset, Resnet9, Resnet18, Resnet34, Resnet50, Stem};
pub use repeat::Repeat;
pub use rescale::Rescale;
pub use reshape::{Flatten, L2Normalize};
pub use residual::Residual;
pub use resize::{Resize, ResizeFilter};
pub use shape::FeatureShape;
pub use squeeze_excite::SqueezeExcite;
pub use token_pool::{TokenPool, TokenPooling};
pub use walk::infer_shapes;
#[cfg(test)]
pub(super) use walk::tests::tutorial;
pub(super) use walk::{Walk, Walked, WalkedList};
pub use whiten_conv::WhitenConv;

use burn::tensor::Tensor;

use simpipe_base::choice;
use simpipe_base::issue::Issue;

choice! {
    /// One layer of a network; images come in as `[height, width, channels]` of 0 to 255.
    pub enum LayerSpec: pub(crate) dyn Layer {
        /// Divides pixels, by 255 unless told otherwise.
        #[aka("rescaling", "scale", "scaling", "ToTensor")]
        "rescale" => Rescale(Rescale),
        /// Brings images to another size, antialiased.
        #[aka("resizing", "rescale_image", "interpolate", "upsample")]
        "resize" => Resize(Resize),
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
        #[version = 2]
        "gelu" => Gelu(Gelu),
        /// `x sigmoid(x)`, also known as swish, value by value (Ramachandran et al., 2017, arXiv:1710.05941).
        #[version = 2]
        #[aka("swish")]
        "silu" => Silu(Silu),
        /// The hyperbolic tangent, value by value.
        "tanh" => Tanh(Tanh),
        /// `1 / (1 + exp(-x))`, value by value.
        "sigmoid" => Sigmoid(Sigmoid),
        /// `min(max(x, 0), 6)`, value by value (Howard et al., 2017, arXiv:1704.04861).
        "relu6" => Relu6(Relu6),
        /// `x` above 0, `alpha (exp(x) - 1)` below, value by value (Clevert et al., 2016, arXiv:1511.07289).
        "elu" => Elu(Elu),
        /// `1.0507 x` above 0, `1.7581 (exp(x) - 1)` below, value by value (Klambauer et al., 2017, arXiv:1706.02515).
        "selu" => Selu(Selu),
        /// `gelu` by a hyperbolic tangent, value by value: off by at most 0.0005.
        #[aka("gelu_approximate", "gelu_new")]
        "gelu-tanh" => GeluTanh(GeluTanh),
        /// `x sigmoid(1.702 x)`, `gelu` as CLIP has it, value by value: off by at most 0.021.
        #[aka("gelu_quick")]
        "quick-gelu" => QuickGelu(QuickGelu),
        /// `min(max(x / 6 + 1 / 2, 0), 1)`, value by value (Howard et al., 2019, arXiv:1905.02244).
        "hard-sigmoid" => HardSigmoid(HardSigmoid),
        /// `x hard-sigmoid(x)`, value by value (Howard et al., 2019, arXiv:1905.02244).
        #[aka("hard_silu")]
        "hard-swish" => HardSwish(HardSwish),
        /// `x tanh(ln(1 + exp(x)))`, value by value (Misra, 2019, arXiv:1908.08681).
        "mish" => Mish(Mish),
        /// `ln(1 + exp(beta x)) / beta`, value by value (Dugas et al., 2001).
        "softplus" => Softplus(Softplus),
        /// `x / (1 + |x|)`, value by value.
        "softsign" => Softsign(Softsign),
        /// A relu whose slope below 0 is learned (He et al., 2015, arXiv:1502.01852).
        "prelu" => Prelu(Prelu),
        /// Normalises each example by its own mean and variance.
        #[aka("LayerNormalization", "ln", "layernorm2d", "layer_normalisation")]
        "layer-norm" => LayerNorm(LayerNorm),
        /// Normalises groups of an example's channels by their own mean and variance.
        #[aka("GroupNormalization", "gn", "instance_norm", "group_normalisation")]
        "group-norm" => GroupNorm(GroupNorm),
        /// One learned factor a channel.
        #[aka("gamma", "learned_scale", "channel_scale")]
        "layer-scale" => LayerScale(LayerScale),
        /// Channels of all groups side by side.
        #[aka("shuffle", "shuffle_channels")]
        "channel-shuffle" => ChannelShuffle(ChannelShuffle),
        /// Weighs each channel by what all channels are on average.
        #[aka("se", "squeeze_and_excitation", "se_block", "SqueezeExcitation")]
        "squeeze-excite" => SqueezeExcite(SqueezeExcite),
        /// A first convolution whose filters are computed from the training images.
        #[aka("whitening", "whiten", "zca", "pca_whitening")]
        "whiten-conv" => WhitenConv(WhitenConv),
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
        /// The generalised mean of each channel, between their mean and their largest value.
        #[aka("gem_pool", "GeneralizedMeanPooling2D", "generalized_mean", "gem_pooling")]
        "gem" => Gem(Gem),
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
        /// An image as a row of tokens, one a patch.
        #[aka("patch_embedding", "patchify")]
        "patch-embed" => PatchEmbed(PatchEmbed),
        /// Learned tokens before those of an image.
        #[aka("cls_token", "register_tokens", "class_embedding")]
        "class-token" => ClassToken(ClassToken),
        /// A learned vector for each place of a token.
        #[aka("pos_embed", "positional_embedding", "positional_encoding", "position_encoding")]
        "position-embedding" => PositionEmbedding(PositionEmbedding),
        /// Every token made of all tokens.
        #[aka("self_attention", "multi_head_attention", "mha", "MultiheadAttention")]
        "attention" => Attention(Attention),
        /// Tokens as one vector: the first of them, or a mean.
        #[aka("cls_pool", "class_pool", "global_token_pool")]
        "token-pool" => TokenPool(TokenPool),
        /// The sum of two ways through: a body and a shortcut.
        "residual" => Residual(Residual),
        /// The same layers several times.
        "repeat" => Repeat(Repeat),
        /// Several ways through, their channels one behind the other.
        "concat" => Concat(Concat),
        /// A residual network of 9 layers for small images, without its classifier.
        "resnet9" => Resnet9(Preset<Resnet9>),
        /// The residual network of 18 layers, without its classifier.
        "resnet18" => Resnet18(Preset<Resnet18>),
        /// The residual network of 34 layers, without its classifier.
        "resnet34" => Resnet34(Preset<Resnet34>),
        /// The residual network of 50 layers, without its classifier.
        "resnet50" => Resnet50(Preset<Resnet50>),
        /// A network that was trained elsewhere, with its weights and its preprocessing.
        #[aka("pretrained", "timm", "torchvision", "torch_hub", "trunk", "feature_extractor", "encoder")]
        "backbone" => Backbone(Preset<Backbone>),
        /// A network of any architecture from an ONNX file, as it is.
        #[aka("onnxruntime", "ort", "external", "frozen_graph")]
        "onnx" => Onnx(Onnx),
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
pub(crate) enum Length {
    /// It stays.
    Kept,
    /// It becomes 1.
    Unit,
    /// It becomes whatever it becomes.
    Any,
}

/// One kind of layer. A new one is a file and a line in [`LayerSpec`].
pub(crate) trait Layer: std::fmt::Debug {
    /// The output shape for an input shape. A layer that holds lists of layers sends its input through them with
    /// [`Walk::list`].
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, Issue>;

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

    /// Whether it computes nothing itself: its input goes into a list of layers, and what comes out of the last list is what it
    /// gives.
    fn only_holds_layers(&self) -> bool {
        false
    }

    /// How it starts from training images, if it does; only layers in the outermost list may.
    fn image_start(&self) -> Option<&dyn FromImages> {
        None
    }

    /// What it is at inference, if that is a scale and a shift of each of `channels`; `weight` gives its weights.
    fn affine(&self, _channels: usize, _weight: &dyn Fn(&str) -> Vec<f64>) -> Option<Affine> {
        None
    }
}

/// A layer some of whose weights are computed from training images before the first step.
pub(crate) trait FromImages {
    /// How many images it looks at.
    fn images(&self) -> usize;

    /// Those weights by name, from the maps `[n, h, w, c]` that come into the layer, batch after batch.
    fn weights(&self, maps: &mut dyn Iterator<Item = Tensor<4>>) -> Vec<(&'static str, Vec<f32>)>;
}

/// What flows between layers.
#[derive(Debug, Clone)]
pub enum Features {
    /// `[batch, height, width, channels]`.
    Image(Tensor<4>),
    /// `[batch, tokens, width]`.
    Tokens(Tensor<3>),
    /// `[batch, features]`.
    Vector(Tensor<2>),
}

impl From<Tensor<4>> for Features {
    fn from(images: Tensor<4>) -> Self {
        Self::Image(images)
    }
}

impl Features {
    pub(super) fn into_image(self) -> Tensor<4> {
        match self {
            Self::Image(x) => x,
            _ => unreachable!("`infer_shapes` refuses a layer for images behind tokens or a vector"),
        }
    }

    pub(super) fn into_tokens(self) -> Tensor<3> {
        match self {
            Self::Tokens(x) => x,
            _ => unreachable!("`infer_shapes` refuses a layer for tokens behind something else"),
        }
    }

    /// The sum with features of the same shape.
    pub(super) fn add(self, other: Self) -> Self {
        match self {
            Self::Image(x) => Self::Image(x + other.into_image()),
            Self::Tokens(x) => Self::Tokens(x + other.into_tokens()),
            Self::Vector(x) => Self::Vector(x + other.into_vector()),
        }
    }

    pub(super) fn into_vector(self) -> Tensor<2> {
        match self {
            Self::Vector(x) => x,
            _ => unreachable!("`infer_shapes` refuses a layer for vectors behind an image or tokens"),
        }
    }
}
