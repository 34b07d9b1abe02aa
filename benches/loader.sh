#!/usr/bin/env bash
# The race of loaders: simpipe and torchvision, two threads against two workers, in alternating rounds over the same JPEG files.
#
#   benches/loader.sh CIFAR_FOLDER        60,000 images, three rounds; CIFAR_FOLDER holds data_batch_1.bin .. test_batch.bin
#   COUNT=6000 ROUNDS=1 benches/loader.sh CIFAR_FOLDER
#
# Python packages go into target/peers/torch, the images into target/bench-images/cifar-224. Prints a JSON line a round and loader.
set -euo pipefail
cd "$(dirname "$0")/.."
cifar=${1:?usage: benches/loader.sh CIFAR_FOLDER}
home=target/peers/torch
if [ ! -e "$home/ready" ]; then
    python3 -m venv "$home"
    "$home/bin/pip" install --quiet torch torchvision numpy
    touch "$home/ready"
fi
"$home/bin/python" benches/peers/loader_images.py "$cifar" "${COUNT:-60000}" >&2
cargo bench -p simpipe-benches --no-run --bench loader
export RAYON_NUM_THREADS=2 OMP_NUM_THREADS=2
for _ in $(seq "${ROUNDS:-3}"); do
    cargo bench -p simpipe-benches --bench loader 2>/dev/null | grep '^{'
    "$home/bin/python" benches/peers/loader_bench.py | grep '^{'
done
