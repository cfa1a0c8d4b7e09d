#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_cli.sh - the mlc program in pipes: every command, and what it says when
# something is wrong.  Chat in a terminal: test_chat.py.
set -u
. tests/sh.sh
mlc=${MLC:-build/mlc}
tiny=tests/golden/tiny/gguf/llama/llama-Q4_0.gguf
model=${MLC_TEST_DATA:-build}/models/smollm2.gguf
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$err"' EXIT

# ---- general --------------------------------------------------------------------
has help "mlc chat" "$($mlc --help)"
has version "mlc 0." "$($mlc --version)"
no "no arguments" 2 $mlc
no "no such command" 2 $mlc dance
has "it is named" '"dance"' "$(cat "$err")"
no "no such option" 1 $mlc run $tiny --hop
has "it is named" "--hop" "$(cat "$err")"
no "no model" 1 $mlc run
no "no such file" 1 $mlc run "$tmp/none.gguf" -p x
has "the file is named" "none.gguf" "$(cat "$err")"
is "one line" 1 "$(wc -l < "$err" | tr -d ' ')"
echo "not a model" > "$tmp/bad.gguf"
no "not a model" 1 $mlc info "$tmp/bad.gguf"
has "it says what it is not" "GGUF" "$(cat "$err")"
head -c 60000 $tiny > "$tmp/cut.gguf"
no "a model cut off" 1 $mlc run "$tmp/cut.gguf" -p x
has "the tensor is named" "tensor" "$(cat "$err")"
no "no such device" 1 $mlc run $tiny -p x --device cuda:7
has "devices are named" "cpu" "$(cat "$err")"
no "no such tier" 1 $mlc run $tiny -p x --tier avx9
has "tiers are named" "scalar" "$(cat "$err")"
no "a number is wanted" 1 $mlc bench $tiny -n ten
no "out of range" 1 $mlc run $tiny -p x --temperature hot
if [ -e /dev/full ]; then
    $mlc tokenize $tiny -p "a b c" > /dev/full 2>"$err"
    is "a full disk is an error" 1 $?
fi

# ---- info, devices, explain ---------------------------------------------------------
has info "llama.context_length" "$($mlc info $tiny)"
has "info --json" '"architecture"' "$($mlc info $tiny --json)"
has devices "cpu" "$($mlc devices)"
has "devices --json" '"tiers"' "$($mlc devices --json)"
explained=$($mlc explain $tiny)
for word in "graph as built" "after pass merge" "after pass decode" "after pass prologue" \
            "after pass epilogue" "matmul[Q4_0 + Q4_0; rms_norm, silu, mul]" "bytes planned" \
            "bytes moved for one decoded token"; do
    has "explain: $word" "$word" "$explained"
done
printf '%s\n' 'program twice(x: f32[n]) -> (y: f32[n]) { for i < n: y[i] = x[i] * 2.0 }' \
    'function main(x: f32[n]) -> f32[n] { y = call_tir twice(x) -> f32[n]' ' z = relu(y)' \
    ' return z }' > "$tmp/module.tir"
has "ir prints types" "z = relu(y)   # f32[n]" "$($mlc ir "$tmp/module.tir")"
$mlc ir "$tmp/module.tir" > "$tmp/printed.tir"
is "ir: printed text reads back the same" "$(cat "$tmp/printed.tir")" "$($mlc ir "$tmp/printed.tir")"
is "ir --run" "f32[10] 0 0 0 0 0 0 0 0 0 0.25" \
    "$($mlc ir "$tmp/module.tir" --run main --sizes n=10 | tr '\n' ' ' | sed 's/ $//')"
has "ir: an error has its line" "line 2" "$(echo 'function f(' > "$tmp/bad.tir"; $mlc ir "$tmp/bad.tir" 2>&1)"
has "ir --passes: two programs become one" "call_tir fused_" "$($mlc ir "$tmp/module.tir" --passes common,dead,fuse)"
is "ir --passes gives the same" "$($mlc ir "$tmp/module.tir" --run main --sizes n=10)" \
    "$($mlc ir "$tmp/module.tir" --passes fuse --run main --sizes n=10)"
no "ir: no such pass" 1 $mlc ir "$tmp/module.tir" --passes tidy
has "it is named" "pass tidy" "$(cat "$err")"
is "explain --pass: the state before and after" 2 "$($mlc explain $tiny --pass dead | grep -c '^====')"
no "explain: no such pass" 1 $mlc explain $tiny --pass tidy
has "it is named" '"tidy"' "$(cat "$err")"
for device in cuda vulkan opencl; do
    on=$($mlc explain $tiny --device $device --pass dispatch)
    has "explain --device $device: gate, products and decoding are one kernel" \
        "decode_Q4_0, matmul, decode_Q4_0, matmul, silu, mul" "$on"
    is "explain --device $device: no weights are written out decoded" 0 "$(echo "$on" | grep -c '\[decode_Q4_0\]')"
done
no "explain: no such device" 1 $mlc explain $tiny --device npu
has "explain --ranks: parts of weights, sums" "all_reduce" "$($mlc explain $tiny --ranks 2 --rank 1 --pass shard)"
no "explain: no such rank" 1 $mlc explain $tiny --ranks 2 --rank 2
is "explain --without" 0 "$($mlc explain $tiny --without merge | grep -c 'after pass merge')"

