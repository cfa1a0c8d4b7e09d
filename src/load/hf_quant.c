/* SPDX-License-Identifier: Apache-2.0
 *
 * hf_quant.c - checkpoints whose matrices are codes: fp8, GPTQ, AWQ.
 *
 * What belongs together is in several tensors, perhaps of several files, so they are put
 * aside under their layer's name and put together at the end:
 *
 *   fp8   weight F8_E4M3 [N, K], weight_scale_inv [N/rows, K/columns] or weight_scale (one, or
 *         one a row): w = code * scale; read as float16
 *   GPTQ  qweight I32 [K/8, N], qzeros I32 [G, N/8], scales [G, N], g_idx I32 [K]:
 *         w = (code - zero - 1) * scale, the 1 not in "gptq_v2"
 *   AWQ   qweight I32 [K, N/8], qzeros I32 [G, N/8], scales [G, N]: w = (code - zero) * scale
 *
 * Four bits; Q4_0 where all zeros are 8, else Q4_1, whose minimum is zero * scale as float16:
 * off by 2^-12 of it at most, a few thousandths of a step.  (Frantar et al. 2022, arXiv:2210.17323;
 * Lin et al. 2023, arXiv:2306.00978.)
 */
#include "hf.h"

#include <stdio.h>
#include <string.h>

/* Endings of names, and how the parts are called here. */
static const struct { const char *end, *as; } hq_ends[] = {
    { ".weight_scale_inv", ".scale" }, { ".weight_scale", ".scale" }, { ".qweight", ".codes" },
    { ".qzeros", ".zeros" }, { ".scales", ".scale" },
};
/* Scales of what comes to a product: here that is not rounded.  Without desc_act columns are
 * in order. */
static const char *const hq_ignored[] = { ".input_scale", ".activation_scale", ".k_scale",
                                          ".v_scale", ".g_idx" };

static mlc_status hq_bad(const mlci_tensor *t, mlc_status st, const char *what, mlc_error *err)
{
    return mlci_fail(err, st, 0, "tensor %.*s: %s", (int)mlci_min(t->name.n, 100), t->name.p, what);
}

static bool hq_true(const mlci_json *o, const char *key)
{
    const mlci_json *v = mlci_json_get(o, key);

    return v != NULL && v->type == MLCI_JSON_TRUE;
}

static bool hq_number(const mlci_json *o, const char *key, int64_t *out)
{
    const mlci_json *v = mlci_json_get(o, key);

    return v != NULL && mlci_json_integer(v, out);
}

mlc_status mlci_hf_quant_read(const mlci_json *config, mlci_hf_quant *q, mlc_error *err)
{
    const mlci_json *c = mlci_json_get(config, "quantization_config");
    const mlci_json *how = mlci_json_get(c, "quant_method"), *version = mlci_json_get(c, "version");
    int64_t bits = 4, group = 0;

    *q = (mlci_hf_quant){ .kind = MLCI_HF_PLAIN };
    if (c == NULL || c->type != MLCI_JSON_OBJECT || how == NULL || mlci_json_is(how, "mxfp4"))
        return MLC_OK;
    if (mlci_json_is(how, "fp8") || mlci_json_is(how, "compressed-tensors")) {
        q->kind = MLCI_HF_FP8;
        return MLC_OK;
    }
    q->kind = mlci_json_is(how, "gptq") ? MLCI_HF_GPTQ : mlci_json_is(how, "awq") ? MLCI_HF_AWQ
                                                                                   : MLCI_HF_PLAIN;
    if (q->kind == MLCI_HF_PLAIN)
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "quant_method \"%.*s\" is unsupported (fp8, "
                         "gptq and awq are)", (int)mlci_min(how->text_bytes, 40), how->text);
    (void)hq_number(c, "bits", &bits);
    if (bits != 4 || !hq_number(c, "group_size", &group) || group < -1 || group == 0
        || (group > 0 && group % 32 != 0))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "quantization_config: %lld bits in groups of "
                         "%lld are unsupported (4 bits in multiples of 32 are)", (long long)bits,
                         (long long)group);
    if (hq_true(c, "desc_act"))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "quantization_config: columns in an order of "
                         "their own (desc_act) are unsupported");
    if (version != NULL && q->kind == MLCI_HF_AWQ && !mlci_json_is(version, "gemm")
        && !mlci_json_is(version, "GEMM"))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "quantization_config: version \"%.*s\" of AWQ "
                         "is unsupported (gemm is)", (int)mlci_min(version->text_bytes, 40),
                         version->text);
    q->group = group > 0 ? (uint32_t)group : 0;
    q->symmetric = q->kind == MLCI_HF_GPTQ && hq_true(c, "sym");
    q->zero_plus = q->kind == MLCI_HF_GPTQ
                && !mlci_json_is(mlci_json_get(c, "checkpoint_format"), "gptq_v2");
    return MLC_OK;
}

