/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Obstacles to recording, by mode, capabilities and ELF header of a file; see obstacle.h. */
#include "capture/recorder/obstacle.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_PARTS 512u

static int open_program (const char *program)
{
    const char *path = getenv ("PATH");
    char full[PATH_MAX];

    if (strchr (program, '/') != NULL || path == NULL)
        return open (program, O_RDONLY | O_CLOEXEC);
    while (*path != '\0') {
        size_t n = strcspn (path, ":");

        if (n + strlen (program) + 2 <= sizeof full) {
            (void)snprintf (full, sizeof full, "%.*s/%s", (int)n, path, program);
            if (access (full, X_OK) == 0)
                return open (full, O_RDONLY | O_CLOEXEC);
        }
        path += n + (path[n] == ':');
    }
    return -1;
}

/* Whether the kernel sets AT_SECURE when we start it. Capabilities of a file are nothing new to
 * root. */
static bool gains_rights (int fd)
{
    struct stat info;

    if (fstat (fd, &info) != 0)
        return false;
    return ((info.st_mode & S_ISUID) && info.st_uid != geteuid ()) ||
           ((info.st_mode & S_ISGID) && info.st_gid != getegid ()) ||
           (geteuid () != 0 && fgetxattr (fd, "security.capability", NULL, 0) > 0);
}

static enum hs_obstacle check_loader (int fd, const Elf64_Ehdr *head)
{
    for (unsigned i = 0; i < head->e_phnum && i < MAX_PARTS; i++) {
        Elf64_Phdr part;
        char loader[256] = "";

        if (pread (fd, &part, sizeof part, (off_t)(head->e_phoff + i * sizeof part)) !=
            (ssize_t)sizeof part)
            break;
        if (part.p_type != PT_INTERP)
            continue;
        if (part.p_filesz >= sizeof loader ||
            pread (fd, loader, part.p_filesz, (off_t)part.p_offset) < 0 ||
            strstr (loader, "ld-linux") != NULL)
            return HS_OBSTACLE_NONE;
        return HS_OBSTACLE_LIBC;
    }
    return HS_OBSTACLE_STATIC;
}

/* Of a script: its interpreter, opened. */
static int open_interpreter (const char *line, size_t n)
{
    char path[256];
    size_t begin = 2, end;

    while (begin < n && (line[begin] == ' ' || line[begin] == '\t'))
        begin++;
    for (end = begin; end < n && strchr (" \t\n", line[end]) == NULL; end++)
        ;
    if (end == begin || end - begin >= sizeof path)
        return -1;
    memcpy (path, line + begin, end - begin);
    path[end - begin] = '\0';
    return open (path, O_RDONLY | O_CLOEXEC);
}

static enum hs_obstacle check (int fd, bool is_script)
{
    union {
        Elf64_Ehdr elf;
        char text[256];
    } head = { 0 };
    ssize_t n = pread (fd, &head, sizeof head, 0);
    enum hs_obstacle ret = HS_OBSTACLE_NONE;

    if (n >= 2 && !is_script && memcmp (head.text, "#!", 2) == 0) {
        int interpreter = open_interpreter (head.text, (size_t)n);

        if (interpreter >= 0) {
            ret = check (interpreter, true);
            (void)close (interpreter);
        }
        return ret;
    }
    if (n < (ssize_t)sizeof head.elf || memcmp (head.elf.e_ident, ELFMAG, SELFMAG) != 0)
        return HS_OBSTACLE_NONE;
    if (head.elf.e_ident[EI_CLASS] != ELFCLASS64 || head.elf.e_machine != EM_X86_64)
        return HS_OBSTACLE_MACHINE;
    ret = check_loader (fd, &head.elf);
    if (ret != HS_OBSTACLE_STATIC && gains_rights (fd))
        return HS_OBSTACLE_SECURE;
    return ret;
}

enum hs_obstacle hs_obstacle_find (const char *program)
{
    int fd = open_program (program);
    enum hs_obstacle ret;

    if (fd < 0)
        return HS_OBSTACLE_NONE;
    ret = check (fd, false);
    (void)close (fd);
    return ret;
}
