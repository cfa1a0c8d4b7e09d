/* SPDX-License-Identifier: Apache-2.0
 *
 * test_matmul.c - every tier's products against the definition, with the bound that
 * matmul.h derives; the vector tiers against each other, bit by bit; one row alone
 * against the same row among others.
 */
#include "blocks_make.h"
#include "tiers.h"
#include "../kernels/weight/blocks.h"

#include <math.h>

enum { ROWS = 14, MAX_K = 768, LD = 40, PANELS = 2 };

static const float canary = 123.25f;

typedef struct problem {
    mlci_format format;
    uint32_t    columns;
    mlci_packed w;
    float       x[ROWS * MAX_K];
    float       want[ROWS * 32], bound[ROWS * 32];   /* of panel 1 */
} problem;

/* Rows: usual ones, zeros, one outlier among small values, denormals (which
 * quantize to zeros), constants. */
static void make_rows(problem *p, uint64_t *seed)
{
    for (uint32_t t = 0; t < ROWS; t++)
        for (uint32_t k = 0; k < p->columns; k++) {
            float v = t_uniform(seed);

            if (t == 3)
                v = 0.0f;
            if (t == 4)
                v = k == p->columns / 2 ? 1e4f : v * 1e-3f;
            if (t == 5)
                v *= 1e-41f;
            if (t == 6)
                v = -0.75f;
            p->x[t * p->columns + k] = v;
        }
}

/* Exact results in double, and how far a kernel may be off: see matmul.h. */
static void make_want(problem *p, const float *w, const float *no_min, bool integers)
{
    const uint32_t K = p->columns;

    for (uint32_t t = 0; t < ROWS; t++) {
        double most = 0, step;

        for (uint32_t k = 0; k < K; k++)
            most = fmax(most, fabs((double)p->x[t * K + k]));
        step = most > 1e-30 ? 0.504 * most / MLCI_QUANT_MAX : most;
        for (uint32_t r = 0; r < 32; r++) {
            double sum = 0, size = 0, parts = 0;

            for (uint32_t k = 0; k < K; k++) {
                double x = (double)p->x[t * K + k], v = (double)w[r * K + k];
                double u = (double)no_min[r * K + k];

                sum += x * v;
                size += fabs(v);
                parts += fabs(x) * (fabs(u) + fabs(v - u));
            }
            p->want[t * 32 + r] = (float)sum;
            /* quantizing x; then the roundings of the outer sum, of the scales'
             * own product and of the row's scale */
            p->bound[t * 32 + r] = (float)(integers
                ? step * size
                  + (2.0 * K / 16 + 6) * 0x1p-24 * parts * 1.01
                : 2.0 * K * 0x1p-24 * parts)
                + (float)(2.0 * K * 0x1p-150);   /* sums that are subnormal */
        }
    }
}

static void make_problem(problem *p, mlci_format f, uint32_t columns, uint64_t *seed)
{
    const mlci_format_info *info = &mlci_format_table[f];
    const uint32_t rows = 32 * PANELS;
    const size_t row_bytes = columns / info->block_items * info->block_bytes;
    uint8_t *file = malloc(rows * row_bytes), *data;
    float *w = malloc(32 * MAX_K * sizeof *w), *no_min = malloc(32 * MAX_K * sizeof *w);

    p->format = f;
    p->columns = columns;
    make_rows(p, seed);
    blocks_make(f, (size_t)rows * columns, file, seed);
    mlci_packed_shape(&p->w, f, rows, columns);
    data = aligned_alloc(64, mlci_round_up(mlci_packed_bytes(&p->w), 64));
    mlci_pack_panels(&p->w, f, file, row_bytes, 0, PANELS, data);
    p->w.data = data;
    mlci_blocks_decode(f, file + 32 * row_bytes, 32 * (size_t)columns, w);
    blocks_drop_minima(f, (size_t)rows * columns, file);
    mlci_blocks_decode(f, file + 32 * row_bytes, 32 * (size_t)columns, no_min);
    make_want(p, w, no_min, !mlci_format_is_float(f));
    free(no_min);
    free(w);
    free(file);
}

typedef struct prepared {
    mlci_acts a;
    void *memory[6];
} prepared;

