/* SPDX-License-Identifier: Apache-2.0
 *
 * format.c - JSON Schema's formats as patterns (regex.h).
 */
#include "schema_compile.h"

#include <string.h>

#define FQ_YEAR_DAY "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-" \
                    "(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
#define FQ_LEAP     "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29"
#define FQ_DATE     "(" FQ_YEAR_DAY "|" FQ_LEAP ")"
#define FQ_TIME     "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?" \
                    "([zZ]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define FQ_OCTET    "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define FQ_IPV4     FQ_OCTET "(\\." FQ_OCTET "){3}"
#define FQ_H16      "[0-9a-fA-F]{1,4}"
#define FQ_LS32     "(" FQ_H16 ":" FQ_H16 "|" FQ_IPV4 ")"
#define FQ_IPV6     "((" FQ_H16 ":){6}" FQ_LS32 "|::(" FQ_H16 ":){5}" FQ_LS32 \
                    "|(" FQ_H16 ")?::(" FQ_H16 ":){4}" FQ_LS32 \
                    "|((" FQ_H16 ":){0,1}" FQ_H16 ")?::(" FQ_H16 ":){3}" FQ_LS32 \
                    "|((" FQ_H16 ":){0,2}" FQ_H16 ")?::(" FQ_H16 ":){2}" FQ_LS32 \
                    "|((" FQ_H16 ":){0,3}" FQ_H16 ")?::" FQ_H16 ":" FQ_LS32 \
                    "|((" FQ_H16 ":){0,4}" FQ_H16 ")?::" FQ_LS32 \
                    "|((" FQ_H16 ":){0,5}" FQ_H16 ")?::" FQ_H16 \
                    "|((" FQ_H16 ":){0,6}" FQ_H16 ")?::)"
#define FQ_LABEL    "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
#define FQ_HOST     "(?=.{1,253}$)" FQ_LABEL "(\\." FQ_LABEL ")*"
#define FQ_ATEXT    "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
#define FQ_QUOTED   "\"([ !#-\\[\\]-~]|\\\\[ -~])*\""
#define FQ_LOCAL    "(" FQ_ATEXT "(\\." FQ_ATEXT ")*|" FQ_QUOTED ")"
#define FQ_MAIL     FQ_LOCAL "@(" FQ_LABEL "(\\." FQ_LABEL ")*|\\[(" FQ_IPV4 "|IPv6:" \
                    FQ_IPV6 ")\\])"
#define FQ_PCT      "%[0-9a-fA-F]{2}"
#define FQ_PCHAR    "([a-zA-Z0-9._~!$&'()*+,;=:@-]|" FQ_PCT ")"
#define FQ_QUERY    "(\\?([a-zA-Z0-9._~!$&'()*+,;=:@/?-]|" FQ_PCT ")*)?"
#define FQ_HASH     "(#([a-zA-Z0-9._~!$&'()*+,;=:@/?-]|" FQ_PCT ")*)?"
#define FQ_AUTH     "(([a-zA-Z0-9._~!$&'()*+,;=:-]|" FQ_PCT ")*@)?(\\[(" FQ_IPV6 \
                    "|[vV][0-9a-fA-F]+\\.[a-zA-Z0-9._~!$&'()*+,;=:-]+)\\]" \
                    "|([a-zA-Z0-9._~!$&'()*+,;=-]|" FQ_PCT ")*)(:[0-9]*)?"
#define FQ_ABEMPTY  "(/" FQ_PCHAR "*)*"
#define FQ_ROOTLESS FQ_PCHAR "+" FQ_ABEMPTY
#define FQ_NOSCHEME "([a-zA-Z0-9._~!$&'()*+,;=@-]|" FQ_PCT ")+" FQ_ABEMPTY
#define FQ_HIER     "(//" FQ_AUTH FQ_ABEMPTY "|/(" FQ_ROOTLESS ")?|" FQ_ROOTLESS "|)"
#define FQ_URI      "[a-zA-Z][a-zA-Z0-9+.-]*:" FQ_HIER FQ_QUERY FQ_HASH
#define FQ_RELATIVE "(//" FQ_AUTH FQ_ABEMPTY "|/(" FQ_ROOTLESS ")?|" FQ_NOSCHEME "|)" \
                    FQ_QUERY FQ_HASH
#define FQ_POINTER  "(/([^~/]|~[01])*)*"
/* The same with characters beyond ASCII (RFC 3987, 6531), roughly: all of them. */
#define FQ_U        "\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef\\u{10000}-\\u{efffd}"
#define FQ_IPCHAR   "([a-zA-Z0-9._~!$&'()*+,;=:@" FQ_U "-]|" FQ_PCT ")"
#define FQ_IQUERY   "(\\?([a-zA-Z0-9._~!$&'()*+,;=:@/?" FQ_U "\\ue000-\\uf8ff-]|" FQ_PCT ")*)?"
#define FQ_IHASH    "(#([a-zA-Z0-9._~!$&'()*+,;=:@/?" FQ_U "-]|" FQ_PCT ")*)?"
#define FQ_IAUTH    "(([a-zA-Z0-9._~!$&'()*+,;=:" FQ_U "-]|" FQ_PCT ")*@)?(\\[" FQ_IPV6 \
                    "\\]|([a-zA-Z0-9._~!$&'()*+,;=" FQ_U "-]|" FQ_PCT ")*)(:[0-9]*)?"
