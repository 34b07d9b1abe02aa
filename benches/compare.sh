#!/usr/bin/env bash
# Times simpipe beside its peers on this machine, two threads each, in alternating rounds, and prints the table of ratios.
#
#   benches/compare.sh                       everything, three rounds
#   benches/compare.sh networks              the networks and the folder of images, row by row
#   benches/compare.sh networks narrow mid   of these only some rows (see `rows` below)
#   ROUNDS=1 benches/compare.sh ...          one round
#   PEERS="tensorflow faiss" ...             only these peers (tensorflow torch torchvision faiss usearch pillow dvc networks)
#   AGAIN=1 ...                              also rows that have a result already
#
# Peers are installed with pip into target/peers (or VENVS), one environment each, because TensorFlow wants an older numpy; those of
# networks at the versions of benches/peers/requirements. A peer that can't be installed or fails is a row of the table that
# says so. `dvc` stands for the runners of pipelines (benches/peers/pipelines.sh), which have a table of their own.
#
# `networks` stands for PyTorch eager and compiled, OpenVINO, ONNX Runtime and TensorFlow on the networks of
# benches/peers/networks.py, one process a case and a peer, so that each tells its memory, and for torchvision on a folder of
# 60,000 JPEG files. Each row is written to benches/results/networks/ROW.json once all of its rounds are done, and is left out
# the next time: what is stopped goes on where it was. The table is of all rows that have a result.
set -u
cd "$(dirname "$0")/.." || exit 1
rounds=${ROUNDS:-3}
wanted=
if [ "${1:-}" = networks ]; then
    shift
    PEERS=networks wanted=$*
elif [ $# -gt 0 ]; then
    sed -n '2,23s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
peers=" ${PEERS:-tensorflow torch torchvision faiss usearch pillow dvc networks} "
home=${VENVS:-target/peers}
results=target/peers/measurements.jsonl
kept=benches/results/networks
mkdir -p "$home" target/peers
: >"$results"
export RAYON_NUM_THREADS=2 OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 TF_CPP_MIN_LOG_LEVEL=3

packages() {
    case $1 in
        tensorflow) echo "-r benches/peers/requirements/tensorflow.txt" ;;
        torch) echo "torch torchvision numpy" ;;
        faiss) echo "faiss-cpu numpy" ;;
        networks) echo "-r benches/peers/requirements/networks.txt" ;;
        *) echo "$1 numpy" ;;
    esac
}

# The environment that a peer lives in.
environment() {
    case $1 in
        torchvision) echo torch ;;
        *) echo "$1" ;;
    esac
}

script() {
    case $1 in
        tensorflow) echo tf_bench.py ;;
        pillow) echo decode_bench.py ;;
        *) echo "$1_bench.py" ;;
    esac
}

missing() {
    printf '{"peer": "%s", "missing": "%s"}\n' "$1" "$2" >>"$results"
}

# The Python of a peer's environment, made if it is not there.
python_of() {
    local name folder log
    name=$(environment "$1")
    folder=$home/$name log=$home/$name.log
    if [ ! -e "$folder/ready" ]; then
        python3 -m venv "$folder" >"$log" 2>&1 || return 1
        # shellcheck disable=SC2046
        "$folder/bin/pip" install --quiet $(packages "$name") >>"$log" 2>&1 || {
            # A Python too new for that version of TensorFlow has a newer one.
            [ "$name" = tensorflow ] && "$folder/bin/pip" install --quiet tensorflow-cpu >>"$log" 2>&1 || return 1
        }
        touch "$folder/ready"
    fi
    echo "$folder/bin/python"
}

# The rows of networks, and the cases of each: of benches/peers/networks.py, or a folder of images.
rows="tutorial narrow mid resnet18-32 resnet18 resnet50 efficientnet-lite0 vit-s16 folder"

cases_of() {
    case $1 in
        tutorial) echo tutorial-train-80 tutorial-embed-256 ;;
        narrow) echo narrow-train-500 ;;
        mid) echo mid-train-500 mid-embed-256 ;;
        resnet18-32) echo resnet18-32-train-128 ;;
        resnet18 | efficientnet-lite0) echo "$1-train-16 $1-embed-16" ;;
        resnet50 | vit-s16) echo "$1-embed-16" ;;
        folder) echo decode-60000-jpg ;;
        *) return 1 ;;
    esac
}

