/* SPDX-License-Identifier: MIT */
/* Stacks: where the thread's stack lies, walking it, telling each distinct one and its modules
 * once. */
#include "capture/agent/agent.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#define ID_MASK UINT64_C (0xffff)

_Static_assert(AGENT_STACKS / 4 * 3 < ID_MASK, "ids have 16 bits");

/* glibc 2.35: lock-free, and safe where dl_iterate_phdr is not. Without it stacks end at once. */
extern int _dl_find_object (void *, struct dl_find_object *) __attribute__ ((weak));

/* ---- the stack interval ---------------------------------------------------------------- */

/* Whether [sp, stack_end) is proved to be mapped: looks it up when sp left the known interval. */
__attribute__ ((noinline, cold)) int agent_prove_stack (struct agent_thread *thread, uintptr_t sp)
{
    struct agent_mapping mapping;

    if (!agent_find_mapping (sp, &mapping))
        return 0;
    thread->stack_begin = mapping.begin;
    thread->stack_end = mapping.end;
    return 1;
}

/* ---- modules --------------------------------------------------------------------------- */

static void copy (void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}

/* The build id out of the module's notes, by the program headers at its begin. */
static void read_build_id (const struct dl_find_object *found, struct hs_ring_module *module)
{
    const ElfW (Ehdr) *elf = found->dlfo_map_start;
    const uint8_t *base = (const uint8_t *)found->dlfo_link_map->l_addr;
    const uint8_t *map_begin = found->dlfo_map_start, *map_end = found->dlfo_map_end;
    const ElfW (Phdr) * headers;

    if (map_end - map_begin < (long)sizeof *elf || elf->e_ident[0] != 0x7f ||
        elf->e_ident[1] != 'E' || elf->e_phentsize != sizeof *headers ||
        elf->e_phoff + elf->e_phnum * sizeof *headers > (size_t)(map_end - map_begin))
        return;
    headers = (const void *)(map_begin + elf->e_phoff);
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        const uint8_t *note = base + headers[i].p_vaddr, *end = note + headers[i].p_memsz;

        if (headers[i].p_type != PT_NOTE || note < map_begin || end > map_end || end < note)
            continue;
        while (end - note >= (long)sizeof (ElfW (Nhdr))) {
            const ElfW (Nhdr) *head = (const void *)note;
            size_t name = (head->n_namesz + 3u) & ~3ul, size = (head->n_descsz + 3u) & ~3ul;

            note += sizeof *head;
            if (name + size > (size_t)(end - note))
                break;
            if (head->n_type == NT_GNU_BUILD_ID && head->n_namesz == 4 && note[0] == 'G' &&
                head->n_descsz <= sizeof module->build_id) {
                module->build_id_length = head->n_descsz;
                copy (module->build_id, note + name, head->n_descsz);
                return;
            }
            note += name + size;
        }
    }
}

/* When the table is full its end is only seen when another takes its place. */
static void keep_loaded (const struct dl_find_object *found)
{
    uintptr_t begin = (uintptr_t)found->dlfo_map_start, frames = (uintptr_t)found->dlfo_eh_frame;

    for (uint32_t i = 0; i < AGENT_LOADED; i++) {
        uintptr_t expected = 0;

        if (atomic_load (&agent.loaded[i].begin) == begin ||
            atomic_compare_exchange_strong (&agent.loaded[i].begin, &expected, begin) ||
            expected == begin) {
            atomic_store (&agent.loaded[i].frames, frames);
            return;
        }
    }
}

void agent_tell_unloaded (struct agent_thread *thread)
{
    if (_dl_find_object == NULL)
        return;
    for (uint32_t i = 0; i < AGENT_LOADED; i++) {
        uintptr_t begin = atomic_load (&agent.loaded[i].begin);
        uintptr_t frames = atomic_load (&agent.loaded[i].frames);
        uint64_t words[HS_RING_OTHER_WORDS] = { begin };
        struct dl_find_object found;

        if (begin == 0 ||
            (_dl_find_object ((void *)begin, &found) == 0 &&
             (uintptr_t)found.dlfo_map_start == begin && (uintptr_t)found.dlfo_eh_frame == frames))
            continue;
        if (atomic_compare_exchange_strong (&agent.loaded[i].begin, &begin, 0) && thread != NULL)
            agent_tell (thread, HS_OTHER_MODULE_END, words, NULL);
    }
}

static void tell_module (struct agent_thread *thread, const struct dl_find_object *found)
{
    struct hs_ring_module module = {
        .begin = (uintptr_t)found->dlfo_map_start,
        .end = (uintptr_t)found->dlfo_map_end,
        .load_bias = found->dlfo_link_map->l_addr,
    };
    const char *path = found->dlfo_link_map->l_name;
    uint32_t padded;
    uint64_t *record;

    while (path != NULL && path[module.path_length] != '\0' &&
           module.path_length < HS_RING_PATH_MAX - 8)
        module.path_length++;
    padded = (module.path_length + 7) & ~7u;
    read_build_id (found, &module);
    record = (void *)agent_reserve (thread, 8 + (uint32_t)sizeof module + padded);
    if (record == NULL)
        return;
    record[0] = thread->stamp << 4 | HS_REC_MODULE;
    copy (record + 1, &module, sizeof module);
    copy ((uint8_t *)(record + 1) + sizeof module, path, module.path_length);
    for (uint32_t i = module.path_length; i < padded; i++)
        ((volatile uint8_t *)(record + 1))[sizeof module + i] = 0;
    agent_publish (thread, 8 + (uint32_t)sizeof module + padded);
    keep_loaded (found);
    thread->modules[thread->n_modules++ % AGENT_MODULES] = module.begin;
}

