"""Prints of measurements of networks what is kept: the machine, then for each case and peer the line with the least time.

Usage: python keep.py MEASUREMENTS.jsonl > benches/results/networks.jsonl. Standard library only.
"""
import json
import os
import platform
import sys


def machine() -> dict:
    """The processor's name and vector instructions, where the system tells."""
    names, flags = [platform.machine()], []
    try:
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            key, _, value = line.partition(":")
            names += [value.strip()] if key.strip() == "model name" else []
            flags = value.split() if key.strip() == "flags" else flags
    except OSError:
        pass
    return {"machine": names[-1], "cores": os.cpu_count(), "vectors": [flag for flag in flags if flag.startswith(("avx2", "avx512", "amx"))]}


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