/* ---- putting aside -------------------------------------------------------------------------- */

static mlc_status hq_put(mlci_files *f, const mlci_stored_tensor *s, uint32_t file,
                         const mlci_hf_name *n, const char *as, mlc_error *err)
{
    mlci_tensor t = { .rank = s->rank, .offset = s->offset, .n_bytes = s->n_bytes, .file = file,
                      .part = true };
    char text[160];
    const int length = mlci_hf_name_text(n, n->name, as, text, sizeof text);

    /* A format of as many bytes tells floats apart; integers are read as they are. */
    t.format = s->type == MLCI_ST_F16 ? MLCI_F16 : s->type == MLCI_ST_BF16 ? MLCI_BF16 : MLCI_F32;
    memcpy(t.dims, s->dims, sizeof t.dims);
    t.name.p = mlci_arena_copy(&f->directory.arena, text, (size_t)length);
    t.name.n = (size_t)length;
    return t.name.p == NULL ? mlci_nomem(err, "tensor names")
                            : mlci_directory_put_tensor(&f->directory, &t, err);
}

bool mlci_hf_quant_put(mlci_files *f, const mlci_stored_tensor *s, uint32_t file, bool post_norms,
                       mlc_status *st, mlc_error *err)
{
    const mlci_tensor named = { .name = s->name };
    const char *as = s->type == MLCI_ST_F8_E4M3 ? ".codes" : NULL;
    mlci_hf_name n;
    char text[200];
    size_t cut = s->type == MLCI_ST_F8_E4M3 ? strlen(".weight") : 0;

    *st = MLC_OK;
    for (size_t i = 0; i < sizeof hq_ignored / sizeof *hq_ignored; i++)
        if (mlci_text_ends(s->name, hq_ignored[i]))
            return true;
    for (size_t i = 0; i < sizeof hq_ends / sizeof *hq_ends && as == NULL; i++)
        if (mlci_text_ends(s->name, hq_ends[i].end)) {
            as = hq_ends[i].as;
            cut = strlen(hq_ends[i].end);
        }
    if (as == NULL)
        return false;
    if (s->name.n < cut || s->name.n - cut + 8 > sizeof text || s->rank < 1 || s->rank > 2
        || s->n_bytes == 0) {
        *st = hq_bad(&named, MLC_EUNSUPPORTED, "codes of no matrix", err);
        return true;
    }
    snprintf(text, sizeof text, "%.*s.weight", (int)(s->name.n - cut), s->name.p);
    mlci_hf_name_of((mlci_text){ text, strlen(text) }, post_norms, &n);
    *st = n.part == MLCI_HF_SKIP ? MLC_OK
        : n.part != MLCI_HF_WHOLE && n.part != MLCI_HF_EXPERT
        ? hq_bad(&named, MLC_EUNSUPPORTED, "codes of several matrices in one are unsupported", err)
        : hq_put(f, s, file, &n, as, err);
    return true;
}

/* ---- putting together ----------------------------------------------------------------------- */

typedef struct hq_work {
    mlci_files          *f;
    mlci_config          c;
    const mlci_hf_quant *q;
    mlc_error           *err;
} hq_work;

/* The part beside the codes. */
static const mlci_tensor *hq_beside(hq_work *w, mlci_text stem, const char *as)
{
    char text[200];

    snprintf(text, sizeof text, "%.*s%s", (int)stem.n, stem.p, as);
    return mlci_config_tensor(&w->c, text);
}

static mlc_status hq_fp8(hq_work *w, const mlci_tensor *codes, const mlci_tensor *scale,
                         mlci_tensor *t)
{
    uint64_t n, rows, columns;

    if (scale == NULL || codes->rank != 2 || codes->n_bytes != codes->dims[0] * codes->dims[1])
        return hq_bad(codes, MLC_EFORMAT, "no scale, or no matrix", w->err);
    n = scale->n_bytes / mlci_format_table[scale->format].block_bytes;
    rows = scale->rank == 2 ? scale->dims[0] : n;
    columns = n / (rows > 0 ? rows : 1);
    if (rows == 0 || columns == 0 || rows > codes->dims[0] || columns > codes->dims[1])
        return hq_bad(scale, MLC_EFORMAT, "more scales than rows or columns", w->err);
    t->format = MLCI_F16;
    t->stored = MLCI_STORED_FP8;
    t->dims[0] = codes->dims[0];
    t->dims[1] = codes->dims[1];
    /* Blocks are of 128 rows and columns, whatever the last one has; else all or one. */
    t->group_rows = rows == 1 ? UINT32_MAX : rows == codes->dims[0] ? 1 : 128;
    t->group = columns == 1 ? UINT32_MAX : 128;
    if ((rows > 1 && (t->dims[0] + t->group_rows - 1) / t->group_rows != rows)
        || (columns > 1 && (t->dims[1] + t->group - 1) / t->group != columns))
        return hq_bad(scale, MLC_EUNSUPPORTED, "scales are not of 128 x 128, of rows, or one",
                      w->err);
    t->n_bytes = t->dims[0] * t->dims[1] * 2;
    return MLC_OK;
}