# ---- tokenize, detokenize, template ---------------------------------------------------
printf 'The quick brown fox' > "$tmp/text"
json=$($mlc tokenize $tiny --json --text-file "$tmp/text")
has tokenize '{"ids":[' "$json"
ids=$(printf '%s' "$json" | sed 's/.*\[\(.*\)\].*/\1/')
is "detokenize gives it back" "The quick brown fox" "$($mlc detokenize $tiny --ids "$ids")"

# ---- a directory as MLC has them --------------------------------------------------------
mkdir "$tmp/mlc"
cat > "$tmp/mlc/mlc-chat-config.json" <<'JSON'
{"model_type": "llama", "quantization": "q4f16_1", "eos_token_id": 1, "model_config": {"hidden_size": 32,
 "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "rms_norm_eps": 1e-5},
 "conv_template": {"system_template": "[S]{system_message}[/S]\n", "system_message": "Don't \\ lie.",
 "system_prefix_token_ids": [0], "add_role_after_system_message": false,
 "roles": {"user": "[U]", "assistant": "[A]", "tool": "[T]"},
 "role_templates": {"user": "<{user_message}>", "assistant": "{assistant_message}"},
 "messages": [["user", "q"], ["assistant", "a"]], "seps": ["|", "#\n"], "role_content_sep": ": ",
 "role_empty_sep": ":", "stop_token_ids": [2], "strip_reasoning_in_history": true}}
JSON
echo '{"records": []}' > "$tmp/mlc/tensor-cache.json"
cat > "$tmp/mlc/tokenizer.json" <<'JSON'
{"added_tokens": [{"id": 0, "content": "<s>", "special": true}], "pre_tokenizer": {"type": "ByteLevel"},
 "model": {"type": "BPE", "vocab": {"a": 1, "b": 2}, "merges": []}}
JSON
cat > "$tmp/request" <<'JSON'
{"messages": [{"role": "user", "content": "x"},
 {"role": "assistant", "content": "<think>t</think>\n\ny"}, {"role": "tool", "content": "z"},
 {"role": "user", "content": "w"}]}
JSON
is "a conversation template" "<s>[S]Don't \\ lie.[/S]
<q>|[A]: a#
[U]: <x>|[A]: y#
[T]: z|[U]: <w>|[A]:" "$($mlc template "$tmp/mlc" --json-file "$tmp/request")"
echo '{"messages": [{"role": "system", "content": "Be."}, {"role": "user", "content": "x"}]}' \
    > "$tmp/request"
has "with a system message" "<s>[S]Be.[/S]" "$($mlc template "$tmp/mlc" --json-file "$tmp/request")"
no "the weights are missing" 1 $mlc score "$tmp/mlc" --ids 1,2
has "it says which" "token_embd.weight" "$(cat "$err")"

# ---- grammar --------------------------------------------------------------------------
echo '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}' > "$tmp/schema"
echo '{"a": 1}' > "$tmp/fits"
echo '{"a": 1.5}' > "$tmp/not"
printf 'YQ== 0\nYg== 1\nYWI= 2\nMQ== 3\n' > "$tmp/ranks"      # a, b, ab, 1
is "a text that fits" "$tmp/fits: fits" "$($mlc grammar $tiny --schema "$tmp/schema" --check "$tmp/fits")"
has "a text that does not, and where" "does not fit at byte 8" \
    "$($mlc grammar $tiny --schema "$tmp/schema" --check "$tmp/not" || true)"
is "several texts" "2 fit" "$($mlc grammar $tiny --check="$tmp/fits" "$tmp/not" "$tmp/fits" \
    --schema "$tmp/schema" | grep -c ': fits$' | sed 's/$/ fit/')"
is "tokens that may come" "      1  b
      3  1
2 of 4 tokens" "$($mlc grammar "$tmp/ranks" --regex 'ab*1' --mask-after a)"
echo 'root ::= "a" ("b" | root)' > "$tmp/rules"
has "rules" "3 of 4 tokens" "$($mlc grammar "$tmp/ranks" --ebnf "$tmp/rules" --mask-after a)"
echo '[{"regex":"a"},{"choice":["1","b1"]}]' > "$tmp/rules"
has "any of several" "3 of 4 tokens" "$($mlc grammar "$tmp/ranks" --any "$tmp/rules" --mask-after '')"
no "no grammar" 1 $mlc grammar "$tmp/ranks"
has "it says what it wants" "wants one of" "$(cat "$err")"
echo '{"type":1}' > "$tmp/schema"
no "a schema that is none" 1 $mlc grammar "$tmp/ranks" --schema "$tmp/schema"
has "the place is named" '"#/type"' "$(cat "$err")"
printf '%s' '{"type":"string","pattern":"(a)\\1"}' > "$tmp/schema"
no "a keyword that is not enforced" 1 $mlc grammar "$tmp/ranks" --schema "$tmp/schema"
has "what lax leaves out" '"#/pattern"' \
    "$($mlc grammar --tokenizer $tiny --schema "$tmp/schema" --lax --explain)"
echo '[1,2]' > "$tmp/fits"
echo true > "$tmp/schema"
is "JSON without spaces" "$tmp/fits: fits" \
    "$($mlc grammar $tiny --schema "$tmp/schema" --compact --check "$tmp/fits")"
has "one space behind a comma" "does not fit at byte 3" \
    "$($mlc grammar $tiny --schema "$tmp/schema" --spaced --check "$tmp/fits" || true)"
mkdir "$tmp/bench"
cat > "$tmp/bench/a.json" <<'JSON'
{"schema": {"type": "array", "items": {"enum": ["a, \"b", 1]}}, "tests": [
 {"valid": true, "data": ["a, \"b",   1]}, {"data": [2], "valid": false}, {"valid": true, "data": 1}]}
JSON
echo '{"schema": {"type": 1}, "tests": [{"valid": true, "data": 1}]}' > "$tmp/bench/b.json"
bench=$($mlc grammar $tiny --bench "$tmp/bench")
has "a bench counts schemas" '"schemas": 2, "refused": 1' "$bench"
has "and what fits" '"valid": 3, "accepted": 1' "$bench"
has "and what does not" '"invalid": 1, "not_accepted": 1' "$bench"
has "and takes times" '"mask_us": {"mean":' "$bench"
no "an empty folder" 1 $mlc grammar $tiny --bench "$tmp/nothing"

is "stdin as well" "$json" "$($mlc tokenize $tiny --json --text-file - < "$tmp/text")"
no "ids that are none" 1 $mlc detokenize $tiny --ids 1,x
no "an id out of range" 1 $mlc detokenize $tiny --ids 1,99999
cat > "$tmp/request" <<'JSON'
{"messages":[{"role":"user","content":"Hi"}],
 "chat_template":"{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"}
JSON
is template "<user>Hi" "$($mlc template $tiny --json-file "$tmp/request")"
echo '{"messages":[{"role":5}]}' > "$tmp/request"
no "a bad request" 1 $mlc template $tiny --json-file "$tmp/request"
has "the field is named" "messages[0]" "$(cat "$err")"

# ---- a file that is laid out --------------------------------------------------------------
has "laid out" "$tmp/laid: for cpu" "$($mlc convert $tiny --for cpu -o "$tmp/laid")"
is "what it says is what its source says" "$($mlc run $tiny -p abc --seed 3 -n 9 2>/dev/null)" \
    "$($mlc run "$tmp/laid" -p abc --seed 3 -n 9 2>/dev/null)"
no "for another device" 1 $mlc convert $tiny --for cuda -o "$tmp/laid"
has "it is named" '"cuda"' "$(cat "$err")"
no "without a name" 1 $mlc convert $tiny --for cpu

# ---- score, run, bench ------------------------------------------------------------------
score=$($mlc score $tiny --json --ids 5,6,7 --greedy 3)
for word in '"ids":[5,6,7]' '"nll":[' '"top":[{"id":' '"logprob":-' '"greedy":['; do
    has "score: $word" "$word" "$score"
done
is "two values for three ids" 1 "$(printf '%s' "$score" | sed 's/.*"nll":\[\([^]]*\)\].*/\1/' |
    awk -F, '{ print (NF == 2) }')"
