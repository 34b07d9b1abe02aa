//! `backbone`: a network that somebody else trained, with the preprocessing that its weights were trained with.

mod mobile;
mod stack;
mod transformer;

use self::mobile::{EFFICIENT, MOBILE, Mobile, Scheme};
use self::stack::{Called, Stack};
use self::transformer::Transformer;
use super::preset::{Architecture, Resnet18, Resnet50};
use super::{FeatureShape, LayerSpec, Normalize, Preset, Resize, ResizeFilter};
use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::param::{SpecPath, defaults};
use simpipe_base::{choice, params};

choice! {
    /// Which network.
    pub enum BackboneArchitecture {
        /// EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946; without squeeze-and-excitation) with TensorFlow's borders:
        /// 1280 features, 3,371,008 weights. Weights of `efficientnet-lite-pytorch`, or of timm's `tf_efficientnet_lite0`.
        #[aka("tf_efficientnet_lite0", "lite0")]
        "efficientnet-lite0" => EfficientnetLite0,
        /// EfficientNet-B0 (Tan and Le, 2019, arXiv:1905.11946): 1280 features. Weights of torchvision's or timm's
        /// `efficientnet_b0`.
        #[aka("efficientnet")]
        "efficientnet-b0" => EfficientnetB0,
        /// MobileNet-v2 (Sandler et al., 2018, arXiv:1801.04381): 1280 features. Weights of torchvision's `mobilenet_v2`, or of
        /// timm's `mobilenetv2_100`.
        #[aka("mobilenetv2_100", "mobilenet")]
        "mobilenet-v2" => MobilenetV2,
        /// The residual network of 18 layers (He et al., 2016, arXiv:1512.03385): 512 features. Weights of torchvision or timm.
        "resnet18" => Resnet18,
        /// The residual network of 50 layers (He et al., 2016, arXiv:1512.03385): 2048 features. Weights of torchvision or timm.
        "resnet50" => Resnet50,
        /// The small vision transformer with patches of 16 pixels (Dosovitskiy et al., 2021, arXiv:2010.11929; Touvron et al.,
        /// 2021, arXiv:2012.12877): 384 features, those of the class token. Weights of timm's `vit_small_patch16_224`, of DINO,
        /// or of a `ViTModel` of transformers.
        #[aka("vit_small_patch16_224", "deit-s16", "vit-small")]
        "vit-s16" => VitS16,
        /// The vision transformer of the base size with patches of 16 pixels: 768 features. Weights of timm's
        /// `vit_base_patch16_224`, of torchvision's `vit_b_16`, of DINO, or of a `ViTModel` of transformers.
        #[aka("vit_base_patch16_224", "deit-b16", "vit-base", "vit")]
        "vit-b16" => VitB16,
        /// The small DINOv2 with patches of 14 pixels (Oquab et al., 2023, arXiv:2304.07193): 384 features, those of the class
        /// token. Weights as published, timm's `vit_small_patch14_dinov2`, or of a `Dinov2Model` of transformers.
        #[aka("dinov2_vits14", "dinov2-small", "vit_small_patch14_dinov2", "dino", "dinov2")]
        "dinov2-s14" => Dinov2S14,
        /// The same with four registers (Darcet et al., 2024, arXiv:2309.16588). Weights as published, timm's
        /// `vit_small_patch14_reg4_dinov2`, or of a `Dinov2WithRegistersModel` of transformers.
        #[aka("dinov2_vits14_reg", "dinov2-with-registers-small", "vit_small_patch14_reg4_dinov2")]
        "dinov2-s14-registers" => Dinov2S14Registers,
        /// The visual tower of CLIP with patches of 32 pixels (Radford et al., 2021, arXiv:2103.00020): 512 features. Weights
        /// of a `CLIPModel` or `CLIPVisionModelWithProjection` of transformers.
        #[aka("clip_vit_base_patch32", "clip", "openai_clip")]
        "clip-vit-b32" => ClipVitB32,
    }
}

