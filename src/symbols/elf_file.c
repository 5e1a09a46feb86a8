/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding and opening ELF files; see elf_file.h. */
#include "symbols/elf_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <elfutils/libdwelf.h>

static const char unsure_text[] = "build unknown: ";

/* A trace that does not know the build takes what lies at the path, and says so. */
static bool is_wanted_id (const struct hs_elf_wanted *wanted, const uint8_t *id, uint32_t size)
{
    return wanted->any_build_id || wanted->build_id_size == 0 ||
           (wanted->build_id_size == size && memcmp (wanted->build_id, id, size) == 0);
}

/* Whether nothing says that the file is the one that ran. */
static bool is_unsure (const struct hs_elf_file *file, const struct hs_elf_wanted *wanted)
{
    return !wanted->any_build_id && wanted->build_id_size == 0 && file->build_id_size > 0;
}

/* Only plain files: opening a device or a pipe may do things, or never end. */
static int open_plain_file (const char *path)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;

    if (fd < 0)
        return -errno;
    if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode))
        return fd;
    (void)close (fd);
    return -ENOENT;
}

/* Copies the build id of an ELF file out; 0 when it has none. */
static uint32_t read_build_id (Elf *elf, uint8_t id[HS_BUILD_ID_MAX])
{
    const void *bytes;
    ssize_t n = dwelf_elf_gnu_build_id (elf, &bytes);

    if (n <= 0 || n > (ssize_t)HS_BUILD_ID_MAX)
        return 0;
    memcpy (id, bytes, (size_t)n);
    return (uint32_t)n;
}

/* Whether the file behind `fd` has the build id of `file`. */
static bool has_same_id (const struct hs_elf_file *file, int fd)
{
    Elf *elf = elf_begin (fd, ELF_C_READ_MMAP, NULL);
    uint8_t id[HS_BUILD_ID_MAX];
    uint32_t size = elf != NULL ? read_build_id (elf, id) : 0;
    bool is_same =
        size > 0 && size == file->build_id_size && memcmp (id, file->build_id, size) == 0;

    (void)elf_end (elf);
    return is_same;
}

/* ".build-id/ab/cdef….debug" below a folder. */
static bool id_path (char path[PATH_MAX], const char *folder, size_t n_folder,
                     const struct hs_elf_wanted *wanted)
{
    int n = snprintf (path, PATH_MAX, "%.*s/.build-id/%02x/", (int)n_folder, folder,
                      wanted->build_id[0]);

    if (n < 0 || n > PATH_MAX - 2 * (int)HS_BUILD_ID_MAX - 8)
        return false;
    for (uint32_t i = 1; i < wanted->build_id_size; i++)
        n += snprintf (path + n, (size_t)(PATH_MAX - n), "%02x", wanted->build_id[i]);
    (void)snprintf (path + n, (size_t)(PATH_MAX - n), ".debug");
    return true;
}

static int open_in_id_folders (const struct hs_elf_file *file, const struct hs_elf_wanted *wanted)
{
    const char *at = file->debug_path;
    char path[PATH_MAX];

    if (wanted->build_id_size < 2)
        return -ENOENT;
    for (; *at != '\0'; at += strspn (at, ":")) {
        size_t n = strcspn (at, ":");
        int fd;

        if (*at == '/' && id_path (path, at, n, wanted)) {
            fd = open_plain_file (path);
            if (fd >= 0)
                return fd;
        }
        at += n;
    }
    return -ENOENT;
}

/* libdwfl asks for the file with debug information of `module`. */
static int on_find_debug_info (Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                               const char *path, const char *link, GElf_Word crc, char **ret_path)
{
    struct hs_elf_file *file = *data;
    int fd = dwfl_standard_find_debuginfo (module, data, name, base, path, link, crc, ret_path);

    if (fd >= 0 || file == NULL)
        return fd;
    fd = hs_fetch_file (file->places->fetch, HS_FETCH_DEBUG_INFO, file->build_id,
                        file->build_id_size);
    if (fd >= 0 && !has_same_id (file, fd)) { /* a server that lies */
        (void)close (fd);
        fd = -1;
    }
    return fd >= 0 ? fd : -1;
}

