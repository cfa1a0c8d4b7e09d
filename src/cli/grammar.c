/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar.c - mlc grammar: a schema or expression against texts, and the tokens that may
 * come.
 */
#include "grammar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- vocabularies ----------------------------------------------------------------------- */

static int gm_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c != 0 ? strchr(digits, c) : NULL;

    return p != NULL ? (int)(p - digits) : -1;
}

/* tiktoken's ranks: "BASE64 RANK" on each line, ranks from 0 on. */
static bool gm_ranks(const char *text, size_t n, cli_tokens *t)
{
    uint32_t at = 0, lines = 0;

    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    t->bytes = malloc(n + 1);
    t->offsets = calloc((size_t)lines + 2, sizeof *t->offsets);
    for (size_t i = 0; i < n && t->bytes != NULL && t->offsets != NULL;) {
        unsigned bits = 0, have = 0;

        for (; i < n && gm_digit(text[i]) >= 0; i++) {
            bits = bits << 6 | (unsigned)gm_digit(text[i]);
            have += 6;
            if (have >= 8)
                t->bytes[at++] = (char)(bits >> (have -= 8));
        }
        while (i < n && text[i] == '=')
            i++;
        if (i >= n || text[i] != ' ' || strtoul(text + i, NULL, 10) != t->n)
            return false;
        t->offsets[++t->n] = at;
        while (i < n && text[i++] != '\n')
            ;
    }
    return t->n > 0 && t->offsets != NULL;
}

/* A model's tokenizer, or a file of ranks. */
static int gm_vocab(const cli_options *o, mlc_context *ctx, cli_tokens *t, mlc_vocab **v)
{
    mlc_tokenizer *tok;
    mlc_status st;
    mlc_error err;
    size_t n;
    char *text;

    if (mlc_tokenizer_open(ctx, o->model, &tok, &err) == MLC_OK) {
        st = mlc_vocab_of(ctx, tok, v, &err);
        t->n = (uint32_t)mlc_tokenizer_size(tok);
        t->offsets = calloc((size_t)t->n + 1, sizeof *t->offsets);
        t->bytes = malloc((size_t)t->n * mlc_tokenizer_max_piece(tok) + 1);
        for (uint32_t i = 0; i < t->n && t->offsets != NULL && t->bytes != NULL; i++) {
            const char *p = "";
            size_t k = 0;

            (void)mlc_tokenizer_piece(tok, (int32_t)i, &p, &k);
            memcpy(t->bytes + t->offsets[i], p, k);
            t->offsets[i + 1] = t->offsets[i] + (uint32_t)k;
        }
        mlc_tokenizer_close(tok);
        return st == MLC_OK ? 0 : cli_fail_status(&err);
    }
    text = cli_read_file(o->model, &n);
    if (text == NULL)
        return 1;
    if (!gm_ranks(text, n, t)) {
        free(text);
        return cli_fail("%s: neither a model nor a file of tiktoken ranks", o->model);
    }
    free(text);
    st = mlc_vocab_open(ctx, t->bytes, t->offsets, t->n, NULL, 0, v, &err);
    return st == MLC_OK ? 0 : cli_fail_status(&err);
}

/* ---- questions -------------------------------------------------------------------------- */

static void gm_print_bytes(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] < 0x20 || (unsigned char)p[i] >= 0x7f)
            printf("\\x%02x", (unsigned)(unsigned char)p[i]);
        else
            putchar(p[i]);
}

/* One file: 0 if it fits. */
static int gm_check_file(mlc_grammar *g, const char *path)
{
    mlc_matcher *m = NULL;
    size_t n, taken = 0;
    char *text = cli_read_file(path, &n);
    mlc_status st;
    bool ends;

    if (text == NULL)
        return 1;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    st = mlc_matcher_open(g, &m, NULL);
    if (st == MLC_OK)
        st = mlc_matcher_accept_bytes(m, text, n, &taken);
    ends = st == MLC_OK && mlc_matcher_may_end(m);
    if (ends)
        printf("%s: fits\n", path);
    else if (st == MLC_OK)
        printf("%s: does not fit: more must come after byte %zu\n", path, n);
    else if (st == MLC_EFORMAT) {
        printf("%s: does not fit at byte %zu, after \"", path, taken);
        gm_print_bytes(text + (taken > 40 ? taken - 40 : 0), taken > 40 ? 40 : taken);
        printf("\"\n");
    } else {
        printf("%s: %s\n", path, mlc_status_name(st));
    }
    mlc_matcher_close(m);
    free(text);
    return !ends;
}

static int gm_check(mlc_grammar *g, const cli_files *files)
{
    int bad = gm_check_file(g, files->first);

    for (int i = 0; i < files->n_more; i++)
        bad |= gm_check_file(g, files->more[i]);
    return bad;
}