params! {
    /// A network that was trained elsewhere, without its classifier. It gives a vector; what follows it is yours.
    ///
    /// What its weights need is part of the layer: images of any size and of 0 to 255 come in, are resized as they were for
    /// the original training, and normalised by its mean and deviation. So training, embedding and an image that is looked
    /// up can't differ.
    ///
    /// The file is an outside source: its content is part of the key, its place is not. It is safetensors, or what
    /// `torch.save` wrote of a state dict, in both of its containers; which it is is told by its content, and no code in it is
    /// ever run. Its tensors may have the names that are given with the architecture, behind any prefix, such as `module.`.
    /// One that is missing or of another shape is an error that lists it; a classifier is left out, and said.
    ///
    /// # Shapes
    ///
    /// `[h, w, 3]` to `[features]`.
    ///
    /// # Example
    ///
    /// ```toml
    /// { backbone = { architecture = "efficientnet-lite0" } }
    /// ```
    pub struct Backbone {
        /// Which network.
        #[aka("name", "model", "arch", "kind", "type", "model_name")]
        architecture: BackboneArchitecture,
        /// The file of its weights, relative to the folder of the file that writes it; drawn at random if it is left out.
        #[aka("file", "path", "pretrained", "checkpoint", "ckpt", "state_dict")]
        weights: Option<SpecPath> = None,
        /// Whether its weights and moving averages stay as they are: short for a group with `freeze = true`.
        #[aka("frozen", "trainable", "requires_grad")]
        freeze: bool = false,
        /// Side of the image that the network sees, in pixels; that of the original training if it is left out.
        #[aka("image_size", "img_size", "input_size", "resolution")]
        size: Option<usize> = None => check::between(*SIZES.start(), *SIZES.end()).optional(),
        /// What is subtracted from red, green and blue of 0 to 255; that of the original training if it is empty.
        mean: Vec<f64> = Vec::new() => three(),
        /// What they are divided by then.
        #[aka("sigma", "stddev")]
        std: Vec<f64> = Vec::new() => three_above_0(),
        /// The layers that it stands for; `config show --resolved` writes them.
        body: Option<Vec<LayerSpec>> = None => check::not_empty().optional(),
    }
}

/// Sides of images that a backbone may be given.
const SIZES: std::ops::RangeInclusive<usize> = 32..=1_024;

fn three() -> check::Check<Vec<f64>> {
    let fits = |list: &Vec<f64>| list.is_empty() || list.len() == 3 && list.iter().all(|one| one.is_finite());
    check::Check::new("three numbers, one a colour", fits)
}

fn three_above_0() -> check::Check<Vec<f64>> {
    let fits =
        |list: &Vec<f64>| list.is_empty() || list.len() == 3 && list.iter().all(|one| one.is_finite() && *one > 0.0);
    check::Check::new("three numbers above 0, one a colour", fits)
}

/// What images become before the network sees them.
struct Preprocessing {
    size: usize,
    /// Pixels that the shorter side is brought to, at that size.
    shorter: Option<usize>,
    filter: ResizeFilter,
    mean: [f64; 3],
    std: [f64; 3],
}

/// Mean and deviation of ImageNet, as torchvision has them, times 255.
const IMAGENET: ([f64; 3], [f64; 3]) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);

