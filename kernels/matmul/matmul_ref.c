/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul_ref.c - the definition: values one by one, summed in double.  Uses the
 * float32 rows.  Never optimise this file.
 */
#include "matmul.h"

static void mr_panel(const mlci_packed *w, uint32_t panel, const mlci_acts *a, uint32_t n,
                     float *y, size_t ldy, void *scratch)
{
    float *row = scratch;

    for (uint32_t r = 0; r < MLCI_PANEL_ROWS; r++) {
        mlci_packed_row_ref(w, panel * MLCI_PANEL_ROWS + r, row);
        for (uint32_t t = 0; t < n; t++) {
            double s = 0.0;

            for (uint32_t k = 0; k < w->columns; k++)
                s += (double)row[k] * (double)a->x[t * a->stride + k];
            y[t * ldy + r] = (float)s;
        }
    }
}

static uint32_t mr_forms(mlci_format format, uint32_t n)
{
    (void)format, (void)n;
    return MLCI_FORM_FLOAT;
}

const mlci_matmul_kernels mlci_matmul_ref = {
    {
        [MLCI_F32] = mr_panel, [MLCI_F16] = mr_panel, [MLCI_BF16] = mr_panel,
#define X(name) [MLCI_##name] = mr_panel,
        MLCI_MATMUL_INT(X)
#undef X
    },
    mr_forms,
};
