/* SPDX-License-Identifier: Apache-2.0
 *
 * collect.c - collect.h.
 */
#include "collect.h"
#include "../../models/models.h"
#include "../../src/compiler/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool kg_has(const kg_set *s, kg_list list, uint64_t hash)
{
    for (size_t i = 0; i < s->n[list]; i++)
        if (s->kernels[list][i]->hash == hash)
            return true;
    return false;
}

static mlci_target kg_target(kg_list list)
{
    return list == KG_GPU ? MLCI_TARGET_GPU : MLCI_TARGET_CPU;
}

static uint32_t kg_bindings(const mlci_program *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->n_params + p->n_outs; i++)
        n += p->buffers[i].place != MLCI_SCALAR;
    return n;
}

/* A scheduled program of t's, read into a kernel of its own from its text, in which
 * everything is called by number. */
static void kg_keep(kg_set *s, mlci_tir *t, kg_list list, const mlci_program *q,
                    const char *name)
{
    kg_kernel *k = mlci_arena_new(&s->arena, 1, sizeof *k);
    uint64_t hash, again = 0;
    const char *text = mlci_program_signature(t, q, &hash, NULL);
    const mlci_program *p;
    mlci_lex x;

    if (text == NULL || kg_has(s, list, hash))
        return;
    if (k == NULL || s->n[list] == KG_MAX_KERNELS) {
        mlci_tir_fail(&s->t, MLC_ENOMEM, "out of memory: %s", name);
        return;
    }
    mlci_arena_init(&k->arena, s->ctx, (size_t)1 << 24);
    mlci_dims_init(&k->dims, &k->arena);
    k->t = (mlci_tir){ .arena = &k->arena, .dims = &k->dims, .err = &s->err };
    k->hash = hash;
    k->name = mlci_arena_copy(&s->arena, name, strlen(name));
    mlci_lex_begin(&x, &k->t, text, strlen(text));
    mlci_lex_want(&x, "program");
    p = mlci_program_parse(&x, 0);
    p = p != NULL ? mlci_tir_schedule(&k->t, p, kg_target(list)) : NULL;   /* shares its axes */
    k->program = p != NULL ? mlci_program_copy(&k->t, p, true, &k->symbols) : NULL;
    s->kernels[list][s->n[list]++] = k;
    if (k->program != NULL)
        (void)mlci_program_signature(&k->t, k->program, &again, NULL);
    if (list == KG_GPU && k->program != NULL && kg_bindings(k->program) > KG_MAX_BINDINGS)
        mlci_tir_fail(&s->t, MLC_EUNSUPPORTED, "%s: more than %d buffers", name, KG_MAX_BINDINGS);
    if (k->name == NULL || again != hash)
        mlci_tir_fail(&s->t, MLC_EFORMAT, "%s: its text does not read as it was", name);
}

/* The library's program for a list, if it can be scheduled. */
static void kg_want(kg_set *s, kg_list list, const mlci_program *p, const char *name)
{
    mlci_program *q = p != NULL ? mlci_tir_schedule(&s->t, p, kg_target(list)) : NULL;

    if (q != NULL)
        kg_keep(s, &s->t, list, q, name);
}

/* Two programs, the first one's output the second one's input number `input`. */
static const mlci_program *kg_fuse(kg_set *s, const mlci_program *a, const mlci_program *b,
                                   uint32_t input)
{
    mlci_part parts[2] = { { a, { 0 } }, { b, { 0 } } };
    uint32_t next = 1, result;
    mlci_merged m;

    for (uint32_t i = 0; i < a->n_params; i++)
        parts[0].values[i] = next++;
    parts[0].values[a->n_params] = next;
    for (uint32_t i = 0; i < b->n_params + b->n_outs; i++)
        parts[1].values[i] = i == input ? parts[0].values[a->n_params] : ++next;
    result = parts[1].values[b->n_params];
    return mlci_tir_merge(&s->t, "fused", parts, 2, &result, 1, &m) ? m.program : NULL;
}

enum { KG_ALL_FORMATS = 3 };

/* ---- architectures ------------------------------------------------------------------- */

/* A model without a file: small sizes, and every optional tensor or none. */
typedef struct kg_model { bool all; mlci_tensor table; } kg_model;

