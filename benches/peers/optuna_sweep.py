"""The lines of benches/sweep_methods.rs by Optuna: pip install optuna torch scipy."""
import json
import math
import sys
import warnings

import numpy as np
import optuna

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


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


PROBLEMS = {
    "branin": ([(-5, 10), (0, 15)], 0.3978873577297381, branin),
    "hartmann6": ([(0, 1)] * 6, -3.322368011415515, hartmann),
    "rosenbrock4": ([(-5, 10)] * 4, 0.0, rosenbrock),
}
SAMPLERS = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
    "gaussian-process": lambda seed: optuna.samplers.GPSampler(seed=seed),
}
BUDGETS = [20, 50, 100]


def regrets(problem, sampler, seed, ahead):
    bounds, least, function = PROBLEMS[problem]
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
    running, best, found, asked = [], math.inf, [], 0
    for told in range(1, max(BUDGETS) + 1):
        while len(running) < ahead and asked < max(BUDGETS):
            trial = study.ask()
            running.append((trial, [trial.suggest_float(f"x{i}", *b) for i, b in enumerate(bounds)]))
            asked += 1
        trial, x = running.pop(0)
        value = function(x)
        study.tell(trial, value)
        best = min(best, value)
        if told in BUDGETS:
            found.append(max(best - least, 0.0))
    return found


methods, problems = (sys.argv[1:2] or list(SAMPLERS)), (sys.argv[2:3] or list(PROBLEMS))
for method in methods:
    for problem in problems:
        for ahead in (1, 4):
            for seed in range(20):
                line = {"tool": f"optuna {optuna.__version__}", "method": method, "problem": problem, "ahead": ahead, "seed": seed}
                print(json.dumps({**line, "regret": regrets(problem, method, seed, ahead)}), flush=True)
