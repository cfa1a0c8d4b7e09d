/* SPDX-License-Identifier: Apache-2.0
 *
 * mlc_template.c - MLC's "conv_template" as the Jinja template that says the same, so that
 * prompts are made in one way.
 *
 *   prefix tokens, system text, for each message its role's header, role_content_sep, its
 *   role's template, a separator; at last the assistant's header and role_empty_sep
 */
#include "hf.h"
#include "../base/buf.h"

#include <string.h>

typedef struct mx_writer {
    const mlci_json *conv;
    mlci_buf         out;
} mx_writer;

static const mlci_json *mx_get(const mx_writer *w, const char *key)
{
    const mlci_json *v = mlci_json_get(w->conv, key);

    return v != NULL && v->type != MLCI_JSON_NULL ? v : NULL;
}

/* A member's text, empty if there is none. */
static mlci_text mx_text(const mlci_json *v)
{
    return v != NULL && v->type == MLCI_JSON_STRING ? (mlci_text){ v->text, v->text_bytes }
                                                    : (mlci_text){ "", 0 };
}

/* A literal of Jinja. */
static void mx_literal(mlci_buf *b, mlci_text t)
{
    mlci_buf_char(b, '\'');
    for (size_t i = 0; i < t.n; i++) {
        const char c = t.p[i];

        if (c == '\n')
            mlci_buf_text(b, "\\n");
        else if (c == '\r')
            mlci_buf_text(b, "\\r");
        else if (c == '\t')
            mlci_buf_text(b, "\\t");
        else {
            if (c == '\\' || c == '\'')
                mlci_buf_char(b, '\\');
            mlci_buf_char(b, c);
        }
    }
    mlci_buf_char(b, '\'');
}

static bool mx_at(mlci_text t, size_t i, const char *what)
{
    const size_t n = strlen(what);

    return t.n - i >= n && memcmp(t.p + i, what, n) == 0;
}

/* An expression for a text in which `hole` stands for the expression `with`, and
 * {function_string} for the tools. */
static void mx_filled(mlci_buf *b, mlci_text t, const char *hole, const char *with)
{
    size_t from = 0;

    for (size_t i = 0; i < t.n;) {
        const bool is = mx_at(t, i, hole), tools = mx_at(t, i, "{function_string}");

        if (!is && !tools) {
            i++;
            continue;
        }
        mx_literal(b, (mlci_text){ t.p + from, i - from });
        mlci_buf_text(b, " ~ (");
        mlci_buf_text(b, is ? with : "tools | tojson if tools else ''");
        mlci_buf_text(b, ") ~ ");
        i += strlen(is ? hole : "{function_string}");
        from = i;
    }
    mx_literal(b, (mlci_text){ t.p + from, t.n - from });
}

static mlci_text mx_role(const mx_writer *w, const char *role)
{
    return mx_text(mlci_json_get(mx_get(w, "roles"), role));
}

static mlci_text mx_separator(const mx_writer *w, bool assistant)
{
    const mlci_json *seps = mx_get(w, "seps");
    const mlci_json *first = seps != NULL && seps->type == MLCI_JSON_ARRAY ? seps->items : NULL;

    return mx_text(assistant && first != NULL && first->next != NULL ? first->next : first);
}

/* "{{- header ~ content ~ separator -}}" for a message of the role. */
static void mx_message(mx_writer *w, const char *role, const char *hole, const char *content)
{
    const mlci_json *given = mlci_json_get(mx_get(w, "role_templates"), role);
    const mlci_text whole = { hole, strlen(hole) };

    mlci_buf_text(&w->out, "{{- ");
    mx_filled(&w->out, given != NULL ? mx_text(given) : whole, hole, content);
    mlci_buf_text(&w->out, " ~ ");
    mx_literal(&w->out, mx_separator(w, strcmp(role, "assistant") == 0));
    mlci_buf_text(&w->out, " -}}");
}

static void mx_header(mx_writer *w, const char *role, const char *separator)
{
    mlci_buf_text(&w->out, "{{- ");
    mx_literal(&w->out, mx_role(w, role));
    mlci_buf_text(&w->out, " ~ ");
    mx_literal(&w->out, mx_text(mx_get(w, separator)));
    mlci_buf_text(&w->out, " -}}");
}

