# Sourced by each test of the package. From ctest: SOURCE_FOLDER, BUILD_FOLDER (built), VERSION,
# CMAKE, and for cmake itself CXX and CMAKE_GENERATOR.
set -euo pipefail
unset DESTDIR PKG_CONFIG_PATH LD_LIBRARY_PATH

CONSUMER=$SOURCE_FOLDER/tests/package/consumer
work=$(mktemp -d "${TMPDIR:-/tmp}/idem-package.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# run WHAT COMMAND...: says what it does; shows the command's output only if it fails.
run() {
    local what=$1
    shift
    echo "-- $what"
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        fail "$what: $*"
    }
}

# expect_failure WHAT TEXT COMMAND...: it must fail, and say TEXT.
expect_failure() {
    local what=$1 text=$2
    shift 2
    echo "-- $what"
    if "$@" >"$work/log" 2>&1; then fail "$what: it should have failed: $*"; fi
    grep -qF "$text" "$work/log" || {
        cat "$work/log" >&2
        fail "$what: it failed without saying '$text'"
    }
}

# Installs the build, then moves the result: nothing in it may depend on where it was installed.
install_moved() {
    local build=$1 prefix=$2
    run "install $build" "$CMAKE" --install "$build" --prefix "$prefix-first"
    mv "$prefix-first" "$prefix"
    ! grep -rIl -e "$prefix-first" -e "$SOURCE_FOLDER" "$prefix" ||
        fail "these installed files name the folder of the source or of the first install"
}

# The one folder of that name below a prefix, wherever the platform puts libraries.
folder_in() {
    local found
    found=$(find "$1" -type d -path "*/$2")
    [ "$(wc -l <<<"$found")" = 1 ] && [ -n "$found" ] || fail "not one folder $2 in $1: $found"
    echo "$found"
}

# build_consumer FOLDER [cmake option...]
build_consumer() {
    local build=$1
    shift
    run "configure the consumer" "$CMAKE" -S "$CONSUMER" -B "$build" "$@"
    run "build the consumer" "$CMAKE" --build "$build"
}

# run_consumer PROGRAM
run_consumer() {
    echo "-- run the consumer"
    mkdir "$work/store"
    local output
    output=$("$1" "$work/store") || fail "$1 exited with $?"
    rm -r "$work/store"
    [ "$output" = OK ] || fail "$1 printed '$output', not OK"
}
