//! What each layer without layers inside is in torch.

use super::InterchangeError;
use super::activation::{activation, as_activation};
use super::item::Item;
use super::layout::{Layout, Order, flattened};
use super::tree::{Fill, Here, Walker};
use crate::layer::{
    AvgPool, BatchNorm, ChannelShuffle, Clamp, Conv2d, Dense, FeatureShape, Gem, GroupNorm, Interpolation, LayerNorm,
    LayerSpec, MaxPool, Negative, Normalize, Over, Resize, ResizeFilter, SqueezeExcite, TokenPooling,
};

/// What a layer without layers inside is: its modules, and the order of its output.
type Leaf = Result<(Vec<Item>, Order), InterchangeError>;

/// Why a layer of groups behind `flatten` is another one in torch.
const OTHER_GROUPS: &str = "torch has the features of a flattened map in another order, so in other groups";

impl Walker {
    pub(super) fn leaf(&mut self, layer: &LayerSpec, here: Here) -> Leaf {
        let order = here.order.clone();
        let plain = |code: String| Ok((vec![here.item(code)], here.order.clone()));
        if let Some(activation) = as_activation(layer) {
            return plain(super::activation::activation(&activation).unwrap_or_else(|| "nn.Identity()".to_owned()));
        }
        let channels = here.input.channels();
        if is_elsewhere(layer) && matches!(here.input, FeatureShape::Tokens(_)) {
            return Err(here.refuse("torch's module looks for the numbers of a token along another side"));
        }
        match layer {
            LayerSpec::Rescale(rescale) => {
                plain(format!("Rescale({:?}, {:?})", rescale.divide_by.recip(), rescale.offset))
            }
            LayerSpec::Resize(resize) => plain(self::resize(resize)),
            LayerSpec::Normalize(normalize) => plain(self::normalize(normalize, &order)),
            LayerSpec::Conv2d(conv) => self.convolution(conv, &here),
            LayerSpec::WhitenConv(whiten) => self.convolution(&whiten.convolution(channels), &here),
            LayerSpec::BatchNorm(norm) => self.batch_norm(norm, &here),
            LayerSpec::LayerNorm(norm) => self.layer_norm(norm, &here),
            LayerSpec::GroupNorm(norm) => self.group_norm(norm, &here),
            LayerSpec::Prelu(_) => {
                self.pair(&here, ["slope", "weight"], Layout::Same, &order)?;
                plain(format!("nn.PReLU({channels})"))
            }
            LayerSpec::LayerScale(_) => {
                self.pair(&here, ["factor", "gamma"], Layout::Same, &order)?;
                plain(format!("LayerScale({channels})"))
            }
            LayerSpec::ChannelShuffle(shuffle) => channel_shuffle(shuffle, &here),
            LayerSpec::SqueezeExcite(squeeze) => self.squeeze_excite(squeeze, &here),
            LayerSpec::MaxPool(pool) => Ok((max_pool(pool, &here), None)),
            LayerSpec::AvgPool(pool) => Ok((avg_pool(pool, &here), None)),
            LayerSpec::GlobalMaxPool(_) => Ok((global(&here, "nn.AdaptiveMaxPool2d(1)"), None)),
            LayerSpec::GlobalAvgPool(_) => Ok((global(&here, "nn.AdaptiveAvgPool2d(1)"), None)),
            LayerSpec::Gem(gem) => self.gem(gem, &here),
            LayerSpec::Dropout(dropout) => plain(format!("nn.Dropout({:?})", dropout.rate)),
            LayerSpec::Flatten(_) => match here.input {
                FeatureShape::Image(sides) => Ok((vec![here.item("nn.Flatten()")], flattened(sides))),
                // The numbers of a token lie together in both.
                FeatureShape::Tokens(_) => plain("nn.Flatten()".to_owned()),
                FeatureShape::Vector(_) => plain("nn.Identity()".to_owned()),
            },
            LayerSpec::Dense(dense) => self.dense(dense, &here),
            LayerSpec::MetricEmbedding(embedding) => {
                let (mut items, order) = self.dense(&embedding.dense(), &here)?;
                items.push(here.beside("normalize", "L2Normalize()"));
                Ok((items, order))
            }
            LayerSpec::L2Normalize(_) => plain("L2Normalize()".to_owned()),
            LayerSpec::Onnx(_) => Err(here.refuse("it is an ONNX file, which torch does not run")),
            layer => self.of_tokens(layer, &here),
        }
    }

