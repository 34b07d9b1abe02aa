"""Reads reports as people do, in headless Chromium, and compares what moves with the run's artifacts.

    python3 tests/browser RUN [--hostile RUN] [--many RUN] [--worst RUN] [--split FOLDER] [--page NAME=FILE].. [--axe FILE]
        [--out target/browser/seen]

RUN is a run's folder of `configs/smoke.toml` or of another config whose template is `metric-learning` and whose images are of
32 x 32 colours; `--hostile` one whose names are hostile, `--many` one whose first map has 10,000 points, `--worst` one with every
figure and many classes; FOLDER is a page that was taken apart, each FILE after a NAME a page that is none of a run alone, FILE
after `--axe` axe-core's `axe.min.js`. Prints a line a check; ends with 1 if one failed.
"""

import argparse
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import moving
import reading
from chrome import Chrome
from truth import Run


def checks(asked):
    """Every check by name, with the run that it reads."""
    run = Run(asked.run, "report")
    found = [(check, run) for check in (reading.opens, reading.looks, reading.written, reading.printed, reading.without_scripts, moving.threshold, moving.maps, moving.cells, moving.lists)]
    if asked.axe:
        found.append((reading.accessible, run))
    if asked.split:
        found.append((reading.apart, run))
    if asked.hostile:
        found += [(check, Run(asked.hostile, "hostile")) for check in [reading.harmless, reading.written, reading.looks, reading.training] + [reading.accessible_once] * bool(asked.axe)]
    if asked.many:
        found += [(check, Run(asked.many, "many")) for check in (reading.opens, moving.redraws)]
    if asked.worst:
        found += [(check, Run(asked.worst, "worst")) for check in [reading.opens, reading.printed, reading.looks, reading.training, reading.without_scripts] + [reading.accessible_once] * bool(asked.axe)]
    for name, page in asked.page:
        other = SimpleNamespace(name=name, page=Path(page).resolve())
        plain = [reading.opens, reading.written, reading.looks, reading.printed] + [reading.accessible] * bool(asked.axe)
        found += [(check, other) for check in plain]
    return found


def main():
    reader = argparse.ArgumentParser(prog="tests/browser")
    reader.add_argument("run", type=Path)
    reader.add_argument("--hostile", type=Path)
    reader.add_argument("--many", type=Path)
    reader.add_argument("--worst", type=Path)
    reader.add_argument("--page", action="append", default=[], type=lambda pair: pair.split("=", 1))
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
