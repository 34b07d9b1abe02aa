"""Figures of where embeddings lie."""

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.metrics import silhouette_score

# As src/metric/space/pairs.rs: of more pairs some are drawn.
MOST_PAIRS = 1_000_000


def alignment(rows, labels):
    total = pairs = 0
    for label in np.unique(labels):
        squares = pdist(rows[labels == label], "sqeuclidean")
        total, pairs = total + squares.sum(), pairs + len(squares)
    return total / pairs


def uniformity(rows, labels):
    return np.log(np.exp(-2 * pdist(rows, "sqeuclidean")).mean())


def effective_rank(rows, labels):
    shares = np.linalg.svd(rows, compute_uv=False)
    shares = shares[shares > 0] / shares.sum()
    return np.exp(-(shares * np.log(shares)).sum())


def silhouette(rows, labels):
    return silhouette_score(rows, labels, metric="sqeuclidean")


KNOWN = {
    "alignment": (alignment, "SciPy"),
    "uniformity": (uniformity, "SciPy"),
    "effective_rank": (effective_rank, "NumPy"),
    "silhouette": (silhouette, "scikit-learn"),
}


def check(table, id, lookup, names, metrics):
    rows = lookup.queries.vectors.astype(np.float64)
    for name in names:
        if name not in KNOWN:
            continue
        if name == "uniformity" and len(rows) * (len(rows) - 1) // 2 > MOST_PAIRS:
            table.skip(id, name, f"of {MOST_PAIRS} drawn pairs, which the run does not keep")
            continue
        compute, by = KNOWN[name]
        table.add(id, name, metrics[name]["value"], float(compute(rows, lookup.queries.labels)), by)
