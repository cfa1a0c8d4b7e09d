/* SPDX-License-Identifier: Apache-2.0
 *
 * tags.c - tags.h.  Triggers are found as by Aho and Corasick (1975).
 */
#include "tags.h"

#include <string.h>

enum { TG_MOST = 4096 };

/* ---- reading ------------------------------------------------------------------------------ */

static mlc_status tg_text(mlci_tags *t, const mlci_json *v, const char *what, mlci_name *out,
                          mlc_error *err)
{
    if (v == NULL || v->type != MLCI_JSON_STRING || v->text_bytes > TG_MOST)
        return mlci_fail(err, MLC_EFORMAT, 0, "tags: %s is no text of at most %d bytes", what,
                         TG_MOST);
    out->p = mlci_arena_copy(&t->arena, v->text, v->text_bytes);
    out->n = (uint32_t)v->text_bytes;
    return out->p != NULL ? MLC_OK : mlci_nomem(err, "tags");
}

static bool tg_begins(const mlci_name *text, const mlci_name *with)
{
    return text->n >= with->n && memcmp(text->p, with->p, with->n) == 0;
}

static mlc_status tg_schema(mlci_tags *t, mlci_tag *x, const mlci_json *schema,
                            const mlci_schema_options *o, size_t limit, mlc_error *err)
{
    mlc_status st;
    mlci_buf b;

    mlci_buf_init(&b, t->ctx, limit);
    mlci_json_write(schema, &b);
    st = b.failed ? mlci_nomem(err, "tags")
                  : mlci_schema_open(&x->s, t->ctx, b.data, b.n, o, limit, err);
    mlci_buf_reset(&b);
    t->n_open = t->n_tags + (st == MLC_OK);
    return st == MLC_OK ? mlci_machine_open(&x->m, &x->s, err) : st;
}

/* A regular expression as a grammar of one terminal: between slashes, others escaped. */
static void tg_lark(const mlci_json *regex, mlci_buf *b)
{
    mlci_buf_text(b, "start: /");
    for (size_t i = 0; i < regex->text_bytes; i++) {
        const char c = regex->text[i];

        if (c == '/')
            mlci_buf_char(b, '\\');
        if (c == '\n')
            mlci_buf_text(b, "\\n");
        else
            mlci_buf_char(b, c);
        if (c == '\\' && i + 1 < regex->text_bytes)
            mlci_buf_char(b, regex->text[++i]);
    }
    mlci_buf_text(b, "/\n");
}

static mlc_status tg_rules(mlci_tags *t, mlci_tag *x, const mlci_json *text, bool regex,
                           int notation, const mlci_schema_options *o, size_t limit,
                           mlc_error *err)
{
    mlc_status st;
    mlci_buf b;

    if (text->type != MLCI_JSON_STRING)
        return mlci_fail(err, MLC_EFORMAT, 0, "a grammar that is no text");
    st = mlci_schema_open(&x->s, t->ctx, "true", 4, o, limit, err);
    t->n_open = t->n_tags + (st == MLC_OK);
    mlci_buf_init(&b, t->ctx, limit);
    if (regex)
        tg_lark(text, &b);
    else
        mlci_buf_put(&b, text->text, text->text_bytes);
    x->whole = x->end.n > 0;
    if (st == MLC_OK)
        st = b.failed ? mlci_nomem(err, "tags")
           : mlci_machine_open_cfg(&x->m, &x->s, b.n > 0 ? b.data : "", b.n, notation,
                                   x->whole ? &x->end : NULL, err);
    mlci_buf_reset(&b);
    return st;
}