static int gm_mask_after(mlc_grammar *g, const mlc_vocab *v, const cli_tokens *t, const char *text)
{
    uint32_t *mask = calloc(mlc_vocab_words(v), sizeof *mask), allowed = 0;
    size_t n_forced = 0, taken = 0;
    mlc_matcher *m = NULL;
    char forced[256];
    int rc = 0;

    if (mask == NULL || mlc_matcher_open(g, &m, NULL) != MLC_OK) {
        rc = cli_fail("out of memory");
    } else if (mlc_matcher_accept_bytes(m, text, strlen(text), &taken) != MLC_OK) {
        rc = cli_fail("\"%s\" cannot begin a text of this grammar: byte %zu", text, taken);
    } else if (mlc_matcher_forced(m, forced, sizeof forced, &n_forced) != MLC_OK
               || mlc_matcher_mask(m, mask) != MLC_OK) {
        rc = cli_fail("the grammar's limit was reached");
    }
    for (uint32_t i = 0; i < t->n && rc == 0; i++) {
        if ((mask[i / 32] >> (i % 32) & 1) == 0)
            continue;
        if (allowed++ < 100) {
            printf("%7u  ", i);
            gm_print_bytes(t->bytes + t->offsets[i], t->offsets[i + 1] - t->offsets[i]);
            putchar('\n');
        }
    }
    if (rc == 0) {
        printf("%u of %u tokens%s%s", allowed, t->n, allowed > 100 ? ", the first 100 shown" : "",
               mlc_matcher_may_end(m) ? "; the text may end" : "");
        if (n_forced > 0) {
            printf("; forced: \"");
            gm_print_bytes(forced, n_forced);
            putchar('"');
        }
        putchar('\n');
    }
    mlc_matcher_close(m);
    free(mask);
    return rc;
}

/* ---- the command ------------------------------------------------------------------------ */

static uint32_t gm_flags(const cli_options *o)
{
    return (o->no_format ? MLC_GRAMMAR_NO_FORMAT : 0u) | (o->compact ? MLC_GRAMMAR_COMPACT : 0u)
         | (o->spaced ? MLC_GRAMMAR_SPACED : 0u) | (o->in_order ? MLC_GRAMMAR_IN_ORDER : 0u)
         | (o->plain ? MLC_GRAMMAR_PLAIN : 0u) | (o->lax ? MLC_GRAMMAR_LAX : 0u);
}

static int gm_run(const cli_options *o, mlc_context *ctx, cli_tokens *t, mlc_vocab **v,
                  mlc_grammar **g)
{
    const char *const file = o->schema != NULL ? o->schema : o->ebnf != NULL ? o->ebnf
                           : o->lark != NULL ? o->lark : o->tag != NULL ? o->tag : o->any;
    mlc_grammar_options opts;
    char *text = NULL;
    mlc_status st;
    mlc_error err;
    double begin, compiled;
    size_t n = 0;
    int rc;

    if ((o->schema != NULL) + (o->regex != NULL) + (o->ebnf != NULL) + (o->lark != NULL)
            + (o->tag != NULL) + (o->any != NULL) + (o->bench != NULL) != 1)
        return cli_fail("mlc grammar wants one of --schema, --regex, --ebnf, --lark, --tag, "
                        "--any, --bench");
    if (gm_vocab(o, ctx, t, v) != 0)
        return 1;
    if (file != NULL) {
        text = cli_read_file(file, &n);
        if (text == NULL)
            return 1;
    }
    mlc_grammar_options_init(&opts);
    opts.kind = o->regex != NULL ? MLC_GRAMMAR_REGEX : o->ebnf != NULL ? MLC_GRAMMAR_EBNF
              : o->lark != NULL ? MLC_GRAMMAR_LARK : o->tag != NULL ? MLC_GRAMMAR_TAGS
              : o->any != NULL ? MLC_GRAMMAR_ANY : MLC_GRAMMAR_JSON_SCHEMA;
    opts.flags = gm_flags(o);
    if (o->bench != NULL) {
        opts.flags |= MLC_GRAMMAR_FRESH;
        return cli_grammar_bench(*v, t, &opts, o->bench);
    }
    begin = cli_seconds();
    st = mlc_grammar_open(*v, text != NULL ? text : o->regex, text != NULL ? n : strlen(o->regex),
                          &opts, g, &err);
    free(text);
    if (st != MLC_OK)
        return cli_fail_status(&err);
    compiled = cli_seconds() - begin;
    rc = o->check.first != NULL ? gm_check(*g, &o->check)
       : o->mask_after != NULL ? gm_mask_after(*g, *v, t, o->mask_after) : 0;
    if (o->explain_grammar) {
        printf("compiled in %.3f ms; now %zu states, %zu bytes\n", 1e3 * compiled,
               mlc_grammar_states(*g), mlc_grammar_bytes(*g));
        if (mlc_grammar_dropped(*g)[0] != 0)
            printf("left out:\n%s", mlc_grammar_dropped(*g));
    }
    return rc;
}

int cli_grammar(const cli_options *o)
{
    cli_tokens t = { NULL, NULL, 0 };
    mlc_grammar *g = NULL;
    mlc_vocab *v = NULL;
    mlc_context *ctx;
    int rc;

    if (cli_open(o, &ctx, NULL, 0, NULL) != 0)
        return 1;
    rc = gm_run(o, ctx, &t, &v, &g);
    mlc_grammar_close(g);
    mlc_vocab_close(v);
    free(t.bytes);
    free(t.offsets);
    mlc_context_close(ctx);
    return rc;
}
