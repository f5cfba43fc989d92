#!/usr/bin/env bash
# pkg-config and a plain compiler on an installed shared build.
source "$(dirname "$0")/common.sh"

install_moved "$BUILD_FOLDER" "$work/prefix"
pkg_config=$(folder_in "$work/prefix" pkgconfig)
export PKG_CONFIG_PATH=$pkg_config LD_LIBRARY_PATH=${pkg_config%/pkgconfig}

version=$(pkg-config --modversion idem)
[ "$version" = "$VERSION" ] || fail "pkg-config has the version $version, not $VERSION"
for static in "" --static; do
    flags=$(pkg-config $static --cflags --libs idem) || fail "pkg-config $static does not know idem"
    # shellcheck disable=SC2086 # the flags are words
    run "compile with: $flags" "$CXX" -std=c++20 "$CONSUMER/main.cpp" \
        -o "$work/consumer" $flags
    run_consumer "$work/consumer"
    flags=$(pkg-config $static --cflags --libs idem-testing) || fail "no idem-testing $static"
    # shellcheck disable=SC2086 # the flags are words
    run "compile with: $flags" "$CXX" -std=c++20 "$CONSUMER/converges.cpp" -o "$work/converges" $flags
    run "test a projection" "$work/converges"
done
