#!/usr/bin/env bash
# gc, rm, doctor, completions and man: on domains in order, left behind, in use and broken.
#
# usage: keep_test.sh [TOOL]
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/stage-env.sh
. scripts/stage-env.sh
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}"
tool=$(realpath "${1:-target/tool/tool/mproc}")
work=$(mktemp -d)
domain=${MPROC_DOMAIN:-/dev/shm/mproc}-keep-$$
export MPROC_DOMAIN=$domain
unset NO_COLOR CLICOLOR_FORCE
tidy() {
    end_all
    rm -rf "$work" "$domain" "$domain"-*
}
trap tidy EXIT
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

silent() { [ ! -s "$work/out" ] || { echo "it says:"; cat "$work/out"; return 1; }; }
files() { (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | sed 's|^\./||' | tr '\n' ' '); }
holds() { # DIR FILES: exactly these, beside the registry
    local found
    found=$(files "$1")
    [ "$found" = ".registry $2 " ] || { echo "expected '.registry $2 ', found '$found'"; return 1; }
}
# Everything that looking could change.
picture() {
    (cd "$1" && find . -printf '%p %i %m %s %n %T@\n' | LC_ALL=C sort && find . -type f -exec cat {} + | cksum)
}

"$CC" -std=c99 -Wall -Wextra -Werror tests/tool/tenant.c -o "$work/tenant" \
    $("$PKG_CONFIG" --cflags --libs mproc) # flags are words
give_life
# tenant OBJECT...: a process that has made them; its pid is in $tenant.
tenant() {
    start "$work/tenant" "$@"
    tenant=$started
}
fresh() { rm -rf "$domain"; }

# --- gc --------------------------------------------------------------------------------------------------
check "gc: no domain" exits 3 "$tool" gc
check "gc: and says so" warns "$domain: the domain does not exist"
check "gc: it makes none" test ! -e "$domain"

tenant value:used
living=$tenant
tenant value:gone queue:gone-too +value:stays
killed=$tenant
echo "not an object" >"$domain/notes"
check "gc: all is in use" exits 0 "$tool" gc
check "gc: and nothing removed" says '^removed 0 objects; kept 3 in use, 1 persistent, 1 no objects$'
end "$killed"

before=$(picture "$domain")
check "gc --dry-run" exits 0 "$tool" gc --dry-run
check "gc --dry-run: what would go" says '^would go  gone +value +[0-9]+ KiB  nobody uses it and it is not persistent$'
check "gc --dry-run: the total" \
    says '^would remove 2 objects \([0-9.]+ [KM]iB\); kept 1 in use, 1 persistent, 1 no objects$'
check "gc --dry-run: what stays only with -v" says_not '^kept'
check "gc --dry-run changes nothing" test "$before" = "$(picture "$domain")"
check "gc --dry-run --json" exits 0 "$tool" gc -n --json
check "gc --dry-run --json: action" says '"action": "would_remove"'
check "gc --dry-run --json changes nothing" test "$before" = "$(picture "$domain")"

# Whoever uses something may be stopped: it still uses it.
kill -STOP "$living"
check "gc -v" exits 0 "$tool" gc -v
kill -CONT "$living"
check "gc: removed, and why" says '^removed  gone +value +[0-9]+ KiB  nobody uses it and it is not persistent$'
check "gc: of each kind" says '^removed  gone-too +queue +[0-9.]+ [KM]iB  nobody uses it'
check "gc: what is in use stays" says '^kept +used +value .*  it is in use$'
check "gc: what is persistent stays" says '^kept +stays +value .*  it is persistent: mproc rm stays$'
check "gc: what is no object stays" says '^kept +notes .*  it is no object$'
check "gc: the total" says '^removed 2 objects \('
check "gc: slots of the dead" says '^[0-9]+ slots? of ended processes: nothing to clean'
check "gc: what is there now" holds "$domain" "notes stays used"
check "gc again, for programs" exits 0 "$tool" gc --json
check "gc again: nothing" says '"removed": 0,'
check "gc again: kept" says '"in_use": 1,'

