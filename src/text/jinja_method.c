/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_method.c - the methods of Python's str, dict and list that templates
 * call.  Those that would change a list or dict in place fail, as they do in
 * Jinja's immutable sandbox; list.append is allowed, since templates rely on it
 * and the lists are the rendering's own.
 */
#include "jinja.h"
#include "../base/utf8.h"
#include "unicode.h"

#include <stdio.h>
#include <string.h>

static const jv jm_none = { .type = JV_NONE };
static const jv jm_undefined = { .type = JV_UNDEFINED };

/* The i-th argument as text; fails if it is none. */
static jv jm_text(je_run *r, const je_args *a, size_t i, const char *name)
{
    jv v = mlci_jinja_arg(a, i, name, jm_undefined);

    if (v.type != JV_STRING)
        return mlci_jinja_fail(r, "argument %zu must be str, not %s", i,
                               mlci_jv_type_name(v));
    return v;
}

/* ---- str: stripping ------------------------------------------------------------------- */

static bool jm_in_set(const jv *set, const char *s, size_t n, int32_t cp)
{
    if (set->type != JV_STRING)
        return mlci_jinja_is_space(cp);
    for (size_t i = 0; i + n <= set->n; i++)
        if (memcmp(set->u.s + i, s, n) == 0
            && (i == 0 || ((unsigned char)set->u.s[i] & 0xc0) != 0x80))
            return true;
    return false;
}

static jv jm_strip_sides(je_run *r, const je_args *a, bool left, bool right)
{
    jv s = a->values[0], set = mlci_jinja_arg(a, 1, "chars", jm_none);
    size_t from = 0, to = s.n;
    int32_t cp;

    if (set.type != JV_NONE && set.type != JV_STRING)
        return mlci_jinja_fail(r, "strip arg must be None or str");
    while (left && from < to) {
        size_t n = mlci_utf8_read(s.u.s + from, to - from, &cp);

        if (!jm_in_set(&set, s.u.s + from, n, cp))
            break;
        from += n;
    }
    while (right && to > from) {
        size_t at = to - 1;

        while (at > from && ((unsigned char)s.u.s[at] & 0xc0) == 0x80)
            at--;
        (void)mlci_utf8_read(s.u.s + at, to - at, &cp);
        if (!jm_in_set(&set, s.u.s + at, to - at, cp))
            break;
        to = at;
    }
    return mlci_jv_text(s.u.s + from, to - from);
}

static jv jm_strip(je_run *r, const je_args *a)  { return jm_strip_sides(r, a, true, true); }
static jv jm_lstrip(je_run *r, const je_args *a) { return jm_strip_sides(r, a, true, false); }
static jv jm_rstrip(je_run *r, const je_args *a) { return jm_strip_sides(r, a, false, true); }

/* ---- str: searching ------------------------------------------------------------------- */

static size_t jm_search(jv s, jv needle, size_t from)
{
    for (size_t i = from; needle.n <= s.n && i <= s.n - needle.n; i++)
        if (needle.n == 0 || memcmp(s.u.s + i, needle.u.s, needle.n) == 0)
            return i;
    return SIZE_MAX;
}

/* A text or a tuple of texts. */
static jv jm_affix(je_run *r, const je_args *a, bool start)
{
    jv s = a->values[0], x = mlci_jinja_arg(a, 1, "prefix", jm_undefined);
    size_t n = x.type == JV_LIST ? x.u.list->n : 1;

    for (size_t i = 0; i < n; i++) {
        jv p = x.type == JV_LIST ? x.u.list->items[i] : x;

        if (p.type != JV_STRING)
            return mlci_jinja_fail(r, "first arg must be str or a tuple of str, not %s",
                                   mlci_jv_type_name(p));
        if (p.n <= s.n && (p.n == 0
            || memcmp(start ? s.u.s : s.u.s + s.n - p.n, p.u.s, p.n) == 0))
            return mlci_jv_bool(true);
    }
    return mlci_jv_bool(false);
}

