//! The code of a network in Python: only what torch has not is written out, and only where the network needs it.

use std::fmt::Write;

use super::item::{Code, Item};
use super::torchvision::Torchvision;

/// What torch has not: a name, and the code behind it.
const HELPERS: &[(&str, &str)] = &[
    (
        "Rescale",
        "class Rescale(nn.Module):
    def __init__(self, factor, offset):
        super().__init__()
        self.factor, self.offset = factor, offset

    def forward(self, x):
        return x * self.factor + self.offset
",
    ),
    (
        "Resize",
        "class Resize(nn.Module):
    def __init__(self, size, shorter, mode, limit):
        super().__init__()
        self.size, self.shorter, self.mode, self.limit = size, shorter, mode, limit

    def forward(self, x):
        sides = x.shape[-2:]
        to = [self.size if self.shorter is None else self.shorter * side // min(sides) for side in sides]
        for step in ([sides[0], to[1]], to):
            x = functional.interpolate(x, step, mode=self.mode, align_corners=False, antialias=True)
            x = x if self.limit is None else x.clamp(0.0, self.limit)
        top, left = (int(round((side - self.size) / 2.0)) for side in to)
        return x[..., top : top + self.size, left : left + self.size]
",
    ),
    (
        "Normalize",
        "class Normalize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer(\"mean\", torch.tensor(mean), persistent=False)
        self.register_buffer(\"std\", torch.tensor(std), persistent=False)

    def forward(self, x):
        sides = (1, -1) + (1,) * (x.dim() - 2)
        return (x - self.mean.view(sides)) / self.std.view(sides)
",
    ),
    (
        "L2Normalize",
        "class L2Normalize(nn.Module):
    def forward(self, x):
        return functional.normalize(x, dim=1, eps=1e-6)
",
    ),
    (
        "PixelNorm",
        "class PixelNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
",
    ),
    (
        "QuickGelu",
        "class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)
",
    ),
    (
        "PatchEmbed",
        "class PatchEmbed(nn.Conv2d):
    def __init__(self, channels, width, patch, bias):
        super().__init__(channels, width, patch, stride=patch, bias=bias)

    def forward(self, x):
        return super().forward(x).flatten(2).transpose(1, 2)
",
    ),
    (
        "ClassToken",
        "class ClassToken(nn.Module):
    def __init__(self, width, count, after):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(count, width))
        self.after = after

    def forward(self, x):
        return torch.cat([x[:, : self.after], self.token.expand(len(x), -1, -1), x[:, self.after :]], 1)
",
    ),
    (
        "PositionEmbedding",
        "class PositionEmbedding(nn.Module):
    def __init__(self, width, grid, first, antialias):
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(first + grid * grid, width))
        self.grid, self.first, self.antialias = grid, first, antialias

    def forward(self, x):
        side = math.isqrt(x.shape[1] - self.first)
        own, places = self.embedding[: self.first], self.embedding[self.first :]
        if side != self.grid:
            places = places.view(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
            places = functional.interpolate(places, (side, side), mode=\"bicubic\", antialias=self.antialias)
            places = places.flatten(2)[0].t()
        return x + torch.cat([own, places])
",
    ),
    (
        "Attention",
        "class Attention(nn.Module):
    def __init__(self, width, heads, bias):
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width, bias), nn.Linear(width, width, bias)
        self.value, self.output = nn.Linear(width, width, bias), nn.Linear(width, width, bias)

    def forward(self, x):
        parts = [part(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)]
        return self.output(functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))
",
    ),
    (
        "TokenPool",
        "class TokenPool(nn.Module):
    def __init__(self, skip):
        super().__init__()
        self.skip = skip

    def forward(self, x):
        return x[:, 0] if self.skip is None else x[:, self.skip :].mean(1)
",
    ),
    (
        "LayerScale",
        "class LayerScale(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * (self.gamma if x.dim() == 3 else self.gamma.view((1, -1) + (1,) * (x.dim() - 2)))
",
    ),
    (
        "SqueezeExcite",
        "class SqueezeExcite(nn.Module):
    def __init__(self, channels, narrow, activation, gate):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        self.activation, self.gate = activation, gate

    def forward(self, x):
        return x * self.gate(self.fc2(self.activation(self.fc1(x.mean((2, 3), keepdim=True)))))
",
    ),
    (
        "MeanPool",
        "class MeanPool(nn.Module):
    def __init__(self, size, stride, border, counts_border):
        super().__init__()
        self.size, self.stride, self.border, self.counts_border = size, stride, border, counts_border

    def mean(self, x):
        return functional.avg_pool2d(functional.pad(x, self.border), self.size, self.stride)

    def forward(self, x):
        return self.mean(x) if self.counts_border else self.mean(x) / self.mean(torch.ones_like(x))
",
    ),
    (
        "GeM",
        "class GeM(nn.Module):
    def __init__(self, p, trained, floor):
        super().__init__()
        self.p = nn.Parameter(torch.tensor([p])) if trained else p
        self.floor = floor

    def forward(self, x):
        x = x.flatten(2)
        offset = 0.0 if self.floor else 1.0 - x.amin(2)
        x = x.clamp(min=self.floor) if self.floor else x + offset.unsqueeze(2)
        if not torch.is_tensor(self.p) and self.p == 0.0:
            return x.log().mean(2).exp() - offset
        mean = torch.logsumexp(x.log() * self.p, 2) - math.log(x.shape[2])
        return (mean / self.p).exp() - offset
",
    ),
    (
        "Residual",
        "class Residual(nn.Module):
    def __init__(self, body, shortcut, activation):
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut, activation

    def forward(self, x):
        return self.activation(self.body(x) + self.shortcut(x))
",
    ),
    (
        "Concat",
        "class Concat(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)
",
    ),
];

