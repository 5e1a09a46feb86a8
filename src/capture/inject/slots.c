/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hooking the slots and putting them back; see inject.h. Which slots, and what they hold, is found
 * out while the process runs; in the stop each is looked at once more and written.
 */
#include "capture/inject/injection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef HS_ARRAY (struct hs_attach_slot) hs_attach_slots;

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

/* Counts a slot that is not hooked when calls through it miss us. Others lead nowhere yet, or to
 * the program's own linkage table, whose slot is hooked. */
static void count_left (struct hs_injection *injection, const struct hs_loaded_slot *slot)
{
    struct hs_injection_figures *figures = &injection->figures;
    const struct hs_target_map *code = hs_target_map_at (&injection->target, slot->value);
    const struct hs_target_map *program =
        injection->loaded.modules.n > 0
            ? hs_target_map_at (&injection->target, injection->loaded.modules.items[0].dynamic)
            : NULL;
    const char *name;

    if (code == NULL || !code->is_executable ||
        slot->value == hook_address (injection, slot->name) ||
        (program != NULL && program->inode != 0 && code->inode == program->inode &&
         code->device == program->device))
        return;
    name = strrchr (code->name, '/');
    name = name != NULL ? name + 1 : code->name;
    if (figures->n_left == 0)
        (void)snprintf (figures->left_to, sizeof figures->left_to, "%.63s", name);
    else
        figures->is_left_to_more |= strncmp (figures->left_to, name, 63) != 0;
    figures->n_left++;
}