static jv jm_startswith(je_run *r, const je_args *a) { return jm_affix(r, a, true); }
static jv jm_endswith(je_run *r, const je_args *a)   { return jm_affix(r, a, false); }

static jv jm_remove(je_run *r, const je_args *a, bool prefix)
{
    jv s = a->values[0], p = jm_text(r, a, 1, "prefix"), yes;

    if (r->failed)
        return s;
    yes = jm_affix(r, a, prefix);
    if (!mlci_jv_true(yes))
        return s;
    return mlci_jv_text(prefix ? s.u.s + p.n : s.u.s, s.n - p.n);
}

static jv jm_removeprefix(je_run *r, const je_args *a) { return jm_remove(r, a, true); }
static jv jm_removesuffix(je_run *r, const je_args *a) { return jm_remove(r, a, false); }

static jv jm_find(je_run *r, const je_args *a)
{
    jv needle = jm_text(r, a, 1, "sub");
    size_t at = r->failed ? SIZE_MAX : jm_search(a->values[0], needle, 0);

    return mlci_jv_int(at == SIZE_MAX ? -1
                       : (int64_t)mlci_utf8_length(a->values[0].u.s, at));
}

static jv jm_rfind(je_run *r, const je_args *a)
{
    jv s = a->values[0], needle = jm_text(r, a, 1, "sub");
    size_t at = SIZE_MAX, i = 0;

    while (!r->failed && (i = jm_search(s, needle, i)) != SIZE_MAX && mlci_jinja_step(r))
        at = i++;
    return mlci_jv_int(at == SIZE_MAX ? -1 : (int64_t)mlci_utf8_length(s.u.s, at));
}

static jv jm_count(je_run *r, const je_args *a)
{
    jv s = a->values[0], needle = jm_text(r, a, 1, "sub");
    int64_t n = 0;
    size_t i = 0;

    if (r->failed || needle.n == 0)
        return mlci_jv_int((int64_t)mlci_jv_length(r, s) + 1);
    for (; (i = jm_search(s, needle, i)) != SIZE_MAX; i += needle.n)
        n++;
    return mlci_jv_int(n);
}

static jv jm_replace(je_run *r, const je_args *a)
{
    jv s = a->values[0], old = jm_text(r, a, 1, "old"), new_ = jm_text(r, a, 2, "new");
    jv count = mlci_jinja_arg(a, 3, "count", jm_none);
    int64_t left = count.type == JV_INT && count.u.i >= 0 ? count.u.i : INT64_MAX;
    jv_builder b = { .r = r };
    size_t i = 0;

    while (!r->failed && i <= s.n) {
        size_t at = left > 0 ? jm_search(s, old, i) : SIZE_MAX, end;
        int32_t cp;

        if (at == SIZE_MAX || !mlci_jinja_step(r))
            break;
        mlci_jv_add(&b, s.u.s + i, at - i);
        mlci_jv_add(&b, new_.u.s, new_.n);
        left--;
        end = at + old.n;
        if (old.n == 0) {  /* between all characters */
            end = at < s.n ? at + mlci_utf8_read(s.u.s + at, s.n - at, &cp) : at + 1;
            mlci_jv_add(&b, s.u.s + at, mlci_min(end, s.n) - at);
        }
        i = end;
    }
    if (i < s.n)
        mlci_jv_add(&b, s.u.s + i, s.n - i);
    return mlci_jv_built(&b);
}

/* ---- str: splitting -------------------------------------------------------------------- */

