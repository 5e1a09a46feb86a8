/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening an injection, and mapping the agent and its arena; see inject.h. Slots: slots.c. */
#include "capture/inject/inject.h"

#include "capture/inject/injection.h"
#include "capture/ring/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE UINT64_C (4096)
#define BODIES_BYTES ((uint64_t)HS_RINGS * 2 * HS_RING_BYTES)
#define LEDGER_BYTES                                                                               \
    ((HS_ATTACH_LEDGER_MAX * sizeof (struct hs_attach_slot) + PAGE - 1) & ~(PAGE - 1))
#define LONGEST_RECORD 16384u /* what a thread may be writing at its ring's head */
#define RECORDER_GONE_NS 1200000000
#define RECORDER_LOOK_NS 50000000

bool hs_injection_read_head (struct hs_injection *injection)
{
    uint64_t at = hs_agent_image_symbol (&injection->image, HS_ATTACH_SYMBOL);

    return hs_target_read (&injection->target, injection->base + at, &injection->head,
                           sizeof injection->head) &&
           injection->head.magic == HS_ATTACH_MAGIC &&
           injection->head.n_ledger <= HS_ATTACH_LEDGER_MAX;
}

bool hs_injection_write_head (struct hs_injection *injection)
{
    uint64_t at = hs_agent_image_symbol (&injection->image, HS_ATTACH_SYMBOL);

    return hs_target_write (&injection->target, injection->base + at, &injection->head,
                            sizeof injection->head);
}

enum hs_status hs_injection_stop (struct hs_injection *injection, hs_stop_work work, void *data,
                                  struct hs_error *err)
{
    uint64_t ns = 0;
    enum hs_status status = hs_stop_run (&injection->target, work, data, &ns, err);

    injection->figures.n_stops++;
    if (ns > injection->figures.longest_ns)
        injection->figures.longest_ns = ns;
    return status;
}

/* ---- opening --------------------------------------------------------------------------- */

/* 0f 05 anywhere in code that the target may run; the kernel's own page has one. */
static uint64_t find_syscall (struct hs_target *target)
{
    static const char *const names[] = { "[vdso]", "/libc.so.6" };

    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < target->maps.n; i++) {
            const struct hs_target_map *map = &target->maps.items[i];
            size_t length = strlen (map->name), n = strlen (names[k]);
            uint8_t code[8192];

            if (!map->is_executable || length < n || strcmp (map->name + length - n, names[k]) != 0)
                continue;
            for (uint64_t at = map->begin; at + 2 <= map->end; at += sizeof code - 1) {
                size_t room = map->end - at < sizeof code ? map->end - at : sizeof code;

                if (!hs_target_read (target, at, code, room))
                    break;
                for (size_t j = 0; j + 1 < room; j++) {
                    if (code[j] == 0x0f && code[j + 1] == 0x05)
                        return at + j;
                }
            }
        }
    }
    return 0;
}

/* glibc tells debuggers where a thread's id lies: { bits, count, offset }. */
static bool find_tid_offset (struct hs_injection *injection)
{
    bool is_indirect;
    uint64_t at = hs_loaded_symbol (&injection->loaded, "_thread_db_pthread_tid", &is_indirect);
    uint32_t words[3];

    if (at == 0 || !hs_target_read (&injection->target, at, words, sizeof words) ||
        words[0] != 32 || words[2] > 65536)
        return false;
    injection->tid_offset = words[2];
    return true;
}

/* Everything that the agent exports as a function is a hook. */
static void find_hooks (struct hs_injection *injection)
{
    for (size_t i = 0; i < injection->image.exports.n; i++) {
        const struct hs_image_symbol *symbol = &injection->image.exports.items[i];
        struct hs_hook *hook = &injection->hooks[injection->n_hooks];
        bool is_indirect;

        if (!symbol->is_function || injection->n_hooks == HS_ATTACH_REALS ||
            strlen (symbol->name) >= HS_ATTACH_NAME_SIZE)
            continue;
        hook->name = injection->names[injection->n_hooks] = symbol->name;
        hook->agent = symbol->address;
        hook->real = hs_loaded_symbol (&injection->loaded, symbol->name, &is_indirect);
        if (is_indirect) /* what it stands for is decided by code of the target */
            hook->real = 0;
        injection->n_hooks++;
    }
}

