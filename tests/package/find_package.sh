#!/usr/bin/env bash
# find_package(idem) on an installed shared build.
source "$(dirname "$0")/common.sh"

prefix=$work/prefix
install_moved "$BUILD_FOLDER" "$prefix"
for header in "$SOURCE_FOLDER"/lib/include/idem/*.hpp version.hpp; do
    name=$(basename "$header")
    [ -f "$prefix/include/idem/$name" ] || fail "$name is not installed"
done

build_consumer "$work/consumer" "-DCMAKE_PREFIX_PATH=$prefix" "-DIDEM_VERSION=$VERSION"
run_consumer "$work/consumer/consumer"
run "test a projection" "$work/consumer/converges"

expect_failure "ask for a later minor version" "version: $VERSION" \
    "$CMAKE" -S "$CONSUMER" -B "$work/later" \
    "-DCMAKE_PREFIX_PATH=$prefix" "-DIDEM_VERSION=${VERSION%%.*}.999"

# The command installed beside the library, with a plug-in, and an application's own.
if grep -q '^IDEM_BUILD_CLI:BOOL=ON$' "$BUILD_FOLDER/CMakeCache.txt"; then
    run "find the component cli" "$CMAKE" -S "$CONSUMER" -B "$work/command" \
        "-DCMAKE_PREFIX_PATH=$prefix" -DIDEM_CLI=ON
    run "build own_command and the plug-in" "$CMAKE" --build "$work/command"
    event='{"specversion":"1.0","id":"1","source":"/cart/7","type":"ItemAdded","data":{}}'
    echo "$event" >"$work/event.jsonl"
    run "append by the installed command" "$prefix/bin/idem" append "$work/shop.idem" \
        "$work/event.jsonl"
    expected='"rows":1'
    for command in "$prefix/bin/idem --plugin $work/command/libcounts.so" \
        "$work/command/own_command"; do
        echo "-- replay by $command"
        # shellcheck disable=SC2086 # the command is words
        output=$($command --json replay "$work/shop.idem" counts) || fail "$command exited with $?"
        [[ $output == *"$expected"* ]] || fail "$command printed '$output', not $expected"
    done
else
    expect_failure "ask for a command that was not built" cli \
        "$CMAKE" -S "$CONSUMER" -B "$work/command" "-DCMAKE_PREFIX_PATH=$prefix" -DIDEM_CLI=ON
fi