/* On runs of white space. */
static jv jm_split_space(je_run *r, jv s, int64_t max)
{
    jv out = mlci_jv_list(r, 0);
    size_t i = 0;

    while (i < s.n && !r->failed) {
        int32_t cp;
        size_t n = mlci_utf8_read(s.u.s + i, s.n - i, &cp), from = i;

        if (mlci_jinja_is_space(cp)) {
            i += n;
            continue;
        }
        if (max-- == 0) {  /* the rest, without white space at its end */
            je_args rest = { (jv[]){ mlci_jv_text(s.u.s + i, s.n - i) }, NULL, 1, 1 };

            mlci_jv_append(r, out, jm_rstrip(r, &rest));
            break;
        }
        while (i < s.n && (n = mlci_utf8_read(s.u.s + i, s.n - i, &cp),
                           !mlci_jinja_is_space(cp)))
            i += n;
        mlci_jv_append(r, out, mlci_jv_text(s.u.s + from, i - from));
    }
    return out;
}

static jv jm_split_max(const je_args *a, int64_t *max)
{
    jv m = mlci_jinja_arg(a, 2, "maxsplit", jm_none);

    *max = m.type == JV_INT && m.u.i >= 0 ? m.u.i : INT64_MAX;
    return mlci_jinja_arg(a, 1, "sep", jm_none);
}

static jv jm_split(je_run *r, const je_args *a)
{
    int64_t max;
    jv s = a->values[0], sep = jm_split_max(a, &max), out;
    size_t from = 0, at;

    if (sep.type == JV_NONE)
        return jm_split_space(r, s, max);
    if (sep.type != JV_STRING || sep.n == 0)
        return mlci_jinja_fail(r, "split: separator must be a non-empty str");
    out = mlci_jv_list(r, 0);
    while (max-- > 0 && !r->failed && (at = jm_search(s, sep, from)) != SIZE_MAX) {
        mlci_jv_append(r, out, mlci_jv_text(s.u.s + from, at - from));
        from = at + sep.n;
    }
    mlci_jv_append(r, out, mlci_jv_text(s.u.s + from, s.n - from));
    return out;
}

/* From the right; only with a separator, which is how templates use it. */
static jv jm_rsplit(je_run *r, const je_args *a)
{
    int64_t max;
    jv s = a->values[0], sep = jm_split_max(a, &max), back, out;
    size_t end = s.n;

    if (sep.type != JV_STRING || sep.n == 0)
        return sep.type == JV_NONE && max == INT64_MAX ? jm_split_space(r, s, max)
             : mlci_jinja_fail(r, "rsplit: separator must be a non-empty str");
    back = mlci_jv_list(r, 0);
    for (size_t i = s.n; max > 0 && i >= sep.n && !r->failed; ) {
        if (memcmp(s.u.s + i - sep.n, sep.u.s, sep.n) == 0) {
            mlci_jv_append(r, back, mlci_jv_text(s.u.s + i, end - i));
            end = i = i - sep.n;
            max--;
        } else {
            i--;
        }
    }
    mlci_jv_append(r, back, mlci_jv_text(s.u.s, end));
    out = mlci_jv_list(r, 0);
    for (size_t i = r->failed ? 0 : back.u.list->n; i-- > 0; )
        mlci_jv_append(r, out, back.u.list->items[i]);
    return out;
}

static jv jm_splitlines(je_run *r, const je_args *a)
{
    jv s = a->values[0], out = mlci_jv_list(r, 0);
    bool keep = mlci_jv_true(mlci_jinja_arg(a, 1, "keepends", jm_none));
    size_t from = 0;

    for (size_t i = 0; i < s.n && !r->failed; i++) {
        size_t end = i;

        if (s.u.s[i] != '\n' && s.u.s[i] != '\r')
            continue;
        if (s.u.s[i] == '\r' && i + 1 < s.n && s.u.s[i + 1] == '\n')
            i++;
        mlci_jv_append(r, out, mlci_jv_text(s.u.s + from, (keep ? i + 1 : end) - from));
        from = i + 1;
    }
    if (from < s.n)
        mlci_jv_append(r, out, mlci_jv_text(s.u.s + from, s.n - from));
    return out;
}

