#!/usr/bin/env bash
# Times simpipe beside its peers on this machine, two threads each, in alternating rounds, and prints the table of ratios.
#
#   benches/compare.sh            everything, three rounds
#   ROUNDS=1 benches/compare.sh   one round
#   PEERS="tensorflow faiss" ...  only these peers (tensorflow torch torchvision faiss usearch pillow dvc networks)
#   NETWORKS="mid resnet50-embed-16" PEERS=networks ...  of the networks only the cases whose name holds one of these
#
# Peers are installed with pip into target/peers, one environment each, because TensorFlow wants an older numpy. A peer
# that can't be installed or fails is a row of the table that says so. `dvc` stands for the runners of pipelines
# (benches/peers/pipelines.sh), which have a table of their own. `networks` stands for PyTorch eager and compiled, OpenVINO,
# ONNX Runtime and TensorFlow on the networks of benches/peers/networks.py, one process a case and a peer, so that each tells
# its memory; what was least is kept in benches/results/networks.jsonl.
set -u
cd "$(dirname "$0")/.." || exit 1
rounds=${ROUNDS:-3}
peers=" ${PEERS:-tensorflow torch torchvision faiss usearch pillow dvc networks} "
home=target/peers
results=$home/measurements.jsonl
mkdir -p "$home"
: >"$results"
export RAYON_NUM_THREADS=2 OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 TF_CPP_MIN_LOG_LEVEL=3

packages() {
    case $1 in
        tensorflow) echo "tensorflow-cpu==2.15.*" ;;
        torch) echo "torch torchvision numpy" ;;
        faiss) echo "faiss-cpu numpy" ;;
        networks) echo "torch torchvision timm numpy setuptools onnx onnxscript onnxruntime openvino" ;;
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

# The cases of benches/peers/networks.py.
network_cases() {
    local case wish
    for case in tutorial-train-80 tutorial-embed-256 narrow-train-500 mid-train-500 mid-embed-256 resnet18-32-train-128 \
        resnet18-train-16 resnet18-embed-16 resnet50-embed-16 efficientnet-lite0-train-16 efficientnet-lite0-embed-16 \
        vit-s16-embed-16; do
        for wish in ${NETWORKS:-$case}; do
            case $case in *"$wish"*) echo "$case" && break ;; esac
        done
    done
}

# One round of the networks: each case in simpipe and then in its peers.
networks() {
    local case peer python
    python=$(python_of networks) || return
    for case in $(network_cases); do
        cargo bench -p simpipe-benches --bench networks -- "$case" 2>/dev/null | grep '^{' >>"$results"
        for peer in torch compile openvino onnxruntime; do
            case $peer-$case in openvino-*-train-* | onnxruntime-*-train-*) continue ;; esac
            timeout 600 "$python" benches/peers/networks_bench.py "$peer" "$case" 2>>"$home/networks.log" | grep '^{' >>"$results" ||
                [ "$1" != 1 ] || missing "$peer" "$case failed, see $home/networks.log"
        done
        case $case in narrow-train-500 | mid-train-500)
            { python=$(python_of tensorflow) &&
                timeout 600 "$python" benches/peers/tf_networks_bench.py "$case" 2>>"$home/networks.log" | grep '^{' >>"$results"; } ||
                [ "$1" != 1 ] || missing tensorflow "$case failed, see $home/networks.log"
            python=$(python_of networks)
            ;;
        esac
    done
}

runners=
nets=
case $peers in *" networks "*) nets=1 peers=${peers/ networks / } ;; esac
case $peers in *" dvc "*) runners=1 peers=${peers/ dvc / } ;; esac
echo "building simpipe and its benches" >&2
cargo build --release || exit 1
cargo bench -p simpipe-benches --no-run --bench train_step --bench knn --bench calibrate --bench decode --bench store --bench networks || exit 1
ready=
for peer in $peers; do
    if python_of "$peer" >/dev/null; then ready="$ready $peer"; else missing "$peer" "pip can't install it, see $home/$peer.log"; fi
done
for round in $(seq "$rounds"); do
    echo "round $round of $rounds" >&2
    [ -z "$nets" ] || networks "$round"
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
[ -z "$nets" ] || python3 benches/peers/keep.py "$results" >benches/results/networks.jsonl
[ -z "$runners" ] || { echo && ROUNDS=$rounds benches/peers/pipelines.sh; }
