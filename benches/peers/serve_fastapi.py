"""What answers `POST /v1/query` beside `simpipe serve`: the same model in ONNX Runtime, the same vectors in faiss, behind FastAPI.

`python serve_fastapi.py FOLDER PORT`: FOLDER holds `model.onnx`, `index.faiss` and `embeddings.npz` as `simpipe export --onnx`,
`--faiss` and `--npz` write them. As people write such a server: a handler a request in the pool of threads, Pillow for the PNG,
one image a call of the model. `BATCH=1` gathers what waits into one call, up to 64 images, as `simpipe serve` does. Its
`/metrics` has the two lines that benches/serve.rs reads.
"""
import asyncio
import io
import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import faiss
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from PIL import Image

MOST, NEIGHBOURS = 64, 5
TOGETHER = os.environ.get("BATCH", "0") == "1"
# Two threads a call where calls come one after the other; else calls are what runs side by side.
THREADS = int(os.environ.get("THREADS", "2" if TOGETHER else "1"))
folder = Path(sys.argv[1])

options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
index = faiss.read_index(str(folder / "index.faiss"))
faiss.omp_set_num_threads(THREADS)
stored = np.load(folder / "embeddings.npz", allow_pickle=False)
labels = {int(example): int(label) for name in stored.files if name.endswith("/example_ids")
          for example, label in zip(stored[name], stored[name.removesuffix("example_ids") + "labels"])}


def decoded(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))


def answers(images: np.ndarray) -> list[dict]:
    (vectors,) = session.run(["embeddings"], {"images": images})
    near, examples = index.search(vectors, NEIGHBOURS)
    found = []
    for distances, ids in zip(near, examples):
        neighbours = [{"rank": rank, "example_id": int(example), "label": labels.get(int(example)), "distance": float(1 - distance)}
                      for rank, (example, distance) in enumerate(zip(ids, distances), 1)]
        found.append({"label": neighbours[0]["label"], "distance": neighbours[0]["distance"], "neighbours": neighbours})
    return found


def alone(body: bytes) -> dict:
    return answers(decoded(body)[None])[0]


waiting: asyncio.Queue = asyncio.Queue()


async def gather() -> None:
    """Answers what waits together, one batch at a time."""
    while True:
        tasks = [await waiting.get()]
        while len(tasks) < MOST and not waiting.empty():
            tasks.append(waiting.get_nowait())
        found = await run_in_threadpool(lambda: answers(np.stack([decoded(body) for body, _ in tasks])))
        for (_, future), answer in zip(tasks, found):
            future.set_result(answer)


@asynccontextmanager
async def begun(_: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(gather()) if TOGETHER else None
    yield
    if task:
        task.cancel()


app = FastAPI(lifespan=begun)


@app.post("/v1/query")
async def query(request: Request) -> dict:
    body = await request.body()
    if not TOGETHER:
        return {"answers": [await run_in_threadpool(alone, body)]}
    future = asyncio.get_running_loop().create_future()
    waiting.put_nowait((body, future))
    return {"answers": [await future]}


@app.get("/metrics", response_class=PlainTextResponse)
def metrics() -> str:
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return (f"process_cpu_seconds_total {used.ru_utime + used.ru_stime}\n"
            f"process_resident_memory_bytes {pages * os.sysconf('SC_PAGE_SIZE')}\n")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
