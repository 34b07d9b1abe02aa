"""Prints of the measurements of a row of networks what is kept: the machine, the line with the least time of each case and peer, and
what could not be measured.

Usage: python keep.py ROW ROUNDS MEASUREMENTS.jsonl > benches/results/networks/ROW.json. Standard library only.
"""
import json
import sys

from machine import machine


def main() -> None:
    row, rounds, path = sys.argv[1:]
    least: dict[tuple[str, str, str], dict] = {}
    missing: dict[str, str] = {}
    for text in open(path, encoding="utf-8"):
        line = json.loads(text)
        if "missing" in line:
            missing[line["peer"]] = line["missing"]
        if "min_ms" not in line:
            continue
        key = (line["case"], line.get("peer", ""), line.get("numerics", ""))
        if key not in least or line["min_ms"] < least[key]["min_ms"]:
            least[key] = line
    if not least:
        sys.exit(f"{path}: nothing was measured")
    found = {"row": row, "rounds": int(rounds), **machine()}
    lines = [json.dumps(line) for _, line in sorted(least.items())]
    print(json.dumps(found)[:-1] + ', "measurements": [\n  ' + ",\n  ".join(lines) + "\n], \"missing\": " + json.dumps(missing) + "}")


if __name__ == "__main__":
    main()
