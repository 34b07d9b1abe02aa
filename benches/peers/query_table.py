"""The table of what `query_cold.py` has measured: `query_table.py RESULTS.jsonl`. Standard library only."""
import json
import sys


def main() -> None:
    rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8") if '"case"' in line]
    print("| what | least, ms | median, ms | |\n|---|---:|---:|---|")
    for row in rows:
        beside = f"{row['min_ms'] / row['stages_ms']:.2f} of the stages' {row['stages_ms']:.0f} ms" if "stages_ms" in row else row.get("python", "")
        print(f"| {row.get('peer', row['case'])} | {row['min_ms']:.1f} | {row['median_ms']:.1f} | {beside} |")


if __name__ == "__main__":
    main()
