/* SPDX-License-Identifier: Apache-2.0
 *
 * md5.c - md5.h.
 */
#include "md5.h"

#include <stdio.h>
#include <string.h>

/* Bits to turn by, four in each round. */
static const uint8_t m5_turns[16] = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 };

/* floor(2^32 |sin(i + 1)|) */
static const uint32_t m5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static void m5_block(mlci_md5 *m, const uint8_t *p)
{
    uint32_t a = m->state[0], b = m->state[1], c = m->state[2], d = m->state[3], words[16];

    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16
                 | (uint32_t)p[4 * i + 3] << 24;
    for (int i = 0; i < 64; i++) {
        const int turn = m5_turns[i / 16 * 4 + i % 4];
        uint32_t f, word, x;

        switch (i / 16) {
        case 0: f = (b & c) | (~b & d); word = words[i]; break;
        case 1: f = (d & b) | (~d & c); word = words[(5 * i + 1) % 16]; break;
        case 2: f = b ^ c ^ d; word = words[(3 * i + 5) % 16]; break;
        default: f = c ^ (b | ~d); word = words[7 * i % 16];
        }
        x = a + f + m5_sines[i] + word;
        a = d;
        d = c;
        c = b;
        b += x << turn | x >> (32 - turn);
    }
    m->state[0] += a;
    m->state[1] += b;
    m->state[2] += c;
    m->state[3] += d;
}

void mlci_md5_begin(mlci_md5 *m)
{
    *m = (mlci_md5){ .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 } };
}

void mlci_md5_put(mlci_md5 *m, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    size_t have = (size_t)(m->n_bytes % 64);

    m->n_bytes += n;
    while (n > 0) {
        const size_t k = n < 64 - have ? n : 64 - have;

        if (have == 0 && n >= 64) {
            m5_block(m, p);
            p += 64;
            n -= 64;
            continue;
        }
        memcpy(m->block + have, p, k);
        p += k;
        n -= k;
        have += k;
        if (have == 64) {
            m5_block(m, m->block);
            have = 0;
        }
    }
}

void mlci_md5_end(mlci_md5 *m, char text[33])
{
    const uint64_t bits = m->n_bytes * 8;
    uint8_t tail[72] = { 0x80 };
    const size_t pad = 64 - (size_t)((m->n_bytes + 8) % 64);

    for (int i = 0; i < 8; i++)
        tail[pad + (size_t)i] = (uint8_t)(bits >> (8 * i));
    mlci_md5_put(m, tail, pad + 8);
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(m->state[i / 4] >> (i % 4 * 8) & 255));
}
