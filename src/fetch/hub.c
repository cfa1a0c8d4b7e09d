/* SPDX-License-Identifier: Apache-2.0
 *
 * hub.c - hub.h.
 */
#include "hub.h"
#include "../base/json.h"
#include "../base/sha256.h"

#include <stdio.h>
#include <string.h>

enum { HB_LIST_MOST = 16 << 20, HB_FILES_MOST = 10000 };

static const char *const hb_begins[] = {
    "HF://", "hf://", "hf.co/", "huggingface.co/", "https://hf.co/", "https://huggingface.co/",
};

/* Behind a beginning of the hub's names; NULL: it has none. */
static const char *hb_behind(const char *name)
{
    for (size_t i = 0; i < sizeof hb_begins / sizeof *hb_begins; i++)
        if (strncmp(name, hb_begins[i], strlen(hb_begins[i])) == 0)
            return name + strlen(hb_begins[i]);
    return NULL;
}

static bool hb_is_url(const char *name)
{
    return strncmp(name, "https://", 8) == 0 || strncmp(name, "http://", 7) == 0;
}

bool mlci_hub_is_remote(const char *name)
{
    return hb_behind(name) != NULL || hb_is_url(name);
}

/* Letters, digits and - . _ alone, not beginning with a dot; the length, 0: none. */
static size_t hb_word(const char *p)
{
    size_t n = 0;

    while ((p[n] >= '0' && p[n] <= '9') || (p[n] >= 'a' && p[n] <= 'z')
           || (p[n] >= 'A' && p[n] <= 'Z') || p[n] == '-' || p[n] == '_' || p[n] == '.')
        n++;
    return p[0] == '.' ? 0 : n;
}

/* May a path of a list or a name be made here?  Words between slashes. */
static bool hb_good_path(const char *p)
{
    for (size_t n; *p != 0; p += n + (p[n] == '/')) {
        n = strcspn(p, "/");
        if (n == 0 || n > 200 || p[0] == '.' || (p[n] == '/' && p[n + 1] == 0))
            return false;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)p[i] < 32 || p[i] == '\\' || p[i] == ':' || p[i] == 127)
                return false;
    }
    return true;
}

static mlc_status hb_bad(const char *name, mlc_error *err)
{
    return mlci_fail(err, MLC_EINVAL, 0, "\"%.150s\" is no name of a model: HF://user/repo, "
                     "hf.co/user/repo:file and URLs of GGUF files are", name);
}

static bool hb_copy(char to[MLCI_HUB_NAME], const char *from, size_t n)
{
    if (n == 0 || n >= MLCI_HUB_NAME)
        return false;
    memcpy(to, from, n);
    to[n] = 0;
    return true;
}

/* A file's own address: its last part, in a folder by the checksum of all. */
static mlc_status hb_parse_url(const char *name, mlci_hub_name *out, mlc_error *err)
{
    const size_t n = strcspn(name, "?#");
    size_t from = n;
    mlci_sha256 sum;
    char digest[65];

    while (from > 0 && name[from - 1] != '/')
        from--;
    if (strlen(name) >= MLCI_HUB_URL || !hb_copy(out->file, name + from, n - from)
        || !hb_good_path(out->file))
        return hb_bad(name, err);
    snprintf(out->url, sizeof out->url, "%s", name);
    mlci_sha256_begin(&sum);
    mlci_sha256_put(&sum, name, strlen(name));
    mlci_sha256_end(&sum, digest);
    snprintf(out->folder, sizeof out->folder, "url--%.16s", digest);
    return MLC_OK;
}

