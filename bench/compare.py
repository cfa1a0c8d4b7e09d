#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of mlc beside other programs, in one run.

    bench/compare.py MODEL [-r ROUNDS] [-t THREADS] [--tier T] [NAME=LLAMA_BENCH ...]

Machines are noisy, so the programs take turns and medians are compared: each round
runs mlc bench (prefill of 512 tokens, 128 decoded) and each peer's llama-bench
(-p 512, -n 128, another process) on the same file with as many threads.  The read
bandwidth is measured by mlc bench in the same rounds.  Prints a table; --json FILE
keeps the numbers.
"""
import argparse
import json
import statistics
import subprocess


def run_mlc(program, model, threads, tier):
    command = [program, "bench", model, "-p", "512", "-n", "128", "-t", str(threads), "-r", "1",
               "--json"] + (["--tier", tier] if tier else [])
    out = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    out["bandwidth_share"] = (out["decode_tokens_per_s"] * out["decode_bytes_per_token"]
                              / out["read_bandwidth_bytes_per_s"])
    return out


def run_peer(program, model, threads):
    command = [program, "-m", model, "-p", "512", "-n", "128", "-t", str(threads), "-r", "1",
               "-o", "json"]
    out = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    rows = json.loads(out[out.index("["):])
    return {"prefill_tokens_per_s": next(r["avg_ts"] for r in rows if r["n_gen"] == 0),
            "decode_tokens_per_s": next(r["avg_ts"] for r in rows if r["n_prompt"] == 0)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("peers", nargs="*", metavar="NAME=LLAMA_BENCH")
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("--tier")
    parser.add_argument("--mlc", default="build/mlc")
    parser.add_argument("--json")
    a = parser.parse_intermixed_args()
    peers = dict(p.split("=", 1) for p in a.peers)
    seen = {}
    for _ in range(a.rounds):
        seen.setdefault("mlc", []).append(run_mlc(a.mlc, a.model, a.threads, a.tier))
        for name, program in peers.items():
            seen.setdefault(name, []).append(run_peer(program, a.model, a.threads))

    def median(name, key):
        return statistics.median(r[key] for r in seen[name])

    print(f"{a.model.split('/')[-1]}, {a.threads} threads, medians of {a.rounds}")
    for name in seen:
        p, d = (median(name, k) for k in ("prefill_tokens_per_s", "decode_tokens_per_s"))
        line = f"  {name:14} prefill {p:8.1f}  decode {d:7.1f}"
        if name != "mlc":
            line += (f"   mlc is {median('mlc', 'prefill_tokens_per_s') / p:.2f} x"
                     f" and {median('mlc', 'decode_tokens_per_s') / d:.2f} x")
        print(line)
    print(f"  read bandwidth {median('mlc', 'read_bandwidth_bytes_per_s') / 1e9:.1f} GB/s,"
          f" decoding uses {100 * median('mlc', 'bandwidth_share'):.0f} %;"
          f" load {median('mlc', 'load_ms'):.0f} ms, first token"
          f" {median('mlc', 'first_token_ms'):.0f} ms,"
          f" peak memory {median('mlc', 'peak_rss_bytes') / 1e6:.0f} MB")
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump(seen, f, indent=1)


if __name__ == "__main__":
    main()
