"""Times whole processes: `query_cold.py SIMPIPE HOME [PYTHON..]`, where HOME is what benches/asked.sh has made. One JSON line a case.

What is timed begins before the process and ends with its last byte. Files are read once before, so that they are in memory. Each
Python is asked for the packages that a peer of `simpipe query` imports before it can do anything; those that it has not are left out.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

from machine import machine

# What is imported, and by whom.
IMPORTS = {
    "nothing": "pass",
    "numpy": "import numpy",
    "faiss": "import faiss",
    "onnxruntime": "import onnxruntime, numpy",
    "torch": "import torch",
    "torch and torchvision": "import torch, torchvision",
    "pytorch-metric-learning": "import pytorch_metric_learning.utils.inference",
    "tensorflow": "import tensorflow",
    "tensorflow-similarity": "import tensorflow_similarity",
}


def times(commands: list[list[str]]) -> dict:
    """The least and the median time of some commands, behind the first of them, which is not counted."""
    seconds = []
    for command in [commands[0], *commands]:
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        seconds.append(time.perf_counter() - start)
        if done.returncode:
            raise SystemExit(f"{' '.join(command[:3])}: {done.stderr.decode()}")
    ordered = sorted(seconds[1:])
    return {"min_ms": round(ordered[0] * 1e3, 2), "median_ms": round(ordered[len(ordered) // 2] * 1e3, 2)}


def stages(home: Path, queries: int) -> dict:
    """What the stages of the run took for so many images: decoding, embedding, looking up."""
    run = json.loads((home / "run.json").read_text())
    seconds = {stage["id"]: stage["seconds"] for stage in run["stages"]}
    decoded = len(list((home / "images").glob("*/*/*.png")))
    embedded = len(list((home / "images/test").glob("*/*.png")))
    parts = {"dataset": seconds["dataset"] * queries / decoded, "embed": seconds["embed-validation"] * queries / embedded, "match": seconds["match"]}
    return {"stages_ms": round(sum(parts.values()) * 1e3, 1), **{f"{name}_ms": round(part * 1e3, 1) for name, part in parts.items()}}


def show(line: dict) -> None:
    print(json.dumps(line), flush=True)


def main() -> None:
    simpipe, home, pythons = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    show(machine())
    files = sorted((home / "images/test").glob("*/*.png"), key=lambda path: path.name)
    count, queries = len(files) - 1000, [str(path) for path in files[-1000:]]
    ask = lambda images, *more: [simpipe, "query", "asked", *images, *more, "--root", str(home)]
    size = f"{count}x256"
    show({"case": f"query-1-of-{size}", **times([ask([query], "--json") for query in queries[:20]])})
    show({"case": f"query-1-of-{size}-page", **times([ask([query], "--html", str(home / "answer.html")) for query in queries[:10]])})
    show({"case": f"query-1000-of-{size}", **times([ask(queries, "--json")] * 3), **stages(home, 1000)})
    for python in pythons:
        for name, code in IMPORTS.items():
            have = subprocess.run([python, "-c", code], capture_output=True, check=False)
            if have.returncode == 0:
                version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
                show({"peer": f"{version}, import of {name}", "python": python, "case": "import", **times([[python, "-c", code]] * 5)})


if __name__ == "__main__":
    main()
