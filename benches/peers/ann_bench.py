"""Graphs of hnswlib and usearch, and IVF-PQ of faiss with re-ranking: the work of `cargo bench -p simpipe-benches --bench ann`.

`python ann_bench.py [COUNT] [DIM] [PEER..]`: one JSON line a case, on two threads."""
import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "2")
import numpy as np

CLASSES, QUERIES, K = 1000, 10_000, 10


def embeddings(count: int, dim: int, seed: int) -> np.ndarray:
    """Unit vectors around one centre a class."""
    draw = lambda rng, shape: rng.random(shape, np.float32) + rng.random(shape, np.float32) - 1
    centres = draw(np.random.default_rng(99), (CLASSES, dim))
    rows = draw(np.random.default_rng(seed), (count, dim))
    for start in range(0, count, 10_000):
        part = rows[start : start + 10_000]
        part += centres[np.arange(start, start + len(part)) % CLASSES]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def report(peer: str, case: str, settings: dict, build: float, exact: np.ndarray, search) -> None:
    start = time.perf_counter()
    found = search()
    seconds = time.perf_counter() - start
    recall = np.mean([len(np.intersect1d(one, other)) / K for one, other in zip(exact, found)])
    print(json.dumps({"peer": peer, "case": case, "search": settings, "build_s": round(build, 2), "recall": round(float(recall), 4),
                      "queries_per_s": round(QUERIES / seconds)}), flush=True)


def main() -> None:
    count, dim = (int(number) for number in (sys.argv[1:3] + ["100000", "256"][len(sys.argv[1:3]) :]))
    peers = sys.argv[3:] or ["hnswlib", "usearch", "faiss"]
    rows, queries = embeddings(count, dim, 1), embeddings(QUERIES, dim, 2)
    import faiss

    faiss.omp_set_num_threads(2)
    flat = faiss.IndexFlatIP(dim)
    flat.add(rows)
    exact = flat.search(queries, K)[1]
    del flat
    size = f"{count}x{dim}"
    if "hnswlib" in peers:
        import hnswlib

        index = hnswlib.Index("ip", dim)
        start = time.perf_counter()
        index.init_index(count, M=16, ef_construction=200)
        index.add_items(rows, num_threads=2)
        build = time.perf_counter() - start
        for width in (16, 32, 64, 128, 256):
            index.set_ef(width)
            report("hnswlib", f"hnsw-{size}", {"ef": width}, build, exact, lambda: index.knn_query(queries, K, num_threads=2)[0])
        del index
    if "usearch" in peers:
        from usearch.index import Index

        index = Index(ndim=dim, metric="ip", dtype="f32", connectivity=16, expansion_add=200)
        start = time.perf_counter()
        index.add(np.arange(count), rows, threads=2)
        build = time.perf_counter() - start
        for width in (16, 32, 64, 128, 256):
            index.expansion_search = width
            report("usearch", f"hnsw-{size}", {"expansion_search": width}, build, exact, lambda: index.search(queries, K, threads=2).keys)
        del index
    if "faiss" in peers:
        lists = int(4 * count**0.5)
        index = faiss.index_factory(dim, f"IVF{lists},PQ{dim // 4},RFlat", faiss.METRIC_INNER_PRODUCT)
        start = time.perf_counter()
        index.train(rows[np.random.default_rng(3).permutation(count)[: lists * 64]])
        index.add(rows)
        build = time.perf_counter() - start
        index.k_factor = 10
        for probes in (8, 16, 32, 64):
            faiss.extract_index_ivf(index.base_index).nprobe = probes
            report(f"faiss {faiss.__version__}", f"ivf-pq-{size}", {"nprobe": probes, "k_factor": 10}, build, exact, lambda: index.search(queries, K)[1])


if __name__ == "__main__":
    main()
