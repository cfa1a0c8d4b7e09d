#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timed.sh FILE COMMAND... - run a command and write its milliseconds to FILE.
set -eu

now() {
    t=$(date +%s%N)
    case $t in
    *N) echo "$(date +%s)000" ;;              # no nanoseconds in this date
    *)  echo "${t%??????}" ;;
    esac
}
file=$1
shift
begin=$(now)
"$@"
echo $(($(now) - begin)) > "$file"
