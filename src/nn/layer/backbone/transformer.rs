//! Vision transformers: of Dosovitskiy et al. (2021, arXiv:2010.11929), DINOv2 and the visual tower of CLIP.

use super::stack::Stack;
use crate::layer::{
    Activation, Attention, ClassToken, Dense, Init, Interpolation, LayerNorm, LayerScale, LayerSpec, NormalInit, Over,
    PatchEmbed, PositionEmbedding, TokenPool, TokenPooling,
};

/// How one of them is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transformer {
    pub(super) width: usize,
    pub(super) depth: usize,
    pub(super) heads: usize,
    /// Side of a patch, in pixels.
    pub(super) patch: usize,
    /// Patches along each side of an image in the original training.
    pub(super) grid: usize,
    /// Register tokens behind the class token.
    pub(super) registers: usize,
    /// Whether the ways of a block have factors of their own.
    pub(super) scaled: bool,
    /// Whether it is CLIP's: a normalisation in front, no bias of the patches, another activation, and a last matrix.
    pub(super) clip: bool,
    /// Of the normalisations.
    pub(super) epsilon: f64,
    /// The names, scheme by scheme.
    pub(super) schemes: &'static [Scheme],
}

/// Whose names a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Also those of the original DINO and DINOv2.
    Timm,
    /// Timm's of DINOv2 with registers, where the class token has no position of its own.
    TimmRegisters,
    Torchvision,
    /// `ViTModel`.
    Face,
    /// `Dinov2Model` and `Dinov2WithRegistersModel`.
    FaceDino,
    /// `CLIPVisionModelWithProjection` and `CLIPModel`.
    FaceClip,
}

/// What has tensors outside of the blocks.
#[derive(Debug, Clone, Copy)]
enum Part {
    Patches,
    Class,
    Registers,
    Positions,
    Before,
    Behind,
    Projection,
}

/// What has tensors in a block.
#[derive(Debug, Clone, Copy)]
enum Inner {
    Norm(usize),
    /// Query, key and value, and whether it is the matrix or its bias.
    Attend(usize, &'static str),
    Output,
    Wide,
    Narrow,
    Scale(usize),
}

impl Scheme {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Timm | Self::TimmRegisters => "timm",
            Self::Torchvision => "torchvision",
            Self::Face | Self::FaceDino | Self::FaceClip => "transformers",
        }
    }

    /// What the names of the rest begin with: classifiers, and what is needed in training alone.
    pub(super) const fn heads(self) -> &'static [&'static str] {
        match self {
            Self::Timm | Self::TimmRegisters => &["head.", "mask_token", "fc_norm."],
            Self::Torchvision => &["heads."],
            Self::Face => &["classifier.", "pooler."],
            Self::FaceDino => &["classifier.", "embeddings.mask_token"],
            Self::FaceClip => {
                &["text_model.", "text_projection.", "logit_scale", "vision_model.embeddings.position_ids"]
            }
        }
    }

    /// The name of a part. `#patches` behind one says that the class token has no row in that tensor.
    const fn part(self, part: Part) -> &'static str {
        match (self, part) {
            (Self::Timm | Self::TimmRegisters, Part::Patches) => "patch_embed.proj",
            (Self::Timm | Self::TimmRegisters, Part::Class) => "cls_token",
            (Self::Timm, Part::Registers) => "register_tokens",
            (Self::TimmRegisters, Part::Registers) => "reg_token",
            (Self::Timm, Part::Positions) => "pos_embed",
            (Self::TimmRegisters, Part::Positions) => "pos_embed#patches",
            (Self::Timm | Self::TimmRegisters, _) => "norm",
            (Self::Torchvision, Part::Patches) => "conv_proj",
            (Self::Torchvision, Part::Class | Part::Registers) => "class_token",
            (Self::Torchvision, Part::Positions) => "encoder.pos_embedding",
            (Self::Torchvision, _) => "encoder.ln",
            (Self::Face | Self::FaceDino, Part::Patches) => "embeddings.patch_embeddings.projection",
            (Self::Face | Self::FaceDino, Part::Class) => "embeddings.cls_token",
            (Self::Face | Self::FaceDino, Part::Registers) => "embeddings.register_tokens",
            (Self::Face | Self::FaceDino, Part::Positions) => "embeddings.position_embeddings",
            (Self::Face | Self::FaceDino, _) => "layernorm",
            (Self::FaceClip, Part::Patches) => "vision_model.embeddings.patch_embedding",
            (Self::FaceClip, Part::Class | Part::Registers) => "vision_model.embeddings.class_embedding",
            (Self::FaceClip, Part::Positions) => "vision_model.embeddings.position_embedding.weight",
            (Self::FaceClip, Part::Before) => "vision_model.pre_layrnorm",
            (Self::FaceClip, Part::Behind) => "vision_model.post_layernorm",
            (Self::FaceClip, Part::Projection) => "visual_projection",
        }
    }

    /// The name in block `at`. `#1` behind one says that it is the second third of that tensor.
    fn inner(self, at: usize, inner: Inner) -> String {
        let block = match self {
            Self::Timm | Self::TimmRegisters => format!("blocks.{at}."),
            Self::Torchvision => format!("encoder.layers.encoder_layer_{at}."),
            Self::Face | Self::FaceDino => format!("encoder.layer.{at}."),
            Self::FaceClip => format!("vision_model.encoder.layers.{at}."),
        };
        let name = match (self, inner) {
            (Self::Timm | Self::TimmRegisters | Self::FaceDino, Inner::Norm(which)) => format!("norm{which}"),
            (Self::Torchvision, Inner::Norm(which)) => format!("ln_{which}"),
            (Self::Face, Inner::Norm(1)) => "layernorm_before".to_owned(),
            (Self::Face, Inner::Norm(_)) => "layernorm_after".to_owned(),
            (Self::FaceClip, Inner::Norm(which)) => format!("layer_norm{which}"),
            (Self::Timm | Self::TimmRegisters, Inner::Attend(which, kind)) => format!("attn.qkv.{kind}#{which}"),
            (Self::Torchvision, Inner::Attend(which, kind)) => format!("self_attention.in_proj_{kind}#{which}"),
            (Self::Face | Self::FaceDino, Inner::Attend(which, kind)) => {
                format!("attention.attention.{}.{kind}", ["query", "key", "value"][which.min(2)])
            }
            (Self::FaceClip, Inner::Attend(which, kind)) => {
                format!("self_attn.{}_proj.{kind}", ["q", "k", "v"][which.min(2)])
            }
            (Self::Timm | Self::TimmRegisters, Inner::Output) => "attn.proj".to_owned(),
            (Self::Torchvision, Inner::Output) => "self_attention.out_proj".to_owned(),
            (Self::Face | Self::FaceDino, Inner::Output) => "attention.output.dense".to_owned(),
            (Self::FaceClip, Inner::Output) => "self_attn.out_proj".to_owned(),
            (Self::Torchvision, Inner::Wide) => "mlp.0".to_owned(),
            (Self::Torchvision, Inner::Narrow) => "mlp.3".to_owned(),
            (Self::Face, Inner::Wide) => "intermediate.dense".to_owned(),
            (Self::Face, Inner::Narrow) => "output.dense".to_owned(),
            (_, Inner::Wide) => "mlp.fc1".to_owned(),
            (_, Inner::Narrow) => "mlp.fc2".to_owned(),
            (Self::FaceDino, Inner::Scale(which)) => format!("layer_scale{which}.lambda1"),
            (_, Inner::Scale(which)) => format!("ls{which}.gamma"),
        };
        block + &name
    }
}