static bool kg_find(const void *impl, const char *key, size_t n, mlci_value *out)
{
    static const struct { const char *end; uint64_t v; } table[] = {
        { ".block_count", 6 }, { ".embedding_length", 256 }, { ".feed_forward_length", 512 },
        { ".attention.head_count", 4 }, { ".attention.head_count_kv", 2 },
        { ".attention.key_length", 64 }, { ".attention.sliding_window", 32 },
        { "moe.expert_count", 4 }, { "moe.expert_used_count", 2 },
        { "moe.expert_shared_feed_forward_length", 256 },
        { "phi3.rope.scaling.original_context_length", 64 },
        { "oss.expert_count", 4 }, { "oss.expert_used_count", 2 },
        { "seek2.expert_count", 4 }, { "seek2.expert_used_count", 2 },
        { "seek2.expert_shared_feed_forward_length", 256 },
        { "seek2.attention.kv_lora_rank", 128 }, { "seek2.rope.dimension_count", 32 },
        { "seek2.attention.key_length_mla", 96 }, { "seek2.attention.value_length_mla", 64 },
    };
    /* Those of a model that has every optional tensor. */
    static const struct { const char *key; uint64_t v; } more[] = {
        { "deepseek2.attention.q_lora_rank", 128 }, { "deepseek2.expert_gating_func", 2 },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t k = strlen(table[i].end);

        if (n >= k && memcmp(key + n - k, table[i].end, k) == 0) {
            *out = (mlci_value){ .type = MLCI_VALUE_UINT, .u = table[i].v };
            return true;
        }
    }
    for (size_t i = 0; i < sizeof more / sizeof *more && ((const kg_model *)impl)->all; i++)
        if (n == strlen(more[i].key) && memcmp(key, more[i].key, n) == 0) {
            *out = (mlci_value){ .type = MLCI_VALUE_UINT, .u = more[i].v };
            return true;
        }
    if (n > 24 && memcmp(key + n - 24, ".final_logit_softcapping", 24) == 0) {
        *out = (mlci_value){ .type = MLCI_VALUE_FLOAT, .f = 30 };
        return ((const kg_model *)impl)->all;
    }
    return false;
}

static const mlci_tensor *kg_tensor(const void *impl, const char *name, size_t n)
{
    const kg_model *m = impl;
    bool table = n == 17 && memcmp(name, "token_embd.weight", n) == 0;

    return m->all || table ? &m->table : NULL;
}

static void kg_use(kg_set *s, mlci_module *m, const mlci_use *u, const char *arch)
{
    const kg_list list = m->target == MLCI_TARGET_GPU ? KG_GPU : KG_CPU;
    char name[200];
    size_t n = (size_t)snprintf(name, sizeof name, "%s:", arch);

    if (u->program == NULL || kg_has(s, list, u->hash))
        return;
    for (uint32_t i = 1; i <= u->out && n < sizeof name; i++)
        if (m->nodes[i].group == m->nodes[u->out].group && m->nodes[i].program != NULL)
            n += (size_t)snprintf(name + n, sizeof name - n, " %s", m->nodes[i].program->name);
    kg_keep(s, &m->tir, list, u->program, name);
}

/* What the passes make of an architecture on a target. */
typedef struct kg_case {
    const char *arch, *without;
    mlci_target target;
    mlci_format format;
    bool        all;            /* every optional tensor                        */
} kg_case;

static void kg_architecture(kg_set *s, const kg_case *k)
{
    const char *arch = k->arch;
    kg_model model = { k->all, { .format = k->format, .rank = 2, .dims = { 96, 256 } } };
    mlci_config config = { .impl = &model, .arch = { arch, strlen(arch) }, .find = kg_find,
                           .tensor = kg_tensor, .synthetic = true };
    mlci_module m;
    mlci_decoder d;
    mlci_plan plan = { 0 };
    mlci_arena arena;

    mlci_arena_init(&arena, s->ctx, (size_t)1 << 30);
    (void)mlci_module_init(&m, &arena, &config, &s->err);
    m.target = k->target;
    m.synthetic = k->format;
    if (mlci_model_build(&m, &d) != MLC_OK
        || mlci_compile(&m, k->without, &plan, NULL, NULL) != MLC_OK)
        s->t.status = m.tir.status;
    for (size_t i = 0; i < plan.n_calls && s->t.status == MLC_OK; i++) {
        kg_use(s, &m, &plan.calls[i].kernel, arch);
        for (uint32_t e = 0; e < plan.calls[i].n_epilogues; e++)
            kg_use(s, &m, &plan.calls[i].epilogues[e].use, arch);
    }
    mlci_arena_reset(&arena);
}

/* Products on devices decode what they read: kernels of every format for the first
 * architectures, of what directories bring for the others. */
static bool kg_wanted(size_t arch, mlci_format f)
{
    return arch < KG_ALL_FORMATS || f == MLCI_F16 || f == MLCI_BF16 || f == MLCI_Q4_0;
}

/* On the CPU the templates decode: one format stands for all.  There each pass may be
 * left out of the first ones, for measuring. */
