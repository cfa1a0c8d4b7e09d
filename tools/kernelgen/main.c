/* SPDX-License-Identifier: Apache-2.0
 *
 * kernelgen - a program of the build: writes the kernels that the library needs.
 *
 *   kernelgen OUT                     for everything the library bundles
 *   kernelgen OUT --definitions FILE  for the programs of a text alone: one by one,
 *                                     and what decodes blocks fused into a product
 *   kernelgen OUT --panels FILE       panels.inc alone: what decodes the CPU's panels
 *
 * OUT gets kernels.inc and once.inc (C), kernels.cu, kernels.cl, a .comp for each kernel (GLSL),
 * catalogue.txt (hash, name), catalogue.c (the same of the devices' kernels), and
 * cpu.tir, gpu.tir and once.tir (what they compute, under their hashes, for tests).
 */
#include "collect.h"
#include "../../src/base/format.h"

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

/* The function of the kernel that is called so, 0 if the list has none. */
static void write_name(const kg_set *s, kg_list list, const char *name, mlci_buf *b)
{
    for (size_t i = 0; i < s->n[list]; i++)
        if (strcmp(s->kernels[list][i]->name, name) == 0) {
            mlci_buf_format(b, "k_%016llx", (unsigned long long)s->kernels[list][i]->hash);
            return;
        }
    mlci_buf_char(b, '0');
}

/* The decoders in order of the formats. */
static void write_decoders(const kg_set *s, mlci_buf *b)
{
    char name[40];

    mlci_buf_text(b, "mlci_gen_fn *const mlci_gen_decoders[] = {\n");
    for (int f = 0; f < MLCI_FORMAT_COUNT; f++) {
        snprintf(name, sizeof name, "decode_%s", mlci_format_table[f].name);
        mlci_buf_text(b, "    ");
        write_name(s, KG_ONCE, name, b);
        mlci_buf_text(b, ",\n");
    }
    mlci_buf_text(b, "};\n");
}

static void write_c(kg_set *s, kg_list list, const char *out, const char *file)
{
    static const char *const steps[] = { "largest", "log_sum", "penalize", "sample_softmax",
                                         "min_p" };
    mlci_buf b;

    mlci_buf_init(&b, s->ctx, (size_t)64 << 20);
    mlci_buf_text(&b, "/* Made by tools/kernelgen: do not edit. */\n");
    kg_prelude(KG_C, &b);
    for (size_t i = 0; i < s->n[list]; i++)
        kg_emit(KG_C, s->kernels[list][i], &b);
    mlci_buf_text(&b, "static const mlci_gen_entry kg_entries[] = {\n");
    for (size_t i = 0; i < s->n[list]; i++) {
        const kg_kernel *k = s->kernels[list][i];

        mlci_buf_format(&b, "    { 0x%016llxu, k_%016llx, \"%s\" },\n",
                        (unsigned long long)k->hash, (unsigned long long)k->hash, k->name);
    }
    mlci_buf_format(&b, "    { 0, 0, 0 }\n};\n"
                    "const mlci_gen_table KG_TABLE = { kg_entries, %zu, ", s->n[list]);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        mlci_buf_text(&b, i > 0 ? ", " : "");
        write_name(s, list, steps[i], &b);
    }
    mlci_buf_text(&b, " };\n");
    if (list == KG_ONCE && s->n[list] > 0)
        write_decoders(s, &b);
    write_file(out, file, &b);
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
        for (size_t i = 0; i < s->n[KG_GPU]; i++)
            kg_emit(one_file[l], s->kernels[KG_GPU][i], &b);
        snprintf(name, sizeof name, "kernels%s", kg_suffixes[one_file[l]]);
        write_file(out, name, &b);
    }
    for (size_t i = 0; i < s->n[KG_GPU]; i++) {
        kg_kernel *k = s->kernels[KG_GPU][i];

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
                      "#include \"kernels/generated/devices.h\"\n\n"
                      "const mlci_device_entry mlci_device_catalogue[] = {\n");
    for (size_t i = 0; i < s->n[KG_GPU]; i++)
        mlci_buf_format(&b, "    { 0x%016llxu, \"%s\" },\n",
                        (unsigned long long)s->kernels[KG_GPU][i]->hash,
                        s->kernels[KG_GPU][i]->name);
    mlci_buf_format(&b, "};\nconst size_t mlci_device_catalogue_n = %zu;\n",
                    s->n[KG_GPU]);
    write_file(out, "catalogue.c", &b);
    mlci_buf_reset(&b);
}

static void write_lists(kg_set *s, const char *out)
{
    static const char *const files[KG_LISTS] = { "cpu.tir", "gpu.tir", "once.tir" };
    mlci_buf b;

    mlci_buf_init(&b, s->ctx, (size_t)64 << 20);
    for (int list = 0; list < KG_LISTS; list++)
        for (size_t i = 0; i < s->n[list]; i++)
            mlci_buf_format(&b, "%s %016llx %s\n", list == KG_GPU ? "gpu" : "cpu",
                            (unsigned long long)s->kernels[list][i]->hash,
                            s->kernels[list][i]->name);
    write_file(out, "catalogue.txt", &b);
    for (int list = 0; list < KG_LISTS; list++) {
        mlci_buf_clear(&b);
        for (size_t i = 0; i < s->n[list]; i++) {
            mlci_program p = *s->kernels[list][i]->program;
            char name[32];

            snprintf(name, sizeof name, "k_%016llx",
                     (unsigned long long)s->kernels[list][i]->hash);
            p.name = name;
            mlci_buf_format(&b, "# %s\n", s->kernels[list][i]->name);
            mlci_program_print(&s->kernels[list][i]->t, &p, &b);
        }
        write_file(out, files[list], &b);
    }
    mlci_buf_reset(&b);
}

int main(int argc, char **argv)
{
    static kg_set s;
    mlci_buf panels;

    if (argc == 4 && strcmp(argv[2], "--panels") == 0) {
        if (!kg_panels(&s, argv[3], &panels))
            fail(s.err.text);
        write_file(argv[1], "panels.inc", &panels);
        return 0;
    }
    if (argc != 2 && (argc != 4 || strcmp(argv[2], "--definitions") != 0))
        fail("usage: kernelgen OUT [--definitions FILE | --panels FILE]");
    if (!kg_collect(&s, argc == 4 ? argv[3] : NULL))
        fail(s.err.text);
    for (int list = 0; list < KG_LISTS; list++)
        qsort(s.kernels[list], s.n[list], sizeof *s.kernels[list], by_hash);
    write_c(&s, KG_CPU, argv[1], "kernels.inc");
    write_c(&s, KG_ONCE, argv[1], "once.inc");
    write_gpu(&s, argv[1]);
    write_lists(&s, argv[1]);
    write_catalogue(&s, argv[1]);
    for (int list = 0; list < KG_LISTS; list++)
        for (size_t i = 0; i < s.n[list]; i++)
            if (s.kernels[list][i]->t.status != MLC_OK)
                fail(s.err.text);
    return 0;
}
