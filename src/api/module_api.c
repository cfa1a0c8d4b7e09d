/* SPDX-License-Identifier: Apache-2.0
 *
 * module_api.c - mlc_experimental.h's calls for modules as text.
 */
#include "../../include/mlc_experimental.h"
#include "../compiler/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MX_KERNELS = 32, MX_PASSES = 32, MX_DEFAULT_SIZE = 4 };

static const size_t mx_text_limit = (size_t)64 << 20;

typedef struct mx_kernel { mlcx_kernel_fn fn; void *user; } mx_kernel;
typedef struct mx_pass { const char *name; mlcx_pass_fn fn; void *user; } mx_pass;

struct mlcx_module {
    mlc_context     *ctx;
    mlci_arena       names;              /* of kernels and passes                */
    mlci_text_module *text;              /* points into itself: never moved       */
    char            *source;
    size_t           n_source;
    mlci_host        hosts[MX_KERNELS];
    mx_kernel        kernels[MX_KERNELS];
    size_t           n_hosts;
    mx_pass          passes[MX_PASSES];
    size_t           n_passes;
    mlci_array       result;
    size_t           result_bytes;
    mlc_error        err;
};

static mlcx_array mx_outside(const mlci_array *a)
{
    mlcx_array x = { a->data, mlci_dtype_table[a->dtype].name, a->rank,
                     { a->dims[0], a->dims[1], a->dims[2], a->dims[3] } };

    return x;
}

static int mx_call(void *user, const mlci_array *arrays, uint32_t n)
{
    const mx_kernel *k = user;
    mlcx_array list[MLCI_MAX_ARGS + 1];

    for (uint32_t i = 0; i < n; i++)
        list[i] = mx_outside(&arrays[i]);
    return k->fn(k->user, list, n);
}

static void mx_drop_text(mlc_context *ctx, mlci_text_module *t)
{
    if (t != NULL)
        mlci_text_close(t);
    mlci_delete(ctx, t, 1, sizeof *t);
}

static void mx_drop_result(mlcx_module *m)
{
    if (m->result_bytes > 0)
        mlci_delete(m->ctx, m->result.data, m->result_bytes, 1);
    m->result_bytes = 0;
}

mlc_status mlcx_module_open(mlc_context *ctx, const char *text, size_t n, mlcx_module **out,
                            mlc_error *err)
{
    mlcx_module *m;
    mlc_status st;

    if (ctx == NULL || out == NULL || (text == NULL && n > 0))
        return mlci_fail(err, MLC_EINVAL, 0, "context, text or out is NULL");
    *out = NULL;
    m = mlci_new(ctx, 1, sizeof *m);
    if (m == NULL)
        return mlci_nomem(err, "module");
    m->ctx = ctx;
    mlci_context_ref(ctx);
    mlci_arena_init(&m->names, ctx, (size_t)1 << 20);
    m->n_source = n + 1;
    m->source = mlci_new(ctx, m->n_source, 1);
    m->text = mlci_new(ctx, 1, sizeof *m->text);
    if (m->source != NULL && n > 0)
        memcpy(m->source, text, n);
    st = m->source == NULL || m->text == NULL ? mlci_nomem(&m->err, "module")
                           : mlci_text_open(m->text, ctx, m->source, n, &m->err);
    if (st != MLC_OK) {
        if (err != NULL)
            *err = m->err;
        mlcx_module_close(m);
        return st;
    }
    *out = m;
    return MLC_OK;
}

void mlcx_module_close(mlcx_module *m)
{
    mlc_context *ctx;

    if (m == NULL)
        return;
    ctx = m->ctx;
    mx_drop_result(m);
    mx_drop_text(ctx, m->text);
    mlci_arena_reset(&m->names);
    mlci_delete(ctx, m->source, m->n_source, 1);
    mlci_delete(ctx, m, 1, sizeof *m);
    mlci_context_unref(ctx);
}

mlc_status mlcx_module_print(mlcx_module *m, mlcx_text_fn write, void *user)
{
    mlc_status st = MLC_OK;
    mlci_buf b;

    mlci_buf_init(&b, m->ctx, (size_t)64 << 20);
    mlci_text_print(m->text, &b);
    if (b.failed)
        st = MLC_ENOMEM;
    else
        write(user, b.n > 0 ? b.data : "", b.n);
    mlci_buf_reset(&b);
    return st;
}

