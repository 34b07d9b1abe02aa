#!/usr/bin/env bash
# The race of loaders: simpipe and torchvision, two threads against two workers, in alternating rounds over the same JPEG files.
#
#   benches/loader.sh CIFAR_FOLDER        60,000 images, three rounds; CIFAR_FOLDER holds data_batch_1.bin .. test_batch.bin
#   COUNT=6000 ROUNDS=1 benches/loader.sh CIFAR_FOLDER
#   BOUND=1.2 ...                         fail only above 1.2 times torchvision's median (1.0)
#
# Ends with 1 if the median of simpipe's epochs over the files takes longer than so many times that of torchvision's.
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
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for _ in $(seq "${ROUNDS:-3}"); do
    { cargo bench -p simpipe-benches --bench loader 2>/dev/null | grep '^{' && "$home/bin/python" benches/peers/loader_bench.py | grep '^{'; } |
        tee -a "$lines"
done
python3 - "$lines" "${BOUND:-1.0}" <<'END'
import json
import re
import statistics
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
# Both read the JPEG files; what simpipe makes of them first, and what it keeps as pixels, have no counterpart.
rows = [row for row in rows if re.fullmatch(r"loader-\d+-224-jpg", row["case"])]
own, other = ([row["median_ms"] for row in rows if ("peer" in row) == peer] for peer in (False, True))
share, bound = statistics.median(own) / statistics.median(other), float(sys.argv[2])
print(json.dumps({"case": "loader-against-torchvision", "rounds": len(own), "times_torchvision": round(share, 3), "bound": bound}))
if share > bound:
    sys.exit(f"above the bound: {share:.3f} times torchvision's median, {bound} allowed")
END
