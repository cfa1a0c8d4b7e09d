/* SPDX-License-Identifier: Apache-2.0
 *
 * check_opencl.c - generated OpenCL C kernels against the interpreter.
 */
#define CL_TARGET_OPENCL_VERSION 120
#include "../kernel_check.h"

#include <CL/cl.h>
#include <dlfcn.h>

#define CL_CALLS(X)                                                            \
    X(clGetPlatformIDs) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateContext) \
    X(clCreateCommandQueue) X(clCreateProgramWithSource) X(clBuildProgram)     \
    X(clGetProgramBuildInfo) X(clCreateKernel) X(clCreateBuffer)               \
    X(clSetKernelArg) X(clEnqueueNDRangeKernel) X(clEnqueueReadBuffer)         \
    X(clReleaseMemObject) X(clReleaseKernel)

#define X(name) static __typeof__(&name) p_##name;
CL_CALLS(X)
#undef X

static cl_context       context;
static cl_command_queue queue;
static cl_program       program;

static const char *load(void)
{
    void *lib = dlopen("libOpenCL.so.1", RTLD_NOW);

    if (lib == NULL)
        return "no libOpenCL.so.1";
#define X(name)                                                                \
    *(void **)&p_##name = dlsym(lib, #name);                                   \
    if (p_##name == NULL)                                                      \
        return #name;
    CL_CALLS(X)
#undef X
    return NULL;
}

static const char *open_device(const char *source, size_t n)
{
    cl_platform_id platforms[8];
    cl_device_id device = NULL;
    cl_uint count = 0;
    cl_int st;
    static char text[20000];

    if (p_clGetPlatformIDs(8, platforms, &count) != CL_SUCCESS || count == 0)
        return "no OpenCL platform";
    for (cl_uint i = 0; i < count && device == NULL; i++)
        if (p_clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS)
            device = NULL;
    if (device == NULL)
        return "no OpenCL device";
    p_clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof text, text, NULL);
    printf("device: %s\n", text);
    context = p_clCreateContext(NULL, 1, &device, NULL, NULL, &st);
    queue = p_clCreateCommandQueue(context, device, 0, &st);
    program = p_clCreateProgramWithSource(context, 1, &source, &n, &st);
    st = p_clBuildProgram(program, 1, &device, "-cl-std=CL1.2", NULL, NULL);
    if (st != CL_SUCCESS) {
        p_clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof text, text, NULL);
        return text;
    }
    return NULL;
}

static bool run(void *user, const kc_case *c)
{
    const uint32_t n = c->p->n_params + c->p->n_outs;
    cl_mem memory[MLCI_MAX_BUFFERS] = { NULL };
    size_t global = (size_t)(c->groups < 64 ? c->groups : 64) * 128, local = 128;
    cl_int groups = (cl_int)c->groups, st = CL_SUCCESS, bad = 0;
    cl_uint arg = 0;
    cl_kernel kernel;

    (void)user;
    kernel = p_clCreateKernel(program, c->p->name, &st);
    if (st != CL_SUCCESS)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (c->p->buffers[i].place == MLCI_SCALAR)
            continue;
        memory[i] = p_clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                     c->bytes[i] + KC_GUARD, c->arrays[i].data, &st);
        bad |= st;
        bad |= p_clSetKernelArg(kernel, arg++, sizeof *memory, &memory[i]);
    }
    for (uint32_t i = 0; i < c->n_sizes; i++) {
        cl_int size = (cl_int)c->sizes[i];

        bad |= p_clSetKernelArg(kernel, arg++, sizeof size, &size);
    }
    for (uint32_t i = 0; i < n; i++)
        if (c->p->buffers[i].place == MLCI_SCALAR)
            bad |= p_clSetKernelArg(kernel, arg++, 4, c->arrays[i].data);
    bad |= p_clSetKernelArg(kernel, arg++, sizeof groups, &groups);
    bad |= p_clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL);
    for (uint32_t i = c->p->n_params; i < n; i++)
        bad |= p_clEnqueueReadBuffer(queue, memory[i], CL_TRUE, 0, c->bytes[i] + KC_GUARD,
                                     c->arrays[i].data, 0, NULL, NULL);
    for (uint32_t i = 0; i < n; i++)
        if (memory[i] != NULL)
            p_clReleaseMemObject(memory[i]);
    p_clReleaseKernel(kernel);
    return bad == 0;
}

int main(int argc, char **argv)
{
    mlc_context *ctx = test_context(NULL);
    const char *why = argc == 2 ? load() : "usage: check_opencl GEN";
    char path[512];
    size_t n = 0;
    char *source;

    t_begin();
    snprintf(path, sizeof path, "%s/kernels.cl", argc == 2 ? argv[1] : "");
    source = data_read(path, &n);
    if (why == NULL)
        why = source != NULL ? open_device(source, n) : path;
    if (why != NULL) {
        T_CASE("OpenCL");
        t_skip(why);
    } else {
        snprintf(path, sizeof path, "%s/gpu.tir", argv[1]);
        kc_file(ctx, path, run, NULL, "OpenCL");
    }
    free(source);
    mlc_context_close(ctx);
    return t_done();
}
