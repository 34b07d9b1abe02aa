//! Networks of inverted residuals: MobileNet-v2, EfficientNet-B0 and -Lite0.

use super::stack::{Stack, convolution, normalisation};
use crate::layer::{Activation, GlobalAvgPool, LayerSpec, Relu6, Silu, SqueezeExcite};

/// How one of them is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mobile {
    /// Whether borders are TensorFlow's, with the odd pixel behind.
    pub(super) same: bool,
    /// Of the batch normalisations.
    pub(super) epsilon: f64,
    /// Whether `silu` follows them, and a squeeze-and-excitation is in every block; else `relu6`, and none.
    pub(super) excites: bool,
    /// Stages: factor of widening, side of the kernel, stride of the first block, channels, blocks.
    pub(super) stages: &'static [[usize; 5]],
    /// The names, scheme by scheme.
    pub(super) schemes: &'static [Scheme],
}

/// Whose names a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `efficientnet-pytorch` and `efficientnet-lite-pytorch`: `_blocks.0._depthwise_conv`.
    Melas,
    Timm,
    Torchvision,
    /// Torchvision's MobileNet-v2, which counts otherwise.
    TorchvisionMobile,
}

/// Tan and Le (2019, arXiv:1905.11946), table 1.
pub(super) const EFFICIENT: &[[usize; 5]] = &[
    [1, 3, 1, 16, 1],
    [6, 3, 2, 24, 2],
    [6, 5, 2, 40, 2],
    [6, 3, 2, 80, 3],
    [6, 5, 1, 112, 3],
    [6, 5, 2, 192, 4],
    [6, 3, 1, 320, 1],
];

/// Sandler et al. (2018, arXiv:1801.04381), table 2.
pub(super) const MOBILE: &[[usize; 5]] = &[
    [1, 3, 1, 16, 1],
    [6, 3, 2, 24, 2],
    [6, 3, 2, 32, 3],
    [6, 3, 2, 64, 4],
    [6, 3, 1, 96, 3],
    [6, 3, 2, 160, 3],
    [6, 3, 1, 320, 1],
];

/// One part of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Expand,
    Depthwise,
    Squeeze,
    Project,
}

/// A block: its stage, its number there and among all, and its factor of widening.
#[derive(Debug, Clone, Copy)]
struct Block {
    stage: usize,
    at: usize,
    number: usize,
    widening: usize,
    excites: bool,
}

impl Scheme {
    /// The names of the first convolution and its normalisation, and of the last.
    fn ends(self, stages: usize, blocks: usize) -> [[String; 2]; 2] {
        let of = |names: [&str; 4]| {
            let [a, b, c, d] = names.map(str::to_owned);
            [[a, b], [c, d]]
        };
        match self {
            Self::Melas => of(["_conv_stem", "_bn0", "_conv_head", "_bn1"]),
            Self::Timm => of(["conv_stem", "bn1", "conv_head", "bn2"]),
            Self::Torchvision | Self::TorchvisionMobile => {
                let last = if self == Self::Torchvision { stages } else { blocks } + 1;
                let [c, d] = [0, 1].map(|at| format!("features.{last}.{at}"));
                of(["features.0.0", "features.0.1", &c, &d])
            }
        }
    }

    /// The names of a convolution and its normalisation, or of the two matrices of a squeeze-and-excitation.
    fn names(self, block: Block, part: Part) -> [String; 2] {
        let Block { stage, at, number, widening, excites } = block;
        let expands = usize::from(widening > 1);
        let pair = |prefix: String, names: [&str; 2]| names.map(|name| format!("{prefix}{name}"));
        match self {
            Self::Melas => pair(
                format!("_blocks.{number}."),
                match part {
                    Part::Expand => ["_expand_conv", "_bn0"],
                    Part::Depthwise => ["_depthwise_conv", "_bn1"],
                    Part::Squeeze => ["_se_reduce", "_se_expand"],
                    Part::Project => ["_project_conv", "_bn2"],
                },
            ),
            Self::Timm => pair(
                format!("blocks.{stage}.{at}."),
                match part {
                    Part::Expand => ["conv_pw", "bn1"],
                    Part::Depthwise => ["conv_dw", if expands == 1 { "bn2" } else { "bn1" }],
                    Part::Squeeze => ["se.conv_reduce", "se.conv_expand"],
                    Part::Project if expands == 1 => ["conv_pwl", "bn3"],
                    Part::Project => ["conv_pw", "bn2"],
                },
            ),
            Self::Torchvision => {
                let prefix = |inner: usize| format!("features.{}.{at}.block.{inner}.", stage + 1);
                match part {
                    Part::Expand => pair(prefix(0), ["0", "1"]),
                    Part::Depthwise => pair(prefix(expands), ["0", "1"]),
                    Part::Squeeze => pair(prefix(expands + 1), ["fc1", "fc2"]),
                    Part::Project => pair(prefix(expands + 1 + usize::from(excites)), ["0", "1"]),
                }
            }
            Self::TorchvisionMobile => {
                let prefix = format!("features.{}.conv.", number + 1);
                match part {
                    Part::Expand => pair(prefix, ["0.0", "0.1"]),
                    Part::Depthwise => pair(format!("{prefix}{expands}."), ["0", "1"]),
                    Part::Squeeze | Part::Project => [expands + 1, expands + 2].map(|inner| format!("{prefix}{inner}")),
                }
            }
        }
    }

