/* SPDX-License-Identifier: Apache-2.0
 *
 * machine_frames.h - what a machine's states are lists of.
 */
#ifndef MLCI_MACHINE_FRAMES_H
#define MLCI_MACHINE_FRAMES_H

#include "machine.h"

/* Frames: kind, then
 *   TEXT     language                             all of the text, no JSON
 *   CFG      state                                all of the text, by rules (cfg.h)
 *   TAGS     phase, two numbers, some tag         free text and tags (tags.h)
 *   ROOT     -                                    waits for the whole value
 *   END      -                                    it has come
 *   SPACE    the state after one space
 *   VALUE    wants                                spaces, then a value
 *   STRING   texts, place in the bytes            texts: a list of mlci_text_one
 *   NUMBER   numbers                              a list of ma_number
 *   LITERAL  which, bytes so far, result
 *   OBJECT   wants, seen, others, shape, phase    seen: bits by the shape's order
 *   KEY      first, last, bytes so far, place in the bytes, texts of other names
 *   MEMBER   pending, seen, others, shape, phase  a name has come
 *   ARRAY    wants, items so far, phase           items: where they must be unlike
 *   ITEM     pending, items so far, whether they must be unlike
 * and, last of all, the state below. */
typedef enum ma_kind {
    MA_NOTHING, MA_ROOT, MA_END, MA_VALUE, MA_STRING, MA_NUMBER, MA_LITERAL, MA_OBJECT, MA_KEY,
    MA_MEMBER, MA_ARRAY, MA_ITEM, MA_TEXT, MA_CFG,
    MA_TAGS, MA_SPACE
} ma_kind;

enum { MA_FIRST, MA_NEXT, MA_AFTER, MA_COLON, MA_READING };   /* phases */

/* Questions in m->memo; judge_possible.c has others. */
enum { MA_STRING_OF, MA_NUMBER_OF, MA_OBJECT_OF, MA_ARRAY_OF, MA_SHAPE_OF, MA_OTHERS_OF,
       MA_ITEM_WANTS, MA_ITEM_PENDING, MA_SINGLE, MA_NEEDS_OTHERS,
       MA_MEMBER_WANTS = 1 << 24, MA_MEMBER_PENDING = 1 << 25, MA_ALLOWED = 1 << 26,
       MA_CLASS_WANTS = 1 << 27, MA_CLASS_PENDING = 1 << 28 };

/* The shape of an object that begins: its number. */
uint32_t mlci_machine_shape(mlci_machine *m, uint32_t vec);

extern const char *const mlci_literals[3];   /* by number */

static inline const uint32_t *mlci_frame(const mlci_machine *m, mlci_state s)
{
    return m->s->tuples.items[s] + 1;
}

#endif
