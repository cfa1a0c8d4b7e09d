# libmlc: make | test | asan | tsan | fuzz | lint | check-abi | bench | one | install
#
# Needs a C compiler, cJSON and PCRE2 (Debian: libcjson-dev libpcre2-dev); libedit
# if it is there.  B is the build folder, DESTDIR and PREFIX say where to install.
.DEFAULT_GOAL := all
CC      ?= cc
AR      ?= ar
B       ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
VERSION  = 0.1.0
SOVER    = 0

include mk/arch.mk
include mk/rules.mk

LIB_SRC := $(wildcard src/base/*.c src/load/*.c src/convert/*.c src/fetch/*.c src/text/*.c \
             src/compiler/*.c src/compiler/*/*.c src/grammar/*.c \
             src/runtime/*.c src/model/*.c src/engine/*.c src/api/*.c \
             src/backend/cpu/*.c models/*.c)
KER_SRC := $(filter-out $(OTHER_TIERS),$(wildcard kernels/*/*.c))
CLI_SRC := $(wildcard src/cli/*.c)
GEN_SRC := $B/gen/definitions.c $B/gen/catalogue.c
include mk/devices.mk
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o) $(KER_SRC:%.c=$B/%.o) $(GEN_SRC:%.c=%.o) $(DEVICE_OBJ)
CLI_OBJ := $(CLI_SRC:%.c=$B/%.o)

.PHONY: all
all: $B/libmlc.a $B/libmlc.so.$(SOVER) $B/mlc $B/kernels.txt
	@cat $B/kernels.txt

$B/libmlc.a: $(LIB_OBJ)
	$(QUIET_AR)rm -f $@ && $(AR) rcs $@ $^

$B/libmlc.so.$(SOVER): $(LIB_OBJ) $B/exports.map
	$(QUIET_LD)$(CC) $(LDFLAGS) -shared -Wl,-soname,libmlc.so.$(SOVER) -Wl,--no-undefined -Wl,--gc-sections \
	    -Wl,--version-script=$B/exports.map -o $@ $(LIB_OBJ) $(LIBS)
	$(QUIET)ln -sf libmlc.so.$(SOVER) $B/libmlc.so

$B/mlc: $(CLI_OBJ) $B/libmlc.a
	$(QUIET_LD)$(CC) $(LDFLAGS) -o $@ $(CLI_OBJ) $B/libmlc.a $(LIBS) $(CLI_LIBS)

# The definitions of operators and formats as one text inside the library.
DEFS = kernels/defs/ops.tir kernels/defs/formats.tir
$B/gen/definitions.c: $(DEFS) tools/embed.sh
	$(QUIET)mkdir -p $(@D) && sh tools/embed.sh mlci_definitions $(DEFS) > $@
# kernelgen runs on the machine that builds; what it writes is the same for all.
HOSTCC  ?= cc
HOST_SRC = $(wildcard tools/kernelgen/*.c src/base/*.c src/compiler/*.c src/compiler/*/*.c \
             models/*.c) $B/gen/definitions.c
$B/host/kernelgen: $(HOST_SRC) $(wildcard tools/kernelgen/*.h src/base/*.h src/compiler/*.h \
                     src/compiler/*/*.h models/*.h include/*.h)
	$(QUIET)echo "  CC  kernelgen"; mkdir -p $(@D) && $(HOSTCC) -O1 -std=c11 \
	    -D_POSIX_C_SOURCE=200809L -o $@ $(HOST_SRC) -lpthread -lm
$B/gen/kernels.inc: $B/host/kernelgen
	$(QUIET)rm -f $B/gen/*.comp $B/gen/*.spv && sh tools/timed.sh $B/gen/kernels.ms $B/host/kernelgen $B/gen
$B/gen/catalogue.c: $B/gen/kernels.inc ;
# What decodes panels, inside the templates of products.
$B/gen/panels.inc: kernels/defs/panels.tir $B/host/kernelgen
	$(QUIET)$B/host/kernelgen $B/gen --panels $<
PANEL_USERS = $(wildcard kernels/matmul/matmul_*.c) kernels/weight/weight_row.c
$(PANEL_USERS:%.c=$B/%.o): $B/gen/panels.inc
$(PANEL_USERS:%.c=$B/%.o): PANEL_INC = -I$B/gen
KERNEL_INC = $(wildcard kernels/generated/generated_*.c)
$(KERNEL_INC:%.c=$B/%.o): $B/gen/kernels.inc
$(KERNEL_INC:%.c=$B/%.o): KERNEL_WARN = -w -I$B/gen -Ikernels/generated
# They are vectors already: more than -O2 makes them a quarter larger, not faster.
# Sixteen lanes as arrays, unrolled, are five times the code of registers.
$(KERNEL_INC:%.c=$B/%.o): KERNEL_OPT = -O2
$B/kernels/generated/generated_scalar.o $B/kernels/generated/generated_once.o: KERNEL_OPT = -Os

$B/gen/%.o: $B/gen/%.c
	$(QUIET_CC)$(CC) $(CORE) -I. -w -c -o $@ $<

# The export list is exports.txt; the linkers' forms are made from it.
$B/exports.map $B/exports.macos $B/exports.def: exports.txt tools/exports.sh
	$(QUIET)mkdir -p $(@D) && sh tools/exports.sh $(suffix $@) exports.txt > $@

# Number and size of the kernels, against a cap (DESIGN.md).
$B/kernels.txt: $(filter $B/kernels/%,$(LIB_OBJ)) tools/kernel_sizes.sh
	$(QUIET)sh tools/kernel_sizes.sh $B/gen $(filter %.o,$^) > $@

include mk/test.mk
include mk/gpu.mk

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 755 $B/mlc $(DESTDIR)$(PREFIX)/bin/mlc
	install -m 755 $B/libmlc.so.$(SOVER) $(DESTDIR)$(PREFIX)/lib/libmlc.so.$(SOVER)
	ln -sf libmlc.so.$(SOVER) $(DESTDIR)$(PREFIX)/lib/libmlc.so
	install -m 644 $B/libmlc.a $(DESTDIR)$(PREFIX)/lib/libmlc.a
	install -m 644 include/mlc.h $(DESTDIR)$(PREFIX)/include/mlc.h
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' mk/mlc.pc.in \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/mlc.pc

# All of the library but the kernels as one file: what embedders may drop in, and
# proof that no two files use the same static name.
.PHONY: one
one: $B/mlc_one.o
$B/mlc_one.c: $(LIB_SRC)
	$(QUIET)mkdir -p $(@D) && printf '#include "$(CURDIR)/%s"\n' $(LIB_SRC) > $@
$B/mlc_one.o: $B/mlc_one.c
	$(CC) $(CORE) -D_GNU_SOURCE -c -o $@ $<

.PHONY: clean
clean:
	rm -rf $B

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(wildcard $B/tests/*.d $B/tests/fuzz/*.d)