    fn group_norm(&mut self, norm: &GroupNorm, here: &Here) -> Leaf {
        if norm.groups > 1 && here.order.is_some() {
            return Err(here.refuse(OTHER_GROUPS));
        }
        let affine = off(self.affine(here, norm.scale, norm.bias)?, "affine");
        let code = format!("nn.GroupNorm({}, {}, eps={:?}{affine})", norm.groups, here.input.channels(), norm.epsilon);
        Ok((vec![here.item(code)], here.order.clone()))
    }

    /// What makes tokens, and takes nothing else.
    fn of_tokens(&mut self, layer: &LayerSpec, here: &Here) -> Leaf {
        let plain = |code: String| Ok((vec![here.item(code)], None));
        let channels = here.input.channels();
        match layer {
            LayerSpec::PatchEmbed(embed) => {
                self.pair(here, ["weight", "weight"], Layout::Kernel, &None)?;
                if embed.bias {
                    self.pair(here, ["bias", "bias"], Layout::Same, &None)?;
                }
                let bias = if embed.bias { "True" } else { "False" };
                plain(format!("PatchEmbed({channels}, {}, {}, {bias})", embed.width, embed.patch))
            }
            LayerSpec::ClassToken(token) => {
                self.pair(here, ["token", "token"], Layout::Tokens, &None)?;
                plain(format!("ClassToken({channels}, {}, {})", token.count, token.after))
            }
            LayerSpec::PositionEmbedding(position) => {
                self.pair(here, ["embedding", "embedding"], Layout::Tokens, &None)?;
                let antialias =
                    if matches!(position.interpolation, Interpolation::Antialiased) { "True" } else { "False" };
                plain(format!("PositionEmbedding({channels}, {}, {}, {antialias})", position.grid, position.first))
            }
            LayerSpec::Attention(attention) => {
                for part in ["query", "key", "value", "output"] {
                    for (kind, layout) in [("weight", Layout::Matrix), ("bias", Layout::Same)] {
                        if attention.bias || kind == "weight" {
                            let names = [format!("{part}_{kind}"), format!("{part}.{kind}")];
                            self.pair(here, [&names[0], &names[1]], layout, &None)?;
                        }
                    }
                }
                let bias = if attention.bias { "True" } else { "False" };
                plain(format!("Attention({channels}, {}, {bias})", attention.heads))
            }
            LayerSpec::TokenPool(pool) => match pool.by {
                TokenPooling::First => plain("TokenPool(None)".to_owned()),
                TokenPooling::Mean => plain(format!("TokenPool({})", pool.skip)),
            },
            _ => Err(InterchangeError::Unknown(here.path.clone())),
        }
    }

    fn convolution(&mut self, conv: &Conv2d, here: &Here) -> Leaf {
        self.pair(here, [Conv2d::WEIGHT, "weight"], Layout::Kernel, &None)?;
        if conv.bias {
            self.pair(here, [Conv2d::BIAS, "bias"], Layout::Same, &None)?;
        }
        let borders @ [rows, columns] = conv.borders(here.sides());
        let (mut items, mut more) = (Vec::new(), String::new());
        let mut add = |name: &str, value: usize, default: usize| {
            if value != default {
                more.push_str(&format!(", {name}={value}"));
            }
        };
        add("stride", conv.stride, 1);
        add("dilation", conv.dilation, 1);
        add("groups", conv.groups, 1);
        if !is_symmetric(borders) {
            items.push(here.beside("pad", format!("nn.ZeroPad2d({})", around(borders))));
        } else if rows.0 + columns.0 > 0 {
            more.push_str(&format!(", padding=({}, {})", rows.0, columns.0));
        }
        if !conv.bias {
            more.push_str(", bias=False");
        }
        let code = format!("nn.Conv2d({}, {}, {}{more})", here.input.channels(), conv.filters, conv.kernel);
        items.push(here.item(code));
        items.extend(activation(&conv.activation).map(|code| here.beside("activation", code)));
        Ok((items, None))
    }

