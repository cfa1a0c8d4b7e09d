/* SPDX-License-Identifier: Apache-2.0
 *
 * md5.h - the checksum that MLC's tensor caches have (RFC 1321): against torn files, not
 * against people.
 */
#ifndef MLCI_MD5_H
#define MLCI_MD5_H

#include <stddef.h>
#include <stdint.h>

typedef struct mlci_md5 {
    uint32_t state[4];
    uint64_t n_bytes;
    uint8_t  block[64];
} mlci_md5;

void mlci_md5_begin(mlci_md5 *m);
void mlci_md5_put(mlci_md5 *m, const void *bytes, size_t n);
/* 32 hexadecimal digits and a NUL. */
void mlci_md5_end(mlci_md5 *m, char text[33]);

#endif
