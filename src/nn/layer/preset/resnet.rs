//! Residual networks by their name: those of torchvision, and that of an entry of DAWNBench.

use super::Architecture;
use crate::layer::initial::{Fan, He, Init};
use crate::layer::padding::{Padding, Symmetric};
use crate::layer::{Activation, BatchNorm, Conv2d, GlobalAvgPool, GlobalMaxPool, LayerSpec, MaxPool, Relu, Residual};
use simpipe_base::{check, choice, params};

choice! {
    /// The first layers of a residual network.
    pub enum Stem {
        /// For images of about 224 pixels: a convolution of 7 x 7 at stride 2 and a max-pool of 3 x 3 at stride 2.
        "imagenet" => Imagenet,
        /// For images of about 32 pixels: a convolution of 3 x 3 and no pool.
        #[aka("small", "tiny", "cifar10")]
        "cifar" => Cifar,
    }
}

params! {
    /// The residual network of the DAWNBench entry of Page (2018, "How to train your ResNet"): eight convolutions of 3 x 3
    /// (the ninth layer is its classifier) with 64 to 512 filters, for images of about 32 pixels. 6,568,000 trainable
    /// parameters for three channels.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[512]`, the largest values of the last maps. Bring pixels into a small range first.
    pub struct Resnet9 {
        /// The layers that it stands for; `config show --resolved` writes them.
        body: Option<Vec<LayerSpec>> = None => check::not_empty().optional(),
    }
}

params! {
    /// The residual network of 18 layers as in torchvision (He et al., 2016, arXiv:1512.03385): blocks of two convolutions,
    /// 2, 2, 2 and 2 of them with 64 to 512 filters, without the classifier. 11,176,512 trainable parameters for three
    /// channels.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[512]`, the means of the last maps. Bring pixels into a small range first.
    pub struct Resnet18 {
        /// The first layers.
        stem: Stem = Stem::Imagenet,
        /// The layers that it stands for; `config show --resolved` writes them.
        body: Option<Vec<LayerSpec>> = None => check::not_empty().optional(),
    }
}

params! {
    /// The residual network of 34 layers as in torchvision (He et al., 2016, arXiv:1512.03385): blocks of two convolutions,
    /// 3, 4, 6 and 3 of them with 64 to 512 filters, without the classifier. 21,284,672 trainable parameters for three
    /// channels.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[512]`, the means of the last maps. Bring pixels into a small range first.
    pub struct Resnet34 {
        /// The first layers.
        stem: Stem = Stem::Imagenet,
        /// The layers that it stands for; `config show --resolved` writes them.
        body: Option<Vec<LayerSpec>> = None => check::not_empty().optional(),
    }
}

params! {
    /// The residual network of 50 layers as in torchvision (He et al., 2016, arXiv:1512.03385; the stride lies in the
    /// convolution of 3 x 3): blocks that narrow to a quarter of their channels in between, 3, 4, 6 and 3 of them with 256
    /// to 2048 channels, without the classifier. 23,508,032 trainable parameters for three channels.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[2048]`, the means of the last maps. Bring pixels into a small range first.
    pub struct Resnet50 {
        /// The first layers.
        stem: Stem = Stem::Imagenet,
        /// The layers that it stands for; `config show --resolved` writes them.
        body: Option<Vec<LayerSpec>> = None => check::not_empty().optional(),
    }
}

/// A convolution as in torchvision's residual networks: zeros around it that keep the side at stride 1, no bias.
fn convolution(filters: usize, kernel: usize, stride: usize) -> LayerSpec {
    let padding = if kernel == 1 { Padding::Valid } else { Padding::Symmetric(Symmetric { pixels: kernel / 2 }) };
    LayerSpec::Conv2d(Conv2d {
        filters,
        kernel,
        stride,
        padding,
        dilation: 1,
        groups: 1,
        bias: false,
        init: Init::HeNormal(He { fan: Fan::Out }),
        activation: Activation::None,
    })
}

/// Torch's batch normalisation: its momentum of 0.1 is what enters, not what is kept.
const fn normalisation() -> LayerSpec {
    LayerSpec::BatchNorm(BatchNorm { momentum: 0.9, epsilon: 1e-5, scale: true, bias: true })
}

const fn relu() -> LayerSpec {
    LayerSpec::Relu(Relu {})
}

