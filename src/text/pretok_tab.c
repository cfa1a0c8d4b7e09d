/* SPDX-License-Identifier: Apache-2.0
 *
 * pretok_tab.c - which splitter belongs to which tokenizer.ggml.pre.
 *
 * Expressions are those of the models' own tokenizer.json files.  Several of
 * them are applied in turn, each to the pieces that the one before left.
 */
#include "pretok.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WHITE_TAIL   "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define GPT2_WORDS   "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+"               \
                     "| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CASED_WORD(tail)                                                       \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"              \
    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" tail                                      \
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"             \
    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" tail

#define LETTERS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define OTHERS  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" WHITE_TAIL

const char *mlci_splitter_expression(mlci_splitter s)
{
    switch (s) {
    case MLCI_SPLIT_GPT2: return GPT2_WORDS;
    case MLCI_SPLIT_QWEN2: return CONTRACTIONS LETTERS "\\p{N}" OTHERS;
    case MLCI_SPLIT_LLAMA3: return CONTRACTIONS LETTERS "\\p{N}{1,3}" OTHERS;
    default: return NULL;
    }
}

const mlci_pre_entry mlci_pre_table[] = {
    { "gpt-2 gpt2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en "
      "jina-v2-code gigachat mellum a.x-4.0 modern-bert roberta-bpe mpt olmo jais "
      "exaone4 trillion granite-docling",
      MLCI_SPLIT_GPT2, 0, { NULL } },
    { "smollm starcoder refact command-r codeshell exaone minerva-7b",
      MLCI_SPLIT_DIGITS_GPT2, 0, { NULL } },
    { "qwen2 deepseek-r1-qwen megrez stablelm2 hunyuan solar-open grok-2 kormo",
      MLCI_SPLIT_QWEN2, 0, { NULL } },
    { "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
      MLCI_SPLIT_LLAMA3, MLCI_PRE_IGNORE_MERGES | MLCI_PRE_ADD_BOS, { NULL } },
    { "dbrx smaug-bpe chatglm-bpe", MLCI_SPLIT_LLAMA3, 0, { NULL } },
    { "glm4 glm5", MLCI_SPLIT_LLAMA3, MLCI_PRE_IGNORE_MERGES, { NULL } },
    { "default", MLCI_SPLIT_REGEX, 0,
      { "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2_WORDS, "\\p{N}+", "[0-9][0-9][0-9]" } },
    { "falcon", MLCI_SPLIT_REGEX, 0,
      { "[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2_WORDS, "[0-9][0-9][0-9]" } },
    { "qwen35", MLCI_SPLIT_REGEX, 0,
      { CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
        "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" WHITE_TAIL } },
    { "deepseek-llm", MLCI_SPLIT_REGEX, 0,
      { "[\r\n]",
        /* \p{L} less the scripts that were not meant: the published list */
        "\\s?[A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}"
        "\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}"
        "\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}"
        "\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}"
        "\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}"
        "\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"
        "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}"
        "\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}"
        "\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}"
        "\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}"
        "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}"
        "\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}"
        "\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}"
        "\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}-\\x{212d}"
        "\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}"
        "\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}"
        "\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}"
        "\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}"
        "\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}"
        "\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}"
        "\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}"
        "\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}"
        "\\x{1e900}-\\x{1e943}]+",
        "\\s?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+", "\\s+$", "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+", "\\p{N}+" } },
    { "deepseek-coder", MLCI_SPLIT_REGEX, 0,
      { "[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+", "\\p{N}" } },
    { "deepseek-v3 hunyuan-dense", MLCI_SPLIT_REGEX, 0,
      { "\\p{N}{1,3}", "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
        "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|" WHITE_TAIL } },
    { "tekken", MLCI_SPLIT_REGEX, MLCI_PRE_IGNORE_MERGES | MLCI_PRE_ADD_BOS,
      { CASED_WORD("") "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" WHITE_TAIL } },
    { "gpt-4o llama4 kanana2 minimax-m2", MLCI_SPLIT_REGEX, 0,
      { CASED_WORD(CONTRACTIONS "?")
        "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" WHITE_TAIL } },
    { "bailingmoe bailingmoe2 llada-moe", MLCI_SPLIT_REGEX, 0,
      { "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}"
        "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" } },
    { "seed-coder", MLCI_SPLIT_REGEX, 0,
      { CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}"
        "| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" WHITE_TAIL } },
    { "poro-chat bloom gpt3-finnish", MLCI_SPLIT_REGEX, 0,
      { " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+" } },
    { "viking", MLCI_SPLIT_REGEX, 0,
      { " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+", "\\p{N}" } },
    { "superbpe", MLCI_SPLIT_REGEX, 0, { "\\p{N}+", "(?=(\\d{3})+(?!\\d))" } },
    { "gemma4", MLCI_SPLIT_REGEX, MLCI_PRE_ESCAPE, { "[^\\n]+|[\\n]+" } },
};

const size_t mlci_pre_count = sizeof mlci_pre_table / sizeof *mlci_pre_table;
