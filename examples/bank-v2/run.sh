#!/usr/bin/env bash
# A schema changes while the bank is open: checked, registered with upcasters, rebuilt beside under appends,
# compared, and switched back and forth. README.md walks through the same steps.
#
#     examples/bank-v2/run.sh [BUILD]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-$here/../../build/release}")
idem=$build/cli/idem
work=$(mktemp -d)
appender=
trap '[ -z "$appender" ] || kill "$appender" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

say() { printf '\n== %s\n' "$*"; }
events() { # FIRST LAST FIELD AMOUNT
    seq "$1" "$2" | awk -v field="$3" -v amount="$4" '{
        type = $1 % 5 == 4 ? "bank.Withdrawn" : "bank.Deposited"
        printf "{\"specversion\":\"1.0\",\"id\":\"%d\",\"source\":\"/bank\",\"subject\":\"a%d\",\"type\":\"%s\"," \
               "\"data\":{\"account\":\"a%d\",\"%s\":%d}}\n", $1, $1 % 100, type, $1 % 100, field, amount }'
}

say "Version 1: whole euros. The store learns the schema, so JSON goes in and FlatBuffers is kept"
"$idem" schema add bank.idem "$here/bank_v1.fbs"
events 1 50000 euros 7 | "$idem" import bank.idem -
"$idem" log bank.idem --type bank.Deposited --limit 1
"$idem" state bank.idem "$here/balances-1.json" a1

say "Version 2: cents. May old events be read by it?"
"$idem" schema check "$here/bank_v1.fbs" "$here/bank_v2.fbs" && exit 1 || [ $? = 5 ]
"$idem" schema add bank.idem "$here/bank_v2.fbs" --upcast "$here/euros_to_cents.json"
events 50001 50010 cents 700 | "$idem" import bank.idem -

say "The projection for cents is stale until it was rebuilt; the old rows are served"
"$idem" state bank.idem "$here/balances-2.json" a1
"$idem" rebuild bank.idem "$here/balances-2.json" --dry-run

say "Rebuild beside, while somebody appends"
events 50011 53000 cents 700 | "$idem" import bank.idem - --batch 1 > appended &
appender=$!
"$idem" rebuild bank.idem "$here/balances-2.json" --max-rate 40000
wait "$appender"
appender=
"$idem" diff bank.idem balances@1 balances@2 | head -2
"$idem" state bank.idem balances --digest

say "The rows are those of a replay from nothing"
[ "$("$idem" replay bank.idem balances --digest)" = \
  "$("$idem" state bank.idem balances --digest | grep -oE '[0-9a-f]{32}')" ]
[ "$("$idem" state bank.idem balances a1 | grep -oE '"deposited":[0-9]+')" = '"deposited":371000' ]
echo "They are."

say "Which event took the bank below 20,000 euros withdrawn?"
"$idem" bisect bank.idem balances 'sum(withdrawn) < 2000000' | cut -c 1-200 || [ "${PIPESTATUS[0]}" = 4 ]

say "Back to the version before, and forth again"
"$idem" projection switch bank.idem balances@1
"$idem" projection switch bank.idem balances@2
"$idem" projection drop bank.idem balances@1
"$idem" verify bank.idem
