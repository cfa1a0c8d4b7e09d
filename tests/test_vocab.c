/* SPDX-License-Identifier: Apache-2.0
 *
 * test_vocab.c - the tree of a vocabulary holds every token once.
 */
#include "golden.h"
#include "../src/grammar/vocab.h"

static mlc_context *ctx;

typedef struct words { mlci_vocab_token *tokens; char *bytes; uint32_t n; } words;

/* Short words of few letters: many prefixes of others, some the same, some empty. */
static words make(uint32_t n, uint32_t longest, uint64_t seed)
{
    static const char letters[] = "ab1-\xc3\xa4\"{ ";
    words w = { calloc(n, sizeof *w.tokens), malloc((size_t)n * (longest + 1)), n };

    for (uint32_t i = 0; i < n; i++) {
        char *p = w.bytes + (size_t)i * (longest + 1);

        w.tokens[i] = (mlci_vocab_token){ p, t_below(&seed, longest + 1) };
        for (size_t k = 0; k < w.tokens[i].n; k++)
            p[k] = letters[t_below(&seed, sizeof letters - 1)];
    }
    return w;
}

static void release(words *w)
{
    free(w->tokens);
    free(w->bytes);
}

/* Every token at the end of its own path, and nothing else. */
static void check_tree(const mlci_vocab *v, const words *w)
{
    char path[MLCI_TOKEN_BYTES];
    uint32_t found = 0, want = 0, wrong = 0;

    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const mlci_vocab_node *n = &v->nodes[i];

        path[n->depth - 1] = (char)n->byte;
        /* a node follows the one above it, or what is below one that has the same above */
        wrong += n->depth > (i > 0 ? v->nodes[i - 1].depth + 1u : 1u);
        for (int32_t t = n->token; t >= 0; t = v->same[t], found++)
            wrong += w->tokens[t].n != n->depth || memcmp(w->tokens[t].p, path, n->depth) != 0;
    }
    for (uint32_t i = 0; i < w->n; i++)
        want += w->tokens[i].n > 0;
    T_CHECK(wrong == 0 && found == want, "%u wrong, %u tokens of %u", wrong, found, want);
}

static void test_random(uint32_t n, uint32_t longest)
{
    words w = make(n, longest, t_seed + n);
    mlc_error err = { 0 };
    mlci_vocab v;

    T_CASE("%u tokens of up to %u bytes", n, longest);
    T_CHECK(mlci_vocab_open(&v, ctx, w.tokens, n, &err) == MLC_OK, "%s", err.text);
    check_tree(&v, &w);
    mlci_vocab_close(&v);
    release(&w);
}

/* All alike for long: each a prefix of the next; thousands the same. */
static void test_hostile(void)
{
    static char bytes[5000];
    static mlci_vocab_token tokens[5000];
    words w = { tokens, bytes, 5000 };
    mlc_error err = { 0 };
    mlci_vocab v;

    T_CASE("5000 prefixes of one another");
    memset(bytes, 'a', sizeof bytes);
    for (uint32_t i = 0; i < 5000; i++)
        tokens[i] = (mlci_vocab_token){ bytes, (i * 7919) % 5000 };
    T_CHECK(mlci_vocab_open(&v, ctx, tokens, 5000, &err) == MLC_OK && v.n_nodes == 4999, "%s",
            err.text);
    check_tree(&v, &w);
    mlci_vocab_close(&v);
    T_CASE("5000 times the same");
    for (uint32_t i = 0; i < 5000; i++)
        tokens[i] = (mlci_vocab_token){ bytes, 3000 };
    T_CHECK(mlci_vocab_open(&v, ctx, tokens, 5000, &err) == MLC_OK && v.n_nodes == 3000, "%s",
            err.text);
    check_tree(&v, &w);
    mlci_vocab_close(&v);
    T_CASE("a token that is too long");
    tokens[7].n = MLCI_TOKEN_BYTES + 1;
    T_CHECK(mlci_vocab_open(&v, ctx, tokens, 5000, &err) == MLC_EUNSUPPORTED
            && strstr(err.text, "token 7") != NULL, "%s", err.text);
    T_CASE("no tokens");
    T_CHECK(mlci_vocab_open(&v, ctx, tokens, 0, &err) == MLC_OK && v.n_nodes == 0, "%s", err.text);
    mlci_vocab_close(&v);
}

int main(void)
{
    ctx = test_context(NULL);
    t_begin();
    test_random(10, 3);
    test_random(3000, 6);
    test_random(20000, 12);
    test_random(2000, 300);
    test_hostile();
    mlc_context_close(ctx);
    return t_done();
}
