"""Reads reports as people do, in headless Chromium, and compares what moves with the run's artifacts.

    python3 tests/browser RUN [--hostile RUN] [--many RUN] [--split FOLDER] [--axe FILE] [--out target/browser/seen]

RUN is a run's folder of `configs/smoke.toml` or of another config whose template is `metric-learning` and whose images are of
32 x 32 colours; `--hostile` one whose names are hostile, `--many` one whose first map has 10,000 points; FOLDER is a page that
was taken apart, FILE axe-core's `axe.min.js`. Prints a line a check; ends with 1 if one failed.
"""

import argparse
import sys
import time
from pathlib import Path

import moving
import reading
from chrome import Chrome
from truth import Run


def checks(asked):
    """Every check by name, with the run that it reads."""
    run = Run(asked.run, "report")
    found = [(check, run) for check in (reading.opens, reading.looks, reading.printed, reading.without_scripts, moving.threshold, moving.maps, moving.cells, moving.lists)]
    if asked.axe:
        found.append((reading.accessible, run))
    if asked.split:
        found.append((reading.apart, run))
    if asked.hostile:
        found += [(check, Run(asked.hostile, "hostile")) for check in (reading.harmless, reading.looks)]
    if asked.many:
        found.append((moving.redraws, Run(asked.many, "many")))
    return found


def main():
    reader = argparse.ArgumentParser(prog="tests/browser")
    reader.add_argument("run", type=Path)
    reader.add_argument("--hostile", type=Path)
    reader.add_argument("--many", type=Path)
    reader.add_argument("--split", type=Path)
    reader.add_argument("--axe", type=Path)
    reader.add_argument("--out", type=Path, default=Path("target/browser/seen"))
    asked = reader.parse_args()
    failed = 0
    with Chrome() as chrome:
        for check, run in checks(asked):
            start = time.monotonic()
            try:
                said, sign = check(chrome, run, asked), "ok"
            except (AssertionError, RuntimeError, KeyError, TypeError, ValueError, IndexError) as error:
                said, sign, failed = f"{type(error).__name__}: {error}", "FAILED", failed + 1
            print(f"{sign} {run.name} {check.__name__} ({time.monotonic() - start:.1f} s): {said}", flush=True)
    sys.exit(1 if failed else 0)


main()
