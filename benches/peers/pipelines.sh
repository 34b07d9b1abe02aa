#!/usr/bin/env bash
# Times make, DVC and Snakemake beside simpipe on one pipeline: a chain of eight stages that write 1 MB each. Prints a
# table: a rerun with nothing to do, what a stage costs beside its own work, and a run after one parameter changed.
#
#   benches/peers/pipelines.sh            seven rounds, the runners in turn
#   ROUNDS=3 benches/peers/pipelines.sh   three
#   CHAIN_EXE=FILE ...                    the benchmark program to use; else `cargo bench` builds it
#
# Peers are installed with pip into target/peers/pipelines. Make comes from the system.
set -eu
cd "$(dirname "$0")/../.."
home=target/peers/pipelines
[ -x "$home/bin/python" ] || python3 -m venv "$home"
"$home/bin/pip" -q install dvc snakemake
if [ -z "${CHAIN_EXE:-}" ]; then
    CHAIN_EXE=$(cargo bench -p simpipe-benches --bench store --no-run --message-format json 2>/dev/null |
        "$home/bin/python" -c 'import json, sys
for line in sys.stdin:
    of = json.loads(line)
    if of.get("target", {}).get("name") == "store" and of.get("executable"): print(of["executable"])')
fi
PATH="$PWD/$home/bin:$PATH" exec "$home/bin/python" benches/peers/pipelines.py "$CHAIN_EXE" "${ROUNDS:-7}"
