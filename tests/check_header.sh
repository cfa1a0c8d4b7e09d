#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_header.sh - mlc.h is clean C99 and C++11, each function has a comment whose
# last line has the tags, and the export list is the header's list.
set -u
. tests/sh.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$err"' EXIT

for header in mlc mlc_experimental; do
    echo "#include \"$PWD/include/$header.h\"" > "$tmp/h.c"
    cp "$tmp/h.c" "$tmp/h.cpp"
    ok "$header.h as C99" "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -c \
        -o "$tmp/h.o" "$tmp/h.c"
    ok "$header.h as C++11" "${CXX:-c++}" -std=c++11 -Wall -Wextra -Wpedantic -Werror -c \
        -o "$tmp/h.o" "$tmp/h.cpp"
done

# Functions: the name behind MLC_API, and the comment line before it.
awk '
    /^MLC_API/ {
        line = $0
        sub(/\(.*/, "", line); sub(/.*[ *]/, "", line)
        print line, (tags ~ /^ \* thread:(any|handle) alloc:(yes|no) block:(yes|no) since:[0-9]+$/)
    }
    / \* thread:/ { tags = $0 }
    /^}|^typedef|;$/ { tags = "" }
' include/mlc.h | sort > "$tmp/functions"
is "a comment without tags" "" "$(awk '$2 == 0 { print $1 }' "$tmp/functions")"
has "the functions were found" "mlc_engine_submit 1" "$(cat "$tmp/functions")"
is "exports.txt is the header's list" "$(cut -d' ' -f1 "$tmp/functions")" \
    "$(grep -v '^#' exports.txt | cut -d' ' -f2 | sort)"
for form in map macos def; do
    has "the .$form list" mlc_engine_submit "$(sh tools/exports.sh .$form exports.txt)"
done
done_
