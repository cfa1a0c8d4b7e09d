# SPDX-License-Identifier: Apache-2.0
"""Grammars of libmlc: which tokens may come.

    vocab = Vocab([b"{", b"}", ...], ends=[2])
    grammar = Grammar(vocab, '{"type": "object"}')
    m = Matcher(grammar)
    m.mask()            # int32 [vocab.words], bit i % 32 of word i // 32 is token i
    m.accept(0)

Masks are numpy arrays where numpy is installed, else arrays of ctypes.  Everything raises GrammarError with one sentence.  Objects keep alive what they need.
A Vocab and a Grammar may be shared between threads, a Matcher not.
"""
import ctypes as C
import itertools
import os

try:
    import numpy as np
except ImportError:
    np = None

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
            ("grammar_states", size, [p]), ("grammar_dropped", C.c_char_p, [p]),
            ("grammar_save", status, [p, p, size, p]),
            ("grammar_load", status, [p, p, size, p, p]),
            ("matcher_masks", status, [p, size, p, size]),
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
        offsets = (C.c_uint32 * (len(tokens) + 1))(
            0, *itertools.accumulate(len(t) for t in tokens))
        last = (C.c_int32 * len(ends))(*ends)
        _check(_lib.mlc_vocab_open(self._context, b"".join(tokens), offsets, len(tokens),
                                   last, len(last), C.byref(self.handle), C.byref(err)), err)
        self.size, self.words = len(tokens), _lib.mlc_vocab_words(self.handle)

    def __del__(self):
        _lib.mlc_vocab_close(self.handle)
        _lib.mlc_context_close(self._context)


class Grammar:
    """A JSON Schema, regular expression, EBNF or Lark grammar, tags or a union, as text."""

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

    @classmethod
    def load(cls, vocab, saved):
        """What save() gave."""
        self, err = cls.__new__(cls), _Error()
        self.vocab, self.handle = vocab, C.c_void_p()
        _check(_lib.mlc_grammar_load(vocab.handle, saved, len(saved), C.byref(self.handle),
                                     C.byref(err)), err)
        return self

    def save(self):
        n = C.c_size_t()
        _lib.mlc_grammar_save(self.handle, None, 0, C.byref(n))
        buf = C.create_string_buffer(n.value)
        if _lib.mlc_grammar_save(self.handle, buf, n, C.byref(n)) != _OK:
            raise GrammarError("the grammar cannot be saved")
        return buf.raw

    def bytes(self):
        return _lib.mlc_grammar_bytes(self.handle)

    def states(self):
        return _lib.mlc_grammar_states(self.handle)

    def dropped(self):
        """What LAX left out of the schema: a sentence for each."""
        return _lib.mlc_grammar_dropped(self.handle).decode().splitlines()


def _words(n):
    """Zeros, and what a C function takes for them."""
    if np is None:
        words = (C.c_int32 * n)()
        return words, C.addressof(words)
    words = np.zeros(n, dtype=np.int32)
    return words, words.ctypes.data


def masks(matchers):
    """The masks of many matchers (None: all tokens) one behind the other, by all threads."""
    words = max(m.grammar.vocab.words for m in matchers if m is not None)
    bits, address = _words(len(matchers) * words)
    handles = (C.c_void_p * len(matchers))(*(m.handle if m else None for m in matchers))
    if _lib.mlc_matcher_masks(handles, len(matchers), address, words) != _OK:
        raise GrammarError("a grammar's limit was reached")
    return bits


class Matcher:
    """A text that is being written."""

    def __init__(self, grammar, _handle=None):
        self.grammar, self.handle = grammar, _handle or C.c_void_p()
        if _handle is None:
            err = _Error()
            _check(_lib.mlc_matcher_open(grammar.handle, C.byref(self.handle), C.byref(err)), err)
        self.bits, self._bits = _words(grammar.vocab.words)
        self._value = self.handle.value

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
        if np is None:
            bits = self.mask()
            return [bits[i // 32] >> i % 32 & 1 == 1 for i in range(self.grammar.vocab.size)]
        bits = np.unpackbits(self.mask().view(np.uint8), bitorder="little")
        return bits[:self.grammar.vocab.size].astype(bool)