# Whoever removes a name keeps others from removing, but not for ever, and nobody from looking.
tenant value:another removing
end "$living"
check "gc --dry-run: somebody is stopped while removing" exits 0 "$tool" gc -n
check "gc --dry-run: what would go" says '^would go  used +value'
check "gc: somebody is stopped while removing" exits 10 "$tool" gc
check "gc: what could not be removed" says '^failed +used .*in use by a living process, or an internal lock'
check "gc: and it is still there" holds "$domain" "another notes stays used"
end "$tenant"
check "gc: it is gone" exits 0 "$tool" gc
check "gc: and nothing was lost" says '^removed 2 objects'
tenant value:used
living=$tenant

# --- rm --------------------------------------------------------------------------------------------------
check "rm: nothing said" exits 2 "$tool" rm
check "rm: not a name" exits 6 "$tool" rm ../etc/passwd
check "rm: not there" exits 3 "$tool" rm nope
check "rm: and says so" warns '^mproc: nope: the object does not exist$'
check "rm -f: not there" exits 0 "$tool" rm -f nope
check "rm: the others go" exits 3 "$tool" rm nope stays
check "rm: silently" silent
check "rm: what is there now" holds "$domain" "notes used"
check "rm: in use" exits 0 "$tool" rm used
check "rm: its users" says '^removed value used; its 1 user goes on with it$'
check "rm: they go on" kill -0 "$living"
tenant +value:damaged +value:kept
end "$tenant"
printf 'garbage!' | dd of="$domain/damaged" conv=notrunc status=none
check "rm: damaged" exits 0 "$tool" rm -v damaged
check "rm -v" says "^removed file damaged$"
check "rm --all: somebody lives there" exits 10 "$tool" rm --all
check "rm --all: and who" warns "pid $living \(tenant\)"
check "rm --all: nothing is removed" holds "$domain" "kept notes"
end "$living"
check "rm --all: nobody lives there" exits 0 "$tool" rm --all
check "rm --all: foreign files stay" says 'notes$'
check "rm --all: and nothing else" test "$(files "$domain")" = "notes "
rm "$domain/notes"
check "rm --all: an empty directory" exits 0 "$tool" rm --all
check "rm --all: is removed" test ! -e "$domain"
check "rm --all: not there" exits 3 "$tool" rm --all
check "rm --all -f: not there" exits 0 "$tool" rm --all -f
check "rm -f: no domain" exits 0 "$tool" rm -f something
tenant +value:one
end "$tenant"
check "rm --all --json" exits 0 "$tool" rm --all --json
check "rm --all --json: how many" says '"removed": 1,'

# --- doctor ----------------------------------------------------------------------------------------------
# finds STATUS CHECK TEXT [EXIT]: it says TEXT about CHECK, and ends with EXIT.
finds() {
    exits "${4:-0}" "$tool" doctor --json || return 1
    grep -A 3 "\"check\": \"$2\"" "$work/out" >"$work/found" || { echo "no check $2"; return 1; }
    grep -qF "\"status\": \"$1\"" "$work/found" && grep -qE "\"finding\": \".*$3" "$work/found" ||
        { echo "expected $1: $3"; cat "$work/found"; return 1; }
}
check "doctor: no domain" exits 0 "$tool" doctor
check "doctor: and says so" says '^  OK    there is no domain yet; /dev/shm is there$'
check "doctor: it makes none" test ! -e "$domain"

tenant value:a queue:b +value:c
kill -STOP "$tenant"
before=$(picture "$domain")
check "doctor: in order, its process stopped" exits 0 "$tool" doctor -v
check "doctor: tmpfs" says '^  OK    it is on a tmpfs$'
check "doctor: slots" says '^  OK    1 of 1022 slots are taken'
check "doctor: objects" says '^  OK    3 objects in order$'
check "doctor: leftovers" says '^  OK    no leftovers$'
check "doctor: nothing fails" says '^[0-9]+ OK, [0-9]+ WARN, 0 FAIL$'
check "doctor: without colours for programs" says_not $'\e'
check "doctor changes nothing" test "$before" = "$(picture "$domain")"
end "$tenant"
check "doctor: leftovers" finds warn leftovers "2 objects that nobody uses: [0-9.]+ [KM]iB"
coloured() { exits 0 env CLICOLOR_FORCE=1 "$tool" doctor && says $'\e\[.*WARN.*\e\[0m'; }
check "doctor: colours if asked for" coloured
check "doctor: a reader that goes away" bash -c "'$tool' doctor | true; exit \${PIPESTATUS[0]}"