/* Keeps of the plan what is to be written. */
static void sift (struct hs_injection *injection)
{
    size_t n = 0;

    injection->figures.n_left = 0;
    injection->figures.is_left_to_more = false;
    for (size_t i = 0; i < injection->slots.n; i++) {
        const struct hs_loaded_slot *slot = &injection->slots.items[i];

        if (is_ours_to_hook (injection, slot))
            injection->slots.items[n++] = *slot;
        else
            count_left (injection, slot);
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

/* ---- many words of the target at once ----------------------------------------------------- */

struct slot_values {
    uint64_t *addresses, *values;
    bool *is_read;
    size_t n;
};

static void clear_values (struct slot_values *values)
{
    hs_free (values->addresses);
    hs_free (values->values);
    hs_free (values->is_read);
}

/* Room for `n`. To be cleared, unless it fails. */
static enum hs_status prepare_values (struct slot_values *values, size_t n, struct hs_error *err)
{
    values->n = n;
    values->addresses = hs_alloc_array (n + 1, sizeof *values->addresses);
    values->values = hs_alloc_array (n + 1, sizeof *values->values);
    values->is_read = hs_alloc_array (n + 1, sizeof *values->is_read);
    if (values->addresses != NULL && values->values != NULL && values->is_read != NULL)
        return HS_OK;
    clear_values (values);
    *values = (struct slot_values){ 0 };
    return hs_error_no_memory (err);
}

static void read_values (const struct hs_injection *injection, struct slot_values *values)
{
    hs_target_gather (&injection->target, values->addresses, values->n, sizeof values->values[0],
                      values->values, values->is_read);
}

static enum hs_status cannot (const struct hs_injection *injection, const char *what,
                              struct hs_error *err)
{
    return hs_error_set_errno (err, errno, "cannot %s of process %d", what,
                               (int)injection->target.pid);
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
    injection->figures.taken_over = 0;
    if (!hs_injection_read_head (injection))
        return cannot (injection, "read the ledger", err);
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

/* The entry of a slot that is about to be hooked: a known one is written at once, new ones are
 * collected in `fresh`, to follow those of before. */
static enum hs_status enter_slot (struct hs_injection *injection, const struct hs_loaded_slot *slot,
                                  uint64_t value, hs_attach_slots *fresh, struct hs_error *err)
{
    uint32_t number = hs_idmap_get (&injection->ledger, slot->address);
    struct hs_attach_slot entry = { slot->address, value, hook_address (injection, slot->name) };

    if (number != HS_IDMAP_NONE && number < injection->head.n_ledger)
        return hs_target_write (&injection->target, entry_address (injection, number), &entry,
                                sizeof entry)
                   ? HS_OK
                   : cannot (injection, "write the ledger", err);
    number = (uint32_t)(injection->head.n_ledger + fresh->n);
    if (number >= HS_ATTACH_LEDGER_MAX)
        return hs_error_set (err, HS_TOO_LARGE, HS_NO_OFFSET,
                             "process %d has more than %u slots to hook",
                             (int)injection->target.pid, HS_ATTACH_LEDGER_MAX);
    if (!hs_array_reserve (fresh, 1) || !hs_idmap_set (&injection->ledger, slot->address, number))
        return hs_error_no_memory (err);
    fresh->items[fresh->n++] = entry;
    return HS_OK;
}

/* Keeps of the plan what still is as it was planned, and enters it. */
static enum hs_status enter_slots (struct hs_injection *injection, struct slot_values *values,
                                   hs_attach_slots *fresh, struct hs_error *err)
{
    hs_loaded_slots *slots = &injection->slots;
    enum hs_status status = HS_OK;
    size_t n = 0;

    for (size_t i = 0; i < slots->n && status == HS_OK; i++) {
        const struct hs_loaded_slot *slot = &slots->items[i];
        uint64_t value = values->values[i];

        /* the loader may have found the function meanwhile */
        if (!values->is_read[i] ||
            (value != slot->value && value != injection->hooks[slot->name].real))
            continue;
        status = enter_slot (injection, slot, value, fresh, err);
        slots->items[n++] = *slot;
    }
    slots->n = n;
    if (status == HS_OK && fresh->n > 0 &&
        !hs_target_write (&injection->target, entry_address (injection, injection->head.n_ledger),
                          fresh->items, fresh->n * sizeof fresh->items[0]))
        status = cannot (injection, "write the ledger", err);
    if (status == HS_OK)
        injection->head.n_ledger += fresh->n;
    return status;
}

/*
 * First all entries, then their number, then the slots: whoever comes after a recorder that died
 * in between finds entries whose slots hold other values, and leaves those.
 */
static enum hs_status hook_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct hs_injection *injection = data;
    hs_loaded_slots *slots = &injection->slots;
    struct slot_values values = { 0 };
    hs_attach_slots fresh = { 0 };
    enum hs_status status;

    (void)stop;
    if (!hs_loaded_is_current (&injection->loaded))
        return HS_CANCELLED; /* the plan is of no use any more */
    status = prepare_values (&values, slots->n, err);
    for (size_t i = 0; i < slots->n && status == HS_OK; i++)
        values.addresses[i] = slots->items[i].address;
    if (status == HS_OK) {
        read_values (injection, &values);
        status = enter_slots (injection, &values, &fresh, err);
    }
    if (status == HS_OK && !hs_injection_write_head (injection))
        status = cannot (injection, "write to the memory", err);
    for (size_t i = 0; i < slots->n && status == HS_OK; i++) {
        uint64_t hook = hook_address (injection, slots->items[i].name);

        if (!hs_target_write (&injection->target, slots->items[i].address, &hook, sizeof hook))
            status = cannot (injection, "write a slot", err);
        else
            injection->figures.n_slots++;
    }
    if (injection->figures.n_slots > injection->figures.n_most_slots)
        injection->figures.n_most_slots = injection->figures.n_slots;
    hs_array_clear (&fresh);
    clear_values (&values);
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
    status = hs_injection_stop (injection, HS_STOP_ALL, hook_in_stop, injection, err);
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

/* Writes the old value to each slot that held its hook when `values` were read; returns how many
 * those were. */
static uint64_t put_back (struct hs_injection *injection, const struct hs_attach_slot *ledger,
                          const struct slot_values *values)
{
    uint64_t n = 0;

    for (size_t i = 0; i < values->n; i++) {
        /* others are gone with their modules, or set anew by the program: not ours any more */
        if (ledger[i].new_value == 0 || !values->is_read[i] ||
            values->values[i] != ledger[i].new_value)
            continue;
        n++;
        (void)hs_target_write (&injection->target, ledger[i].address, &ledger[i].old_value,
                               sizeof ledger[i].old_value);
    }
    return n;
}

static enum hs_status put_all_back (struct hs_injection *injection,
                                    const struct hs_attach_slot *ledger, struct hs_error *err)
{
    struct slot_values values = { 0 };
    enum hs_status status = prepare_values (&values, injection->head.n_ledger, err);
    uint64_t n_wrong;

    if (status != HS_OK)
        return status;
    for (size_t i = 0; i < values.n; i++)
        values.addresses[i] = ledger[i].address;
    read_values (injection, &values);
    if (put_back (injection, ledger, &values) > 0)
        read_values (injection, &values);
    n_wrong = put_back (injection, ledger, &values);
    clear_values (&values);
    if (n_wrong > 0)
        return hs_error_set (err, HS_IO, HS_NO_OFFSET,
                             "%llu slots of process %d could not be put back: they pass calls on",
                             (unsigned long long)n_wrong, (int)injection->target.pid);
    injection->head.n_ledger = 0;
    injection->figures.n_slots = 0;
    hs_idmap_clear (&injection->ledger);
    return hs_injection_write_head (injection) ? HS_OK
                                               : cannot (injection, "write to the memory", err);
}

static enum hs_status unhook_in_stop (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct hs_injection *injection = data;
    uint64_t n = injection->head.n_ledger;
    struct hs_attach_slot *ledger = hs_alloc_array (n, sizeof *ledger);
    enum hs_status status;

    (void)stop;
    if (ledger == NULL)
        return hs_error_no_memory (err);
    status = hs_target_read (&injection->target, entry_address (injection, 0), ledger,
                             n * sizeof *ledger)
                 ? put_all_back (injection, ledger, err)
                 : cannot (injection, "read the ledger", err);
    hs_free (ledger);
    return status;
}

enum hs_status hs_injection_unhook (struct hs_injection *injection, struct hs_error *err)
{
    if (!hs_injection_read_head (injection) || injection->head.n_ledger == 0)
        return HS_OK; /* it has ended, or runs another program */
    return hs_injection_stop (injection, HS_STOP_ALL, unhook_in_stop, injection, err);
}