impl BackboneArchitecture {
    fn preprocessing(&self) -> Preprocessing {
        let (mean, std) = IMAGENET;
        let (size, shorter, filter) = (224, Some(256), ResizeFilter::Bilinear);
        match self {
            Self::EfficientnetLite0 => {
                let (mean, std) = ([127.0; 3], [128.0; 3]);
                Preprocessing { size, shorter, filter: ResizeFilter::Bicubic, mean, std }
            }
            Self::EfficientnetB0 => Preprocessing { size, shorter, filter: ResizeFilter::Bicubic, mean, std },
            Self::MobilenetV2 | Self::Resnet18 | Self::Resnet50 => Preprocessing { size, shorter, filter, mean, std },
            // timm's: nine tenths of the picture, and values from -1 to 1.
            Self::VitS16 | Self::VitB16 => {
                let (mean, std) = ([127.5; 3], [127.5; 3]);
                Preprocessing { size, shorter: Some(248), filter: ResizeFilter::Bicubic, mean, std }
            }
            Self::Dinov2S14 | Self::Dinov2S14Registers => {
                Preprocessing { size, shorter, filter: ResizeFilter::Bicubic, mean, std }
            }
            Self::ClipVitB32 => {
                let mean = [122.770_938_25, 116.746_010_25, 104.093_736_15];
                let std = [68.500_532_7, 66.632_156_85, 70.323_165_75];
                Preprocessing { size, shorter: Some(size), filter: ResizeFilter::Bicubic, mean, std }
            }
        }
    }

    fn mobile(&self) -> Option<Mobile> {
        let mobile = |same, epsilon, excites, stages, schemes| Some(Mobile { same, epsilon, excites, stages, schemes });
        match self {
            Self::EfficientnetLite0 => mobile(true, 1e-3, false, EFFICIENT, &[Scheme::Melas, Scheme::Timm]),
            Self::EfficientnetB0 => mobile(false, 1e-5, true, EFFICIENT, &[Scheme::Torchvision, Scheme::Timm]),
            Self::MobilenetV2 => mobile(false, 1e-5, false, MOBILE, &[Scheme::TorchvisionMobile, Scheme::Timm]),
            _ => None,
        }
    }

    const fn transformer(&self) -> Option<Transformer> {
        use transformer::Scheme::{Face, FaceClip, FaceDino, Timm, TimmRegisters, Torchvision};
        let (registers, scaled, clip, epsilon, depth) = (0, false, false, 1e-6, 12);
        let small = Transformer {
            width: 384,
            depth,
            heads: 6,
            patch: 16,
            grid: 14,
            registers,
            scaled,
            clip,
            epsilon,
            schemes: &[Timm, Face],
        };
        let base = Transformer { width: 768, heads: 12, schemes: &[Timm, Torchvision, Face], ..small };
        let dino = Transformer { patch: 14, grid: 37, scaled: true, schemes: &[Timm, FaceDino], ..small };
        match self {
            Self::VitS16 => Some(small),
            Self::VitB16 => Some(base),
            Self::Dinov2S14 => Some(dino),
            Self::Dinov2S14Registers => {
                Some(Transformer { registers: 4, schemes: &[Timm, FaceDino, TimmRegisters], ..dino })
            }
            Self::ClipVitB32 => {
                Some(Transformer { patch: 32, grid: 7, clip: true, epsilon: 1e-5, schemes: &[FaceClip], ..base })
            }
            _ => None,
        }
    }
}

/// Names that a file may have for a backbone's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Naming {
    /// Whose they are.
    pub(crate) word: &'static str,
    /// What the names of the classifier begin with.
    pub(crate) heads: &'static [&'static str],
}

impl Backbone {
    fn stack(&self) -> Stack {
        let Preprocessing { size, shorter, filter, mean, std } = self.architecture.preprocessing();
        let target = self.size.unwrap_or(size);
        let or = |own: &Vec<f64>, its: [f64; 3]| if own.is_empty() { its.to_vec() } else { own.clone() };
        let mut stack = Stack::default();
        // The same part of the picture at every size.
        let shorter = shorter.map(|shorter| (shorter * target).div_ceil(size));
        stack.push(LayerSpec::Resize(Resize { size: target, shorter, filter, pixels: true }), &[]);
        let normalize = Normalize { mean: or(&self.mean, mean), std: or(&self.std, std) };
        stack.push(LayerSpec::Normalize(normalize), &[]);
        if let Some(mobile) = self.architecture.mobile() {
            mobile.push(&mut stack);
        } else if let Some(transformer) = self.architecture.transformer() {
            transformer.push(&mut stack);
        } else if self.architecture == BackboneArchitecture::Resnet50 {
            stack.push(LayerSpec::Resnet50(Preset::of(defaults::<Resnet50>())), &[]);
        } else {
            stack.push(LayerSpec::Resnet18(Preset::of(defaults::<Resnet18>())), &[]);
        }
        stack
    }

