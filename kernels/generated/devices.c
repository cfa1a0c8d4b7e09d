/* SPDX-License-Identifier: Apache-2.0
 *
 * devices.c - devices.h; the blobs are put in by tools/embed_code.sh.
 */
#include "devices.h"

int mlci_device_kernel(uint64_t hash)
{
    size_t low = 0, high = mlci_device_catalogue_n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (mlci_device_catalogue[mid].hash == hash)
            return (int)mid;
        if (mlci_device_catalogue[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    return -1;
}

#ifdef MLCI_HAVE_OPENCL
extern const unsigned char mlci_blob_opencl[], mlci_blob_opencl_end[];
mlci_device_code mlci_code_opencl(void)
{
    return (mlci_device_code){ mlci_blob_opencl,
                               (size_t)(mlci_blob_opencl_end - mlci_blob_opencl) };
}
#else
mlci_device_code mlci_code_opencl(void) { return (mlci_device_code){ NULL, 0 }; }
#endif

#ifdef MLCI_HAVE_CUDA
extern const unsigned char mlci_blob_cuda[], mlci_blob_cuda_end[];
mlci_device_code mlci_code_cuda(void)
{
    return (mlci_device_code){ mlci_blob_cuda, (size_t)(mlci_blob_cuda_end - mlci_blob_cuda) };
}
#else
mlci_device_code mlci_code_cuda(void) { return (mlci_device_code){ NULL, 0 }; }
#endif

#ifdef MLCI_HAVE_VULKAN
/* Where each kernel begins, in order of the catalogue, and the end of the last. */
extern const unsigned char mlci_blob_vulkan[];
extern const uint32_t mlci_blob_vulkan_at[];
mlci_device_code mlci_code_vulkan(size_t kernel)
{
    if (kernel >= mlci_device_catalogue_n)
        return (mlci_device_code){ NULL, 0 };
    return (mlci_device_code){ mlci_blob_vulkan + mlci_blob_vulkan_at[kernel],
                               mlci_blob_vulkan_at[kernel + 1] - mlci_blob_vulkan_at[kernel] };
}
#else
mlci_device_code mlci_code_vulkan(size_t kernel)
{
    (void)kernel;
    return (mlci_device_code){ NULL, 0 };
}
#endif
