"""Neighbours from nearest to farthest, found twice, and metrics of their order.

`defined` are distances as simpipe defines them: summed in float64, kept as float32, ties by position. `searched` are those of
scikit-learn in float64, which it computes its own way: the two may put neighbours in another order only where these are as
far, up to TIE.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, ndcg_score, pairwise

# Distances that differ by no more than this are ties.
TIE = 1e-6


@dataclass
class Block:
    """Some queries with all of the index, by how far it is: larger is farther, infinite what a query does not look at."""

    rows: np.ndarray
    far: np.ndarray
    order: np.ndarray
    # Whether each neighbour, nearest first, has the query's label.
    hits: np.ndarray


def blocks(lookup, of, size=256):
    """All queries, some at a time; `of` is `defined` or `searched`."""
    keys = lookup.index.vectors.astype(np.float64)
    for start in range(0, len(lookup.queries), size):
        rows = np.arange(start, min(start + size, len(lookup.queries)))
        asked = lookup.queries.vectors[rows].astype(np.float64)
        far = lookup.sign * of(lookup.distance, asked, keys)
        for at, row in enumerate(rows):
            far[at, lookup.excluded[row]] = np.inf
        order = np.argsort(far, axis=1, kind="stable")
        hits = lookup.index.labels[order] == lookup.queries.labels[rows][:, None]
        for at, row in enumerate(rows):
            hits[at, len(keys) - len(lookup.excluded[row]) :] = False
        yield Block(rows, far, order, hits)


def defined(distance, queries, keys):
    """As src/search/distance.rs."""
    if distance == "cosine":
        found = np.maximum(0.0, 1.0 - queries @ keys.T)
    elif distance == "inner-product":
        found = queries @ keys.T
    else:
        found = np.stack([one_to_all(distance, query, keys) for query in queries])
    return found.astype(np.float32).astype(np.float64)


def one_to_all(distance, query, keys):
    difference = query - keys
    if distance == "manhattan":
        return np.abs(difference).sum(1)
    if distance == "snr":
        return difference.var(1) / query.var()
    square = (difference**2).sum(1)
    return square if distance == "squared-euclidean" else np.where(square < 1e-18, 0.0, np.sqrt(square))


def searched(distance, queries, keys):
    """As scikit-learn computes them."""
    if distance == "cosine":
        return pairwise.cosine_distances(queries, keys)
    if distance == "inner-product":
        return pairwise.linear_kernel(queries, keys)
    if distance == "manhattan":
        return pairwise.manhattan_distances(queries, keys)
    if distance == "snr":
        return np.stack([one_to_all(distance, query, keys) for query in queries])
    return pairwise.euclidean_distances(queries, keys, squared=distance == "squared-euclidean")


def parts(name):
    """`map@r` and None, `recall` and 10, of a metric's name; without what it is averaged over."""
    name = name.partition("/")[0]
    base, _, number = name.partition("@")
    return (base, int(number)) if number.isdigit() else (name, None)


def precisions(hits, depth):
    """Of the nearest 1, 2, .. `depth` of each query."""
    return np.cumsum(hits[:, :depth], axis=1) / np.arange(1, hits[:, :depth].shape[1] + 1)


def within(hits, relevant):
    """The hits among the R nearest of each query."""
    depth = int(relevant.max(initial=0))
    return hits[:, :depth] & (np.arange(min(depth, hits.shape[1])) < relevant[:, None])


def recall(hits, relevant, k):
    return hits[:, :k].any(1).astype(float)


def precision(hits, relevant, k):
    return hits[:, :k].sum(1) / k


def r_precision(hits, relevant, k):
    return within(hits, relevant).sum(1) / np.maximum(relevant, 1)


def map_at_r(hits, relevant, k):
    hits = within(hits, relevant)
    return (precisions(hits, hits.shape[1]) * hits).sum(1) / np.maximum(relevant, 1)


def map_clip_at_r(hits, relevant, k):
    return map_at_k(within(hits, relevant), relevant, k)


def map_at_k(hits, relevant, k):
    if k is not None:
        return (precisions(hits, k) * hits[:, :k]).sum(1) / np.maximum(relevant, 1)
    ranks = -np.arange(hits.shape[1])
    return np.array([average_precision_score(row, ranks) if row.any() else 0.0 for row in hits])


def mrr(hits, relevant, k):
    hits = hits if k is None else hits[:, :k]
    return np.where(hits.any(1), 1.0 / (hits.argmax(1) + 1), 0.0)


def ndcg(hits, relevant, k):
    """The best order is that of the retrieved k."""
    hits = hits[:, :k]
    if hits.shape[1] < 2:
        return hits.any(1).astype(float)
    return ndcg_by_query(hits, None)


def true_ndcg(hits, relevant, k):
    return ndcg_by_query(hits, k)


def ndcg_by_query(hits, k):
    """scikit-learn gives the mean alone, so each query is asked for by itself."""
    rows = zip(hits.astype(float), ranks_as_scores(hits))
    return np.array([ndcg_score(row[None], scores[None], k=k, ignore_ties=True) for row, scores in rows])


def ranks_as_scores(hits):
    return np.broadcast_to(-np.arange(hits.shape[1], dtype=float), hits.shape)


METRICS = {
    "recall": recall,
    "precision": precision,
    "r_precision": r_precision,
    "map@r": map_at_r,
    "map": map_at_k,
    "map_clip_at_r": map_clip_at_r,
    "mrr": mrr,
    "ndcg": ndcg,
    "true_ndcg": true_ndcg,
}


def library(name):
    """What computes a metric."""
    base, k = parts(name)
    return "scikit-learn" if "ndcg" in base or (base == "map" and k is None) else "NumPy"


def is_known(name):
    return parts(name)[0] in METRICS


def values(name, hits, relevant):
    """A metric of each query; NaN where nothing is relevant."""
    base, k = parts(name)
    return np.where(relevant > 0, METRICS[base](hits, relevant, k), np.nan)


def first_tie(far, hit_of_row, depth):
    """Two neighbours as far, up to TIE, one right and one wrong, that stand next to each other: (rank, distances)."""
    order = np.argsort(far, kind="stable")[: depth + 1]
    near, hits = far[order], hit_of_row[order]
    near = near[np.isfinite(near)]
    hits = hits[: len(near)]
    ranks = np.flatnonzero((np.diff(near) <= TIE) & (hits[1:] != hits[:-1]))
    return None if len(ranks) == 0 else (int(ranks[0]) + 1, near[ranks[0]], near[ranks[0] + 1])


def is_tie(name, ours, far, hit_of_row, relevant):
    """Whether a query's value is that of some order in which only ties have changed places.

    What a right neighbour gains by coming earlier no other metric takes back, so the values lie between those where right
    ones win and where they lose every tie. Only ndcg@k can fall when one more is found: there a tie among the first k + 1
    must do.
    """
    base, k = parts(name)
    if base == "ndcg":
        return first_tie(far, hit_of_row, k) is not None
    ends = []
    for shift in (TIE, -TIE):
        order = np.argsort(far + shift * hit_of_row, kind="stable")
        ends.append(values(name, hit_of_row[order][None], np.array([relevant]))[0])
    return ends[0] - TIE <= ours <= ends[1] + TIE
