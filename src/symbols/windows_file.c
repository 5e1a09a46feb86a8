/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking for PDB files and images; see windows_file.h. */
#include "symbols/windows_file.h"

#include "symbols/pdb/undecorate.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
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
    static const enum hs_symbol_state order[] = { HS_SYMBOLS_LINES, HS_SYMBOLS_EXPORTS,
                                                  HS_SYMBOLS_MISMATCH, HS_SYMBOLS_FAILED };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return HS_SYMBOLS_NO_FILE;
}

static void close_image (struct hs_windows_file *file)
{
    hs_pe_close (file->pe);
    file->pe = NULL;
    unmap (&file->pe_bytes);
}

static bool open_image (struct hs_windows_file *file, const char *path)
{
    int n = snprintf (file->pe_path, sizeof file->pe_path, "%s", path);

    if (n < 0 || (size_t)n >= sizeof file->pe_path)
        return false; /* no such path can be opened */
    file->pe_bytes = map_file (path);
    if (file->pe_bytes.size > 0 && hs_pe_open (file->pe_bytes, &file->pe, NULL) == HS_OK)
        return true;
    unmap (&file->pe_bytes);
    return false;
}

/* What is looked for: a PDB by its GUID and age, or an image by its time stamp and size. */
struct target {
    const char *name; /* of the file, without folders */
    char key[HS_NT_KEY_SIZE];
    const struct hs_pdb_identity *pdb; /* NULL: the image */
    uint32_t time_stamp, image_size;
};

/* Whether a name from a trace may be one of a file: it must not lead out of a folder. */
static bool is_name (const char *name)
{
    return *name != '\0' && strcmp (name, ".") != 0 && strcmp (name, "..") != 0 &&
           strlen (name) <= 200;
}

/* HS_SYMBOLS_EXPORTS when it is the very image. */
static enum hs_symbol_state try_image (struct hs_windows_file *file, const char *path,
                                       uint32_t time_stamp, uint32_t image_size)
{
    const struct hs_pe_identity *image;

    if (!open_image (file, path))
        return HS_SYMBOLS_NO_FILE;
    image = hs_pe_identity (file->pe);
    if (image->time_stamp == time_stamp && (image_size == 0 || image->image_size == image_size))
        return HS_SYMBOLS_EXPORTS;
    close_image (file);
    return HS_SYMBOLS_NO_FILE;
}

static enum hs_symbol_state try_file (struct hs_windows_file *file, const char *path,
                                      const struct target *target)
{
    if (target->pdb != NULL)
        return try_pdb (file, path, target->pdb);
    return try_image (file, path, target->time_stamp, target->image_size);
}

static bool is_found (enum hs_symbol_state state)
{
    return state == HS_SYMBOLS_LINES || state == HS_SYMBOLS_EXPORTS;
}

/* _NT_SYMCACHE_PATH, where Windows' tools keep what they fetched, or by the rules of XDG. */
static void user_cache (char *ret, size_t size)
{
    const char *cache = getenv ("XDG_CACHE_HOME"), *home = getenv ("HOME");
    const char *symcache = getenv ("_NT_SYMCACHE_PATH");

    if (symcache != NULL && strncasecmp (symcache, "srv*", 4) == 0)
        symcache += 4;
    if (symcache != NULL && *symcache == '/')
        (void)snprintf (ret, size, "%.*s", (int)strcspn (symcache, ";*"), symcache);
    else if (cache != NULL && *cache == '/')
        (void)snprintf (ret, size, "%s/heapstrata/symbols", cache);
    else
        (void)snprintf (ret, size, "%s/.cache/heapstrata/symbols", home != NULL ? home : "/tmp");
}

/* Asks a server, unless its cache has the file; tries what came. */
static enum hs_symbol_state try_server (struct hs_windows_file *file,
                                        const struct hs_windows_places *places,
                                        const struct hs_nt_place *place, const char *relative,
                                        const struct target *target)
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
    state = try_file (file, path, target);
    if (is_found (state))
        return state;
    (void)snprintf (url, sizeof url, "%s/%s", place->text, relative);
    status = hs_http_fetch_file (places->fetch, url, path, &err);
    if (status == HS_OK)
        return try_file (file, path, target);
    if (hs_status_is_error (status) && err.text[0] != '\0') {
        (void)snprintf (file->detail, sizeof file->detail, "%s", err.text);
        return HS_SYMBOLS_FAILED;
    }
    return state;
}

/* "x.pd_" instead of "x.pdb": packed as a cabinet, which is not read. */
static enum hs_symbol_state look_for_packed (struct hs_windows_file *file, const char *path)
{
    char packed[2 * PATH_MAX];
    size_t n = strlen (path);

    (void)snprintf (packed, sizeof packed, "%s", path);
    packed[n - 1] = '_';
    if (access (packed, R_OK) != 0)
        return HS_SYMBOLS_NO_FILE;
    (void)snprintf (file->detail, sizeof file->detail, "%.440s is compressed; unpack it first",
                    packed);
    return HS_SYMBOLS_FAILED;
}