# Some peer on a case; what it prints goes to the file of the row.
ask() {
    local peer=$1 case=$2 to=$3 python found
    shift 3
    python=$(python_of "$peer") || {
        printf '{"peer": "%s", "missing": "pip can not install it, see %s"}\n' "$peer" "$home/$peer.log" >>"$to"
        return
    }
    found=$(env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE timeout 900 "$python" "$@" 2>>"$home/networks.log" | grep '^{')
    if [ -n "$found" ]; then
        echo "$found" >>"$to"
    else
        printf '{"peer": "%s", "missing": "%s failed, see %s"}\n' "${*##*/}" "$case" "$home/networks.log" >>"$to"
    fi
}

# One round of a row: each case in simpipe and then in its peers.
network_round() {
    local row=$1 to=$2 case peer
    for case in $(cases_of "$row"); do
        if [ "$row" = folder ]; then
            cargo bench -p simpipe-benches --bench decode -- jpg 2>/dev/null | grep '^{' >>"$to"
            ask networks "$case" "$to" benches/peers/torchvision_bench.py jpg
            continue
        fi
        cargo bench -p simpipe-benches --bench networks -- "$case" 2>/dev/null | grep '^{' >>"$to"
        case $case in *-train-*) cargo bench -p simpipe-benches --bench networks -- "$case" --bf16 2>/dev/null | grep '^{' >>"$to" ;; esac
        for peer in torch compile openvino onnxruntime; do
            case $peer-$case in openvino-*-train-* | onnxruntime-*-train-*) continue ;; esac
            ask networks "$case" "$to" benches/peers/networks_bench.py "$peer" "$case"
        done
        case $case in tutorial-* | narrow-train-500 | mid-train-500)
            ask tensorflow "$case" "$to" benches/peers/tf_networks_bench.py "$case" ;;
        esac
    done
}

# All rounds of the rows that are wanted and have no result yet.
networks() {
    local row round to
    mkdir -p "$kept"
    for row in ${wanted:-$rows}; do
        if [ -e "$kept/$row.json" ] && [ -z "${AGAIN:-}" ]; then
            echo "$row: has its result, $kept/$row.json" >&2
            continue
        fi
        to=target/peers/networks-$row.jsonl
        : >"$to"
        for round in $(seq "$rounds"); do
            echo "$row: round $round of $rounds" >&2
            network_round "$row" "$to"
        done
        python3 benches/peers/keep.py "$row" "$rounds" "$to" >"$to.json" && mv "$to.json" "$kept/$row.json"
    done
    python3 benches/peers/table.py "$kept"/*.json
}

for row in $wanted; do
    cases_of "$row" >/dev/null || { echo "no row is called \`$row\`: $rows" >&2 && exit 2; }
done
runners=
nets=
case $peers in *" networks "*) nets=1 peers=${peers/ networks / } ;; esac
case $peers in *" dvc "*) runners=1 peers=${peers/ dvc / } ;; esac
echo "building simpipe and its benches" >&2
if [ -n "$nets" ]; then
    cargo bench -p simpipe-benches --no-run --bench networks --bench decode || exit 1
    networks
    [ "${peers// /}$runners" ] || exit 0
fi
cargo build --release || exit 1
cargo bench -p simpipe-benches --no-run --bench train_step --bench knn --bench calibrate --bench decode --bench store || exit 1
ready=
for peer in $peers; do
    if python_of "$peer" >/dev/null; then ready="$ready $peer"; else missing "$peer" "pip can't install it, see $home/$peer.log"; fi
done
for round in $(seq "$rounds"); do
    echo "round $round of $rounds" >&2
    [ "${peers// /}" ] || continue
    for bench in train_step knn calibrate decode store; do
        cargo bench -p simpipe-benches --bench "$bench" 2>/dev/null | grep '^{' >>"$results"
    done
    for peer in $ready; do
        # Some machines pin an old OpenBLAS kernel, which would slow the peer down.
        env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE timeout 900 "$(python_of "$peer")" "benches/peers/$(script "$peer")" \
            2>>"$home/$peer.log" | grep '^{' >>"$results" || [ "$round" != 1 ] || missing "$peer" "its script failed, see $home/$peer.log"
    done
done
python3 benches/peers/table.py "$results"
[ -z "$runners" ] || { echo && ROUNDS=$rounds benches/peers/pipelines.sh; }
