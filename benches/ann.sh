#!/usr/bin/env bash
# Searches that are not exact beside hnswlib, usearch and faiss, on the same vectors and two threads: build, recall, queries a
# second, bytes, how long a stored index takes to open. Prints the table at equal recall; the lines it is made of are kept in
# benches/results/ann-COUNTxDIM.jsonl.
#
#   benches/ann.sh                        100,000 x 256
#   benches/ann.sh 1000000 256            a million: about an hour, 8 GB of memory, 1 GB on the disk
#   METHODS="hnsw" PEERS="usearch" ...    only these (hnsw ivf-pq int8 binary; hnswlib usearch faiss)
#   BOUND=1.0 ...                         fail where anything takes more than that many times as long as a peer
#   PYTHON=FILE ...                       a Python that has the peers; else they are installed into target/peers/ann
#   RESULTS=FOLDER ...                    where the lines are kept
set -eu
cd "$(dirname "$0")/.."
count=${1:-100000} dim=${2:-256}
export RAYON_NUM_THREADS=2 OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2
if [ -z "${PYTHON:-}" ]; then
    home=target/peers/ann PYTHON=target/peers/ann/bin/python
    [ -x "$PYTHON" ] || python3 -m venv "$home"
    "$home/bin/pip" -q install -r benches/peers/requirements/ann.txt
fi
results=${RESULTS:-benches/results}/ann-${count}x$dim.jsonl
vectors=target/ann-${count}x$dim
mkdir -p "$vectors" "$(dirname "$results")"
python3 benches/peers/machine.py >"$results"
# shellcheck disable=SC2086
cargo bench ${PROFILE:+--profile "$PROFILE"} -p simpipe-benches --bench ann -- "$count" "$dim" --keep "$PWD/$vectors" open ${METHODS:-hnsw ivf-pq int8 binary} |
    grep '^{' | tee -a "$results" >&2
for peer in ${PEERS:-hnswlib usearch faiss}; do
    # Some machines pin an old OpenBLAS kernel, which would slow a peer down.
    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE "$PYTHON" benches/peers/ann_bench.py "$vectors" "$peer" | grep '^{' | tee -a "$results" >&2
done
rm -r "$vectors"
python3 benches/peers/ann_table.py "$results" ${BOUND:+"$BOUND"}