static jv jm_join(je_run *r, const je_args *a)
{
    jv items = mlci_jv_items(r, mlci_jinja_arg(a, 1, "iterable", jm_none));
    jv_builder b = { .r = r };

    for (size_t i = 0; !r->failed && i < items.u.list->n && mlci_jinja_step(r); i++) {
        jv v = items.u.list->items[i];

        if (v.type != JV_STRING)
            return mlci_jinja_fail(r, "sequence item %zu: expected str instance, %s found",
                                   i, mlci_jv_type_name(v));
        if (i > 0)
            mlci_jv_add(&b, a->values[0].u.s, a->values[0].n);
        mlci_jv_add(&b, v.u.s, v.n);
    }
    return mlci_jv_built(&b);
}

/* ---- str: case --------------------------------------------------------------------------- */

typedef enum jm_case { JM_UPPER, JM_LOWER, JM_TITLE, JM_CAPITALIZE } jm_case;

static jv jm_recase(je_run *r, jv s, jm_case how)
{
    jv_builder b = { .r = r };
    bool word = false;

    for (size_t i = 0; i < s.n && !r->failed; ) {
        int32_t cp;
        size_t n = mlci_utf8_read(s.u.s + i, s.n - i, &cp);
        bool up = how == JM_UPPER || (how == JM_CAPITALIZE && i == 0)
               || (how == JM_TITLE && !word);
        char out[4];

        word = (mlci_unicode_class(cp) & (MLCI_CLASS_UPPER | MLCI_CLASS_LOWER)) != 0;
        cp = up ? mlci_unicode_to_upper(cp) : mlci_unicode_to_lower(cp);
        if (cp < 0)
            mlci_jv_add(&b, s.u.s + i, n);
        else
            mlci_jv_add(&b, out, mlci_utf8_write(cp, out));
        i += n;
    }
    return mlci_jv_built(&b);
}

static jv jm_upper(je_run *r, const je_args *a) { return jm_recase(r, a->values[0], JM_UPPER); }
static jv jm_lower(je_run *r, const je_args *a) { return jm_recase(r, a->values[0], JM_LOWER); }
static jv jm_title(je_run *r, const je_args *a) { return jm_recase(r, a->values[0], JM_TITLE); }
static jv jm_capitalize(je_run *r, const je_args *a)
{
    return jm_recase(r, a->values[0], JM_CAPITALIZE);
}

static jv jm_all_class(const je_args *a, uint8_t classes)
{
    jv s = a->values[0];

    for (size_t i = 0; i < s.n; ) {
        int32_t cp;

        i += mlci_utf8_read(s.u.s + i, s.n - i, &cp);
        if (classes == MLCI_CLASS_SPACE ? !mlci_jinja_is_space(cp)
                                        : !(mlci_unicode_class(cp) & classes))
            return mlci_jv_bool(false);
    }
    return mlci_jv_bool(s.n > 0);
}

static jv jm_isdigit(je_run *r, const je_args *a) { (void)r; return jm_all_class(a, MLCI_CLASS_N); }
static jv jm_isalpha(je_run *r, const je_args *a) { (void)r; return jm_all_class(a, MLCI_CLASS_L); }
static jv jm_isalnum(je_run *r, const je_args *a)
{
    (void)r;
    return jm_all_class(a, MLCI_CLASS_L | MLCI_CLASS_N);
}
static jv jm_isspace(je_run *r, const je_args *a)
{
    (void)r;
    return jm_all_class(a, MLCI_CLASS_SPACE);
}

/* ---- str.format ---------------------------------------------------------------------------- */

