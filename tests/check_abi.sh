#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_abi.sh [--update] - symbols of libmlc.so and the layout of public structs
# against tests/abi; what the library must never call.
set -u
. tests/sh.sh
so=${SO:-build/libmlc.so.0}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$err"' EXIT

nm -D --defined-only "$so" | awk '$2 == "T" { sub(/@+/, " ", $3); print $3 }' | sort \
    > "$tmp/symbols.txt"
"${CC:-cc}" -o "$tmp/layout" tests/abi/layout.c && "$tmp/layout" > "$tmp/layout.txt"
layout=tests/abi/layout.$(uname -m).txt
if [ "${1:-}" = --update ]; then
    cp "$tmp/symbols.txt" tests/abi/symbols.txt
    cp "$tmp/layout.txt" "$layout"
fi
is symbols "$(cat tests/abi/symbols.txt)" "$(cat "$tmp/symbols.txt")"
[ ! -e "$layout" ] || is layout "$(cat "$layout")" "$(cat "$tmp/layout.txt")"
has "SONAME" "libmlc.so.0" "$(readelf -d "$so" | grep SONAME)"

# The library never prints, exits, aborts, reads the environment or takes signals.
bad=$(nm -D --undefined-only "$so" | sed 's/.* //; s/@.*//' | grep -E -x \
    '(v|f|vf|d)?printf|puts|putchar|fputs|fwrite|perror|exit|_exit|abort|__assert_fail|getenv|setenv|signal|sigaction|system|popen|rand|srand|setlocale')
is "calls that a library must not make" "" "$bad"

# Stripped, and without the code for devices that this build may have in it: at most 2 MB.
strip -o "$tmp/stripped.so" "$so"
code=$(size build/gen/code.o 2>/dev/null | awk 'NR == 2 { print $1 }')
# (The code may lie there from another build.)
[ "$(wc -c < "$tmp/stripped.so")" -gt $((${code:-0} + 1000000)) ] || code=0
is "at most 2 MB stripped" 1 "$(($(wc -c < "$tmp/stripped.so") - ${code:-0} <= 2000000))"
done_
