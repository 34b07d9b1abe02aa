#!/usr/bin/env bash
# A data set larger than memory through every stage, in a memory group of its own, with the curve of what is held.
#
#   benches/large_images.sh                        1,000,000 images of 64 x 64 (12 GB raw) in a group of 3 GB
#   COUNT=100000 LIMIT_MB=600 benches/large_images.sh
#   COUNT=15000 SIDE=224 SOURCE=folder MAX_MB=500 benches/large_images.sh
#
# Ends with 1 if the run fails, if a stage holds more than MAX_MB (2048) of anonymous memory, or if images and results take more
# than MAX_DISK (2.2) times the raw size on disk.
#
# The images are shards of bitmaps (SOURCE=folder: files), made once into target/large-images; 2.2 times their raw size is taken
# on disk with the results. The group is made below this shell's own, of either version of the kernel's interface; where that is
# not allowed the run is only watched, which is said. What is held goes into target/large-images/memory-*.csv five times a second.
set -euo pipefail
cd "$(dirname "$0")/.."
count=${COUNT:-1000000} side=${SIDE:-64} source=${SOURCE:-webdataset} limit=${LIMIT_MB:-3072}
place=${PLACE:-target/large-images}/$count-$side-$source
program=${SIMPIPE:-target/release/simpipe}
most=${MAX_MB:-2048} most_disk=${MAX_DISK:-2.2}
mkdir -p "$place"
place=$(cd "$place" && pwd)
[ -x "$program" ] || cargo build --release
program=$(realpath "$program")

echo "making $count images of $side x $side ($source) in $place" >&2
python3 benches/large_images.py make "$place" "$count" "$side" "$source"

group=
make_group() {
    local own
    own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
    if [ -n "$own" ] && mkdir "/sys/fs/cgroup/memory$own/simpipe-$$" 2>/dev/null; then
        group=/sys/fs/cgroup/memory$own/simpipe-$$
        echo $((limit << 20)) >"$group/memory.limit_in_bytes" || true
        return
    fi
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
        [ -e "$root/cgroup.controllers" ] && mkdir "$root$own/simpipe-$$" 2>/dev/null || continue
        group=$root$own/simpipe-$$
        # A group that holds processes hands no controller down: then there is no limit here.
        [ -e "$group/memory.max" ] && echo $((limit << 20)) >"$group/memory.max" && return
        rmdir "$group" && group=
    done
}
make_group
trap '[ -z "$group" ] || rmdir "$group" 2>/dev/null || true' EXIT
if [ -n "$group" ]; then echo "limit: $limit MB" >&2; else echo "no memory group can be made here: watched without a limit" >&2; fi

rm -rf "$place/artifacts"
table=$place/memory-$count-$side.csv
code=0
python3 benches/large_images.py watch "$table" "$place/events.jsonl" "$group" -- \
    "$program" run "$place/configs/large.toml" --root "$place" --jobs 1 --quiet --events "$place/events.jsonl" || code=$?
python3 benches/large_images.py told "$table" "$most" || code=1
images=$(du -sm "$place/images" | cut -f1) results=$(du -sm "$place/artifacts" | cut -f1)
raw=$((count * side * side * 3))
echo "on disk: images $images MB, results $results MB, raw $((raw >> 20)) MB"
if ! python3 -c "import sys; sys.exit(($images + $results) * 2**20 > $most_disk * $raw)"; then
    echo "above the bound of $most_disk times the raw size on disk" >&2
    code=1
fi
echo "curve: $table"
exit "$code"
