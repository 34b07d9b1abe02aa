"""An epoch of torchvision's loader over the images that loader_images.py wrote: read, decode, random-resized-crop, flip; two workers.

Bytes stay bytes, as in what `cargo bench -p simpipe-benches --bench loader` times: no division, no tensor of floats.
"""
import json
import pathlib
import time

import torch
import torchvision
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "target" / "bench-images" / "cifar-224" / "train"


def main() -> None:
    torch.set_num_threads(1)  # of the process that collects; the workers decode
    change = transforms.Compose([transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.PILToTensor()])
    folder = datasets.ImageFolder(str(IMAGES), transform=change)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        loader = DataLoader(folder, batch_size=128, shuffle=True, num_workers=2)
        count = sum(len(labels) for _, labels in loader)
        times.append(time.perf_counter() - start)
    print(json.dumps({"peer": f"torchvision {torchvision.__version__}", "case": f"loader-{count}-224-jpg",
                      "min_ms": round(min(times) * 1e3, 2), "median_ms": round(sorted(times)[len(times) // 2] * 1e3, 2),
                      "images_per_s": round(count / min(times), 1)}), flush=True)


if __name__ == "__main__":
    main()
