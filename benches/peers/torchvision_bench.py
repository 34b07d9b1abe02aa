"""Reads the folder that `cargo bench -p simpipe-benches --bench decode` left through torchvision's ImageFolder and DataLoader, two workers.

Usage: python torchvision_bench.py [jpg] [png]."""
import json
import pathlib
import sys
import time

import torch
import torchvision
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "target" / "bench-images"


def main() -> None:
    torch.set_num_threads(1)  # of the process that collects; the workers decode
    for kind in sys.argv[1:] or ("jpg", "png"):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            # Bytes as bytes: what the dataset artifact holds too.
            folder = datasets.ImageFolder(str(IMAGES / kind / "train"), transform=transforms.PILToTensor())
            loader = DataLoader(folder, batch_size=256, num_workers=2)
            count = sum(len(labels) for _, labels in loader)
            times.append(time.perf_counter() - start)
        print(json.dumps({"peer": f"torchvision {torchvision.__version__}", "case": f"decode-{count}-{kind}",
                          "min_ms": round(min(times) * 1e3, 2), "median_ms": round(sorted(times)[1] * 1e3, 2)}), flush=True)


if __name__ == "__main__":
    main()
