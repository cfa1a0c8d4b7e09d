#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# embed.sh - files as one C string: embed.sh NAME FILE... > name.c
# Comments and blank lines are left out.
set -eu

name=$1
shift
printf 'extern const char %s[];\nconst char %s[] =\n' "$name" "$name"
cat "$@" | sed -e 's/[[:space:]]*#.*//' -e '/^$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' \
    -e 's/^ */ /' -e 's/.*/"&\\n"/'
printf ';\n'
