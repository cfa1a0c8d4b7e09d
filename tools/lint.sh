#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh - what the compiler does not say: sizes, forbidden calls, form.  Quiet when
# all is well.
set -u
bad=0
say() { echo "$1" >&2; bad=1; }

all=$(git ls-files 2>/dev/null | grep . ||
      find . -type f ! -path './build/*' ! -path './.git/*' | sed 's|^\./||')
list() { printf '%s\n' "$all" | grep -E "$1"; }

files=$(list '\.[ch]$' | grep -v '_tab\.c$')
for f in $files; do
    n=$(wc -l < "$f")
    case $f in *.h) most=1300 ;; *) most=800 ;; esac
    [ "$n" -le $most ] || say "$f: $n lines, at most $most"
done

# Functions: from a line that begins with a name to the brace in column one.
# shellcheck disable=SC2086 # files is a list
awk '
    /^[a-zA-Z_].*\)$/ || /^[a-zA-Z_].*[^;]$/ { name = $0; line = FNR }
    /^\{/ { start = FNR; what = name; long = 0 }
    /\/\* long: / { long = 1 }
    /^\}/ && start > 0 {
        if (FNR - start - 1 > 80 && !long) {
            printf "%s:%d: a function of %d lines, at most 80\n", FILENAME, start, FNR - start - 1
            bad = 1
        }
        start = 0
    }
    length($0) > 100 { printf "%s:%d: %d columns\n", FILENAME, FNR, length($0); bad = 1 }
    /[ \t]$/ { printf "%s:%d: white space at the end\n", FILENAME, FNR; bad = 1 }
    /\t/ { printf "%s:%d: a tab\n", FILENAME, FNR; bad = 1 }
    END { exit bad }
' $files >&2 || bad=1

# The library never prints, exits, aborts or reads the environment.
# shellcheck disable=SC2046
if grep -nE '\<(printf|fprintf|puts|putchar|exit|abort|getenv|assert) *\(' \
    $(list '^(src|kernels|models)/.*\.[ch]$' | grep -v '^src/cli/') >&2; then
    say "calls that belong to programs"
fi
# Only base/compiler.h has compiler extensions, only os_posix.c names the system.
# shellcheck disable=SC2046
if grep -nE '__attribute__|__builtin_|__extension__' \
    $(list '^(src|models)/.*\.[ch]$' | grep -v 'src/base/compiler.h') >&2; then
    say "compiler extensions outside src/base/compiler.h"
fi
for f in $(list '\.(c|h|sh|py)$' | grep -v '^examples/'); do
    head -n 4 "$f" | grep -q SPDX-License-Identifier || say "$f: no SPDX line"
done
for d in $(list . | sed -n 's|\(.*\)/[^/]*$|\1|p' | sort -u |
           grep -E '^(src/.*|kernels|models|tests|bench|tools)$'); do
    [ -e "$d/README.md" ] || say "$d: no README.md"
done
# shellcheck disable=SC2046
command -v shellcheck >/dev/null && { shellcheck -S warning -s sh $(list '\.sh$|^\.ci/run$') || bad=1; }
exit $bad
