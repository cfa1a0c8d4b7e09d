# SPDX-License-Identifier: Apache-2.0
"""The Python binding of grammars, with numpy or without."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("MLC_LIBRARY", os.path.join(HERE, "../build/libmlc.so.0"))
sys.path.insert(0, os.path.join(HERE, "../bindings/python"))

from mlc import grammar as G  # noqa: E402

passed = failed = 0


def check(what, ok):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("tests/test_grammar.py: [" + what + "] failed", file=sys.stderr)


def refused(what, says, fn):
    try:
        fn()
    except G.GrammarError as e:
        check(what, says in str(e))
        return
    check(what, False)


def allowed(m):
    return [i for i, ok in enumerate(m.allowed()) if ok]


TOKENS = [b"{", b"}", b'"a"', b":", b"1", b"12", b"true", b"", b"ab"]
vocab = G.Vocab(TOKENS, [7])
schema = G.Grammar(vocab, '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],'
                          '"additionalProperties":false}')
m = G.Matcher(schema)
check("what begins an object", allowed(m) == [0])
check("a token is taken", m.accept(0) and not m.accept(1) and m.accept(2) and m.accept(3))
check("a number", allowed(m) == [4, 5])
fork = m.fork()
check("the fork goes on", fork.accept(5) and allowed(fork) == [1, 4, 5])
check("the other stays", allowed(m) == [4, 5])
m.rollback(1)
check("back", allowed(m) == [3])
compact = G.Grammar(vocab, '{"type":"object","required":["a"],"properties":{"a":{"const":true}},'
                           '"additionalProperties":false}', flags=G.COMPACT)
check("what must come", G.Matcher(compact).forced() == b'{"a":true}')
check("the end", fork.accept_bytes(b"}") and fork.may_end() and allowed(fork) == [7])
refused("too far back", "take back", lambda: m.rollback(9))
refused("no schema", "#/type", lambda: G.Grammar(vocab, '{"type":1}'))

union = G.Grammar(vocab, '[{"regex":"ab"},{"choice":["1","true"]}]', G.ANY)
check("a union", allowed(G.Matcher(union)) == [4, 6, 8])
lax = G.Grammar(vocab, '{"type":"boolean","$ref":"http://x/y"}', flags=G.LAX)
check("what was left out", len(lax.dropped()) == 1 and "#/$ref" in lax.dropped()[0])
check("nothing was", schema.dropped() == [])
again = G.Grammar.load(vocab, union.save())
check("saved and loaded", allowed(G.Matcher(again)) == [4, 6, 8])
refused("damaged", "damaged", lambda: G.Grammar.load(vocab, union.save()[:-1] + b"x"))
both = G.masks([G.Matcher(union), None, G.Matcher(schema)])
check("masks of many", [int(x) for x in both] == [1 << 4 | 1 << 6 | 1 << 8, -1, 1])
check("sizes", schema.bytes() > 1000 and schema.states() > 10)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