#define FQ_IABEMPTY "(/" FQ_IPCHAR "*)*"
#define FQ_IHIER    "(//" FQ_IAUTH FQ_IABEMPTY "|/(" FQ_IPCHAR "+" FQ_IABEMPTY ")?|" \
                    FQ_IPCHAR "+" FQ_IABEMPTY "|)"
#define FQ_INOSCH   "([a-zA-Z0-9._~!$&'()*+,;=@" FQ_U "-]|" FQ_PCT ")+" FQ_IABEMPTY
#define FQ_IRI      "[a-zA-Z][a-zA-Z0-9+.-]*:" FQ_IHIER FQ_IQUERY FQ_IHASH
#define FQ_IREL     "(//" FQ_IAUTH FQ_IABEMPTY "|/(" FQ_IPCHAR "+" FQ_IABEMPTY ")?|" \
                    FQ_INOSCH "|)" FQ_IQUERY FQ_IHASH
#define FQ_VARCHAR  "([a-zA-Z0-9_]|" FQ_PCT ")"
#define FQ_VARSPEC  FQ_VARCHAR "(\\.?" FQ_VARCHAR ")*(:[1-9][0-9]{0,3}|\\*)?"
#define FQ_TEMPLATE "([^\\u0000-\\u0020\"'<>\\\\^`{|}%]|" FQ_PCT "|\\{[+#./;?&=,!@|]?" \
                    FQ_VARSPEC "(," FQ_VARSPEC ")*\\})*"
#define FQ_DTIME    "T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
#define FQ_DDATE    "([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)(" FQ_DTIME ")?"
#define FQ_ILABEL   "[a-zA-Z0-9" FQ_U "]([a-zA-Z0-9" FQ_U "-]{0,61}[a-zA-Z0-9" FQ_U "])?"

const char *mlci_format_pattern(const char *name, const char **other)
{
    static const struct { const char *name, *pattern, *other; } table[] = {
        { "date", "^" FQ_DATE "$", NULL },
        { "time", "^" FQ_TIME "$", NULL },
        { "date-time", "^" FQ_DATE "[tT]" FQ_TIME "$", NULL },
        { "duration", "^P(" FQ_DDATE "|" FQ_DTIME "|[0-9]+W)$", NULL },
        { "email", "^" FQ_MAIL "$", NULL },
        { "idn-email", "^([a-zA-Z0-9!#$%&'*+/=?^_`{|}~" FQ_U "-]+(\\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~"
                       FQ_U "-]+)*|" FQ_QUOTED ")@" FQ_ILABEL "(\\." FQ_ILABEL ")*$", NULL },
        { "hostname", "^" FQ_HOST "$", NULL },
        { "idn-hostname", "^" FQ_ILABEL "(\\." FQ_ILABEL ")*$", NULL },
        { "ipv4", "^" FQ_IPV4 "$", NULL },
        { "ipv6", "^" FQ_IPV6 "$", NULL },
        { "uuid", "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", NULL },
        { "uri", "^" FQ_URI "$", NULL },
        { "uri-reference", "^" FQ_URI "$", "^" FQ_RELATIVE "$" },
        { "iri", "^" FQ_IRI "$", NULL },
        { "iri-reference", "^" FQ_IRI "$", "^" FQ_IREL "$" },
        { "uri-template", "^" FQ_TEMPLATE "$", NULL },
        { "json-pointer", "^" FQ_POINTER "$", NULL },
        { "relative-json-pointer", "^(0|[1-9][0-9]*)(#|" FQ_POINTER ")$", NULL },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(name, table[i].name) == 0) {
            *other = table[i].other;
            return table[i].pattern;
        }
    return NULL;
}

/* ---- regular expressions -------------------------------------------------------------- */

enum { FQ_DEEP = 8 };

/* One of these bytes, or none of them (then any character beyond ASCII, too). */
static mlci_rx fq_of(mlci_rx_store *s, const char *bytes, bool others)
{
    mlci_bytes b = { { 0, 0, 0, 0 } };

    if (!others) {
        for (; *bytes != 0; bytes++)
            mlci_bytes_add(&b, (uint8_t)*bytes, (uint8_t)*bytes);
        return mlci_rx_bytes(s, &b);
    }
    for (unsigned c = 1; c < 128; c++)
        if (strchr(bytes, (int)c) == NULL)
            mlci_bytes_add(&b, (uint8_t)c, (uint8_t)c);
    return mlci_rx_or(s, mlci_rx_bytes(s, &b), mlci_rx_range(s, 0x80, 0x10ffff));
}

static mlci_rx fq_text(mlci_rx_store *s, const char *text)
{
    return mlci_rx_text(s, text, strlen(text));
}

static mlci_rx fq_many(mlci_rx_store *s, mlci_rx a)
{
    return mlci_rx_repeat(s, a, 0, MLCI_RX_MANY);
}

