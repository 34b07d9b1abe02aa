"""The table of what `query_cold.py` has measured: `query_table.py RESULTS.jsonl [SHARE]`. Standard library only.

With SHARE, the share of the speed that a machine has, it ends with 1 where one image takes longer than 150 ms over SHARE, or 1,000
images longer than 1.25 of what the stages took for them.
"""
import json
import sys

# What a process may take: one image against 60,000 x 256, and many images beside the stages.
ONE_MS, OF_STAGES = 150, 1.25


def misses(row: dict, share: float) -> list[str]:
    """What a line of simpipe's misses."""
    found, case = [], row.get("case", "")
    # The page draws pictures too, and is no bound of its own.
    if case.startswith("query-1-of-") and not case.endswith("-page") and row["min_ms"] > ONE_MS / share:
        found.append(f"{case}: {row['min_ms']:.0f} ms")
    # Both sides are of one machine, so its speed is no excuse.
    if "stages_ms" in row and row["min_ms"] > OF_STAGES * row["stages_ms"]:
        found.append(f"{case}: {row['min_ms'] / row['stages_ms']:.2f} of the stages' time")
    return found


def main() -> None:
    rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8") if '"case"' in line]
    print("| what | least, ms | median, ms | |\n|---|---:|---:|---|")
    for row in rows:
        beside = f"{row['min_ms'] / row['stages_ms']:.2f} of the stages' {row['stages_ms']:.0f} ms" if "stages_ms" in row else row.get("python", "")
        print(f"| {row.get('peer', row['case'])} | {row['min_ms']:.1f} | {row['median_ms']:.1f} | {beside} |")
    if len(sys.argv) > 2:
        missed = [one for row in rows for one in misses(row, float(sys.argv[2]))]
        sys.exit("\n".join(["", "missed:", *missed]) if missed else 0)


if __name__ == "__main__":
    main()
