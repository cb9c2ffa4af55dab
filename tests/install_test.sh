#!/usr/bin/env bash
# Installs into empty directories and builds a C, a C++ and a Go program against the result, with nothing
# but pkg-config: linked dynamically, and the C program statically as well. Then the tool, beside it and alone. Then
# uninstalls.
set -u
cd "$(dirname "$0")/.."
root=$PWD
: "${CC:=cc}" "${CXX:=c++}" "${GO:=go}" "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}"
export PATH="$PATH:$HOME/.cargo/bin:/usr/local/go/bin"
unset PKG_CONFIG_PATH LD_LIBRARY_PATH PKG_CONFIG_SYSROOT_DIR CPATH LIBRARY_PATH CGO_CFLAGS CGO_LDFLAGS
work=$(mktemp -d)
export MPROC_DOMAIN=/dev/shm/mproc-install-$$
trap 'rm -rf "$work" "$MPROC_DOMAIN"' EXIT
passed=0 failed=0
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# check LABEL COMMAND...: counts, and shows the words of a command that fails.
check() {
    local label=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $label"
        cat "$work/log"
    fi
}
same() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }
prints() { # EXPECTED COMMAND...
    local want=$1
    shift
    same "$("$@" | sed 's/[[:space:]]*$//')" "$want"
}
files() { (cd "$1" && find . -mindepth 1 ! -type d | LC_ALL=C sort | sed 's|^\./||'); }
make_install() { "$MAKE" --no-print-directory -C "$root" LDCONFIG=: "$@"; }

list() { # LIBDIR INCLUDEDIR, relative
    printf '%s\n' "$2/mproc.h" "$2/mproc.hpp" "$1/libmproc.a" "$1/libmproc.so" "$1/libmproc.so.0" \
        "$1/libmproc.so.$version" "$1/pkgconfig/mproc.pc" | LC_ALL=C sort
}

# --- a prefix ------------------------------------------------------------------------------------------
prefix=$work/prefix
check "make install PREFIX=" make_install install PREFIX="$prefix"
check "the files of an installation" prints "$(list lib include)" files "$prefix"
check "libmproc.so is a link to the SONAME" prints libmproc.so.0 readlink "$prefix/lib/libmproc.so"
check "the SONAME is a link to the library" prints "libmproc.so.$version" readlink "$prefix/lib/libmproc.so.0"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
check "pkg-config --modversion" prints "$version" "$PKG_CONFIG" --modversion mproc
check "pkg-config --cflags" prints "-I$prefix/include" "$PKG_CONFIG" --cflags mproc
check "pkg-config --libs" prints "-L$prefix/lib -lmproc" "$PKG_CONFIG" --libs mproc

cat >"$work/program.c" <<'C'
#include <mproc.h>
#include <stdio.h>

int main(void) {
    mproc_value_options_t options = MPROC_VALUE_OPTIONS_INIT;
    mproc_value_t *value;
    int64_t number = 0;
    options.type_code = MPROC_TYPE_I64;
    if (mproc_abi_version() != MPROC_ABI_VERSION || mproc_value_create(NULL, "installed", &options, &value) != MPROC_OK) {
        return 1;
    }
    mproc_value_add(value, 42, NULL);
    mproc_value_get_i64(value, &number);
    mproc_value_close(value);
    printf("C %d\n", (int)number);
    return 0;
}
C
cat >"$work/program.cpp" <<'CPP'
#include <mproc.hpp>
#include <cstdint>
#include <iostream>

int main() {
    auto value = mproc::value<std::int64_t>::create("installed", 40);
    value += 2;
    std::cout << "C++ " << value.load() << "\n";
}
CPP
mkdir "$work/go"
module=$(sed -n 's/^module //p' bindings/go/go.mod)
go_version=$(sed -n 's/^go //p' bindings/go/go.mod)
cat >"$work/go/go.mod" <<GOMOD
module installed

go $go_version

require $module v0.0.0

replace $module => $root/bindings/go
GOMOD
cat >"$work/go/main.go" <<GOMAIN
package main

import (
	"fmt"
	"log"

	mproc "$module"
)

