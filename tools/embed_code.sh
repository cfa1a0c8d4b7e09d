#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed_code.sh FOLDER DEVICE... - assembly that puts a folder's device code into the library.
set -eu
LC_ALL=C; export LC_ALL          # the order of hashes
folder=$1
shift
echo '/* Made by tools/embed_code.sh: do not edit. */'
echo '    .section .rodata'
for device in "$@"; do
    case $device in
    opencl) file=kernels.cl ;;
    cuda)   file=kernels.fatbin ;;
    vulkan)
        printf '    .balign 16\n    .globl mlci_blob_vulkan\nmlci_blob_vulkan:\n'
        sizes=
        for f in "$folder"/k_*.spv; do      # hashes in hexadecimal: the catalogue's order
            printf '    .incbin "%s"\n' "$f"
            sizes="$sizes $(wc -c < "$f")"
        done
        printf '    .globl mlci_blob_vulkan_at\nmlci_blob_vulkan_at:\n    .long 0\n'
        at=0
        for n in $sizes; do
            at=$((at + n))
            printf '    .long %d\n' "$at"
        done
        continue ;;
    *) echo "embed_code.sh: $device is no device" >&2; exit 2 ;;
    esac
    printf '    .balign 16\n    .globl mlci_blob_%s\nmlci_blob_%s:\n' "$device" "$device"
    printf '    .incbin "%s/%s"\n' "$folder" "$file"
    printf '    .globl mlci_blob_%s_end\nmlci_blob_%s_end:\n    .byte 0\n' "$device" "$device"
done
echo '    .section .note.GNU-stack,"",%progbits'
