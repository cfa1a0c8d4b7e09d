/* SPDX-License-Identifier: Apache-2.0
 *
 * unicode.c - case mapping by binary search over runs of equal distance.
 */
#include "unicode.h"

static int32_t un_map(const mlci_case_run *runs, size_t n, int32_t cp)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (runs[mid].last < cp)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* Runs with step 2 interleave (A a B b ...): look at the neighbour too. */
    for (size_t i = lo; i < n && i < lo + 2; i++)
        if (cp >= runs[i].first && cp <= runs[i].last
            && (cp - runs[i].first) % runs[i].step == 0)
            return cp + runs[i].delta;
    return cp;
}

int32_t mlci_unicode_to_upper(int32_t cp)
{
    return un_map(mlci_unicode_upper, mlci_unicode_upper_count, cp);
}

int32_t mlci_unicode_to_lower(int32_t cp)
{
    return un_map(mlci_unicode_lower, mlci_unicode_lower_count, cp);
}
