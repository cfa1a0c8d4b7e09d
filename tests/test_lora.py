#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""LoRA adapters: a model with one gives what the model does that the adapter was merged into;
on a GGUF file of the same model, whose rows lie in another order, too; what is refused."""
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
DATA = os.environ.get("MLC_TEST_DATA", "build")
passed = failed = 0
work = tempfile.mkdtemp(prefix="mlc-lora-")
RANK, ALPHA = 4, 6.0


def check(what, good, more=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("test_lora.py: %s: %s" % (what, str(more)[:300]), file=sys.stderr)


# ---- files ---------------------------------------------------------------------------------------

def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        body = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(body)]}
        data += body
    head = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)


def read_bf16(path):
    with open(path, "rb") as f:
        n, = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(n)), f.read()
    out = {}
    for name, e in header.items():
        if name != "__metadata__":
            a, b = e["data_offsets"]
            half = array.array("H", data[a:b])
            wide = array.array("I", (x << 16 for x in half)).tobytes()
            out[name] = (e["shape"], array.array("f", wide))
    return out


def write_adapter(folder, matrices, **more):
    os.makedirs(folder)
    tensors = {}
    for name, (a, b) in matrices.items():
        at = "base_model.model." + name
        tensors[at + ".lora_A.weight"] = ([len(a), len(a[0])], [x for r in a for x in r])
        tensors[at + ".lora_B.weight"] = ([len(b), len(b[0])], [x for r in b for x in r])
    write_safetensors(folder + "/adapter_model.safetensors", tensors)
    with open(folder + "/adapter_config.json", "w") as f:
        json.dump(dict({"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA}, **more), f)


def write_gguf(path, matrices, heads):
    """As llama.cpp converts it: GGUF's names, rows of q and k in pairs."""
    names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
             "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}

    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()
    keys = [text("general.architecture") + struct.pack("<I", 8) + text("llama"),
            text("general.type") + struct.pack("<I", 8) + text("adapter"),
            text("adapter.type") + struct.pack("<I", 8) + text("lora"),
            text("adapter.lora.alpha") + struct.pack("<If", 6, ALPHA)]
    tensors, data = [], b""
    for name, (a, b) in matrices.items():
        parts = name.split(".")
        to = "output" if name == "lm_head" else "blk.%s.%s" % (parts[2], names[parts[-1]])
        if parts[-1] in heads:
            d = len(b) // heads[parts[-1]]
            b = [b[h * d + i % 2 * (d // 2) + i // 2] for h in range(heads[parts[-1]])
                 for i in range(d)]
        for end, m in (("a", a), ("b", b)):
            data += bytes(-len(data) % 32)
            tensors.append(text("%s.weight.lora_%s" % (to, end))
                           + struct.pack("<IQQIQ", 2, len(m[0]), len(m), 0, len(data)))
            data += array.array("f", [x for r in m for x in r]).tobytes()
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys + tensors)
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % 32) + data)


def score(model, *more):
    p = subprocess.run([MLC, "score", model, "--ids", ",".join(str(i * 37 % 512)
                        for i in range(40)), "--json", "--kv", "f32", *more],
                       capture_output=True, text=True)
    return (json.loads(p.stdout)["nll"] if p.returncode == 0 else None), p.stderr


def close(what, x, y, bound, err=""):
    most = max(abs(a - b) for a, b in zip(x, y)) if x and y else None
    check(what, most is not None and most < bound, err or most)


# ---- the tests -----------------------------------------------------------------------------------

def merged(tensors, matrices, scale):
    out = dict(tensors)
    for name, (a, b) in matrices.items():
        shape, w = tensors[name + ".weight"]
        w = array.array("f", w)
        for i in range(shape[0]):
            for k in range(shape[1]):
                w[i * shape[1] + k] += scale * sum(b[i][r] * a[r][k] for r in range(len(a)))
        out[name + ".weight"] = (shape, w)
    return out


def main():
    base = DATA + "/golden/tiny/llama"
    gguf = DATA + "/golden/tiny/gguf/llama/llama-F32.gguf"
    if not os.path.exists(base + "/model.safetensors"):
        print("test_lora.py: %s is not here" % base, file=sys.stderr)
        return
    rng = random.Random(5)
    tensors = read_bf16(base + "/model.safetensors")
    with open(base + "/config.json") as f:
        config = json.load(f)
    matrices = {}
    for name, (shape, _) in tensors.items():
        if name.endswith("_proj.weight") or name == "lm_head.weight":
            matrices[name[:-len(".weight")]] = (
                [[rng.gauss(0, 0.2) for _ in range(shape[1])] for _ in range(RANK)],
                [[rng.gauss(0, 0.2) for _ in range(RANK)] for _ in range(shape[0])])
    same = work + "/same"
    os.makedirs(same)
    shutil.copy(base + "/config.json", same)
    write_safetensors(same + "/model.safetensors", merged(tensors, matrices, ALPHA / RANK))
    write_adapter(work + "/a", matrices)
    write_adapter(work + "/root", matrices, use_rslora=True, lora_alpha=ALPHA / RANK ** 0.5)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    write_gguf(work + "/a.gguf", matrices, heads)

    for tier, bound in (("scalar", 1e-3), (None, 0.02)):
        more = ("--tier", tier) if tier else ()
        want, err = score(same, *more)
        without, _ = score(base, *more)
        check("%s: it matters" % tier, want and max(abs(a - b) for a, b in zip(want, without)) > 1)
        for adapter in ("a", "root", "a.gguf"):
            got, err = score(base, "--adapter", work + "/" + adapter, *more)
            close("%s: %s" % (tier, adapter), got, want, bound, err)
            if os.path.exists(gguf):
                got, err = score(gguf, "--adapter", work + "/" + adapter, *more)
                close("%s: %s on a GGUF file" % (tier, adapter), got, want, bound, err)

    def refused(what, word, m, **config):
        shutil.rmtree(work + "/bad", ignore_errors=True)
        write_adapter(work + "/bad", m, **config)
        x, err = score(base, "--adapter", work + "/bad")
        check(what, x is None and word in err, err)

    name = "model.layers.0.self_attn.q_proj"
    a, b = matrices[name]
    refused("DoRA", "use_dora", matrices, use_dora=True)
    refused("another kind", "peft_type", matrices, peft_type="IA3")
    refused("whole modules", "modules_to_save", matrices, modules_to_save=["lm_head"])
    refused("too narrow", "not of this model", {name: ([r[:-1] for r in a], b)})
    refused("too few rows", "not of this model", {name: (a, b[:-1])})
    refused("too many rows", "more rows", {name: (a, b + b[:1])})
    refused("two ranks", "not of this model", {name: (a[:-1], b)})
    refused("a layer that is not there", "no product", {name.replace("0", "7"): (a, b)})
    refused("embeddings", "no product", {"model.embed_tokens": matrices["lm_head"]})
    refused("nothing", "no pairs", {})
    write_safetensors(work + "/bad/adapter_model.safetensors", {
        "base_model.model." + name + ".lora_A.weight": ([RANK, 64], [0.0] * 64 * RANK)})
    x, err = score(base, "--adapter", work + "/bad")
    check("half of it", x is None and "other matrix" in err, err)
    x, err = score(base, "--adapter", base)
    check("no adapter", x is None and "adapter_config.json" in err, err)


try:
    main()
finally:
    shutil.rmtree(work, ignore_errors=True)
print("%d passed, %d failed" % (passed, failed))
sys.exit(failed != 0)
