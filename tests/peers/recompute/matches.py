"""The figures of `match`, computed anew."""

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

import ranks
import thresholds
from table import LIMIT, Difference

UNKNOWN = -1
BINS = 15


def check(run, id, table):
    matches = run.table(id, "matches.parquet").to_pydict()
    metrics = run.json(id, "metrics.json")
    lookup = run.lookup(id, run.params(id)["leave-one-out"])
    neighbours(id, table, lookup, matches, ranks.defined, "NumPy")
    neighbours(id, table, lookup, matches, ranks.searched, "scikit-learn")
    retrieval(id, table, lookup, metrics)
    labels = np.array(matches["label"])
    given = np.array([UNKNOWN if label is None else label for label in matches["predicted"]])
    matched = np.array(matches["matched"])
    right = given == labels
    probability = np.array(matches["probability"])
    given_or_not = np.where(matched, given, UNKNOWN)
    table.add(id, "accuracy", metrics["accuracy"], accuracy_score(labels, given_or_not), "scikit-learn")
    table.add(id, "matched", metrics["matched"], float(matched.mean()), "NumPy")
    table.add(id, "unknown", metrics["unknown"], float(np.mean(given_or_not == UNKNOWN)), "NumPy")
    if "ece" in metrics:
        table.add(id, "ece", metrics["ece"], calibration_error(probability, right), "NumPy")
    confusion(run, id, table, labels, given_or_not)
    calibrated(run, id, table, lookup, matches, matched, probability)
    for name in metrics:
        if name.startswith(("disjoint.", "distinct.")):
            table.skip(id, name, "the same metrics over some of the queries")


def neighbours(id, table, lookup, matches, of, by):
    """The neighbours kept of each query: those of another order must be as far."""
    kept = [[near["example_id"] for near in found] for found in matches["neighbours"]]
    depth = max(map(len, kept))
    differ = ties = 0
    for block in ranks.blocks(lookup, of):
        for at, query in enumerate(block.rows):
            ours, order = kept[query], block.order[at, :depth]
            theirs = lookup.index.ids[order][: len(ours)].tolist()
            if ours == theirs:
                continue
            differ += 1
            far = dict(zip(lookup.index.ids.tolist(), block.far[at].tolist()))
            gaps = [abs(far[one] - far[other]) for one, other in zip(ours, theirs)]
            tie = max(gaps) <= ranks.TIE
            ties += tie
            why = f"neighbours {ours} and {theirs} are {max(gaps):.1e} apart"
            table.differences.append(Difference(id, "neighbours", by, matches["query_id"][query], 0, 0, tie, why))
    count = len(kept)
    table.add(id, "neighbours", count, count - differ, by, differ, ties, anew=of is ranks.searched)
    if of is ranks.defined:
        # All matchers start from the nearest.
        rows, far = thresholds.nearest(lookup)
        ours = np.array([found[0]["distance"] for found in matches["neighbours"]], float)
        apart = int((np.abs(ours - far) > LIMIT).sum())
        table.add(id, "distance of the nearest", float(ours.mean()), float(far.mean()), by, apart, 0)


def retrieval(id, table, lookup, metrics):
    """recall@k and the like: no table of this stage holds them by query."""
    names = [name for name in metrics if ranks.is_known(name)]
    sums = {name: [] for name in names}
    for block in ranks.blocks(lookup, ranks.defined):
        for name in names:
            sums[name].append(ranks.values(name, block.hits, lookup.relevant[block.rows]))
    for name, values in sums.items():
        values = np.concatenate(values)
        theirs = 0.0 if np.isnan(values).all() else float(np.nanmean(values))
        table.add(id, name, metrics[name], theirs, ranks.library(name))


def calibration_error(probability, right):
    """Over bins of as many queries each."""
    order = np.argsort(probability, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    return sum(len(part) * abs(probability[part].mean() - right[part].mean()) for part in bins) / len(order)


def confusion(run, id, table, labels, given):
    """Every cell, and F1 of each class."""
    cells = run.table(id, "confusion.parquet").to_pydict()
    names = np.unique(np.concatenate([labels, given]))
    theirs = confusion_matrix(labels, given, labels=names)
    ours = np.zeros_like(theirs)
    place = {name: at for at, name in enumerate(names.tolist())}
    for label, predicted, count in zip(cells["label"], cells["predicted"], cells["count"]):
        ours[place[label], place[UNKNOWN if predicted is None else predicted]] += count
    apart = int((ours != theirs).sum())
    table.add(id, "confusion", int(ours.trace()), int(theirs.trace()), "scikit-learn", apart, 0)
    kept = names != UNKNOWN
    total = ours.sum(0) + ours.sum(1)
    f1 = np.where(total > 0, 2 * ours.diagonal() / np.maximum(total, 1), 0.0)[kept]
    of_class = f1_score(labels, given, labels=names[kept], average=None, zero_division=0.0)
    apart = int((np.abs(f1 - of_class) > LIMIT).sum())
    table.add(id, "f1 by class", float(f1.mean()), float(of_class.mean()), "scikit-learn", apart, 0)


def calibrated(run, id, table, lookup, matches, matched, probability):
    """Which queries are within the cutpoint, and how sure each label is."""
    stage = run.upstream(id, "calibration")
    calibration = run.json(stage, "calibration.json")
    if calibration["matcher"] != "nearest" or run.params(id).get("matcher"):
        table.skip(id, "probability", "only the matcher `nearest` is computed anew")
        return
    rows, far = thresholds.nearest(lookup)
    cutpoint = np.float32(calibration["cutpoints"][run.params(id)["cutpoint"]]["distance"])
    within = lookup.sign * thresholds.rounded(far) <= lookup.sign * cutpoint
    apart = int((within != matched).sum())
    table.add(id, "matched by query", int(matched.sum()), int(within.sum()), "NumPy", apart, 0)
    own = run.lookup(stage, True)
    own_rows, own_far = thresholds.nearest(own)
    right = own.index.labels[own_rows] == own.queries.labels
    theirs = thresholds.isotonic(own, right, thresholds.rounded(own_far))(thresholds.rounded(far).astype(np.float64))
    apart = int((np.abs(probability - theirs) > LIMIT).sum())
    table.add(id, "probability", float(probability.mean()), float(theirs.mean()), "scikit-learn", apart, 0)
