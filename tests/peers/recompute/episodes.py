"""The figures of `few-shot`: what was drawn is not kept but for classes, so the same classes are drawn from once more."""

import numpy as np
from scipy.stats import norm
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from folder import unit

# Two means of as many episodes of the same classes: further apart than this many standard errors is no accident.
ERRORS = 4.5


def check(run, id, table):
    file = run.json(id, "few-shot.json")
    drawn = run.table(id, "episodes.parquet").to_pydict()
    pool = run.pool(run.upstream(id, "embeddings"), run.params(id)["slice"])
    vectors = unit(pool.vectors) if file["unit_length"] else pool.vectors
    for method, estimate in file["accuracy"].items():
        of = [at for at, name in enumerate(drawn["method"]) if name == method]
        ours = np.array([drawn["accuracy"][at] for at in of])
        half = norm.ppf(0.975) * ours.std(ddof=1) / np.sqrt(len(ours))
        table.add(id, f"{method}.accuracy", estimate["value"], float(ours.mean()), "NumPy")
        table.add(id, f"{method}.accuracy.low", estimate["low"], max(0.0, float(ours.mean() - half)), "NumPy")
        table.add(id, f"{method}.accuracy.high", estimate["high"], min(1.0, float(ours.mean() + half)), "NumPy")
        theirs = again(file, method, pool, vectors.astype(np.float64), [drawn["classes"][at] for at in of])
        error = float(np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / len(ours)))
        name = f"{method}.accuracy, images drawn anew"
        table.add(id, name, estimate["value"], float(theirs.mean()), "scikit-learn", limit=ERRORS * error)


def again(file, method, pool, vectors, classes):
    """The accuracy of each episode, with images drawn anew."""
    rng = np.random.default_rng(0)
    rows = {label: np.flatnonzero(pool.labels == label) for label in np.unique(pool.labels)}
    shots, queries = file["shots"], file["queries"]
    found = []
    for ways in classes:
        picked = np.stack([rng.permutation(rows[label])[: shots + queries] for label in ways])
        shown, asked = picked[:, :shots].ravel(), picked[:, shots:].ravel()
        model = NearestCentroid() if method == "nearest-prototype" else KNeighborsClassifier(1, algorithm="brute")
        # The centroid has no use for the variance, which one image does not have.
        with np.errstate(invalid="ignore"):
            model.fit(vectors[shown], pool.labels[shown])
        found.append((model.predict(vectors[asked]) == pool.labels[asked]).mean())
    return np.array(found)