static mlc_status tg_tag(mlci_tags *t, const mlci_json *v, const mlci_schema_options *o,
                         size_t limit, mlc_error *err)
{
    static const char *const keys[] = { "schema", "regex", "ebnf", "lark" };
    mlci_tag *x = &t->tags[t->n_tags];
    const mlci_json *content = NULL;
    mlc_error why = { 0 };
    mlc_status st = tg_text(t, mlci_json_get(v, "begin"), "begin", &x->begin, err);
    size_t kind = 0, n = 0;

    if (st == MLC_OK)
        st = tg_text(t, mlci_json_get(v, "end"), "end", &x->end, err);
    if (st != MLC_OK)
        return st;
    for (size_t i = 0; i < 4; i++)
        if (mlci_json_get(v, keys[i]) != NULL) {
            content = mlci_json_get(v, keys[i]);
            kind = i;
            n++;
        }
    if (n != 1)
        return mlci_fail(err, MLC_EFORMAT, 0, "tags: structure %zu has %s schema, regex, ebnf or "
                         "lark", t->n_tags, n == 0 ? "no" : "more than one of");
    st = kind == 0 ? tg_schema(t, x, content, o, limit, &why)
       : tg_rules(t, x, content, kind == 1, kind == 2 ? MLCI_CFG_EBNF : MLCI_CFG_LARK, o, limit,
                  &why);
    if (st != MLC_OK)
        return mlci_fail(err, st, 0, "tags: structure %zu: %s", t->n_tags, why.text);
    t->n_tags++;
    return MLC_OK;
}

static uint32_t tg_child(const mlci_tags *t, uint32_t node, uint8_t byte)
{
    for (uint32_t c = t->nodes[node].child; c != 0; c = t->nodes[c].sibling)
        if (t->nodes[c].byte == byte)
            return c;
    return 0;
}

/* The node after a byte of free text. */
static uint32_t tg_next(const mlci_tags *t, uint32_t node, uint8_t byte)
{
    uint32_t c;

    while ((c = tg_child(t, node, byte)) == 0 && node != 0)
        node = t->nodes[node].fail;
    return c;
}

static mlc_status tg_triggers(mlci_tags *t, mlc_error *err)
{
    size_t total = 1;

    for (size_t i = 0; i < t->n_triggers; i++)
        total += t->triggers[i].n;
    t->nodes = mlci_arena_new(&t->arena, total, sizeof *t->nodes);
    if (t->nodes == NULL)
        return mlci_nomem(err, "tags");
    t->nodes[0].trigger = -1;
    t->n_nodes = 1;
    for (size_t i = 0; i < t->n_triggers; i++) {
        uint32_t at = 0;

        for (uint32_t k = 0; k < t->triggers[i].n; k++) {
            const uint8_t byte = (uint8_t)t->triggers[i].p[k];
            uint32_t c = tg_child(t, at, byte);

            if (c == 0) {
                c = t->n_nodes++;
                t->nodes[c] = (mlci_trigger_node){ 0, t->nodes[at].child, 0, -1, byte };
                t->nodes[at].child = c;
            }
            at = c;
        }
        t->nodes[at].trigger = (int32_t)i;
    }
    /* Fails, parents before their children: a child is made after its parent, but one of
     * another trigger may lie deeper, so until nothing changes. */
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < t->n_nodes; i++)
            for (uint32_t c = t->nodes[i].child; c != 0; c = t->nodes[c].sibling) {
                uint32_t fail = i == 0 ? 0 : tg_next(t, t->nodes[i].fail, t->nodes[c].byte);

                more |= fail != t->nodes[c].fail;
                t->nodes[c].fail = fail;
                if (t->nodes[c].trigger < 0 && t->nodes[fail].trigger >= 0) {
                    t->nodes[c].trigger = t->nodes[fail].trigger;
                    more = true;
                }
            }
    }
    return MLC_OK;
}

static mlc_status tg_check(const mlci_tags *t, mlc_error *err)
{
    for (size_t i = 0; i < t->n_tags; i++) {
        bool any = false;

        for (size_t k = 0; k < t->n_triggers; k++)
            any |= tg_begins(&t->tags[i].begin, &t->triggers[k]);
        if (!any)
            return mlci_fail(err, MLC_EFORMAT, 0, "tags: structure %zu begins with no trigger", i);
        for (size_t k = 0; k < t->n_tags; k++)
            if (k != i && tg_begins(&t->tags[i].begin, &t->tags[k].begin))
                return mlci_fail(err, MLC_EUNSUPPORTED, 0,
                                 "tags: structure %zu begins as structure %zu", i, k);
    }
    for (size_t k = 0; k < t->n_triggers; k++)
        if (t->triggers[k].n == 0)
            return mlci_fail(err, MLC_EFORMAT, 0, "tags: an empty trigger");
    return MLC_OK;
}

