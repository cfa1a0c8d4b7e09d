/* SPDX-License-Identifier: Apache-2.0
 *
 * device.h - the devices that a context found.
 */
#ifndef MLCI_DEVICE_H
#define MLCI_DEVICE_H

#include "../backend/cpu/features.h"
#include "../base/base.h"

typedef struct mlci_devices {
    mlci_tier tier;            /* of the CPU                                 */
    char      cpu_name[64];
    char      cpu_tiers[96];   /* names, between spaces                      */
    uint64_t  memory_bytes;
} mlci_devices;

static inline const mlci_devices *mlci_context_devices(const mlc_context *ctx)
{
    return ctx->devices;
}

/* Is this the name of a device that there is?  NULL and "auto" are.  The error
 * lists those that are. */
mlc_status mlci_device_check(const mlc_context *ctx, const char *name,
                             mlc_error *err);

#endif
