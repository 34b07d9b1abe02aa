//! The names of torchvision's residual networks.

use super::item::Item;
use crate::layer::{Architecture, LayerSpec, Preset, Stem};

/// A residual network of torchvision among the outermost layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Torchvision {
    /// Which of the outermost layers it is.
    at: usize,
    /// Whether its first layers are those for small images.
    pub(super) small: bool,
    /// Blocks of each stage.
    pub(super) blocks: [usize; 4],
    /// Whether its blocks narrow in between.
    bottleneck: bool,
}

impl Torchvision {
    /// The network among these layers, where there is exactly one and its layers are those of torchvision.
    pub(super) fn among(layers: &[LayerSpec]) -> Option<Self> {
        let of = |(at, layer): (usize, &LayerSpec)| {
            let one = |stem: Option<&Stem>, blocks, bottleneck| {
                Some(Self { at, small: *stem? == Stem::Cifar, blocks, bottleneck })
            };
            match layer {
                LayerSpec::Resnet18(preset) => one(stem(preset, |p| &p.stem), [2, 2, 2, 2], false),
                LayerSpec::Resnet34(preset) => one(stem(preset, |p| &p.stem), [3, 4, 6, 3], false),
                LayerSpec::Resnet50(preset) => one(stem(preset, |p| &p.stem), [3, 4, 6, 3], true),
                _ => None,
            }
        };
        let mut found = layers.iter().enumerate().filter_map(of);
        found.next().filter(|_| found.next().is_none())
    }

    /// The class of its blocks.
    pub(super) const fn block(&self) -> &'static str {
        if self.bottleneck { "Bottleneck" } else { "BasicBlock" }
    }

    /// Torchvision's name for one in a tree: `conv1.weight` for `1.0.weight`. What stands in front of the network is in
    /// `input`, what stands behind it in `head`.
    pub(super) fn name(&self, tree: &str) -> String {
        let Some((layer, rest)) = number(tree) else { return tree.to_owned() };
        if layer < self.at {
            return format!("input.{tree}");
        }
        if layer > self.at {
            return format!("head.{}.{rest}", layer - self.at - 1);
        }
        let Some((at, rest)) = number(rest) else { return tree.to_owned() };
        match at {
            0 => return format!("conv1.{rest}"),
            1 => return format!("bn1.{rest}"),
            _ => {}
        }
        let (mut block, mut stage) = (at.saturating_sub(if self.small { 3 } else { 4 }), 0);
        while stage < 3 && block >= self.blocks[stage] {
            block -= self.blocks[stage];
            stage += 1;
        }
        let block = format!("layer{}.{block}", stage + 1);
        let inner = |rest: &str| number(rest).map(|(at, leaf)| (at, leaf.to_owned()));
        match (rest.strip_prefix("body.").and_then(inner), rest.strip_prefix("shortcut.")) {
            (Some((at, leaf)), _) => {
                let kind = if at % 3 == 0 { "conv" } else { "bn" };
                format!("{block}.{kind}{}.{leaf}", at / 3 + 1)
            }
            (None, Some(rest)) => format!("{block}.downsample.{rest}"),
            (None, None) => tree.to_owned(),
        }
    }

    /// The modules in front of the network, and those behind it, which are counted from 0 there.
    pub(super) fn around(&self, items: &[Item]) -> (Vec<Item>, Vec<Item>) {
        let at = |item: &Item| leading(&item.name).and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(self.at);
        let input = items.iter().filter(|item| at(item) < self.at).cloned().collect();
        let behind = items.iter().filter(|item| at(item) > self.at).map(|item| {
            let rest = &item.name[leading(&item.name).map_or(0, str::len)..];
            Item { name: format!("{}{rest}", at(item) - self.at - 1), code: item.code.clone() }
        });
        (input, behind.collect())
    }
}

/// The first layers of a preset whose layers are those that its name stands for.
fn stem<A: Architecture>(preset: &Preset<A>, of: fn(&A) -> &Stem) -> Option<&Stem> {
    preset.named().map(of)
}

/// The digits that a text begins with.
fn leading(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some(&text[..end]).filter(|digits| !digits.is_empty())
}

/// The number in front of the first point, and what follows.
fn number(name: &str) -> Option<(usize, &str)> {
    let (first, rest) = name.split_once('.')?;
    Some((first.parse().ok()?, rest))
}
