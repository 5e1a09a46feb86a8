/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mapping the agent and its arena into the process; see inject.h. One task maps while the others
 * run; only where an arena of before has to be replaced all are stopped, as threads may be inside
 * the agent. The process makes few goes: what it is to do is put into lists (remote_call.h), and
 * between two of them we do our part.
 */
#include "capture/inject/injection.h"
#include "capture/ring/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE UINT64_C (4096)
#define BODIES_BYTES ((uint64_t)HS_RINGS * 2 * HS_RING_BYTES)
#define BODIES_BEGIN (PAGE * (1 + (uint64_t)HS_RINGS)) /* in the arena */
#define LEDGER_BYTES                                                                               \
    ((HS_ATTACH_LEDGER_MAX * sizeof (struct hs_attach_slot) + PAGE - 1) & ~(PAGE - 1))
#define LOOP_BYTES (HS_REMOTE_CODE_BYTES + HS_REMOTE_TABLE_BYTES)
#define NAMES_AT                                                                                   \
    (HS_REMOTE_CODE_BYTES - 64) /* behind the loop's code: where it cannot be undone               \
                                 */
#define LONGEST_RECORD 16384u   /* what a thread may be writing at its ring's head */
#define MADE 8u

enum memory { AGENT, ARENA, MEMORIES };

static const char *const memory_names[MEMORIES] = { HS_AGENT_MEMORY_NAME, HS_ARENA_MEMORY_NAME };

struct mapping {
    struct hs_injection *injection;
    struct hs_stop *stop;
    struct hs_remote remote;
    HS_ARRAY (struct hs_remote_step) steps; /* of the next go */
    int64_t error;                          /* -errno of what failed first */
    uint64_t made[MADE], made_size[MADE];   /* to be taken away again when something fails */
    uint32_t n_made;
    int64_t fds[MEMORIES]; /* in the target */
    int own_fds[MEMORIES]; /* the same, ours */
    bool is_new;           /* the agent is not there yet */
    bool is_first;         /* the process has no arena yet */
    uint64_t next_arena;   /* where one waits that is to take the place of the one before */
};

/* ---- lists of calls -------------------------------------------------------------------- */

/* Appends a call; returns the number by which its result can be referred to, 0 on failure. */
static uint32_t add (struct mapping *m, long number, const uint64_t *arguments)
{
    struct hs_remote_step step = { .number = number };

    if (m->error == 0 && !hs_array_reserve (&m->steps, 1))
        m->error = -ENOMEM;
    if (m->error != 0)
        return 0;
    memcpy (step.arguments, arguments, sizeof step.arguments);
    m->steps.items[m->steps.n++] = step;
    return (uint32_t)m->steps.n;
}

static void add_close (struct mapping *m, enum memory which)
{
    if (m->fds[which] >= 0)
        (void)add (m, SYS_close, (uint64_t[6]){ (uint64_t)m->fds[which] });
}

/* `at` is added to the result of the call numbered `from`, when there is one. */
static void add_advice (struct mapping *m, uint32_t from, uint64_t at, uint64_t size, int advice)
{
    uint32_t number = add (m, SYS_madvise, (uint64_t[6]){ at, size, (uint64_t)advice });

    if (number != 0)
        m->steps.items[number - 1].add_to_first = from;
}

struct piece { /* of the target's address space */
    uint64_t at, size;
    int protection, flags;
    uint32_t fd_from; /* the call that makes the descriptor; 0: */
    int64_t fd;
    uint64_t offset;
};

static uint32_t add_map (struct mapping *m, const struct piece *piece)
{
    uint64_t arguments[6] = {
        piece->at,
        piece->size,
        (uint64_t)piece->protection,
        (uint64_t)(piece->flags | (piece->at != 0 ? MAP_FIXED : 0)),
        piece->fd_from != 0 ? 0 : (uint64_t)piece->fd,
        piece->offset,
    };
    uint32_t number = add (m, SYS_mmap, arguments);

    if (number != 0)
        m->steps.items[number - 1].add_to_fifth = piece->fd_from;
    return number;
}

static uint32_t add_reserve (struct mapping *m, uint64_t size, int protection)
{
    const struct piece piece = {
        .size = size,
        .protection = protection,
        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        .fd = -1,
    };

    return add_map (m, &piece);
}

static int64_t result (const struct mapping *m, uint32_t number)
{
    return number > 0 && number <= m->steps.n ? m->steps.items[number - 1].ret : -ECANCELED;
}

