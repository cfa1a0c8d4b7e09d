/* SPDX-License-Identifier: Apache-2.0
 *
 * format.h - how the numbers of a tensor are stored in a file.
 *
 * The names are those of GGUF, the numbers ours.  A format is a sequence of
 * blocks: block_items values in block_bytes bytes, rows are whole blocks.
 */
#ifndef MLCI_FORMAT_H
#define MLCI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* X(name, values per block, bytes per block) - ORDER format */
#define MLCI_FORMATS(X)                                                        \
    X(F32, 1, 4)      X(F16, 1, 2)      X(BF16, 1, 2)                          \
    X(Q4_0, 32, 18)   X(Q4_1, 32, 20)   X(Q5_0, 32, 22)   X(Q5_1, 32, 24)      \
    X(Q8_0, 32, 34)   X(Q2_K, 256, 84)  X(Q3_K, 256, 110) X(Q4_K, 256, 144)    \
    X(Q5_K, 256, 176) X(Q6_K, 256, 210) X(IQ4_NL, 32, 18) X(IQ4_XS, 256, 136)  \
    X(MXFP4, 32, 17)  X(TQ1_0, 256, 54) X(TQ2_0, 256, 66)

typedef enum mlci_format {
#define X(name, items, bytes) MLCI_##name,
    MLCI_FORMATS(X)
#undef X
    MLCI_FORMAT_COUNT
} mlci_format;

typedef struct mlci_format_info {
    const char *name;
    uint32_t    block_items, block_bytes;
} mlci_format_info;

extern const mlci_format_info mlci_format_table[MLCI_FORMAT_COUNT];

#endif
