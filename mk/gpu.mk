# Generated kernels in the languages of devices: compiled, and run where a device is.
#
# CUDA_ARCHS says for which GPUs nvcc compiles; make test takes one.
CUDA_ARCHS ?= 90a
CHECK_GPU   = check_opencl check_vulkan check_c
GPU_FLAGS   = -O1 -std=gnu11 -w

# Every .comp of a folder becomes a .spv; what did not change is left alone.
define GPU_SPIRV
for f in $(1)/*.comp; do s=$${f%.comp}.spv; \
    [ "$$s" -nt "$$f" ] || glslc --target-env=vulkan1.1 -O -o "$$s" "$$f" || exit 1; done
endef

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
     $(NEW_TIERS:%=$(BIN)/check_c_%)
	$(QUIET)$(call GPU_SPIRV,$B/gen)
	$(QUIET)$(call GPU_SPIRV,$(NEW))
	$(QUIET)nvcc=$$(sh tools/get_nvcc.sh build/cuda) && for d in $B/gen $(NEW); do \
	    [ $$d/kernels.fatbin -nt $$d/kernels.cu ] || $$nvcc -w -fatbin -o $$d/kernels.fatbin \
	    $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) $$d/kernels.cu || exit 1; done

GPU_RUN = $(NEW_TIERS:%="$(BIN)/check_c_% $(NEW)") \
          $(foreach d,$(NEW) $B/gen,"$(BIN)/check_opencl $(d)" "$(BIN)/check_vulkan $(d)")
.PHONY: check-gpu
check-gpu: gpu
	$(QUIET)sh tests/run.sh $(GPU_RUN)
