"""Sets the searches of `benches/ann.rs` beside those of `ann_bench.py` at equal recall.

`python ann_table.py MEASUREMENTS.jsonl [BOUND]`: lines without `peer` are simpipe's. Queries a second at a recall are read off the line
between the two settings around it, on a logarithmic scale; a recall that only one setting reaches from above is left out.
With BOUND it ends with 1 where simpipe takes more than that many times
as long as a peer to build or to answer, or more than 10 ms to open. Standard library only.
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
    points, once, missed = defaultdict(list), {}, []
    bound = float(sys.argv[2]) if len(sys.argv) > 2 else math.inf
    for row in searches:
        key = (row["case"], row.get("peer", "simpipe"))
        points[key].append((row["recall"], row["queries_per_s"]))
        once[key] = row
    print("| case | who | build, s | simpipe / peer | bytes beside a vector | open, ms |\n|---|---|---:|---:|---:|---:|")
    for (case, peer), row in sorted(once.items()):
        own = once.get((case, "simpipe"))
        ratio = f"{own['build_s'] / row['build_s']:.2f}" if own and peer != "simpipe" and row["build_s"] else ""
        opened = f"{row['open_ms']:.2f}" if "open_ms" in row else ""
        missed += [f"{case}: built in {ratio} of {peer}'s time"] if ratio and float(ratio) > bound else []
        print(f"| {case} | {peer} | {row['build_s']:.1f} | {ratio} | {row.get('bytes_beside', '')} | {opened} |")
    print("\n| case | recall@10 | simpipe, queries/s | peer | peer, queries/s | time, simpipe / peer |\n|---|---:|---:|---|---:|---:|")
    for case, peer in sorted(points):
        if peer == "simpipe":
            continue
        for recall in RECALLS:
            own, other = speed_at(points.get((case, "simpipe"), []), recall), speed_at(points[case, peer], recall)
            if own and other:
                missed += [f"{case} at {recall}: {other / own:.2f} of {peer}'s time"] if other / own > bound else []
                print(f"| {case} | {recall} | {own:,.0f} | {peer} | {other:,.0f} | {other / own:.2f} |")
    for row in rows:
        if "recall" not in row and "case" in row and "queries_per_s" in row:
            print(f"\n{row['case']}: {row['queries_per_s']:,.0f} queries a second.")
        elif "open_ms" in row and "recall" not in row:
            print(f"\n{row['case']}: opened in {row['open_ms']:.2f} ms.")
    missed += [f"{row['case']}: opened in {row['open_ms']:.1f} ms" for row in rows if row.get("open_ms", 0) > 10 and bound < math.inf]
    sys.exit("\n".join(["", "missed:", *missed]) if missed else 0)


if __name__ == "__main__":
    main()