/* The address of the page that the first loaded segment begins in. */
static bool read_base (Elf *elf, uint64_t *ret)
{
    size_t n;

    if (elf_getphdrnum (elf, &n) != 0)
        return false;
    for (size_t i = 0; i < n && i < 65536; i++) {
        GElf_Phdr head;

        if (gelf_getphdr (elf, (int)i, &head) == NULL)
            return false;
        if (head.p_type == PT_LOAD) {
            *ret = head.p_vaddr & ~UINT64_C (0xfff); /* mapped by pages, whatever the alignment */
            return true;
        }
    }
    return false;
}

/* Looks at a file before libdwfl gets it. Takes nothing: `fd` stays the caller's. */
static enum hs_symbol_state check_file (struct hs_elf_file *file, int fd,
                                        const struct hs_elf_wanted *wanted)
{
    Elf *elf = elf_begin (fd, ELF_C_READ_MMAP, NULL);
    enum hs_symbol_state state = HS_SYMBOLS_FAILED;
    GElf_Ehdr head;

    if (elf == NULL || elf_kind (elf) != ELF_K_ELF || gelf_getehdr (elf, &head) == NULL) {
        (void)snprintf (file->detail, sizeof file->detail, "not an ELF file");
    } else if (head.e_type != ET_EXEC && head.e_type != ET_DYN) {
        (void)snprintf (file->detail, sizeof file->detail,
                        "an ELF file, but neither a program nor a library");
    } else if (!read_base (elf, &file->base)) {
        (void)snprintf (file->detail, sizeof file->detail, "an ELF file without segments");
    } else {
        file->build_id_size = read_build_id (elf, file->build_id);
        state = is_wanted_id (wanted, file->build_id, file->build_id_size) ? HS_SYMBOLS_FUNCTIONS
                                                                           : HS_SYMBOLS_MISMATCH;
    }
    (void)elf_end (elf);
    return state;
}

/* Hands a checked file to libdwfl. Takes `fd`. */
static enum hs_symbol_state report_file (struct hs_elf_file *file, int fd, const char *path)
{
    void **data;

    file->callbacks = (Dwfl_Callbacks){
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = on_find_debug_info,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = &file->debug_path,
    };
    file->dwfl = dwfl_begin (&file->callbacks);
    if (file->dwfl != NULL) {
        dwfl_report_begin (file->dwfl);
        file->module = dwfl_report_elf (file->dwfl, path, path, fd, 0, true);
        (void)dwfl_report_end (file->dwfl, NULL, NULL);
    }
    if (file->module == NULL) {
        (void)snprintf (file->detail, sizeof file->detail, "%s", dwfl_errmsg (-1));
        (void)close (fd);
        return HS_SYMBOLS_FAILED;
    }
    (void)dwfl_module_info (file->module, &data, NULL, NULL, NULL, NULL, NULL, NULL);
    *data = file;
    (void)snprintf (file->detail, sizeof file->detail, "%s", path);
    return HS_SYMBOLS_FUNCTIONS;
}

/* Where libdwfl looks: beside the file, in .debug, in /usr/lib/debug (of the sysroot too). */
static bool make_debug_path (struct hs_elf_file *file, const struct hs_elf_places *places)
{
    const char *root = places->sysroot, *folders = places->folders;
    size_t size = strlen (root) + strlen (folders) + 64;

    file->debug_path = hs_alloc_array (size, 1);
    if (file->debug_path == NULL)
        return false;
    /* "+": a .gnu_debuglink is followed when its checksum is right */
    (void)snprintf (file->debug_path, size, "+:.debug:/usr/lib/debug%s%s%s%s%s",
                    *root != '\0' ? ":" : "", root, *root != '\0' ? "/usr/lib/debug" : "",
                    *folders != '\0' ? ":" : "", folders);
    return true;
}

