# SPDX-License-Identifier: Apache-2.0
"""Grammars of libmlc: which tokens may come.

    vocab = Vocab([b"{", b"}", ...], ends=[2])
    grammar = Grammar(vocab, '{"type": "object"}')
    m = Matcher(grammar)
    m.mask()            # numpy int32 [vocab.words], bit i % 32 of word i // 32 is token i
    m.accept(0)

Everything raises GrammarError with one sentence.  Objects keep alive what they need.
A Vocab and a Grammar may be shared between threads, a Matcher not.
"""
import ctypes as C
import os

import numpy as np

JSON_SCHEMA, REGEX, EBNF, LARK, TAGS, ANY = range(6)
NO_FORMAT, COMPACT, SPACED, IN_ORDER, PLAIN, LAX, FRESH = 1, 2, 4, 8, 16, 32, 64
_OK, _REFUSED, _ENDED = 0, -4, -9


class GrammarError(Exception):
    """What was wrong, in one sentence."""


class _Error(C.Structure):
    _fields_ = [("status", C.c_int32), ("os_error", C.c_int32), ("text", C.c_char * 248)]


class _Options(C.Structure):
    _fields_ = [("struct_size", C.c_uint32), ("kind", C.c_uint32), ("flags", C.c_uint32),
                ("reserved", C.c_uint32), ("limit", C.c_uint64)]


def _load():
    lib = C.CDLL(os.environ.get("MLC_LIBRARY", "libmlc.so.0"))
    p, status, size = C.c_void_p, C.c_int32, C.c_size_t
    for name, result, args in [
            ("context_open", status, [p, p, p]), ("context_close", None, [p]),
            ("vocab_open", status, [p, p, p, C.c_uint32, p, size, p, p]),
            ("vocab_close", None, [p]), ("vocab_words", size, [p]),
            ("grammar_options_init_sized", None, [p, size]),
            ("grammar_open", status, [p, p, size, p, p, p]),
            ("grammar_close", None, [p]), ("grammar_bytes", size, [p]),
            ("matcher_open", status, [p, p, p]), ("matcher_close", None, [p]),
            ("matcher_fork", status, [p, p, p]), ("matcher_mask", status, [p, p]),
            ("matcher_accept", status, [p, C.c_int32]),
            ("matcher_accept_bytes", status, [p, p, size, p]),
            ("matcher_rollback", status, [p, size]), ("matcher_may_end", C.c_int32, [p]),
            ("matcher_forced", status, [p, p, size, p])]:
        f = getattr(lib, "mlc_" + name)
        f.restype, f.argtypes = result, args
    return lib


_lib = _load()


def _check(status, err):
    if status != _OK:
        raise GrammarError(err.text.decode("utf-8", "replace") or f"status {status}")


class Vocab:
    """tokens: bytes of each, empty for special ones; ends: ids that end the text."""

    def __init__(self, tokens, ends=()):
        self.handle, self._context = C.c_void_p(), C.c_void_p()
        err = _Error()
        _check(_lib.mlc_context_open(None, C.byref(self._context), C.byref(err)), err)
        offsets = np.zeros(len(tokens) + 1, dtype=np.uint32)
        np.cumsum([len(t) for t in tokens], out=offsets[1:])
        last = np.asarray(list(ends), dtype=np.int32)
        _check(_lib.mlc_vocab_open(self._context, b"".join(tokens), offsets.ctypes.data,
                                   len(tokens), last.ctypes.data, len(last),
                                   C.byref(self.handle), C.byref(err)), err)
        self.size, self.words = len(tokens), _lib.mlc_vocab_words(self.handle)

    def __del__(self):
        _lib.mlc_vocab_close(self.handle)
        _lib.mlc_context_close(self._context)


class Grammar:
    """A JSON Schema, regular expression, EBNF or Lark grammar as text."""

    def __init__(self, vocab, text, kind=JSON_SCHEMA, flags=0, limit=0):
        self.vocab, self.handle = vocab, C.c_void_p()
        text = text.encode() if isinstance(text, str) else text
        opts, err = _Options(), _Error()
        _lib.mlc_grammar_options_init_sized(C.byref(opts), C.sizeof(opts))
        opts.kind, opts.flags, opts.limit = kind, flags, limit
        _check(_lib.mlc_grammar_open(vocab.handle, text, len(text), C.byref(opts),
                                     C.byref(self.handle), C.byref(err)), err)

    def __del__(self):
        _lib.mlc_grammar_close(self.handle)

    def bytes(self):
        return _lib.mlc_grammar_bytes(self.handle)


class Matcher:
    """A text that is being written."""

    def __init__(self, grammar, _handle=None):
        self.grammar, self.handle = grammar, _handle or C.c_void_p()
        if _handle is None:
            err = _Error()
            _check(_lib.mlc_matcher_open(grammar.handle, C.byref(self.handle), C.byref(err)), err)
        self.bits = np.zeros(grammar.vocab.words, dtype=np.int32)
        self._bits, self._value = self.bits.ctypes.data, self.handle.value

    def __del__(self):
        _lib.mlc_matcher_close(self.handle)

    def fork(self):
        handle, err = C.c_void_p(), _Error()
        _check(_lib.mlc_matcher_fork(self.handle, C.byref(handle), C.byref(err)), err)
        return Matcher(self.grammar, handle)

    def mask(self):
        """Fills and returns self.bits."""
        if _lib.mlc_matcher_mask(self._value, self._bits) != _OK:
            raise GrammarError("the grammar's limit was reached")
        return self.bits

    def accept(self, token):
        """False if the token may not come; nothing has changed then."""
        return _lib.mlc_matcher_accept(self._value, token) == _OK

    def accept_bytes(self, data):
        return _lib.mlc_matcher_accept_bytes(self._value, data, len(data), None) == _OK

    def rollback(self, n):
        if _lib.mlc_matcher_rollback(self._value, n) != _OK:
            raise GrammarError(f"there are no {n} tokens to take back")

    def may_end(self):
        return _lib.mlc_matcher_may_end(self._value) == 1

    def forced(self, most=256):
        """Bytes that must come next."""
        buf, n = C.create_string_buffer(most), C.c_size_t()
        if _lib.mlc_matcher_forced(self._value, buf, most, C.byref(n)) != _OK:
            raise GrammarError("the grammar's limit was reached")
        return buf.raw[:n.value]

    def allowed(self):
        """bool [vocab.size] of the mask."""
        bits = np.unpackbits(self.mask().view(np.uint8), bitorder="little")
        return bits[:self.grammar.vocab.size].astype(bool)
