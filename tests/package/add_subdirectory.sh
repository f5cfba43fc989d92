#!/usr/bin/env bash
# add_subdirectory(): consumer/expect_no_traces.cmake looks at what idem leaves in the project
# around it.
source "$(dirname "$0")/common.sh"

build_consumer "$work/consumer" "-DIDEM_SOURCE=$SOURCE_FOLDER" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_CXX_FLAGS=-O0
run_consumer "$work/consumer/consumer"

run "install the consumer" "$CMAKE" --install "$work/consumer" --prefix "$work/prefix"
[ ! -e "$work/prefix" ] || fail "idem installed itself with the project around it"
