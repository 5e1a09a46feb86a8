/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening an injection; see inject.h. Mapping: mapping.c; slots: slots.c. */
#include "capture/inject/inject.h"

#include "capture/inject/injection.h"
#include "capture/ring/ring.h"

#include <string.h>
#include <time.h>

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

enum hs_status hs_injection_stop (struct hs_injection *injection, enum hs_stop_extent extent,
                                  hs_stop_work work, void *data, struct hs_error *err)
{
    uint64_t ns = 0;
    enum hs_status status = hs_stop_run (&injection->target, extent, work, data, &ns, err);

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

/* Whether malloc is defined by the program itself. */
static bool is_bypassed (const struct hs_injection *injection)
{
    const struct hs_target *target = &injection->target;
    const struct hs_target_map *program, *code = NULL;

    if (injection->loaded.modules.n == 0)
        return false;
    program = hs_target_map_at (target, injection->loaded.modules.items[0].dynamic);
    for (uint32_t i = 0; i < injection->n_hooks; i++) {
        if (strcmp (injection->hooks[i].name, "malloc") == 0)
            code = hs_target_map_at (target, injection->hooks[i].real);
    }
    return program != NULL && code != NULL && program->inode != 0 &&
           program->inode == code->inode && program->device == code->device;
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
    injection->figures.is_bypassed = is_bypassed (injection);
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
