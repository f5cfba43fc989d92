#!/usr/bin/env bash
# The Debian packages: what they hold, what they depend on, and that the command in them runs.
source "$(dirname "$0")/common.sh"

run "pack" cpack --config "$BUILD_FOLDER/CPackConfig.cmake" -B "$work/packages"
root=$work/root
mkdir "$root"

# unpack NAME: the one package of that name, into $root; its list of files is $work/NAME.
unpack() {
    local file
    file=$(find "$work/packages" -maxdepth 1 -name "$1_${VERSION}_*.deb")
    [ -f "$file" ] || fail "not one package $1 $VERSION: $(ls "$work/packages")"
    dpkg-deb -c "$file" | awk '$1 !~ /^d/ { print $6 }' >"$work/$1"
    dpkg-deb -I "$file" control >"$work/$1.control"
    dpkg-deb -x "$file" "$root"
    has "$1" "./usr/share/doc/$1/copyright"
    has "$1" "./usr/share/doc/$1/changelog.gz"
    ! grep -vE '^\./usr/' "$work/$1" || fail "$1 holds files outside /usr"
}
has() { grep -qxE "$2" "$work/$1" || fail "$1 holds no $2: $(cat "$work/$1")"; }
has_not() { ! grep -xE "$2" "$work/$1" || fail "$1 holds what belongs elsewhere"; }
depends_on() {
    grep -qE "^Depends:.*\b$2" "$work/$1.control" ||
        fail "$1 does not depend on $2: $(cat "$work/$1.control")"
}

library=libidem${VERSION%%.*}
unpack "$library"
has "$library" "./usr/lib/[^/]+/libidem\.so\.${VERSION%%.*}"
has_not "$library" '.*(/include/|/bin/|/cmake/|\.so$).*'
depends_on "$library" liblmdb0
depends_on "$library" libflatbuffers
dpkg-deb -I "$work/packages/$library"_*.deb shlibs >/dev/null || fail "$library has no shlibs file"

unpack libidem-dev
for header in "$SOURCE_FOLDER"/lib/include/idem/*.hpp version.hpp; do
    has libidem-dev "./usr/include/idem/$(basename "$header")"
done
for file in 'cmake/idem/idem-config(-version)?\.cmake' pkgconfig/idem.pc 'libidem\.so'; do
    has libidem-dev "./usr/lib/[^/]+/$file"
done
depends_on libidem-dev "$library \(= $VERSION\)"

folder=$(dirname "$(folder_in "$root" pkgconfig)")
export LD_LIBRARY_PATH=$folder
build_consumer "$work/consumer" "-DCMAKE_PREFIX_PATH=$root/usr"
run_consumer "$work/consumer/consumer"

if grep -q '^IDEM_BUILD_CLI:BOOL=ON$' "$BUILD_FOLDER/CMakeCache.txt"; then
    unpack idem
    has idem ./usr/bin/idem
    for completion in "$SOURCE_FOLDER"/cli/completions/*; do
        name=$(basename "$completion")
        has idem "./usr/share/.*/${name%.bash}"
    done
    depends_on idem "$library \(= $VERSION\)"
    ! readelf -d "$root/usr/bin/idem" | grep -E "RPATH|RUNPATH" ||
        fail "the command has a search path"
    output=$("$root/usr/bin/idem" --version) || fail "idem --version exited with $?"
    [[ $output == *"$VERSION"* ]] || fail "idem --version printed '$output', not $VERSION"
fi
