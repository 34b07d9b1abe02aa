"""What `benches/recipes.sh` asks of the files that a training leaves. Standard library only.

    recipes.py has RESULTS RECIPE SEED NUMERICS    whether there is a line of it: the exit status
    recipes.py dir RUN.json                        the run's folder
    recipes.py line FOLDER RECIPE SEED NUMERICS    a line for the results, of FOLDER/run.json and the votes in FOLDER/matches.json
    recipes.py table RESULTS                       the table: each recipe's mean over seeds, and each seed
"""
import collections
import json
import os
import pathlib
import platform
import statistics
import sys

# Heading, key of a line, digits.
COLUMNS = [("1-NN", "1-nn", 3), ("20-NN", "20-nn", 3), ("MAP@R", "map@r", 3), ("training, s", "train_s", 0), ("all, s", "all_s", 0)]


def lines(path: str) -> list[dict]:
    """The last line of each recipe, seed and way of computing."""
    found = {}
    for line in open(path, encoding="utf-8"):
        if line.strip():
            row = json.loads(line)
            found[row["recipe"], row["seed"], row["numerics"]] = row
    return list(found.values())


def votes(path: pathlib.Path) -> float:
    """How often the vote of 20 neighbours is the query's label."""
    shown = json.loads(path.read_text(encoding="utf-8"))
    rows, names = shown["first"], [column["name"] for column in shown["columns"]]
    if len(rows) != shown["rows"]:
        sys.exit(f"{path}: {len(rows)} of {shown['rows']} rows")
    label, predicted = names.index("label"), names.index("predicted")
    return sum(row[label] == row[predicted] for row in rows) / len(rows)


def processor() -> str:
    try:
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def line(folder: str, recipe: str, seed: str, numerics: str) -> dict:
    run = json.loads((pathlib.Path(folder) / "run.json").read_text(encoding="utf-8"))
    metrics, stages = run["metrics"], run["stages"]
    first = lambda *names: next((metrics[name] for name in names if name in metrics), None)
    return {
        "recipe": recipe, "seed": int(seed), "numerics": numerics,
        "1-nn": first("match-train.recall@1", "match.recall@1"), "20-nn": votes(pathlib.Path(folder) / "matches.json"),
        "map@r": first("evaluate-test.map@r", "match-test.map@r", "match.map@r"),
        "train_s": round(sum(stage["seconds"] for stage in stages if stage["stage"] == "train"), 1),
        "all_s": round(run["seconds"], 1),
        "peak_mb": round((run.get("peak_memory") or 0) / 1e6), "simpipe": run["versions"].get("simpipe"),
        "kernels": run["versions"].get("kernels"), "machine": processor(), "cores": os.cpu_count(),
    }


def shown(value, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def table(path: str) -> None:
    groups = collections.defaultdict(list)
    for row in lines(path):
        groups[row["recipe"], row["numerics"]].append(row)
    print("| recipe | numerics | seed |" + "".join(f" {heading} |" for heading, _, _ in COLUMNS))
    print("|---|---|---|" + "---:|" * len(COLUMNS))
    for (recipe, numerics), rows in groups.items():
        mean = {}
        for _, key, _ in COLUMNS:
            values = [row[key] for row in rows if row[key] is not None]
            mean[key] = statistics.fmean(values) if values else None
        for seed, row in [(f"mean of {len(rows)}", mean)] + [(str(row["seed"]), row) for row in sorted(rows, key=lambda row: row["seed"])]:
            print(f"| {recipe} | {numerics} | {seed} |" + "".join(f" {shown(row[key], digits)} |" for _, key, digits in COLUMNS))


def main() -> None:
    match sys.argv[1:]:
        case ["has", results, recipe, seed, numerics]:
            same = [row for row in lines(results) if (row["recipe"], str(row["seed"]), row["numerics"]) == (recipe, seed, numerics)]
            sys.exit(0 if same else 1)
        case ["dir", run]:
            print(json.loads(pathlib.Path(run).read_text(encoding="utf-8"))["dir"])
        case ["line", folder, recipe, seed, numerics]:
            print(json.dumps(line(folder, recipe, seed, numerics)))
        case ["table", results]:
            table(results)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
