/* SPDX-License-Identifier: Apache-2.0
 *
 * kernelgen - a program of the build: writes the kernels that the library needs.
 *
 *   kernelgen OUT                     for everything the library bundles
 *   kernelgen OUT --definitions FILE  for the programs of a text alone: one by one,
 *                                     and what decodes blocks fused into a product
 *
 * OUT gets kernels.inc (C), kernels.cu, kernels.cl, a .comp for each kernel (GLSL),
 * catalogue.txt (hash, name), catalogue.c (the same of the devices' kernels), and
 * cpu.tir and gpu.tir (what they compute, under their hashes, for tests).
 */
#include "collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what)
{
    fprintf(stderr, "kernelgen: %s\n", what);
    exit(1);
}

static void write_file(const char *folder, const char *name, const mlci_buf *b)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    if (b->failed || f == NULL || fwrite(b->data, 1, b->n, f) != b->n || fclose(f) != 0)
        fail(path);
}

static int by_hash(const void *a, const void *b)
{
    const kg_kernel *x = *(kg_kernel *const *)a, *y = *(kg_kernel *const *)b;

    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void write_c(kg_set *s, const char *out)
{
    mlci_buf b;

    mlci_buf_init(&b, s->ctx, (size_t)64 << 20);
    mlci_buf_text(&b, "/* Made by tools/kernelgen: do not edit. */\n");
    kg_prelude(KG_C, &b);
    for (size_t i = 0; i < s->n[MLCI_TARGET_CPU]; i++)
        kg_emit(KG_C, s->kernels[MLCI_TARGET_CPU][i], &b);
    mlci_buf_text(&b, "static const mlci_gen_entry kg_entries[] = {\n");
    for (size_t i = 0; i < s->n[MLCI_TARGET_CPU]; i++) {
        const kg_kernel *k = s->kernels[MLCI_TARGET_CPU][i];

        mlci_buf_format(&b, "    { 0x%016llxu, k_%016llx, \"%s\" },\n",
                        (unsigned long long)k->hash, (unsigned long long)k->hash, k->name);
    }
    mlci_buf_text(&b, "};\nconst mlci_gen_table KG_TABLE = { kg_entries, "
                      "sizeof kg_entries / sizeof *kg_entries };\n");
    write_file(out, "kernels.inc", &b);
    mlci_buf_reset(&b);
}

static void write_gpu(kg_set *s, const char *out)
{
    static const kg_language one_file[] = { KG_CUDA, KG_OPENCL };
    char name[64];
    mlci_buf b;

    mlci_buf_init(&b, s->ctx, (size_t)64 << 20);
    for (int l = 0; l < 2; l++) {
        mlci_buf_clear(&b);
        kg_prelude(one_file[l], &b);
        for (size_t i = 0; i < s->n[MLCI_TARGET_GPU]; i++)
            kg_emit(one_file[l], s->kernels[MLCI_TARGET_GPU][i], &b);
        snprintf(name, sizeof name, "kernels%s", kg_suffixes[one_file[l]]);
        write_file(out, name, &b);
    }
    for (size_t i = 0; i < s->n[MLCI_TARGET_GPU]; i++) {
        kg_kernel *k = s->kernels[MLCI_TARGET_GPU][i];

        mlci_buf_clear(&b);
        kg_emit(KG_GLSL, k, &b);
        snprintf(name, sizeof name, "k_%016llx.comp", (unsigned long long)k->hash);
        write_file(out, name, &b);
    }
    mlci_buf_reset(&b);
}

static void write_catalogue(kg_set *s, const char *out)
{
    mlci_buf b;

    mlci_buf_init(&b, s->ctx, (size_t)64 << 20);
    mlci_buf_text(&b, "/* Made by tools/kernelgen: do not edit. */\n"
                      "#include \"../../kernels/generated/devices.h\"\n\n"
                      "const mlci_device_entry mlci_device_catalogue[] = {\n");
    for (size_t i = 0; i < s->n[MLCI_TARGET_GPU]; i++)
        mlci_buf_format(&b, "    { 0x%016llxu, \"%s\" },\n",
                        (unsigned long long)s->kernels[MLCI_TARGET_GPU][i]->hash,
                        s->kernels[MLCI_TARGET_GPU][i]->name);
    mlci_buf_format(&b, "};\nconst size_t mlci_device_catalogue_n = %zu;\n",
                    s->n[MLCI_TARGET_GPU]);
    write_file(out, "catalogue.c", &b);
    mlci_buf_reset(&b);
}

static void write_lists(kg_set *s, const char *out)
{
    mlci_buf b;

    mlci_buf_init(&b, s->ctx, (size_t)64 << 20);
    for (int target = 0; target < MLCI_TARGET_COUNT; target++)
        for (size_t i = 0; i < s->n[target]; i++)
            mlci_buf_format(&b, "%s %016llx %s\n", target == MLCI_TARGET_CPU ? "cpu" : "gpu",
                            (unsigned long long)s->kernels[target][i]->hash,
                            s->kernels[target][i]->name);
    write_file(out, "catalogue.txt", &b);
    for (int target = 0; target < MLCI_TARGET_COUNT; target++) {
        mlci_buf_clear(&b);
        for (size_t i = 0; i < s->n[target]; i++) {
            mlci_program p = *s->kernels[target][i]->program;
            char name[32];

            snprintf(name, sizeof name, "k_%016llx",
                     (unsigned long long)s->kernels[target][i]->hash);
            p.name = name;
            mlci_buf_format(&b, "# %s\n", s->kernels[target][i]->name);
            mlci_program_print(&s->kernels[target][i]->t, &p, &b);
        }
        write_file(out, target == MLCI_TARGET_CPU ? "cpu.tir" : "gpu.tir", &b);
    }
    mlci_buf_reset(&b);
}

int main(int argc, char **argv)
{
    static kg_set s;

    if (argc != 2 && (argc != 4 || strcmp(argv[2], "--definitions") != 0))
        fail("usage: kernelgen OUT [--definitions FILE]");
    if (!kg_collect(&s, argc == 4 ? argv[3] : NULL))
        fail(s.err.text);
    for (int target = 0; target < MLCI_TARGET_COUNT; target++)
        qsort(s.kernels[target], s.n[target], sizeof *s.kernels[target], by_hash);
    write_c(&s, argv[1]);
    write_gpu(&s, argv[1]);
    write_lists(&s, argv[1]);
    write_catalogue(&s, argv[1]);
    for (int target = 0; target < MLCI_TARGET_COUNT; target++)
        for (size_t i = 0; i < s.n[target]; i++)
            if (s.kernels[target][i]->t.status != MLC_OK)
                fail(s.err.text);
    return 0;
}