static mlc_status tg_read(mlci_tags *t, const mlci_json *v, const mlci_schema_options *o,
                          size_t limit, mlc_error *err)
{
    const mlci_json *list = mlci_json_get(v, "structures"), *x;
    const mlci_json *triggers = mlci_json_get(v, "triggers");
    mlc_status st = MLC_OK;

    if (list == NULL || list->type != MLCI_JSON_ARRAY || list->n_items == 0
        || list->n_items > TG_MOST || triggers == NULL || triggers->type != MLCI_JSON_ARRAY
        || triggers->n_items == 0 || triggers->n_items > TG_MOST)
        return mlci_fail(err, MLC_EFORMAT, 0, "tags: no lists of structures and triggers");
    t->tags = mlci_arena_new(&t->arena, list->n_items, sizeof *t->tags);
    t->triggers = mlci_arena_new(&t->arena, triggers->n_items, sizeof *t->triggers);
    if (t->tags == NULL || t->triggers == NULL)
        return mlci_nomem(err, "tags");
    for (x = list->items; x != NULL && st == MLC_OK; x = x->next)
        st = tg_tag(t, x, o, limit / list->n_items, err);
    for (x = triggers->items; x != NULL && st == MLC_OK; x = x->next)
        st = tg_text(t, x, "a trigger", &t->triggers[t->n_triggers++], err);
    x = mlci_json_get(v, "at_least_one");
    t->at_least_one = x != NULL && x->type == MLCI_JSON_TRUE;
    x = mlci_json_get(v, "stop_after_first");
    t->stop_after_first = x != NULL && x->type == MLCI_JSON_TRUE;
    if (st == MLC_OK)
        st = tg_check(t, err);
    return st == MLC_OK ? tg_triggers(t, err) : st;
}

mlc_status mlci_tags_open(mlci_tags *t, mlc_context *ctx, const char *text, size_t n,
                          const mlci_schema_options *o, size_t limit, mlc_error *err)
{
    mlc_error why = { 0 };
    const mlci_json *v;
    mlci_arena json;
    mlc_status st;

    *t = (mlci_tags){ .ctx = ctx };
    mlci_arena_init(&t->arena, ctx, limit);
    mlci_arena_init(&json, ctx, limit);
    st = mlci_json_parse(&json, text, n, &v, &why);
    if (st != MLC_OK)
        st = mlci_fail(err, st == MLC_EINVAL ? MLC_EFORMAT : st, 0, "tags: %s", why.text);
    else
        st = tg_read(t, v, o, limit, err);
    mlci_arena_reset(&json);
    if (st != MLC_OK)
        mlci_tags_close(t);
    return st;
}

void mlci_tags_close(mlci_tags *t)
{
    if (t->ctx == NULL)
        return;
    for (size_t i = 0; i < t->n_open; i++) {
        mlci_machine_close(&t->tags[i].m);
        mlci_schema_close(&t->tags[i].s);
    }
    mlci_arena_reset(&t->arena);
    t->ctx = NULL;
}

size_t mlci_tags_bytes(const mlci_tags *t)
{
    size_t n = t->arena.used;

    for (size_t i = 0; i < t->n_tags; i++)
        n += mlci_schema_bytes(&t->tags[i].s) + mlci_machine_bytes(&t->tags[i].m);
    return n;
}

/* ---- steps -------------------------------------------------------------------------------- */

static const mlci_tag_place tg_dead = { MLCI_TAG_DEAD, 0, 0, 0 };

/* n bytes of a begin have come, with this trigger: the value if that is all of one. */
static mlci_tag_place tg_begun(const mlci_tags *t, mlci_tag_place p, const mlci_name *last)
{
    for (uint32_t i = 0; i < t->n_tags; i++)
        if (t->tags[i].begin.n == p.b && memcmp(t->tags[i].begin.p, last->p, p.b) == 0)
            return (mlci_tag_place){ MLCI_TAG_VALUE, i, t->tags[i].m.start, p.some };
    return p;
}

