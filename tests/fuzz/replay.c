/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - a main for a fuzz target: runs every file of the folders given, and
 * each of them cut at a few places.
 */
#include "fuzz.h"

#include <dirent.h>

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes, *exact;
    size_t n;

    if (f == NULL)
        return 0;
    bytes = malloc(1 << 24);
    n = fread(bytes, 1, 1 << 24, f);
    fclose(f);
    for (size_t part = 8; part > 0; part--) {
        size_t len = n * part / 8;

        exact = malloc(len > 0 ? len : 1);   /* so that ASan sees one byte too far */
        memcpy(exact, bytes, len);
        LLVMFuzzerTestOneInput(exact, len);
        free(exact);
    }
    free(bytes);
    return 1;
}

int main(int argc, char **argv)
{
    int n = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        char path[1024];

        for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            n += replay(path);
        }
        if (dir != NULL)
            closedir(dir);
    }
    printf("%d passed, %d failed\n", n, n == 0);
    return n == 0;
}
