/* SPDX-License-Identifier: MIT */
/* What /proc/self/maps says of an address; without libc, in a small buffer. */
#include "capture/agent/agent.h"

#include "capture/agent/system.h"

#include <fcntl.h>

/* A line's numbers end before this, and so does the beginning of its path. */
#define HEAD_BYTES 128u

static int parse_hex (const char **at, const char *end, uintptr_t *ret)
{
    const char *p = *at;
    uintptr_t value = 0;

    for (; p < end; p++) {
        if (*p >= '0' && *p <= '9')
            value = value << 4 | (uintptr_t)(*p - '0');
        else if (*p >= 'a' && *p <= 'f')
            value = value << 4 | (uintptr_t)(*p - 'a' + 10);
        else
            break;
    }
    *ret = value;
    if (p == *at || p >= end)
        return 0;
    *at = p + 1;
    return 1;
}

/* Whether a line, behind its addresses, is of a file: "rw-p 00000000 08:01 1234   /path". Anonymous
 * memory that is shared names /dev/zero. */
static int is_of_file (const char *at, const char *end)
{
    static const char zero[] = "/dev/zero";
    unsigned n = 0;

    for (unsigned field = 0; field < 3; field++) {
        while (at < end && *at != ' ')
            at++;
        while (at < end && *at == ' ')
            at++;
    }
    if (at >= end || *at == '0')
        return 0;
    while (at < end && *at != ' ' && *at != '\n')
        at++;
    while (at < end && *at == ' ')
        at++;
    while (n < sizeof zero - 1 && at + n < end && at[n] == zero[n])
        n++;
    return n < sizeof zero - 1;
}

/* Whether the line that begins at `line` holds the address. */
static int is_line_of (const char *line, const char *end, uintptr_t address,
                       struct agent_mapping *ret)
{
    const char *p = line;
    uintptr_t begin, stop;

    if (!parse_hex (&p, end, &begin) || !parse_hex (&p, end, &stop) || address < begin ||
        address >= stop)
        return 0;
    ret->begin = begin;
    ret->end = stop;
    ret->is_file = is_of_file (p, end);
    return 1;
}

static int has_newline (const char *at, const char *end)
{
    while (at < end && *at != '\n')
        at++;
    return at < end;
}

static int find (int fd, uintptr_t address, struct agent_mapping *ret)
{
    char buffer[2048];
    size_t kept = 0;
    int at_line_start = 1;

    for (;;) {
        long got = sys3 (SYS_read, fd, (long)(buffer + kept), (long)(sizeof buffer - kept));
        const char *end, *p = buffer;

        if (got <= 0)
            return 0;
        end = buffer + kept + got;
        kept = 0;
        while (p < end) {
            if (at_line_start && end - p < (long)HEAD_BYTES && !has_newline (p, end)) {
                kept = (size_t)(end - p); /* the rest comes with the next read */
                for (size_t i = 0; i < kept; i++)
                    buffer[i] = p[i];
                break;
            }
            if (at_line_start && is_line_of (p, end, address, ret))
                return 1;
            for (at_line_start = 0; p < end && !at_line_start; p++)
                at_line_start = *p == '\n';
        }
    }
}

int agent_find_mapping (uintptr_t address, struct agent_mapping *ret)
{
    int is_found;
    long fd;

    if (atomic_load_explicit (&agent.is_quiet, memory_order_relaxed))
        return 0;
    fd = sys6 (SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd < 0)
        return 0;
    is_found = find ((int)fd, address, ret);
    (void)sys3 (SYS_close, fd, 0, 0);
    return is_found;
}
