/* SPDX-License-Identifier: Apache-2.0
 *
 * test_weight.c - packing a matrix into panels loses nothing: every row of every
 * format comes back as blocks.c decodes it from the file.
 */
#include "../kernels/weight/weight.h"
#include "../kernels/weight/blocks.h"
#include "blocks_make.h"

#include <math.h>

enum { MAX_ROWS = 70, COLUMNS = 512, CANARY = 0xa5, CANARIES = 64 };

/*
 * Values may differ in the last place where the file's formula rounds products
 * that the panel's does not (K-quants: (d s) q - (dmin m) against d s q - dmin m).
 */
static void check_row(const mlci_packed *p, uint32_t row, const float *want)
{
    float got[COLUMNS], ref[COLUMNS];

    mlci_packed_row(p, row, got);
    mlci_packed_row_ref(p, row, ref);
    T_CHECK(memcmp(got, ref, sizeof got) == 0, "row %u: fast and reference differ", row);
    for (uint32_t k = 0; k < COLUMNS; k++)
        T_CHECK(got[k] == want[k], "row %u, k %u: %.9g, file has %.9g", row, k,
                (double)got[k], (double)want[k]);
}

static void check_format(mlci_format f, uint32_t rows, uint64_t *seed)
{
    const mlci_format_info *info = &mlci_format_table[f];
    const size_t row_bytes = COLUMNS / info->block_items * info->block_bytes;
    uint8_t *file = malloc(MAX_ROWS * row_bytes), *out;
    float want[COLUMNS];
    mlci_packed p;

    blocks_make(f, (size_t)rows * COLUMNS, file, seed);
    mlci_packed_shape(&p, f, rows, COLUMNS);
    T_CHECK(p.n_panels == (rows + 31) / 32, "%u panels", p.n_panels);
    T_CHECK(p.panel_bytes % 64 == 0, "panels of %zu bytes", p.panel_bytes);
    out = malloc(mlci_packed_bytes(&p) + CANARIES);
    memset(out, CANARY, mlci_packed_bytes(&p) + CANARIES);
    /* in two parts, as threads do */
    mlci_pack_panels(&p, f, file, row_bytes, 0, 1, out);
    mlci_pack_panels(&p, f, file + 32 * row_bytes, row_bytes, 1, p.n_panels,
                     out + p.panel_bytes);
    p.data = out;
    for (uint32_t r = 0; r < rows; r++) {
        mlci_blocks_decode(f, file + r * row_bytes, COLUMNS, want);
        check_row(&p, r, want);
    }
    memset(want, 0, sizeof want);
    for (uint32_t r = rows; r < 32 * p.n_panels; r++)
        check_row(&p, r, want);
    for (int i = 0; i < CANARIES; i++)
        T_CHECK(out[mlci_packed_bytes(&p) + (size_t)i] == CANARY, "written past the end");
    free(out);
    free(file);
}

int main(void)
{
    uint64_t seed;

    t_begin();
    seed = t_seed;
    for (int f = 0; f < MLCI_FORMAT_COUNT; f++)
        for (int i = 0; i < 2; i++) {
            uint32_t rows = i == 0 ? 64 : 33 + t_below(&seed, 30);

            T_CASE("%s, %u rows", mlci_format_table[f].name, rows);
            check_format((mlci_format)f, rows, &seed);
        }
    return t_done();
}
