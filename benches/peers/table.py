"""Puts measurements of simpipe and of its peers side by side: the least time of each case, and the ratio.

Usage: python table.py MEASUREMENTS.jsonl ROW.json .. with files of JSON lines or of what keep.py leaves. Lines without `peer` are
simpipe's; those with `"numerics": "bf16"` stand beside the peers whose name ends in `bf16`. Lines `{"peer", "missing"}` say why a
peer is not there. Where lines have `peak_mb`, a second table has the peak of memory of trainings. Standard library only.
"""
import json
import sys

# The peers' names of a case, where they differ.
ALIASES = {"train-80-nhwc": "train-80", "embed-256-nhwc": "embed-256", "train-80-nchw": "train-80", "embed-256-nchw": "embed-256"}
BF16 = " bf16"


def measurements(path: str) -> list[dict]:
    text = open(path, encoding="utf-8").read()
    if path.endswith(".json"):
        row = json.loads(text)
        missing = [{"peer": peer, "missing": f"{row['row']}: {why}"} for peer, why in row["missing"].items()]
        return row["measurements"] + missing
    lines = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def least(table: dict, key, value) -> None:
    table[key] = min(value, table.get(key, value))


def memory(ours: dict[str, int], theirs: dict[tuple[str, str], int]) -> None:
    """Of trainings: a step's peak hangs on the network, not on how many steps were timed."""
    rows = [(case, peer, peak) for (case, peer), peak in sorted(theirs.items()) if "-train-" in case]
    if rows:
        print("\n| peak of memory | simpipe, MB | peer | peer, MB | simpipe / peer |\n|---|---:|---|---:|---:|")
    for case, peer, peak in rows:
        own = ours.get(case)
        print(f"| {case} | {own or 'not run'} | {peer} | {peak} | {f'{own / peak:.2f}' if own else ''} |")


def main() -> None:
    ours: dict[str, float] = {}
    theirs: dict[tuple[str, str], float] = {}
    missing: dict[str, str] = {}
    peaks: tuple[dict, dict] = ({}, {})
    for line in [line for path in sys.argv[1:] for line in measurements(path)]:
        if "missing" in line:
            missing[line["peer"]] = line["missing"]
        if "min_ms" not in line:
            continue
        case, peer = line["case"], line.get("peer", "")
        if not peer:
            case += BF16 if line.get("numerics") == "bf16" else ""
            least(ours, case, line["min_ms"])
            if "peak_mb" in line:
                least(peaks[0], case, line["peak_mb"])
            continue
        layout = case[-5:] if case.endswith(("-nhwc", "-nchw")) else ""
        case = ALIASES.get(case, case)
        # Peers of the older scripts name their precision otherwise, and have no counterpart of ours.
        case += BF16 if peer.endswith(BF16) and "-train-" in case else ""
        key = (case, peer + layout.replace("-", " "))
        least(theirs, key, line["min_ms"])
        if "peak_mb" in line:
            least(peaks[1], key, line["peak_mb"])
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
    memory(*peaks)


if __name__ == "__main__":
    main()
