"""The figures of `evaluate`, computed anew."""

import numpy as np

import metric_learning
import pairs
import ranks
import spaces
from table import LIMIT, Difference


def check(run, id, table):
    evaluation = run.json(id, "evaluation.json")
    lookup = run.lookup(id, evaluation["leave_one_out"], (evaluation.get("excluded") or {}).get("same"))
    queries = run.table(id, "per-query.parquet")
    metrics = evaluation["metrics"]
    means = [name for name in metrics if ranks.is_known(name)]
    others = [name for name in metrics if name not in means]
    columns = sorted({name.partition("/")[0] for name in means})
    same = Neighbours(lookup, ranks.defined, columns, others, evaluation)
    same.compare(table, id, queries, means, evaluation)
    same.compare_sets(table, id, others, metrics)
    by_metric_learning(lookup, table, id, same.nearest_labels, means, evaluation)
    anew = Neighbours(lookup, ranks.searched, columns, [], evaluation, "distances of scikit-learn")
    anew.compare(table, id, queries, means, evaluation)
    searched_by_metric_learning(lookup, table, id, queries, means, evaluation)
    spaces.check(table, id, lookup, others, metrics)
    classes(run, id, table, columns)
    categories(run, id, table, lookup, evaluation)
    unchecked(table, id, evaluation, others)


def by_metric_learning(lookup, table, id, nearest_labels, means, evaluation):
    """Its figures of the same ranks."""
    reason = metric_learning.uncounted(lookup, means)
    if reason:
        table.skip(id, f"figures of {metric_learning.BY}", reason)
        return
    for name, theirs, by in metric_learning.figures(lookup, nearest_labels, means, evaluation["average"]):
        table.add(id, name, evaluation["metrics"][name]["value"], theirs, by)


def searched_by_metric_learning(lookup, table, id, queries, means, evaluation):
    means = [name for name in means if name.partition("/")[0] in metric_learning.CALCULATED]
    if metric_learning.missing() or not means:
        return
    search = None if metric_learning.unsearched() else metric_learning.search(lookup)
    if search is None:
        why = metric_learning.unsearched() or "of too many neighbours, or of another distance"
        table.skip(id, f"{metric_learning.BY}'s own search", why)
        return
    columns = sorted({name.partition("/")[0] for name in means})
    found = Neighbours(lookup, search, columns, [], evaluation, f"search of {metric_learning.BY}")
    found.compare(table, id, queries, means, evaluation)


class Neighbours:
    """What one way to compute distances finds of all queries."""

    def __init__(self, lookup, of, columns, others, evaluation, by=None):
        self.lookup, self.columns, self.by = lookup, columns, by
        self.values = {column: np.full(len(lookup.queries), np.nan) for column in columns}
        # Of the nearest: its row, its distance and whether it has the query's label.
        self.nearest = np.zeros(len(lookup.queries), int)
        self.nearest_far = np.zeros(len(lookup.queries))
        self.nearest_labels = []
        self.occurrences = {name: np.zeros(len(lookup.index), int) for name in others if name.startswith(("hubness@", "antihubs@"))}
        self.scores = pairs.Scores((evaluation.get("pairs") or {}).get("all", False))
        self.of, self.anew = of, of is not ranks.defined
        for block in ranks.blocks(lookup, of):
            self.take(block)

    def take(self, block):
        lookup, rows = self.lookup, block.rows
        for column in self.columns:
            self.values[column][rows] = ranks.values(column, block.hits, lookup.relevant[rows])
        self.nearest[rows] = block.order[:, 0]
        self.nearest_far[rows] = np.take_along_axis(block.far, block.order[:, :1], 1)[:, 0]
        if not self.anew:
            depth = int(lookup.relevant.max(initial=1))
            self.nearest_labels.append(lookup.index.labels[block.order[:, :depth]])
        for name, times in self.occurrences.items():
            np.add.at(times, block.order[:, : ranks.parts(name)[1]].ravel(), 1)
        hits = lookup.index.labels == lookup.queries.labels[rows][:, None]
        self.scores.take(block.far, hits)

    def named(self, library):
        return f"{library}, {self.by}" if self.by else library

    def compare(self, table, id, queries, means, evaluation):
        """The means over queries, with how many queries differ and how many of these are ties."""
        counts = self.compare_queries(table, id, queries)
        for name in means:
            column, _, average = name.partition("/")
            theirs = mean(self.values[column], self.lookup.queries.labels, average or evaluation["average"])
            ours, by = evaluation["metrics"][name]["value"], self.named(ranks.library(name))
            table.add(id, name, ours, theirs, by, *counts[column], anew=self.anew)
        nearest = queries["nearest_distance"].to_numpy(zero_copy_only=False).astype(float)
        theirs = self.lookup.sign * self.nearest_far
        apart = int((np.abs(nearest - theirs) > LIMIT).sum())
        by = self.named("NumPy")
        table.add(id, "nearest_distance", float(nearest.mean()), float(theirs.mean()), by, apart, 0, anew=self.anew)

    def compare_queries(self, table, id, queries):
        """Of each column, how many values differ and how many of these are ties."""
        ids = queries["query_id"].to_numpy()
        counts, differing = {}, {}
        for column in self.columns:
            ours = queries[column].to_numpy(zero_copy_only=False).astype(float)
            theirs = self.values[column]
            same = np.isclose(ours, theirs, rtol=0, atol=LIMIT, equal_nan=True)
            counts[column] = [int((~same).sum()), 0]
            for query in np.flatnonzero(~same):
                differing.setdefault(int(query), []).append((column, ours[query], theirs[query]))
        for query, found in differing.items():
            far, hits = self.one(query)
            for column, ours, theirs in found:
                tie = ranks.is_tie(column, ours, far, hits, int(self.lookup.relevant[query]))
                counts[column][1] += tie
                at = ranks.first_tie(far, hits, len(far) - 1)
                why = "no tie" if not tie or at is None else f"ranks {at[0]} and {at[0] + 1} at {at[1]:.9f}, {at[2]:.9f}"
                by = self.named(ranks.library(column))
                table.differences.append(Difference(id, column, by, int(ids[query]), ours, theirs, tie, why))
        return counts

    def one(self, query):
        """How far each index row is from one query, and whether it is right."""
        lookup = self.lookup
        asked = lookup.queries.vectors[query : query + 1].astype(np.float64)
        far = lookup.sign * self.of(lookup.distance, asked, lookup.index.vectors.astype(np.float64))[0]
        far[lookup.excluded[query]] = np.inf
        return far, (lookup.index.labels == lookup.queries.labels[query]) & np.isfinite(far)

    def compare_sets(self, table, id, others, metrics):
        """Figures that are no means over queries."""
        known = self.lookup.relevant > 0
        right = self.lookup.index.labels[self.nearest] == self.lookup.queries.labels
        computed = {
            **{name: pairs.hubness(name, times) for name, times in self.occurrences.items()},
            **pairs.open_set(others, -self.nearest_far, known, right),
            **self.scores.figures(others),
        }
        for name, (theirs, by) in computed.items():
            table.add(id, name, metrics[name]["value"], theirs, by)