    /// What a file may call the tensors, scheme by scheme, where that is not what torchvision calls those of a preset.
    pub(crate) fn called(&self) -> Called {
        self.stack().called
    }

    /// The schemes.
    pub(crate) fn namings(&self) -> Vec<Naming> {
        if let Some(mobile) = self.architecture.mobile() {
            return mobile.schemes.iter().map(|one| Naming { word: one.word(), heads: one.heads() }).collect();
        }
        if let Some(transformer) = self.architecture.transformer() {
            return transformer.schemes.iter().map(|one| Naming { word: one.word(), heads: one.heads() }).collect();
        }
        vec![Naming { word: "torchvision", heads: &["fc."] }]
    }
}

impl Architecture for Backbone {
    const BODY: &'static str = "backbone.body";

    fn layers(&self) -> Vec<LayerSpec> {
        self.stack().layers
    }

    fn body(&mut self) -> &mut Option<Vec<LayerSpec>> {
        &mut self.body
    }

    fn accepts(&self, input: &FeatureShape, outermost: bool, first: bool) -> Result<(), Issue> {
        let [_, _, channels] = input.image("backbone")?;
        if !outermost {
            let help = "put it in the outermost list of layers";
            return Err(Issue::of("", "a backbone can't be inside another layer").help(help));
        }
        if channels != 3 {
            let message = format!("a backbone sees images of 3 channels, found {channels}");
            // Grey images may go through a layer such as `resize` first; maps have more channels.
            let help = match first || channels == 1 {
                true => "make the dataset give colour images",
                false => "put it before the other layers",
            };
            return Err(Issue::of("", message).help(help));
        }
        let patch = self.architecture.transformer().map_or(1, |transformer| transformer.patch);
        match self.size {
            Some(size) if !size.is_multiple_of(patch) => Err(self.cuts_through(size, patch)),
            _ => Ok(()),
        }
    }
}

impl Backbone {
    /// A side of images that patches don't divide, with the next that they do.
    fn cuts_through(&self, size: usize, patch: usize) -> Issue {
        let name = self.architecture.name();
        let message = format!("`size` must be a multiple of {patch}, the side of a patch of `{name}`, found {size}");
        let below = size / patch * patch;
        let near = [below + patch, below].into_iter().filter(|size| SIZES.contains(size));
        let near: Vec<String> = near.map(|size| size.to_string()).collect();
        Issue::of("backbone.size", message).help(format!("write {}", near.join(" or ")))
    }
}

