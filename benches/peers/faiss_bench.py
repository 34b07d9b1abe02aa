"""Exact inner-product search in faiss on the CPU: the work of `cargo bench -p simpipe-benches --bench knn`. One JSON line a case."""
import json
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "2")
import faiss

from embeddings import embeddings


def main() -> None:
    faiss.omp_set_num_threads(2)
    for count, dim, depths in ((50_000, 64, (10, 100, 5000)), (60_000, 256, (10,))):
        rows, queries = embeddings(count, dim, 1), embeddings(10_000, dim, 2)
        for k in depths:
            times = []
            for _ in range(2 if k > 2048 else 5):
                start = time.perf_counter()
                index = faiss.IndexFlatIP(dim)
                index.add(rows)
                index.search(queries, k)
                times.append(time.perf_counter() - start)
            print(json.dumps({"peer": f"faiss {faiss.__version__}", "case": f"knn-10000x{count}x{dim}-k{k}",
                              "min_ms": round(min(times) * 1e3, 2), "median_ms": round(sorted(times)[len(times) // 2] * 1e3, 2)}), flush=True)


if __name__ == "__main__":
    main()
