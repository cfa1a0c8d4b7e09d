#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# get_arm64.sh FOLDER - PCRE2 for arm64, unpacked into FOLDER, for tests under qemu.
#
# apt with package lists of its own: this system's architectures stay as they are.
set -eu

to=$1
[ -e "$to/usr/lib/aarch64-linux-gnu/libpcre2-8.a" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$to"
: > "$work/status"
apt() {
    apt-get -qq -o Dir::State="$work" -o Dir::State::status="$work/status" \
        -o Dir::Cache="$work/cache" -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
        -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update
(cd "$work" && apt download libpcre2-8-0 libpcre2-dev)
for package in "$work"/*.deb; do
    dpkg -x "$package" "$to"
done
