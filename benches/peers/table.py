"""Puts JSON lines of simpipe and of its peers side by side: the least time of each case, and the ratio.

Usage: python table.py MEASUREMENTS.jsonl. Lines without `peer` are simpipe's. Lines `{"peer", "missing"}` say why a peer
is not there. Where lines have `peak_mb`, a second table has the peak of memory. Standard library only.
"""
import json
import sys

# The peers' names of a case, where they differ.
ALIASES = {"train-80-nhwc": "train-80", "embed-256-nhwc": "embed-256", "train-80-nchw": "train-80", "embed-256-nchw": "embed-256"}


def table_of_memory(peaks: dict[tuple[str, str], int]) -> None:
    """Of trainings: a step's peak hangs on the network, not on how many steps were timed."""
    rows = [(case, peer, peak) for (case, peer), peak in sorted(peaks.items()) if peer and "-train-" in case]
    if rows:
        print("\n| peak of memory | simpipe, MB | peer | peer, MB | simpipe / peer |\n|---|---:|---|---:|---:|")
    for case, peer, peak in rows:
        own = peaks.get((case, ""))
        print(f"| {case} | {own or 'not run'} | {peer} | {peak} | {f'{own / peak:.2f}' if own else ''} |")


def main() -> None:
    ours: dict[str, float] = {}
    theirs: dict[tuple[str, str], float] = {}
    missing: dict[str, str] = {}
    peaks: dict[tuple[str, str], int] = {}
    for line in open(sys.argv[1], encoding="utf-8"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if "missing" in row:
            missing[row["peer"]] = row["missing"]
            continue
        if "min_ms" not in row:
            continue
        if "peak_mb" in row:
            key = (row["case"], row.get("peer", ""))
            peaks[key] = min(row["peak_mb"], peaks.get(key, row["peak_mb"]))
        if "peer" not in row:
            ours[row["case"]] = min(row["min_ms"], ours.get(row["case"], row["min_ms"]))
        else:
            layout = row["case"][-5:] if row["case"].endswith(("-nhwc", "-nchw")) else ""
            key = (ALIASES.get(row["case"], row["case"]), row["peer"] + layout.replace("-", " "))
            theirs[key] = min(row["min_ms"], theirs.get(key, row["min_ms"]))
    print("| case | simpipe, ms | peer | peer, ms | simpipe / peer |")
    print("|---|---:|---|---:|---:|")
    for (case, peer), time in sorted(theirs.items()):
        own = ours.get(case)
        if own is None:
            print(f"| {case} | not run | {peer} | {time:.1f} | |")
        else:
            print(f"| {case} | {own:.1f} | {peer} | {time:.1f} | {own / time:.2f} |")
    for case, own in sorted(ours.items()):
        if all(case != other for other, _ in theirs):
            print(f"| {case} | {own:.2f} | no peer | | |")
    for peer, why in missing.items():
        print(f"| | | {peer} | missing: {why} | |")
    table_of_memory(peaks)


if __name__ == "__main__":
    main()
