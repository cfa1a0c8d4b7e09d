# Generated kernels in the languages of devices: compiled, and run where a device is.
CHECK_GPU   = check_opencl check_vulkan check_c
GPU_FLAGS   = -O1 -std=gnu11 -w

$(BIN)/check_opencl $(BIN)/check_vulkan $(BIN)/check_cuda: $(BIN)/%: tests/gpu/%.c tests/kernel_check.h $B/libmlc.a
	$(QUIET)mkdir -p $(@D) && $(CC) $(GPU_FLAGS) $(EXTRA) -o $@ $< $B/libmlc.a $(LIBS) -ldl

# What kernelgen makes of a text alone: no other file knows of it.
NEW = $B/new
$(NEW)/kernels.inc: tests/data/new.tir $B/host/kernelgen
	$(QUIET)mkdir -p $(NEW) && rm -f $(NEW)/*.comp $(NEW)/*.spv && $B/host/kernelgen $(NEW) --definitions $<
ifeq ($(ARCH),x86_64)
NEW_TIERS = scalar avx2
$(BIN)/check_c_avx2: TIER = -mavx2 -mfma
else
NEW_TIERS = scalar
endif
$(BIN)/check_c_scalar: TIER = -DMLCI_SCALAR_TIER=1
$(NEW_TIERS:%=$(BIN)/check_c_%): tests/gpu/check_c.c tests/kernel_check.h $(NEW)/kernels.inc $B/libmlc.a
	$(QUIET)mkdir -p $(@D) && $(CC) $(GPU_FLAGS) $(EXTRA) $(TIER) -ffp-contract=off -Ikernels/generated \
	    -I$(NEW) -o $@ $< $B/libmlc.a $(LIBS)

.PHONY: gpu
gpu: all $(NEW)/kernels.inc $(BIN)/check_opencl $(BIN)/check_vulkan $(BIN)/check_cuda \
     $(NEW_TIERS:%=$(BIN)/check_c_%) $(foreach d,$B/gen $(NEW),$(d)/spirv.stamp $(d)/kernels.fatbin)

GPU_RUN = $(NEW_TIERS:%="$(BIN)/check_c_% $(NEW)") \
          $(foreach d,$(NEW) $B/gen,"$(BIN)/check_opencl $(d)" "$(BIN)/check_vulkan $(d)")
.PHONY: check-gpu
check-gpu: gpu
	$(QUIET)sh tests/run.sh $(GPU_RUN)