mlc_status mlci_hub_parse(const char *name, mlci_hub_name *out, mlc_error *err)
{
    const char *p = hb_behind(name);
    size_t user, repo;

    memset(out, 0, sizeof *out);
    snprintf(out->revision, sizeof out->revision, "main");
    if (p == NULL)
        return hb_is_url(name) ? hb_parse_url(name, out, err) : hb_bad(name, err);
    user = hb_word(p);
    repo = user > 0 && p[user] == '/' ? hb_word(p + user + 1) : 0;
    if (repo == 0 || !hb_copy(out->repo, p, user + 1 + repo))
        return hb_bad(name, err);
    p += user + 1 + repo;
    /* what a browser shows: /resolve/main/file, /blob/main/file, /tree/main */
    if (strncmp(p, "/resolve/", 9) == 0 || strncmp(p, "/blob/", 6) == 0
        || strncmp(p, "/tree/", 6) == 0) {
        const char *r = p + (p[1] == 'r' ? 9 : 6);

        if (!hb_copy(out->revision, r, hb_word(r)))
            return hb_bad(name, err);
        p = r + hb_word(r);
        if (*p == '/' && !hb_copy(out->file, p + 1, strcspn(p + 1, "?#")))
            return hb_bad(name, err);
        p += *p == '/' ? 1 + strlen(out->file) : 0;
        p += *p == '?' || *p == '#' ? strlen(p) : 0;
    }
    if (*p == '@') {
        if (!hb_copy(out->revision, p + 1, hb_word(p + 1)))
            return hb_bad(name, err);
        p += 1 + hb_word(p + 1);
    }
    if (*p == ':' && !hb_copy(out->file, p + 1, strlen(p + 1)))
        return hb_bad(name, err);
    if ((*p != 0 && *p != ':' && !(*p == '/' && p[1] == 0)) || !hb_good_path(out->file))
        return hb_bad(name, err);
    snprintf(out->folder, sizeof out->folder, "%.*s--%s%s%s", (int)user, out->repo,
             out->repo + user + 1, strcmp(out->revision, "main") == 0 ? "" : "@",
             strcmp(out->revision, "main") == 0 ? "" : out->revision);
    return MLC_OK;
}

bool mlci_hub_url(char out[MLCI_HUB_URL], const char *endpoint, const mlci_hub_name *name,
                  const char *path)
{
    size_t n = (size_t)snprintf(out, MLCI_HUB_URL, "%.500s/%s/resolve/%s/", endpoint, name->repo,
                                name->revision);

    for (; *path != 0 && n + 4 < MLCI_HUB_URL; path++) {
        const char c[2] = { *path, 0 };

        if (hb_word(c) == 1 || *path == '/' || *path == '.')
            out[n++] = *path;
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned char)*path);
    }
    out[n] = 0;
    return *path == 0;
}

/* ---- which files ----------------------------------------------------------------------------- */

static bool hb_ends(const char *p, const char *with)
{
    const size_t n = strlen(p), k = strlen(with);

    return n >= k && strcmp(p + n - k, with) == 0;
}

/* Is b in a, whatever their case? */
static bool hb_has(const char *a, const char *b)
{
    const size_t n = strlen(b);

    for (; strlen(a) >= n; a++) {
        size_t i = 0;

        while (i < n && ((a[i] | 32) == (b[i] | 32)))
            i++;
        if (i == n)
            return true;
    }
    return false;
}

/* The GGUF file that is meant: by its name, by a part of it, or the most usual format. */
static mlci_hub_file *hb_gguf(const mlci_hub_name *name, mlci_hub_file *files, uint32_t n)
{
    static const char *const usual[] = { "q4_k_m", "q4_0", "q4_1", "q4", "q8_0", "gguf" };

    for (uint32_t i = 0; i < n && name->file[0] != 0; i++)
        if (strcmp(files[i].path, name->file) == 0)
            return &files[i];
    for (uint32_t i = 0; i < n && name->file[0] != 0; i++)
        if (hb_ends(files[i].path, ".gguf") && hb_has(files[i].path, name->file))
            return &files[i];
    for (size_t u = 0; u < sizeof usual / sizeof *usual && name->file[0] == 0; u++)
        for (uint32_t i = 0; i < n; i++)
            if (hb_ends(files[i].path, ".gguf") && hb_has(files[i].path, usual[u]))
                return &files[i];
    return NULL;
}

/* Of a folder in Hugging Face's or MLC's form. */
static bool hb_of_folder(const char *path, bool mlc)
{
    if (strchr(path, '/') != NULL)
        return false;
    return hb_ends(path, ".json") || hb_ends(path, ".jinja") || strcmp(path, "merges.txt") == 0
        || strcmp(path, "vocab.txt") == 0 || strcmp(path, "tokenizer.model") == 0
        || (mlc ? strncmp(path, "params_shard_", 13) == 0 && hb_ends(path, ".bin")
                : hb_ends(path, ".safetensors") && strncmp(path, "consolidated", 12) != 0);
}