def mean(values, labels, average):
    """Over queries, or over the means of classes; queries without a value left out."""
    known = ~np.isnan(values)
    values, labels = values[known], labels[known]
    if average == "micro":
        return float(values.mean())
    return float(np.mean([values[labels == label].mean() for label in np.unique(labels)]))


def classes(run, id, table, columns):
    """The means of each class, those of all metrics together."""
    per_class, per_query = run.table(id, "per-class.parquet"), run.table(id, "per-query.parquet")
    labels = per_query["label"].to_numpy()
    ours, theirs = [], []
    for column in columns:
        values = per_query[column].to_numpy(zero_copy_only=False).astype(float)
        ours.append(per_class[column].to_numpy(zero_copy_only=False).astype(float))
        of_class = [values[labels == label] for label in per_class["label"].to_pylist()]
        theirs.append([np.nan if np.isnan(of).all() else np.nanmean(of) for of in of_class])
    ours, theirs = np.array(ours), np.array(theirs)
    apart = int((~np.isclose(ours, theirs, rtol=0, atol=LIMIT, equal_nan=True)).sum())
    table.add(id, "means by class", float(np.nanmean(ours)), float(np.nanmean(theirs)), "NumPy", apart, 0)


def categories(run, id, table, lookup, evaluation):
    """The means over the queries of each category, those of one metric together."""
    breakdown = evaluation.get("breakdown") or {}
    per_query = run.table(id, "per-query.parquet")
    names = run.json(run.upstream(id, "index"), "index.json")["classes"]
    of_names = [names[label].rpartition("/")[0] for label in lookup.queries.labels]
    of_query = np.array(lookup.queries.belonging.get("category", of_names))
    found = sorted({name for figures in breakdown.values() for name in figures})
    for name in found:
        column, _, average = name.partition("/")
        values = per_query[column].to_numpy(zero_copy_only=False).astype(float)
        ours, theirs = [], []
        for category, figures in breakdown.items():
            if name in figures:
                rows = of_query == category
                ours.append(figures[name]["value"])
                theirs.append(mean(values[rows], lookup.queries.labels[rows], average or evaluation["average"]))
        apart = int((np.abs(np.array(ours) - theirs) > LIMIT).sum())
        table.add(id, f"{name} by category", float(np.mean(ours)), float(np.mean(theirs)), "NumPy", apart, 0)


def unchecked(table, id, evaluation, others):
    """What is left out, with the reason."""
    for name in others:
        if name in ("nmi", "ami", "ari"):
            table.skip(id, name, "the run does not keep which cluster each query is in; golden/clustering.json has cases")
        elif pairs.is_of_pairs(name) and not evaluation["pairs"]["all"]:
            drawn = evaluation["pairs"]["genuine"] + evaluation["pairs"]["impostor"]
            table.skip(id, name, f"of {drawn} drawn pairs, which the run does not keep; raise `pairs`")
        elif not (pairs.is_known(name) or name in spaces.KNOWN):
            table.skip(id, name, "no other library is asked for it")
    for name in evaluation.get("disjoint", {}):
        table.skip(id, f"disjoint.{name}", "the same metrics over some of the queries")
    for name in (evaluation.get("rerank") or {}).get("metrics", {}):
        table.skip(id, f"reranked.{name}", "golden/rerank.json has cases")