mlc_status mlcx_module_kernel(mlcx_module *m, const char *name, mlcx_kernel_fn fn, void *user,
                              mlc_error *err)
{
    const char *copy = name != NULL ? mlci_arena_copy(&m->names, name, strlen(name)) : NULL;

    if (copy == NULL || fn == NULL || m->n_hosts == MX_KERNELS)
        return mlci_fail(err, MLC_EINVAL, 0, "a kernel without name or function, or more than "
                         "%d", MX_KERNELS);
    m->kernels[m->n_hosts] = (mx_kernel){ fn, user };
    m->hosts[m->n_hosts] = (mlci_host){ copy, mx_call, &m->kernels[m->n_hosts] };
    m->n_hosts++;
    return MLC_OK;
}

/* ---- passes -------------------------------------------------------------------------------- */

mlc_status mlcx_module_pass(mlcx_module *m, const char *name, mlcx_pass_fn fn, void *user,
                            mlc_error *err)
{
    const char *copy = name != NULL ? mlci_arena_copy(&m->names, name, strlen(name)) : NULL;

    if (copy == NULL || fn == NULL || m->n_passes == MX_PASSES)
        return mlci_fail(err, MLC_EINVAL, 0, "a pass without name or function, or more than %d",
                         MX_PASSES);
    m->passes[m->n_passes++] = (mx_pass){ copy, fn, user };
    return MLC_OK;
}

static void mx_append(void *user, const char *text, size_t n) { mlci_buf_put(user, text, n); }

/* One of the library's passes, on a copy of the module, as text. */
static mlc_status mx_own_pass(mlcx_module *m, size_t pass, mlci_buf *out)
{
    mlci_text_module copy;
    mlc_status st = mlci_text_open(&copy, m->ctx, m->source, m->n_source - 1, &m->err);

    if (st == MLC_OK)
        st = mlci_text_pass(&copy, pass);
    if (st == MLC_OK)
        mlci_text_print(&copy, out);
    mlci_text_close(&copy);
    return st;
}

/* The text in place of the module's, if it reads; the module stays as it was if not. */
static mlc_status mx_take(mlcx_module *m, const mlci_buf *b)
{
    char *source = b->failed ? NULL : mlci_new(m->ctx, b->n + 1, 1);
    mlci_text_module *text = mlci_new(m->ctx, 1, sizeof *text);
    mlc_status st = mlci_nomem(&m->err, "module");

    if (source != NULL && text != NULL) {
        if (b->n > 0)
            memcpy(source, b->data, b->n);
        st = mlci_text_open(text, m->ctx, source, b->n, &m->err);
    }
    if (st != MLC_OK) {
        mx_drop_text(m->ctx, text);
        mlci_delete(m->ctx, source, b->n + 1, 1);
        return st;
    }
    mx_drop_result(m);
    mx_drop_text(m->ctx, m->text);
    mlci_delete(m->ctx, m->source, m->n_source, 1);
    m->source = source;
    m->n_source = b->n + 1;
    m->text = text;
    return MLC_OK;
}

/* One of the caller's. */
static mlc_status mx_user_pass(mlcx_module *m, const mx_pass *pass, mlci_buf *out)
{
    mlci_buf in;
    mlc_status st;

    mlci_buf_init(&in, m->ctx, mx_text_limit);
    mlci_text_print(m->text, &in);
    st = in.failed ? mlci_nomem(&m->err, "module")
       : pass->fn(pass->user, in.data, in.n, mx_append, out) == 0 ? MLC_OK
       : mlci_fail(&m->err, MLC_ECANCELED, 0, "it failed");
    mlci_buf_reset(&in);
    return st;
}

static bool mx_called(const char *name, const char *text, size_t n)
{
    return strlen(name) == n && memcmp(name, text, n) == 0;
}

