# SPDX-License-Identifier: Apache-2.0
# sh.sh - for tests in shell: . tests/sh.sh
#
#   is NAME WANT GOT       the two texts are equal
#   has NAME PART GOT      GOT contains PART
#   ok NAME COMMAND...     the command succeeds
#   no NAME CODE COMMAND.. it fails with that exit status; stderr is left in $err
#   done_                  the result line
passed=0 failed=0
err=$(mktemp)
trap 'rm -f "$err"' EXIT

pass_() { passed=$((passed + 1)); }
fail_() { failed=$((failed + 1)); printf '%s: [%s] %.300s\n' "$0" "$1" "$2" >&2; }
is() { if [ "$2" = "$3" ]; then pass_; else fail_ "$1" "want '$2', got '$3'"; fi; }
has() { case $3 in *"$2"*) pass_ ;; *) fail_ "$1" "no '$2' in '$3'" ;; esac; }
ok() {
    name=$1; shift
    if "$@" >/dev/null 2>"$err"; then pass_; else fail_ "$name" "$(cat "$err")"; fi
}
no() {
    name=$1 want=$2; shift 2
    "$@" >/dev/null 2>"$err"; status=$?
    if [ $status -eq "$want" ]; then pass_; else fail_ "$name" "exit status $status"; fi
}
done_() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
