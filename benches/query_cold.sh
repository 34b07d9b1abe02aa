#!/usr/bin/env bash
# How long a question takes from the start of the program to its end, with warm files: one image against 60,000 x 256, the same
# with the pictures of a page, 1,000 images beside what the stages take for them; and beside it what Python takes for nothing but the
# import of what a peer would ask with. Prints a table; the lines are kept in benches/results/query_cold.jsonl.
#
#   benches/query_cold.sh              all of it
#   COUNT=2000 ...                     against so many vectors, to try the script with
#   SIMPIPE=FILE ...                   the program; else target/release/simpipe, which is built
#   PYTHONS="a/bin/python b/bin/python" ...   Pythons whose imports are timed, as far as they have the packages;
#                                      else those that benches/compare.sh and benches/serve.sh have made, and python3
#   BOUNDS=1 ...                       fail where one image takes over 150 ms, or 1,000 images over 1.25 of the stages' time;
#                                      0.333 on a machine of a third of the speed
#   RESULTS=FOLDER ...                 where the lines are kept
set -eu
cd "$(dirname "$0")/.."
export RAYON_NUM_THREADS=2
home=$(benches/asked.sh)
results=${RESULTS:-benches/results}/query_cold.jsonl
mkdir -p "$(dirname "$results")"
pythons=${PYTHONS:-target/peers/*/bin/python python3}
# shellcheck disable=SC2086
python3 benches/peers/query_cold.py "${SIMPIPE:-target/release/simpipe}" "$home" $pythons | tee "$results" >&2
python3 benches/peers/query_table.py "$results" ${BOUNDS:+"$BOUNDS"}
