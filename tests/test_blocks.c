/* SPDX-License-Identifier: Apache-2.0
 *
 * test_blocks.c - every block format against values that gguf-py decoded
 * (golden/gguf_blocks): the same bits, but for formats of two roundings, where a
 * fused multiply-add may change the last one.
 */
#include "golden.h"
#include "../kernels/weight/blocks.h"

#include <math.h>

static void check(const char *name, mlci_format f)
{
    const mlci_format_info *info = &mlci_format_table[f];
    size_t n_blocks, n_values;
    char *blocks = data_read(data_path("golden/gguf_blocks/%s.bin", name), &n_blocks);
    char *values = data_read(data_path("golden/gguf_blocks/%s.f32", name), &n_values);
    const float *want = (const float *)(const void *)values;
    size_t n = n_values / sizeof(float);
    float *got = malloc(n_values + 1);

    T_CHECK(n > 0 && n_blocks == n / info->block_items * info->block_bytes,
            "%zu bytes for %zu values", n_blocks, n);
    mlci_blocks_decode(f, blocks, n, got);
    for (size_t i = 0; i < n; i++)
        T_CHECK(fabsf(got[i] - want[i]) <= 2e-7f * fabsf(want[i]), "[%zu] %.9g, want %.9g", i,
                (double)got[i], (double)want[i]);
    free(blocks);
    free(values);
    free(got);
}

int main(void)
{
    t_begin();
    for (int f = MLCI_F32 + 1; f < MLCI_FORMAT_COUNT; f++) {
        const char *name = mlci_format_table[f].name;
        char random[64];
        bool plain, more;

        snprintf(random, sizeof random, "%s-random", name);
        plain = data_exists(data_path("golden/gguf_blocks/%s.bin", name));
        more = data_exists(data_path("golden/gguf_blocks/%s.bin", random));
        T_CASE("%s", name);
        if (!plain && !more)
            t_skip("no golden blocks of this format");
        if (plain)
            check(name, (mlci_format)f);
        if (more)
            check(random, (mlci_format)f);
    }
    return t_done();
}