/// The code of modules in a list, so far from the left.
fn list(items: &[Item], depth: usize) -> String {
    if items.is_empty() {
        return "stack()".to_owned();
    }
    let lines = items.iter().map(|item| format!("(\"{}\", {})", item.name, item.code.text(depth + 1)));
    format!("stack({})", block(lines, depth))
}

/// Arguments in lines of their own.
fn block(lines: impl Iterator<Item = String>, depth: usize) -> String {
    let (outer, inner) = ("    ".repeat(depth), "    ".repeat(depth + 1));
    let mut text = String::from("\n");
    for line in lines {
        let _ = writeln!(text, "{inner}{line},");
    }
    text + &outer
}

impl Code {
    fn text(&self, depth: usize) -> String {
        match self {
            Self::Line(line) => line.clone(),
            Self::List(items) => list(items, depth),
            Self::Residual { body, shortcut, activation } => {
                let ways = [list(body, depth + 1), list(shortcut, depth + 1), activation.clone()];
                format!("Residual({})", block(ways.into_iter(), depth))
            }
            Self::Concat(branches) => {
                format!("Concat({})", block(branches.iter().map(|items| list(items, depth + 1)), depth))
            }
        }
    }
}

/// The whole file; `about` is said at its top.
pub(super) fn file(about: &str, items: &[Item], torchvision: Option<&Torchvision>, channels: usize) -> String {
    let body = torchvision.map_or_else(
        || format!("def build():\n    return {}\n", list(items, 1)),
        |torchvision| resnet(torchvision, items, channels),
    );
    let helpers: Vec<&str> = HELPERS.iter().filter(|(name, _)| is_called(name, &body)).map(|(_, code)| *code).collect();
    let all = helpers.join("\n\n");
    let mut imports = String::from("from collections import OrderedDict\n\n");
    if all.contains("math.") {
        imports.insert_str(0, "import math\n");
    }
    if all.contains("torch.") {
        imports.push_str("import torch\n");
    }
    imports.push_str("from torch import nn\n");
    if all.contains("functional.") {
        imports.push_str("from torch.nn import functional\n");
    }
    if let Some(torchvision) = torchvision {
        let _ = writeln!(imports, "from torchvision.models.resnet import {}, ResNet", torchvision.block());
    }
    let stack = "def stack(*layers):\n    return nn.Sequential(OrderedDict(layers))\n";
    let parts = [format!("\"\"\"{about}\"\"\"\n\n{imports}"), stack.to_owned()].into_iter();
    let parts = parts.chain(helpers.into_iter().map(str::to_owned)).chain([body]);
    parts.collect::<Vec<_>>().join("\n\n")
}

/// Whether code calls this name, and not one that ends so.
fn is_called(name: &str, code: &str) -> bool {
    let inside = |before: &str| before.ends_with(|c: char| c.is_alphanumeric() || c == '.');
    code.match_indices(&format!("{name}(")).any(|(at, _)| !inside(&code[..at]))
}

/// A residual network of torchvision with what stands in front of it and behind it.
fn resnet(torchvision: &Torchvision, items: &[Item], channels: usize) -> String {
    let (input, head) = torchvision.around(items);
    let mut text = format!(
        "class Model(ResNet):\n    def __init__(self):\n        super().__init__({}, {:?})\n",
        torchvision.block(),
        torchvision.blocks
    );
    if torchvision.small {
        let _ = writeln!(text, "        self.conv1 = nn.Conv2d({channels}, 64, 3, padding=1, bias=False)");
        text.push_str("        self.maxpool = nn.Identity()\n");
    } else if channels != 3 {
        let _ = writeln!(text, "        self.conv1 = nn.Conv2d({channels}, 64, 7, stride=2, padding=3, bias=False)");
    }
    text.push_str("        self.fc = nn.Identity()\n");
    let _ = writeln!(text, "        self.input = {}", list(&input, 2));
    let _ = writeln!(text, "        self.head = {}", list(&head, 2));
    text.push_str("\n    def forward(self, x):\n        return self.head(super().forward(self.input(x)))\n");
    text + "\n\ndef build():\n    return Model()\n"
}
