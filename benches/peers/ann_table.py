"""Sets the searches of `benches/ann.rs` beside those of `ann_bench.py` at equal recall.

`python ann_table.py MEASUREMENTS.jsonl`: lines without `peer` are simpipe's. Queries a second at a recall are read off the line
between the two settings around it, on a logarithmic scale; a recall that only one setting reaches from above is left out.
Standard library only.
"""
import json
import math
import sys
from collections import defaultdict

RECALLS = (0.9, 0.95, 0.98, 0.99)


def speed_at(points: list[tuple[float, float]], recall: float) -> float | None:
    """Queries a second at a recall; `None` beyond what was measured. A setting that finds more and is faster counts for less, too."""
    best = [max((speed for found, speed in points if found >= recall), default=0.0)]
    below = [(found, speed) for found, speed in points if found < recall]
    above = [(found, speed) for found, speed in points if found >= recall]
    if below and above:
        (low, fast), (high, slow) = max(below), min(above)
        share = (recall - low) / (high - low)
        best.append(math.exp(math.log(fast) + share * (math.log(slow) - math.log(fast))))
    return max(best) or None


def main() -> None:
    rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8") if line.startswith("{")]
    searches = [row for row in rows if "recall" in row]
    points, once = defaultdict(list), {}
    for row in searches:
        key = (row["case"], row.get("peer", "simpipe"))
        points[key].append((row["recall"], row["queries_per_s"]))
        once[key] = row
    print("| case | who | build, s | simpipe / peer | bytes beside a vector | open, ms |\n|---|---|---:|---:|---:|---:|")
    for (case, peer), row in sorted(once.items()):
        own = once.get((case, "simpipe"))
        ratio = f"{own['build_s'] / row['build_s']:.2f}" if own and peer != "simpipe" and row["build_s"] else ""
        opened = f"{row['open_ms']:.2f}" if "open_ms" in row else ""
        print(f"| {case} | {peer} | {row['build_s']:.1f} | {ratio} | {row.get('bytes_beside', '')} | {opened} |")
    print("\n| case | recall@10 | simpipe, queries/s | peer | peer, queries/s | time, simpipe / peer |\n|---|---:|---:|---|---:|---:|")
    for case, peer in sorted(points):
        if peer == "simpipe":
            continue
        for recall in RECALLS:
            own, other = speed_at(points.get((case, "simpipe"), []), recall), speed_at(points[case, peer], recall)
            if own and other:
                print(f"| {case} | {recall} | {own:,.0f} | {peer} | {other:,.0f} | {other / own:.2f} |")
    for row in rows:
        if "recall" not in row and "case" in row and "queries_per_s" in row:
            print(f"\n{row['case']}: {row['queries_per_s']:,.0f} queries a second.")
        elif "open_ms" in row and "recall" not in row:
            print(f"\n{row['case']}: opened in {row['open_ms']:.2f} ms.")


if __name__ == "__main__":
    main()