/* What the pass of this name makes of the module. */
static mlc_status mx_pass_text(mlcx_module *m, const char *name, size_t n, mlci_buf *out)
{
    for (size_t i = 0; mlci_text_pass_name(i) != NULL; i++)
        if (mx_called(mlci_text_pass_name(i), name, n))
            return mx_own_pass(m, i, out);
    for (size_t i = 0; i < m->n_passes; i++)
        if (mx_called(m->passes[i].name, name, n))
            return mx_user_pass(m, &m->passes[i], out);
    return mlci_fail(&m->err, MLC_EINVAL, 0, "there is no such pass");
}

static mlc_status mx_pass_run(mlcx_module *m, const char *name, size_t n)
{
    mlc_status st;
    mlci_buf out;

    mlci_buf_init(&out, m->ctx, mx_text_limit);
    st = mx_pass_text(m, name, n, &out);
    if (st == MLC_OK && (out.n > 0 || out.failed))
        st = mx_take(m, &out);
    mlci_buf_reset(&out);
    return st;
}

mlc_status mlcx_module_optimize(mlcx_module *m, const char *passes, mlc_error *err)
{
    const char *p = passes != NULL ? passes : "common,dead,fuse";

    for (; *p != 0; p += *p == ',') {
        const size_t n = strcspn(p, ",");
        char name[60];
        mlc_status st = mx_pass_run(m, p, n);

        snprintf(name, sizeof name, "pass %.*s", (int)mlci_min(n, 40), p);
        if (st != MLC_OK) {
            if (err != NULL)
                *err = m->err;
            return mlci_error_prefix(err, st, name);
        }
        p += n;
    }
    return MLC_OK;
}

static mlc_status mx_run(mlcx_module *m, const mlci_function *f, const mlci_array *args,
                         mlc_error *err)
{
    mlc_status st;

    mx_drop_result(m);
    memset(&m->err, 0, sizeof m->err);
    st = mlci_text_run(m->text, f, args, m->hosts, m->n_hosts, &m->result, &m->result_bytes);
    if (st != MLC_OK && err != NULL)
        *err = m->err;
    return st;
}

static const mlci_function *mx_function(const mlcx_module *m, const char *name, mlc_error *err)
{
    const mlci_function *f = name != NULL ? mlci_text_function(m->text, name) : NULL;

    if (f == NULL)
        mlci_fail(err, MLC_EINVAL, 0, "no function \"%.60s\"", name != NULL ? name : "");
    return f;
}

mlc_status mlcx_module_run(mlcx_module *m, const char *function, const mlcx_array *args,
                           uint32_t n_args, mlcx_array *result, mlc_error *err)
{
    const mlci_function *f = mx_function(m, function, err);
    mlci_array list[MLCI_MAX_ARGS];
    mlc_status st;

    if (f == NULL)
        return MLC_EINVAL;
    if (n_args != f->n_params || (args == NULL && n_args > 0) || result == NULL)
        return mlci_fail(err, MLC_EINVAL, 0, "%s has %u parameters, not %u", f->name, f->n_params,
                         n_args);
    for (uint32_t i = 0; i < n_args; i++) {
        const char *type = args[i].type != NULL ? args[i].type : "";

        list[i] = (mlci_array){ args[i].data, MLCI_DT_F32, args[i].rank,
                                { args[i].dims[0], args[i].dims[1], args[i].dims[2],
                                  args[i].dims[3] } };
        if (args[i].rank > MLCI_MAX_RANK
            || !mlci_dtype_parse((mlci_text){ type, strlen(type) }, &list[i].dtype)
            || (list[i].dtype != MLCI_DT_SHAPE && args[i].data == NULL))
            return mlci_fail(err, MLC_EINVAL, 0, "argument %u: type, rank or data", i + 1);
        for (uint32_t d = 0; d < args[i].rank; d++)
            if (args[i].dims[d] < 0)
                return mlci_fail(err, MLC_EINVAL, 0, "argument %u: a size below zero", i + 1);
    }
    st = mx_run(m, f, list, err);
    if (st == MLC_OK)
        *result = mx_outside(&m->result);
    return st;
}

/* ---- trying ------------------------------------------------------------------------- */

/* "n=3,m=8": the value of a name, or the default. */
static int64_t mx_size(const char *sizes, const char *name)
{
    size_t n = strlen(name);

    while (sizes != NULL && *sizes != 0) {
        if (strncmp(sizes, name, n) == 0 && sizes[n] == '=')
            return strtol(sizes + n + 1, NULL, 10);
        sizes += strcspn(sizes, ",");
        sizes += *sizes == ',';
    }
    return MX_DEFAULT_SIZE;
}

