/* SPDX-License-Identifier: Apache-2.0
 *
 * jinja_test.c - the tests behind "is".
 */
#include "jinja.h"
#include "unicode.h"
#include "../base/utf8.h"

#include <string.h>

#define JT_TEST(name, expr)                                                    \
    static jv jt_##name(je_run *r, const je_args *a)                           \
    {                                                                          \
        jv v = a->values[0];                                                   \
        (void)r;                                                               \
        (void)v;                                                               \
        return mlci_jv_bool(expr);                                             \
    }

static jv jt_operand(je_run *r, const je_args *a)
{
    if (a->n < 2)
        return mlci_jinja_fail(r, "test expects an argument");
    return a->values[1];
}

/* All cased characters are of this case, and there is one. */
static bool jt_cased(jv v, uint8_t want, uint8_t other)
{
    bool any = false;

    for (size_t i = 0; v.type == JV_STRING && i < v.n; ) {
        int32_t cp;
        uint8_t c;

        i += mlci_utf8_read(v.u.s + i, v.n - i, &cp);
        c = mlci_unicode_class(cp);
        if (c & other)
            return false;
        any = any || (c & want);
    }
    return any;
}

static bool jt_divides(je_run *r, jv v, jv by)
{
    if (v.type != JV_INT || by.type != JV_INT || by.u.i == 0) {
        mlci_jinja_fail(r, "divisibleby expects integers");
        return false;
    }
    return by.u.i == -1 || v.u.i % by.u.i == 0;
}

static bool jt_in_list(je_run *r, jv v, jv where)
{
    jv items = mlci_jv_items(r, where);

    if (where.type == JV_STRING && v.type == JV_STRING) {
        for (size_t i = 0; v.n <= where.n && i <= where.n - v.n; i++)
            if (v.n == 0 || memcmp(where.u.s + i, v.u.s, v.n) == 0)
                return true;
        return false;
    }
    for (size_t i = 0; !r->failed && i < items.u.list->n; i++)
        if (mlci_jv_equal(r, items.u.list->items[i], v))
            return true;
    return false;
}

JT_TEST(defined, v.type != JV_UNDEFINED)
JT_TEST(undefined, v.type == JV_UNDEFINED)
JT_TEST(none, v.type == JV_NONE)
JT_TEST(string, v.type == JV_STRING)
JT_TEST(mapping, v.type == JV_DICT)
JT_TEST(number, v.type == JV_INT || v.type == JV_FLOAT || v.type == JV_BOOL)
JT_TEST(integer, v.type == JV_INT)
JT_TEST(float, v.type == JV_FLOAT)
JT_TEST(boolean, v.type == JV_BOOL)
JT_TEST(true, v.type == JV_BOOL && v.u.b)
JT_TEST(false, v.type == JV_BOOL && !v.u.b)
JT_TEST(sequence, v.type == JV_STRING || v.type == JV_LIST || v.type == JV_DICT
                  || v.type == JV_UNDEFINED)
JT_TEST(iterable, v.type == JV_STRING || v.type == JV_LIST || v.type == JV_DICT
                  || v.type == JV_UNDEFINED || v.type == JV_LOOP)
JT_TEST(callable, v.type == JV_MACRO || v.type == JV_FUNCTION || v.type == JV_METHOD)
JT_TEST(odd, v.type == JV_INT && v.u.i % 2 != 0)
JT_TEST(even, v.type == JV_INT && v.u.i % 2 == 0)
JT_TEST(upper, jt_cased(v, MLCI_CLASS_UPPER, MLCI_CLASS_LOWER))
JT_TEST(lower, jt_cased(v, MLCI_CLASS_LOWER, MLCI_CLASS_UPPER))
JT_TEST(escaped, false)
JT_TEST(eq, mlci_jv_equal(r, v, jt_operand(r, a)))
JT_TEST(ne, !mlci_jv_equal(r, v, jt_operand(r, a)))
JT_TEST(lt, mlci_jv_order(r, v, jt_operand(r, a)) < 0)
JT_TEST(le, mlci_jv_order(r, v, jt_operand(r, a)) <= 0)
JT_TEST(gt, mlci_jv_order(r, v, jt_operand(r, a)) > 0)
JT_TEST(ge, mlci_jv_order(r, v, jt_operand(r, a)) >= 0)
JT_TEST(in, jt_in_list(r, v, jt_operand(r, a)))
JT_TEST(divisibleby, jt_divides(r, v, jt_operand(r, a)))
JT_TEST(sameas, v.type == jt_operand(r, a).type && mlci_jv_equal(r, v, jt_operand(r, a)))

static jv jt_filter(je_run *r, const je_args *a)
{
    mlci_text name = { a->values[0].u.s, a->values[0].n };

    (void)r;
    return mlci_jv_bool(a->values[0].type == JV_STRING
                        && mlci_jinja_find_filter(name) != NULL);
}

static const jf_entry jt_table[] = {
    { "defined", jt_defined }, { "undefined", jt_undefined }, { "none", jt_none },
    { "string", jt_string }, { "mapping", jt_mapping }, { "number", jt_number },
    { "integer", jt_integer }, { "float", jt_float }, { "boolean", jt_boolean },
    { "true", jt_true }, { "false", jt_false }, { "sequence", jt_sequence },
    { "iterable", jt_iterable }, { "callable", jt_callable }, { "odd", jt_odd },
    { "even", jt_even }, { "upper", jt_upper }, { "lower", jt_lower },
    { "escaped", jt_escaped }, { "eq", jt_eq }, { "==", jt_eq }, { "equalto", jt_eq },
    { "ne", jt_ne }, { "!=", jt_ne }, { "lt", jt_lt }, { "<", jt_lt },
    { "lessthan", jt_lt }, { "le", jt_le }, { "<=", jt_le }, { "gt", jt_gt },
    { ">", jt_gt }, { "greaterthan", jt_gt }, { "ge", jt_ge }, { ">=", jt_ge },
    { "in", jt_in }, { "divisibleby", jt_divisibleby }, { "sameas", jt_sameas },
    { "filter", jt_filter },
};

jf_fn *mlci_jinja_find_test(mlci_text name)
{
    for (size_t i = 0; i < sizeof jt_table / sizeof *jt_table; i++)
        if (mlci_text_is(name, jt_table[i].name))
            return jt_table[i].fn;
    return NULL;
}
