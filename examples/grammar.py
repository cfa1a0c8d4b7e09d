# SPDX-License-Identifier: Apache-2.0
"""A logits processor for transformers: only tokens that a JSON Schema allows.

    processor = SchemaProcessor(tokenizer, '{"type": "object"}')
    model.generate(**inputs, logits_processor=[processor])
"""
from mlc.grammar import Grammar, Matcher, Vocab


class SchemaProcessor:
    def __init__(self, tokenizer, schema):
        special = set(tokenizer.all_special_ids)
        pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
        table = {c: b for b, c in byte_letters().items()}
        tokens = [b"" if i in special else bytes(table.get(c, 63) for c in piece)
                  for i, piece in enumerate(pieces)]
        self.grammar = Grammar(Vocab(tokens, [tokenizer.eos_token_id]), schema)
        self.matchers, self.length = None, 0

    def __call__(self, ids, scores):
        if self.matchers is None:
            self.matchers = [Matcher(self.grammar) for _ in range(len(ids))]
        else:
            for m, row in zip(self.matchers, ids):
                m.accept(int(row[-1]))
        for m, row in zip(self.matchers, scores):
            row[:m.grammar.vocab.size][~row.new_tensor(m.allowed()).bool()] = -float("inf")
        return scores


def byte_letters():
    """GPT-2's letters for bytes, which byte-level vocabularies are written in."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}
