#!/usr/bin/env bash
# How much memory import, replay and export take as the log grows: `tests/bench/memory.sh [IDEM]`,
# from anywhere; IDEM is build/release/cli/idem of this source if not given.
# Prints the highest resident memory, of files mapped and all, in MiB. Random (version 4) ids.
set -euo pipefail
root=$(dirname "$(realpath "$0")")/../..
idem=$(realpath "${1:-$root/build/release/cli/idem}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"name":"n","version":1,"key":"stream","on":{"*":{"do":[{"count":"n"}]}}}' >n.json

lines() {
    seq "$1" | awk 'BEGIN { srand(1); pad = sprintf("%64s", ""); gsub(" ", "x", pad) } {
        printf "{\"specversion\":\"1.0\",\"id\":\"%08x-%04x-4%03x-8%03x-%06x%06x\",", rand() * 2 ^ 32,
            rand() * 2 ^ 16, rand() * 2 ^ 12, rand() * 2 ^ 12, rand() * 2 ^ 24, rand() * 2 ^ 24
        printf "\"source\":\"/gen\",\"subject\":\"s-%d\",\"type\":\"T\",", rand() * 1000
        printf "\"data\":{\"n\":%d,\"pad\":\"%s\"}}\n", $1, pad }'
}

# peak COMMAND...: its highest resident memory, as the kernel counted it for this child alone.
peak() {
    "$@" >/dev/null 2>log &
    local child=$! most=0 now
    while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$child/status" 2>/dev/null) && [ -n "$now" ]; do
        most=$now
    done
    wait "$child" || { cat log >&2; exit 1; }
    echo $((most / 1024))
}

printf '%-10s %8s %8s %8s\n' events import replay export
for events in 100000 1000000; do
    lines $events >events.jsonl
    printf '%-10s %8s %8s %8s\n' $events "$(peak "$idem" import "s$events" events.jsonl)" \
        "$(peak "$idem" replay "s$events" n.json)" "$(peak "$idem" export "s$events")"
done
