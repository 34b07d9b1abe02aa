"""Exact search in usearch on the CPU: one case of `cargo bench -p simpipe-benches --bench knn`."""
import json
import time

import usearch
from usearch.index import MetricKind, search

from embeddings import embeddings


def main() -> None:
    rows, queries = embeddings(50_000, 64, 1), embeddings(10_000, 64, 2)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        search(rows, queries, 10, MetricKind.IP, exact=True, threads=2)
        times.append(time.perf_counter() - start)
    print(json.dumps({"peer": f"usearch {usearch.__version__}", "case": "knn-10000x50000x64-k10",
                      "min_ms": round(min(times) * 1e3, 2), "median_ms": round(max(times) * 1e3, 2)}), flush=True)


if __name__ == "__main__":
    main()
