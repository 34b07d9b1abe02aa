"""The table of what benches/serve.sh has measured: `serve_table.py RESULTS.jsonl [SHARE]`. Standard library only.

With SHARE it ends with 1 where simpipe answers fewer than that share of 1,000 images a second, 99 % of the answers at a rate take
longer than 50 ms, any request fails, or the server's memory grows by more than a tenth and 16 MiB.
"""
import json
import sys


def misses(row: dict, share: float) -> list[str]:
    """What a line of simpipe's misses."""
    found = []
    if row["failed"]:
        found.append(f"{row['failed']} requests failed")
    if row["rate"] >= 1e6 and row["images_per_second"] < 1000 * share:
        found.append(f"{row['images_per_second']:.0f} images a second")
    if row["rate"] < 1e6 and row["p99_ms"] > 50:
        found.append(f"99 % of the answers within {row['p99_ms']:.0f} ms")
    if row["server_mib_after"] > 1.1 * row["server_mib_before"] + 16:
        found.append(f"memory from {row['server_mib_before']:.0f} to {row['server_mib_after']:.0f} MiB")
    return [f"{row['of']} at {row['rate']:,.0f} a second: {one}" for one in found]


def main() -> None:
    rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8") if '"bench"' in line]
    print("| server | asked, images/s | answered, images/s | failed | p50, ms | p99, ms | p99.9, ms | cores: server, generator | memory, MiB: before, after |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        asked = "as many as come" if row["rate"] >= 1e6 else f"{row['rate']:,.0f}"
        print(f"| {row['of']} | {asked} | {row['images_per_second']:,.0f} | {row['failed']} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['p999_ms']:.1f} "
              f"| {row['server_cores']:.2f}, {row['generator_cores']:.2f} | {row['server_mib_before']:.0f}, {row['server_mib_after']:.0f} |")
    if len(sys.argv) > 2:
        missed = [one for row in rows if row["of"].startswith("simpipe") for one in misses(row, float(sys.argv[2]))]
        sys.exit("\n".join(["", "missed:", *missed]) if missed else 0)


if __name__ == "__main__":
    main()
