"""Writes CIFAR-10's images enlarged to 224 x 224 as JPEG files of quality 90, for the race of loaders: bilinear, by Pillow.

python benches/peers/loader_images.py CIFAR_FOLDER [COUNT]

CIFAR_FOLDER holds data_batch_1.bin .. test_batch.bin. The files go to target/bench-images/cifar-224/train/<class>/<number>.jpg; those that
are there stay. Two processes share the work.
"""
import pathlib
import sys
from concurrent.futures import ProcessPoolExecutor

from PIL import Image

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "target" / "bench-images" / "cifar-224" / "train"
BATCHES = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
IN_A_BATCH = 10_000
RECORD = 1 + 3 * 32 * 32


def write(task: tuple[pathlib.Path, int, int]) -> int:
    batch, first, count = task
    content = batch.read_bytes()
    for number in range(min(count, IN_A_BATCH)):
        record = content[number * RECORD:(number + 1) * RECORD]
        path = IMAGES / f"{record[0]}" / f"{first + number:05}.jpg"
        if path.exists():
            continue
        planes = [Image.frombytes("L", (32, 32), record[1 + plane * 1024:1 + (plane + 1) * 1024]) for plane in range(3)]
        large = Image.merge("RGB", planes).resize((224, 224), Image.Resampling.BILINEAR)
        unfinished = path.with_suffix(".part")
        large.save(unfinished, "JPEG", quality=90)
        unfinished.rename(path)
    return min(count, IN_A_BATCH)


def main() -> None:
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60_000
    for label in range(10):
        (IMAGES / str(label)).mkdir(parents=True, exist_ok=True)
    firsts = range(0, min(count, IN_A_BATCH * len(BATCHES)), IN_A_BATCH)
    tasks = [(folder / BATCHES[first // IN_A_BATCH], first, count - first) for first in firsts]
    with ProcessPoolExecutor(2) as pool:
        print(f"{sum(pool.map(write, tasks))} images in {IMAGES}")


if __name__ == "__main__":
    main()
