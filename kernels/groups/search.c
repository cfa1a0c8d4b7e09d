/* SPDX-License-Identifier: Apache-2.0
 *
 * search.c - codes with the scale that loses least, instead of the largest value's.
 *
 * For a few steps around the largest value's scale: round, then take the scale that fits
 * these codes best in least squares, sum(w x c) / sum(w c c); the step whose codes explain
 * most of sum(w x x) wins.  One pass of a step costs what rounding costs.
 */
#include "groups.h"
#include "../../src/base/base.h"

enum { SE_MOST = 64, SE_STEPS = 24 };

MLCI_INLINE float se_code(float x, float inverse, float most)
{
    float c = x * inverse + 12582912.0f - 12582912.0f;

    c = c > most ? most : c;
    return c < -most ? -most : c;
}

/* The best scale of one group; w: [n]. */
static float se_scale(const float *x, const float *w, size_t n, float most)
{
    float largest = 0, best = 0, gain = -1;

    for (size_t i = 0; i < n; i++) {
        const float a = x[i] < 0 ? -x[i] : x[i];

        largest = a > largest ? a : largest;
    }
    if (!(largest > 0x1p-100f) || !(largest < 0x1p100f))
        return largest / most;
    for (int step = 0; step < SE_STEPS; step++) {
        const float inverse = (most - 0.7f + 0.1f * (float)step) / largest;
        float xc = 0, cc = 0;

        for (size_t i = 0; i < n; i++) {
            const float c = se_code(x[i], inverse, most);

            xc += w[i] * x[i] * c;
            cc += w[i] * c * c;
        }
        if (cc > 0 && xc * (xc / cc) > gain) {
            gain = xc * (xc / cc);
            best = xc / cc;
        }
    }
    return best > 0 ? best : largest / most;
}

void mlci_groups_search(const float *x, const float *importance, size_t n, size_t size, int most,
                        mlci_group_dtype dtype, uint8_t *codes, float *scales)
{
    float w[SE_MOST];

    for (size_t i = 0; i < n; i += size, scales++) {
        const size_t m = n - i < size ? n - i : size;
        float s;

        for (size_t k = 0; k < m; k++)
            w[k] = importance != NULL ? importance[i + k] : x[i + k] * x[i + k];
        *scales = s = mlci_group_round(se_scale(x + i, w, m, (float)most), dtype);
        for (size_t k = 0; k < m; k++)
            codes[i + k] = (uint8_t)(most + (s > 0 ? (int)se_code(x[i + k], 1.0f / s,
                                                                  (float)most) : 0));
    }
}
