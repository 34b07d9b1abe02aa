"""The table of a grid's trainings from `simpipe sweep table --json`: what each parameter may be, and what every combination
costs, the last parameter changing first. Less is better; a training that failed costs as much as the worst."""
import itertools
import json
import sys

table = json.load(sys.stdin)
(objective,) = table["objectives"]
sign = -1 if objective["direction"] == "maximize" else 1
trials = [trial for trial in table["trials"] if trial["parameters"] and trial["state"] != "open"]
paths = sorted({path for trial in trials for path in trial["parameters"]})
parameters = []
for path in paths:
    # By number, for trials are listed best first.
    ordered = sorted(trials, key=lambda trial: trial["trial"])
    values = list({json.dumps(trial["parameters"][path]): trial["parameters"][path] for trial in ordered}.values())
    numbers = all(isinstance(value, (int, float)) for value in values)
    parameters.append({"path": path, "ordered": numbers, "values": sorted(values) if numbers else values})
key = lambda values: json.dumps(values, sort_keys=True)
costs = {key([trial["parameters"][path] for path in paths]): sign * trial["values"][objective["metric"]]
         for trial in trials if trial["values"]}
worst = max(costs.values())
points = list(itertools.product(*(parameter["values"] for parameter in parameters)))
failed = [point for point in points if key(list(point)) not in costs]
if len(points) != len(trials):
    sys.exit(f"{len(points)} combinations and {len(trials)} trainings that have ended: is the sweep done?")
head = {"objective": objective, "sweep": table["sweep"], "failed": len(failed)}
lines = ",\n".join(f"    {json.dumps(parameter)}" for parameter in parameters)
numbers = ", ".join(json.dumps(costs.get(key(list(point)), worst)) for point in points)
print(f'{json.dumps(head)[:-1]},\n  "parameters": [\n{lines}\n  ],\n  "costs": [{numbers}]\n}}')
