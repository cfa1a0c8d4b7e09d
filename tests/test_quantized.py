#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in fp8, GPTQ and AWQ: made here from random codes by their published formulas,
beside a checkpoint of the same values as float32; both must give the same log-probabilities."""
import array
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

MLC = os.environ.get("MLC", "build/mlc")
passed = failed = 0
work = tempfile.mkdtemp(prefix="mlc-quantized-")
WIDTH, FFN, HEADS, KV, VOCAB, LAYERS = 160, 288, 4, 2, 96, 2
GROUP = 32                                   # 128 in MLC's directories


def check(what, good, more=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("test_quantized.py: %s: %s" % (what, str(more)[:300]), file=sys.stderr)


def half(x):
    """x as float16 has it."""
    return struct.unpack("<e", struct.pack("<e", x))[0]


def e4m3(v):
    e, m = v >> 3 & 15, v & 7
    x = m / 512 if e == 0 else (1 + m / 8) * 2.0 ** (e - 7)
    return -x if v & 128 else x


def words(values):
    return array.array("I", values).tobytes()


def floats(values):
    return array.array("f", values).tobytes()


# ---- matrices: tensors as stored, and rows of values -------------------------------------------

def plain(rng, name, n, k):
    w = [[rng.gauss(0, 0.1) for _ in range(k)] for _ in range(n)]
    return {name + ".weight": ("F32", [n, k], floats(x for r in w for x in r))}, w


def fp8(rng, name, n, k, scales="block"):
    codes = [[rng.choice([c for c in range(256) if c & 127 < 0x70]) for _ in range(k)]
             for _ in range(n)]
    rows, columns = {"block": (128, 128), "row": (1, k), "one": (n, k)}[scales]
    high, wide = -(-n // rows), -(-k // columns)
    s = [[rng.uniform(0.0002, 0.0006) for _ in range(wide)] for _ in range(high)]
    s = [list(array.array("f", r)) for r in s]
    w = [[e4m3(codes[i][j]) * s[i // rows][j // columns] for j in range(k)] for i in range(n)]
    end, shape = {"block": (".weight_scale_inv", [high, wide]), "row": (".weight_scale", [n, 1]),
                  "one": (".weight_scale", [1])}[scales]
    return {name + ".weight": ("F8_E4M3", [n, k], bytes(c for r in codes for c in r)),
            name + end: ("F32", shape, floats(x for r in s for x in r)),
            name + ".input_scale": ("F32", [1], floats([1.0]))}, w


def int4(rng, n, k, symmetric):
    codes = [[rng.randrange(16) for _ in range(k)] for _ in range(n)]
    groups = -(-k // GROUP)
    scale = [[half(rng.uniform(0.01, 0.03)) for _ in range(n)] for _ in range(groups)]
    zero = [[8 if symmetric else rng.randrange(1, 16) for _ in range(n)] for _ in range(groups)]
    # Beside the scale a minimum is kept, as float16: off by 2^-12 of itself at most.
    least = [[half(-z * s) for z, s in zip(*rows)] for rows in zip(zero, scale)]
    w = [[codes[i][j] * scale[j // GROUP][i] + least[j // GROUP][i] for j in range(k)]
         for i in range(n)]
    packed = b"".join(struct.pack("<e", x) for r in scale for x in r)
    return codes, zero, ("F16", [groups, n], packed), w


def gptq(rng, name, n, k, symmetric=False, v2=False):
    codes, zero, scales, w = int4(rng, n, k, symmetric)
    q = [sum(codes[i][8 * j + b] << 4 * b for b in range(8)) for j in range(k // 8)
         for i in range(n)]
    z = [sum((row[8 * i + b] - (not v2) & 15) << 4 * b for b in range(8)) for row in zero
         for i in range(n // 8)]
    return {name + ".qweight": ("I32", [k // 8, n], words(q)),
            name + ".qzeros": ("I32", [-(-k // GROUP), n // 8], words(z)), name + ".scales": scales,
            name + ".g_idx": ("I32", [k], words(j // GROUP for j in range(k)))}, w


def awq(rng, name, n, k):
    order = [0, 2, 4, 6, 1, 3, 5, 7]         # nibble b of a word has column order[b] of eight
    codes, zero, scales, w = int4(rng, n, k, False)
    q = [sum(codes[8 * i + order[b]][j] << 4 * b for b in range(8)) for j in range(k)
         for i in range(n // 8)]
    z = [sum(row[8 * i + order[b]] << 4 * b for b in range(8)) for row in zero
         for i in range(n // 8)]
    return {name + ".qweight": ("I32", [k, n // 8], words(q)),
            name + ".qzeros": ("I32", [-(-k // GROUP), n // 8], words(z)), name + ".scales": scales}, w


# ---- directories -------------------------------------------------------------------------------

def write(folder, tensors, quantization, moe=False):
    os.makedirs(folder)
    config = {"model_type": "qwen3_moe" if moe else "llama", "hidden_size": WIDTH,
              "intermediate_size": FFN, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS,
              "num_key_value_heads": KV, "head_dim": 40, "vocab_size": VOCAB,
              "rms_norm_eps": 1e-5, "max_position_embeddings": 128}
    if moe:
        config.update(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=64,
                      norm_topk_prob=True)
    if quantization:
        config["quantization_config"] = quantization
    with open(folder + "/config.json", "w") as f:
        json.dump(config, f)
    header, data = {}, b""
    for name, (dtype, shape, body) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(body)]}
        data += body
    head = json.dumps(header).encode()
    with open(folder + "/model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)


def write_mlc(folder, tensors):
    """As MLC-LLM writes q4f16_autoawq: q, k, v side by side along the rows, gate and up too."""
    os.makedirs(folder)
    joined = {"q_proj": ("q_proj", "k_proj", "v_proj", "qkv_proj"),
              "gate_proj": ("gate_proj", "up_proj", "gate_up_proj")}
    records, data = [], b""
    types = {"I32": "uint32", "F16": "float16", "F32": "float32"}
    for name, (dtype, shape, body) in tensors.items():
        if any(x in name for x in ("k_proj", "v_proj", "up_proj")):
            continue
        for first, (*parts, to) in joined.items():
            if first in name:
                each = [tensors[name.replace(first, p)] for p in parts]
                rows = [len(t[2]) // shape[0] for t in each]
                body = b"".join(t[2][i * n:(i + 1) * n] for i in range(shape[0])
                                for t, n in zip(each, rows))
                shape = [shape[0], sum(t[1][1] for t in each)]
                name = name.replace(first, to)
        records.append({"name": name, "shape": shape, "dtype": types[dtype], "format": "raw",
                        "nbytes": len(body), "byteOffset": len(data)})
        data += body
    with open(folder + "/params_shard_0.bin", "wb") as f:
        f.write(data)
    with open(folder + "/tensor-cache.json", "w") as f:
        json.dump({"records": [{"dataPath": "params_shard_0.bin", "nbytes": len(data),
                                "records": records}]}, f)
    with open(folder + "/mlc-chat-config.json", "w") as f:
        json.dump({"model_type": "llama", "quantization": "q4f16_autoawq", "model_config": {
            "hidden_size": WIDTH, "intermediate_size": FFN, "num_attention_heads": HEADS,
            "num_hidden_layers": LAYERS, "num_key_value_heads": KV, "head_dim": 40,
            "vocab_size": VOCAB, "rms_norm_eps": 1e-5, "position_embedding_base": 10000,
            "context_window_size": 128, "tie_word_embeddings": False}}, f)


def model(kind, moe=False):
    """Stored tensors, and the same as float32."""
    rng = random.Random(11)
    stored, same = {}, {}

    def matrix(name, n, k, how):
        t, w = how(rng, name, n, k)
        stored.update(t)
        same[name + ".weight"] = ("F32", [n, k], floats(x for r in w for x in r))

    def vector(name, n):
        stored[name] = same[name] = ("F32", [n], floats(rng.uniform(0.5, 1.5) for _ in range(n)))

    matrix("model.embed_tokens", VOCAB, WIDTH, plain)
    matrix("lm_head", VOCAB, WIDTH, plain)
    vector("model.norm.weight", WIDTH)
    for i in range(LAYERS):
        at = "model.layers.%d." % i
        for name in ("input_layernorm", "post_attention_layernorm"):
            vector(at + name + ".weight", WIDTH)
        for name, n, k in (("q", 160, WIDTH), ("k", 80, WIDTH), ("v", 80, WIDTH),
                           ("o", WIDTH, 160)):
            matrix(at + "self_attn.%s_proj" % name, n, k, kind)
        if moe:
            vector(at + "self_attn.q_norm.weight", 40)
            vector(at + "self_attn.k_norm.weight", 40)
            matrix(at + "mlp.gate", 4, WIDTH, plain)
        for e in range(4 if moe else 1):
            to, ffn = ("mlp.experts.%d." % e, 64) if moe else ("mlp.", FFN)
            for name, n, k in (("gate", ffn, WIDTH), ("up", ffn, WIDTH), ("down", WIDTH, ffn)):
                matrix(at + to + name + "_proj", n, k, kind)
    return stored, same


def score(folder, *more):
    p = subprocess.run([MLC, "score", folder, "--ids", ",".join(str(i * 7 % VOCAB)
                        for i in range(40)), "--json", *more], capture_output=True, text=True)
    return (json.loads(p.stdout) if p.returncode == 0 else None), p.stderr


def compare(what, kind, quantization, moe=False):
    stored, same = model(kind, moe)
    a, b = work + "/" + what, work + "/" + what + "-same"
    if quantization == "mlc":
        write_mlc(a, stored)
    else:
        write(a, stored, quantization, moe)
    write(b, same, None, moe)
    for tier in ("scalar", None):
        more = ("--tier", tier, "--kv", "f32") if tier else ("--kv", "f32")
        (x, err), (y, why) = score(a, *more), score(b, *more)
        if x is None or y is None:
            check(what, False, err + why)
            continue
        most = max(abs(p - q) for p, q in zip(x["nll"], y["nll"]))
        # fp8's values are read as float16: 2^-12 of a weight.
        check("%s %s: NLL" % (what, tier), len(x["nll"]) == 39 and most < 0.004, most)
    if os.path.exists(work + "/laid"):
        os.remove(work + "/laid")
    p = subprocess.run([MLC, "convert", a, "--for", "cpu", "-o", work + "/laid"],
                       capture_output=True, text=True)
    z = score(work + "/laid", "--kv", "f32")[0] if p.returncode == 0 else None
    check(what + ": laid out", z is not None and x is not None and z["nll"] == x["nll"], p.stderr)
    return stored


def refused(what, word, tensors, quantization):
    folder = work + "/refused"
    shutil.rmtree(folder, ignore_errors=True)
    write(folder, tensors, quantization)
    x, err = score(folder)
    check(what, x is None and word in err, err)


def main():
    global GROUP, WIDTH, FFN
    g = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False}
    a = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm"}
    f = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    fp8_tensors = compare("fp8-blocks", fp8, f)
    compare("fp8-rows", lambda *x: fp8(*x, scales="row"), {"quant_method": "compressed-tensors"})
    compare("fp8-one", lambda *x: fp8(*x, scales="one"), f)
    compare("fp8-experts", fp8, f, moe=True)
    compare("gptq", gptq, dict(g, sym=False))
    compare("gptq-v2", lambda *x: gptq(*x, v2=True), dict(g, checkpoint_format="gptq_v2"))
    compare("gptq-symmetric", lambda *x: gptq(*x, symmetric=True), dict(g, sym=True))
    t = compare("awq", awq, a)

    refused("an order of columns", "desc_act", t, dict(g, desc_act=True))
    refused("eight bits", "8 bits", t, dict(g, bits=8))
    refused("another method", "\"bitsandbytes\"", t, {"quant_method": "bitsandbytes"})
    refused("another version", "\"gemv\"", t, dict(a, version="gemv"))
    refused("nothing said", "without a quantization_config", t, None)
    refused("groups that are not these", "do not fit", t, dict(a, group_size=64))
    missing = {k: v for k, v in t.items() if k != "model.layers.1.self_attn.k_proj.scales"}
    refused("no scales", "blk.1.attn_k", missing, a)
    missing = {k: v for k, v in fp8_tensors.items() if "scale_inv" not in k}
    refused("no scales of fp8", "no scale", missing, f)
    refused("zeros that are not 8", "a zero of", model(gptq)[0], dict(g, sym=True))
    key = "model.layers.0.mlp.up_proj.weight"
    body = fp8_tensors[key]
    bad = dict(fp8_tensors, **{key: (body[0], body[1], b"\x7f" + body[2][1:])})
    refused("a NaN", "a value that is none", bad, f)
    GROUP, WIDTH, FFN = 128, 256, 384
    compare("mlc-awq", awq, "mlc")


try:
    main()
finally:
    shutil.rmtree(work, ignore_errors=True)
print("%d passed, %d failed" % (passed, failed))
sys.exit(failed != 0)
