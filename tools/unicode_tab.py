#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/unicode_tab.c: character classes and simple case mappings.

    tools/unicode_tab.py > src/text/unicode_tab.c

Uses the module unicodedata2 (PyPI) where it is installed, for a newer Unicode
than Python's own.
"""
try:
    import unicodedata2 as ud
except ImportError:
    import unicodedata as ud

# White_Space of PropList.txt; unicodedata has no such property.
SPACE = {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
SPACE |= set(range(9, 14)) | set(range(0x2000, 0x200B))
LETTER, NUMBER, WHITE, MARK, PUNCT, SYMBOL, UPPER, LOWER = (1 << i for i in range(8))
BLOCK = 128


def classes(cp):
    cat = ud.category(chr(cp))
    c = {"L": LETTER, "N": NUMBER, "M": MARK, "P": PUNCT, "S": SYMBOL}.get(cat[0], 0)
    c |= WHITE if cp in SPACE else 0
    c |= UPPER if cat in ("Lu", "Lt") else LOWER if cat == "Ll" else 0
    return c


def case_ranges(fn):
    """Runs of code points with the same distance to their counterpart; step 2
    where upper and lower case alternate."""
    pairs = [(cp, ord(fn(chr(cp)))) for cp in range(0x110000)
             if not 0xD800 <= cp < 0xE000
             and len(fn(chr(cp))) == 1 and fn(chr(cp)) != chr(cp)]
    runs = []
    for cp, to in pairs:
        if runs:
            a, b, step, delta = runs[-1]
            if to - cp == delta and cp - b == (step or cp - b) and cp - b <= 2:
                runs[-1] = (a, cp, cp - b, delta)
                continue
        runs.append((cp, cp, 0, to - cp))
    return [(a, b, step or 1, delta) for a, b, step, delta in runs]


def table(kind, name, values, per_line):
    print(f"const {kind} {name}[{len(values)}] = {{")
    for i in range(0, len(values), per_line):
        print("    " + " ".join(f"{v}," for v in values[i:i + per_line]))
    print("};\n")


def main():
    stage1, blocks = [], []
    for start in range(0, 0x110000, BLOCK):
        b = tuple(classes(cp) for cp in range(start, start + BLOCK))
        if b not in blocks:
            blocks.append(b)
        stage1.append(blocks.index(b))
    print("/* SPDX-License-Identifier: Apache-2.0\n *")
    print(f" * unicode_tab.c - made by tools/unicode_tab.py from Unicode {ud.unidata_version}.")
    print(" * Do not edit.\n */\n#include \"unicode.h\"\n")
    print("/* Classes of 128 code points each; equal blocks are stored once. */")
    table("uint16_t", "mlci_unicode_blocks", stage1, 16)
    table("uint8_t", "mlci_unicode_classes", [c for b in blocks for c in b], 24)
    for name, fn in (("upper", str.upper), ("lower", str.lower)):
        runs = case_ranges(fn)
        print(f"const mlci_case_run mlci_unicode_{name}[{len(runs)}] = {{")
        for r in runs:
            print("    { 0x%04x, 0x%04x, %d, %d }," % r)
        print("};")
        print(f"const size_t mlci_unicode_{name}_count = {len(runs)};\n")


if __name__ == "__main__":
    main()
