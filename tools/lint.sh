#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh - what the compiler does not say: sizes, forbidden calls, form.  Quiet when
# all is well.
set -u
bad=0
say() { echo "$1" >&2; bad=1; }

files=$(git ls-files '*.c' '*.h' | grep -v '_tab\.c$')
for f in $files; do
    n=$(wc -l < "$f")
    case $f in *.h) most=1200 ;; *) most=800 ;; esac
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
    $(git ls-files 'src/*.c' 'src/*.h' 'kernels/*' 'models/*.c' | grep -v '^src/cli/') >&2; then
    say "calls that belong to programs"
fi
# Only base/compiler.h has compiler extensions, only os_posix.c names the system.
# shellcheck disable=SC2046
if grep -nE '__attribute__|__builtin_|__extension__' \
    $(git ls-files 'src/*.[ch]' 'models/*.[ch]' | grep -v 'src/base/compiler.h') >&2; then
    say "compiler extensions outside src/base/compiler.h"
fi
for f in $(git ls-files '*.c' '*.h' '*.sh' '*.py' '*.mk'); do
    case $f in examples/*) continue ;; esac
    head -n 4 "$f" | grep -q SPDX-License-Identifier || case $f in
        mk/*) ;; *) say "$f: no SPDX line" ;;
    esac
done
for d in $(git ls-files | sed -n 's|\(.*\)/[^/]*$|\1|p' | grep -E '^(src|kernels$|models|tests$|bench|tools)' |
           grep -vE '^src/backend$' | sort -u); do
    case $d in src) continue ;; esac
    [ -e "$d/README.md" ] || say "$d: no README.md"
done
# shellcheck disable=SC2046
command -v shellcheck >/dev/null && { shellcheck -S warning -s sh $(git ls-files '*.sh' run.sh .ci/run) || bad=1; }
exit $bad
