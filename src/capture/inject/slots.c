/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hooking the slots and putting them back; see inject.h. Which slots, and what they hold, is found
 * out while the process runs; in the stop each is looked at once more and written.
 */
#include "capture/inject/injection.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define HOOK_TRIES 300u
#define HOOK_PAUSE_NS 10000000
#define FIRST_LOOK_NS INT64_C (10000000)
#define LAST_LOOK_NS INT64_C (3000000000)

/* Whether the slot leads where the program's own look-up leads: others are not our business (a
 * private allocator, a linkage table of the program that is a slot's value because the program
 * takes the function's address: that table's own slot is hooked). */
static bool is_ours_to_hook (const struct hs_injection *injection,
                             const struct hs_loaded_slot *slot)
{
    uint64_t real = injection->hooks[slot->name].real;

    return real != 0 && (slot->value == real || slot->is_lazy);
}

static uint64_t hook_address (const struct hs_injection *injection, uint32_t name)
{
    return injection->base + injection->hooks[name].agent;
}

/* Keeps of the plan what is to be written. */
static void sift (struct hs_injection *injection)
{
    size_t n = 0;

    injection->figures.n_left = 0;
    for (size_t i = 0; i < injection->slots.n; i++) {
        const struct hs_loaded_slot *slot = &injection->slots.items[i];

        if (is_ours_to_hook (injection, slot))
            injection->slots.items[n++] = *slot;
        else if (slot->value != hook_address (injection, slot->name))
            injection->figures.n_left++;
    }
    injection->slots.n = n;
}

static enum hs_status plan (struct hs_injection *injection, struct hs_error *err)
{
    enum hs_status status = hs_target_read_maps (&injection->target, err);

    if (status == HS_OK)
        status = hs_loaded_read (&injection->target, &injection->loaded, err);
    injection->slots.n = 0;
    for (size_t i = 0; i < injection->loaded.modules.n && status == HS_OK; i++)
        status =
            hs_loaded_find_slots (&injection->loaded, &injection->loaded.modules.items[i],
                                  injection->names, injection->n_hooks, &injection->slots, err);
    if (status == HS_OK)
        sift (injection);
    injection->figures.n_modules = injection->loaded.modules.n;
    return status;
}

/* ---- the ledger ------------------------------------------------------------------------ */

static uint64_t entry_address (const struct hs_injection *injection, uint64_t number)
{
    return injection->head.ledger + number * sizeof (struct hs_attach_slot);
}

/* Learns what stands in the target's ledger: after a recorder that was killed, a good deal. */
static enum hs_status read_ledger (struct hs_injection *injection, struct hs_error *err)
{
    hs_idmap_clear (&injection->ledger);
    if (!hs_injection_read_head (injection))
        return hs_error_set (err, HS_IO, HS_NO_OFFSET, "cannot read the ledger of process %d",
                             (int)injection->target.pid);
    for (uint64_t i = 0; i < injection->head.n_ledger; i++) {
        struct hs_attach_slot entry;
        uint64_t value = 0;

        if (!hs_target_read (&injection->target, entry_address (injection, i), &entry,
                             sizeof entry))
            break;
        if (!hs_idmap_set (&injection->ledger, entry.address, (uint32_t)i))
            return hs_error_no_memory (err);
        if (entry.new_value != 0 &&
            hs_target_read_u64 (&injection->target, entry.address, &value) &&
            value == entry.new_value)
            injection->figures.taken_over++;
    }
    injection->figures.n_slots = injection->figures.taken_over;
    return HS_OK;
}

/* The entry of a slot that is about to be hooked; false when the ledger is full. */
static enum hs_status enter_slot (struct hs_injection *injection, const struct hs_loaded_slot *slot,
                                  uint64_t value, struct hs_error *err)
{
    uint32_t number = hs_idmap_get (&injection->ledger, slot->address);
    struct hs_attach_slot entry = { slot->address, value, hook_address (injection, slot->name) };

    if (number == HS_IDMAP_NONE) {
        if (injection->head.n_ledger == HS_ATTACH_LEDGER_MAX)
            return hs_error_set (err, HS_TOO_LARGE, HS_NO_OFFSET,
                                 "process %d has more than %u slots to hook",
                                 (int)injection->target.pid, HS_ATTACH_LEDGER_MAX);
        number = (uint32_t)injection->head.n_ledger;
        if (!hs_idmap_set (&injection->ledger, slot->address, number))
            return hs_error_no_memory (err);
        injection->head.n_ledger++;
    }
    return hs_target_write (&injection->target, entry_address (injection, number), &entry,
                            sizeof entry)
               ? HS_OK
               : hs_error_set_errno (err, errno, "cannot write the ledger of process %d",
                                     (int)injection->target.pid);
}

/*
 * First all entries, then their number, then the slots: whoever comes after a recorder that died
 * in between finds entries whose slots hold other values, and leaves those.
 */