static mlc_status hq_int4(hq_work *w, const mlci_tensor *codes, const mlci_tensor *scale,
                          const mlci_tensor *zeros, mlci_tensor *t)
{
    const bool awq = w->q->kind == MLCI_HF_AWQ;
    uint64_t groups;

    if (codes->rank != 2 || scale == NULL || zeros == NULL || scale->rank != 2 || zeros->rank != 2)
        return hq_bad(codes, MLC_EFORMAT, "its scales or zeros are missing", w->err);
    t->dims[0] = codes->dims[1] * (awq ? 8 : 1);
    t->dims[1] = codes->dims[0] * (awq ? 1 : 8);
    t->group = w->q->group > 0 ? w->q->group : (uint32_t)t->dims[1];
    groups = (t->dims[1] + t->group - 1) / t->group;
    if (t->dims[1] % 32 != 0 || t->dims[0] % 8 != 0 || codes->n_bytes != t->dims[0] * t->dims[1] / 2
        || scale->dims[0] != groups || scale->dims[1] != t->dims[0] || zeros->dims[0] != groups
        || zeros->n_bytes != groups * t->dims[0] / 2
        || scale->n_bytes != groups * t->dims[0] * mlci_format_table[scale->format].block_bytes)
        return hq_bad(codes, MLC_EFORMAT, "its scales or zeros do not fit", w->err);
    t->format = w->q->symmetric ? MLCI_Q4_0 : MLCI_Q4_1;
    t->all_rows = t->dims[0];
    t->stored = awq ? MLCI_STORED_AWQ : MLCI_STORED_GPTQ;
    t->n_bytes = t->dims[0] * t->dims[1] / 32 * mlci_format_table[t->format].block_bytes;
    t->zeros = zeros->offset;
    t->zeros_file = zeros->file;
    t->bits = w->q->zero_plus;
    return MLC_OK;
}

static mlc_status hq_join(hq_work *w, const mlci_tensor *codes)
{
    const mlci_text stem = { codes->name.p, codes->name.n - strlen(".codes") };
    const mlci_tensor *scale = hq_beside(w, stem, ".scale");
    mlci_tensor t = { .rank = 2, .offset = codes->offset, .file = codes->file };
    char text[200];
    int n;
    mlc_status st;

    st = w->q->kind == MLCI_HF_FP8 ? hq_fp8(w, codes, scale, &t)
       : w->q->kind == MLCI_HF_PLAIN
       ? hq_bad(codes, MLC_EUNSUPPORTED, "codes without a quantization_config", w->err)
       : hq_int4(w, codes, scale, hq_beside(w, stem, ".zeros"), &t);
    if (st != MLC_OK)
        return st;
    t.scales = scale->offset;
    t.scales_file = scale->file;
    t.source = scale->format;
    n = snprintf(text, sizeof text, "%.*s.weight", (int)stem.n, stem.p);
    t.name = (mlci_text){ mlci_arena_copy(&w->f->directory.arena, text, (size_t)n), (size_t)n };
    return t.name.p == NULL ? mlci_nomem(w->err, "tensor names")
                            : mlci_directory_put_tensor(&w->f->directory, &t, w->err);
}

mlc_status mlci_hf_quant_join(mlci_files *f, const mlci_hf_quant *q, mlc_error *err)
{
    hq_work w = { .f = f, .q = q, .err = err };
    const size_t n = f->directory.n_tensors;
    mlc_status st = MLC_OK;
    bool any = false;

    mlci_directory_config(&f->directory, &w.c);
    for (size_t i = 0; i < n && st == MLC_OK; i++) {
        const mlci_tensor t = f->directory.tensors[i];      /* they move */

        if (!mlci_text_ends(t.name, ".codes"))
            continue;
        any = true;
        st = hq_join(&w, &t);
    }
    return st == MLC_OK && any ? mlci_directory_index_tensors(&f->directory, err) : st;
}
