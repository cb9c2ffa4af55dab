#!/usr/bin/env bash
# Makes sure that tools are there: installs what is missing when this is root on a machine with apt,
# otherwise says the exact command that does.
#
# usage: need-tools.sh TOOL...    tools: cargo cargo-fmt cargo-clippy cc c++ go pkg-config valgrind
set -u

package_of() {
    case $1 in
    cc) echo gcc libc6-dev ;;
    c++) echo g++ ;;
    go) echo golang-go ;;
    pkg-config) echo pkg-config ;;
    valgrind) echo valgrind ;;
    *) echo "$1" ;;
    esac
}

# Rust of a distribution is often too old for this package (Cargo.toml: rust-version), hence rustup.
rustup="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c rustfmt -c clippy && . \"\$HOME/.cargo/env\""

# The oldest Go that builds bindings/go, from its go.mod; go1.21 and later fetch a newer one by themselves.
oldest_go() {
    sed -n 's/^go \([0-9.]*\)$/\1/p' "$(dirname "$0")/../bindings/go/go.mod"
}

missing=()
for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
done

packages=() tools=() rust_tools=() rust=
for tool in ${missing[@]+"${missing[@]}"}; do
    case $tool in
    cargo*)
        rust_tools+=("$tool")
        if [ "$tool" = cargo ]; then
            rust=$rustup
        elif [ -z "$rust" ]; then
            rust="rustup component add rustfmt clippy"
        fi
        ;;
    *)
        tools+=("$tool")
        # shellcheck disable=SC2207 # package names have no spaces
        packages+=($(package_of "$tool"))
        ;;
    esac
done

status=0
if [ ${#packages[@]} -gt 0 ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing: ${packages[*]}"
        if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"; }; then
            status=1
        fi
    else
        status=1
    fi
    if [ $status -ne 0 ]; then
        echo "missing: ${tools[*]}; install with:" >&2
        echo "    sudo apt-get install -y ${packages[*]}" >&2
    fi
fi
if [ -n "$rust" ]; then
    echo "missing: ${rust_tools[*]}; install with:" >&2
    echo "    $rust" >&2
    status=1
fi
[ $status -eq 0 ] || exit 1

# A tool that is there may still be too old.
for tool in "$@"; do
    case $tool in
    go)
        need=$(oldest_go) have=$(go env GOVERSION 2>/dev/null) have=${have#go}
        if [ -n "$need" ] && [ "$(printf '%s\n%s\n' "$need" "${have:-0}" | sort -V | head -n 1)" != "$need" ] &&
            [ "$(printf '%s\n1.21\n' "${have:-0}" | sort -V | head -n 1)" != 1.21 ]; then
            case $need in *.*.*) ;; *) need=$need.0 ;; esac
            case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
            echo "go is ${have:-broken}, bindings/go needs $need or later; install with:" >&2
            echo "    sudo rm -rf /usr/local/go && curl -L https://go.dev/dl/go$need.linux-$arch.tar.gz | sudo tar -C /usr/local -xz && export PATH=/usr/local/go/bin:\$PATH" >&2
            exit 1
        fi
        ;;
    cargo)
        need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml")
        have=$(rustc --version 2>/dev/null | sed 's/^rustc \([0-9.]*\).*/\1/')
        if [ "$(printf '%s\n%s\n' "$need" "${have:-0}" | sort -V | head -n 1)" != "$need" ]; then
            echo "Rust is ${have:-not there}, this package needs $need or later; install with:" >&2
            echo "    rustup update stable" >&2
            exit 1
        fi
        ;;
    esac
done