static enum hs_status find_agent (struct hs_injection *injection, struct hs_error *err)
{
    const struct hs_target_map *map =
        hs_target_map_named (&injection->target, "/memfd:" HS_AGENT_MEMORY_NAME " (deleted)");
    const struct hs_agent_image *image = &injection->image;
    uint8_t id[HS_IMAGE_BUILD_ID];

    if (map == NULL)
        return HS_OK;
    injection->base = map->begin;
    if (!hs_target_read (&injection->target, injection->base + image->build_id_at, id,
                         image->build_id_size) ||
        memcmp (id, image->bytes + image->build_id_at, image->build_id_size) != 0 ||
        !hs_injection_read_head (injection))
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "process %d holds the agent of another version of heapstrata: use "
                             "that version, or start the process anew",
                             (int)injection->target.pid);
    map = hs_target_map_at (&injection->target, injection->head.arena);
    injection->is_fork_child =
        atomic_load (&injection->head.generation) > 0 &&
        (map == NULL || map->begin != injection->head.arena ||
         strcmp (map->name, "/memfd:" HS_ARENA_MEMORY_NAME " (deleted)") != 0);
    return HS_OK;
}

/* A recorder that works moves its heartbeat some hundred times a second. */
static enum hs_status refuse_recorded (const struct hs_injection *injection, struct hs_error *err)
{
    struct timespec wait = { 0, RECORDER_LOOK_NS };
    struct hs_arena_head arena;
    uint64_t first = 0;

    for (int64_t ns = 0; ns < RECORDER_GONE_NS; ns += RECORDER_LOOK_NS) {
        if (injection->base == 0 || injection->is_fork_child || injection->head.arena == 0 ||
            !hs_target_read (&injection->target, injection->head.arena, &arena, sizeof arena) ||
            (atomic_load (&arena.control) & HS_CONTROL_ON) == 0)
            return HS_OK;
        if (ns == 0)
            first = atomic_load (&arena.heartbeat);
        else if (atomic_load (&arena.heartbeat) != first)
            return hs_error_set (
                err, HS_UNSUPPORTED, HS_NO_OFFSET,
                "process %d is being recorded already: `heapstrata detach %d` ends "
                "that",
                (int)injection->target.pid, (int)injection->target.pid);
        (void)nanosleep (&wait, NULL);
    }
    return HS_OK;
}

static enum hs_status read_loaded (struct hs_injection *injection, struct hs_error *err)
{
    struct timespec wait = { 0, 5000000 };
    enum hs_status status = HS_AGAIN;

    for (int i = 0; i < 400 && status == HS_AGAIN; i++) {
        if (i > 0)
            (void)nanosleep (&wait, NULL);
        status = hs_target_read_maps (&injection->target, err);
        if (status == HS_OK)
            status = hs_loaded_read (&injection->target, &injection->loaded, err);
    }
    if (status != HS_AGAIN)
        return status;
    return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                         "process %d is loading a library and does not come to an end: try again",
                         (int)injection->target.pid);
}

static enum hs_status prepare (struct hs_injection *injection, const char *agent_path,
                               struct hs_error *err)
{
    enum hs_status status = hs_agent_image_load (agent_path, &injection->image, err);

    if (status != HS_OK)
        return status;
    if (hs_agent_image_symbol (&injection->image, HS_ATTACH_SYMBOL) == 0 ||
        injection->image.build_id_size == 0)
        return hs_error_set (err, HS_DAMAGED, HS_NO_OFFSET, "%s is not the agent for attaching",
                             agent_path);
    status = read_loaded (injection, err);
    if (status != HS_OK)
        return status;
    injection->syscall_at = find_syscall (&injection->target);
    if (injection->syscall_at == 0 || !find_tid_offset (injection))
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "process %d has a C library that is not known well enough: use "
                             "`heapstrata record`",
                             (int)injection->target.pid);
    find_hooks (injection);
    return find_agent (injection, err);
}

enum hs_status hs_injection_open (pid_t pid, const char *agent_path, struct hs_injection **ret,
                                  struct hs_error *err)
{
    struct hs_injection *injection = HS_NEW (struct hs_injection);
    enum hs_status status;