    /// Names scale and summand of a normalisation and says whether it has any. Torch's have both or none: one that is left out
    /// here is ones or zeros there.
    fn affine(&mut self, here: &Here, scale: bool, bias: bool) -> Result<bool, InterchangeError> {
        let channels = here.input.channels();
        let parts =
            [(scale, ["gamma", "weight"], Fill::Ones(channels)), (bias, ["beta", "bias"], Fill::Zeros(channels))];
        for (has, names, fill) in parts {
            if has {
                self.pair(here, names, Layout::Same, &here.order)?;
            } else if scale || bias {
                self.constant(here, names[1], fill);
            }
        }
        Ok(scale || bias)
    }

    fn batch_norm(&mut self, norm: &BatchNorm, here: &Here) -> Leaf {
        let affine = off(self.affine(here, norm.scale, norm.bias)?, "affine");
        for names in [["moving_mean", "running_mean"], ["moving_variance", "running_var"]] {
            self.pair(here, names, Layout::Same, &here.order)?;
        }
        self.constant(here, "num_batches_tracked", Fill::Batches);
        let (kind, channels) = (if here.is_map() { "2d" } else { "1d" }, here.input.channels());
        // Of torch's momentum it is the rest that is kept.
        let (epsilon, momentum) = (norm.epsilon, ((1.0 - norm.momentum) * 1e12).round() / 1e12);
        let code = format!("nn.BatchNorm{kind}({channels}, eps={epsilon:?}, momentum={momentum:?}{affine})");
        Ok((vec![here.item(code)], here.order.clone()))
    }

    fn layer_norm(&mut self, norm: &LayerNorm, here: &Here) -> Leaf {
        let affine = self.affine(here, norm.scale, norm.bias)?;
        let (channels, epsilon) = (here.input.channels(), norm.epsilon);
        let code = match (here.is_map(), &norm.over) {
            (true, Over::All) => {
                let affine = off(affine, "affine");
                format!("nn.GroupNorm(1, {channels}, eps={epsilon:?}{affine})")
            }
            (is_map, _) => {
                let affine = off(affine, "elementwise_affine");
                let class = if is_map { "PixelNorm" } else { "nn.LayerNorm" };
                format!("{class}({channels}, eps={epsilon:?}{affine})")
            }
        };
        Ok((vec![here.item(code)], here.order.clone()))
    }

    fn squeeze_excite(&mut self, squeeze: &SqueezeExcite, here: &Here) -> Leaf {
        for (part, module) in [("squeeze", "fc1"), ("excite", "fc2")] {
            for (name, layout) in [("weight", Layout::Pointwise), ("bias", Layout::Same)] {
                let names = [format!("{part}_{name}"), format!("{module}.{name}")];
                self.pair(here, [&names[0], &names[1]], layout, &None)?;
            }
        }
        let wide = here.input.channels();
        let [inner, gate] = [&squeeze.activation, &squeeze.gate]
            .map(|one| activation(one).unwrap_or_else(|| "nn.Identity()".to_owned()));
        let code = format!("SqueezeExcite({wide}, {}, {inner}, {gate})", wide / squeeze.reduction);
        Ok((vec![here.item(code)], None))
    }

    fn gem(&mut self, gem: &Gem, here: &Here) -> Leaf {
        if gem.trained {
            self.pair(here, ["power", "p"], Layout::Same, &None)?;
        }
        let trained = if gem.trained { "True" } else { "False" };
        let floor = match &gem.negative {
            Negative::Clamp(Clamp { epsilon }) => format!("{epsilon:?}"),
            Negative::Shift => "None".to_owned(),
        };
        Ok((vec![here.item(format!("GeM({:?}, {trained}, {floor})", gem.p))], None))
    }