static bool has_worked (int64_t ret)
{
    return ret >= 0 || ret <= -4096;
}

/* Whatever has been mapped where the kernel liked is ours to take away after a failure. */
static void note_made (struct mapping *m)
{
    for (size_t i = 0; i < m->steps.n; i++) {
        const struct hs_remote_step *step = &m->steps.items[i];

        if (step->number != SYS_mmap || step->arguments[0] != 0 || !has_worked (step->ret) ||
            m->n_made == MADE)
            continue;
        m->made[m->n_made] = (uint64_t)step->ret;
        m->made_size[m->n_made++] = step->arguments[1];
    }
}

/* Has the target make the calls; their results can be asked for until the next is added. */
static void go (struct mapping *m)
{
    if (m->error == 0)
        m->error = hs_remote_run (&m->remote, m->steps.items, (uint32_t)m->steps.n);
    note_made (m);
}

static void begin_list (struct mapping *m)
{
    m->steps.n = 0;
}

/* ---- the shared memories ----------------------------------------------------------------- */

/* `names_at`: of memory_names in the target. */
static uint32_t add_memory (struct mapping *m, enum memory which, uint64_t names_at)
{
    uint64_t at = names_at + which * 32u;
    const char *name = memory_names[which];

    if (m->error == 0 && !hs_target_write (m->stop->target, at, name, strlen (name) + 1))
        m->error = -EIO;
    return add (m, SYS_memfd_create, (uint64_t[6]){ at, MFD_CLOEXEC | MFD_ALLOW_SEALING });
}