    if (injection == NULL)
        return hs_error_no_memory (err);
    injection->target.memory_fd = injection->target.pid_fd = -1;
    status = hs_target_open (pid, &injection->target, err);
    if (status == HS_OK)
        status = prepare (injection, agent_path, err);
    if (status == HS_OK)
        status = refuse_recorded (injection, err);
    if (status != HS_OK) {
        hs_injection_free (injection);
        return status;
    }
    *ret = injection;
    return HS_OK;
}

void hs_injection_get_figures (const struct hs_injection *injection,
                               struct hs_injection_figures *ret)
{
    *ret = injection->figures;
}

void hs_injection_free (struct hs_injection *injection)
{
    if (injection == NULL)
        return;
    hs_target_close (&injection->target);
    hs_agent_image_clear (&injection->image);
    hs_loaded_clear (&injection->loaded);
    hs_idmap_clear (&injection->ledger);
    hs_array_clear (&injection->slots);
    hs_free (injection);
}

/* ---- mapping --------------------------------------------------------------------------- */

struct mapping {
    struct hs_injection *injection;
    struct hs_remote remote;
    int64_t error;    /* -errno of the first system call that failed */
    uint64_t made[8]; /* to be taken away again when something fails: address, size */
    uint32_t n_made;
    int64_t fds[2]; /* in the target */
    int own_fds[2]; /* the same, ours */
};

static int64_t call (struct mapping *m, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t arguments[6] = { a, b, c, d, 0, 0 };
    int64_t ret;

    if (m->error != 0)
        return m->error;
    ret = hs_remote_call (&m->remote, number, arguments);
    if (ret < 0 && ret > -4096)
        m->error = ret;
    return ret;
}

struct piece { /* of the target's address space */
    uint64_t at, size;
    int protection, flags;
    int64_t fd;
    uint64_t offset;
};

static uint64_t map (struct mapping *m, const struct piece *piece)
{
    uint64_t arguments[6] = { piece->at,
                              piece->size,
                              (uint64_t)piece->protection,
                              (uint64_t)(piece->flags | (piece->at != 0 ? MAP_FIXED : 0)),
                              (uint64_t)piece->fd,
                              piece->offset };
    int64_t ret;

    if (m->error != 0)
        return 0;
    ret = hs_remote_call (&m->remote, SYS_mmap, arguments);
    if (ret < 0 && ret > -4096) {
        m->error = ret;
        return 0;
    }
    if (piece->at == 0 && m->n_made + 2 <= sizeof m->made / sizeof m->made[0]) {
        m->made[m->n_made++] = (uint64_t)ret;
        m->made[m->n_made++] = piece->size;
    }
    return (uint64_t)ret;
}

static uint64_t reserve (struct mapping *m, uint64_t size, int protection)
{
    const struct piece piece = { 0,  size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                 -1, 0 };

    return map (m, &piece);
}