/* The module's own path, below the sysroot when there is one. */
static int open_path (const struct hs_elf_places *places, const struct hs_elf_wanted *wanted,
                      char path[PATH_MAX])
{
    int n = snprintf (path, PATH_MAX, "%s%s", wanted->any_build_id ? "" : places->sysroot,
                      wanted->path);

    if (n < 0 || n >= PATH_MAX || (*wanted->path != '/' && !wanted->any_build_id))
        return -ENOENT;
    return open_plain_file (path);
}

/* A file elsewhere with the wanted build id: debug information alone has all names as well. */
static int open_elsewhere (struct hs_elf_file *file, const struct hs_elf_places *places,
                           const struct hs_elf_wanted *wanted)
{
    int fd = open_in_id_folders (file, wanted);

    if (fd < 0)
        fd = hs_fetch_file (places->fetch, HS_FETCH_DEBUG_INFO, wanted->build_id,
                            wanted->build_id_size);
    if (fd < 0)
        fd = hs_fetch_file (places->fetch, HS_FETCH_PROGRAM, wanted->build_id,
                            wanted->build_id_size);
    return fd;
}

static void set_alternative (struct hs_elf_file *file)
{
    const char *name;
    const void *id;
    ssize_t n = dwelf_dwarf_gnu_debugaltlink (file->dwarf, &name, &id);
    struct hs_elf_file other = { 0 };
    Dwarf *dwarf;
    int fd;

    if (n <= 0 || n > (ssize_t)HS_BUILD_ID_MAX || dwarf_getalt (file->dwarf) != NULL)
        return;
    memcpy (other.build_id, id, (size_t)n);
    other.build_id_size = (uint32_t)n;
    fd = hs_fetch_file (file->places->fetch, HS_FETCH_DEBUG_INFO, id, (uint32_t)n);
    if (fd < 0)
        return;
    dwarf = has_same_id (&other, fd) ? dwarf_begin (fd, DWARF_C_READ) : NULL;
    if (dwarf == NULL) {
        (void)close (fd);
        return;
    }
    file->alternative = dwarf;
    file->alternative_fd = fd;
    dwarf_setalt (file->dwarf, dwarf);
}

enum hs_symbol_state hs_elf_file_open (struct hs_elf_file *file, const struct hs_elf_places *places,
                                       const struct hs_elf_wanted *wanted)
{
    enum hs_symbol_state state = HS_SYMBOLS_NO_FILE, other;
    char path[PATH_MAX];
    int fd;

    *file = (struct hs_elf_file){ .places = places };
    if (!make_debug_path (file, places))
        return HS_SYMBOLS_FAILED;
    fd = open_path (places, wanted, path);
    if (fd >= 0) {
        state = check_file (file, fd, wanted);
        if (state == HS_SYMBOLS_FUNCTIONS) {
            state = report_file (file, fd, path);
            if (state == HS_SYMBOLS_FUNCTIONS && is_unsure (file, wanted))
                (void)snprintf (file->detail, sizeof file->detail, "%s%.400s", unsure_text, path);
            return state;
        }
        (void)close (fd);
    } else {
        (void)snprintf (file->detail, sizeof file->detail, "%s", strerror (-fd));
    }
    if (wanted->any_build_id)
        return state;
    fd = open_elsewhere (file, places, wanted);
    if (fd >= 0) {
        struct hs_elf_file found = *file;

        other = check_file (&found, fd, wanted);
        if (other == HS_SYMBOLS_FUNCTIONS) {
            *file = found;
            return report_file (file, fd, wanted->path);
        }
        (void)close (fd);
    }
    return state;
}

void hs_elf_file_load_dwarf (struct hs_elf_file *file)
{
    file->dwarf = dwfl_module_getdwarf (file->module, &file->dwarf_bias);
    if (file->dwarf != NULL)
        set_alternative (file);
}

void hs_elf_file_close (struct hs_elf_file *file)
{
    if (file->dwfl != NULL)
        dwfl_end (file->dwfl);
    if (file->alternative != NULL) {
        (void)dwarf_end (file->alternative);
        (void)close (file->alternative_fd);
    }
    hs_free (file->debug_path);
    *file = (struct hs_elf_file){ 0 };
}