echo "not an object" >"$domain/notes"
check "doctor: foreign files" finds warn foreign_files "1 file in it not the library's: notes"
rm "$domain/notes"
# The word that says "found corrupt" is at 64.
printf '\001' | dd of="$domain/c" bs=1 seek=64 conv=notrunc status=none
check "doctor: a damaged object" finds fail objects "1 object damaged: c \(found corrupt" 1
printf '\000' | dd of="$domain/c" bs=1 seek=64 conv=notrunc status=none
truncate -s 100 "$domain/c"
check "doctor: a cut object" finds fail objects "1 object damaged: c \(" 1
rm "$domain/c"
printf '\177' | dd of="$domain/b" bs=1 seek=8 conv=notrunc status=none
check "doctor: an object of another version" finds fail objects "1 object damaged: b \(.*another memory layout" 1

chmod 755 "$domain"
check "doctor: open to everybody" finds fail owner "mode is 755: open to everybody" 1
check "doctor: what to do" exits 1 "$tool" doctor
check "doctor: chmod" says "^        to do: chmod 700 $domain$"
chmod 750 "$domain"
check "doctor: neither private nor a group's" finds fail owner "mode is 750" 1
chmod 770 "$domain"
check "doctor: a group's without the group's files" finds fail owner "a group's \(mode 770\)" 1
chmod 700 "$domain"
chmod 644 "$domain/.registry"
check "doctor: an open registry" finds fail registry "mode is 644" 1
chmod 600 "$domain/.registry"
printf '\177' | dd of="$domain/.registry" bs=1 seek=8 conv=notrunc status=none
check "doctor: a registry of another version" finds fail registry "version" 1
printf 'garbage!' | dd of="$domain/.registry" conv=notrunc status=none
check "doctor: a damaged registry" finds fail registry "not a segment" 1
check "doctor: what to do" exits 1 "$tool" doctor
check "doctor: rm --all" says "then mproc -d $domain rm --all$"
truncate -s 5000 "$domain/.registry"
check "doctor: a cut registry" finds fail registry "" 1
: >"$domain/.registry"
check "doctor: an empty registry" finds fail registry "was cut" 1
check "rm --all: damaged" exits 0 "$tool" rm --all
check "rm --all: is gone" test ! -e "$domain"

# A group's domain is recognised as what it is, without an option.
check "a group's domain" exits 0 "$tool" --group value set ours 1
check "doctor: a group's domain" finds ok owner "a group's \(mode 2770\)"
check "gc: a group's domain" exits 0 "$tool" gc -v
check "gc: and its object" says '^kept +ours +value'
check "rm: a group's domain" exits 0 "$tool" rm -v ours
check "rm: and its object" says '^removed value ours$'
check "rm --all: a group's domain" exits 0 "$tool" rm --all -v
check "rm --all -v" says "^removed 0 objects of $domain$"

fresh
ln -s /dev/shm "$domain"
check "doctor: a symbolic link" finds fail directory "a symbolic link" 1
rm "$domain"
: >"$domain"
check "doctor: a file" finds fail directory "it is a file" 1
rm "$domain"
MPROC_DOMAIN=relative check "doctor: a relative path" finds fail directory "relative" 1
MPROC_DOMAIN=/nowhere/at/all check "doctor: nothing there" finds fail directory "/nowhere/at" 1

few_descriptors() { (ulimit -n 100 && finds warn descriptors "only 100"); }
check "doctor: few descriptors" few_descriptors
short_files() { (ulimit -f 1000 && finds warn file_size "only"); }
check "doctor: short files" short_files

if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
    echo "NOTE: full, small and read-only file systems and another user are only tried as root"