    /// What the names of the classifier begin with.
    pub(super) const fn heads(self) -> &'static [&'static str] {
        match self {
            Self::Melas => &["_fc."],
            Self::Timm | Self::Torchvision | Self::TorchvisionMobile => &["classifier."],
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Melas => "efficientnet-pytorch",
            Self::Timm => "timm",
            Self::Torchvision | Self::TorchvisionMobile => "torchvision",
        }
    }
}

impl Mobile {
    /// Its layers behind the preprocessing, which are pushed onto it.
    pub(super) fn push(&self, stack: &mut Stack) {
        let blocks = self.stages.iter().map(|stage| stage[4]).sum();
        let ends: Vec<_> = self.schemes.iter().map(|scheme| scheme.ends(self.stages.len(), blocks)).collect();
        let end = |at: usize| -> Vec<[String; 2]> { ends.iter().map(|ends| ends[at].clone()).collect() };
        self.convolved(stack, convolution(32, 3, 2, 1, self.same), &end(0), true);
        let (mut channels, mut number) = (32, 0);
        for (stage, [widening, kernel, stride, filters, count]) in self.stages.iter().copied().enumerate() {
            for at in 0..count {
                let block = Block { stage, at, number, widening, excites: self.excites };
                let stride = if at == 0 { stride } else { 1 };
                let mut body = stack.body();
                self.block(&mut body, block, [channels, kernel, stride, filters]);
                if stride == 1 && channels == filters {
                    stack.residual(body)
                } else {
                    stack.extend(body)
                }
                (channels, number) = (filters, number + 1);
            }
        }
        self.convolved(stack, convolution(1_280, 1, 1, 1, self.same), &end(1), true);
        stack.push(LayerSpec::GlobalAvgPool(GlobalAvgPool {}), &[]);
    }

    /// One pixel to more channels, each channel by itself, and one pixel to fewer channels.
    fn block(&self, body: &mut Stack, block: Block, [channels, kernel, stride, filters]: [usize; 4]) {
        let names =
            |part| -> Vec<[String; 2]> { self.schemes.iter().map(|scheme| scheme.names(block, part)).collect() };
        let wide = channels * block.widening;
        if block.widening > 1 {
            self.convolved(body, convolution(wide, 1, 1, 1, self.same), &names(Part::Expand), true);
        }
        self.convolved(body, convolution(wide, kernel, stride, wide, self.same), &names(Part::Depthwise), true);
        if self.excites {
            // A quarter of the channels of the block's input.
            let reduction = 4 * block.widening;
            let (activation, gate) = (Activation::Silu, Activation::Sigmoid);
            body.push(LayerSpec::SqueezeExcite(SqueezeExcite { reduction, activation, gate }), &[]);
            let names = names(Part::Squeeze);
            for (at, part) in ["fc1", "fc2"].into_iter().enumerate() {
                body.part(part, &names.iter().map(|pair| pair[at].clone()).collect::<Vec<_>>());
            }
        }
        self.convolved(body, convolution(filters, 1, 1, 1, self.same), &names(Part::Project), false);
    }

    /// A convolution and its normalisation, with what follows that.
    fn convolved(&self, stack: &mut Stack, layer: LayerSpec, names: &[[String; 2]], activated: bool) {
        let of = |at: usize| names.iter().map(|pair| pair[at].clone()).collect::<Vec<_>>();
        stack.push(layer, &of(0));
        stack.push(normalisation(self.epsilon), &of(1));
        if activated {
            let silu = || LayerSpec::Silu(Silu {});
            stack.push(if self.excites { silu() } else { LayerSpec::Relu6(Relu6 {}) }, &[]);
        }
    }
}