static enum hs_status hook_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct hs_injection *injection = data;
    hs_loaded_slots *slots = &injection->slots;
    enum hs_status status = HS_OK;
    size_t n = 0;

    (void)stop;
    if (!hs_loaded_is_current (&injection->loaded))
        return HS_CANCELLED; /* the plan is of no use any more */
    for (size_t i = 0; i < slots->n && status == HS_OK; i++) {
        const struct hs_loaded_slot *slot = &slots->items[i];
        uint64_t value;

        /* the loader may have found the function meanwhile */
        if (!hs_target_read_u64 (&injection->target, slot->address, &value) ||
            (value != slot->value && value != injection->hooks[slot->name].real))
            continue;
        status = enter_slot (injection, slot, value, err);
        slots->items[n++] = *slot;
    }
    slots->n = n;
    if (status == HS_OK && !hs_injection_write_head (injection))
        status = hs_error_set_errno (err, errno, "cannot write to process %d",
                                     (int)injection->target.pid);
    for (size_t i = 0; i < n && status == HS_OK; i++) {
        uint64_t hook = hook_address (injection, slots->items[i].name);

        if (!hs_target_write (&injection->target, slots->items[i].address, &hook, sizeof hook))
            status = hs_error_set_errno (err, errno, "cannot write a slot of process %d",
                                         (int)injection->target.pid);
        else
            injection->figures.n_slots++;
    }
    if (injection->figures.n_slots > injection->figures.n_most_slots)
        injection->figures.n_most_slots = injection->figures.n_slots;
    return status;
}

static int64_t now_ns (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
}

/* A plan, and one try of it. HS_AGAIN: the list changed between the two. */
static enum hs_status plan_and_hook (struct hs_injection *injection, struct hs_error *err)
{
    enum hs_status status = plan (injection, err);

    if (status != HS_OK || injection->slots.n == 0)
        return status;
    status = hs_injection_stop (injection, hook_in_stop, injection, err);
    return status == HS_CANCELLED ? HS_AGAIN : status;
}

/*
 * The loader tells of a new module before it has filled in its slots, and a thread that was inside
 * the loader may set a slot once more: so after a change the slots are looked at a few times again.
 */
static void expect_more (struct hs_injection *injection)
{
    injection->look_again_ns = FIRST_LOOK_NS;
    injection->look_again_at = now_ns () + FIRST_LOOK_NS;
}

enum hs_status hs_injection_hook (struct hs_injection *injection, struct hs_error *err)
{
    enum hs_status status = read_ledger (injection, err);
    struct timespec wait = { 0, HOOK_PAUSE_NS };

    if (status == HS_OK)
        status = plan_and_hook (injection, err);
    for (unsigned i = 0; i < HOOK_TRIES && status == HS_AGAIN; i++) {
        (void)nanosleep (&wait, NULL);
        status = plan_and_hook (injection, err);
    }
    if (status == HS_AGAIN)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "process %d loads libraries all the time: try again",
                             (int)injection->target.pid);
    expect_more (injection);
    return status;
}

enum hs_status hs_injection_update (struct hs_injection *injection, struct hs_error *err)
{
    enum hs_status status;
    uint64_t magic;

    if (!hs_target_read_u64 (&injection->target, injection->base, &magic))
        return HS_END;
    if (!hs_loaded_is_current (&injection->loaded)) {
        status = plan_and_hook (injection, err);
        expect_more (injection);
    } else if (injection->look_again_ns > 0 && now_ns () >= injection->look_again_at) {
        status = plan_and_hook (injection, err);
        injection->look_again_ns *= 4;
        injection->look_again_at = now_ns () + injection->look_again_ns;
        if (injection->look_again_ns > LAST_LOOK_NS)
            injection->look_again_ns = 0;
    } else {
        return HS_OK;
    }
    return status == HS_AGAIN ? HS_OK : status;
}

static enum hs_status unhook_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct hs_injection *injection = data;
    uint64_t n_wrong = 0;

    (void)stop;
    for (uint64_t i = 0; i < injection->head.n_ledger; i++) {
        struct hs_attach_slot entry;
        uint64_t value;

        if (!hs_target_read (&injection->target, entry_address (injection, i), &entry,
                             sizeof entry))
            return hs_error_set_errno (err, errno, "cannot read the ledger of process %d",
                                       (int)injection->target.pid);
        /* gone with its module, or set anew by the program: not ours any more */
        if (entry.new_value == 0 ||
            !hs_target_read_u64 (&injection->target, entry.address, &value) ||
            value != entry.new_value)
            continue;
        if (!hs_target_write (&injection->target, entry.address, &entry.old_value,
                              sizeof entry.old_value) ||
            !hs_target_read_u64 (&injection->target, entry.address, &value) ||
            value != entry.old_value)
            n_wrong++;
    }
    if (n_wrong > 0)
        return hs_error_set (err, HS_IO, HS_NO_OFFSET,
                             "%llu slots of process %d could not be put back: they pass calls on",
                             (unsigned long long)n_wrong, (int)injection->target.pid);
    injection->head.n_ledger = 0;
    injection->figures.n_slots = 0;
    hs_idmap_clear (&injection->ledger);
    return hs_injection_write_head (injection)
               ? HS_OK
               : hs_error_set_errno (err, errno, "cannot write to process %d",
                                     (int)injection->target.pid);
}

enum hs_status hs_injection_unhook (struct hs_injection *injection, struct hs_error *err)
{
    if (!hs_injection_read_head (injection) || injection->head.n_ledger == 0)
        return HS_OK; /* it has ended, or runs another program */
    return hs_injection_stop (injection, unhook_in_stop, injection, err);
}