/* Takes the descriptor that the call `number` has made. */
static void take_memory (struct mapping *m, enum memory which, uint32_t number, uint64_t size)
{
    int fd;

    if (number == 0 || result (m, number) < 0)
        return;
    m->fds[which] = result (m, number);
    if (m->error != 0)
        return;
    fd = (int)syscall (SYS_pidfd_getfd, m->stop->target->pid_fd, (int)m->fds[which], 0);
    m->own_fds[which] = fd;
    /* sealed before it is used: a target that cuts it would kill us with SIGBUS */
    if (fd < 0 || ftruncate (fd, (off_t)size) != 0 ||
        fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        m->error = -errno;
}

static uint64_t resolve (void *data, const char *name)
{
    bool is_indirect;

    return hs_loaded_symbol (data, name, &is_indirect);
}

/* Before any page of it is looked at in the target. */
static void write_image (struct mapping *m)
{
    struct hs_agent_image *image = &m->injection->image;
    struct hs_error err = { 0 };

    if (m->error != 0)
        return;
    if (hs_agent_image_relocate (image, m->injection->base, resolve, &m->injection->loaded, &err) !=
        HS_OK) {
        m->injection->why = err;
        m->error = -ENOEXEC;
        return;
    }
    for (uint32_t i = 0; i < image->n_segments && m->error == 0; i++) {
        const struct hs_image_segment *segment = &image->segments[i];

        if (pwrite (m->own_fds[AGENT], image->bytes + segment->address, segment->file_size,
                    (off_t)segment->address) != (ssize_t)segment->file_size)
            m->error = -EIO;
    }
}

/* What a segment has beyond its file stays as it was reserved: zeroes. */
static void add_image (struct mapping *m, uint32_t memory)
{
    const struct hs_agent_image *image = &m->injection->image;

    for (uint32_t i = 0; i < image->n_segments; i++) {
        const struct hs_image_segment *segment = &image->segments[i];
        const struct piece piece = {
            .at = m->injection->base + segment->address,
            .size = segment->file_size,
            .protection = segment->protection,
            .flags = MAP_PRIVATE,
            .fd_from = memory,
            .offset = segment->address,
        };

        if (piece.size > 0)
            (void)add_map (m, &piece);
    }
}

/* ---- rings of threads that were recorded before -------------------------------------------- */

/* Whether the thread lives, or may be just about to take a ring whose id it has not set yet. */
static bool may_be_used (const struct mapping *m, uint32_t tid)
{
    const struct hs_injection *injection = m->injection;

    for (size_t i = 0; i < m->stop->tasks.n; i++) {
        const struct hs_stopped_task *task = &m->stop->tasks.items[i];

        if (!task->is_ended && ((uint32_t)task->tid == tid ||
                                task->registers.rip - injection->base < injection->image.size))
            return true;
    }
    return false;
}

/* What a thread that is inside the agent at this moment may be writing. */
static void carry_body (struct mapping *m, uint64_t ring, uint64_t head)
{
    uint64_t old = m->injection->head.arena + BODIES_BEGIN + ring * HS_RING_BYTES;
    uint64_t begin = head % HS_RING_BYTES & ~UINT64_C (7);

    for (uint64_t done = 0; done < LONGEST_RECORD;) {
        uint8_t fragment[LONGEST_RECORD];
        uint64_t at = (begin + done) % HS_RING_BYTES, n = LONGEST_RECORD - done;

        if (n > HS_RING_BYTES - at)
            n = HS_RING_BYTES - at;
        if (hs_target_read (m->stop->target, old + at, fragment, n) &&
            pwrite (m->own_fds[ARENA], fragment, n,
                    (off_t)(BODIES_BEGIN + ring * HS_RING_BYTES + at)) != (ssize_t)n)
            m->error = -EIO;
        done += n;
    }
}

/* The agent maps each body twice when its ring is taken; these rings are taken already. A length
 * of 0 makes one more mapping of the same memory. */
static void add_bodies (struct mapping *m, uint64_t ring)
{
    const struct hs_attach_head *head = &m->injection->head;

    for (uint64_t half = 0; half < 2; half++)
        (void)add (m, SYS_mremap,
                   (uint64_t[6]){ head->arena + BODIES_BEGIN + ring * HS_RING_BYTES, 0,
                                  HS_RING_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
                                  head->bodies + (ring * 2 + half) * HS_RING_BYTES });
}

/* What a thread that has ended kept with its ring. */
static void drop_memory (struct mapping *m, uint64_t ring, uint64_t memory)
{
    static const uint64_t none;
    const struct hs_attach_head *head = &m->injection->head;

    if (memory == 0)
        return;
    if (hs_target_write (m->stop->target, head->memories + ring * sizeof none, &none, sizeof none))
        (void)add (m, SYS_munmap, (uint64_t[6]){ memory, head->memory_size });
}

/* Rings whose threads live go on where they stand: only then a thread that is inside the agent at
 * this moment, from the recording before, writes nothing wrong. The others are free. */
static void carry_rings (struct mapping *m)
{
    struct hs_ring_head rings[HS_RINGS];
    uint64_t addresses[HS_RINGS], memories[HS_RINGS];
    bool is_read[HS_RINGS];

    if (!hs_target_read (m->stop->target, m->injection->head.memories, memories, sizeof memories))
        m->error = -EIO;
    for (uint64_t i = 0; i < HS_RINGS; i++)
        addresses[i] = m->injection->head.arena + PAGE * (1 + i);
    hs_target_gather (m->stop->target, addresses, HS_RINGS, sizeof rings[0], rings, is_read);
    for (uint64_t i = 0; i < HS_RINGS && m->error == 0; i++) {
        struct hs_ring_head *ring = &rings[i];

        if (!is_read[i] || atomic_load (&ring->state) != HS_RING_OWNED ||
            !may_be_used (m, atomic_load (&ring->tid))) {
            drop_memory (m, i, memories[i]);
            continue;
        }
        atomic_store (&ring->tail, atomic_load (&ring->head));
        atomic_store (&ring->n_lost, 0);
        if (pwrite (m->own_fds[ARENA], ring, sizeof *ring, (off_t)(PAGE * (1 + i))) !=
            (ssize_t)sizeof *ring)
            m->error = -EIO;
        carry_body (m, i, atomic_load (&ring->head));
        add_bodies (m, i);
    }
}

/* ---- the arena ----------------------------------------------------------------------------- */

struct arena_calls { /* by number */
    uint32_t arena, alive, bodies;
};

/* Where the kernel likes; `memory` is the call that makes it. */
static uint32_t add_arena (struct mapping *m, uint32_t memory)
{
    const struct piece piece = {
        .size = HS_ARENA_BYTES,
        .protection = PROT_READ | PROT_WRITE,
        .flags = MAP_SHARED | MAP_NORESERVE,
        .fd_from = memory,
    };
    uint32_t number = add_map (m, &piece);

    add_advice (m, number, 0, HS_ARENA_BYTES, MADV_DONTFORK);
    return number;
}

/* What an arena needs beside it, for a process without one. */
static void add_surroundings (struct mapping *m, struct arena_calls *ret)
{
    /* the agent looks at the old page until this one says that an arena is there */
    ret->alive = add_reserve (m, PAGE, PROT_READ | PROT_WRITE);
    add_advice (m, ret->alive, 0, PAGE, MADV_WIPEONFORK);
    ret->bodies = add_reserve (m, BODIES_BYTES, PROT_NONE);
    add_advice (m, ret->bodies, 0, BODIES_BYTES, MADV_DONTFORK);
}

/* The fork child has its parent's table of threads, whose rings it does not have. */
static void forget_threads (struct mapping *m)
{
    static const uint8_t zeroes[4096];
    const struct hs_attach_head *head = &m->injection->head;

    for (uint64_t at = 0; at < head->threads_size && m->error == 0; at += sizeof zeroes) {
        uint64_t left = head->threads_size - at;

        if (!hs_target_write (m->stop->target, head->threads + at, zeroes,
                              left < sizeof zeroes ? left : sizeof zeroes))
            m->error = -EIO;
    }
}

static void fill_head (struct mapping *m)
{
    struct hs_injection *injection = m->injection;
    struct hs_attach_head *head = &injection->head;
    uint32_t told = 0, alive = 1;

    head->tid_offset = injection->tid_offset;
    head->n_reals = injection->n_hooks;
    for (uint32_t i = 0; i < injection->n_hooks; i++) {
        memset (head->reals[i].name, 0, sizeof head->reals[i].name);
        memcpy (head->reals[i].name, injection->hooks[i].name, strlen (injection->hooks[i].name));
        head->reals[i].address = injection->hooks[i].real;
    }
    if (injection->is_fork_child)
        forget_threads (m);
    if (m->error != 0)
        return;
    /* the new recorder knows no stack and no module of the one before */
    (void)hs_target_read (m->stop->target, head->told, &told, sizeof told);
    told++;
    atomic_fetch_add (&head->generation, 1);
    if (!hs_target_write (m->stop->target, head->alive, &alive, sizeof alive) ||
        !hs_target_write (m->stop->target, head->told, &told, sizeof told) ||
        !hs_injection_write_head (injection))
        m->error = -EIO;
}

/* ---- the stop ------------------------------------------------------------------------------ */

/* Room for the image, the ledger, and the loop that makes our calls; then that loop. */
static void make_room (struct mapping *m)
{
    uint64_t size = m->injection->image.size + LEDGER_BYTES, loop;
    uint32_t number;

    begin_list (m);
    number = add_reserve (m, size + LOOP_BYTES, PROT_READ | PROT_WRITE);
    go (m);
    if (m->error != 0)
        return;
    m->injection->base = (uint64_t)result (m, number);
    loop = m->injection->base + size;
    /* a system that forbids this may still allow the agent: then it goes call by call */
    if (hs_remote_call (&m->remote, SYS_mprotect,
                        (uint64_t[6]){ loop, HS_REMOTE_CODE_BYTES, PROT_READ | PROT_EXEC }) == 0)
        hs_remote_use_loop (&m->remote, loop);
}

static void map_memories (struct mapping *m)
{
    struct hs_injection *injection = m->injection;
    uint64_t names = injection->base + injection->image.size + LEDGER_BYTES + NAMES_AT;
    struct hs_attach_head *head = &injection->head;
    uint32_t agent = 0, arena;
    struct arena_calls calls = { 0 };

    begin_list (m);
    if (m->is_new) {
        agent = add_memory (m, AGENT, names);
        add_image (m, agent);
    }
    arena = add_memory (m, ARENA, names);
    calls.arena = add_arena (m, arena);
    if (m->is_first)
        add_surroundings (m, &calls);
    go (m);
    take_memory (m, AGENT, agent, injection->image.size);
    take_memory (m, ARENA, arena, HS_ARENA_BYTES);
    if (m->is_new) {
        write_image (m);
        if (m->error == 0 && !hs_injection_read_head (injection))
            m->error = -EIO;
        head->ledger = injection->base + injection->image.size;
    }
    m->next_arena = (uint64_t)result (m, calls.arena);
    if (m->is_first) {
        head->arena = m->next_arena;
        head->alive = (uint64_t)result (m, calls.alive);
        head->bodies = (uint64_t)result (m, calls.bodies);
    }
}

/* No descriptor stays in the target, and after a failure nothing that was not there before. */
static void clean_up (struct mapping *m)
{
    int64_t error = m->error;

    for (unsigned i = 0; error != 0 && i < MEMORIES; i++) {
        if (m->fds[i] >= 0)
            (void)hs_remote_call (&m->remote, SYS_close, (uint64_t[6]){ (uint64_t)m->fds[i] });
    }
    for (uint32_t i = 0; error != 0 && i < m->n_made; i++) {
        (void)hs_remote_call (&m->remote, SYS_munmap, (uint64_t[6]){ m->made[i], m->made_size[i] });
    }
    if (error != 0 && m->is_new)
        m->injection->base = 0;
}

static void map_all (struct mapping *m)
{
    struct hs_injection *injection = m->injection;

    if (m->is_new)
        make_room (m);
    else
        hs_remote_use_loop (&m->remote, injection->base + injection->image.size + LEDGER_BYTES);
    if (m->error == 0)
        map_memories (m);
    begin_list (m);
    add_close (m, AGENT);
    add_close (m, ARENA);
    go (m);
    if (m->error == 0 && m->is_new) /* nobody reads the head yet */
        fill_head (m);
    clean_up (m);
}

/* Moves the new arena to the place of the one before: what threads inside the agent hold of that
 * stays right. */
static void replace_arena (struct mapping *m)
{
    const struct hs_attach_head *head = &m->injection->head;
    const struct piece no_bodies = {
        .at = head->bodies,
        .size = BODIES_BYTES,
        .protection = PROT_NONE,
        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        .fd = -1,
    };

    begin_list (m);
    (void)add (m, SYS_mremap,
               (uint64_t[6]){ m->next_arena, HS_ARENA_BYTES, HS_ARENA_BYTES,
                              MREMAP_MAYMOVE | MREMAP_FIXED, head->arena });
    (void)add_map (m, &no_bodies);
    carry_rings (m);
    add_advice (m, 0, head->bodies, BODIES_BYTES, MADV_DONTFORK);
    go (m);
}

static enum hs_status explain (const struct mapping *m, struct hs_error *err)
{
    if (m->error == -ENOEXEC)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "%s", m->injection->why.text);
    return hs_error_set_errno (err, (int)-m->error, "process %d cannot take in the agent",
                               (int)m->injection->target.pid);
}

