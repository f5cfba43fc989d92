#!/usr/bin/env bash
# The 101,759 football events dealt at random to three stores, late, in any order, many of them to two stores, which
# then sync. Each ends with the score of all 64 matches as published, as if it had seen every match itself.
#
#     examples/football/deal.sh [BUILD] [SEED] [FOLDER]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-$here/../../build/release}")
seed=${2:-7}
data=$(realpath "$here/../data/football")
idem=$build/cli/idem
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -ge 3 ]; then
    mkdir "$3"
    folder=$(realpath "$3")
else
    folder=$work
fi
cd "$folder"

say() { printf '\n== %s\n' "$*"; }
digest_of() { "$idem" state "$1" "$here/score.json" --digest | grep -oE '[0-9a-f]{32}'; }
deliver() { # SHARE EVENTS...
    for share in a b c; do "$idem" import $share.idem "$work/$1-$share" --batch 137 | tail -n 1; done
}

say "Convert the published events to CloudEvents"
zcat "$data/events.jsonl.gz" | "$build/examples/football_convert" "$data/results.csv" > "$work/events"
wc -l < "$work/events"

say "Deal them to three stores with seed $seed: one in five to two of them, one in ten twice to the same"
awk -v seed="$seed" -v work="$work" '
    function deal(to) { printf "%.9f\t%s\n", rand(), $0 > (work "/dealt-" substr("abc", to + 1, 1)) }
    BEGIN { srand(seed) }
    { to = int(rand() * 3); deal(to) }
    rand() < 0.2 { deal((to + 1 + int(rand() * 2)) % 3) }
    rand() < 0.1 { deal(to) }' "$work/events"
for share in a b c; do # in an order that has nothing to do with the matches
    LC_ALL=C sort "$work/dealt-$share" | cut -f 2- > "$work/all-$share"
    head -n 20000 "$work/all-$share" > "$work/first-$share"
    tail -n +20001 "$work/all-$share" > "$work/late-$share"
done
wc -l "$work"/all-*

say "Half of each share arrives, two of the stores sync, and the rest arrives late"
deliver first
"$idem" sync a.idem b.idem
deliver late

say "A sync over a pipe is broken off in the middle"
before=$("$idem" frontier c.idem)
broken=0 # `dd` hands on so many pieces of what is said, and hangs up
"$idem" sync a.idem --timeout 60 --with "dd bs=64K count=150 status=none | '$idem' serve-sync c.idem" || broken=$?
[ "$broken" != 0 ]
[ "$("$idem" frontier c.idem)" != "$before" ] # what had come was kept

say "Run again it goes on, and the others follow"
"$idem" sync a.idem --with "'$idem' serve-sync c.idem"
"$idem" sync c.idem b.idem
"$idem" sync b.idem a.idem
say "Once more: nothing is new"
"$idem" sync a.idem c.idem
"$idem" sync a.idem b.idem

say "Each has what all have"
for share in a b c; do "$idem" frontier $share.idem; done | uniq | tee "$work/frontiers"
[ "$(wc -l < "$work/frontiers")" = 1 ]

say "The scores in each, and in one store that was given every event in the order of play"
"$idem" import in-order.idem "$work/events" | tail -n 1
for share in a b c in-order; do
    printf '%-9s %s\n' $share "$(digest_of $share.idem)"
done | tee "$work/digests"
[ "$(awk '{ print $2 }' "$work/digests" | uniq | wc -l)" = 1 ]

say "The 64 results of each beside the published ones"
for share in a b c; do
    "$build/examples/football_results" $share.idem "$data/results.csv" > "$work/results-$share"
    tail -n 1 "$work/results-$share"
    head -n -1 "$work/results-$share" | diff - <(head -n -1 "$work/results-a")
done
for share in a b c; do "$idem" verify $share.idem | tail -n 1; done
