#!/usr/bin/env bash
# Three devices edit the same notes while apart and sync; then the command line reads what they have, and a fourth
# device joins.
#
#     examples/offline-notes/run.sh [BUILD] [FOLDER]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-$here/../../build/release}")
notes=$build/examples/offline-notes
idem=$build/cli/idem
plugin=$build/examples/libnotes.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=${2:-$work/notes}

say() { printf '\n== %s\n' "$*"; }
# Folder and digests are others each time: digests cover the names that stores draw for themselves.
story() { "$notes" --seed "$1" "$work/$2" | grep -v '^the stores' | sed -E 's/[0-9a-f]{32}//'; }

"$notes" "$folder" | tee "$work/told"

say "The same seed tells the same story, and every seed has a happy end"
diff <(story 5 one) <(story 5 two)
for seed in $(seq 1 20); do "$notes" --seed "$seed" --edits $((seed * 3)) "$work/seed-$seed" > "$work/log"; done
tail -n 1 "$work/log"

[ -x "$idem" ] || exit 0
cd "$folder"
say "Each device has what all have: up to which edit, of each"
for device in phone laptop tablet; do "$idem" frontier $device.idem; done | uniq | tee "$work/frontiers"
[ "$(wc -l < "$work/frontiers")" = 1 ]

say "Who wrote what in the garden, and what had they seen?"
"$idem" log phone.idem --stream garden --type Written

say "A fourth device joins: all at once, and then nothing is new"
"$idem" sync tablet.idem watch.idem
"$idem" sync watch.idem --with "'$idem' serve-sync phone.idem"

if [ -f "$plugin" ]; then
    say "Its notes, folded in the order in which they came to it, are those of the others"
    "$idem" --plugin "$plugin" replay watch.idem notes
    digest=$(tail -n 1 "$work/told" | grep -oE '[0-9a-f]{32}')
    [ "$("$idem" --plugin "$plugin" replay watch.idem notes --digest)" = "$digest" ]
    echo "digest $digest"

    say "Delivered late, doubled, cut anew, with crashes: do the notes ever differ?"
    "$idem" --plugin "$plugin" converge phone.idem notes --schedules 50 --seed 7
fi
for device in phone laptop tablet watch; do "$idem" verify $device.idem; done
