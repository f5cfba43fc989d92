#!/usr/bin/env bash
# find_package(idem) on an installed shared build.
source "$(dirname "$0")/common.sh"

prefix=$work/prefix
install_moved "$BUILD_FOLDER" "$prefix"
for header in "$SOURCE_FOLDER"/lib/include/idem/*.hpp version.hpp; do
    [ -f "$prefix/include/idem/$(basename "$header")" ] || fail "$(basename "$header") is not installed"
done

build_consumer "$work/consumer" "-DCMAKE_PREFIX_PATH=$prefix" "-DIDEM_VERSION=$VERSION"
run_consumer "$work/consumer/consumer"

expect_failure "ask for a later minor version" "version: $VERSION" \
    "$CMAKE" -S "$SOURCE_FOLDER/tests/package/consumer" -B "$work/later" \
    "-DCMAKE_PREFIX_PATH=$prefix" "-DIDEM_VERSION=${VERSION%%.*}.999"
