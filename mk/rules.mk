# Compiling.  V=1 shows the commands.
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
       -Wmissing-prototypes -Wvla -Wno-format-truncation -Wno-unknown-warning-option -Werror
# Kernels are about instructions: conversions there are meant.
KERNEL_WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wvla -Wno-unknown-warning-option -Werror
# Products and sums round separately unless a kernel asks for a fused one: results
# must not depend on the compiler's taste.
CORE = $(CFLAGS) $(EXTRA) -std=c11 -D_POSIX_C_SOURCE=200809L -ffp-contract=off -fPIC \
       -fvisibility=hidden -ffunction-sections -fdata-sections -MMD -MP $(PKG_CFLAGS)

KERNEL_OPT = -O3
# Kernels call nobody who could unwind through them.
KERNEL_TABLES = -fno-unwind-tables -fno-asynchronous-unwind-tables
# Loops over 32 values are vectors with -O2 too, and a quarter of the code.
$B/kernels/groups/groups_scalar.o: KERNEL_OPT = -O2
# What runs once, when a model is opened or a request read, is small rather than fast.
COLD = src/fetch/% src/load/% src/convert/% src/api/% src/compiler/% src/model/% src/runtime/% models/% \
       src/text/jinja% src/backend/cpu/executor src/backend/cpu/weights \
       src/grammar/regex src/grammar/cfg% src/grammar/schema% src/grammar/tags
$(COLD:%=$B/%.o): COLD_OPT = -Os

PKG_CONFIG ?= pkg-config
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags libpcre2-8 libcjson 2>/dev/null)
PCRE2_LIBS := $(or $(shell $(PKG_CONFIG) --libs libpcre2-8 2>/dev/null),-lpcre2-8)
CJSON_LIBS := $(or $(shell $(PKG_CONFIG) --libs libcjson 2>/dev/null),-lcjson)
LIBS        = $(PCRE2_LIBS) -lpthread -lm
HAVE_EDIT  := $(shell $(PKG_CONFIG) --exists libedit 2>/dev/null && echo 1)
EDIT_LIBS  := $(if $(HAVE_EDIT),$(shell $(PKG_CONFIG) --libs libedit))
CLI_LIBS    = $(CJSON_LIBS) $(EDIT_LIBS)

QUIET    = $(if $(V),,@)
QUIET_CC = $(if $(V),,@echo "  CC  $<";)
QUIET_AR = $(if $(V),,@echo "  AR  $@";)
QUIET_LD = $(if $(V),,@echo "  LD  $@";)

$B/kernels/%.o: kernels/%.c
	$(QUIET_CC)mkdir -p $(@D) && sh tools/timed.sh $(@:.o=.ms) \
	    $(CC) $(CORE) $(KERNEL_OPT) $(KERNEL_TABLES) $(KERNEL_WARN) $(PANEL_INC) $(ISA) -c -o $@ $<

$B/src/cli/%.o: src/cli/%.c
	$(QUIET_CC)mkdir -p $(@D) && $(CC) $(CORE) $(WARN) $(if $(HAVE_EDIT),-DCLI_LIBEDIT=1) \
	    -c -o $@ $<

$B/%.o: %.c
	$(QUIET_CC)mkdir -p $(@D) && $(CC) $(CORE) $(COLD_OPT) $(WARN) -c -o $@ $<
