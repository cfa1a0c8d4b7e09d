/* SPDX-License-Identifier: Apache-2.0
 *
 * test_devices.c - the code for devices that this build has in it belongs to the
 * catalogue: each kernel is where the catalogue says.  (What kernels compute: gpu/.)
 */
#include "golden.h"
#include "../kernels/generated/devices.h"

static void test_catalogue(void)
{
    T_CASE("the catalogue is in order, and every kernel is found in it");
    T_CHECK(mlci_device_catalogue_n > 100, "%zu kernels", mlci_device_catalogue_n);
    for (size_t i = 0; i < mlci_device_catalogue_n; i++) {
        T_CHECK(i == 0 || mlci_device_catalogue[i - 1].hash < mlci_device_catalogue[i].hash,
                "kernel %zu is out of order", i);
        T_CHECK(mlci_device_kernel(mlci_device_catalogue[i].hash) == (int)i, "kernel %zu", i);
        T_CHECK(mlci_device_kernel(mlci_device_catalogue[i].hash + 1) == -1
                || mlci_device_catalogue[i].hash + 1 == mlci_device_catalogue[i + 1].hash,
                "a kernel that there is not");
    }
}

static void test_opencl(void)
{
    const mlci_device_code code = mlci_code_opencl();
    char *text = calloc(1, code.n + 1), name[24];
    size_t missing = 0;

    T_CASE("OpenCL: %zu bytes of text with every kernel", code.n);
    memcpy(text, code.n > 0 ? code.data : "", code.n);
    for (size_t i = 0; i < mlci_device_catalogue_n && code.n > 0; i++) {
        snprintf(name, sizeof name, "k_%016llx(",
                 (unsigned long long)mlci_device_catalogue[i].hash);
        missing += strstr(text, name) == NULL;
    }
    T_CHECK(missing == 0 && strlen(text) == code.n, "%zu kernels missing", missing);
    free(text);
}

static void test_vulkan(void)
{
    const uint32_t magic = 0x07230203;
    size_t wrong = 0, files = 0;

    T_CASE("Vulkan: one module for each kernel, that of its hash");
    for (size_t i = 0; i < mlci_device_catalogue_n; i++) {
        const mlci_device_code code = mlci_code_vulkan(i);
        size_t n;
        char *file;

        if (code.n == 0)
            continue;
        file = data_read(data_path("gen/k_%016llx.spv",
                                   (unsigned long long)mlci_device_catalogue[i].hash), &n);
        wrong += code.n % 4 != 0 || memcmp(code.data, &magic, 4) != 0;
        if (file != NULL)
            wrong += n != code.n || memcmp(file, code.data, n) != 0;
        files += file != NULL;
        free(file);
    }
    T_CHECK(wrong == 0 && (files == 0 || files == mlci_device_catalogue_n),
            "%zu wrong, %zu compared with their files", wrong, files);
    T_CHECK(mlci_code_vulkan(mlci_device_catalogue_n).n == 0, "one too many");
}

int main(void)
{
    const uint32_t fatbin = 0xba55ed50;

    t_begin();
    test_catalogue();
    test_opencl();
    test_vulkan();
    T_CASE("CUDA: a fatbin");
    T_CHECK(mlci_code_cuda().n == 0 || memcmp(mlci_code_cuda().data, &fatbin, 4) == 0, "magic");
    return t_done();
}
