#!/usr/bin/env bash
# Times the report of 100,000 classes: 100,000 queries looked up in an index of 100,000 images, one a class on either side, as
# PNG files of 8 x 8 pixels. Prints JSON lines: what each stage took, then time, memory and file sizes of `report` alone.
#
#   benches/large_report.sh                 100,000 classes; ends with 1 beyond 20 s or 800 MB for the report
#   benches/large_report.sh 2000            as many
#   SIMPIPE=target/release/simpipe ...      the program to time; else `cargo build --release` makes it
#   LARGE_REPORT=/mnt/fast ...              where images and results lie; else target/large-report, which is kept
#
# Wants Python 3 and nothing beside it. 100,000 classes take 200,000 files (1 GB on most file systems, as each takes a block) and
# some minutes before the report, nearly all of them for writing and decoding; a second call finds all of it done but the report.
set -euo pipefail
cd "$(dirname "$0")/.."
classes=${1:-100000}
home=${LARGE_REPORT:-target/large-report}/$classes
if [ -z "${SIMPIPE:-}" ]; then
    cargo build --release --bin simpipe >&2
    SIMPIPE=${CARGO_TARGET_DIR:-target}/release/simpipe
fi
mkdir -p "$home/pipelines"

[ -e "$home/images.csv" ] || python3 - "$home" "$classes" <<'PYTHON'
"""Two pictures of each class, the second with a little noise: an untrained network finds most of them."""
import random, struct, sys, zlib
from pathlib import Path

home, classes = Path(sys.argv[1]), int(sys.argv[2])
SIDE, NOISE = 8, 24


def png(pixels):
    """Colours of 8 bits, row after row."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + pixels[at:at + 3 * SIDE] for at in range(0, len(pixels), 3 * SIDE))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


chance = random.Random(7)
with open(home / "images.csv.new", "w") as table:
    table.write("path,label,split\n")
    for label in range(classes):
        # Four coarse blocks: classes are alike enough to be taken for each other.
        block = chance.randbytes(12)
        pixels = bytes(block[3 * (2 * (y // 4) + x // 4) + channel] for y in range(SIDE) for x in range(SIDE) for channel in range(3))
        for split in ("train", "test"):
            folder = home / split / f"{label // 1000:03}"
            if label % 1000 == 0:
                folder.mkdir(parents=True, exist_ok=True)
            noisy = bytes(min(255, max(0, value + chance.randrange(-NOISE, NOISE + 1))) for value in pixels)
            (folder / f"{label}.png").write_bytes(png(noisy))
            table.write(f"{split}/{label // 1000:03}/{label}.png,Article {label:06},{split}\n")
(home / "images.csv.new").rename(home / "images.csv")
PYTHON

cat > "$home/pipelines/large-report.toml" <<'TOML'
format = 1
[stages.dataset]
stage = "dataset"
[stages.sample]
stage = "sample"
inputs = { dataset = "dataset" }
split = "train"
order = "dataset"
[stages.sample-test]
stage = "sample"
inputs = { dataset = "dataset" }
split = "test"
order = "dataset"
[stages.train]
stage = "train"
inputs = { dataset = "dataset", sampler = "sample" }
[stages.embed-index]
stage = "embed"
inputs = { dataset = "dataset", sampler = "sample", model = "train" }
[stages.embed-test]
stage = "embed"
inputs = { dataset = "dataset", sampler = "sample-test", model = "train" }
[stages.index]
stage = "index"
inputs = { dataset = "dataset", embeddings = "embed-index" }
[stages.calibrate]
stage = "calibrate"
inputs = { index = "index", queries = "embed-test" }
[stages.match]
stage = "match"
inputs = { index = "index", queries = "embed-test", calibration = "calibrate" }
[stages.report]
stage = "report"
inputs = { dataset = "dataset", sampler = "sample", training = "train", index = "index", embeddings = "embed-test", calibration = "calibrate", matches = "match" }
TOML

# The network keeps its first weights: what is timed is a page of many classes, not a training.
cat > "$home/large-report.toml" <<'TOML'
pipeline = "large-report"
name = "large-report"
seed = 7
device = "cpu"
[dataset]
source = { manifest = { path = "images.csv", root = "." } }
[sample]
sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 1 } }
[sample-test]
sampler = { multi-shot = { classes-per-batch = 10, examples-per-class = 1 } }
[train]
epochs = 0
loss = { multi-similarity = { distance = "cosine" } }
layers = ["rescale", "flatten", { metric-embedding = { size = 16 } }]
[match]
neighbours = 5
allow-overlap = true
TOML

touch "$home/simpipe.toml"
run() { "$SIMPIPE" run "$home/large-report.toml" --root "$home" --json "$@"; }
run > "$home/first.json"
# The report once more, under another title: all else is a hit, so time and memory of this process are the report's.
run --set "report.title=\"Timed at $(date +%s)\"" > "$home/timed.json"

python3 - "$home" "$classes" <<'PYTHON'
import json, sys
from pathlib import Path

home, classes = Path(sys.argv[1]), int(sys.argv[2])
first, timed = (json.loads((home / name).read_text()) for name in ("first.json", "timed.json"))
for stage in first["stages"]:
    print(json.dumps({"bench": "large-report", "classes": classes, "stage": stage["id"], "outcome": stage["outcome"], "seconds": round(stage["seconds"], 3)}))
report = next(stage for stage in timed["stages"] if stage["id"] == "report")
others = [stage["id"] for stage in timed["stages"] if stage["outcome"] != "hit"]
assert others == ["report"], f"not the report alone ran: {others}"
folder = home / timed["dir"] / "report"
sizes = {name: (folder / name).stat().st_size for name in ("report.html", "report.md", "metrics.json")}
memory = timed["peak_memory"]
print(json.dumps({"bench": "large-report", "classes": classes, "stage": "report alone", "seconds": round(report["seconds"], 3),
                  "peak_memory_mb": memory and round(memory / 1e6), "bytes": sizes}))
wrong = []
if report["seconds"] > 20:
    wrong.append(f"{report['seconds']:.1f} s")
if memory and memory > 800e6:
    wrong.append(f"{memory / 1e6:.0f} MB")
if sizes["report.html"] > 5_000_000:
    wrong.append(f"a page of {sizes['report.html']} bytes")
sys.exit(f"too much: {', '.join(wrong)}" if wrong else 0)
PYTHON
