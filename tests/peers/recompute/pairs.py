"""Figures of pairs and of open sets, by scikit-learn's curves; and of who finds whom."""

import numpy as np
from scipy.optimize import brentq
from scipy.stats import skew
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve


def is_of_pairs(name):
    return name in ("roc_auc", "average_precision", "eer") or name.startswith(("tpr@", "fpr@", "frr@"))


def is_of_open_set(name):
    return name in ("auroc", "oscr") or name.startswith("dir@")


def is_known(name):
    return is_of_pairs(name) or is_of_open_set(name) or name.startswith(("hubness@", "antihubs@"))


def percent(name, unit):
    """1 of `tpr@1fpr`, as a share."""
    return float(name.partition("@")[2].removesuffix(unit)) / 100


class Scores:
    """The scores of all pairs of a query and a row that it looks at: higher is nearer."""

    def __init__(self, wanted):
        self.wanted, self.scores, self.genuine = wanted, [], []

    def take(self, far, hits):
        if self.wanted:
            looked_at = np.isfinite(far)
            self.scores.append(-far[looked_at])
            self.genuine.append(hits[looked_at])

    def figures(self, names):
        names = [name for name in names if self.wanted and is_of_pairs(name)]
        if not names:
            return {}
        scores, genuine = np.concatenate(self.scores), np.concatenate(self.genuine)
        fpr, tpr, _ = roc_curve(genuine, scores, drop_intermediate=False)
        return {name: (of_curve(name, fpr, tpr, genuine, scores), "scikit-learn") for name in names}


def of_curve(name, fpr, tpr, genuine, scores):
    # A whole number of pairs that rounding put just beyond a limit is within it.
    slack = 1 + 1e-12
    if name == "roc_auc":
        return roc_auc_score(genuine, scores)
    if name == "average_precision":
        return average_precision_score(genuine, scores)
    if name == "eer":
        return brentq(lambda rate: 1 - rate - np.interp(rate, fpr, tpr), 0, 1, xtol=1e-12)
    if name.startswith("tpr@"):
        return tpr[fpr <= percent(name, "fpr") * slack].max()
    if name.startswith("fpr@"):
        return fpr[tpr * slack >= percent(name, "tpr")].min()
    return 1 - tpr[fpr <= percent(name, "far") * slack].max()


def open_set(names, scores, known, right):
    """Of queries whose class the index holds or lacks, by the score of the nearest row."""
    names = [name for name in names if is_of_open_set(name)]
    if not names:
        return {}
    far, _, thresholds = roc_curve(known, scores, drop_intermediate=False)
    accepted = np.array([(known & right & (scores >= threshold)).sum() for threshold in thresholds]) / known.sum()
    found = {}
    for name in names:
        if name == "auroc":
            found[name] = roc_auc_score(known, scores), "scikit-learn"
        elif name == "oscr":
            found[name] = np.trapezoid(accepted, far), "scikit-learn's curve"
        else:
            found[name] = accepted[far <= percent(name, "far") * (1 + 1e-12)].max(), "scikit-learn's curve"
    return found


def hubness(name, times):
    """How unevenly rows are found, of how often each is."""
    if name.startswith("hubness"):
        return float(skew(times)), "SciPy"
    return float((times == 0).mean()), "NumPy"
