"""Graphs of hnswlib and usearch, IVF-PQ and bytes of faiss with re-ranking: the work of `cargo bench -p simpipe-benches --bench ann`.

`python ann_bench.py FOLDER [PEER..]`: one JSON line a case, on two threads. FOLDER is what that bench has kept: the very vectors
and queries that it searched, and the nearest rows of each query. Queries are timed three times, the least counts.
"""
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
import numpy as np

THREADS, ROUNDS = 2, 3
WIDTHS = (16, 32, 64, 128, 256)


class Case:
    """Vectors, queries and what is near, with where answers are printed."""

    def __init__(self, folder: Path) -> None:
        shape = json.loads((folder / "shape.json").read_text())
        self.count, self.dim, self.k = shape["count"], shape["dim"], shape["k"]
        read = lambda name, kind, width: np.fromfile(folder / name, kind).reshape(-1, width)
        self.rows, self.queries = read("index.f32", np.float32, self.dim), read("queries.f32", np.float32, self.dim)
        self.exact = read("nearest.u32", np.uint32, self.k).astype(np.int64)

    def report(self, peer: str, method: str, settings: dict, built: dict, search) -> None:
        seconds, found = [], None
        for _ in range(ROUNDS):
            start = time.perf_counter()
            found = search()
            seconds.append(time.perf_counter() - start)
        found = np.asarray(found).astype(np.int64)
        recall = np.mean([len(np.intersect1d(one, other)) / self.k for one, other in zip(self.exact, found)])
        print(json.dumps({"peer": peer, "case": f"{method}-{self.count}x{self.dim}", "search": settings, **built, "recall": round(float(recall), 4),
                          "queries_per_s": round(len(self.queries) / min(seconds))}), flush=True)

    def built(self, start: float, save) -> dict:
        """The time since `start`, and the bytes of the saved index beside the numbers of its vectors, for each of them."""
        seconds = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "index")
            save(path)
            size = os.path.getsize(path)
        return {"build_s": round(seconds, 2), "bytes_beside": round(size / self.count - 4 * self.dim)}


def hnswlib(case: Case) -> None:
    import hnswlib
    from importlib.metadata import version

    index = hnswlib.Index("ip", case.dim)
    start = time.perf_counter()
    index.init_index(case.count, M=16, ef_construction=200)
    index.add_items(case.rows, num_threads=THREADS)
    built = case.built(start, index.save_index)
    for width in WIDTHS:
        index.set_ef(width)
        case.report(f"hnswlib {version('hnswlib')}", "hnsw", {"ef": width}, built, lambda: index.knn_query(case.queries, case.k, num_threads=THREADS)[0])


def usearch(case: Case) -> None:
    import usearch
    from usearch.index import Index

    index = Index(ndim=case.dim, metric="ip", dtype="f32", connectivity=16, expansion_add=200)
    start = time.perf_counter()
    index.add(np.arange(case.count), case.rows, threads=THREADS)
    built = case.built(start, index.save)
    for width in WIDTHS:
        index.expansion_search = width
        case.report(f"usearch {usearch.__version__}", "hnsw", {"expansion_search": width}, built, lambda: index.search(case.queries, case.k, threads=THREADS).keys)


def faiss(case: Case) -> None:
    import faiss

    faiss.omp_set_num_threads(THREADS)
    lists = min(int(4 * case.count**0.5), case.count // 39)
    index = faiss.index_factory(case.dim, f"IVF{lists},PQ{case.dim // 4},RFlat", faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    index.train(case.rows[np.random.default_rng(3).permutation(case.count)[: lists * 64]])
    index.add(case.rows)
    built = case.built(start, lambda path: faiss.write_index(index, path))
    index.k_factor = 10
    for probes in (8, 16, 32, 64):
        faiss.extract_index_ivf(index.base_index).nprobe = probes
        case.report(f"faiss {faiss.__version__}", "ivf-pq", {"nprobe": probes, "k_factor": 10}, built, lambda: index.search(case.queries, case.k)[1])
    bytes_of = faiss.index_factory(case.dim, "SQ8,RFlat", faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    bytes_of.train(case.rows)
    bytes_of.add(case.rows)
    built = case.built(start, lambda path: faiss.write_index(bytes_of, path))
    bytes_of.k_factor = 4
    case.report(f"faiss {faiss.__version__}", "int8", {"k_factor": 4}, built, lambda: bytes_of.search(case.queries, case.k)[1])


PEERS = {"hnswlib": hnswlib, "usearch": usearch, "faiss": faiss}


def main() -> None:
    case = Case(Path(sys.argv[1]))
    for peer in sys.argv[2:] or PEERS:
        PEERS[peer](case)


if __name__ == "__main__":
    main()