/* "{}", "{0}", "{name}", "{a.b}", "{!r}"; no format after a colon. */
static jv jm_format(je_run *r, const je_args *a)
{
    jv s = a->values[0];
    jv_builder b = { .r = r };
    size_t next = 1;

    for (size_t i = 0; i < s.n && !r->failed; i++) {
        char c = s.u.s[i];
        size_t close, name_end;
        jv v, path;
        bool repr;

        if ((c == '{' || c == '}') && i + 1 < s.n && s.u.s[i + 1] == c) {
            mlci_jv_add_char(&b, c);
            i++;
            continue;
        }
        if (c != '{') {
            mlci_jv_add_char(&b, c);
            continue;
        }
        close = jm_search(s, mlci_jv_text("}", 1), i);
        if (close == SIZE_MAX)
            return mlci_jinja_fail(r, "expected '}' before end of string");
        repr = close - i > 2 && s.u.s[close - 2] == '!' && s.u.s[close - 1] == 'r';
        path = mlci_jv_text(s.u.s + i + 1, close - i - 1 - (repr ? 2 : 0));
        if (memchr(path.u.s, ':', path.n) != NULL)
            return mlci_jinja_fail(r, "format specifications are unsupported");
        for (name_end = 0; name_end < path.n && path.u.s[name_end] != '.'; name_end++)
            ;
        if (name_end == 0) {
            v = mlci_jinja_arg(a, next++, "", jm_undefined);
        } else if (path.u.s[0] >= '0' && path.u.s[0] <= '9') {
            v = mlci_jinja_arg(a, (size_t)(path.u.s[0] - '0') + 1, "", jm_undefined);
        } else {
            char name[64];

            snprintf(name, sizeof name, "%.*s", (int)mlci_min(name_end, 63), path.u.s);
            v = mlci_jinja_arg(a, SIZE_MAX, name, jm_undefined);
        }
        if (v.type == JV_UNDEFINED)
            return mlci_jinja_fail(r, "format: no such argument");
        if (name_end < path.n)
            v = mlci_jinja_attr_path(r, v, mlci_jv_text(path.u.s + name_end + 1,
                                                        path.n - name_end - 1));
        v = repr ? mlci_jv_repr(r, v) : mlci_jv_str(r, v);
        mlci_jv_add(&b, v.u.s, r->failed ? 0 : v.n);
        i = close;
    }
    return mlci_jv_built(&b);
}

/* ---- dict and list ------------------------------------------------------- */

static jv jm_get(je_run *r, const je_args *a)
{
    jv out = mlci_jinja_arg(a, 2, "default", jm_none);

    if (a->n < 2)
        return mlci_jinja_fail(r, "get expected at least 1 argument");
    (void)mlci_jv_get(r, a->values[0], a->values[1], &out);
    return out;
}

static jv jm_keys(je_run *r, const je_args *a) { return mlci_jv_items(r, a->values[0]); }

static jv jm_values(je_run *r, const je_args *a)
{
    const jv_dict *d = a->values[0].u.dict;
    jv out = mlci_jv_list(r, d->n);

    for (size_t i = 0; i < d->n; i++)
        mlci_jv_append(r, out, d->values[i]);
    return out;
}

static jv jm_items(je_run *r, const je_args *a)
{
    static const mlci_text name = { "items", 5 };

    return mlci_jinja_find_filter(name)(r, a);
}

static jv jm_copy(je_run *r, const je_args *a)
{
    const jv_dict *d = a->values[0].u.dict;
    jv out = mlci_jv_dict(r, d->n);

    for (size_t i = 0; i < d->n; i++)
        mlci_jv_put(r, out, d->keys[i], d->values[i]);
    return out;
}

static jv jm_append(je_run *r, const je_args *a)
{
    if (a->n != 2 || a->values[0].flavour != JV_PLAIN)
        return mlci_jinja_fail(r, "append expects one argument");
    mlci_jv_append(r, a->values[0], a->values[1]);
    return jm_none;
}

static jv jm_index(je_run *r, const je_args *a)
{
    const jv_list *l = a->values[0].u.list;

    for (size_t i = 0; a->n > 1 && i < l->n && mlci_jinja_step(r); i++)
        if (mlci_jv_equal(r, l->items[i], a->values[1]))
            return mlci_jv_int((int64_t)i);
    return mlci_jinja_fail(r, "value is not in list");
}

