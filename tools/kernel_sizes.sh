#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kernel_sizes.sh GEN OBJECTS - how many kernels there are, what they weigh and how long
# compiling them took on one core, against a cap: formats times tiers times variants must
# not explode.
set -eu
cap=1200000
catalogue=$1/catalogue.txt
generating=$1/kernels.ms
shift
printf '%s generated kernels (%s for devices); ' "$(grep -c '^cpu' "$catalogue")" \
    "$(grep -c '^gpu' "$catalogue")"
ms=0
for object in "$generating" "$@"; do
    file=${object%.o}
    [ "$file" = "$object" ] || file=$file.ms
    [ ! -f "$file" ] || ms=$((ms + $(cat "$file")))
done
size "$@" | awk -v cap=$cap -v ms=$ms '
NR > 1 { n++; bytes += $1 + $2 }
END {
    printf "all kernels: %d files, %d bytes of code and tables (cap %d), ", n, bytes, cap
    printf "%.0f s of one core to make\n", ms / 1000
    if (bytes > cap) exit 1
}'
