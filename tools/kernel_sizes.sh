#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kernel_sizes.sh OBJECTS - how many kernel files there are and what they weigh,
# against a cap: formats times tiers times variants must not explode.
set -eu
cap=1600000
size "$@" | awk -v cap=$cap '
NR > 1 { n++; bytes += $1 + $2 }
END {
    printf "kernels: %d files, %d bytes of code and tables (cap %d)\n", n, bytes, cap
    if (bytes > cap) exit 1
}'