static enum hs_symbol_state try_place (struct hs_windows_file *file,
                                       const struct hs_windows_places *places,
                                       const struct hs_nt_place *place, const struct target *target)
{
    char relative[PATH_MAX], path[2 * PATH_MAX];
    enum hs_symbol_state state;

    (void)snprintf (relative, sizeof relative, "%s/%s/%s", target->name, target->key, target->name);
    if (place->is_server)
        return try_server (file, places, place, relative, target);
    (void)snprintf (path, sizeof path, "%s/%s", place->text, relative);
    state = better (try_file (file, path, target), look_for_packed (file, path));
    if (is_found (state) || place->is_store)
        return state;
    (void)snprintf (path, sizeof path, "%s/%s", place->text, target->name);
    return better (try_file (file, path, target), state);
}

static enum hs_symbol_state search (struct hs_windows_file *file,
                                    const struct hs_windows_places *places,
                                    const struct target *target)
{
    enum hs_symbol_state best = HS_SYMBOLS_NO_FILE;

    for (size_t i = 0; is_name (target->name) && i < places->path.places.n && !is_found (best); i++)
        best = better (try_place (file, places, &places->path.places.items[i], target), best);
    return best;
}

/* Everywhere but beside the image. */
static enum hs_symbol_state search_pdb (struct hs_windows_file *file,
                                        const struct hs_windows_places *places,
                                        const char *pdb_name, const struct hs_pdb_identity *wanted)
{
    struct target target = { .name = hs_nt_file_name (pdb_name), .pdb = wanted };

    hs_nt_key_of_pdb (wanted->guid, wanted->age, target.key);
    return search (file, places, &target);
}

/* The image is open: its PDB by its name, then beside it, then its exports. */
static enum hs_symbol_state open_for_image (struct hs_windows_file *file,
                                            const struct hs_windows_places *places)
{
    const struct hs_pe_identity *image = hs_pe_identity (file->pe);
    struct hs_pdb_identity wanted = { .age = image->age };
    enum hs_symbol_state state = HS_SYMBOLS_NO_FILE;
    const char *path = file->pe_path;
    char beside[2 * PATH_MAX];

    if (image->has_pdb && is_name (hs_nt_file_name (image->pdb_path))) {
        memcpy (wanted.guid, image->guid, sizeof wanted.guid);
        (void)snprintf (beside, sizeof beside, "%.*s%s", (int)(hs_nt_file_name (path) - path), path,
                        hs_nt_file_name (image->pdb_path));
        state = try_pdb (file, beside, &wanted);
        if (state != HS_SYMBOLS_LINES)
            state = better (search_pdb (file, places, image->pdb_path, &wanted), state);
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
        return open_for_image (file, places);
    return try_pdb (file, path, NULL);
}

/* The image itself, only when it is the very one: where the trace saw it, below the sysroot; then
 * in the places, whose servers and stores have images too. */
static bool find_image (struct hs_windows_file *file, const struct hs_windows_places *places,
                        const struct hs_windows_wanted *wanted)
{
    struct target target = { .name = hs_nt_file_name (wanted->image_path),
                             .time_stamp = wanted->time_stamp,
                             .image_size = wanted->image_size };
    char path[2 * PATH_MAX];

    if (wanted->time_stamp == 0 || !is_name (target.name))
        return false;
    (void)snprintf (path, sizeof path, "%s%s", places->sysroot, wanted->image_path);
    for (char *at = path; *at != '\0'; at++) {
        if (*at == '\\')
            *at = '/';
    }
    if (try_image (file, path, wanted->time_stamp, 0) == HS_SYMBOLS_EXPORTS)
        return true;
    hs_nt_key_of_image (wanted->time_stamp, wanted->image_size, target.key);
    return wanted->image_size != 0 && search (file, places, &target) == HS_SYMBOLS_EXPORTS;
}

static void say_not_found (struct hs_windows_file *file, const struct hs_windows_places *places,
                           const struct hs_windows_wanted *wanted)
{
    const char *path = *wanted->pdb_name != '\0' ? wanted->pdb_name : wanted->image_path;

    (void)snprintf (file->detail, sizeof file->detail, "%s: %.200s",
                    places->path.places.n == 0 ? "_NT_SYMBOL_PATH names no place to look"
                                               : "not in the symbol path",
                    hs_nt_file_name (path));
}

enum hs_symbol_state hs_windows_file_open (struct hs_windows_file *file,
                                           const struct hs_windows_places *places,
                                           const struct hs_windows_wanted *wanted)
{
    struct hs_pdb_identity identity = { .age = wanted->age };
    enum hs_symbol_state state = HS_SYMBOLS_NO_FILE;
    char detail[sizeof file->detail];

    *file = (struct hs_windows_file){ 0 };
    if (wanted->file != NULL)
        return open_named (file, places, wanted->file);
    memcpy (identity.guid, wanted->guid, sizeof identity.guid);
    if (*wanted->pdb_name != '\0')
        state = search_pdb (file, places, wanted->pdb_name, &identity);
    if (state == HS_SYMBOLS_LINES)
        return state;
    memcpy (detail, file->detail, sizeof detail); /* of the PDB: the better answer */
    if (find_image (file, places, wanted)) {
        enum hs_symbol_state of_image = open_for_image (file, places);

        /* names of exports are better than none, whatever the PDB's trouble was */
        return of_image == HS_SYMBOLS_LINES ? of_image : HS_SYMBOLS_EXPORTS;
    }
    if (state == HS_SYMBOLS_NO_FILE) {
        if (file->detail[0] == '\0')
            say_not_found (file, places, wanted);
        return state;
    }
    memcpy (file->detail, detail, sizeof detail);
    return state;
}

void hs_windows_file_close (struct hs_windows_file *file)
{
    close_pdb (file);
    close_image (file);
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