static void prepare(prepared *o, const problem *p, const mlci_cpu_kernels *k,
                    uint32_t first, uint32_t n)
{
    const size_t d = p->columns;
    const size_t sizes[6] = { d, d, 2 * d, d / 4, 4, 4 * d };

    for (int i = 0; i < 6; i++)
        o->memory[i] = aligned_alloc(64, mlci_round_up(sizes[i] * n, 64));
    memcpy(o->memory[5], p->x + first * d, 4 * d * n);
    o->a = (mlci_acts){ o->memory[0], o->memory[1], o->memory[2], o->memory[3],
                        o->memory[4], o->memory[5], d };
    for (uint32_t t = 0; t < n; t++) {
        mlci_quant_row q = { (int8_t *)o->memory[0] + t * d,
                             (int8_t *)o->memory[1] + t * d,
                             (int16_t *)o->memory[2] + t * d,
                             (int32_t *)o->memory[3] + t * (d / 16),
                             (float *)o->memory[4] + t };

        k->rows->quantize(p->x + (first + t) * d, d, &q);
    }
}

static void multiply(const problem *p, const mlci_cpu_kernels *k, uint32_t first,
                     uint32_t n, float *y)
{
    void *scratch = aligned_alloc(64, mlci_round_up(mlci_matmul_scratch(p->columns), 64));
    uint32_t forms = k->matmul->forms(p->w.format, n);
    prepared o;

    prepare(&o, p, k, first, n);
    /* only the forms that the kernel asked for */
    if (!(forms & MLCI_FORM_PLANES))
        o.a.high = o.a.low = NULL;
    if (!(forms & MLCI_FORM_QUADS))
        o.a.quads = NULL;
    if (!(forms & MLCI_FORM_FLOAT))
        o.a.x = NULL;
    for (int i = 0; i < ROWS * LD; i++)
        y[i] = canary;
    k->matmul->panel[p->w.format](&p->w, 1, &o.a, n, y, LD, scratch);
    for (int i = 0; i < 6; i++)
        free(o.memory[i]);
    free(scratch);
}

static void check_bound(const problem *p, const mlci_cpu_kernels *k, uint32_t n)
{
    float y[ROWS * LD];

    multiply(p, k, 0, n, y);
    for (uint32_t t = 0; t < ROWS; t++)
        for (uint32_t r = 0; r < LD; r++) {
            float v = y[t * LD + r], want, bound;

            if (t >= n || r >= 32) {
                T_CHECK(v == canary, "n %u: row %u, %u written", n, t, r);
                continue;
            }
            want = p->want[t * 32 + r];
            bound = p->bound[t * 32 + r];
            T_CHECK(fabsf(v - want) <= bound, "n %u: row %u, %u: %.9g, want %.9g +- %.3g",
                    n, t, r, (double)v, (double)want, (double)bound);
        }
}

static void check_same(const problem *p, const mlci_cpu_kernels *k,
                       const mlci_cpu_kernels *other)
{
    float all[ROWS * LD], some[ROWS * LD];

    multiply(p, k, 0, ROWS, all);
    if (other != NULL) {
        multiply(p, other, 0, ROWS, some);
        T_CHECK(memcmp(all, some, sizeof all) == 0, "not the bits of the first vector tier");
    }
    for (uint32_t first = 0; first < ROWS; first += 3)
        for (uint32_t n = 1; n <= 8 && first + n <= ROWS; n++) {
            multiply(p, k, first, n, some);
            for (uint32_t t = 0; t < n; t++)
                T_CHECK(memcmp(all + (first + t) * LD, some + t * LD, 128) == 0,
                        "row %u in a batch of %u has other bits", first + t, n);
        }
}

int main(void)
{
    static const uint32_t columns[] = { 256, 768 };
    static problem p;
    uint64_t seed;

    t_begin();
    seed = t_seed;
    for (int f = 0; f < MLCI_FORMAT_COUNT; f++)
        for (int c = 0; c < 2; c++) {
            make_problem(&p, (mlci_format)f, columns[c], &seed);
            for (mlci_tier t = tier_first(); t < MLCI_TIER_COUNT; t = tier_after(t)) {
                const mlci_cpu_kernels *k = mlci_cpu_kernels_of(t);
                bool integers = t != MLCI_TIER_SCALAR;

                T_CASE("%s, K %u, %s", mlci_format_table[f].name, columns[c],
                       mlci_tier_names[t]);
                for (uint32_t n = 1; n <= ROWS; n++)
                    check_bound(&p, k, n);
                check_same(&p, k, integers ? mlci_cpu_kernels_of(tier_vector()) : NULL);
            }
            free((void *)(uintptr_t)p.w.data);
        }
    return t_done();
}
