#!/bin/sh
# The demo's worker in the shell: keeps books with nothing but the command-line tool. The director starts it; see
# director.c.
set -u
tool=${MPROC_TOOL:-${0%/*}/../tool/tool/mproc}

add() { "$tool" value add "$1" --existing >/dev/null || exit 1; }

case ${1-} in
enter) # makes so many entries
    i=0
    while [ "$i" -lt "$2" ]; do
        "$tool" lock books -- "$0" entry 2>/dev/null || exit 1
        i=$((i + 1))
    done
    echo "I have made all my $2 entries."
    ;;
entry) # one of them, inside of the lock
    if [ "${MPROC_RECOVERED-}" = 1 ]; then
        # Left comes first: right is still the old one.
        right=$("$tool" value get right) && "$tool" value set left "$right" || exit 1
        echo "I have the lock, with the news that its holder died inside. The books are half done: I take that back."
        echo "@restored 1"
    fi
    [ "$("$tool" value get left)" = "$("$tool" value get right)" ] || {
        echo "the books are wrong"
        exit 1
    }
    add left
    add right
    ;;
half) # this process becomes `mproc lock`, and inside of it makes half an entry
    exec "$tool" lock books -- "$0" first-half
    ;;
first-half)
    add left
    echo "I have the lock, and have added 1 on the left. On the right ..."
    echo "@half"
    exec sleep 1000
    ;;
*)
    echo "$0 is started by the director" >&2
    exit 2
    ;;
esac
