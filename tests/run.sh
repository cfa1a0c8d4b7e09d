#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [NAME=]COMMAND ... - run tests one after the other and add up.
#
# Each prints "N passed, N failed[, N skipped]" as its last line and its failures
# on stderr.  A test that crashes or prints no such line counts as one failure.
# The last line is "N passed, N failed"; the exit status says whether any failed.
set -u

passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for command in "$@"; do
    start=$(date +%s%N)
    sh -c "$command" > "$out"
    status=$?
    ms=$((($(date +%s%N) - start) / 1000000))
    line=$(tail -n 1 "$out")
    p=$(printf '%s\n' "$line" | sed -n 's/^\([0-9]*\) passed, [0-9]* failed.*/\1/p')
    f=$(printf '%s\n' "$line" | sed -n 's/^[0-9]* passed, \([0-9]*\) failed.*/\1/p')
    s=$(printf '%s\n' "$line" | sed -n 's/.* failed, \([0-9]*\) skipped$/\1/p')
    if [ -z "$p" ] || [ -z "$f" ]; then
        cat "$out"
        line="no result (exit status $status)"
        p=0 f=1
    elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        line="$line, but exit status $status"
        f=1
    fi
    printf '%-40s %s (%d.%03d s)\n' "$command" "$line" $((ms / 1000)) $((ms % 1000))
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