const fn max_pool(size: usize, stride: Option<usize>, padding: Padding) -> LayerSpec {
    LayerSpec::MaxPool(MaxPool { size, stride, padding })
}

/// The sum of `body` and the input, the latter through a convolution of one pixel where its shape would not fit.
fn block(body: Vec<LayerSpec>, fit: Option<(usize, usize)>) -> LayerSpec {
    let shortcut =
        fit.map_or_else(Vec::new, |(filters, stride)| vec![convolution(filters, 1, stride), normalisation()]);
    LayerSpec::Residual(Residual { body, shortcut, activation: Activation::Relu })
}

/// Two convolutions of 3 x 3.
fn basic(filters: usize, stride: usize, fits: bool) -> LayerSpec {
    let body =
        vec![convolution(filters, 3, stride), normalisation(), relu(), convolution(filters, 3, 1), normalisation()];
    block(body, (!fits).then_some((filters, stride)))
}

/// One pixel to fewer channels, 3 x 3, and one pixel back to four times as many.
fn bottleneck(filters: usize, stride: usize, fits: bool) -> LayerSpec {
    let body = vec![
        convolution(filters, 1, 1),
        normalisation(),
        relu(),
        convolution(filters, 3, stride),
        normalisation(),
        relu(),
        convolution(4 * filters, 1, 1),
        normalisation(),
    ];
    block(body, (!fits).then_some((4 * filters, stride)))
}

/// A residual network of torchvision, whose stages have this many blocks; `widening` is what a block's filters are
/// multiplied by for its output.
fn residual(
    stem: &Stem,
    blocks: [usize; 4],
    one: fn(filters: usize, stride: usize, fits: bool) -> LayerSpec,
    widening: usize,
) -> Vec<LayerSpec> {
    let mut layers = match stem {
        Stem::Imagenet => vec![convolution(64, 7, 2), normalisation(), relu()],
        Stem::Cifar => vec![convolution(64, 3, 1), normalisation(), relu()],
    };
    if *stem == Stem::Imagenet {
        layers.push(max_pool(3, Some(2), Padding::Symmetric(Symmetric { pixels: 1 })));
    }
    for (stage, count) in blocks.into_iter().enumerate() {
        let (filters, stride) = (64 << stage, if stage == 0 { 1 } else { 2 });
        layers.push(one(filters, stride, stage == 0 && widening == 1));
        layers.extend((1..count).map(|_| one(filters, 1, true)));
    }
    layers.push(LayerSpec::GlobalAvgPool(GlobalAvgPool {}));
    layers
}

impl Architecture for Resnet9 {
    const BODY: &'static str = "resnet9.body";

    fn layers(&self) -> Vec<LayerSpec> {
        let convolved = |filters| [convolution(filters, 3, 1), normalisation(), relu()];
        let pooled = |filters| convolved(filters).into_iter().chain([max_pool(2, None, Padding::Valid)]);
        let twice = |filters| {
            let body = convolved(filters).into_iter().chain(convolved(filters)).collect();
            let (shortcut, activation) = (Vec::new(), Activation::None);
            LayerSpec::Residual(Residual { body, shortcut, activation })
        };
        let mut layers = Vec::from(convolved(64));
        layers.extend(pooled(128));
        layers.push(twice(128));
        layers.extend(pooled(256));
        layers.extend(pooled(512));
        layers.push(twice(512));
        layers.push(LayerSpec::GlobalMaxPool(GlobalMaxPool {}));
        layers
    }

    fn body(&mut self) -> &mut Option<Vec<LayerSpec>> {
        &mut self.body
    }
}

/// Residual networks of torchvision.
macro_rules! residual_networks {
    ($($name:ident $body:literal $blocks:expr, $one:ident, $widening:literal;)*) => { $(
        impl Architecture for $name {
            const BODY: &'static str = $body;

            fn layers(&self) -> Vec<LayerSpec> {
                residual(&self.stem, $blocks, $one, $widening)
            }

            fn body(&mut self) -> &mut Option<Vec<LayerSpec>> {
                &mut self.body
            }
        }
    )* };
}

residual_networks! {
    Resnet18 "resnet18.body" [2, 2, 2, 2], basic, 1;
    Resnet34 "resnet34.body" [3, 4, 6, 3], basic, 1;
    Resnet50 "resnet50.body" [3, 4, 6, 3], bottleneck, 4;
}
