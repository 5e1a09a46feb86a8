/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking for PDB files and images; see windows_file.h. */
#include "symbols/windows_file.h"

#include "symbols/pdb/undecorate.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A mapping of a plain file; empty when it is none. Someone may cut the file under it: that kills
 * the worker, which is what it is there for. */
static struct hs_span map_file (const char *path)
{
    struct hs_span span = { NULL, 0 };
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    void *bytes;

    if (fd < 0)
        return span;
    if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode) && info.st_size > 0) {
        bytes = mmap (NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED)
            span = (struct hs_span){ bytes, (size_t)info.st_size };
    }
    (void)close (fd);
    return span;
}

static void unmap (struct hs_span *span)
{
    if (span->data != NULL)
        (void)munmap ((void *)span->data, span->size);
    *span = (struct hs_span){ NULL, 0 };
}

bool hs_windows_file_is_one (const char *path)
{
    struct hs_span bytes = map_file (path);
    bool is_one = bytes.size >= 64 && (memcmp (bytes.data, "Microsoft C/C++ MSF", 19) == 0 ||
                                       memcmp (bytes.data, "MZ", 2) == 0);

    unmap (&bytes);
    return is_one;
}

static void close_pdb (struct hs_windows_file *file)
{
    hs_pdb_close (file->pdb);
    file->pdb = NULL;
    unmap (&file->pdb_bytes);
}

/* HS_SYMBOLS_LINES when the file is a PDB, and the wanted one unless `wanted` is NULL. */
static enum hs_symbol_state try_pdb (struct hs_windows_file *file, const char *path,
                                     const struct hs_pdb_identity *wanted)
{
    struct hs_error err = { 0 };
    const struct hs_pdb_identity *found;

    file->pdb_bytes = map_file (path);
    if (file->pdb_bytes.size == 0)
        return HS_SYMBOLS_NO_FILE;
    if (hs_pdb_open (file->pdb_bytes, &file->pdb, &err) != HS_OK) {
        (void)snprintf (file->detail, sizeof file->detail, "%.256s: %.250s", path, err.text);
        close_pdb (file);
        return HS_SYMBOLS_FAILED;
    }
    found = hs_pdb_identity (file->pdb);
    memcpy (file->id, found->guid, sizeof found->guid);
    hs_put_u32 (file->id + 16, found->age);
    file->id_size = 20;
    (void)snprintf (file->detail, sizeof file->detail, "%.511s", path);
    if (wanted == NULL ||
        (memcmp (found->guid, wanted->guid, sizeof found->guid) == 0 && found->age == wanted->age))
        return HS_SYMBOLS_LINES;
    close_pdb (file);
    return HS_SYMBOLS_MISMATCH;
}

/* The best of several answers: a file that fits, one that does not, a broken one, none. */
static enum hs_symbol_state better (enum hs_symbol_state a, enum hs_symbol_state b)
{
    static const enum hs_symbol_state order[] = { HS_SYMBOLS_LINES, HS_SYMBOLS_MISMATCH,
                                                  HS_SYMBOLS_FAILED };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return HS_SYMBOLS_NO_FILE;
}

static void user_cache (char *ret, size_t size)
{
    const char *cache = getenv ("XDG_CACHE_HOME"), *home = getenv ("HOME");

    if (cache != NULL && *cache == '/')
        (void)snprintf (ret, size, "%s/heapstrata/symbols", cache);
    else
        (void)snprintf (ret, size, "%s/.cache/heapstrata/symbols", home != NULL ? home : "/tmp");
}

/* Asks a server, unless its cache has the file; tries what came. */
static enum hs_symbol_state try_server (struct hs_windows_file *file,
                                        const struct hs_windows_places *places,
                                        const struct hs_nt_place *place, const char *relative,
                                        const struct hs_pdb_identity *wanted)
{
    char cache[PATH_MAX], path[2 * PATH_MAX], url[2 * PATH_MAX];
    struct hs_error err = { 0 };
    enum hs_symbol_state state;
    enum hs_status status;

    if (place->cache != NULL)
        (void)snprintf (cache, sizeof cache, "%s", place->cache);
    else
        user_cache (cache, sizeof cache);
    (void)snprintf (path, sizeof path, "%s/%s", cache, relative);
    state = try_pdb (file, path, wanted);
    if (state == HS_SYMBOLS_LINES)
        return state;
    (void)snprintf (url, sizeof url, "%s/%s", place->text, relative);
    status = hs_http_fetch_file (places->fetch, url, path, &err);
    if (status == HS_OK)
        return try_pdb (file, path, wanted);
    if (hs_status_is_error (status) && err.text[0] != '\0') {
        (void)snprintf (file->detail, sizeof file->detail, "%s", err.text);
        return HS_SYMBOLS_FAILED;
    }
    return state;
}

static enum hs_symbol_state try_place (struct hs_windows_file *file,
                                       const struct hs_windows_places *places,
                                       const struct hs_nt_place *place, const char *name,
                                       const struct hs_pdb_identity *wanted)
{
    char key[HS_NT_KEY_SIZE], relative[PATH_MAX], path[2 * PATH_MAX];
    enum hs_symbol_state state = HS_SYMBOLS_NO_FILE;

    hs_nt_key_of_pdb (wanted->guid, wanted->age, key);
    (void)snprintf (relative, sizeof relative, "%.200s/%s/%.200s", name, key, name);
    if (place->is_server)
        return try_server (file, places, place, relative, wanted);
    (void)snprintf (path, sizeof path, "%s/%s", place->text, relative);
    state = try_pdb (file, path, wanted);
    if (state == HS_SYMBOLS_LINES || place->is_store)
        return state;
    (void)snprintf (path, sizeof path, "%s/%s", place->text, name);
    return better (try_pdb (file, path, wanted), state);
}

