# SPDX-License-Identifier: Apache-2.0
"""libmlc for the bench that compares grammar engines.

    python3 tests/grammar/engine.py FOLDER_OF_THE_BENCH bench.py --engines mlc,llguidance ...

runs a script of the bench with the engine "mlc" beside its own; MLC_LIBRARY names the
library (build/libmlc.so.0).  NO_FORMAT=1: "format" is a remark only.
"""
import json
import os
import runpy
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../bindings/python"))
os.environ.setdefault("MLC_LIBRARY", os.path.join(HERE, "../../build/libmlc.so.0"))
TOOLS = os.environ.get("GRAMMAR_TOOLS") or (sys.argv[1] if len(sys.argv) > 1 else ".")
sys.path.insert(0, TOOLS)

import engines  # noqa: E402
from engines.base import CompileError, Engine  # noqa: E402
from mlc import grammar as G  # noqa: E402


class MLC(Engine):
    name = "mlc"

    def __init__(self, vocab, variant=None):
        super().__init__(vocab, variant)
        special = set(vocab.special.values())
        self.tokens = G.Vocab([b"" if i in special else t for i, t in enumerate(vocab.tokens)],
                              vocab.eos)
        self.flags = G.FRESH | (G.NO_FORMAT if os.environ.get("NO_FORMAT") else 0)
        self._mask, self._accept = G._lib.mlc_matcher_mask, G._lib.mlc_matcher_accept

    def _compile(self, text, kind):
        try:
            return G.Grammar(self.tokens, text, kind, self.flags)
        except G.GrammarError as e:
            raise CompileError(str(e))

    def compile(self, schema):
        return self._compile(json.dumps(schema), G.JSON_SCHEMA)

    def compile_kind(self, kind, text):
        kinds = {"regex": G.REGEX, "ebnf": G.EBNF, "lark": G.LARK}
        if kind not in kinds:
            raise CompileError("not offered: " + kind)
        return self._compile(text, kinds[kind])

    def start(self, compiled):
        return G.Matcher(compiled)

    def mask(self, state):
        if self._mask(state._value, state._bits) != 0:
            raise RuntimeError("mask failed")
        self.bits = state.bits
        return state.bits

    def consume(self, state, token):
        return self._accept(state._value, token) == 0

    def can_stop(self, state):
        return state.may_end()

    def forced(self, state):
        return state.forced()

    def memory(self, compiled):
        return compiled.bytes()


_others = engines.get
engines.get = lambda name, vocab, **kw: (MLC(vocab) if name == "mlc" else _others(name, vocab, **kw))

if __name__ == "__main__":
    os.environ["GRAMMAR_TOOLS"] = os.path.abspath(TOOLS)
    script = os.path.join(os.path.abspath(TOOLS), sys.argv[2])
    sys.argv = [script] + sys.argv[3:]
    if "--child" not in sys.argv:      # the bench starts itself again: through this file
        import subprocess
        run = subprocess.run
        again = [sys.executable, os.path.abspath(__file__), os.environ["GRAMMAR_TOOLS"],
                 os.path.basename(script)]
        subprocess.run = lambda args, **kw: run(
            again + args[2:] if len(args) > 2 and args[1] == script else args, **kw)
    runpy.run_path(script, run_name="__main__")
