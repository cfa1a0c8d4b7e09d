/* SPDX-License-Identifier: Apache-2.0
 *
 * machine_ask.c - what can be told of a state without a step.
 */
#include "machine_frames.h"
#include "tags.h"
#include "text_state.h"

static mlci_bytes mq_set(const char *bytes)
{
    mlci_bytes b = { { 0, 0, 0, 0 } };

    for (; *bytes != 0; bytes++)
        mlci_bytes_add(&b, (uint8_t)*bytes, (uint8_t)*bytes);
    return b;
}

/* Of a name that no others may be: the next bytes of those that are left, and what every
 * string knows. */
static mlci_bytes mq_name_bytes(const mlci_machine *m, const uint32_t *f)
{
    const mlci_shape *shape = &m->shapes[mlci_frame(m, f[6])[4]];
    mlci_bytes b = mq_set("\\\"");

    for (uint32_t i = f[1]; i < f[2]; i++) {
        const mlci_name *x = &m->s->names[shape->names[i]];

        if (x->n > f[3])
            mlci_bytes_add(&b, (uint8_t)x->p[f[3]], (uint8_t)x->p[f[3]]);
    }
    return b;
}

static mlci_bytes mq_tags_bytes(const mlci_machine *m, const uint32_t *f)
{
    mlci_bytes b = { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } };
    const mlci_tag *x = &m->tags->tags[f[2]];

    if (f[1] == MLCI_TAG_VALUE && x->end.n > 0) {
        b = mlci_machine_bytes_of(&x->m, f[3]);
        mlci_bytes_add(&b, (uint8_t)x->end.p[0], (uint8_t)x->end.p[0]);
    }
    return b;
}

mlci_bytes mlci_machine_bytes_of(const mlci_machine *m, mlci_state s)
{
    const mlci_bytes all = { { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } };
    const uint32_t *f = mlci_frame(m, s);

    switch ((ma_kind)f[0]) {
    case MA_END:    return mq_set(" \n\t\r");
    case MA_VALUE:  return mq_set(" \n\t\r\"-0123456789{[ntf");
    case MA_NUMBER: return mq_set("0123456789.eE+- \n\t\r,]}");
    case MA_OBJECT: return mq_set(f[5] == MA_FIRST ? " \n\t\r\"}"
                                  : f[5] == MA_NEXT ? " \n\t\r,}" : " \n\t\r\"");
    case MA_MEMBER: return mq_set(" \n\t\r:");
    case MA_ARRAY:  return mq_set(f[3] == MA_NEXT ? " \n\t\r,]"
                                                  : " \n\t\r\"-0123456789{[ntf]");
    case MA_LITERAL: return mq_set((char[]){ mlci_literals[f[1]][f[2]], 0 });
    case MA_CFG:    return mlci_cfg_bytes_of(&m->cfg, f[1]);
    case MA_SPACE:  return mq_set(" ");
    case MA_TAGS:   return mq_tags_bytes(m, f);
    case MA_KEY:    return f[5] == 0 && f[4] == 0 ? mq_name_bytes(m, f) : all;
    default:        return all;
    }
}

mlci_bytes mlci_machine_names_of(const mlci_machine *m, mlci_state s)
{
    const uint32_t *f = mlci_frame(m, s);

    if (f[0] == MA_KEY && f[4] == 0 && f[1] < f[2])
        return mq_name_bytes(m, f);
    return mq_set("");
}

mlci_state mlci_machine_other_name(mlci_machine *m, mlci_state s)
{
    const uint32_t *f = mlci_frame(m, s);
    const uint32_t words[] = { MA_KEY, 0, 0, 0, 0, f[5], f[6] };
    const uint32_t r = mlci_tuple(&m->s->tuples, words, 7);

    m->too_complex |= r == UINT32_MAX;
    return r != UINT32_MAX ? r : MLCI_DEAD;
}

static mlci_inside mq_inside_name(const mlci_machine *m, const uint32_t *f)
{
    mlci_inside in = { .kind = MLCI_IN_OTHER, .most = UINT32_MAX };
    uint32_t n;
    const uint32_t *w = mlci_tuple_at(&m->s->tuples, f[5], &n);

    if (f[4] != 0 || f[5] == 0)
        return in;
    in.kind = n == 1 && w[0] == MLCI_RX_ALL ? MLCI_IN_NAME : MLCI_IN_LANGUAGE;
    in.language = w[0];
    in.names = f[1] < f[2];
    in.same = in.kind == MLCI_IN_NAME && !in.names;
    in.may_end = in.kind == MLCI_IN_NAME;
    return in;
}

mlci_inside mlci_machine_inside(const mlci_machine *m, mlci_state s)
{
    const uint32_t *f = mlci_frame(m, s);
    mlci_inside in = { .kind = MLCI_IN_OTHER };

    switch ((ma_kind)f[0]) {
    case MA_KEY: return mq_inside_name(m, f);
    case MA_END: case MA_VALUE: case MA_OBJECT: case MA_MEMBER: case MA_ARRAY:
        in.kind = m->s->o.spaces == MLCI_SPACES_ANY ? MLCI_IN_SPACES : MLCI_IN_OTHER;
        return in;
    case MA_STRING: break;
    default: return in;
    }
    if (f[2] == 0 && mlci_texts_free(m, f[1], &in))
        in.kind = MLCI_IN_FREE;
    if (f[2] == 0 && (in.kind != MLCI_IN_FREE || (m->s->o.own_escapes && in.most != UINT32_MAX)))
        in = (mlci_inside){ .kind = MLCI_IN_LANGUAGE, .texts = f[1] };
    return in;
}