func main() {
	value, err := mproc.CreateValue[int64](nil, "installed", 41, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer value.Close()
	if _, err := value.Add(1); err != nil {
		log.Fatal(err)
	}
	number, err := value.Load()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Go", number)
}
GOMAIN

run() { LD_LIBRARY_PATH=$prefix/lib "$@"; }
cd "$work" || exit 1
# shellcheck disable=SC2046 # flags are lists of words
{
    check "a C program builds" "$CC" program.c -o c-program $("$PKG_CONFIG" --cflags --libs mproc)
    check "a C program runs" prints "C 42" run ./c-program
    check "a C++ program builds" "$CXX" -std=c++17 program.cpp -o cpp-program $("$PKG_CONFIG" --cflags --libs mproc)
    check "a C++ program runs" prints "C++ 42" run ./cpp-program
    # Go's build cache does not notice that pkg-config answers otherwise than before; a new flag it does notice.
    check "a Go program builds" env -C go GOPROXY=off GOWORK=off CGO_CFLAGS="-O2 -g -DMPROC_PREFIX_IS=${work##*.}" \
        "$GO" build -buildvcs=false -o ../go-program .
    check "a Go program runs" prints "Go 42" run ./go-program

    # Statically: the archive named first satisfies everything, so the shared library is not needed.
    check "a C program links statically" "$CC" program.c -o c-static -l:libmproc.a -Wl,--as-needed \
        $("$PKG_CONFIG" --static --cflags --libs mproc)
    check "a static C program runs anywhere" prints "C 42" ./c-static
    needs_no_mproc() { ! readelf -d c-static | grep -F 'libmproc'; }
    check "a static C program needs no libmproc.so" needs_no_mproc
    # And where there is only the archive, plain --static does it.
    mkdir only-archive && cp "$prefix/lib/libmproc.a" only-archive/
    check "a C program links where there is only the archive" "$CC" program.c -o c-archive \
        $("$PKG_CONFIG" --static --define-variable=libdir="$work/only-archive" --cflags --libs mproc)
    check "and runs" prints "C 42" ./c-archive
}
cd "$root" || exit 1

# --- elsewhere: DESTDIR, LIBDIR, INCLUDEDIR --------------------------------------------------------------
dest=$work/dest
check "make install DESTDIR= LIBDIR= INCLUDEDIR=" make_install install DESTDIR="$dest" PREFIX=/opt/mproc \
    LIBDIR=/opt/mproc/lib/multi-arch INCLUDEDIR=/srv/include
check "the files below DESTDIR" prints "$(list opt/mproc/lib/multi-arch srv/include)" files "$dest"
export PKG_CONFIG_PATH=$dest/opt/mproc/lib/multi-arch/pkgconfig
check "the .pc file does not know DESTDIR" prints "-I/srv/include -L/opt/mproc/lib/multi-arch -lmproc" \
    "$PKG_CONFIG" --cflags --libs mproc
check "the .pc file moves with its prefix" prints "-L/elsewhere/lib/multi-arch -lmproc" \
    "$PKG_CONFIG" --define-variable=prefix=/elsewhere --libs mproc
# shellcheck disable=SC2046
check "a sysroot finds it below DESTDIR" "$CC" "$work/program.c" -o "$work/c-sysroot" \
    $(PKG_CONFIG_SYSROOT_DIR=$dest "$PKG_CONFIG" --cflags --libs mproc)

# --- the tool --------------------------------------------------------------------------------------------
share() { # BINDIR DATADIR, relative: what the tool installs, but for its pages
    printf '%s\n' "$1/mproc" "$2/bash-completion/completions/mproc" "$2/zsh/site-functions/_mproc" \
        "$2/fish/vendor_completions.d/mproc.fish" | LC_ALL=C sort
}
not_pages() { files "$1" | grep -v '/man/man1/mproc[a-z-]*\.1$'; }
page() { [ -s "$1/man/man1/mproc.1" ] && [ -s "$1/man/man1/mproc-gc.1" ] || { ls "$1/man/man1"; return 1; }; }
alone=$work/alone
check "make install-tool PREFIX=" make_install install-tool PREFIX="$alone"
check "the files of the tool" prints "$(share bin share)" not_pages "$alone"
check "its pages" page "$alone/share"
check "the tool runs" prints "mproc $version" "$alone/bin/mproc" --version
check "and needs no libmproc.so" prints "" bash -c 'readelf -d "$1" | grep -F libmproc' - "$alone/bin/mproc"
if [ -r /usr/share/bash-completion/bash_completion ]; then
    # As a shell of somebody who has it installed finds it.
    completed() {
        XDG_DATA_DIRS=$alone/share bash --norc -c '. /usr/share/bash-completion/bash_completion
            _completion_loader mproc 2>/dev/null || _comp_load mproc; complete -p mproc' | grep mproc
    }
    check "bash-completion finds it" completed
fi
if command -v man >/dev/null 2>&1; then
    check "man finds it" bash -c '[ "$(MANPATH="$1" man -w mproc-gc)" = "$1/man1/mproc-gc.1" ]' - "$alone/share/man"
fi
check "make install-tool DESTDIR= BINDIR= DATADIR=" make_install install-tool DESTDIR="$dest" PREFIX=/opt/mproc \
    BINDIR=/srv/bin DATADIR=/srv/data
check "it lies below DESTDIR, beside the library" prints "$({ list opt/mproc/lib/multi-arch srv/include &&
    share srv/bin srv/data; } | LC_ALL=C sort)" not_pages "$dest"
check "make install-tool beside the library" make_install install-tool PREFIX="$prefix"

# --- uninstall -------------------------------------------------------------------------------------------
check "make uninstall PREFIX=" make_install uninstall PREFIX="$prefix"
check "nothing is left" prints "" files "$prefix"
check "make uninstall-tool" make_install uninstall-tool PREFIX="$alone"
check "nothing is left of the tool alone" prints "" files "$alone"
check "make uninstall DESTDIR=" make_install uninstall DESTDIR="$dest" PREFIX=/opt/mproc \
    LIBDIR=/opt/mproc/lib/multi-arch INCLUDEDIR=/srv/include BINDIR=/srv/bin DATADIR=/srv/data
check "nothing is left below DESTDIR" prints "" files "$dest"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