static size_t mx_make(mlcx_module *m, const mlci_stmt *s, const int64_t *env, mlci_array *a,
                      mlc_error *err)
{
    size_t n = 1;

    *a = (mlci_array){ NULL, s->type.dtype, s->type.rank, { 1, 1, 1, 1 } };
    for (uint32_t d = 0; d < a->rank; d++) {
        a->dims[d] = MX_DEFAULT_SIZE;
        if (s->type.dims[d] != MLCI_DIM_ANY
            && (!mlci_dim_at(&m->text->dims, s->type.dims[d], env, m->text->dims.n_atoms,
                             &a->dims[d]) || a->dims[d] < 0))
            a->dims[d] = 0;
        n = mlci_mul(n, (size_t)a->dims[d]);
    }
    if (a->dtype == MLCI_DT_SHAPE)
        return 0;
    n = mlci_add(mlci_mul(n, mlci_dtype_table[a->dtype].bytes), 8);
    a->data = mlci_new(m->ctx, n, 1);
    if (a->data == NULL) {
        mlci_nomem(err, "arguments");
        return 0;
    }
    for (size_t k = 0; k < (n - 8) / mlci_dtype_table[a->dtype].bytes; k++)
        mlci_element_set(a->dtype, a->data, k, mlci_dtype_table[a->dtype].value == MLCI_DT_F32
                         ? ((double)(k % 17) - 8) / 8 : (double)(k % 4));
    return n;
}

static void mx_show(mlcx_module *m, mlcx_text_fn write, void *user)
{
    const mlci_array *a = &m->result;
    size_t n = 1, row = a->rank > 0 ? (size_t)a->dims[a->rank - 1] : 1;
    mlci_buf b;

    mlci_buf_init(&b, m->ctx, (size_t)1 << 24);
    mlci_buf_format(&b, "%s[", mlci_dtype_table[a->dtype].name);
    for (uint32_t d = 0; d < a->rank; d++) {
        mlci_buf_format(&b, "%s%lld", d > 0 ? ", " : "", (long long)a->dims[d]);
        n = mlci_mul(n, (size_t)a->dims[d]);
    }
    mlci_buf_text(&b, "]\n");
    for (size_t k = 0; k < n && a->data != NULL && !b.failed; k++)
        mlci_buf_format(&b, "%g%s", mlci_element_get(a->dtype, a->data, k),
                        (k + 1) % row == 0 ? "\n" : " ");
    write(user, b.data, b.n);
    mlci_buf_reset(&b);
}

mlc_status mlcx_module_try(mlcx_module *m, const char *function, const char *sizes,
                           mlcx_text_fn write, void *user, mlc_error *err)
{
    const mlci_function *f = mx_function(m, function, err);
    size_t bytes[MLCI_MAX_ARGS] = { 0 };
    mlci_array args[MLCI_MAX_ARGS];
    uint32_t n_env = m->text->dims.n_atoms;
    mlc_status st = MLC_OK;
    int64_t *env;

    if (f == NULL)
        return MLC_EINVAL;
    env = mlci_new(m->ctx, n_env, sizeof *env);
    if (env == NULL)
        return mlci_nomem(err, "arguments");
    for (uint32_t i = 0; i < f->scope.n; i++)
        env[mlci_dim_atom(&m->text->dims, f->scope.dims[i])] = mx_size(sizes, f->scope.names[i]);
    for (uint32_t i = 0; i < f->n_params && st == MLC_OK; i++) {
        bytes[i] = mx_make(m, &f->stmts[i], env, &args[i], err);
        if (bytes[i] == 0 && args[i].dtype != MLCI_DT_SHAPE)
            st = MLC_ENOMEM;
    }
    if (st == MLC_OK)
        st = mx_run(m, f, args, err);
    if (st == MLC_OK)
        mx_show(m, write, user);
    for (uint32_t i = 0; i < f->n_params; i++)
        if (bytes[i] > 0)
            mlci_delete(m->ctx, args[i].data, bytes[i], 1);
    mlci_delete(m->ctx, env, n_env, sizeof *env);
    return st;
}
