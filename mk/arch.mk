# Which kernel tiers belong to the architecture, and their compiler flags.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))

AVX512 = -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mbmi -mbmi2

ifeq ($(ARCH),x86_64)
OTHER_TIERS = %_neon.c %_dotprod.c %_i8mm.c
%_avx2.o:       ISA = -mavx2 -mfma -mf16c -mbmi -mbmi2
%_avxvnni.o:    ISA = -mavx2 -mfma -mf16c -mbmi -mbmi2 -mavxvnni
%_avx512.o:     ISA = $(AVX512)
%_avx512vnni.o: ISA = $(AVX512) -mavx512vnni
else ifeq ($(ARCH),aarch64)
OTHER_TIERS = %_avx2.c %_avxvnni.c %_avx512.c %_avx512vnni.c
%_dotprod.o:    ISA = -march=armv8.2-a+dotprod
%_i8mm.o:       ISA = -march=armv8.2-a+dotprod+i8mm
else
OTHER_TIERS = %_avx2.c %_avxvnni.c %_avx512.c %_avx512vnni.c %_neon.c %_dotprod.c %_i8mm.c
endif
