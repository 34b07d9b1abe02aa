"""Computes the figures of a run anew, by scikit-learn, SciPy, NumPy and, where it is there, pytorch-metric-learning.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install -r tests/peers/requirements.txt
    /tmp/peers/bin/python tests/peers/recompute artifacts/runs/quickstart/latest

Reads what the stages `embed`, `index`, `calibrate`, `match`, `evaluate` and `few-shot` have left. From the same ranks (distances
in float64, kept as float32, ties by position) each figure may differ by 1e-6. Where scikit-learn computes the distances its
own way, each query whose value differs must be a tie within 1e-6; such queries are listed. Exit code 1 where something else
differs.
"""

import argparse
import pathlib
import sys

import episodes
import evaluations
import folder
import matches
import metric_learning
import thresholds
from table import Table

CHECKS = {
    "calibrate": thresholds.check,
    "match": matches.check,
    "evaluate": evaluations.check,
    "few-shot": episodes.check,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="a run's folder; of a run with seeds, each of its members is checked")
    parser.add_argument("--stages", nargs="*", help="only these; else all that have figures of neighbours")
    parser.add_argument("--differences", type=pathlib.Path, help="a CSV file for all queries that differ")
    parser.add_argument("--most", type=int, default=20, help="queries that differ to print")
    given = parser.parse_args()
    if not (given.run / "run.json").is_file():
        parser.error(f"{given.run} is no run's folder: it has no run.json")
    table = Table()
    for run in folder.runs(given.run):
        for kind, check in CHECKS.items():
            for id in run.stages(kind):
                if not given.stages or id in given.stages:
                    check(run, id, table)
    if metric_learning.missing():
        table.skip("*", metric_learning.BY, metric_learning.missing())
    table.print(given.most)
    if given.differences:
        table.write(given.differences)
    return 0 if table.rows and table.agrees() else 1


if __name__ == "__main__":
    sys.exit(main())
