/* SPDX-License-Identifier: MIT */
/*
 * How the agent comes to life in a program that was launched with it: takes the arena that the
 * recorder left in a descriptor, or asks for one (agent_follow.h), and takes itself out of the
 * environment, so that children are not traced - unless they are to be followed. What the process
 * itself becomes by exec gets it back (exec_hooks.c).
 */
#include "capture/agent/agent.h"

#include "capture/agent/agent_follow.h"
#include "capture/agent/hooks.h"
#include "capture/agent/system.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#define VARIABLE "HEAPSTRATA_AGENT_FD="

struct agent agent;

extern void *dlsym (void *, const char *) __attribute__ ((weak));
extern int dladdr1 (const void *, Dl_info *, void **, int) __attribute__ ((weak));

void *agent_find_real (const char *name)
{
    return dlsym != NULL ? dlsym (RTLD_NEXT, name) : NULL;
}

/* Whether the program's calls of malloc lead elsewhere: it exports one itself, and comes first. Its
 * entry in the linkage table can stand for a function, too, but is not defined there. */
static int is_bypassed (void)
{
    void *found = dlsym != NULL ? dlsym (RTLD_DEFAULT, "malloc") : NULL;
    Dl_info first, own;
    ElfW (Sym) *symbol = NULL, *own_symbol;

    return found != NULL && dladdr1 != NULL &&
           dladdr1 (agent_take_arena, &own, (void **)&own_symbol, RTLD_DL_SYMENT) != 0 &&
           dladdr1 (found, &first, (void **)&symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL &&
           symbol->st_shndx != SHN_UNDEF && first.dli_fbase != own.dli_fbase;
}

/* Of the present arena: of the rings that were taken, each twice in a row. */
static uint8_t *bodies[HS_RINGS];

/* All of them at once took a process 1.5 ms, most of its start, and few have more than some
 * threads.
 */
uint8_t *agent_map_body (uint32_t number)
{
    uint8_t *to = bodies[number];

    if (to != NULL)
        return to;
    to = sys_map (NULL, 2 * (size_t)HS_RING_BYTES, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (sys_is_error (to))
        return NULL;
    if (!agent_mirror_body (number, to)) {
        (void)sys3 (SYS_munmap, (long)to, 2 * (long)HS_RING_BYTES, 0);
        return NULL;
    }
    bodies[number] = to;
    return to;
}

static void remove_entry (char **entry)
{
    do
        entry[0] = entry[1];
    while (*entry++ != NULL);
}

static int parse_descriptor (const char *text)
{
    int value = 0;

    for (; *text >= '0' && *text <= '9' && value < 100000; text++)
        value = value * 10 + (*text - '0');
    return value;
}

/* Cuts our own name out of "a.so:/x/heapstrata-agent.so b.so"; returns what is left of the list. */
static size_t cut_own_name (char *list)
{
    char *out = list;

    for (char *at = list; *at != '\0';) {
        char *end = at;
        size_t n;

        while (*end != '\0' && *end != ':' && *end != ' ')
            end++;
        n = (size_t)(end - at);
        if (n < sizeof AGENT_NAME - 1 ||
            !agent_begins_with (end - (sizeof AGENT_NAME - 1), AGENT_NAME)) {
            if (out != list)
                *out++ = ':';
            for (size_t i = 0; i < n; i++)
                *out++ = at[i];
        }
        at = *end != '\0' ? end + 1 : end;
    }
    *out = '\0';
    return (size_t)(out - list);
}

/* Returns the descriptor that the recorder told, -1 when there is none. */
static int leave_environment (char **environment)
{
    int fd = -1;

    for (char **entry = environment; *entry != NULL;) {
        if (agent_begins_with (*entry, VARIABLE)) {
            fd = parse_descriptor (*entry + sizeof VARIABLE - 1);
            remove_entry (entry);
        } else if (agent_begins_with (*entry, AGENT_EXEC_VARIABLE)) {
            remove_entry (entry);
        } else if (!agent_follow.has_children &&
                   agent_begins_with (*entry, AGENT_PRELOAD_VARIABLE) &&
                   cut_own_name (*entry + sizeof AGENT_PRELOAD_VARIABLE - 1) == 0) {
            remove_entry (entry);
        } else {
            entry++;
        }
    }
    return fd;
}

static uint32_t *map_alive (void)
{
    uint32_t *page =
        sys_map (NULL, HS_ARENA_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (sys_is_error (page) || sys3 (SYS_madvise, (long)page, HS_ARENA_PAGE, MADV_WIPEONFORK) != 0)
        return NULL;
    return page;
}

int agent_take_arena (int fd)
{
    struct hs_arena_head *arena =
        sys_map (NULL, HS_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *alive = (uint32_t *)(uintptr_t)agent.alive;

    if (sys_is_error (arena))
        return 0;
    (void)sys3 (SYS_madvise, (long)arena, (long)HS_ARENA_BYTES, MADV_DONTFORK);
    if (arena->magic != HS_ARENA_MAGIC || arena->version != HS_ARENA_VERSION ||
        arena->n_rings != HS_RINGS || arena->ring_bytes != HS_RING_BYTES)
        return 0;
    if (alive == NULL)
        alive = map_alive ();
    if (alive == NULL)
        return 0;
    for (uint32_t i = 0; i < HS_RINGS; i++)
        bodies[i] = NULL; /* those of the process that was forked are not here */
    agent.arena = arena;
    agent.has_no_tsc = arena->clock != HS_RING_CLOCK_TSC;
    agent.rings = (void *)((uint8_t *)arena + HS_ARENA_PAGE);
    arena->pid = (uint32_t)sys3 (SYS_getpid, 0, 0, 0);
    atomic_store (&arena->is_bypassed, agent.is_bypassed);
    *alive = 1;
    agent.alive = alive;
    agent_gate.control = &arena->control;
    __asm__ volatile("" ::: "memory");
    agent_gate.alive = alive;
    atomic_store (&arena->agent_state, HS_AGENT_READY);
    return 1;
}

/* glibc passes main's arguments to constructors. */
static __attribute__ ((constructor)) void start (int argc, char **argv, char **environment)
{
    int fd;

    (void)argc;
    (void)argv;
    agent_look_up ();
    agent_look_up_cpp ();
    if (environment == NULL)
        return;
    agent_look_up_exec ();
    agent.is_bypassed = (uint32_t)is_bypassed ();
    agent_follow_read (environment);
    fd = leave_environment (environment);
    if (fd < 0 && agent_follow.socket[0] != '\0')
        fd = agent_follow_ask (0);
    if (fd < 0)
        return;
    (void)agent_take_arena (fd);
    (void)sys3 (SYS_close, fd, 0, 0);
}
