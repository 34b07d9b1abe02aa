"""A data set that does not fit into memory, and how much of it a run holds. Standard library only; benches/large_images.sh calls it.

large_images.py make FOLDER COUNT SIDE [webdataset|folder]   writes images, a template and a config; the same each time
large_images.py watch CSV EVENTS GROUP -- COMMAND ..         runs a command and writes what its processes hold, five times a second
large_images.py told CSV [MAX_MB]                            prints the most that each stage held; ends with 1 if one held more anonymous
                                                             memory than that
"""
import csv
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tarfile
import io
import time

CLASSES = 1000
TESTED = 2000
IN_A_SHARD = 20_000

TEMPLATE = """# A graph of every stage that looks at all images or all embeddings.
format = 1

[stages.dataset]
stage = "dataset"

[stages.sample]
stage = "sample"
inputs = { dataset = "dataset" }
split = "train"

[stages.sample-test]
stage = "sample"
inputs = { dataset = "dataset" }
split = "test"

[stages.train]
stage = "train"
inputs = { dataset = "dataset", sampler = "sample" }

[stages.embed]
stage = "embed"
inputs = { dataset = "dataset", sampler = "sample", model = "train" }

[stages.embed-test]
stage = "embed"
inputs = { dataset = "dataset", sampler = "sample-test", model = "train" }

[stages.index]
stage = "index"
inputs = { dataset = "dataset", embeddings = "embed" }

[stages.calibrate]
stage = "calibrate"
inputs = { index = "index", queries = "embed-test" }

[stages.match]
stage = "match"
inputs = { index = "index", queries = "embed-test", calibration = "calibrate" }

[stages.evaluate]
stage = "evaluate"
inputs = { index = "index", queries = "embed-test" }

[stages.report]
stage = "report"
inputs = { dataset = "dataset", sampler = "sample", training = "train", index = "index", embeddings = "embed-test", calibration = "calibrate", matches = "match" }
"""

CONFIG = """pipeline = "large"
name = "large"
device = "cpu"

[dataset]
source = { {source} = { path = "../images" } }

[sample]
sampler = { multi-shot = { classes-per-batch = 20, examples-per-class = 4 } }

[sample-test]
sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 1 } }

[train]
epochs = 1
steps-per-epoch = 100
loss = "multi-similarity"
layers = [
  { rescale = { divide-by = 255.0 } },
  { conv2d = { filters = 16, kernel = 8, stride = 8, activation = "relu" } },
  "batch-norm",
  "flatten",
  { metric-embedding = { size = 64 } },
]

[match]
allow-overlap = true

[evaluate]
metrics = ["recall@1"]

[report]
figures = [{ sample-grid = { count = 25, columns = 5 } }, "training-curves", { neighbours = { slice = { begin = 0, size = 10 }, k = 5 } }]
"""


def header(side: int) -> bytes:
    """Of a bitmap of 24 bits whose rows are a multiple of four bytes."""
    size = side * side * 3
    return struct.pack("<2sIHHI", b"BM", 54 + size, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, size, 0, 0, 0, 0)