impl Transformer {
    /// Its layers behind the preprocessing, which are pushed onto it.
    pub(super) fn push(&self, stack: &mut Stack) {
        let Self { width, patch, grid, registers, clip, .. } = *self;
        stack.push(LayerSpec::PatchEmbed(PatchEmbed { patch, width, bias: !clip }), &self.parts(Part::Patches));
        stack.push(LayerSpec::ClassToken(ClassToken { count: 1, after: 0 }), &[]);
        stack.part("token", &self.parts(Part::Class));
        // Each as where it was trained: DINOv2 without registers and CLIP by torch's plain cubic.
        let plain = clip || self.scaled && registers == 0;
        let interpolation = if plain { Interpolation::Plain } else { Interpolation::Antialiased };
        stack.push(LayerSpec::PositionEmbedding(PositionEmbedding { grid, first: 1, interpolation }), &[]);
        stack.part("embedding", &self.parts(Part::Positions));
        if registers > 0 {
            stack.push(LayerSpec::ClassToken(ClassToken { count: registers, after: 1 }), &[]);
            stack.part("token", &self.parts(Part::Registers));
        }
        if clip {
            stack.push(self.norm(), &self.parts(Part::Before));
        }
        for at in 0..self.depth {
            self.block(stack, at);
        }
        if clip {
            self.pool(stack);
            stack.push(self.norm(), &self.parts(Part::Behind));
            stack.push(dense(512, false, Activation::None), &self.parts(Part::Projection));
        } else {
            stack.push(self.norm(), &self.parts(Part::Behind));
            self.pool(stack);
        }
    }

    fn pool(&self, stack: &mut Stack) {
        stack.push(LayerSpec::TokenPool(TokenPool { by: TokenPooling::First, skip: 0 }), &[]);
    }

    fn block(&self, stack: &mut Stack, at: usize) {
        let names = |inner| self.schemes.iter().map(|scheme| scheme.inner(at, inner)).collect::<Vec<_>>();
        let mut body = stack.body();
        body.push(self.norm(), &names(Inner::Norm(1)));
        body.push(LayerSpec::Attention(Attention { heads: self.heads, bias: true }), &[]);
        for (which, part) in ["query", "key", "value"].into_iter().enumerate() {
            for kind in ["weight", "bias"] {
                body.part(&format!("{part}.{kind}"), &names(Inner::Attend(which, kind)));
            }
        }
        body.part("output", &names(Inner::Output));
        self.scale(&mut body, &names(Inner::Scale(1)));
        stack.residual(body);
        let mut body = stack.body();
        body.push(self.norm(), &names(Inner::Norm(2)));
        let activation = if self.clip { Activation::QuickGelu } else { Activation::Gelu };
        body.push(dense(4 * self.width, true, activation), &names(Inner::Wide));
        body.push(dense(self.width, true, Activation::None), &names(Inner::Narrow));
        self.scale(&mut body, &names(Inner::Scale(2)));
        stack.residual(body);
    }

    fn scale(&self, body: &mut Stack, names: &[String]) {
        if self.scaled {
            body.push(LayerSpec::LayerScale(LayerScale { start: 1e-5 }), &[]);
            body.part("gamma", names);
        }
    }

    fn norm(&self) -> LayerSpec {
        LayerSpec::LayerNorm(LayerNorm { over: Over::Channels, epsilon: self.epsilon, scale: true, bias: true })
    }

    fn parts(&self, part: Part) -> Vec<String> {
        self.schemes.iter().map(|scheme| scheme.part(part).to_owned()).collect()
    }
}

fn dense(units: usize, bias: bool, activation: Activation) -> LayerSpec {
    LayerSpec::Dense(Dense { units, bias, init: Init::Normal(NormalInit { std: 0.02 }), activation })
}
