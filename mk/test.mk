# Tests, sanitizers, checks, measurements.
#
# MLC_TEST_SEED=N repeats a run; MLC_TEST_STRICT=1 counts what is skipped as failed;
# MLC_TEST_QUICK=1 leaves out what takes long (used under emulation).
#
#   make test     everything: native, sanitizers, arm64 under qemu, program, ABI
#   make quick    the native tests alone
#   make asan, tsan, arm64, fuzz   those parts alone
#   make check-gpu  kernels for devices: compiled, and run on PoCL and lavapipe
TEST_SRC  := $(wildcard tests/test_*.c)
TESTS     := $(TEST_SRC:tests/%.c=%)
REPLAY    := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
PROBE_OBJ := $(patsubst %.c,$B/%.o,$(filter-out $(OTHER_TIERS),$(wildcard tests/simd_probe_*.c)))
BIN        = $B/tests
# Where golden data and models are; the same for all builds.
DATA       = build

# Test code is like kernels: conversions are meant.
$B/tests/test_generated.o: EXTRA += -DGEN_DIR='"$B/gen"'
$B/tests/%.o: tests/%.c
	$(QUIET_CC)mkdir -p $(@D) && $(CC) $(CORE) -O1 $(KERNEL_WARN) -Wno-format-truncation $(ISA) \
	    -c -o $@ $<

$B/tests/simd_probe_%.o: tests/simd_probe_%.c
	$(QUIET_CC)mkdir -p $(@D) && $(CC) $(CORE) $(KERNEL_OPT) $(KERNEL_WARN) $(ISA) -c -o $@ $<

$(TESTS:%=$(BIN)/%): $(BIN)/%: $(BIN)/%.o $B/libmlc.a
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $B/libmlc.a $(LIBS)
$(BIN)/test_simd: $(PROBE_OBJ)

# A fuzz target with a main that replays a folder of inputs.
$(REPLAY:%=$(BIN)/%): $(BIN)/%: $(BIN)/fuzz/%.o $(BIN)/fuzz/replay.o $B/libmlc.a
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $B/libmlc.a $(LIBS)

.PHONY: tests prepare test quick asan tsan arm64 fuzz
tests: $(TESTS:%=$(BIN)/%) $(REPLAY:%=$(BIN)/%)

prepare:
	$(QUIET)sh tools/need.sh build model test
	$(QUIET)sh tests/prepare.sh $(DATA)

REPLAY_RUN  = $(foreach t,$(REPLAY),"$(1)/tests/$(t) tests/corpus/$(t:fuzz_%=%)")
# Damaged files are for ASan to judge.
NATIVE_RUN  = $(filter-out %_mutate,$(TESTS:%=$(BIN)/%)) $(call REPLAY_RUN,$B)
PROGRAM_RUN = "sh tests/test_cli.sh" "python3 tests/test_chat.py" "sh tests/test_program.sh" \
              "python3 tests/test_grammar.py" "python3 tests/test_pull.py" \
              "python3 tests/test_quantized.py" "python3 tests/test_lora.py" \
              "sh tests/check_header.sh" "sh tests/check_abi.sh"
# The real models' goldens are a matter of numbers, not of memory.
ASAN_TESTS := $(filter-out test_models,$(TESTS))
ASAN_RUN    = $(ASAN_TESTS:%=build/asan/tests/%) $(call REPLAY_RUN,build/asan) \
              "MLC=build/asan/mlc sh tests/test_cli.sh" "MLC=build/asan/mlc python3 tests/test_pull.py"
TSAN_TESTS := test_pool test_engine test_session test_ranks test_fork
# Threads that wait for each other are slow there: no large models.
TSAN_RUN    = $(TSAN_TESTS:%="MLC_TEST_QUICK=1 build/tsan/tests/%")

# Kernels are one big inlined function each: red zones on their stack would take
# the compiler minutes.
SAN_KERNEL = KERNEL_OPT="-O1 $(if $(findstring clang,$(shell $(CC) --version)),,--param asan-stack=0)"
ARM_TESTS := test_base test_blocks test_simd test_rows test_weight test_matmul \
              test_attention test_session test_engine test_compiler test_models
# On arm64 itself the native tests are these.
ifeq ($(ARCH),x86_64)
ARM_BUILD   = build-arm64
ARM_RUN     = $(ARM_TESTS:%="MLC_TEST_QUICK=1 qemu-aarch64-static build/arm64/tests/%")
endif

ASAN = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN = -fsanitize=thread
export ASAN_OPTIONS = detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1

.PHONY: build-asan build-tsan build-arm64
build-asan: prepare
	$(QUIET)$(MAKE) --no-print-directory DEVICES= B=build/asan CFLAGS="-O1 -g $(ASAN)" LDFLAGS="$(ASAN)" $(SAN_KERNEL) \
	    tests build/asan/mlc
build-tsan: prepare
	$(QUIET)$(MAKE) --no-print-directory DEVICES= B=build/tsan CFLAGS="-O1 -g $(TSAN)" LDFLAGS="$(TSAN)" $(SAN_KERNEL) \
	    $(TSAN_TESTS:%=build/tsan/tests/%)

ARM_SYS = build/arm64-sys
build-arm64: prepare
	$(QUIET)sh tools/get_arm64.sh $(ARM_SYS)
	$(QUIET)$(MAKE) --no-print-directory DEVICES= B=build/arm64 CC=aarch64-linux-gnu-gcc \
	    AR=aarch64-linux-gnu-ar PKG_CFLAGS=-I$(ARM_SYS)/usr/include LDFLAGS=-static \
	    PCRE2_LIBS="-L$(ARM_SYS)/usr/lib/aarch64-linux-gnu -lpcre2-8" \
	    $(ARM_TESTS:%=build/arm64/tests/%)

test: all tests prepare gpu build-asan build-tsan $(ARM_BUILD) examples
	$(QUIET)sh tests/run.sh $(NATIVE_RUN) $(GPU_RUN) $(PROGRAM_RUN) $(ASAN_RUN) $(TSAN_RUN) $(ARM_RUN)
.PHONY: lint check-abi bench examples
examples: all
	$(QUIET)$(CC) -Wall -Wextra -Iinclude -o $B/hello examples/hello.c -L$B -lmlc \
	    -Wl,-rpath,'$$ORIGIN'
lint:
	$(QUIET)sh tools/lint.sh
check-abi: all
	$(QUIET)sh tests/run.sh "sh tests/check_header.sh" "sh tests/check_abi.sh"
bench: all prepare
	$(QUIET)for m in smollm2 qwen2 gemma3; do \
	    python3 bench/compare.py $(DATA)/models/$$m.gguf $(PEERS) || exit 1; done

quick: all tests prepare
	$(QUIET)sh tests/run.sh $(NATIVE_RUN)
asan: prepare build-asan
	$(QUIET)sh tests/run.sh $(ASAN_RUN)
tsan: prepare build-tsan
	$(QUIET)sh tests/run.sh $(TSAN_RUN)
arm64: prepare $(ARM_BUILD)
	$(QUIET)sh tests/run.sh $(ARM_RUN)

# libFuzzer, with clang: make fuzz && build/fuzz/fuzz_gguf tests/corpus/gguf
FUZZ = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
fuzz:
	$(QUIET)$(MAKE) --no-print-directory DEVICES= B=build/fuzz CC=clang CFLAGS="-O1 -g $(FUZZ)" \
	    LDFLAGS="-fsanitize=fuzzer,address,undefined" KERNEL_OPT=-O1 \
	    $(REPLAY:%=build/fuzz/%)
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libmlc.a
	$(QUIET_LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
