#!/usr/bin/env bash
# The main job on real input: 101,759 football events in, delivered again shuffled, cut anew and three times
# each, and the score of all 64 matches replayed from them.
#
#     examples/football/run.sh [BUILD] [STORE]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-$here/../../build/release}")
store=${2:-$build/world-cup.idem}
data=$(realpath "$here/../data/football")
idem=$build/cli/idem
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '\n== %s\n' "$*"; }

say "Convert the published events to CloudEvents"
zcat "$data/events.jsonl.gz" | "$build/examples/football_convert" "$data/results.csv" > "$work/events"
wc -l < "$work/events"

rm -rf "$store"
say "Import them into $store"
"$idem" import "$store" "$work/events"
"$idem" replay "$store" "$here/score.json" --digest | tee "$work/first"

say "Deliver every event three times more, shuffled, in batches of 137"
cat "$work/events" "$work/events" "$work/events" |
    shuf --random-source=<(yes idem) | "$idem" import "$store" - --batch 137

say "Replay the score from the beginning: nothing may have changed"
"$idem" replay "$store" "$here/score.json" --digest | tee "$work/second"
# The time that a replay took is not part of its result.
digest_of() { grep -oE '[0-9a-f]{32}' "$1"; }
[ "$(digest_of "$work/first")" = "$(digest_of "$work/second")" ]
echo "The digests are equal."

say "Keep the projection in the store and show it beside the published results"
"$idem" state "$store" "$here/score.json" > "$work/rows"
"$build/examples/football_results" "$store" "$data/results.csv"

say "Check everything that the store promises about its own bytes"
"$idem" verify "$store"