static jv jm_list_count(je_run *r, const je_args *a)
{
    const jv_list *l = a->values[0].u.list;
    int64_t n = 0;

    for (size_t i = 0; a->n > 1 && i < l->n && mlci_jinja_step(r); i++)
        n += mlci_jv_equal(r, l->items[i], a->values[1]);
    return mlci_jv_int(n);
}

static jv jm_immutable(je_run *r, const je_args *a)
{
    return mlci_jinja_fail(r, "access to a method that changes a %s is unsafe",
                           mlci_jv_type_name(a->values[0]));
}

/* loop.cycle(a, b, ...) and loop.changed(value) */
static jv jm_cycle(je_run *r, const je_args *a)
{
    if (a->n_positional < 2)
        return mlci_jinja_fail(r, "no items for cycling given");
    return a->values[1 + a->values[0].u.loop->i % (a->n_positional - 1)];
}

static jv jm_changed(je_run *r, const je_args *a)
{
    je_loop *l = a->values[0].u.loop;
    jv v = mlci_jinja_arg(a, 1, "value", jm_none);
    bool same = l->changed.type == v.type && l->i > 0 && mlci_jv_equal(r, l->changed, v);

    l->changed = v;
    return mlci_jv_bool(!same);
}

static const jm_entry jm_table[] = {
    { JV_STRING, "strip", jm_strip }, { JV_STRING, "lstrip", jm_lstrip },
    { JV_STRING, "rstrip", jm_rstrip }, { JV_STRING, "split", jm_split },
    { JV_STRING, "rsplit", jm_rsplit }, { JV_STRING, "splitlines", jm_splitlines },
    { JV_STRING, "startswith", jm_startswith }, { JV_STRING, "endswith", jm_endswith },
    { JV_STRING, "removeprefix", jm_removeprefix },
    { JV_STRING, "removesuffix", jm_removesuffix },
    { JV_STRING, "find", jm_find }, { JV_STRING, "rfind", jm_rfind },
    { JV_STRING, "count", jm_count }, { JV_STRING, "replace", jm_replace },
    { JV_STRING, "join", jm_join }, { JV_STRING, "upper", jm_upper },
    { JV_STRING, "lower", jm_lower }, { JV_STRING, "title", jm_title },
    { JV_STRING, "capitalize", jm_capitalize }, { JV_STRING, "isdigit", jm_isdigit },
    { JV_STRING, "isnumeric", jm_isdigit }, { JV_STRING, "isalpha", jm_isalpha },
    { JV_STRING, "isalnum", jm_isalnum }, { JV_STRING, "isspace", jm_isspace },
    { JV_STRING, "format", jm_format },
    { JV_DICT, "get", jm_get }, { JV_DICT, "keys", jm_keys },
    { JV_DICT, "values", jm_values }, { JV_DICT, "items", jm_items },
    { JV_DICT, "copy", jm_copy }, { JV_DICT, "pop", jm_immutable },
    { JV_DICT, "update", jm_immutable }, { JV_DICT, "clear", jm_immutable },
    { JV_DICT, "popitem", jm_immutable }, { JV_DICT, "setdefault", jm_immutable },
    { JV_LIST, "append", jm_append }, { JV_LIST, "index", jm_index },
    { JV_LIST, "count", jm_list_count }, { JV_LIST, "pop", jm_immutable },
    { JV_LIST, "insert", jm_immutable }, { JV_LIST, "extend", jm_immutable },
    { JV_LIST, "remove", jm_immutable }, { JV_LIST, "clear", jm_immutable },
    { JV_LIST, "sort", jm_immutable }, { JV_LIST, "reverse", jm_immutable },
    { JV_LOOP, "cycle", jm_cycle }, { JV_LOOP, "changed", jm_changed },
};

const jm_entry *mlci_jinja_find_method(jv_type type, mlci_text name)
{
    for (size_t i = 0; i < sizeof jm_table / sizeof *jm_table; i++)
        if (jm_table[i].type == type && mlci_text_is(name, jm_table[i].name))
            return &jm_table[i];
    return NULL;
}
