#!/usr/bin/env bash
# include/mproc.h and mproc.hpp compile alone, with all warnings as errors, in every standard they promise.
set -u
cd "$(dirname "$0")/../.."
: "${CC:=cc}" "${CXX:=c++}"
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check LABEL COMMAND...: counts, and shows the compiler's words when it fails.
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

# Twice and alone: include guards work, and no header is needed before it.
printf '#include <mproc.h>\n#include <mproc.h>\nint mproc_header_test;\n' >"$work/header.c"
cp "$work/header.c" "$work/header.cpp"
warnings=(-Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only)
for std in c99 c11; do
    check "mproc.h as $std" "$CC" -std=$std "${warnings[@]}" "$work/header.c"
done
for std in c++17 c++20; do
    check "mproc.h as $std" "$CXX" -std=$std "${warnings[@]}" "$work/header.cpp"
done

printf '#include <mproc.hpp>\n#include <mproc.hpp>\nint mproc_header_test;\n' >"$work/header.cpp"
for std in c++17 c++20; do
    check "mproc.hpp as $std" "$CXX" -std=$std "${warnings[@]}" -Ibindings/cpp/include "$work/header.cpp"
done

# Nothing but mproc_... and MPROC_...: whatever else a header defines breaks somebody's program.
printf '#include <stddef.h>\n#include <stdint.h>\n' >"$work/system.c"
foreign_macros() {
    ! comm -13 <("$CC" -E -dM "$work/system.c" | LC_ALL=C sort) <("$CC" -E -dM -Iinclude "$work/header.c" | LC_ALL=C sort) |
        grep -vE '^#define MPROC_'
}
check "mproc.h defines only MPROC_ macros" foreign_macros
foreign_types() {
    ! grep -oE '^(} |typedef struct [a-z_]* )[A-Za-z_0-9]+;' include/mproc.h | grep -vE ' mproc_[a-z0-9_]+_t;$'
}
check "mproc.h declares only mproc_ types" foreign_types

# Every ..._INIT macro initialises every field.
cat >"$work/init.c" <<'C'
#include <mproc.h>
int main(void) {
    mproc_domain_options_t a = MPROC_DOMAIN_OPTIONS_INIT;
    mproc_lock_options_t b = MPROC_LOCK_OPTIONS_INIT;
    mproc_value_options_t c = MPROC_VALUE_OPTIONS_INIT;
    mproc_array_options_t d = MPROC_ARRAY_OPTIONS_INIT;
    mproc_queue_options_t e = MPROC_QUEUE_OPTIONS_INIT;
    mproc_pipe_options_t f = MPROC_PIPE_OPTIONS_INIT;
    mproc_spawn_options_t g = MPROC_SPAWN_OPTIONS_INIT;
    mproc_rlock_options_t h = MPROC_RLOCK_OPTIONS_INIT;
    mproc_rwlock_options_t i = MPROC_RWLOCK_OPTIONS_INIT;
    mproc_semaphore_options_t j = MPROC_SEMAPHORE_OPTIONS_INIT;
    mproc_condition_options_t k = MPROC_CONDITION_OPTIONS_INIT;
    mproc_event_options_t l = MPROC_EVENT_OPTIONS_INIT;
    mproc_barrier_options_t m = MPROC_BARRIER_OPTIONS_INIT;
    mproc_container_options_t n = MPROC_CONTAINER_OPTIONS_INIT;
    return (int)(a.flags + b.flags + c.flags + d.flags + e.flags + f.flags + g.size + h.flags + i.flags +
                 j.flags + k.flags + l.flags + m.flags + n.flags);
}
C
cp "$work/init.c" "$work/init.cpp"
check "INIT macros in C" "$CC" -std=c99 "${warnings[@]}" -Wmissing-field-initializers "$work/init.c"
check "INIT macros in C++" "$CXX" -std=c++17 "${warnings[@]}" -Wmissing-field-initializers "$work/init.cpp"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