/* The begins that share p.b bytes are told by one of them: number p.a. */
static mlci_tag_place tg_begin(const mlci_tags *t, mlci_tag_place p, uint8_t byte)
{
    const mlci_name *so_far = &t->tags[p.a].begin;

    for (uint32_t i = 0; i < t->n_tags; i++) {
        const mlci_name *x = &t->tags[i].begin;

        if (x->n > p.b && memcmp(x->p, so_far->p, p.b) == 0 && (uint8_t)x->p[p.b] == byte)
            return tg_begun(t, (mlci_tag_place){ MLCI_TAG_BEGIN, i, p.b + 1, p.some }, x);
    }
    return tg_dead;
}

static mlci_tag_place tg_free(const mlci_tags *t, mlci_tag_place p, uint8_t byte)
{
    const uint32_t node = tg_next(t, p.a, byte);
    const mlci_name *trigger;

    if (t->nodes[node].trigger < 0)
        return (mlci_tag_place){ MLCI_TAG_FREE, node, 0, p.some };
    trigger = &t->triggers[t->nodes[node].trigger];
    for (uint32_t i = 0; i < t->n_tags; i++)
        if (tg_begins(&t->tags[i].begin, trigger))
            return tg_begun(t, (mlci_tag_place){ MLCI_TAG_BEGIN, i, trigger->n, p.some },
                            &t->tags[i].begin);
    return tg_dead;
}

static mlci_tag_place tg_ended(const mlci_tags *t, mlci_tag_place p)
{
    if (p.b < t->tags[p.a].end.n)
        return p;
    return (mlci_tag_place){ t->stop_after_first ? MLCI_TAG_DONE : MLCI_TAG_FREE, 0, 0, 1 };
}

static mlci_tag_place tg_value(mlci_tags *t, mlci_machine *outer, mlci_tag_place p, uint8_t byte)
{
    mlci_tag *x = &t->tags[p.a];
    const bool may_end = !x->whole && mlci_machine_may_end(&x->m, p.b);
    mlci_state to;

    if (may_end && x->end.n > 0 && (uint8_t)x->end.p[0] == byte)
        return tg_ended(t, (mlci_tag_place){ MLCI_TAG_END, p.a, 1, p.some });
    x->m.text = outer->text;
    x->m.n_text = outer->n_text;
    x->m.trying = outer->trying;
    x->m.impure = false;
    to = mlci_machine_step(&x->m, p.b, byte);
    outer->impure |= x->m.impure;
    outer->too_complex |= x->m.too_complex;
    if (to != MLCI_DEAD && x->whole && mlci_machine_may_end(&x->m, to))
        return tg_ended(t, (mlci_tag_place){ MLCI_TAG_END, p.a, x->end.n, p.some });
    if (to != MLCI_DEAD)
        return (mlci_tag_place){ MLCI_TAG_VALUE, p.a, to, p.some };
    if (!may_end || x->end.n > 0)
        return tg_dead;
    p = tg_ended(t, (mlci_tag_place){ MLCI_TAG_END, p.a, 0, p.some });
    return mlci_tags_step(t, outer, p, byte);
}

mlci_tag_place mlci_tags_step(mlci_tags *t, mlci_machine *outer, mlci_tag_place p, uint8_t byte)
{
    switch (p.phase) {
    case MLCI_TAG_FREE:  return tg_free(t, p, byte);
    case MLCI_TAG_BEGIN: return tg_begin(t, p, byte);
    case MLCI_TAG_VALUE: return tg_value(t, outer, p, byte);
    case MLCI_TAG_END:
        if ((uint8_t)t->tags[p.a].end.p[p.b] != byte)
            return tg_dead;
        p.b++;
        return tg_ended(t, p);
    default: return tg_dead;
    }
}

bool mlci_tags_may_end(mlci_tags *t, mlci_tag_place p)
{
    if (p.phase == MLCI_TAG_VALUE && t->tags[p.a].end.n == 0)
        return mlci_machine_may_end(&t->tags[p.a].m, p.b);
    return p.phase == MLCI_TAG_DONE
        || (p.phase == MLCI_TAG_FREE && (p.some > 0 || !t->at_least_one));
}
