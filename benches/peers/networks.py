"""The networks that `benches/networks.rs` times, in PyTorch: the same layers, sides and batches, by the name of the case.

`CASES` holds what is timed: `NAME-train-BATCH` is a step (forward, backward, Adam), `NAME-embed-BATCH` the vectors of a
batch. Images are bytes of 0 to 255; what brings them into range is part of the network, as it is in simpipe's.
"""
import torch
from torch import nn
from torch.nn import functional as F

# Name, side of the images, batch of a step (or none), batch of an embedding (or none).
NETWORKS = [
    ("tutorial", 32, 80, 256),
    ("narrow", 32, 500, None),
    ("mid", 32, 500, 256),
    ("resnet18-32", 32, 128, None),
    ("resnet18", 224, 16, 16),
    ("resnet50", 224, None, 16),
    ("efficientnet-lite0", 224, 16, 16),
    ("vit-s16", 224, None, 16),
]
CASES = {}
for _name, _side, _train, _embed in NETWORKS:
    if _train:
        CASES[f"{_name}-train-{_train}"] = (_name, _side, _train, True)
    if _embed:
        CASES[f"{_name}-embed-{_embed}"] = (_name, _side, _embed, False)


def tutorial() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 64, 3), nn.ReLU(), nn.BatchNorm2d(64),
        nn.Conv2d(64, 128, 3), nn.ReLU(), nn.BatchNorm2d(128),
        nn.MaxPool2d(4),
        nn.Conv2d(128, 256, 3), nn.ReLU(), nn.BatchNorm2d(256),
        nn.Conv2d(256, 256, 3), nn.ReLU(),
        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(256, 256),
    )


def pairs(widths: list[int]) -> nn.Module:
    """Three pairs of convolutions, a pool before the first normalisation of each (Jordan, 2024, arXiv:2404.00498)."""
    layers, channels = [nn.Conv2d(3, 24, 2), nn.GELU()], 24
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(width), nn.GELU()]
        layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.GELU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, 128))


def body(name: str) -> nn.Module:
    if name == "tutorial":
        return tutorial()
    if name in ("narrow", "mid"):
        return pairs([32, 64, 128] if name == "narrow" else [64, 128, 256])
    if name in ("resnet18", "resnet18-32", "resnet50"):
        import torchvision
        net = getattr(torchvision.models, name.removesuffix("-32"))()
        width, net.fc = net.fc.in_features, nn.Identity()
        if name == "resnet18-32":
            net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
        return nn.Sequential(net, nn.Linear(width, 128))
    import timm
    net = timm.create_model({"efficientnet-lite0": "tf_efficientnet_lite0", "vit-s16": "vit_small_patch16_224"}[name], num_classes=0)
    return nn.Sequential(net, nn.Linear(net.num_features, 128))


class Network(nn.Module):
    """Pixels in, unit vectors out."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.body = body(name)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.body((x - 127.5) / 127.5))