def pattern(which: int, side: int) -> bytes:
    """What all images of a class are made of."""
    draw = random.Random(which)
    row = lambda: b"".join(bytes(draw.randrange(256) for _ in range(3)) * 8 for _ in range(side // 8))
    return b"".join(row() * 8 for _ in range(side // 8))


def image(number: int, patterns: list[bytes], head: bytes, side: int) -> bytes:
    """A class's pattern shifted by some rows, under a band of grain that no other image has."""
    draw = random.Random(f"image {number}")
    whole, row = patterns[number % len(patterns)], side * 3
    shift = draw.randrange(side) * row
    band = draw.randrange(side - side // 8) * row
    shifted = whole[shift:] + whole[:shift]
    grain = draw.randbytes(side // 8 * row)
    return head + shifted[:band] + grain + shifted[band + len(grain):]


def make(folder: pathlib.Path, count: int, side: int, source: str) -> None:
    if side % 8:
        sys.exit("SIDE must be a multiple of 8")
    tested = min(TESTED, count // 10)
    patterns = [pattern(which, side) for which in range(min(CLASSES, count // 20))]
    head = header(side)
    for name, text in (("pipelines", TEMPLATE), ("configs", CONFIG.replace("{source}", "webdataset" if source == "webdataset" else "image-folder"))):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "large.toml").write_text(text, encoding="utf-8")
    done = folder / "images.done"
    wanted = f"{count} {side} {source}"
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return
    for split, numbers in (("train", range(tested, count)), ("test", range(tested))):
        if source == "webdataset":
            shards(folder / "images", split, numbers, patterns, head, side)
        else:
            files(folder / "images", split, numbers, patterns, head, side)
    done.write_text(wanted, encoding="utf-8")


def shards(folder: pathlib.Path, split: str, numbers: range, patterns: list[bytes], head: bytes, side: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for shard, begin in enumerate(range(0, len(numbers), IN_A_SHARD)):
        with tarfile.open(folder / f"{split}-{shard:06}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for number in numbers[begin:begin + IN_A_SHARD]:
                entry = tarfile.TarInfo(f"class-{number % len(patterns):04}/{number:08}.bmp")
                content = image(number, patterns, head, side)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


def files(folder: pathlib.Path, split: str, numbers: range, patterns: list[bytes], head: bytes, side: int) -> None:
    for which in range(len(patterns)):
        (folder / split / f"class-{which:04}").mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / split / f"class-{number % len(patterns):04}" / f"{number:08}.bmp").write_bytes(image(number, patterns, head, side))


def held(process: int) -> tuple[int, int, int]:
    """Anonymous bytes, mapped bytes of files and the most there ever was of both."""
    kilobytes = {"RssAnon": 0, "RssFile": 0, "VmHWM": 0}
    try:
        for line in pathlib.Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name in kilobytes:
                kilobytes[name] = int(value.split()[0])
    except OSError:
        pass
    return kilobytes["RssAnon"] * 1024, kilobytes["RssFile"] * 1024, kilobytes["VmHWM"] * 1024


def of_group(group: str) -> int:
    """Bytes that the group is charged with, the page cache of its files included."""
    for name in ("memory.current", "memory.usage_in_bytes"):
        try:
            return int(pathlib.Path(group, name).read_text(encoding="utf-8"))
        except OSError:
            continue
    return 0


def stage_under_way(events) -> str | None:
    """The stage that the lines which came since the last look say is running."""
    stage = None
    for line in events:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("event") == "stage-started":
            stage = event["stage"]
    return stage


def watch(table: str, events: str, group: str, command: list[str]) -> int:
    pathlib.Path(events).write_text("", encoding="utf-8")
    start, stage = time.monotonic(), ""

    def enter() -> None:
        if group:
            pathlib.Path(group, "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")

    process = subprocess.Popen(command, preexec_fn=enter)
    with open(table, "w", newline="", encoding="utf-8") as out, open(events, encoding="utf-8") as lines:
        rows = csv.writer(out)
        rows.writerow(["seconds", "stage", "anonymous_mb", "mapped_mb", "group_mb"])
        while process.poll() is None:
            stage = stage_under_way(lines) or stage
            anonymous, mapped, _ = held(process.pid)
            rows.writerow([f"{time.monotonic() - start:.1f}", stage, anonymous >> 20, mapped >> 20, of_group(group) >> 20 if group else ""])
            out.flush()
            time.sleep(0.2)
    return process.returncode


def told(table: str, limit: int | None) -> int:
    most: dict[str, list[float]] = {}
    with open(table, encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            stage, at = row["stage"] or "start", float(row["seconds"])
            first, _, anonymous, mapped = most.get(stage, [at, at, 0, 0])
            most[stage] = [first, at, max(anonymous, int(row["anonymous_mb"])), max(mapped, int(row["mapped_mb"]))]
    print(f"{'stage':<14} {'seconds':>8} {'anonymous MB':>13} {'mapped MB':>10}")
    for stage, (first, last, anonymous, mapped) in most.items():
        print(f"{stage:<14} {last - first:>8.1f} {anonymous:>13} {mapped:>10}")
    print(json.dumps({"case": "large-images", "most_anonymous_mb": max((row[2] for row in most.values()), default=0), "max_mb": limit}))
    if limit is None:
        return 0
    above = [f"{stage} held {row[2]} MB" for stage, row in most.items() if row[2] > limit]
    # A run that was never seen at work has shown nothing.
    if len(most) < 2:
        above.append("no stage was seen")
    for one in above:
        print(f"above the bound of {limit} MB of anonymous memory: {one}", file=sys.stderr)
    return 1 if above else 0


def main() -> None:
    match sys.argv[1:]:
        case ["make", folder, count, side, *source]:
            make(pathlib.Path(folder), int(count), int(side), source[0] if source else "webdataset")
        case ["watch", table, events, group, "--", *command]:
            sys.exit(watch(table, events, group, command))
        case ["told", table, *limit]:
            sys.exit(told(table, int(limit[0]) if limit else None))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
