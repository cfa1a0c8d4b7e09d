#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# need.sh build|model|test ... - install what is missing, with apt as root or sudo.
#
# On a system without apt it only says what is missing.
set -eu

want=
for use in "$@"; do
    case $use in
    build) want="$want gcc libc6-dev make pkg-config libcjson-dev libpcre2-dev libedit-dev" ;;
    model) want="$want python3 python3-pip ca-certificates" ;;
    test)  want="$want g++ gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
                 glslc libvulkan-dev mesa-vulkan-drivers opencl-c-headers pocl-opencl-icd
                 ocl-icd-libopencl1 libcurl4" ;;
    *)     echo "need.sh: build, model or test" >&2; exit 2 ;;
    esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    for tool in cc make pkg-config python3; do
        command -v $tool >/dev/null ||
            echo "need.sh: $tool is missing; install what Debian calls:$want" >&2
    done
    exit 0
fi

# shellcheck disable=SC2086 # want is a list
have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $want 2>/dev/null |
       sed -n 's/ installed$//p') || true
missing=
for package in $want; do
    case $package in      # a compiler or Python of the user's own will do
    gcc)     command -v cc >/dev/null && continue ;;
    g++)     command -v c++ >/dev/null && continue ;;
    python3) command -v python3 >/dev/null && continue ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
    libcurl4) ldconfig -p 2>/dev/null | grep -q 'libcurl.*\.so\.4' && continue ;;
    make|pkg-config) command -v "$package" >/dev/null && continue ;;
    esac
    printf '%s\n' "$have" | grep -qx "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null; then
    sudo=sudo
else
    echo "need.sh: as root, run: apt-get install$missing" >&2
    exit 1
fi
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # both are lists
install() { $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null; }
# A fresh machine has no package lists yet.
install 2>/dev/null || { $sudo apt-get update -qq && install; }
