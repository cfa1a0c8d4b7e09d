/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c - typed look-ups of config.h, and the table of formats.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const mlci_format_info mlci_format_table[MLCI_FORMAT_COUNT] = {
#define X(name, items, bytes) { #name, items, bytes },
    MLCI_FORMATS(X)
#undef X
};

/* ".key" is "<architecture>.key". */
static size_t cf_name(const mlci_config *c, const char *key, char name[160])
{
    int n = key[0] == '.'
          ? snprintf(name, 160, "%.*s%s", (int)mlci_min(c->arch.n, 64), c->arch.p, key)
          : snprintf(name, 160, "%s", key);

    return n < 0 ? 0 : mlci_min((size_t)n, 159);
}

bool mlci_config_find(const mlci_config *c, const char *key, mlci_value *out)
{
    char name[160];
    size_t n = cf_name(c, key, name);

    return c->find(c->impl, name, n, out);
}

static mlc_status cf_fail(const mlci_config *c, const char *key,
                          const char *what, mlc_error *err)
{
    char name[160];

    cf_name(c, key, name);
    return mlci_fail(err, MLC_EFORMAT, 0, "key %s: %s", name, what);
}

mlc_status mlci_config_u32_or(const mlci_config *c, const char *key,
                              uint32_t least, uint32_t most, uint32_t missing,
                              uint32_t *v, mlc_error *err)
{
    char text[96];
    mlci_value val;
    uint64_t u;

    if (!mlci_config_find(c, key, &val)) {
        *v = missing;
        return MLC_OK;
    }
    if (val.type == MLCI_VALUE_UINT)
        u = val.u;
    else if (val.type == MLCI_VALUE_INT && val.i >= 0)
        u = (uint64_t)val.i;
    else
        return cf_fail(c, key, "not a whole number", err);
    if (u < least || u > most) {
        snprintf(text, sizeof text, "%llu is not in the range %u to %u",
                 (unsigned long long)u, least, most);
        return cf_fail(c, key, text, err);
    }
    *v = (uint32_t)u;
    return MLC_OK;
}

mlc_status mlci_config_u32(const mlci_config *c, const char *key,
                           uint32_t least, uint32_t most, uint32_t *v,
                           mlc_error *err)
{
    mlci_value val;

    if (!mlci_config_find(c, key, &val))
        return cf_fail(c, key, "missing", err);
    return mlci_config_u32_or(c, key, least, most, 0, v, err);
}

mlc_status mlci_config_float_or(const mlci_config *c, const char *key,
                                double missing, float *v, mlc_error *err)
{
    mlci_value val;

    if (!mlci_config_find(c, key, &val)) {
        *v = (float)missing;
        return MLC_OK;
    }
    switch (val.type) {
    case MLCI_VALUE_FLOAT: *v = (float)val.f; break;
    case MLCI_VALUE_UINT:  *v = (float)val.u; break;
    case MLCI_VALUE_INT:   *v = (float)val.i; break;
    default: return cf_fail(c, key, "not a number", err);
    }
    return isfinite(*v) ? MLC_OK : cf_fail(c, key, "not a finite number", err);
}

mlc_status mlci_config_bool_or(const mlci_config *c, const char *key,
                               bool missing, bool *v, mlc_error *err)
{
    mlci_value val;

    *v = missing;
    if (!mlci_config_find(c, key, &val))
        return MLC_OK;
    if (val.type != MLCI_VALUE_BOOL)
        return cf_fail(c, key, "not a truth value", err);
    *v = val.u != 0;
    return MLC_OK;
}

mlc_status mlci_config_text(const mlci_config *c, const char *key, mlci_text *v,
                            mlc_error *err)
{
    mlci_value val;

    v->p = "";
    v->n = 0;
    if (!mlci_config_find(c, key, &val))
        return MLC_OK;
    if (val.type != MLCI_VALUE_TEXT)
        return cf_fail(c, key, "not a text", err);
    *v = val.text;
    return MLC_OK;
}

const mlci_tensor *mlci_config_tensor(const mlci_config *c, const char *name)
{
    return c->tensor(c->impl, name, strlen(name));
}
