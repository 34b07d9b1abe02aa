#!/usr/bin/env bash
# Trains the recipes with three seeds each, from nothing, and prints what they come to and how long they take.
#
#   benches/recipes.sh                            all of them
#   benches/recipes.sh cifar10-fast               one; also cifar10-best fashion-mnist-fast quickstart-fast quickstart
#   SEEDS="1 2" benches/recipes.sh ...            other seeds than 1, 2 and 3
#   CIFAR10=FOLDER FASHION=FOLDER ...             images that are there already, else they are downloaded
#   NUMERICS=bf16 ...                             with `numerics = "bf16"`
#   AGAIN=1 ...                                   also what has a result already
#
# Each training is a line of benches/results/recipes.jsonl as soon as it is done, so a run that is stopped goes on where it was.
# SIMPIPE names the program, target/release/simpipe if it does not. Every training begins in an empty folder, ROOT or one
# in target/: what is timed is all of `simpipe run`, from the archive of the images to the report.
set -u
cd "$(dirname "$0")/.." || exit 1
recipes=${*:-quickstart-fast fashion-mnist-fast cifar10-fast cifar10-best}
seeds=${SEEDS:-1 2 3}
simpipe=${SIMPIPE:-target/release/simpipe}
results=benches/results/recipes.jsonl
root=${ROOT:-target/recipes}
export RAYON_NUM_THREADS=${RAYON_NUM_THREADS:-2}
[ -n "${SIMPIPE:-}" ] || cargo build --release || exit 1
mkdir -p "$root" && touch "$results"

source_of() {
    case $1 in
        cifar10-*) [ -z "${CIFAR10:-}" ] || printf 'dataset.source={ cifar10 = { path = "%s" } }' "$(realpath "$CIFAR10")" ;;
        fashion-*) [ -z "${FASHION:-}" ] || printf 'dataset.source={ fashion-mnist = { path = "%s" } }' "$(realpath "$FASHION")" ;;
    esac
}

# Where queries are looked up: once more by the vote of 20, when everything else is there.
looked_up() {
    case $1 in
        quickstart*) echo match ;;
        *) echo match-train ;;
    esac
}

failed=0
for recipe in $recipes; do
    for seed in $seeds; do
        if [ -z "${AGAIN:-}" ] && python3 benches/recipes.py has "$results" "$recipe" "$seed" "${NUMERICS:-fast}"; then
            echo "$recipe, seed $seed: has its result" >&2
            continue
        fi
        echo "$recipe, seed $seed" >&2
        folder=$root/$recipe-$seed-${NUMERICS:-fast} source=$(source_of "$recipe") stage=$(looked_up "$recipe")
        rm -rf "$folder" && mkdir -p "$folder"
        set -- "configs/$recipe.toml" --root "$folder" --set "seed=$seed"
        [ -z "$source" ] || set -- "$@" --set "$source"
        [ -z "${NUMERICS:-}" ] || set -- "$@" --set "numerics=$NUMERICS"
        set_vote="$stage.matcher={ majority-vote = { k = 20 } }"
        if "$simpipe" run "$@" --quiet --json >"$folder/run.json" &&
            "$simpipe" run "$@" --quiet --json --set "$stage.neighbours=20" --set "$set_vote" >"$folder/vote.json"; then
            matches=$folder/$(python3 benches/recipes.py dir "$folder/vote.json")/$stage/matches.parquet
            "$simpipe" show "$matches" --rows 100000 --json >"$folder/matches.json" &&
                python3 benches/recipes.py line "$folder" "$recipe" "$seed" "${NUMERICS:-fast}" >>"$results" || failed=1
        else
            echo "$recipe, seed $seed: failed, see $folder/run.json" >&2
            failed=1
        fi
        [ -n "${KEEP:-}" ] || rm -rf "$folder/artifacts" "$folder/matches.json"
    done
done
python3 benches/recipes.py table "$results"
exit "$failed"
