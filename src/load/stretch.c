/* SPDX-License-Identifier: Apache-2.0
 *
 * stretch.c - stretch.h.
 */
#include "stretch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SH_MAX_DIMS = 1024 };

static const double sh_turn = 2 * 3.14159265358979323846;

double mlci_stretch_llama3(const mlci_stretch *s, uint32_t i)
{
    const double wave = sh_turn * pow(s->base, 2.0 * i / s->dims);
    double t;

    if (wave < s->original / s->high)
        return 1;
    if (wave > s->original / s->low)
        return s->factor;
    t = (s->original / wave - s->low) / (s->high - s->low);
    return 1 / ((1 - t) / s->factor + t);
}

/* The dimension that turns so many times over the original length. */
static double sh_turning(const mlci_stretch *s, double turns)
{
    return s->dims * log(s->original / (turns * sh_turn)) / (2 * log(s->base));
}

/* Peng et al. 2023, arXiv:2309.00071: a ramp between dimensions. */
double mlci_stretch_yarn(const mlci_stretch *s, uint32_t i)
{
    double low = sh_turning(s, s->fast), high = sh_turning(s, s->slow), t;

    if (s->whole)
        low = floor(low), high = ceil(high);
    low = fmax(low, 0);
    high = fmin(high, (double)s->dims - 1);
    t = (i - low) / (low == high ? 0.001 : high - low);
    t = 1 - fmin(fmax(t, 0), 1);         /* how far it stays as it is */
    return 1 / ((1 - t) / s->factor + t);
}

mlc_status mlci_stretch_put(mlci_files *f, const char *name, const float *x, uint32_t n,
                            mlc_error *err)
{
    mlci_tensor t = { .name = { name, strlen(name) }, .format = MLCI_F32, .rank = 1,
                      .dims = { n }, .n_bytes = n * sizeof(float) };
    mlc_status st = mlci_files_add_made(f, x, (size_t)t.n_bytes, &t.file, err);

    return st == MLC_OK ? mlci_directory_put_tensor(&f->directory, &t, err) : st;
}

mlc_status mlci_stretch_divisors(mlci_files *f, const mlci_stretch *s, mlci_stretch_fn *fn,
                                 mlc_error *err)
{
    float *x = mlci_arena_new(&f->directory.arena, s->dims / 2, sizeof *x);

    if (x == NULL)
        return mlci_nomem(err, "rotation");
    for (uint32_t i = 0; i < s->dims / 2; i++)
        x[i] = (float)fn(s, i);
    return mlci_stretch_put(f, "rope_freqs.weight", x, s->dims / 2, err);
}

/* ---- GGUF ----------------------------------------------------------------------------------- */

/* llama.cpp's defaults where the file says nothing. */
static mlc_status sh_read(const mlci_config *c, mlci_stretch *s, float *attention, mlc_error *err)
{
    float base = 0, factor = 0, fast = 0, slow = 0;
    uint32_t width = 0, heads = 0, head = 0, original = 0;
    mlc_status st = mlci_config_u32(c, ".embedding_length", 1, 1 << 20, &width, err);

    if (st == MLC_OK)
        st = mlci_config_u32(c, ".attention.head_count", 1, 4096, &heads, err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".attention.key_length", 2, SH_MAX_DIMS, width / heads, &head,
                                err);
    if (st == MLC_OK)
        st = mlci_config_u32_or(c, ".rope.dimension_count", 2, SH_MAX_DIMS, head, &s->dims, err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".rope.freq_base", 10000, &base, err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".rope.scaling.factor", 1, &factor, err);
    if (st == MLC_OK)
        st = mlci_config_u32(c, ".rope.scaling.original_context_length", 1, 1 << 28, &original,
                             err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".rope.scaling.yarn_beta_fast", 32, &fast, err);
    if (st == MLC_OK)
        st = mlci_config_float_or(c, ".rope.scaling.yarn_beta_slow", 1, &slow, err);
    if (st == MLC_OK && !(base > 1 && factor >= 1 && fast > 0 && slow > 0))
        st = mlci_fail(err, MLC_EFORMAT, 0, "keys of rope scaling make no sense");
    s->base = (double)base;
    s->factor = (double)factor;
    s->original = original;
    s->fast = (double)fast;
    s->slow = (double)slow;
    s->whole = !mlci_text_is(c->arch, "gpt-oss");
    /* DeepSeek scales scores instead. */
    *attention = mlci_text_is(c->arch, "deepseek2") ? 1 : 1 + 0.1f * logf(factor);
    return st;
}

mlc_status mlci_stretch_gguf(mlci_files *f, mlc_error *err)
{
    static const char end[] = ".rope.scaling.attn_factor";
    mlci_stretch s = { .base = 0 };
    mlci_config c;
    mlci_value v;
    float attention = 1;
    char name[128], *key;
    mlc_status st;

    mlci_directory_config(&f->directory, &c);
    if (!mlci_config_find(&c, ".rope.scaling.type", &v) || v.type != MLCI_VALUE_TEXT
        || !mlci_text_is(v.text, "yarn") || c.arch.n > 60
        || mlci_config_tensor(&c, "rope_freqs.weight") != NULL)
        return MLC_OK;
    st = sh_read(&c, &s, &attention, err);
    if (st == MLC_OK)
        st = mlci_stretch_divisors(f, &s, mlci_stretch_yarn, err);
    if (st == MLC_OK && !mlci_config_find(&c, end, &v)) {
        const int n = snprintf(name, sizeof name, "%.*s%s", (int)c.arch.n, c.arch.p, end);

        v = (mlci_value){ .type = MLCI_VALUE_FLOAT, .f = (double)attention };
        key = mlci_arena_copy(&f->directory.arena, name, (size_t)n);
        st = key == NULL ? mlci_nomem(err, "keys")
                         : mlci_directory_put(&f->directory, key, v, err);
        if (st == MLC_OK)
            st = mlci_directory_index_keys(&f->directory, err);
    }
    return st == MLC_OK ? mlci_directory_index_tensors(&f->directory, err) : st;
}