/// The backbones among the outermost layers, with their places.
pub fn backbones(layers: &[LayerSpec]) -> impl Iterator<Item = (usize, &Preset<Backbone>)> {
    layers.iter().enumerate().filter_map(|(at, layer)| match layer {
        LayerSpec::Backbone(backbone) => Some((at, backbone)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::layer::infer_shapes;
    use simpipe_base::param::{self, Param, View};

    fn layers(json: Json) -> Vec<LayerSpec> {
        param::from_json(&json).unwrap()
    }

    #[test]
    fn architectures_have_the_parameters_that_their_libraries_count() {
        for (name, trainable, dim) in [
            // As published 4,652,008 and 5,288,548 and 3,504,872 with a classifier of 1280 x 1000 and its 1000 biases.
            ("efficientnet-lite0", 4_652_008 - 1_281_000, 1280),
            ("efficientnet-b0", 5_288_548 - 1_281_000, 1280),
            ("mobilenet-v2", 3_504_872 - 1_281_000, 1280),
            ("resnet18", 11_176_512, 512),
            ("resnet50", 23_508_032, 2048),
            // As timm and transformers count them without a classifier.
            ("vit-s16", 21_665_664, 384),
            ("vit-b16", 85_798_656, 768),
            ("dinov2-s14", 22_056_192, 384),
            ("dinov2-s14-registers", 22_056_192 + 4 * 384, 384),
            ("clip-vit-b32", 87_849_216, 512),
        ] {
            let list = layers(json!([{ "backbone": { "architecture": name } }]));
            let summary = infer_shapes([40, 50, 3], &list).unwrap();
            assert_eq!((summary.trainable, summary.dim), (trainable, dim), "{name}");
        }
    }

    #[test]
    fn a_key_holds_the_name_and_an_artifact_the_layers_without_the_path() {
        let short = json!([{ "backbone": { "architecture": "resnet18", "weights": "x.pth", "freeze": true } }]);
        let read = layers(short);
        assert_eq!(read.write(View::Key), json!([{ "backbone": { "architecture": "resnet18", "freeze": true } }]));
        let stored = read.write(View::Stored);
        assert!(stored[0]["backbone"].get("weights").is_none());
        assert_eq!(stored[0]["backbone"]["body"][0]["resize"]["shorter"], 256);
        let back = layers(stored);
        assert_eq!(back.write(View::Stored), read.write(View::Stored));
    }

    #[test]
    fn what_it_can_not_see_is_refused() {
        let backbone = json!({ "backbone": { "architecture": "mobilenet-v2" } });
        let issue = |image: [usize; 3], list| infer_shapes(image, &layers(list)).unwrap_err().remove(0);
        assert!(issue([32, 32, 1], json!([backbone])).message.contains("3 channels, found 1"));
        let help = |image, list| issue(image, list).help.unwrap_or_default();
        assert!(help([32, 32, 1], json!([backbone])).contains("colour images"));
        let behind = json!([{ "conv2d": { "filters": 8, "kernel": 3 } }, backbone]);
        assert_eq!(help([32, 32, 3], behind), "put it before the other layers");
        let inside = json!([{ "residual": { "body": [backbone] } }]);
        assert!(issue([32, 32, 3], inside).message.contains("can't be inside"));
        for wrong in [json!({ "mean": [1, 2] }), json!({ "std": [1, 0, 1] }), json!({ "size": 8 })] {
            let mut backbone = wrong.clone();
            backbone["architecture"] = json!("resnet18");
            assert!(param::from_json::<LayerSpec>(&json!({ "backbone": backbone })).is_err(), "{wrong}");
        }
        for (name, size, expected) in [
            ("dinov2-s14", 100, "multiple of 14, the side of a patch of `dinov2-s14`, found 100 / write 112 or 98"),
            ("vit-s16", 40, "multiple of 16, the side of a patch of `vit-s16`, found 40 / write 48 or 32"),
            ("dinov2-s14", 40, "multiple of 14, the side of a patch of `dinov2-s14`, found 40 / write 42"),
            ("dinov2-s14", 1023, "multiple of 14, the side of a patch of `dinov2-s14`, found 1023 / write 1022"),
        ] {
            let found = issue([32, 32, 3], json!([{ "backbone": { "architecture": name, "size": size } }]));
            let (said, way) = expected.split_once(" / ").unwrap();
            assert!(found.path.ends_with("backbone.size") && found.message.contains(said), "{found:?}");
            assert_eq!(found.help.as_deref(), Some(way));
        }
        for (name, size) in [("dinov2-s14", 98), ("clip-vit-b32", 64), ("resnet18", 100)] {
            let list = layers(json!([{ "backbone": { "architecture": name, "size": size } }]));
            assert!(infer_shapes([32, 32, 3], &list).is_ok(), "{name} at {size}");
        }
        let sized = json!([{ "backbone": { "architecture": "resnet18", "size": 112 } }]);
        assert_eq!(layers(sized).write(View::Full)[0]["backbone"]["body"][0]["resize"]["shorter"], 128);
    }
}
