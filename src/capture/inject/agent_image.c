/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading the agent's .so by hand; see agent_image.h. */
#include "capture/inject/agent_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE UINT64_C (4096)
#define LARGEST (UINT64_C (64) << 20)

static uint64_t page_down (uint64_t value)
{
    return value & ~(PAGE - 1);
}

static uint64_t page_up (uint64_t value)
{
    return page_down (value + PAGE - 1);
}

static enum hs_status damaged (struct hs_error *err, const char *what)
{
    return hs_error_set (err, HS_DAMAGED, HS_NO_OFFSET, "the agent is damaged: %s", what);
}

/* `n` objects of `size` bytes at `address` of the image, or NULL. Where the objects of ELF lie they
 * lie at whole words. */
static void *at (const struct hs_agent_image *image, uint64_t address, uint64_t n, uint64_t size)
{
    if ((size >= sizeof (Elf64_Nhdr) && address % 4 != 0) || (size % 8 == 0 && address % 8 != 0) ||
        address > image->size || n > LARGEST || n * size > image->size - address)
        return NULL;
    return image->bytes + address;
}

static const char *text_at (const struct hs_agent_image *image, uint64_t offset)
{
    if (offset >= image->strings_size)
        return "";
    return (const char *)image->bytes + image->strings + offset;
}

static enum hs_status read_file (const char *path, uint8_t **ret, uint64_t *ret_size,
                                 struct hs_error *err)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC), error = 0;
    uint8_t *bytes = NULL;
    struct stat info;

    if (fd < 0)
        return hs_error_set_errno (err, errno, "cannot open %s", path);
    if (fstat (fd, &info) != 0 || info.st_size < 64 || (uint64_t)info.st_size > LARGEST) {
        error = EINVAL;
    } else {
        bytes = hs_alloc_array ((size_t)info.st_size, 1);
        if (bytes == NULL)
            error = ENOMEM;
        else if (pread (fd, bytes, (size_t)info.st_size, 0) != info.st_size)
            error = EIO;
    }
    (void)close (fd);
    if (error != 0) {
        hs_free (bytes);
        return hs_error_set_errno (err, error, "cannot read %s", path);
    }
    *ret = bytes;
    *ret_size = (uint64_t)info.st_size;
    return HS_OK;
}

