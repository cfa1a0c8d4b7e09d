/* SPDX-License-Identifier: Apache-2.0
 *
 * panel_decode.h - codes, scales and minima out of a panel, for whatever lanes the file
 * that includes it has; once for each kind of lanes, hence no guard.
 *
 * What a format's bytes mean is generated (panels.inc, of kernels/defs/panels.tir); here
 * a descriptor chooses among it.  The file defines PN(name), which puts its prefix before
 * a name, and with it types and operations:
 *
 *   v8, vf, levels        bytes of some rows, four k each; floats of as many rows; 16 levels
 *   load(p)               bytes in memory
 *   bits(v, from, to, n)  bits [from, from + n) of each byte at `to`, all others 0; from,
 *                         to, n are constants
 *   or_bits(a, v, ...)    a | bits(v, ...)
 *   look_up(levels, v)    a level for each byte
 *   halves, signed, unsigned (p)   float16 as floats; bytes as dwords
 *   all(n), sub, and, shl, shr, select_less(a, b, yes, no)   of dwords
 *   to_float, as_float    dwords' values, and their bits
 *   mul, neg              of floats
 */

#include "panels.inc"

/* Codes of k = 4j .. 4j + 3, unsigned; low and high are where the first lane's are. */
MLCI_INLINE PN(v8) PN(codes)(mlci_panel d, const uint8_t *low, const uint8_t *high,
                             PN(levels) levels, int j)
{
    if (d.lut != MLCI_LUT_NONE)
        return PN(codes_levels)(low, levels, j);
    if (d.low == 8)
        return PN(codes_8_0)(low, j);
    if (d.low == 2)
        return d.high == 1 ? PN(codes_2_1)(low, high, j) : PN(codes_2_0)(low, j);
    return d.high == 2 ? PN(codes_4_2)(low, high, j)
         : d.high == 1 ? PN(codes_4_1)(low, high, j) : PN(codes_4_0)(low, j);
}

/* Scales of the rows from `row` on and group g; factor: their super-block's. */
MLCI_INLINE PN(vf) PN(scale)(mlci_panel d, const uint8_t *sub, PN(vf) factor, int row, int g)
{
    const uint8_t *p = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d)) + row;

    switch (d.scale) {
    case MLCI_SCALE_F16:    return PN(scale_F16)(p + row, g);
    case MLCI_SCALE_I8:     return PN(scale_I8)(p, factor, g);
    case MLCI_SCALE_NIBBLE: return PN(scale_NIBBLE)(p, factor, g);
    case MLCI_SCALE_E8M0:   return PN(scale_E8M0)(p, g);
    default:                return factor;
    }
}

/* Their minima, of a format that has them; factor: the minima's. */
MLCI_INLINE PN(vf) PN(min)(mlci_panel d, const uint8_t *sub, PN(vf) factor, int row, int g)
{
    const uint8_t *p = sub + 2 * (mlci_low_bytes(d) + mlci_high_bytes(d)) + row;
    const uint8_t *mins = p + mlci_scale_bytes(d);

    return d.min == MLCI_MIN_F16 ? PN(scale_F16)(mins + row, g)
         : d.min == MLCI_MIN_U8 ? PN(min_U8)(mins, factor, g) : PN(min_NIBBLE)(p, factor, g);
}
