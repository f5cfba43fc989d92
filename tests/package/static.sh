#!/usr/bin/env bash
# A static build, installed: its private dependencies must be found again where it is used.
source "$(dirname "$0")/common.sh"

run "configure a static library" "$CMAKE" -S "$SOURCE_FOLDER" -B "$work/build" \
    -DBUILD_SHARED_LIBS=OFF -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O0 -DIDEM_BUILD_CLI=OFF \
    -DIDEM_BUILD_TESTS=OFF -DIDEM_BUILD_BENCH=OFF -DIDEM_BUILD_EXAMPLES=OFF
run "build it" "$CMAKE" --build "$work/build" --parallel 2
prefix=$work/prefix
install_moved "$work/build" "$prefix"
[ -z "$(find "$prefix" -name '*.so*')" ] || fail "a static build installed a shared library"
! grep -r idem_schemas "$prefix" || fail "the package names a target of the source tree"

build_consumer "$work/consumer" "-DCMAKE_PREFIX_PATH=$prefix"
run_consumer "$work/consumer/consumer"
mkdir "$work/no_packages"
expect_failure "find_package(idem) without LMDB" "needs lmdb" \
    env "PKG_CONFIG_LIBDIR=$work/no_packages" "$CMAKE" -S "$CONSUMER" \
    -B "$work/lonely" "-DCMAKE_PREFIX_PATH=$prefix"

PKG_CONFIG_PATH=$(folder_in "$prefix" pkgconfig)
export PKG_CONFIG_PATH
for static in "" --static; do
    flags=$(pkg-config $static --cflags --libs idem) || fail "pkg-config $static does not know idem"
    # shellcheck disable=SC2086 # the flags are words
    run "compile with: $flags" "$CXX" -std=c++20 "$CONSUMER/main.cpp" \
        -o "$work/by_hand" $flags
    run_consumer "$work/by_hand"
done
