#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - from a fresh clone to an answer: installs what is missing (apt, as root
# or with sudo), builds, gets SmolLM2 (98 MB), asks it a question and, in a
# terminal, goes on chatting.
set -eu
cd "$(dirname "$0")"

sh tools/need.sh build model
make -s -j"$(nproc)" build/mlc >&2
model=$(sh tools/get_model.sh smollm2)

question="What is the capital of France?"
echo "> $question"
build/mlc run "$model" --temperature 0 -p "$question"

if [ -t 0 ] && [ -t 1 ]; then
    exec build/mlc chat "$model"
fi