static mlci_rx fq_maybe(mlci_rx_store *s, mlci_rx a)
{
    return mlci_rx_repeat(s, a, 0, 1);
}

/* Behind a backslash. */
static mlci_rx fq_escape(mlci_rx_store *s, bool in_class)
{
    const mlci_rx hex = fq_of(s, "0123456789abcdefABCDEF", false);
    mlci_rx r = fq_of(s, in_class ? "dDwWsStnvfr0b^$\\.*+?()[]{}|/-"
                                  : "dDwWsStnvfr0bB^$\\.*+?()[]{}|/-", false);

    r = mlci_rx_or(s, r, mlci_rx_cat(s, fq_text(s, "x"), mlci_rx_repeat(s, hex, 2, 2)));
    r = mlci_rx_or(s, r, mlci_rx_cat(s, fq_text(s, "u"), mlci_rx_repeat(s, hex, 4, 4)));
    return mlci_rx_cat(s, fq_text(s, "\\"), r);
}

static mlci_rx fq_class(mlci_rx_store *s)
{
    /* Ranges are of letters or digits, and rise; any other minus stands at the end. */
    static const char ends[] = "azAZ09";
    mlci_rx item = mlci_rx_or(s, fq_of(s, "\\]-", true), fq_escape(s, true)), r;

    for (size_t i = 0; i < sizeof ends - 1; i += 2)
        for (char c[3] = { ends[i], '-', 0 }; c[0] <= ends[i + 1]; c[0]++)
            item = mlci_rx_or(s, item, mlci_rx_cat(s, fq_text(s, c),
                mlci_rx_range(s, (uint8_t)c[0], (uint8_t)ends[i + 1])));
    r = mlci_rx_cat(s, fq_many(s, item), mlci_rx_cat(s, fq_maybe(s, fq_text(s, "-")),
                                                     fq_text(s, "]")));
    return mlci_rx_cat(s, fq_text(s, "["), mlci_rx_cat(s, fq_maybe(s, fq_text(s, "^")), r));
}

static mlci_rx fq_counts(mlci_rx_store *s)
{
    const mlci_rx digits = mlci_rx_repeat(s, fq_of(s, "0123456789", false), 1, 9);
    mlci_rx r = mlci_rx_or(s, digits, mlci_rx_cat(s, digits, fq_text(s, ",")));

    /* {m,n} only where n is plainly not below m: m of one digit, n of two or more */
    r = mlci_rx_or(s, r, mlci_rx_cat(s, fq_of(s, "0123456789", false),
        mlci_rx_cat(s, fq_text(s, ","), mlci_rx_cat(s, fq_of(s, "123456789", false),
                    mlci_rx_repeat(s, fq_of(s, "0123456789", false), 1, 8)))));
    for (char c[4] = "0,0"; c[0] <= '9'; c[0]++)
        for (c[2] = c[0]; c[2] <= '9'; c[2]++)
            r = mlci_rx_or(s, r, fq_text(s, c));
    r = mlci_rx_cat(s, fq_text(s, "{"), mlci_rx_cat(s, r, fq_text(s, "}")));
    r = mlci_rx_or(s, fq_of(s, "*+?", false), r);
    return fq_maybe(s, mlci_rx_cat(s, r, fq_maybe(s, fq_text(s, "?"))));
}

mlci_rx mlci_format_regex(mlci_rx_store *s)
{
    const mlci_rx plain = mlci_rx_or(s, fq_of(s, "^$\\.*+?()[]{}|", true),
                          mlci_rx_or(s, fq_text(s, "."), mlci_rx_or(s, fq_escape(s, false),
                                                                   fq_class(s))));
    const mlci_rx bound = fq_of(s, "^$", false), counts = fq_counts(s);
    mlci_rx inside = MLCI_RX_EMPTY;

    for (int k = 0; k < FQ_DEEP; k++) {
        mlci_rx group = mlci_rx_cat(s, fq_maybe(s, fq_text(s, "?:")),
                                    mlci_rx_cat(s, inside, fq_text(s, ")")));
        mlci_rx ahead = mlci_rx_cat(s, mlci_rx_or(s, fq_text(s, "?="), fq_text(s, "?!")),
                                    mlci_rx_cat(s, inside, fq_text(s, ")")));
        mlci_rx term, behind = mlci_rx_cat(s, mlci_rx_or(s, fq_text(s, "?<="), fq_text(s, "?<!")),
                                           mlci_rx_cat(s, inside, fq_text(s, ")")));

        term = mlci_rx_or(s, plain, mlci_rx_cat(s, fq_text(s, "("), group));
        term = mlci_rx_cat(s, term, counts);
        term = mlci_rx_or(s, term, mlci_rx_cat(s, fq_text(s, "("), mlci_rx_or(s, ahead, behind)));
        term = fq_many(s, mlci_rx_or(s, term, bound));
        inside = mlci_rx_cat(s, term, fq_many(s, mlci_rx_cat(s, fq_text(s, "|"), term)));
    }
    return mlci_rx_cat(s, inside, mlci_rx_text(s, "\xff", 1));
}
