/* SPDX-License-Identifier: Apache-2.0
 *
 * check_cuda.c - generated CUDA kernels against the interpreter, by the driver API.
 */
#include "../kernel_check.h"

#include <dlfcn.h>

typedef uint64_t device_ptr;

/* The driver's calls by their exported names. */
#define CU_CALLS(X)                                                            \
    X(cuInit, (unsigned))                                                      \
    X(cuDeviceGet, (int *, int))                                               \
    X(cuDeviceGetName, (char *, int, int))                                     \
    X(cuDevicePrimaryCtxRetain, (void **, int))                                \
    X(cuCtxSetCurrent, (void *))                                               \
    X(cuModuleLoadData, (void **, const void *))                               \
    X(cuModuleGetFunction, (void **, void *, const char *))                    \
    X(cuMemAlloc_v2, (device_ptr *, size_t))                                   \
    X(cuMemFree_v2, (device_ptr))                                              \
    X(cuMemcpyHtoD_v2, (device_ptr, const void *, size_t))                     \
    X(cuMemcpyDtoH_v2, (void *, device_ptr, size_t))                           \
    X(cuLaunchKernel, (void *, unsigned, unsigned, unsigned, unsigned, unsigned, \
                       unsigned, unsigned, void *, void **, void **))          \
    X(cuCtxSynchronize, (void))

#define X(name, args) static int (*p_##name) args;
CU_CALLS(X)
#undef X

static void *module;

static const char *open_device(const char *gen)
{
    void *lib = dlopen("libcuda.so.1", RTLD_NOW), *context;
    char path[512], name[128] = "";
    size_t n = 0;
    char *code;
    int device;

    if (lib == NULL)
        return "no libcuda.so.1";
#define X(call, args)                                                          \
    *(void **)&p_##call = dlsym(lib, #call);                                   \
    if (p_##call == NULL)                                                      \
        return #call;
    CU_CALLS(X)
#undef X
    if (p_cuInit(0) != 0 || p_cuDeviceGet(&device, 0) != 0)
        return "no CUDA device";
    p_cuDeviceGetName(name, sizeof name, device);
    printf("device: %s\n", name);
    snprintf(path, sizeof path, "%s/kernels.fatbin", gen);
    code = data_read(path, &n);
    if (code == NULL)
        return "no kernels.fatbin";
    if (p_cuDevicePrimaryCtxRetain(&context, device) != 0 || p_cuCtxSetCurrent(context) != 0
        || p_cuModuleLoadData(&module, code) != 0)
        return "the module cannot be loaded";
    return NULL;
}

static bool run(void *user, const kc_case *c)
{
    const uint32_t n = c->p->n_params + c->p->n_outs;
    device_ptr memory[MLCI_MAX_BUFFERS] = { 0 };
    int32_t sizes[MLCI_MAX_PROGRAM_SYMBOLS], groups = (int32_t)c->groups;
    void *args[80], *function = NULL;
    uint32_t arg = 0;
    int bad = p_cuModuleGetFunction(&function, module, c->p->name);

    (void)user;
    if (bad != 0)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (c->p->buffers[i].place == MLCI_SCALAR)
            continue;
        bad |= p_cuMemAlloc_v2(&memory[i], c->bytes[i] + KC_GUARD);
        bad |= p_cuMemcpyHtoD_v2(memory[i], c->arrays[i].data, c->bytes[i] + KC_GUARD);
        args[arg++] = &memory[i];
    }
    for (uint32_t i = 0; i < c->n_sizes; i++) {
        sizes[i] = (int32_t)c->sizes[i];
        args[arg++] = &sizes[i];
    }
    for (uint32_t i = 0; i < n; i++)
        if (c->p->buffers[i].place == MLCI_SCALAR)
            args[arg++] = c->arrays[i].data;
    args[arg++] = &groups;
    bad |= p_cuLaunchKernel(function, (unsigned)(groups < 264 ? groups : 264), 1, 1, 128, 1, 1,
                            0, NULL, args, NULL);
    bad |= p_cuCtxSynchronize();
    for (uint32_t i = 0; i < n; i++) {
        if (memory[i] == 0)
            continue;
        if (i >= c->p->n_params)
            bad |= p_cuMemcpyDtoH_v2(c->arrays[i].data, memory[i], c->bytes[i] + KC_GUARD);
        p_cuMemFree_v2(memory[i]);
    }
    return bad == 0;
}

int main(int argc, char **argv)
{
    mlc_context *ctx = test_context(NULL);
    const char *why = argc == 2 ? open_device(argv[1]) : "usage: check_cuda GEN";
    char path[512];

    t_begin();
    if (why != NULL) {
        T_CASE("CUDA");
        t_skip(why);
    } else {
        snprintf(path, sizeof path, "%s/gpu.tir", argv[1]);
        kc_file(ctx, path, run, NULL, "CUDA");
    }
    mlc_context_close(ctx);
    return t_done();
}