/* A memfd of the target, sized, and taken by us as well. `scratch` is writable there. */
static void make_memory (struct mapping *m, unsigned i, const char *name, uint64_t size,
                         uint64_t scratch)
{
    const struct hs_target *target = &m->injection->target;

    if (m->error == 0 && !hs_target_write (target, scratch, name, strlen (name) + 1))
        m->error = -EIO;
    m->fds[i] = call (m, SYS_memfd_create, scratch, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0);
    if (m->error != 0)
        return;
    m->own_fds[i] = (int)syscall (SYS_pidfd_getfd, target->pid_fd, (int)m->fds[i], 0);
    /* sealed before it is used: a target that cuts it would kill us with SIGBUS */
    if (m->own_fds[i] < 0 || ftruncate (m->own_fds[i], (off_t)size) != 0 ||
        fcntl (m->own_fds[i], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        m->error = -errno;
}

static uint64_t resolve (void *data, const char *name)
{
    bool is_indirect;

    return hs_loaded_symbol (data, name, &is_indirect);
}

/* The agent in its memfd, relocated to `base`; then each segment with its own access. */
static void map_image (struct mapping *m, uint64_t base)
{
    struct hs_agent_image *image = &m->injection->image;
    struct hs_error err = { 0 };

    make_memory (m, 0, HS_AGENT_MEMORY_NAME, image->size, base);
    if (m->error != 0)
        return;
    if (hs_agent_image_relocate (image, base, resolve, &m->injection->loaded, &err) != HS_OK) {
        m->injection->why = err;
        m->error = -ENOEXEC;
        return;
    }
    for (uint32_t i = 0; i < image->n_segments && m->error == 0; i++) {
        const struct hs_image_segment *segment = &image->segments[i];
        const struct piece piece = {
            base + segment->address, segment->size, segment->protection, MAP_PRIVATE, m->fds[0],
            segment->address
        };

        if (pwrite (m->own_fds[0], image->bytes + segment->address, segment->size,
                    (off_t)segment->address) != (ssize_t)segment->size)
            m->error = -EIO;
        (void)map (m, &piece);
    }
}

/* Rings whose threads live go on where they stand: only then a thread that is inside the agent at
 * this moment, from the recording before, writes nothing wrong. */
static void carry_rings (struct mapping *m)
{
    struct hs_injection *injection = m->injection;
    const struct hs_target *target = &injection->target;
    uint64_t old = injection->head.arena, bodies = PAGE * (1 + (uint64_t)HS_RINGS);
    uint8_t *arena =
        mmap (NULL, HS_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, m->own_fds[1], 0);

    if (arena == MAP_FAILED) {
        m->error = -errno;
        return;
    }
    for (uint64_t i = 0; i < HS_RINGS && m->error == 0; i++) {
        struct hs_ring_head *ring = (void *)(arena + PAGE * (1 + i));
        uint8_t fragment[LONGEST_RECORD], *body = arena + bodies + i * HS_RING_BYTES;
        uint64_t head, state;

        if (!hs_target_read (target, old + PAGE * (1 + i), ring, sizeof *ring))
            break;
        state = atomic_load (&ring->state);
        head = atomic_load (&ring->head);
        if (state != HS_RING_OWNED) {
            memset (ring, 0, sizeof *ring);
            continue;
        }
        atomic_store (&ring->tail, head);
        atomic_store (&ring->n_lost, 0);
        for (unsigned part = 0; part < LONGEST_RECORD / 4096; part++) {
            uint64_t at = (head + part * 4096) % HS_RING_BYTES & ~UINT64_C (7);
            uint64_t n = HS_RING_BYTES - at < 4096 ? HS_RING_BYTES - at : 4096;

            if (hs_target_read (target, old + bodies + i * HS_RING_BYTES + at, fragment, n))
                memcpy (body + at, fragment, n);
            if (n < 4096 &&
                hs_target_read (target, old + bodies + i * HS_RING_BYTES, fragment, 4096 - n))
                memcpy (body, fragment, 4096 - n);
        }
    }
    (void)munmap (arena, HS_ARENA_BYTES);
}

/* The rings that were carried are mapped twice each by the agent; the others are when they are
 * taken. */
static void remap_bodies (struct mapping *m)
{
    const struct hs_attach_head *head = &m->injection->head;
    uint64_t bodies = PAGE * (1 + (uint64_t)HS_RINGS);

    for (uint64_t i = 0; i < HS_RINGS && m->error == 0; i++) {
        struct hs_ring_head ring;

        if (pread (m->own_fds[1], &ring, sizeof ring, (off_t)(PAGE * (1 + i))) !=
                (ssize_t)sizeof ring ||
            atomic_load (&ring.state) != HS_RING_OWNED)
            continue;
        for (uint64_t half = 0; half < 2; half++) {
            const struct piece piece = { head->bodies + (i * 2 + half) * HS_RING_BYTES,
                                         HS_RING_BYTES,
                                         PROT_READ | PROT_WRITE,
                                         MAP_SHARED,
                                         m->fds[1],
                                         bodies + i * HS_RING_BYTES };

            (void)map (m, &piece);
        }
    }
    (void)call (m, SYS_madvise, head->bodies, BODIES_BYTES, MADV_DONTFORK, 0);
}

static void map_arena (struct mapping *m, uint64_t scratch)
{
    struct hs_injection *injection = m->injection;
    struct hs_attach_head *head = &injection->head;
    bool is_first = atomic_load (&head->generation) == 0 || injection->is_fork_child;
    struct piece piece = { is_first ? 0 : head->arena,
                           HS_ARENA_BYTES,
                           PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_NORESERVE,
                           0,
                           0 };

    make_memory (m, 1, HS_ARENA_MEMORY_NAME, HS_ARENA_BYTES, scratch);
    if (m->error == 0 && !is_first)
        carry_rings (m);
    piece.fd = m->fds[1];
    head->arena = map (m, &piece);
    (void)call (m, SYS_madvise, head->arena, piece.size, MADV_DONTFORK, 0);
    if (!is_first) {
        remap_bodies (m);
        return;
    }
    /* the agent looks at the old page until this one says that an arena is there */
    head->alive = reserve (m, PAGE, PROT_READ | PROT_WRITE);
    (void)call (m, SYS_madvise, head->alive, PAGE, MADV_WIPEONFORK, 0);
    head->bodies = reserve (m, BODIES_BYTES, PROT_NONE);
    (void)call (m, SYS_madvise, head->bodies, BODIES_BYTES, MADV_DONTFORK, 0);
}

/* The fork child has its parent's table of threads, whose rings it does not have. */
static void forget_threads (struct mapping *m)
{
    static const uint8_t zeroes[4096];
    const struct hs_attach_head *head = &m->injection->head;

    for (uint64_t at = 0; at < head->threads_size && m->error == 0; at += sizeof zeroes) {
        uint64_t left = head->threads_size - at;

        if (!hs_target_write (&m->injection->target, head->threads + at, zeroes,
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
    (void)hs_target_read (&injection->target, head->told, &told, sizeof told);
    told++;
    atomic_fetch_add (&head->generation, 1);
    if (!hs_target_write (&injection->target, head->alive, &alive, sizeof alive) ||
        !hs_target_write (&injection->target, head->told, &told, sizeof told) ||
        !hs_injection_write_head (injection))
        m->error = -EIO;
}

static void map_agent (struct mapping *m)
{
    struct hs_injection *injection = m->injection;
    uint64_t image_size = injection->image.size, base;

    /* then the ledger, and a page for our own use */
    base = reserve (m, image_size + LEDGER_BYTES + PAGE, PROT_READ | PROT_WRITE);
    map_image (m, base);
    if (m->error != 0)
        return;
    injection->base = base;
    if (!hs_injection_read_head (injection))
        m->error = -EIO;
    injection->head.ledger = base + image_size;
}

/* After a failure nothing must be left behind that was not there before. */
static void clean_up (struct mapping *m, bool has_made_agent)
{
    int64_t error = m->error;

    for (unsigned i = 0; i < 2; i++) {
        m->error = 0;
        if (m->fds[i] >= 0)
            (void)call (m, SYS_close, (uint64_t)m->fds[i], 0, 0, 0);
    }
    for (uint32_t i = 0; error != 0 && i < m->n_made; i += 2) {
        m->error = 0;
        (void)call (m, SYS_munmap, m->made[i], m->made[i + 1], 0, 0);
    }
    if (error != 0 && has_made_agent)
        m->injection->base = 0;
    m->error = error;
}

static enum hs_status map_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct mapping *m = data;
    struct hs_injection *injection = m->injection;
    struct hs_attach_head before = injection->head;
    bool is_new = injection->base == 0;
    enum hs_status status = hs_remote_begin (&m->remote, stop, injection->syscall_at, err);

    if (status != HS_OK)
        return status;
    if (is_new)
        map_agent (m);
    if (m->error == 0)
        map_arena (m, injection->head.ledger + LEDGER_BYTES);
    if (m->error == 0)
        fill_head (m);
    clean_up (m, is_new);
    hs_remote_end (&m->remote);
    if (m->error == 0)
        return HS_OK;
    injection->head = before;
    if (m->error == -ENOEXEC)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET, "%s", injection->why.text);
    return hs_error_set_errno (err, (int)-m->error, "process %d cannot take in the agent",
                               (int)injection->target.pid);
}

enum hs_status hs_injection_map (struct hs_injection *injection, int *ret_arena_fd,
                                 struct hs_error *err)
{
    struct mapping m = { .injection = injection, .fds = { -1, -1 }, .own_fds = { -1, -1 } };
    enum hs_status status = hs_injection_stop (injection, map_in_stop, &m, err);

    if (m.own_fds[0] >= 0)
        (void)close (m.own_fds[0]);
    if (status != HS_OK) {
        if (m.own_fds[1] >= 0)
            (void)close (m.own_fds[1]);
        return status;
    }
    *ret_arena_fd = m.own_fds[1];
    return HS_OK;
}