/* With one task stopped. */
static enum hs_status map_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct mapping *m = data;
    struct hs_attach_head before = m->injection->head;
    enum hs_status status = hs_remote_begin (&m->remote, stop, m->injection->syscall_at, err);

    if (status != HS_OK)
        return status;
    m->stop = stop;
    map_all (m);
    hs_remote_end (&m->remote);
    if (m->error == 0)
        return HS_OK;
    m->injection->head = before;
    return explain (m, err);
}

/* With all tasks stopped. */
static enum hs_status replace_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct mapping *m = data;
    struct hs_injection *injection = m->injection;

    m->stop = stop;
    if (!m->is_first) {
        enum hs_status status = hs_remote_begin (&m->remote, stop, injection->syscall_at, err);

        if (status != HS_OK)
            return status;
        hs_remote_use_loop (&m->remote, injection->base + injection->image.size + LEDGER_BYTES);
        replace_arena (m);
        hs_remote_end (&m->remote);
    }
    if (m->error == 0)
        fill_head (m);
    return m->error == 0 ? HS_OK : explain (m, err);
}

/* Takes away what waits in vain to be used. */
static enum hs_status unmap_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct mapping *m = data;
    enum hs_status status = hs_remote_begin (&m->remote, stop, m->injection->syscall_at, err);

    if (status != HS_OK)
        return status;
    (void)hs_remote_call (&m->remote, SYS_munmap, (uint64_t[6]){ m->next_arena, HS_ARENA_BYTES });
    hs_remote_end (&m->remote);
    return HS_OK;
}

enum hs_status hs_injection_map (struct hs_injection *injection, int *ret_arena_fd,
                                 struct hs_error *err)
{
    struct mapping m = { .injection = injection, .fds = { -1, -1 }, .own_fds = { -1, -1 } };
    enum hs_status status;

    m.is_new = injection->base == 0;
    m.is_first = atomic_load (&injection->head.generation) == 0 || injection->is_fork_child;
    status = hs_injection_stop (injection, HS_STOP_ONE, map_in_stop, &m, err);
    if (status == HS_OK && !m.is_new) {
        status = hs_injection_stop (injection, HS_STOP_ALL, replace_in_stop, &m, err);
        if (status != HS_OK)
            (void)hs_injection_stop (injection, HS_STOP_ONE, unmap_in_stop, &m, NULL);
    }
    hs_array_clear (&m.steps);
    if (m.own_fds[AGENT] >= 0)
        (void)close (m.own_fds[AGENT]);
    if (status != HS_OK) {
        if (m.own_fds[ARENA] >= 0)
            (void)close (m.own_fds[ARENA]);
        return status;
    }
    *ret_arena_fd = m.own_fds[ARENA];
    return HS_OK;
}
