"""Paired differences of log10(regret + 1e-6) over seeds: compare_sweeps.py OURS.jsonl METHOD PEERS.jsonl"""
import json
import sys

import numpy as np
from scipy import stats

BUDGETS = [20, 50, 100]


def read(path):
    found = {}
    for line in open(path):
        line = json.loads(line)
        key = (line["method"], line["problem"], line["ahead"])
        found.setdefault(key, {})[line["seed"]] = np.log10(np.array(line["regret"]) + 1e-6)
    return found


ours, method, peers = read(sys.argv[1]), sys.argv[2], read(sys.argv[3])
for ahead in (1, 4):
    held = cells = 0
    for problem in dict.fromkeys(problem for _, problem, _ in ours):
        mine = ours[method, problem, ahead]
        for at, budget in enumerate(BUDGETS):
            means = {m: np.mean([v[at] for v in peers[m, problem, ahead].values()]) for m in ("tpe", "gaussian-process") if (m, problem, ahead) in peers}
            best = min(means, key=means.get)
            theirs = peers[best, problem, ahead]
            difference = np.array([mine[s][at] - theirs[s][at] for s in sorted(set(mine) & set(theirs))])
            mean, error = difference.mean(), stats.sem(difference)
            half = error * stats.t.ppf(0.975, len(difference) - 1)
            holds = mean - half <= 0
            cells, held = cells + 1, held + holds
            print(f"ahead {ahead}  {problem:12} {budget:4}  ours {np.mean([v[at] for v in mine.values()]):7.3f}  {best:17} {means[best]:7.3f}  "
                  f"difference {mean:6.3f} [{mean - half:6.3f}, {mean + half:6.3f}]  {'holds' if holds else 'WORSE'}")
    print(f"ahead {ahead}: {held} of {cells} cells hold")
