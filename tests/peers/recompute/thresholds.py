"""The figures of `calibrate`, computed anew, for the matcher `nearest`."""

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import f1_score, precision_recall_curve, precision_score, recall_score

import ranks

BY = "scikit-learn"


def rounded(distances):
    """To 8 decimals in float32, as src/search/matcher.rs."""
    return np.rint(distances.astype(np.float32) * np.float32(1e8)) / np.float32(1e8)


def nearest(lookup, of=ranks.defined):
    """The nearest row of each query and its distance."""
    rows, far = np.zeros(len(lookup.queries), int), np.zeros(len(lookup.queries))
    for block in ranks.blocks(lookup, of):
        rows[block.rows] = block.order[:, 0]
        far[block.rows] = block.far[np.arange(len(block.rows)), block.order[:, 0]]
    return rows, lookup.sign * far


def check(run, id, table):
    calibration = run.json(id, "calibration.json")
    if calibration["matcher"] != "nearest":
        table.skip(id, "cutpoints", f"the matcher `{calibration['matcher']}` is computed by golden/calibration.json")
        return
    lookup = run.lookup(id, True)
    rows, distances = nearest(lookup)
    distances = rounded(distances)
    right = lookup.index.labels[rows] == lookup.queries.labels
    wanted = right if calibration["counting"] == "lookup" else lookup.relevant > 0
    for name, cutpoint in calibration["cutpoints"].items():
        accepted = lookup.sign * distances <= lookup.sign * np.float32(cutpoint["distance"])
        figures = {
            "precision": precision_score(right, accepted, zero_division=0.0),
            "recall": recall_score(wanted, accepted & right, zero_division=0.0),
            "binary_accuracy": float((accepted & right).mean()),
        }
        if calibration["counting"] == "lookup":
            figures["f1"] = f1_score(right, accepted, zero_division=0.0)
        else:
            both = figures["precision"] + figures["recall"]
            figures["f1"] = 2 * figures["precision"] * figures["recall"] / both if both else 0.0
        for metric, theirs in figures.items():
            table.add(id, f"{name}.{metric}", cutpoint[metric], theirs, BY)
    curve(run, id, table, lookup, calibration, right, wanted, distances)


def curve(run, id, table, lookup, calibration, right, wanted, distances):
    """Every threshold: the mean of each column, and how many of its values differ."""
    thresholds = run.table(id, "thresholds.parquet")
    scores = -lookup.sign * distances.astype(np.float64)
    precision, recall, at = precision_recall_curve(right, scores)
    # From the strictest threshold on, as ours; recall there is of the queries whose nearest is right.
    precision, recall = precision[:-1][::-1], recall[:-1][::-1] * right.sum() / max(wanted.sum(), 1)
    both = np.where(precision + recall > 0, precision + recall, 1)
    theirs = {"distance": -lookup.sign * at[::-1], "precision": precision, "recall": recall}
    theirs["f1"] = 2 * precision * recall / both
    for name, values in theirs.items():
        ours = thresholds[name].to_numpy()
        if len(ours) != len(values):
            table.add(id, f"thresholds.{name}", len(ours), len(values), BY)
            continue
        apart = int((np.abs(ours - values) > 1e-6).sum())
        table.add(id, f"thresholds.{name}", float(ours.mean()), float(values.mean()), BY, apart, 0)
    best = calibration["cutpoints"]["optimal"]
    if calibration["metric"] in theirs:
        values = theirs[calibration["metric"]]
        last = len(values) - 1 - int(np.argmax(np.round(values, 12)[::-1]))
        table.add(id, "optimal.value", best["value"], float(values.max()), BY)
        table.add(id, "optimal.distance", best["distance"], float(theirs["distance"][last]), BY)
    fitted = isotonic(lookup, right, distances)
    knots = calibration["probability"]
    at = np.array([knot["distance"] for knot in knots])
    ours = np.array([knot["probability"] for knot in knots])
    theirs = fitted(at)
    apart = int((np.abs(ours - theirs) > 1e-6).sum())
    table.add(id, "probability", float(ours.mean()), float(theirs.mean()), BY, apart, 0)


def isotonic(lookup, right, distances):
    """The probability of a right label by distance."""
    model = IsotonicRegression(increasing=lookup.sign < 0, out_of_bounds="clip")
    model.fit(distances.astype(np.float64), right.astype(np.float64))
    return model.predict
