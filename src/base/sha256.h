/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256.h - the checksum that model hubs give for their files (FIPS 180-4).
 */
#ifndef MLCI_SHA256_H
#define MLCI_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct mlci_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t  block[64];
} mlci_sha256;

void mlci_sha256_begin(mlci_sha256 *m);
void mlci_sha256_put(mlci_sha256 *m, const void *bytes, size_t n);
/* 64 hexadecimal digits and a NUL. */
void mlci_sha256_end(mlci_sha256 *m, char text[65]);

#endif
