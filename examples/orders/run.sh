#!/usr/bin/env bash
# Forty orders through a shop that is killed now and then, and what its store knows of them afterwards.
#
#     examples/orders/run.sh [BUILD] [FOLDER]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:-$here/../../build/release}")
if [ $# -ge 2 ]; then
    folder=$2
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    folder=$work/orders
fi
idem=$build/cli/idem

say() { printf '\n== %s\n' "$*"; }

say "The books, in $folder"
"$build/examples/orders" "$folder"
[ -x "$idem" ] || exit 0

say "The history of one order, of its saga and of its charge"
"$idem" log "$folder/shop.idem" --stream order-0001
"$idem" log "$folder/provider.idem" --stream order-0001

say "Delivered once more, whole: nothing is new, nothing is done"
"$idem" export "$folder/shop.idem" | "$idem" import "$folder/shop.idem" -
"$idem" verify "$folder/shop.idem"
