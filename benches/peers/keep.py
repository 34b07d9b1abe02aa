"""Prints of measurements of networks what is kept: the machine, then for each case and peer the line with the least time.

Usage: python keep.py MEASUREMENTS.jsonl > benches/results/networks.jsonl. Standard library only.
"""
import json
import sys

from machine import machine


def main() -> None:
    least: dict[tuple[str, str], dict] = {}
    for line in open(sys.argv[1], encoding="utf-8"):
        row = json.loads(line)
        if "min_ms" not in row or "peak_mb" not in row:
            continue
        key = (row["case"], row.get("peer", ""))
        if key not in least or row["min_ms"] < least[key]["min_ms"]:
            least[key] = row
    print(json.dumps(machine()))
    for _, row in sorted(least.items()):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
