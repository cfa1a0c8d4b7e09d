#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# get_nvcc.sh FOLDER - a CUDA compiler: prints how to call it.  The system's own if it
# is on the PATH, else the one from PyPI, kept in FOLDER.
set -eu

version='==13.0.*'
dir=$1
if command -v nvcc >/dev/null; then
    echo nvcc
    exit 0
fi
root=$dir/nvidia/cu13
if ! [ -x "$root/bin/nvcc" ]; then
    mkdir -p "$dir"
    python3 -m pip install -q --disable-pip-version-check --no-deps --target "$dir" \
        "nvidia-cuda-nvcc$version" "nvidia-nvvm$version" "nvidia-cuda-crt$version" \
        "nvidia-cuda-runtime$version" "nvidia-cuda-cccl$version" >&2
fi
echo "$root/bin/nvcc"
