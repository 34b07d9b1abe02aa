#!/usr/bin/env bash
# Load on `simpipe serve` and on the same model in ONNX Runtime behind FastAPI, over loopback: PNG images of 32 x 32, one a
# request, to the run of configs/quickstart.toml: the tutorial's network and index. Prints a table; the lines are kept in
# benches/results/serve.jsonl.
#
#   benches/serve.sh                       all parts: most latency memory peer
#   PARTS="most latency" ...               only these
#     most      as many images a second as there are answers, 64 connections that never wait
#     latency   500 images a second for 60 s: half, 99 % and 99.9 % of the answers within ..
#     memory    100,000 requests at 500 a second: the server's memory before and after
#     peer      most and latency of the peer, one image a call and what waits together
#   RATE=166 REQUESTS=2000 ...             other than 500 a second and 100,000 requests
#   COUNT=60000 ...                        the run of benches/asked.toml instead, with an index of so many vectors
#   BOUNDS=0.333 ...                       fail below this share of 1,000 images a second, or where answers take over 50 ms
#   SIMPIPE=FILE ...                       the program; else target/release/simpipe, which is built
#   PYTHON=FILE ...                        a Python that has the peer's packages; else they are installed into target/peers/serving
#   RESULTS=FOLDER ...                     where the lines are kept
#
# The generator is bound to the last processor and the servers have all of them, so on two cores they share one: what the
# generator took of it stands in each line.
set -eu
cd "$(dirname "$0")/.."
parts=" ${PARTS:-most latency memory peer} "
rate=${RATE:-500} requests=${REQUESTS:-100000}
export RAYON_NUM_THREADS=2 OMP_NUM_THREADS=2
[ -n "${SIMPIPE:-}" ] || cargo build --release >&2
simpipe=${SIMPIPE:-target/release/simpipe}
if [ -n "${COUNT:-}" ]; then
    run=asked home=$(benches/asked.sh)
else
    run=quickstart home=target/quickstart
    "$simpipe" run configs/quickstart.toml --root "$home" >&2
fi
results=${RESULTS:-benches/results}/serve.jsonl
mkdir -p "$(dirname "$results")"
python3 benches/peers/machine.py >"$results"
# shellcheck disable=SC2086
cargo bench ${PROFILE:+--profile "$PROFILE"} -p simpipe-benches --bench serve --no-run >&2
load() {
    # shellcheck disable=SC2086
    taskset -c "$(($(nproc) - 1))" cargo bench ${PROFILE:+--profile "$PROFILE"} -p simpipe-benches --bench serve -- "$at" --of "$1" "${@:2}" |
        grep '^{' | tee -a "$results" >&2
}
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT
until_ready() {
    for _ in $(seq 600); do
        python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=1)' "http://$at/metrics" 2>/dev/null && return
        kill -0 "$server" || return 1
        sleep 0.1
    done
    return 1
}
ended() {
    kill "$server" && wait "$server" || true
    server=
}
most() { load "$1" --rate 1000000 --requests "$((requests / 5))" --connections 64; }
latency() { load "$1" --rate "$rate" --requests "$((60 * rate < requests ? 60 * rate : requests))"; }

at=127.0.0.1:8350
"$simpipe" serve "$run" --root "$home" --listen "$at" >&2 &
server=$!
until_ready
case $parts in *" most "*) most simpipe ;; esac
case $parts in *" latency "*) latency simpipe ;; esac
case $parts in *" memory "*) load "simpipe, memory" --rate "$rate" --requests "$requests" ;; esac
ended

case $parts in *" peer "*)
    if [ -z "${PYTHON:-}" ]; then
        PYTHON=target/peers/serving/bin/python
        [ -x "$PYTHON" ] || python3 -m venv target/peers/serving
        "$PYTHON" -m pip -q install -r benches/peers/requirements/serving.txt
    fi
    mkdir -p "$home/peer"
    for format in onnx=model.onnx faiss=index.faiss npz=embeddings.npz; do
        "$simpipe" export "$run" --root "$home" "--${format%=*}" "$home/peer/${format#*=}" --stage "$([ "${format%=*}" = faiss ] && echo index || echo embed-validation)" --force >&2
    done
    for batch in 0 1; do
        at=127.0.0.1:835$((1 + batch))
        BATCH=$batch "$PYTHON" benches/peers/serve_fastapi.py "$home/peer" "${at#*:}" >&2 &
        server=$!
        until_ready
        name="FastAPI and ONNX Runtime, $([ "$batch" = 0 ] && echo 'one by one' || echo 'in batches')"
        most "$name"
        latency "$name"
        ended
    done
    ;;
esac
python3 benches/peers/serve_table.py "$results" ${BOUNDS:+"$BOUNDS"}
