#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kernel_sizes.sh CATALOGUE OBJECTS - how many kernel files there are and what they weigh,
# against a cap: formats times tiers times variants must not explode.
set -eu
cap=1200000
catalogue=$1
shift
printf '%s generated kernels (%s for devices); ' "$(grep -c '^cpu' "$catalogue")" \
    "$(grep -c '^gpu' "$catalogue")"
size "$@" | awk -v cap=$cap '
NR > 1 { n++; bytes += $1 + $2 }
END {
    printf "all kernels: %d files, %d bytes of code and tables (cap %d)\n", n, bytes, cap
    if (bytes > cap) exit 1
}'
