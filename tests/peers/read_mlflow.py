"""Prints what MLflow's own client finds on a server, as JSON: experiments, their runs with parameters, figures and tags."""

import json
import sys

import mlflow

client = mlflow.MlflowClient(sys.argv[1])
found = {}
for experiment in client.search_experiments():
    runs = found.setdefault(experiment.name, {})
    for run in client.search_runs([experiment.experiment_id]):
        histories = {}
        for name in run.data.metrics:
            points = sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))
            histories[name] = points
        runs[run.info.run_id] = {
            "name": run.info.run_name,
            "status": run.info.status,
            "params": run.data.params,
            "metrics": run.data.metrics,
            "tags": run.data.tags,
            "histories": histories,
        }
print(json.dumps(found))
