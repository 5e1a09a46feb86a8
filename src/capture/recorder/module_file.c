/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Program headers and notes of an ELF file; see module_file.h. */
#include "capture/recorder/module_file.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_PARTS 512u
#define MAX_NOTES 65536u
#define PAGE UINT64_C (4096)

static bool read_at (int fd, void *to, size_t n, uint64_t at)
{
    return at <= INT64_MAX && pread (fd, to, n, (off_t)at) == (ssize_t)n;
}

static void find_build_id (int fd, const Elf64_Phdr *part, struct hs_module_file *ret)
{
    uint64_t at = part->p_offset, left = part->p_filesz;
    Elf64_Nhdr note;
    char name[4];

    if (left > MAX_NOTES)
        return;
    while (left >= sizeof note && read_at (fd, &note, sizeof note, at)) {
        uint64_t name_size = (note.n_namesz + UINT64_C (3)) & ~UINT64_C (3);
        uint64_t size = sizeof note + name_size + ((note.n_descsz + UINT64_C (3)) & ~UINT64_C (3));

        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof name &&
            note.n_descsz <= sizeof ret->build_id &&
            read_at (fd, name, sizeof name, at + sizeof note) &&
            memcmp (name, "GNU", sizeof name) == 0) {
            if (read_at (fd, ret->build_id, note.n_descsz, at + sizeof note + name_size))
                ret->build_id_size = note.n_descsz;
            return;
        }
        if (size > left)
            return;
        at += size;
        left -= size;
    }
}

static bool read_parts (int fd, const Elf64_Ehdr *head, uint64_t part, uint64_t size,
                        struct hs_module_file *ret)
{
    bool is_there = false;

    *ret = (struct hs_module_file){ .low = UINT64_MAX };
    for (unsigned i = 0; i < head->e_phnum && i < MAX_PARTS; i++) {
        Elf64_Phdr found;

        if (!read_at (fd, &found, sizeof found, head->e_phoff + i * sizeof found))
            return false;
        if (found.p_type == PT_NOTE && ret->build_id_size == 0)
            find_build_id (fd, &found, ret);
        if (found.p_type != PT_LOAD || found.p_vaddr + found.p_memsz < found.p_vaddr)
            continue;
        if ((found.p_vaddr & ~(PAGE - 1)) < ret->low)
            ret->low = found.p_vaddr & ~(PAGE - 1);
        if (found.p_vaddr + found.p_memsz > ret->high)
            ret->high = found.p_vaddr + found.p_memsz;
        is_there |= (found.p_vaddr & ~(PAGE - 1)) <= part &&
                    part + size <= ((found.p_vaddr + found.p_memsz + PAGE - 1) & ~(PAGE - 1));
    }
    return is_there;
}

bool hs_module_file_read (const char *path, uint64_t part, uint64_t size,
                          struct hs_module_file *ret)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    Elf64_Ehdr head;
    bool is_known;

    if (fd < 0)
        return false;
    is_known = read_at (fd, &head, sizeof head, 0) && memcmp (head.e_ident, ELFMAG, SELFMAG) == 0 &&
               head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_machine == EM_X86_64 &&
               head.e_phentsize == sizeof (Elf64_Phdr) && head.e_phoff <= INT64_MAX / 2 &&
               read_parts (fd, &head, part, size, ret);
    (void)close (fd);
    return is_known;
}
