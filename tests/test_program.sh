#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_program.sh - what a user of the library does: install, pkg-config, the first C
# program with the shared and the static library, the Python lines, the one-file build.
set -u
. tests/sh.sh
model=${MLC_TEST_DATA:-build}/models/smollm2.gguf
tiny=tests/golden/tiny/gguf/llama/llama-Q4_0.gguf
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$err"' EXIT
cc=${CC:-cc}
answer="The capital of France is Paris."

ok install make -s install PREFIX="$tmp/usr"
export PKG_CONFIG_PATH="$tmp/usr/lib/pkgconfig"
# shellcheck disable=SC2046 # flags are lists
ok "hello.c, shared" $cc -Wall -Wextra -Werror -o "$tmp/hello" examples/hello.c \
    $(pkg-config --cflags --libs mlc)
# shellcheck disable=SC2046
ok "hello.c, static" $cc -o "$tmp/hello_static" examples/hello.c -I"$tmp/usr/include" \
    "$tmp/usr/lib/libmlc.a" $(pkg-config --static --libs-only-l mlc | sed 's/-lmlc//')
is "hello.c is under 40 lines" 1 "$(($(wc -l < examples/hello.c) < 40))"
is "README shows hello.c as it is" "$(cat examples/hello.c)" \
    "$(awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' README.md)"
is "README shows hello.py as it is" "$(cat examples/hello.py)" \
    "$(awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' README.md)"
ok "the one-file build" make -s one
export LD_LIBRARY_PATH="$tmp/usr/lib"
no "a model that is not there" 1 "$tmp/hello" "$tmp/none.gguf"
has "installed program" "mlc 0." "$("$tmp/usr/bin/mlc" --version)"
if [ -e "$model" ]; then
    is "hello.c answers" "$answer" "$("$tmp/hello" "$model")"
    is "the static one, too" "$answer" "$("$tmp/hello_static" "$model")"
    is "hello.py answers" "$answer" "$(python3 examples/hello.py "$tmp/usr/lib/libmlc.so.0" "$model")"
    is "run.sh answers" "> What is the capital of France?
$answer" "$(./run.sh < /dev/null)"
elif [ -n "${MLC_TEST_STRICT:-}" ]; then
    fail_ "a real model" "$model is not here"
fi
has "hello.py says what is wrong" "no chat template" \
    "$(python3 examples/hello.py "$tmp/usr/lib/libmlc.so.0" $tiny 2>&1)"
done_
