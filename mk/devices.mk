# Code for devices inside the library: what this machine has the tools for.
#
#   make DEVICES="opencl vulkan cuda"   chooses; DEVICES= leaves all out
#   CUDA_ARCHS="80 90a"                 GPUs that nvcc compiles for
ifeq ($(origin DEVICES),undefined)
DEVICES := $(shell echo '\#include <CL/cl.h>' | $(CC) -E - >/dev/null 2>&1 && echo opencl) \
           $(shell command -v glslc >/dev/null && echo vulkan) \
           $(shell command -v nvcc >/dev/null && echo cuda)
endif
CUDA_ARCHS ?= 90a

# Written anew when the choice changes, so that what depends on it is made again.
$(shell mkdir -p $B && echo "$(strip $(DEVICES)) $(CUDA_ARCHS)" | cmp -s - $B/devices.txt || \
        echo "$(strip $(DEVICES)) $(CUDA_ARCHS)" > $B/devices.txt)

%/spirv.stamp: %/kernels.inc
	$(QUIET)echo "  GLSLC  $*"; ls $*/*.comp | xargs -P 2 -I@ sh -c \
	    'f=@; glslc --target-env=vulkan1.1 -O -o "$${f%.comp}.spv" "$$f"' && touch $@
%/kernels.fatbin: %/kernels.inc $B/devices.txt
	$(QUIET)echo "  NVCC  $*"; $$(sh tools/get_nvcc.sh build/cuda) -w -fatbin -o $@ \
	    $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) $*/kernels.cu

ifneq ($(strip $(DEVICES)),)
DEVICE_OBJ = $B/gen/code.o
$B/gen/code.S: $B/gen/kernels.inc $B/devices.txt tools/embed_code.sh \
    $(if $(filter vulkan,$(DEVICES)),$B/gen/spirv.stamp) \
    $(if $(filter cuda,$(DEVICES)),$B/gen/kernels.fatbin)
	$(QUIET)sh tools/embed_code.sh $B/gen $(DEVICES) > $@
$B/gen/code.o: $B/gen/code.S
	$(QUIET_CC)$(CC) -c -o $@ $<
endif
$B/kernels/generated/devices.o: EXTRA += $(if $(filter opencl,$(DEVICES)),-DMLCI_HAVE_OPENCL=1) \
    $(if $(filter vulkan,$(DEVICES)),-DMLCI_HAVE_VULKAN=1) $(if $(filter cuda,$(DEVICES)),-DMLCI_HAVE_CUDA=1)
$B/kernels/generated/devices.o: $B/devices.txt