/* The turns of the template itself, then the request's. */
static void mx_turns(mx_writer *w)
{
    const mlci_json *bare = mx_get(w, "add_role_after_system_message");
    const mlci_json *strip = mx_get(w, "strip_reasoning_in_history");
    const bool no_header = bare != NULL && bare->type == MLCI_JSON_FALSE;

    if (strip != NULL && strip->type == MLCI_JSON_TRUE)
        mlci_buf_text(&w->out, "{%- for m in all %}{% if m.role == 'user' %}"
                      "{% set ns.last = loop.index0 %}{% endif %}{% endfor -%}");
    mlci_buf_text(&w->out, "{%- for m in all -%}{%- set text = m.content or '' -%}"
                  "{%- if m.role == 'assistant' -%}");
    if (strip != NULL && strip->type == MLCI_JSON_TRUE)
        mlci_buf_text(&w->out, "{%- if loop.index0 < ns.last and '</think>' in text -%}"
                      "{%- set text = text.split('</think>')[-1].lstrip('\\n') -%}{%- endif -%}");
    mx_header(w, "assistant", "role_content_sep");
    mx_message(w, "assistant", "{assistant_message}", "text");
    mlci_buf_text(&w->out, "{%- elif m.role == 'tool' -%}");
    mx_header(w, "tool", "role_content_sep");
    mx_message(w, "tool", "{tool_message}", "text");
    mlci_buf_text(&w->out, "{%- else -%}");
    if (no_header)
        mlci_buf_text(&w->out, "{%- if not (loop.first and system) -%}");
    mx_header(w, "user", "role_content_sep");
    if (no_header)
        mlci_buf_text(&w->out, "{%- endif -%}");
    mx_message(w, "user", "{user_message}", "text");
    mlci_buf_text(&w->out, "{%- endif -%}{%- endfor -%}");
}

/* all: the canned turns and the request's, without the system's. */
static void mx_messages(mx_writer *w)
{
    const mlci_json *list = mx_get(w, "messages");

    mlci_buf_text(&w->out, "{%- set all = [");
    for (const mlci_json *v = list != NULL && list->type == MLCI_JSON_ARRAY ? list->items : NULL;
         v != NULL; v = v->next) {
        if (v->type != MLCI_JSON_ARRAY || v->n_items != 2)
            continue;
        mlci_buf_text(&w->out, "{'role': ");
        mx_literal(&w->out, mx_text(v->items));
        mlci_buf_text(&w->out, ", 'content': ");
        mx_literal(&w->out, mx_text(v->items->next));
        mlci_buf_text(&w->out, "}, ");
    }
    mlci_buf_text(&w->out, "] + (messages | rejectattr('role', 'equalto', 'system') | list) -%}");
}

mlc_status mlci_mlc_template(mlci_arena *arena, const mlci_json *conv, const mlci_text *tokens,
                             uint32_t n_tokens, mlci_text *out, mlc_error *err)
{
    const mlci_json *ids = mlci_json_get(conv, "system_prefix_token_ids");
    mx_writer w = { .conv = conv };
    int64_t id;

    mlci_buf_init(&w.out, arena->ctx, (size_t)1 << 24);
    mlci_buf_text(&w.out, "{%- set ns = namespace(system=");
    mx_literal(&w.out, mx_text(mx_get(&w, "system_message")));
    mlci_buf_text(&w.out, ", last=0) -%}{%- for m in messages if m.role == 'system' -%}"
                  "{%- set ns.system = m.content -%}{%- endfor -%}{{- ");
    for (const mlci_json *v = ids != NULL && ids->type == MLCI_JSON_ARRAY ? ids->items : NULL;
         v != NULL; v = v->next)
        if (mlci_json_integer(v, &id) && id >= 0 && id < n_tokens) {
            mx_literal(&w.out, tokens[id]);
            mlci_buf_text(&w.out, " ~ ");
        }
    mlci_buf_text(&w.out, "'' -}}{%- set system = ");
    mx_filled(&w.out, mx_text(mx_get(&w, "system_template")), "{system_message}", "ns.system");
    mlci_buf_text(&w.out, " -%}{{- system -}}");
    mx_messages(&w);
    mx_turns(&w);
    mlci_buf_text(&w.out, "{%- if add_generation_prompt -%}");
    mx_header(&w, "assistant", "role_empty_sep");
    mlci_buf_text(&w.out, "{%- endif -%}");
    out->n = w.out.n;
    out->p = w.out.failed ? NULL : mlci_arena_copy(arena, w.out.data, w.out.n);
    mlci_buf_reset(&w.out);
    return out->p != NULL ? MLC_OK : mlci_nomem(err, "conversation template");
}
