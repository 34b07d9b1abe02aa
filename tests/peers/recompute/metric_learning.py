"""The figures that pytorch-metric-learning has a name for, where it is there."""

import importlib.util

import numpy as np

CALCULATED = {
    "recall@1": "precision_at_1",
    "precision@1": "precision_at_1",
    "r_precision": "r_precision",
    "map@r": "mean_average_precision_at_r",
}
BY = "pytorch-metric-learning"
# Its search takes minutes to keep more of each query.
MOST = 2000


def missing():
    """Why it is not there; `None` where it is."""
    gone = [name for name in ("torch", "pytorch_metric_learning") if importlib.util.find_spec(name) is None]
    return f"no {' and no '.join(gone)} is installed" if gone else None


def unsearched():
    """Why its search is not there; `None` where it is."""
    return None if importlib.util.find_spec("faiss") else "no faiss is installed, which its search is made of"


def never(*args):
    """In the place of its search, where ranks are given."""
    raise AssertionError("the ranks are given")


def uncounted(lookup, names):
    """Why it can't count what is relevant, where it is there and has a name for a figure: it does so by labels alone."""
    if missing() or not any(name.partition("/")[0] in CALCULATED for name in names):
        return None
    left_out = {len(rows) for rows in lookup.excluded}
    if len(left_out) == 1 and max(left_out) <= 1:
        return None
    return "queries do not look at unlike numbers of rows, such as copies or all of a group; it counts labels alone"


def figures(lookup, nearest_labels, names, average):
    """Name, value and library of each figure; `nearest_labels` are those of the R nearest of each query, in blocks."""
    asked = [name for name in names if name.partition("/")[0] in CALCULATED]
    if missing() or not asked:
        return
    import torch
    from pytorch_metric_learning.utils import accuracy_calculator as library

    left_out = {len(rows) for rows in lookup.excluded}
    labels = torch.from_numpy(lookup.queries.labels.astype(np.int64))
    rows = torch.from_numpy(lookup.index.labels.astype(np.int64))
    includes = max(left_out) == 1
    counts = library.get_label_match_counts(labels, rows, torch.eq)
    _, known = library.get_lone_query_labels(labels, counts, includes, torch.eq)
    for name in asked:
        column, _, over = name.partition("/")
        by_class = (over or average) == "macro"
        calculator = library.AccuracyCalculator((CALCULATED[column],), return_per_class=by_class, knn_func=never)
        calculate = getattr(calculator, f"calculate_{CALCULATED[column]}")
        # A class may lie in several blocks.
        blocks = [np.concatenate(nearest_labels)] if by_class else nearest_labels
        values, weights, start = [], [], 0
        for block in blocks:
            part = slice(start, start + len(block))
            start += len(block)
            weights.append(int(known[part].sum()))
            value = calculate(
                knn_labels=torch.from_numpy(block.astype(np.int64)),
                query_labels=labels[part],
                not_lone_query_mask=known[part],
                ref_includes_query=includes,
                label_counts=counts,
            )
            values.append(np.mean(value) if weights[-1] else 0.0)
        yield name, float(np.average(values, weights=weights)), BY


def search(lookup):
    """Its own search, by faiss in float32: as `ranks.searched`, but rows behind the R nearest are infinitely far; `None` where
    it does not order neighbours as the index does, or would take too long."""
    import torch
    from pytorch_metric_learning.utils.inference import FaissKNN

    depth = int(lookup.relevant.max(initial=1)) + max(map(len, lookup.excluded))
    if lookup.distance not in ("cosine", "euclidean", "squared-euclidean") or depth > MOST:
        return None

    def searched(distance, queries, keys):
        asked, rows = (torch.from_numpy(of.astype(np.float32)) for of in (queries, keys))
        squares, found = FaissKNN()(asked, min(depth, len(rows)), rows)
        far = np.full((len(queries), len(keys)), np.inf)
        # Of rows of unit length the squared distance is twice the cosine distance.
        of = {"cosine": lambda square: square / 2, "euclidean": np.sqrt, "squared-euclidean": lambda square: square}
        np.put_along_axis(far, found.numpy(), of[distance](squares.numpy().astype(np.float64)), 1)
        return far

    return searched