else
    chmod 755 "$work"
    install -m 755 "$tool" "$work/mproc"
    # mounted OPTIONS STATUS CHECK TEXT EXIT: with a tmpfs of its own where the domain would be made.
    export -f finds exits
    export work tool
    mounted() {
        mkdir -p "$work/mnt"
        unshare -m bash -c 'mount -t tmpfs -o "$1" tmpfs "$work/mnt" && eval "${6:-:}" &&
            export MPROC_DOMAIN=$work/mnt/domain && finds "$2" "$3" "$4" "$5"' - "$@"
    }
    # shellcheck disable=SC2016 # for the shell in there
    check "doctor: a full file system" mounted size=64k fail space "0 B of 64 KiB" 1 \
        'dd if=/dev/zero of=$work/mnt/x bs=64k count=1'
    check "doctor: as docker makes it" mounted size=64m warn space "64 MiB of 64 MiB are free" 0
    check "doctor: no files left" mounted nr_inodes=2 fail files "0 of 2" 1 ': >$work/mnt/x'
    check "doctor: read-only" mounted ro fail writable "read-only" 1
    check "doctor: open to everybody without a sticky bit" mounted mode=777 warn sticky "mode 777" 0
    no_proc() { unshare -m bash -c 'mount -t tmpfs tmpfs /proc && finds fail proc "not mounted" 1'; }
    check "doctor: without /proc" no_proc

    export other="setpriv --reuid 54321 --regid 54321 --clear-groups $work/mproc"
    tenant +value:private
    end "$tenant"
    check "doctor: another user's" exits 1 $other doctor
    check "doctor: whose it is" says "its owner is user 0"
    check "rm: another user's" exits 8 $other rm private
    check "gc: another user's" exits 8 $other gc
    fresh

    # logind SETTING DROP-IN: what it says about RemoveIPC to an ordinary user.
    logind() {
        unshare -m bash -c '
            mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/seats &&
            mkdir -p /etc/systemd && mount -t tmpfs tmpfs /etc/systemd && mkdir /etc/systemd/logind.conf.d &&
            printf "[Login]\n%s\n" "$1" >/etc/systemd/logind.conf &&
            printf "%s\n" "$2" >/etc/systemd/logind.conf.d/50-local.conf &&
            $other doctor --json | grep -A 2 "\"check\": \"remove_ipc\"" | tee /dev/stderr | grep -q "$3"' - "$@"
    }
    check "doctor: RemoveIPC unset" logind "#RemoveIPC=no" "" "RemoveIPC set"
    check "doctor: RemoveIPC=yes" logind "RemoveIPC = yes" "" "has RemoveIPC=yes"
    check "doctor: RemoveIPC=no in a drop-in" logind "RemoveIPC=yes" $'[Login]\nRemoveIPC=off' "has RemoveIPC=no"
    check "doctor: RemoveIPC elsewhere means nothing" logind "RemoveIPC=no" $'[Other]\nRemoveIPC=yes' "has RemoveIPC=no"
fi

# --- completions and man ---------------------------------------------------------------------------------
check "completions: which shell?" exits 2 "$tool" completions
check "completions bash" exits 0 "$tool" completions bash
check "completions bash: a script" bash -n "$work/out"
# As bash asks for them: the words of `mproc d`.
complete_d() {
    bash -c '. "$1"; COMP_WORDS=(mproc d) COMP_CWORD=1; f=$(complete -p mproc | sed "s/.*-F \([^ ]*\).*/\1/")
        "$f" mproc d mproc; echo "${COMPREPLY[@]}"' - "$work/out" | grep -qw doctor
}
check "completions bash: it completes" complete_d
for shell in zsh fish elvish powershell; do
    check "completions $shell" exits 0 "$tool" completions $shell
    check "completions $shell: commands" says doctor
    case $shell in
    zsh | fish)
        if command -v $shell >/dev/null 2>&1; then
            check "completions $shell: a script" $shell -n "$work/out"
        fi
        ;;
    esac
done

check "man" exits 0 "$tool" man
check "man: a page" says '^\.TH mproc 1'
check "man COMMAND" exits 0 "$tool" man gc
check "man COMMAND: its page" says '^\.SH EXAMPLES'
check "man: no such command" exits 3 "$tool" man nope
check "man --dir" exits 0 "$tool" man --dir "$work/man/man1"
commands=$("$tool" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | grep -vx help)
all_pages() {
    local command
    for command in $commands; do
        [ -s "$work/man/man1/mproc-$command.1" ] || { echo "no page for $command"; return 1; }
    done
    [ -s "$work/man/man1/mproc.1" ] && [ "$(wc -w <<<"$commands")" -gt 10 ]
}
check "man --dir: a page for each command" all_pages
if command -v groff >/dev/null 2>&1; then
    # Every page is formatted without a complaint.
    formatted() {
        local page
        for page in "$work"/man/man1/*.1; do
            groff -man -Tutf8 -P-cbou -ww "$page" 2>&1 >"$work/page" | { ! grep . || { echo "in $page"; return 1; }; }
            grep -q NAME "$work/page" || { echo "$page is empty"; return 1; }
        done
    }
    check "man: the pages" formatted
fi

tally