mlc_status mlci_hub_choose(const mlci_hub_name *name, mlci_hub_file *files, uint32_t n,
                           const char **one, mlc_error *err)
{
    bool mlc = false, config = false, weights = false;
    mlci_hub_file *gguf;

    *one = NULL;
    for (uint32_t i = 0; i < n; i++) {
        mlc = mlc || strcmp(files[i].path, "mlc-chat-config.json") == 0;
        config = config || strcmp(files[i].path, "config.json") == 0;
        weights = weights || (hb_ends(files[i].path, ".safetensors")
                              && hb_of_folder(files[i].path, false));
    }
    gguf = hb_gguf(name, files, n);
    if (name->file[0] == 0 && (mlc || (config && weights))) {
        for (uint32_t i = 0; i < n; i++)
            files[i].wanted = hb_of_folder(files[i].path, mlc);
        return MLC_OK;
    }
    if (gguf == NULL)
        return mlci_fail(err, MLC_EFORMAT, 0, "%s has no %s", name->repo, name->file[0] != 0
                         ? name->file : "model: neither GGUF files, nor safetensors with a "
                         "config.json, nor an mlc-chat-config.json");
    if (hb_has(gguf->path, "-of-0"))
        return mlci_fail(err, MLC_EUNSUPPORTED, 0, "%s: GGUF files in parts are unsupported",
                         gguf->path);
    gguf->wanted = true;
    *one = gguf->path;
    return MLC_OK;
}

/* An entry of a list as a file; false: it is a folder, or none that may be here. */
static bool hb_entry(mlci_arena *arena, const mlci_json *e, mlci_hub_file *out)
{
    const mlci_json *path = mlci_json_get(e, "path"), *lfs = mlci_json_get(e, "lfs");
    const mlci_json *sum = mlci_json_get(lfs, "oid"), *size = mlci_json_get(e, "size");
    int64_t n;

    if (!mlci_json_is(mlci_json_get(e, "type"), "file") || path == NULL
        || path->type != MLCI_JSON_STRING || path->text_bytes >= MLCI_HUB_NAME)
        return false;
    *out = (mlci_hub_file){ mlci_arena_copy(arena, path->text, path->text_bytes), "", UINT64_MAX,
                            false };
    if (out->path == NULL || strlen(out->path) != path->text_bytes || !hb_good_path(out->path))
        return false;
    if (size != NULL && mlci_json_integer(size, &n) && n >= 0)
        out->size = (uint64_t)n;
    if (sum != NULL && sum->type == MLCI_JSON_STRING && sum->text_bytes == 64)
        out->sha256 = mlci_arena_copy(arena, sum->text, 64);
    return out->sha256 != NULL;
}

mlc_status mlci_hub_files(mlci_http *h, mlci_arena *arena, const mlci_hub_name *name,
                          const mlci_download *how, const char *endpoint, mlci_hub_file **files,
                          uint32_t *n, const char **one, mlc_error *err)
{
    mlci_download list = *how;
    const mlci_json *root;
    char url[MLCI_HUB_URL];
    const char *text;
    size_t bytes;
    mlc_status st;

    snprintf(url, sizeof url, "%.500s/api/models/%s/tree/%s?recursive=true", endpoint, name->repo,
             name->revision);
    list.url = url;
    st = mlci_fetch_text(h, arena, &list, HB_LIST_MOST, &text, &bytes, err);
    if (st == MLC_OK)
        st = mlci_error_prefix(err, mlci_json_parse(arena, text, bytes, &root, err), name->repo);
    if (st != MLC_OK)
        return st;
    if (root->type != MLCI_JSON_ARRAY || root->n_items > HB_FILES_MOST)
        return mlci_fail(err, MLC_EFORMAT, 0, "%s: the hub's list is none", name->repo);
    *files = mlci_arena_new(arena, root->n_items + 1, sizeof **files);
    if (*files == NULL)
        return mlci_nomem(err, "list of files");
    *n = 0;
    for (const mlci_json *e = root->items; e != NULL; e = e->next)
        *n += hb_entry(arena, e, &(*files)[*n]);
    return mlci_hub_choose(name, *files, *n, one, err);
}
