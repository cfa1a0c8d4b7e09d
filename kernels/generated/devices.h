/* SPDX-License-Identifier: Apache-2.0
 *
 * devices.h - generated kernels for devices, as this library was built with them.
 *
 * The catalogue says which there are; it is in every build, so that a plan for a
 * device can be looked at without one.  The code is there for those devices whose
 * tools the build had (make DEVICES="opencl vulkan cuda").
 */
#ifndef MLCI_DEVICES_H
#define MLCI_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mlci_device_entry {
    uint64_t    hash;                     /* of the program's canonical text         */
    const char *name;                     /* what it was made from                   */
} mlci_device_entry;

/* Sorted by hash. */
extern const mlci_device_entry mlci_device_catalogue[];
extern const size_t mlci_device_catalogue_n;

/* The kernel's number in the catalogue, -1 if it is not there. */
int mlci_device_kernel(uint64_t hash);

/* OpenCL C text, or a fatbin: all kernels in one.  SPIR-V: one of each.  n 0: this
 * build has none. */
typedef struct mlci_device_code { const void *data; size_t n; } mlci_device_code;
mlci_device_code mlci_code_opencl(void);
mlci_device_code mlci_code_cuda(void);
mlci_device_code mlci_code_vulkan(size_t kernel);

#endif
