#!/usr/bin/env bash
# The programs of the README must build as they stand there, and do what it says; so must its shell examples, with the
# tool from target/tool.
set -eu
cd "$(dirname "$0")/.."
. scripts/stage-env.sh
: "${CC:=cc}" "${GO:=go}" "${PKG_CONFIG:=pkg-config}"
root=$PWD
work=$(mktemp -d)
export MPROC_DOMAIN=/dev/shm/mproc-readme-$$
trap 'rm -rf "$work" "$MPROC_DOMAIN"' EXIT

# The first block of a language.
block() { awk -v start="\`\`\`$1" '$0 == start { on = 1; next } on && /^```/ { exit } on' README.md; }

block c > "$work/demo.c"
block bash > "$work/tool.sh"
mkdir "$work/go"
block go > "$work/go/main.go"
cat > "$work/go/go.mod" <<EOF
module demo
go 1.24
require github.com/libmproc/libmproc/bindings/go v0.0.0
replace github.com/libmproc/libmproc/bindings/go => $root/bindings/go
EOF

cd "$work"
# shellcheck disable=SC2046 # flags are words
"$CC" -Wall -Wextra -Werror demo.c $("$PKG_CONFIG" --cflags --libs mproc) -o demo
./demo && ./demo && ./demo
cd go
found=$("$GO" run -buildvcs=false .)
echo "$found"
[ "$found" = "visits so far: 3" ] || { echo "expected 3 visits"; exit 1; }
cd ..
mkdir bin
ln -s "$root/target/tool/tool/mproc" bin/mproc
found=$(PATH=$work/bin:$PATH timeout -k 5 60 bash -euo pipefail tool.sh)
echo "$found"
want=$(printf '10\nto do: resize a.png\nto do: resize b.png\nbackup runs')
[ "$found" = "$want" ] || { echo "expected:"; echo "$want"; exit 1; }
echo "2 passed, 0 failed"