/* Everywhere but beside the image. */
static enum hs_symbol_state search (struct hs_windows_file *file,
                                    const struct hs_windows_places *places, const char *pdb_name,
                                    const struct hs_pdb_identity *wanted)
{
    const char *name = hs_nt_file_name (pdb_name);
    enum hs_symbol_state best = HS_SYMBOLS_NO_FILE;

    /* a name from a trace must not lead out of a folder */
    if (*name == '\0' || strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
        return best;
    for (size_t i = 0; i < places->path.places.n && best != HS_SYMBOLS_LINES; i++)
        best = better (try_place (file, places, &places->path.places.items[i], name, wanted), best);
    return best;
}

static bool open_image (struct hs_windows_file *file, const char *path)
{
    file->pe_bytes = map_file (path);
    if (file->pe_bytes.size > 0 && hs_pe_open (file->pe_bytes, &file->pe, NULL) == HS_OK)
        return true;
    unmap (&file->pe_bytes);
    return false;
}

/* The image is open: its PDB by its name, then beside it, then its exports. */
static enum hs_symbol_state open_for_image (struct hs_windows_file *file,
                                            const struct hs_windows_places *places,
                                            const char *path)
{
    const struct hs_pe_identity *image = hs_pe_identity (file->pe);
    struct hs_pdb_identity wanted = { .age = image->age };
    enum hs_symbol_state state = HS_SYMBOLS_NO_FILE;
    char beside[2 * PATH_MAX];

    if (image->has_pdb) {
        memcpy (wanted.guid, image->guid, sizeof wanted.guid);
        (void)snprintf (beside, sizeof beside, "%.*s%s", (int)(hs_nt_file_name (path) - path), path,
                        hs_nt_file_name (image->pdb_path));
        state = try_pdb (file, beside, &wanted);
        if (state != HS_SYMBOLS_LINES)
            state = better (search (file, places, image->pdb_path, &wanted), state);
    }
    if (state == HS_SYMBOLS_LINES)
        return state;
    if (state == HS_SYMBOLS_NO_FILE)
        (void)snprintf (file->detail, sizeof file->detail, "%.511s", path);
    return state == HS_SYMBOLS_FAILED || state == HS_SYMBOLS_MISMATCH ? state : HS_SYMBOLS_EXPORTS;
}

static enum hs_symbol_state open_named (struct hs_windows_file *file,
                                        const struct hs_windows_places *places, const char *path)
{
    if (open_image (file, path))
        return open_for_image (file, places, path);
    return try_pdb (file, path, NULL);
}

/* The image where the trace saw it, below the sysroot: only when it is the very one. */
static enum hs_symbol_state open_seen_image (struct hs_windows_file *file,
                                             const struct hs_windows_places *places,
                                             const struct hs_windows_wanted *wanted)
{
    const struct hs_pe_identity *image;
    char path[2 * PATH_MAX];

    (void)snprintf (path, sizeof path, "%s%s", places->sysroot, wanted->image_path);
    for (char *at = path; *at != '\0'; at++) {
        if (*at == '\\')
            *at = '/';
    }
    if (wanted->image_path[0] == '\0' || !open_image (file, path))
        return HS_SYMBOLS_NO_FILE;
    image = hs_pe_identity (file->pe);
    if (wanted->time_stamp != 0 && image->time_stamp == wanted->time_stamp)
        return open_for_image (file, places, path);
    hs_pe_close (file->pe);
    file->pe = NULL;
    unmap (&file->pe_bytes);
    return HS_SYMBOLS_NO_FILE;
}

enum hs_symbol_state hs_windows_file_open (struct hs_windows_file *file,
                                           const struct hs_windows_places *places,
                                           const struct hs_windows_wanted *wanted)
{
    struct hs_pdb_identity identity = { .age = wanted->age };
    enum hs_symbol_state state;

    *file = (struct hs_windows_file){ 0 };
    if (wanted->file != NULL)
        return open_named (file, places, wanted->file);
    memcpy (identity.guid, wanted->guid, sizeof identity.guid);
    state = search (file, places, wanted->pdb_name, &identity);
    if (state != HS_SYMBOLS_LINES)
        state = better (open_seen_image (file, places, wanted), state);
    if (state == HS_SYMBOLS_NO_FILE && file->pe != NULL)
        return HS_SYMBOLS_EXPORTS;
    if (state == HS_SYMBOLS_NO_FILE)
        (void)snprintf (file->detail, sizeof file->detail, "%.250s: not in any place of %s",
                        hs_nt_file_name (wanted->pdb_name), "_NT_SYMBOL_PATH");
    return state;
}

void hs_windows_file_close (struct hs_windows_file *file)
{
    close_pdb (file);
    hs_pe_close (file->pe);
    file->pe = NULL;
    unmap (&file->pe_bytes);
}

size_t hs_windows_file_look_up (struct hs_windows_file *file, uint64_t address,
                                struct hs_pdb_frame *ret, size_t max)
{
    const char *export;
    uint32_t distance;

    if (address > UINT32_MAX)
        return 0;
    if (file->pdb != NULL)
        return hs_pdb_look_up (file->pdb, (uint32_t)address, ret, max);
    export = file->pe != NULL ? hs_pe_export_at (file->pe, (uint32_t)address, &distance) : NULL;
    if (export == NULL)
        return 0;
    hs_undecorate (export, file->export_name, sizeof file->export_name);
    ret[0] = (struct hs_pdb_frame){ file->export_name, "", 0, false };
    return 1;
}
