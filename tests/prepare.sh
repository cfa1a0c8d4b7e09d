#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# prepare.sh BUILD - lay out what the tests read:
#
#   BUILD/golden   expected results: ../shared/golden where it exists (all of them),
#                  else tests/golden (a part, enough to find most mistakes)
#   BUILD/models   the three real models and vocabularies (tools/get_model.sh); what
#                  cannot be had is left out, and its tests say "skipped"
set -eu

build=$1
root=$(cd "$(dirname "$0")/.." && pwd)
golden=$build/golden
models=$build/models

if [ ! -e "$golden/ready" ]; then
    src=$root/../shared/golden
    [ -d "$src/models" ] || src=$root/tests/golden
    rm -rf "$golden"
    mkdir -p "$golden/text/tok"
    cp -R "$src/models" "$src/gguf_blocks" "$golden/"
    cp -R "$src/tiny" "$golden/"
    cp "$src/text/cases.json" "$golden/text/"
    [ ! -d "$src/text/spm" ] || cp -R "$src/text/spm" "$golden/text/"
    for file in "$src"/text/tok/*.json.gz; do
        gzip -dc "$file" > "$golden/text/tok/$(basename "$file" .gz)"
    done
    if [ -e "$src/text/chat.tar.gz" ]; then
        tar -xzf "$src/text/chat.tar.gz" -C "$golden/text"
    else
        cp -R "$src/text/chat" "$golden/text/"
    fi
    if [ -e "$src/text/corpus.txt" ]; then
        cp "$src/text/corpus.txt" "$golden/text/"
    else
        gzip -dc "$src/text/corpus.txt.gz" > "$golden/text/corpus.txt"
    fi
    chmod -R u+w "$golden"
    : > "$golden/ready"
fi
if [ ! -e "$golden/grammar/ready" ]; then
    rm -rf "$golden/grammar"
    mkdir -p "$golden/grammar"
    tar -xzf "$root/tests/golden/grammar/suite.tar.gz" -C "$golden/grammar"
    # Real schemas, of jsonschemabench: all of a sample where it is, else every eighth.
    sample=$root/../shared/golden/grammar/schemas.tar.gz
    [ -e "$sample" ] || sample=$root/tests/golden/grammar/schemas.tar.gz
    tar -xzf "$sample" -C "$golden/grammar"
    chmod -R u+w "$golden/grammar"
    : > "$golden/grammar/ready"
fi

mkdir -p "$models"
for name in smollm2 gemma3 qwen2 vocab; do
    case $name in vocab) to=$models/vocab ;; *) to=$models/$name.gguf ;; esac
    [ -e "$to" ] && continue
    if path=$(sh "$root/tools/get_model.sh" $name); then
        ln -sfn "$path" "$to"
    else
        echo "prepare.sh: no $name; its tests are skipped" >&2
    fi
done
