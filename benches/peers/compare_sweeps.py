"""How good the points of our methods are beside the better of its peers' in each cell, over the seeds of both.

compare_sweeps.py OURS.jsonl METHOD PEER.json ..

A cell is a problem at a budget. What is compared is log10(regret + 1e-6): the mean of the paired differences with its 95 %
t-interval. A cell holds where the interval holds 0 or lies below it. Which peer is the better one is told from the same
seeds, so luck is on its side.
"""
import json
import sys

import numpy as np
from scipy import stats

BUDGETS = [20, 50, 100]


def logs(regret):
    return np.log10(np.array(regret) + 1e-6)


def ours(path, method):
    found = {}
    with open(path) as file:
        for one in map(json.loads, file):
            if one["method"] == method:
                found.setdefault((one["problem"], one["ahead"]), {})[one["seed"]] = logs(one["regret"])
    return found


def peers(paths):
    found = {}
    for path in paths:
        with open(path) as file:
            results = json.load(file)
        print(f"{results['method']} of {', '.join(f'{name} {is_}' for name, is_ in results['versions'].items())}")
        for one in results["sweeps"]:
            found.setdefault((one["problem"], one["ahead"]), {}).setdefault(results["method"], {})[one["seed"]] = logs(one["regret"])
    return found


def cell(mine, rivals, at):
    """The rival with the lower mean, the difference to it, and its interval."""
    best = min(rivals, key=lambda method: np.mean([value[at] for value in rivals[method].values()]))
    seeds = sorted(set(mine) & set(rivals[best]))
    difference = np.array([mine[seed][at] - rivals[best][seed][at] for seed in seeds])
    # Sweeps that all found the optimum have no spread, and no interval by it.
    half = stats.sem(difference) * stats.t.ppf(0.975, len(seeds) - 1) if len(seeds) > 1 else np.inf
    return best, difference.mean(), half, len(seeds)


mine, rivals = ours(sys.argv[1], sys.argv[2]), peers(sys.argv[3:])
print("\n| asked ahead | problem | trials | ours | better peer | its mean | difference | 95 % interval | |\n|---|---|---|---|---|---|---|---|---|")
held = {}
for problem, ahead in sorted(mine, key=lambda key: (key[1], list(mine).index(key))):
    for at, budget in enumerate(BUDGETS):
        if (problem, ahead) not in rivals:
            print(f"| {ahead} | {problem} | {budget} | | none yet | | | | |")
            continue
        best, mean, half, count = cell(mine[problem, ahead], rivals[problem, ahead], at)
        holds = mean - half <= 0
        held.setdefault(ahead, []).append(holds)
        average = [np.mean([value[at] for value in of.values()]) for of in (mine[problem, ahead], rivals[problem, ahead][best])]
        seeds = "" if count == 20 else f" ({count} seeds)"
        print(f"| {ahead} | {problem} | {budget} | {average[0]:.3f} | {best} | {average[1]:.3f} | {mean:+.3f} | "
              f"[{mean - half:.3f}, {mean + half:.3f}]{seeds} | {'holds' if holds else 'worse'} |")
for ahead, cells in held.items():
    print(f"\n{ahead} ahead: {sum(cells)} of {len(cells)} cells hold")
