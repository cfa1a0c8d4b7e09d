/* SPDX-License-Identifier: Apache-2.0
 *
 * module_api.c - mlc_experimental.h's calls for modules as text.
 */
#include "../../include/mlc_experimental.h"
#include "../compiler/module.h"

#include <stdlib.h>
#include <string.h>

enum { MX_KERNELS = 32, MX_DEFAULT_SIZE = 4 };

typedef struct mx_kernel { mlcx_kernel_fn fn; void *user; } mx_kernel;

struct mlcx_module {
    mlc_context     *ctx;
    mlci_text_module text;
    char            *source;
    size_t           n_source;
    mlci_host        hosts[MX_KERNELS];
    mx_kernel        kernels[MX_KERNELS];
    size_t           n_hosts;
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
    m->n_source = n + 1;
    m->source = mlci_new(ctx, m->n_source, 1);
    if (m->source != NULL && n > 0)
        memcpy(m->source, text, n);
    st = m->source == NULL ? mlci_nomem(&m->err, "module")
                           : mlci_text_open(&m->text, ctx, m->source, n, &m->err);
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
    mlci_text_close(&m->text);
    mlci_delete(ctx, m->source, m->n_source, 1);
    mlci_delete(ctx, m, 1, sizeof *m);
    mlci_context_unref(ctx);
}

mlc_status mlcx_module_print(mlcx_module *m, mlcx_text_fn write, void *user)
{
    mlc_status st = MLC_OK;
    mlci_buf b;

    mlci_buf_init(&b, m->ctx, (size_t)64 << 20);
    mlci_text_print(&m->text, &b);
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
    const char *copy = name != NULL ? mlci_arena_copy(&m->text.arena, name, strlen(name)) : NULL;

    if (copy == NULL || fn == NULL || m->n_hosts == MX_KERNELS)
        return mlci_fail(err, MLC_EINVAL, 0, "a kernel without name or function, or more than "
                         "%d", MX_KERNELS);
    m->kernels[m->n_hosts] = (mx_kernel){ fn, user };
    m->hosts[m->n_hosts] = (mlci_host){ copy, mx_call, &m->kernels[m->n_hosts] };
    m->n_hosts++;
    return MLC_OK;
}

static mlc_status mx_run(mlcx_module *m, const mlci_function *f, const mlci_array *args,
                         mlc_error *err)
{
    mlc_status st;

    mx_drop_result(m);
    memset(&m->err, 0, sizeof m->err);
    st = mlci_text_run(&m->text, f, args, m->hosts, m->n_hosts, &m->result, &m->result_bytes);
    if (st != MLC_OK && err != NULL)
        *err = m->err;
    return st;
}

static const mlci_function *mx_function(const mlcx_module *m, const char *name, mlc_error *err)
{
    const mlci_function *f = name != NULL ? mlci_text_function(&m->text, name) : NULL;

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
            && (!mlci_dim_at(&m->text.dims, s->type.dims[d], env, m->text.dims.n_atoms,
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
    uint32_t n_env = m->text.dims.n_atoms;
    mlc_status st = MLC_OK;
    int64_t *env;

    if (f == NULL)
        return MLC_EINVAL;
    env = mlci_new(m->ctx, n_env, sizeof *env);
    if (env == NULL)
        return mlci_nomem(err, "arguments");
    for (uint32_t i = 0; i < f->scope.n; i++)
        env[mlci_dim_atom(&m->text.dims, f->scope.dims[i])] = mx_size(sizes, f->scope.names[i]);
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