static void kg_architectures(kg_set *s)
{
    kg_case k = { .format = MLCI_Q4_0 };

    for (size_t i = 0; (k.arch = mlci_model_arch(i)) != NULL; i++)
        for (int all = 0; all < 2; all++) {
            k.all = all;
            k.target = MLCI_TARGET_CPU;
            k.format = MLCI_Q4_0;
            k.without = NULL;
            kg_architecture(s, &k);
            for (size_t p = 0; p < mlci_pass_count; p++) {
                k.without = mlci_pass_table[p].name;
                if (mlci_pass_table[p].optional && i < KG_ALL_FORMATS)
                    kg_architecture(s, &k);
            }
            k.target = MLCI_TARGET_GPU;
            k.without = NULL;
            for (int f = 0; f < MLCI_FORMAT_COUNT; f++) {
                k.format = (mlci_format)f;
                if (kg_wanted(i, k.format))
                    kg_architecture(s, &k);
            }
        }
}

/* What decodes blocks: by itself, before the look-up of rows, before a product.  The
 * CPU's templates do both of the latter, whatever is bundled. */
static void kg_decoder(kg_set *s, const mlci_program *p, const char *name, bool bundled)
{
    const kg_list cpu = bundled ? KG_ONCE : KG_CPU;
    char text[96];

    kg_want(s, cpu, p, name);
    kg_want(s, KG_GPU, p, name);
    snprintf(text, sizeof text, "%s, embed", name);
    for (int k = bundled; k < 2; k++)
        kg_want(s, k == 0 ? cpu : KG_GPU,
                kg_fuse(s, p, mlci_library_find(&s->library, "embed", 0), 1), text);
    snprintf(text, sizeof text, "%s, matmul", name);
    for (int k = bundled; k < 2; k++)
        kg_want(s, k == 0 ? cpu : KG_GPU,
                kg_fuse(s, p, mlci_library_find(&s->library, "matmul", 0), 1), text);
}

/* Everything in the library by itself. */
static void kg_library(kg_set *s, uint32_t n, bool bundled)
{
    const char *name;
    bool rest;

    for (uint32_t i = 0; i < n && mlci_library_name(&s->library, i, &name, &rest); i++) {
        const mlci_program *p = mlci_library_find(&s->library, name, 1);

        if (strncmp(name, "decode_", 7) == 0 && p != NULL) {
            kg_decoder(s, p, name, bundled);
            continue;
        }
        for (uint32_t rank = 1; rank < (rest ? 4u : 2u); rank++)
            for (int list = KG_CPU; list <= KG_GPU; list++)
                kg_want(s, (kg_list)list, mlci_library_find(&s->library, name, rank), name);
    }
}

static char *kg_read(kg_set *s, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t cap = (size_t)1 << 20;
    char *text = mlci_arena_new(&s->arena, cap, 1);

    if (f == NULL || text == NULL || fread(text, 1, cap - 1, f) == 0) {
        mlci_tir_fail(&s->t, MLC_EIO, "%s: cannot be read", path);
        text = NULL;
    }
    if (f != NULL)
        fclose(f);
    return text;
}

/* The library's definitions, and those of a file: how many these are. */
static uint32_t kg_open(kg_set *s, const char *definitions)
{
    static mlc_context ctx = { .alloc = mlci_default_alloc, .n_threads = 1 };
    uint32_t before = 0, n = 0;
    const char *text, *name;
    bool rest;

    s->ctx = &ctx;
    mlci_arena_init(&s->arena, s->ctx, (size_t)1 << 30);
    mlci_dims_init(&s->dims, &s->arena);
    s->t = (mlci_tir){ .arena = &s->arena, .dims = &s->dims, .err = &s->err };
    if (mlci_library_init(&s->library, &s->t) != MLC_OK || definitions == NULL)
        return 0;
    while (mlci_library_name(&s->library, before, &name, &rest))
        before++;
    text = kg_read(s, definitions);
    if (text != NULL)
        (void)mlci_library_add(&s->library, text, strlen(text));
    while (mlci_library_name(&s->library, n + before, &name, &rest))
        n++;
    return n;
}

bool kg_collect(kg_set *s, const char *definitions)
{
    uint32_t n = kg_open(s, definitions);

    kg_library(s, definitions == NULL ? UINT32_MAX : n, definitions == NULL);
    if (definitions == NULL)
        kg_architectures(s);
    return s->t.status == MLC_OK;
}

bool kg_panels(kg_set *s, const char *definitions, mlci_buf *out)
{
    uint32_t n = kg_open(s, definitions);
    const mlci_program *p;
    const char *name;
    bool rest;

    mlci_buf_init(out, s->ctx, (size_t)1 << 24);
    mlci_buf_text(out, "/* Made by tools/kernelgen: do not edit. */\n");
    for (uint32_t i = 0; i < n && mlci_library_name(&s->library, i, &name, &rest); i++)
        if ((p = mlci_library_find(&s->library, name, 1)) != NULL)
            kg_emit_panel(&s->t, p, out);
    return s->t.status == MLC_OK;
}
