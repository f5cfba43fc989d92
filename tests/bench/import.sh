#!/bin/sh
# `idem import` of lines against `.import` of the same lines by SQLite's own shell, into a table with
# a unique index of ids. When either is done everything is on disk; but SQLite's .import is one
# transaction, all or nothing, and idem commits every 1,000 events, so it waits for the disk as often:
#
#     tests/bench/import.sh build/release 1000000
#
# Needs, on Debian: sqlite3. Run it with nothing else running: the ratio moves with the disk.
set -eu
[ $# -eq 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
build=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/idem-import-XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
"$build/tests/bench/idem_bench" --lines "$2" >lines.jsonl
seconds() { # of a command
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo "$start $(date +%s%N)" | awk '{ printf "%.2f", ($2 - $1) / 1e9 }'
}
import_by_sqlite() {
    sqlite3 lines.db <<'EOF'
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE events(line TEXT);
CREATE UNIQUE INDEX event_id ON events(json_extract(line, '$.id'));
.mode ascii
.separator "\037" "\n"
.import lines.jsonl events
EOF
}
ours=$(seconds "$build/cli/idem" import s.idem lines.jsonl)
theirs=$(seconds import_by_sqlite)
[ "$(sqlite3 lines.db 'SELECT count(*) FROM events')" = "$2" ]
[ "$("$build/cli/idem" stats s.idem --json | grep -c "\"events\":$2,")" = 1 ]
echo "$2 lines: idem $ours s, SQLite $theirs s, $(echo "$ours $theirs" | awk '{ printf "%.1f", $2 / $1 }') times"
