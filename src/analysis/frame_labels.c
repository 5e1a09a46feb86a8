/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From frames to names; see frame_labels.h. */
#include "analysis/frame_labels.h"

#include "analysis/allocator_frames.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "trace/images.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *file_name (const char *path)
{
    const char *name = path;

    for (const char *at = path; *at != '\0'; at++) {
        if ((*at == '/' || *at == '\\') && at[1] != '\0')
            name = at + 1;
    }
    return name;
}

/* FNV-1a: the same in every answer, unlike the numbers of strings. */
static uint64_t stable_hash (const char *bytes, size_t n)
{
    uint64_t hash = UINT64_C (0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C (0x100000001b3);
    return hash;
}

static size_t bounded_length (const char *text)
{
    size_t n = strlen (text);

    return n < HS_LIMIT_STRING_BYTES ? n : HS_LIMIT_STRING_BYTES;
}

/* The bytes that make a label what it is; NULL when memory is out. */
static char *make_identity (enum hs_label_kind kind, const char *text, const char *module,
                            size_t *ret_size)
{
    size_t n_text = bounded_length (text), n_module = bounded_length (module);
    size_t n = n_text + 1 + n_module + 1;
    char *identity = hs_alloc_array (n, 1);

    if (identity == NULL)
        return NULL;
    memcpy (identity, text, n_text);
    identity[n_text] = '\0';
    memcpy (identity + n_text + 1, module, n_module);
    identity[n - 1] = (char)('0' + kind); /* a function may be called like a process */
    *ret_size = n;
    return identity;
}

/* The label of (text, module), new or known; false when memory is out. */
static bool find_label (struct hs_frame_labels *labels, enum hs_label_kind kind, const char *text,
                        const char *module, uint32_t *ret)
{
    size_t n_module = bounded_length (module), n;
    char *identity = make_identity (kind, text, module, &n);
    struct hs_label *label;
    bool is_known;

    if (identity == NULL)
        return false;
    is_known = hs_intern_add (&labels->identities, identity, n, ret);
    hs_free (identity);
    if (!is_known)
        return false;
    if (*ret < labels->labels.n)
        return true;
    if (!hs_array_reserve (&labels->labels, *ret + 1 - labels->labels.n))
        return false;
    while (labels->labels.n < *ret) /* number 0 is the empty string, and nobody's */
        labels->labels.items[labels->labels.n++] = (struct hs_label){ .text = "", .module = "" };
    label = &labels->labels.items[labels->labels.n++];
    *label = (struct hs_label){
        .kind = kind,
        .text = hs_intern_text (&labels->identities, *ret),
        .module = "",
        .location = "",
        .is_inlined = true,
    };
    if (n_module > 0) { /* without the kind's digit, so a text of its own */
        uint32_t number;

        if (!hs_intern_add (&labels->locations, module, n_module, &number))
            return false;
        label->module = hs_intern_text (&labels->locations, number);
    }
    label->key = stable_hash (label->text, n);
    label->is_allocator =
        kind == HS_LABEL_FRAME && hs_is_allocator_in (labels->tables, label->text);
    return true;
}

static bool set_location (struct hs_frame_labels *labels, uint32_t number, const char *file,
                          uint32_t line)
{
    struct hs_label *label = &labels->labels.items[number];
    const char *name = file_name (file);
    char text[512];
    uint32_t location;

    if (*name == '\0' || *label->location != '\0')
        return true;
    if (line > 0)
        (void)snprintf (text, sizeof text, "%s:%u", name, line);
    else
        (void)snprintf (text, sizeof text, "%s", name);
    if (!hs_intern_add (&labels->locations, text, strlen (text), &location))
        return false;
    label->location = hs_intern_text (&labels->locations, location);
    return true;
}

static bool add_to_chain (struct hs_frame_labels *labels, struct hs_labelled_frame *frame,
                          uint32_t label, struct hs_label_place place)
{
    if (!hs_array_reserve (&labels->chained, 1) || !hs_array_reserve (&labels->places, 1))
        return false;
    labels->chained.items[labels->chained.n++] = label;
    labels->places.items[labels->places.n++] = place;
    frame->chain.n++;
    return true;
}

#define UNNAMED_SIZE 320

static void write_unnamed (char text[UNNAMED_SIZE], const struct hs_labelled_frame *frame,
                           const char *module, uint64_t base)
{
    if (*module != '\0' && base != 0)
        (void)snprintf (text, UNNAMED_SIZE, "%.255s+0x%" PRIx64, module, frame->address - base);
    else
        (void)snprintf (text, UNNAMED_SIZE, "0x%" PRIx64, frame->address);
}

static bool label_unnamed (struct hs_frame_labels *labels, struct hs_labelled_frame *frame,
                           const char *module, uint64_t base)
{
    char text[UNNAMED_SIZE];
    uint32_t label;

    write_unnamed (text, frame, module, base);
    if (!find_label (labels, HS_LABEL_FRAME, text, module, &label))
        return false;
    labels->labels.items[label].is_inlined = false;
    return add_to_chain (labels, frame, label, (struct hs_label_place){ 0 });
}

/* Functions from the innermost out; `name` has at least its first with a name. */
static bool label_named (struct hs_frame_labels *labels, struct hs_labelled_frame *frame,
                         const struct hs_tables *tables, const struct hs_frame_name *name,
                         const char *module)
{
    const struct hs_intern *strings = &tables->strings;
    uint32_t label, n = 0;

    for (;;) {
        const char *own_module = file_name (hs_intern_text (strings, name->module));
        const char *function = hs_intern_text (strings, name->function);
        const char *file = hs_intern_text (strings, name->file);
        struct hs_label_place place = { .line = name->line,
                                        .is_inlined = name->next < tables->frame_names.n };

        if (!find_label (labels, HS_LABEL_FRAME, *function != '\0' ? function : "?",
                         *own_module != '\0' ? own_module : module, &label) ||
            !set_location (labels, label, file, name->line) ||
            !hs_intern_add (&labels->locations, file, bounded_length (file), &place.file) ||
            !add_to_chain (labels, frame, label, place))
            return false;
        if (name->next >= tables->frame_names.n || ++n >= HS_LIMIT_STACK_DEPTH)
            break;
        name = &tables->frame_names.items[name->next];
    }
    labels->labels.items[label].is_inlined = false; /* the outermost is the real function */
    return true;
}

/* Remembers what the real function of a frame was called before its name was found: rows that a
 * user opened then are known again by it. */
static bool set_former_key (struct hs_frame_labels *labels, const struct hs_labelled_frame *frame,
                            const char *module, uint64_t base)
{
    uint32_t number = labels->chained.items[frame->chain.first + frame->chain.n - 1];
    struct hs_label *label = &labels->labels.items[number];
    char text[UNNAMED_SIZE], *identity;
    size_t n;

    if (label->former_key != 0)
        return true;
    write_unnamed (text, frame, module, base);
    identity = make_identity (HS_LABEL_FRAME, text, module, &n);
    if (identity == NULL)
        return false;
    label->former_key = stable_hash (identity, n);
    hs_free (identity);
    return true;
}

static bool label_frame (struct hs_frame_labels *labels, const struct hs_tables *tables,
                         struct hs_labelled_frame *frame, int64_t time)
{
    const struct hs_frame_name *name =
        hs_tables_frame_name (tables, frame->process, frame->address);
    /* the call lies before the address it returns to */
    const struct hs_module_info *module =
        hs_tables_module_at (tables, frame->process, frame->address - 1, time);
    const char *path = module != NULL ? hs_intern_text (&tables->strings, module->path) : "";

    frame->from = INT64_MIN;
    frame->to = INT64_MAX;
    frame->chain.first = (uint32_t)labels->chained.n;
    if (name != NULL && hs_intern_text (&tables->strings, name->function)[0] != '\0')
        return label_named (labels, frame, tables, name, file_name (path));
    if (module != NULL) {
        const struct hs_frame_name *found;

        if (!module->is_rundown_only) {
            frame->from = module->load;
            frame->to = module->unload;
        }
        if (hs_tables_image_name (tables, module, frame->address, &found) == HS_NAME_FOUND &&
            hs_intern_text (&tables->strings, found->function)[0] != '\0')
            return label_named (labels, frame, tables, found, file_name (path)) &&
                   set_former_key (labels, frame, file_name (path), module->base);
        return label_unnamed (labels, frame, file_name (path), module->base);
    }
    if (name != NULL)
        path = hs_intern_text (&tables->strings, name->module);
    return label_unnamed (labels, frame, file_name (path), 0);
}

static bool find_frame (struct hs_frame_labels *labels, const struct hs_tables *tables,
                        hs_process_id process, uint64_t address, int64_t time)
{
    uint64_t hash = hs_hash_u64 (address + process * UINT64_C (0x9e3779b97f4a7c15));
    struct hs_labelled_frame frame = { .process = process, .address = address };
    uint32_t at;

    for (;; hash++) { /* another frame with that hash, or this one at another time: one further */
        const struct hs_labelled_frame *known;

        at = hs_idmap_get (&labels->index, hash);
        if (at == HS_IDMAP_NONE)
            break;
        known = &labels->frames.items[at];
        if (known->process == process && known->address == address && known->from <= time &&
            time <= known->to) {
            labels->node_frame[0] = at + 1; /* node 0 has no frame: the place for the result */
            return true;
        }
    }
    if (!hs_array_reserve (&labels->frames, 1) || !label_frame (labels, tables, &frame, time) ||
        !hs_idmap_set (&labels->index, hash, (uint32_t)labels->frames.n))
        return false;
    labels->frames.items[labels->frames.n++] = frame;
    labels->node_frame[0] = (uint32_t)labels->frames.n;
    return true;
}

static bool label_process (struct hs_frame_labels *labels, const struct hs_tables *tables,
                           hs_process_id process)
{
    static const struct hs_process_info unknown;
    const struct hs_process_info *info =
        process < tables->processes.n ? &tables->processes.items[process] : &unknown;
    struct hs_labelled_frame frame = { .process = process, .from = INT64_MIN, .to = INT64_MAX };
    const char *image = file_name (hs_intern_text (&tables->strings, info->image));
    char text[320];
    uint32_t label;

    if (hs_idmap_get (&labels->processes, process) != HS_IDMAP_NONE)
        return true;
    if (info->instance > 0)
        (void)snprintf (text, sizeof text, "%.255s (%u:%u)", image, info->pid, info->instance);
    else
        (void)snprintf (text, sizeof text, "%.255s (%u)", image, info->pid);
    frame.chain.first = (uint32_t)labels->chained.n;
    if (!hs_array_reserve (&labels->frames, 1) ||
        !find_label (labels, HS_LABEL_PROCESS, text, "", &label) ||
        !add_to_chain (labels, &frame, label, (struct hs_label_place){ 0 }) ||
        !hs_idmap_set (&labels->processes, process, (uint32_t)labels->frames.n))
        return false;
    labels->labels.items[label].is_inlined = false;
    labels->frames.items[labels->frames.n++] = frame;
    return true;
}

/* Names the nodes of one stack up to those that have names already. */
static bool label_stack (struct hs_frame_labels *labels, const struct hs_tables *tables,
                         const struct hs_stack_sum *stack)
{
    const struct hs_stacks *stacks = labels->snapshot.stacks;
    int64_t time = hs_stack_sum_time (&labels->snapshot, stack);

    for (uint32_t node = stack->node; node != HS_NODE_NONE && node != HS_NODE_ROOT;) {
        uint32_t parent = hs_column_u32 (&stacks->parent, node);

        uint64_t frame = hs_column_u64 (&stacks->frame, node);

        if (labels->node_frame[node] != 0)
            break;
        if (parent != HS_NODE_ROOT) {
            if (!find_frame (labels, tables, stack->process, frame, time))
                return false;
            labels->node_frame[node] = labels->node_frame[0];
        } else if (labels->has_processes && /* a file may give a block the stack of another one */
                   !label_process (labels, tables, (hs_process_id)frame)) {
            return false;
        }
        node = parent;
    }
    return true;
}

static bool label_all (struct hs_frame_labels *labels, const struct hs_tables *tables,
                       const struct hs_stack_sums *sums)
{
    if (!find_label (labels, HS_LABEL_NO_STACK, N_ ("(no call stack)"), "", &labels->no_stack) ||
        !find_label (labels, HS_LABEL_NO_STACK, N_ ("(not freed)"), "", &labels->not_freed))
        return false;
    labels->labels.items[labels->not_freed].is_inlined = false;
    labels->labels.items[labels->no_stack].is_inlined = false;
    for (uint32_t i = 0; i < sums->n; i++)
        labels->has_processes |= sums->stacks[i].process != sums->stacks[0].process;
    for (uint32_t i = 0; i < sums->n; i++) {
        if (!label_stack (labels, tables, &sums->stacks[i]) ||
            (labels->has_processes && !label_process (labels, tables, sums->stacks[i].process)))
            return false;
    }
    labels->node_frame[0] = 0;
    return true;
}

enum hs_status hs_frame_labels_init (struct hs_frame_labels *labels,
                                     const struct hs_snapshot *snapshot,
                                     const struct hs_stack_sums *sums, struct hs_error *err)
{
    const struct hs_tables *tables;
    bool is_done;

    *labels = (struct hs_frame_labels){ .snapshot = *snapshot };
    labels->node_frame = hs_alloc_zeroed (snapshot->n_nodes, sizeof *labels->node_frame);
    if (labels->node_frame == NULL)
        return hs_error_no_memory (err);
    labels->tables = tables = hs_trace_lock (snapshot->trace);
    is_done = label_all (labels, tables, sums);
    labels->tables = NULL;
    hs_trace_unlock (snapshot->trace);
    if (is_done)
        return HS_OK;
    hs_frame_labels_clear (labels);
    return hs_error_no_memory (err);
}

void hs_frame_labels_clear (struct hs_frame_labels *labels)
{
    hs_array_clear (&labels->labels);
    hs_array_clear (&labels->chained);
    hs_array_clear (&labels->places);
    hs_array_clear (&labels->frames);
    hs_idmap_clear (&labels->index);
    hs_idmap_clear (&labels->processes);
    hs_intern_clear (&labels->identities);
    hs_intern_clear (&labels->locations);
    hs_free (labels->node_frame);
    labels->node_frame = NULL;
}

uint32_t hs_frame_labels_none (const struct hs_frame_labels *labels,
                               const struct hs_stack_sum *stack)
{
    return stack->is_not_freed ? labels->not_freed : labels->no_stack;
}

struct hs_label_chain hs_frame_labels_of (const struct hs_frame_labels *labels, uint32_t node)
{
    const struct hs_stacks *stacks = labels->snapshot.stacks;
    uint32_t frame;

    if (hs_column_u32 (&stacks->parent, node) == HS_NODE_ROOT)
        frame = hs_idmap_get (&labels->processes, hs_column_u64 (&stacks->frame, node));
    else
        frame = labels->node_frame[node] - 1;
    return labels->frames.items[frame].chain;
}

uint32_t hs_frame_labels_process (const struct hs_frame_labels *labels, hs_process_id process)
{
    uint32_t frame = hs_idmap_get (&labels->processes, process);

    return labels->chained.items[labels->frames.items[frame].chain.first];
}

void hs_label_path_clear (struct hs_label_path *path)
{
    hs_array_clear (&path->labels);
    hs_array_clear (&path->places);
}

static bool add_to_path (struct hs_label_path *path, uint32_t label, struct hs_label_place place)
{
    if (!hs_array_reserve (&path->labels, 1) || !hs_array_reserve (&path->places, 1))
        return false;
    path->labels.items[path->labels.n++] = label;
    path->places.items[path->places.n++] = place;
    return true;
}

/* Drops the allocators at the beginning, but not the last label. */
static void fold_path (const struct hs_frame_labels *labels, struct hs_label_path *path)
{
    size_t n = 0;

    while (n + 1 < path->labels.n && labels->labels.items[path->labels.items[n]].is_allocator)
        n++;
    path->labels.n -= n;
    path->places.n -= n;
    memmove (path->labels.items, path->labels.items + n,
             path->labels.n * sizeof *path->labels.items);
    memmove (path->places.items, path->places.items + n,
             path->places.n * sizeof *path->places.items);
}

bool hs_frame_labels_path (const struct hs_frame_labels *labels, const struct hs_stack_sum *stack,
                           bool fold, struct hs_label_path *path)
{
    const struct hs_stacks *stacks = labels->snapshot.stacks;
    const struct hs_label_place none = { 0 };
    uint32_t node = stack->node;

    path->labels.n = path->places.n = 0;
    while (node != HS_NODE_NONE && node != HS_NODE_ROOT) {
        uint32_t parent = hs_column_u32 (&stacks->parent, node);
        struct hs_label_chain chain;

        if (parent == HS_NODE_ROOT)
            break;
        chain = hs_frame_labels_of (labels, node);
        for (uint32_t i = 0; i < chain.n; i++) {
            if (!add_to_path (path, labels->chained.items[chain.first + i],
                              labels->places.items[chain.first + i]))
                return false;
        }
        node = parent;
    }
    if (path->labels.n == 0 && !add_to_path (path, hs_frame_labels_none (labels, stack), none))
        return false;
    if (fold)
        fold_path (labels, path);
    return !labels->has_processes ||
           add_to_path (path, hs_frame_labels_process (labels, stack->process), none);
}
