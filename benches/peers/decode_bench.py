"""Decodes the images that `cargo bench -p simpipe-benches --bench decode` left, with pillow on two threads."""
import io
import json
import pathlib
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL
from PIL import Image

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "target" / "bench-images"


def decode(path: pathlib.Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))


def main() -> None:
    for kind in ("jpg", "png"):
        paths = sorted((IMAGES / kind).rglob(f"*.{kind}"))
        times = []
        for _ in range(3):
            start = time.perf_counter()
            with ThreadPoolExecutor(2) as pool:
                np.stack(list(pool.map(decode, paths, chunksize=64)))
            times.append(time.perf_counter() - start)
        print(json.dumps({"peer": f"pillow {PIL.__version__}", "case": f"decode-{len(paths)}-{kind}",
                          "min_ms": round(min(times) * 1e3, 2), "median_ms": round(sorted(times)[1] * 1e3, 2)}), flush=True)


if __name__ == "__main__":
    main()