static void know_module (struct agent_thread *thread, const struct dl_find_object *found)
{
    uint32_t n = thread->n_modules < AGENT_MODULES ? thread->n_modules : AGENT_MODULES;

    for (uint32_t i = 0; i < n; i++) {
        if (thread->modules[i] == (uintptr_t)found->dlfo_map_start)
            return;
    }
    tell_module (thread, found);
}

static int find_module (void *data, uintptr_t pc, struct hs_unwind_module *ret)
{
    struct agent_thread *thread = data;
    struct dl_find_object found;

    if (_dl_find_object == NULL || _dl_find_object ((void *)pc, &found) != 0)
        return 0;
    know_module (thread, &found);
    ret->begin = (uintptr_t)found.dlfo_map_start;
    ret->end = (uintptr_t)found.dlfo_map_end;
    ret->eh_frame_hdr = (uintptr_t)found.dlfo_eh_frame;
    return 1;
}

/* ---- ids ------------------------------------------------------------------------------- */

static int tell_stack (struct agent_thread *thread, uint32_t id, uint32_t n_frames,
                       enum hs_unwind_outcome outcome)
{
    const uintptr_t *frames = thread->unwinder.pc;
    uint64_t *record = (void *)agent_reserve (thread, 16 + 8 * n_frames);

    if (record == NULL)
        return 0;
    record[0] = thread->stamp << 4 | HS_REC_STACK;
    record[1] =
        id | (uint64_t)n_frames << 32 | (outcome == HS_UNWIND_TRUNCATED ? HS_STACK_TRUNCATED : 0);
    for (uint32_t i = 0; i < n_frames; i++)
        record[2 + i] = frames[n_frames - 1 - i];
    agent_publish (thread, 16 + 8 * n_frames);
    return 1;
}

static void forget_stacks (struct agent_thread *thread)
{
    for (uint32_t i = 0; i < AGENT_STACKS; i++)
        thread->stacks[i] = 0;
    for (uint32_t i = 0; i < AGENT_RECENT; i++)
        thread->recent[i] = 0;
    thread->n_stacks = 0;
    thread->newest_hash = 0;
}

static __attribute__ ((noinline, cold)) void begin_generation (struct agent_thread *thread,
                                                               uint32_t generation)
{
    hs_unwind_init (&thread->unwinder, find_module, thread);
    thread->module_generation = generation;
    thread->n_modules = 0;
    forget_stacks (thread);
}

/* A stack that is not known yet; `place` is where it belongs. */
static __attribute__ ((noinline, cold)) uint32_t add_stack (struct agent_thread *thread,
                                                            uint64_t hash, uint32_t place,
                                                            uint32_t n_frames,
                                                            enum hs_unwind_outcome outcome)
{
    if (thread->n_stacks >= AGENT_STACKS / 4 * 3) {
        forget_stacks (thread);
        place = (uint32_t)hash & (AGENT_STACKS - 1);
    }
    if (!tell_stack (thread, thread->n_stacks + 1, n_frames, outcome))
        return 0;
    thread->n_stacks++;
    thread->stacks[place] = (hash & ~ID_MASK) | thread->n_stacks;
    return thread->n_stacks;
}

static inline uint32_t id_of (struct agent_thread *thread, uint64_t hash, uint32_t n_frames,
                              enum hs_unwind_outcome outcome)
{
    uint32_t at = (uint32_t)hash & (AGENT_STACKS - 1);
    uint64_t found;

    for (; (found = thread->stacks[at]) != 0; at = (at + 1) & (AGENT_STACKS - 1)) {
        if (((found ^ hash) & ~ID_MASK) == 0)
            return (uint32_t)(found & ID_MASK);
    }
    return add_stack (thread, hash, at, n_frames, outcome);
}

uint32_t agent_stack_id (struct agent_thread *thread, const struct agent_frame *frame)
{
    uint32_t generation = atomic_load_explicit (&agent.module_generation, memory_order_relaxed);
    struct hs_unwind_start start = { frame->pc, frame->sp, frame->rbp, 0 };
    enum hs_unwind_outcome outcome;
    uint32_t n, id;
    uint64_t hash, *recent;

    if (__builtin_expect (frame->sp < thread->stack_begin || frame->sp >= thread->stack_end, 0) &&
        !agent_prove_stack (thread, frame->sp))
        return 0;
    start.stack_end = thread->stack_end;
    if (__builtin_expect (thread->unwinder.find == NULL || thread->module_generation != generation,
                          0))
        begin_generation (thread, generation);
    outcome = hs_unwind_walk (&thread->unwinder, &start, &n);
    if (n == 0)
        return 0;
    hash = thread->unwinder.hash[n - 1];
    if (hash == thread->newest_hash)
        return thread->newest_id;
    recent = &thread->recent[hash >> 16 & (AGENT_RECENT - 1)];
    id = ((*recent ^ hash) & ~ID_MASK) == 0 ? (uint32_t)(*recent & ID_MASK) : 0;
    if (id == 0)
        id = id_of (thread, hash, n, outcome);
    if (id != 0) {
        *recent = (hash & ~ID_MASK) | id;
        thread->newest_hash = hash;
        thread->newest_id = id;
    }
    return id;
}