    fn dense(&mut self, dense: &Dense, here: &Here) -> Leaf {
        self.pair(here, ["weight", "weight"], Layout::Matrix, &here.order)?;
        if dense.bias {
            self.pair(here, ["bias", "bias"], Layout::Same, &None)?;
        }
        let bias = if dense.bias { "" } else { ", bias=False" };
        let code = format!("nn.Linear({}, {}{bias})", here.input.channels(), dense.units);
        let after = activation(&dense.activation).map(|code| here.beside("activation", code));
        Ok((std::iter::once(here.item(code)).chain(after).collect(), None))
    }
}

/// Whether torch's module takes the second side for the numbers of a token.
fn is_elsewhere(layer: &LayerSpec) -> bool {
    match layer {
        LayerSpec::BatchNorm(_)
        | LayerSpec::GroupNorm(_)
        | LayerSpec::Prelu(_)
        | LayerSpec::ChannelShuffle(_)
        | LayerSpec::Normalize(_) => true,
        LayerSpec::LayerNorm(norm) => norm.over == Over::All,
        _ => false,
    }
}

fn channel_shuffle(shuffle: &ChannelShuffle, here: &Here) -> Leaf {
    if here.order.is_some() {
        return Err(here.refuse(OTHER_GROUPS));
    }
    let code = format!("nn.ChannelShuffle({})", shuffle.groups);
    // Torch's own takes maps alone.
    let code = match here.input {
        FeatureShape::Vector(features) => {
            format!("nn.Sequential(nn.Unflatten(1, ({features}, 1)), {code}, nn.Flatten())")
        }
        FeatureShape::Image(_) | FeatureShape::Tokens(_) => code,
    };
    Ok((vec![here.item(code)], None))
}

fn resize(resize: &Resize) -> String {
    let mode = if resize.filter == ResizeFilter::Bicubic { "bicubic" } else { "bilinear" };
    let limit = if resize.filter == ResizeFilter::Bicubic && resize.pixels { "255.0" } else { "None" };
    let shorter = resize.shorter.map_or_else(|| "None".to_owned(), |shorter| shorter.to_string());
    format!("Resize({}, {shorter}, \"{mode}\", {limit})", resize.size)
}

/// An argument that torch has on unless told otherwise.
fn off(on: bool, name: &str) -> String {
    if on { String::new() } else { format!(", {name}=False") }
}

/// In the order that torch has the features in.
fn normalize(normalize: &Normalize, order: &Order) -> String {
    let ordered = |values: &[f64]| -> Vec<f64> {
        order.as_ref().map_or_else(|| values.to_vec(), |order| order.iter().map(|at| values[*at]).collect())
    };
    format!("Normalize({:?}, {:?})", ordered(&normalize.mean), ordered(&normalize.std))
}

/// Above and below, left and right.
type Borders = [(usize, usize); 2];

const fn is_symmetric([rows, columns]: Borders) -> bool {
    rows.0 == rows.1 && columns.0 == columns.1
}

/// As torch writes them: left, right, top, bottom.
fn around([rows, columns]: Borders) -> String {
    format!("({}, {}, {}, {})", columns.0, columns.1, rows.0, rows.1)
}

fn is_none([rows, columns]: Borders) -> bool {
    rows == (0, 0) && columns == (0, 0)
}

fn max_pool(pool: &MaxPool, here: &Here) -> Vec<Item> {
    let borders = pool.borders(here.sides());
    let pad = format!("nn.ConstantPad2d({}, float(\"-inf\"))", around(borders));
    let pad = Some(here.beside("pad", pad)).filter(|_| !is_none(borders));
    let code = format!("nn.MaxPool2d({}, {})", pool.size, pool.stride.unwrap_or(pool.size));
    pad.into_iter().chain([here.item(code)]).collect()
}

fn avg_pool(pool: &AvgPool, here: &Here) -> Vec<Item> {
    let (borders, stride) = (pool.borders(here.sides()), pool.stride.unwrap_or(pool.size));
    if is_none(borders) {
        return vec![here.item(format!("nn.AvgPool2d({}, {stride})", pool.size))];
    }
    let count = if pool.count_padding { "True" } else { "False" };
    vec![here.item(format!("MeanPool({}, {stride}, {}, {count})", pool.size, around(borders)))]
}

fn global(here: &Here, code: &str) -> Vec<Item> {
    vec![here.item(code), here.beside("flatten", "nn.Flatten()")]
}
