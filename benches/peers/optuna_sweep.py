"""What benches/sweep_methods.rs does, by Optuna: the same problems, seeds and budgets, asked alone and four ahead.

pip install numpy==2.4.6 scipy==1.17.1 optuna==5.0.0 torch==2.15.0
optuna_sweep.py FILE METHOD [PROBLEM ..]

Adds to FILE, which says whose results these are, what is not there yet, and writes it anew after each sweep: what was cut
short goes on. The samplers are the two that users are told to take for so few trials, with `multivariate` and
`constant_liar`, which Optuna's own documentation recommends; everything else is its default, ten random points before there
is a model included.
"""
import itertools
import json
import math
import os
import platform
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version

for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # of small matrices more threads make nothing faster
import numpy as np
import optuna

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
TABLE = os.path.join(os.path.dirname(__file__), "..", "results", "trainings.json")


def branin(x):
    bowl = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
P = np.array([[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
              [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]])


def hartmann(x):
    return -float(np.sum(ALPHA * np.exp(-np.sum(A * (np.array(x) - P) ** 2, axis=1))))


def rosenbrock(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(3))


def box(*bounds):
    """Real numbers between bounds."""
    return lambda trial: [trial.suggest_float(f"x{at}", *ends) for at, ends in enumerate(bounds)]


def trainings():
    """The stored table: positions of listed values, with an order or without one."""
    with open(TABLE) as file:
        table = json.load(file)
    lists = [(len(one["values"]), one["ordered"]) for one in table["parameters"]]

    def suggest(trial):
        of = lambda at, count, ordered: trial.suggest_int(f"x{at}", 0, count - 1) if ordered else trial.suggest_categorical(f"x{at}", range(count))
        return [of(at, *one) for at, one in enumerate(lists)]

    costs = dict(zip(itertools.product(*(range(count) for count, _ in lists)), table["costs"]))
    return suggest, min(table["costs"]), lambda x: costs[tuple(x)]


PROBLEMS = {
    "branin": lambda: (box((-5, 10), (0, 15)), 0.3978873577297381, branin),
    "hartmann6": lambda: (box(*[(0, 1)] * 6), -3.322368011415515, hartmann),
    "rosenbrock4": lambda: (box(*[(-5, 10)] * 4), 0.0, rosenbrock),
    "trainings": trainings,
}
SAMPLERS = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
    "gaussian-process": lambda seed: optuna.samplers.GPSampler(seed=seed),
}
BUDGETS = [20, 50, 100]


def regrets(problem, sampler, seed, ahead):
    suggest, least, function = PROBLEMS[problem]()
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
    running, best, found, asked = [], math.inf, [], 0
    for told in range(1, max(BUDGETS) + 1):
        while len(running) < ahead and asked < max(BUDGETS):
            trial = study.ask()
            running.append((trial, suggest(trial)))
            asked += 1
        trial, x = running.pop(0)
        value = function(x)
        study.tell(trial, value)
        best = min(best, value)
        if told in BUDGETS:
            found.append(max(best - least, 0.0))
    return found


def versions():
    def of(package):
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    return {"python": platform.python_version(), **{name: of(name) for name in ("optuna", "numpy", "scipy", "torch")}}


def main():
    path, method, problems = sys.argv[1], sys.argv[2], sys.argv[3:] or [name for name in PROBLEMS if name != "trainings" or os.path.exists(TABLE)]
    results = {"tool": "optuna", "method": method, "versions": versions(), "budgets": BUDGETS, "sweeps": []}
    if os.path.exists(path):
        with open(path) as file:
            results = json.load(file)
        if (results["method"], results["versions"]) != (method, versions()):
            sys.exit(f"{path} is of {results['method']} by {results['versions']}")
    there = {(one["problem"], one["ahead"], one["seed"]) for one in results["sweeps"]}
    # Seeds outermost, so that what there is after a while is of all cells alike.
    for seed, problem, ahead in itertools.product(range(20), problems, (1, 4)):
        if (problem, ahead, seed) in there:
            continue
        one = {"problem": problem, "ahead": ahead, "seed": seed, "regret": regrets(problem, method, seed, ahead)}
        results["sweeps"].append(one)
        lines = ",\n".join(f"    {json.dumps(one)}" for one in sorted(results["sweeps"], key=lambda one: (one["problem"], one["ahead"], one["seed"])))
        head = json.dumps({name: value for name, value in results.items() if name != "sweeps"})
        with open(f"{path}.new", "w") as file:
            file.write(f"{head[:-1]},\n  \"sweeps\": [\n{lines}\n  ]\n}}\n")
        os.replace(f"{path}.new", path)


main()