static enum hs_status measure (struct hs_agent_image *image, const Elf64_Phdr *parts, unsigned n,
                               struct hs_error *err)
{
    for (unsigned i = 0; i < n; i++) {
        struct hs_image_segment *segment = &image->segments[image->n_segments];

        if (parts[i].p_type == PT_TLS)
            return damaged (err, "it has thread-local storage");
        if (parts[i].p_type != PT_LOAD)
            continue;
        if (image->n_segments == HS_IMAGE_SEGMENTS || parts[i].p_vaddr > LARGEST ||
            parts[i].p_memsz > LARGEST || parts[i].p_filesz > parts[i].p_memsz)
            return damaged (err, "a segment is too large");
        segment->address = page_down (parts[i].p_vaddr);
        segment->size = page_up (parts[i].p_vaddr + parts[i].p_memsz) - segment->address;
        segment->file_size = page_up (parts[i].p_vaddr + parts[i].p_filesz) - segment->address;
        segment->protection = ((parts[i].p_flags & PF_R) != 0 ? PROT_READ : 0) |
                              ((parts[i].p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                              ((parts[i].p_flags & PF_X) != 0 ? PROT_EXEC : 0);
        image->n_segments++;
        if (segment->address + segment->size > image->size)
            image->size = segment->address + segment->size;
    }
    image->bytes = hs_alloc_zeroed (image->size, 1);
    return image->bytes != NULL ? HS_OK : hs_error_no_memory (err);
}

static void find_build_id (struct hs_agent_image *image, const Elf64_Phdr *part)
{
    const Elf64_Nhdr *note = at (image, part->p_vaddr, 1, sizeof *note + 4 + HS_IMAGE_BUILD_ID);

    if (note == NULL || note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 ||
        note->n_descsz > HS_IMAGE_BUILD_ID)
        return;
    image->build_id_at = part->p_vaddr + sizeof *note + 4;
    image->build_id_size = note->n_descsz;
}

static void read_dynamic (struct hs_agent_image *image, const Elf64_Phdr *part)
{
    uint64_t n = part->p_memsz / sizeof (Elf64_Dyn);
    const Elf64_Dyn *entry = at (image, part->p_vaddr, n, sizeof *entry);

    for (uint64_t i = 0; entry != NULL && i < n; i++) {
        uint64_t value = entry[i].d_un.d_val;

        switch (entry[i].d_tag) {
        case DT_SYMTAB:
            image->symbols = value;
            break;
        case DT_STRTAB:
            image->strings = value;
            break;
        case DT_STRSZ:
            image->strings_size = value;
            break;
        case DT_RELA:
            image->relocations[0] = value;
            break;
        case DT_RELASZ:
            image->relocations_size[0] = value;
            break;
        case DT_JMPREL:
            image->relocations[1] = value;
            break;
        case DT_PLTRELSZ:
            image->relocations_size[1] = value;
            break;
        default:
            break;
        }
    }
}

/* The linker puts the names right behind the symbols: that is their number. */
static enum hs_status read_exports (struct hs_agent_image *image, struct hs_error *err)
{
    uint64_t n = (image->strings - image->symbols) / sizeof (Elf64_Sym);
    const Elf64_Sym *symbols = at (image, image->symbols, n, sizeof (Elf64_Sym));
    const char *strings = at (image, image->strings, image->strings_size, 1);

    if (image->symbols == 0 || image->strings <= image->symbols || symbols == NULL ||
        strings == NULL || image->strings_size == 0 || strings[image->strings_size - 1] != '\0')
        return damaged (err, "its symbols cannot be read");
    for (uint64_t i = 1; i < n; i++) {
        if (symbols[i].st_shndx == SHN_UNDEF)
            continue;
        if (!hs_array_reserve (&image->exports, 1))
            return hs_error_no_memory (err);
        image->exports.items[image->exports.n++] = (struct hs_image_symbol){
            .name = text_at (image, symbols[i].st_name),
            .address = symbols[i].st_value,
            .is_function = ELF64_ST_TYPE (symbols[i].st_info) == STT_FUNC,
        };
    }
    return HS_OK;
}

static enum hs_status take_apart (struct hs_agent_image *image, const uint8_t *file, uint64_t size,
                                  struct hs_error *err)
{
    const Elf64_Ehdr *head = (const void *)file;
    const Elf64_Phdr *parts;
    enum hs_status status;

    if (memcmp (head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_machine != EM_X86_64 ||
        head->e_type != ET_DYN || head->e_phentsize != sizeof *parts || head->e_phoff > size ||
        head->e_phoff % 8 != 0 || head->e_phnum * sizeof *parts > size - head->e_phoff)
        return damaged (err, "it is no shared object for x86-64");
    parts = (const void *)(file + head->e_phoff);
    status = measure (image, parts, head->e_phnum, err);
    if (status != HS_OK)
        return status;
    for (unsigned i = 0; i < head->e_phnum; i++) {
        if (parts[i].p_type != PT_LOAD)
            continue;
        if (parts[i].p_offset > size || parts[i].p_filesz > size - parts[i].p_offset)
            return damaged (err, "a segment ends behind the file");
        memcpy (image->bytes + parts[i].p_vaddr, file + parts[i].p_offset, parts[i].p_filesz);
    }
    for (unsigned i = 0; i < head->e_phnum; i++) {
        if (parts[i].p_type == PT_DYNAMIC)
            read_dynamic (image, &parts[i]);
        else if (parts[i].p_type == PT_NOTE)
            find_build_id (image, &parts[i]);
    }
    return read_exports (image, err);
}

enum hs_status hs_agent_image_load (const char *path, struct hs_agent_image *ret,
                                    struct hs_error *err)
{
    struct hs_agent_image image = { 0 };
    uint8_t *file = NULL;
    uint64_t size = 0;
    enum hs_status status = read_file (path, &file, &size, err);

    if (status == HS_OK)
        status = take_apart (&image, file, size, err);
    hs_free (file);
    if (status != HS_OK) {
        hs_agent_image_clear (&image);
        return hs_error_prefix (err, status, "%s", path);
    }
    *ret = image;
    return HS_OK;
}

void hs_agent_image_clear (struct hs_agent_image *image)
{
    hs_array_clear (&image->exports);
    hs_free (image->bytes);
    image->bytes = NULL;
}

uint64_t hs_agent_image_symbol (const struct hs_agent_image *image, const char *name)
{
    for (size_t i = 0; i < image->exports.n; i++) {
        if (strcmp (image->exports.items[i].name, name) == 0)
            return image->exports.items[i].address;
    }
    return 0;
}

struct relocating {
    struct hs_agent_image *image;
    uint64_t base;
    hs_image_resolve resolve;
    void *data;
};

static enum hs_status relocate_one (struct relocating *r, const Elf64_Rela *entry,
                                    struct hs_error *err)
{
    uint64_t *place = at (r->image, entry->r_offset, 1, sizeof *place), value = 0;
    uint32_t number = (uint32_t)ELF64_R_SYM (entry->r_info);
    const Elf64_Sym *symbol =
        at (r->image, r->image->symbols + number * sizeof *symbol, 1, sizeof *symbol);

    if (place == NULL || symbol == NULL)
        return damaged (err, "a relocation lies outside");
    if (number != 0 && symbol->st_shndx != SHN_UNDEF)
        value = r->base + symbol->st_value;
    else if (number != 0)
        value = r->resolve (r->data, text_at (r->image, symbol->st_name));
    if (number != 0 && value == 0 && ELF64_ST_BIND (symbol->st_info) != STB_WEAK)
        return damaged (err, "it needs a symbol that the process does not have");
    switch (ELF64_R_TYPE (entry->r_info)) {
    case R_X86_64_RELATIVE:
        *place = r->base + (uint64_t)entry->r_addend;
        return HS_OK;
    case R_X86_64_GLOB_DAT:
    case R_X86_64_JUMP_SLOT:
        *place = value;
        return HS_OK;
    case R_X86_64_64:
        *place = value != 0 ? value + (uint64_t)entry->r_addend : 0;
        return HS_OK;
    case R_X86_64_NONE:
        return HS_OK;
    default:
        return damaged (err, "it has a relocation of an unknown kind");
    }
}

enum hs_status hs_agent_image_relocate (struct hs_agent_image *image, uint64_t base,
                                        hs_image_resolve resolve, void *data, struct hs_error *err)
{
    struct relocating r = { image, base, resolve, data };

    for (unsigned table = 0; table < 2; table++) {
        uint64_t n = image->relocations_size[table] / sizeof (Elf64_Rela);
        const Elf64_Rela *entries = at (image, image->relocations[table], n, sizeof (Elf64_Rela));

        if (entries == NULL)
            return damaged (err, "its relocations cannot be read");
        for (uint64_t i = 0; i < n; i++) {
            enum hs_status status = relocate_one (&r, &entries[i], err);

            if (status != HS_OK)
                return status;
        }
    }
    return HS_OK;
}
