"""The table of what benches/serve.sh has measured: `serve_table.py RESULTS.jsonl`. Standard library only."""
import json
import sys


def main() -> None:
    rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8") if '"bench"' in line]
    print("| server | asked, images/s | answered, images/s | failed | p50, ms | p99, ms | p99.9, ms | cores: server, generator | memory, MiB: before, after |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        asked = "as many as come" if row["rate"] >= 1e6 else f"{row['rate']:,.0f}"
        print(f"| {row['of']} | {asked} | {row['images_per_second']:,.0f} | {row['failed']} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['p999_ms']:.1f} "
              f"| {row['server_cores']:.2f}, {row['generator_cores']:.2f} | {row['server_mib_before']:.0f}, {row['server_mib_after']:.0f} |")


if __name__ == "__main__":
    main()
