"""Compares a run's embeddings with those of ONNX Runtime: `compare_onnx.py RUN_FOLDER MODEL [STAGE]`.

Embeds the very images of the run's stage `embed` (of the one that STAGE names, where it has several), up to 100 of them, and
prints the largest difference, together and each by itself, and the largest number of an embedding.
"""

import struct
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pyarrow.parquet

MOST = 100
folder, model = Path(sys.argv[1]), sys.argv[2]
tables = sorted(folder.glob(f"{sys.argv[3] if len(sys.argv) > 3 else '*'}/embeddings.parquet"))
table = pyarrow.parquet.read_table(tables[0]).slice(0, MOST)
stored = numpy.array(table["embedding"].to_pylist(), numpy.float32)


def images(ids):
    """Images by their example ids, out of `images/SPLIT.bin`: pixels, a record of 64 bytes an image, and a trailer."""
    found = {}
    for path in folder.glob("*/images/*.bin"):
        data = path.read_bytes()
        assert data[-32:-24] == b"SIMPIMG1", path
        first, count, records = struct.unpack("<QQQ", data[-24:])
        for one in set(ids) & set(range(first, first + count)):
            offset, length, *shape = struct.unpack_from("<QQIII", data, records + 64 * (one - first))
            found[one] = numpy.frombuffer(data[offset : offset + length], numpy.uint8).reshape(shape)
    return numpy.stack([found[one] for one in ids])


pixels = images(table["example_id"].to_pylist())
onnx.checker.check_model(onnx.load(model), full_check=True)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
together = session.run(None, {"images": pixels})[0]
alone = numpy.concatenate([session.run(None, {"images": image[None]})[0] for image in pixels])
off = [float(numpy.abs(found - stored).max()) for found in (together, alone)]
print(
    f"{tables[0].parent.name}: {len(pixels)} images, largest difference {off[0]:.1e} together and {off[1]:.1e} alone, "
    f"largest number {numpy.abs(stored).max():.2f}"
)