is "the same on stdout each time" "$($mlc run $tiny -p abc --seed 3 -n 9 2>/dev/null)" \
    "$($mlc run $tiny -p abc --seed 3 -n 9 2>/dev/null)"
is "a prompt from stdin" "$($mlc run $tiny -p abc --seed 3 -n 9 2>/dev/null)" \
    "$(printf abc | $mlc run $tiny -p - --seed 3 -n 9 2>/dev/null)"
bench=$($mlc bench $tiny -p 32 -n 8 -t 2 -r 1 --json)
for word in prefill_tokens_per_s decode_tokens_per_s load_ms first_token_ms peak_rss_bytes \
            decode_bytes_per_token read_bandwidth_bytes_per_s; do
    has "bench: $word" "\"$word\":" "$bench"
done
ok "bench at a depth" $mlc bench $tiny -p 16 -n 4 -d 64 -r 1

# ---- a real model -----------------------------------------------------------------------
if [ -e "$model" ]; then
    is "a question" "The capital of France is Paris." \
        "$($mlc run "$model" --temperature 0 -p 'What is the capital of France?')"
    has "a system prompt reaches the template" "<|im_start|>system
Be brief.<|im_end|>" "$(printf '%s' '{"messages":[{"role":"system","content":"Be brief."},
        {"role":"user","content":"Hi"}]}' | $mlc template "$model" --json-file -)"
    is "stop strings" "The capital of" \
        "$($mlc run "$model" --temperature 0 --stop ' France,Paris' -p 'What is the capital of France?')"
    # a reader that goes away: no hang, no crash
    $mlc run "$model" -n 300 -p "Tell me a long story." 2>/dev/null | head -c 10 > /dev/null
    pass_
elif [ -n "${MLC_TEST_STRICT:-}" ]; then
    fail_ "a real model" "$model is not here"
fi
done_
