#!/usr/bin/env bash
# Draws the images of benches/asked.toml and runs it, where that has not been done: what benches/serve.sh and
# benches/query_cold.sh ask. Prints the folder of it: `run.json` is what `run --json` said, `images/test` holds the
# images of the index and 1,000 more.
#
#   benches/asked.sh           60,000 vectors: some two minutes
#   COUNT=2000 ...             an index of so many, to try scripts with
#   SIMPIPE=FILE ...           the program; else target/release/simpipe, which is built
set -eu
cd "$(dirname "$0")/.."
count=${COUNT:-60000}
[ -n "${SIMPIPE:-}" ] || cargo build --release >&2
simpipe=${SIMPIPE:-target/release/simpipe}
home=target/asked
[ "$count" = 60000 ] || home=target/asked-$count
[ -e "$home/images/ready" ] || python3 benches/peers/asked_images.py "$home/images" "$count"
if [ ! -s "$home/run.json" ]; then
    "$simpipe" run benches/asked.toml --root "$home" --json \
        --set dataset.source.image-folder.path="\"$home/images\"" \
        --set "index.slice={ begin = 0, size = $count }" --set "match.slice={ begin = $count, size = 1000 }" >"$home/run.json.new" || {
        cat "$home/run.json.new" >&2
        exit 1
    }
    mv "$home/run.json.new" "$home/run.json"
fi
echo "$home"
