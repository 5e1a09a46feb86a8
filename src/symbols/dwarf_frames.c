/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking addresses up in DWARF; see dwarf_frames.h.
 *
 * Every DIE comes from a file that may be crafted: depths are bounded, and a walk only ever goes to
 * children and siblings, so it ends. References between DIEs (abstract origins) are followed by
 * libdw, which bounds them itself.
 */
#include "symbols/dwarf_frames.h"

#include "base/intern.h"
#include "base/memory.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 256 /* of nested DIEs */
#define PATH_BYTES 4096

struct range {
    uint64_t begin, end;
    uint64_t furthest; /* largest end of this and all before it */
    uint32_t index;    /* of the unit or function */
};

struct ranges {
    HS_ARRAY (struct range) ranges; /* by begin */
};

struct call { /* an inlined one */
    uint64_t begin, end;
    uint32_t die; /* of `dies`; several ranges may share one */
};

struct function {
    Dwarf_Die die;
    HS_ARRAY (struct call) calls; /* outer before inner */
    HS_ARRAY (Dwarf_Die) dies;
    bool has_calls;
};

struct unit {
    Dwarf_Die die;
    struct ranges ranges;
    HS_ARRAY (struct function) functions;
    Dwarf_Files *files;
    size_t n_files;
    const char *folder; /* that it was compiled in; NULL until asked for, "" = not known */
    bool has_functions, has_nested;
};

struct hs_dwarf_frames {
    Dwarf *dwarf;
    struct ranges ranges;
    HS_ARRAY (struct unit) units;
    struct hs_intern paths; /* those that the DWARF has in two parts */
};

/* ---- ranges ----------------------------------------------------------------------------- */

static int compare_ranges (const void *a, const void *b)
{
    const struct range *left = a, *right = b;

    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    if (left->end != right->end) /* the narrower one last: it is found first */
        return left->end > right->end ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static void sort_ranges (struct ranges *ranges)
{
    uint64_t furthest = 0;

    if (ranges->ranges.n > 0)
        qsort (ranges->ranges.items, ranges->ranges.n, sizeof ranges->ranges.items[0],
               compare_ranges);
    for (size_t i = 0; i < ranges->ranges.n; i++) {
        if (ranges->ranges.items[i].end > furthest)
            furthest = ranges->ranges.items[i].end;
        ranges->ranges.items[i].furthest = furthest;
    }
}

/* Adds the address ranges of a DIE; what the linker threw away (it begins at 0) is left out. */
static bool add_ranges (struct ranges *ranges, Dwarf_Die *die, uint32_t index)
{
    Dwarf_Addr base, begin, end;
    ptrdiff_t at = 0;

    while ((at = dwarf_ranges (die, at, &base, &begin, &end)) > 0) {
        if (begin == 0 || end <= begin)
            continue;
        if (!hs_array_reserve (&ranges->ranges, 1))
            return false;
        ranges->ranges.items[ranges->ranges.n++] =
            (struct range){ .begin = begin, .end = end, .index = index };
    }
    return true;
}

/* The narrowest range around the address from the nearest begin on; before `limit`. UINT32_MAX =
 * none. */
static uint32_t find_range (const struct ranges *ranges, uint64_t address, size_t *limit)
{
    const struct range *items = ranges->ranges.items;
    size_t low = 0, high = *limit;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (items[middle].begin <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i > 0 && items[i - 1].furthest > address; i--) {
        if (items[i - 1].end > address) {
            *limit = i - 1;
            return items[i - 1].index;
        }
    }
    return UINT32_MAX;
}

/* ---- units ------------------------------------------------------------------------------ */

static bool add_unit (struct hs_dwarf_frames *frames, Dwarf_Die *die, Dwarf_Die *split)
{
    struct unit *unit;
    bool has_split = split->addr != NULL && dwarf_tag (split) == DW_TAG_compile_unit;

    if (!hs_array_reserve (&frames->units, 1))
        return false;
    unit = &frames->units.items[frames->units.n];
    *unit = (struct unit){ .die = has_split ? *split : *die };
    return add_ranges (&frames->ranges, die, (uint32_t)frames->units.n++);
}

static bool find_units (struct hs_dwarf_frames *frames)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die die, split;
    uint8_t type;

    while (dwarf_get_units (frames->dwarf, cu, &cu, NULL, &type, &die, &split) == 0) {
        if (type != DW_UT_compile && type != DW_UT_skeleton && type != DW_UT_partial)
            continue;
        if (type != DW_UT_skeleton)
            split.addr = NULL;
        if (!add_unit (frames, &die, &split))
            return false;
    }
    sort_ranges (&frames->ranges);
    return true;
}

struct hs_dwarf_frames *hs_dwarf_frames_new (Dwarf *dwarf)
{
    struct hs_dwarf_frames *frames = HS_NEW (struct hs_dwarf_frames);

    if (frames == NULL)
        return NULL;
    frames->dwarf = dwarf;
    if (find_units (frames))
        return frames;
    hs_dwarf_frames_free (frames);
    return NULL;
}

static void clear_functions (struct unit *unit)
{
    for (size_t i = 0; i < unit->functions.n; i++) {
        hs_array_clear (&unit->functions.items[i].calls);
        hs_array_clear (&unit->functions.items[i].dies);
    }
    hs_array_clear (&unit->functions);
    hs_array_clear (&unit->ranges.ranges);
}

void hs_dwarf_frames_free (struct hs_dwarf_frames *frames)
{
    if (frames == NULL)
        return;
    for (size_t i = 0; i < frames->units.n; i++)
        clear_functions (&frames->units.items[i]);
    hs_array_clear (&frames->units);
    hs_array_clear (&frames->ranges.ranges);
    hs_intern_clear (&frames->paths);
    hs_free (frames);
}

/* ---- functions -------------------------------------------------------------------------- */

static bool add_function (struct unit *unit, Dwarf_Die *die)
{
    size_t n = unit->ranges.ranges.n;

    if (!add_ranges (&unit->ranges, die, (uint32_t)unit->functions.n))
        return false;
    if (unit->ranges.ranges.n == n) /* a declaration, or inlined everywhere */
        return true;
    if (!hs_array_reserve (&unit->functions, 1))
        return false;
    unit->functions.items[unit->functions.n++] = (struct function){ .die = *die };
    return true;
}

/* Functions inside functions are rare, and looking for them means to walk everything. */
static bool may_hold_functions (int tag, bool with_nested)
{
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
        return true;
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
        return with_nested;
    default:
        return false;
    }
}

static bool find_functions (struct unit *unit, bool with_nested)
{
    Dwarf_Die path[MAX_DEPTH];
    int depth = 0;

    clear_functions (unit);
    if (dwarf_child (&unit->die, &path[0]) != 0)
        return true;
    while (depth >= 0) {
        int tag = dwarf_tag (&path[depth]);

        if (tag == DW_TAG_subprogram && !add_function (unit, &path[depth]))
            return false;
        if (depth + 1 < MAX_DEPTH && may_hold_functions (tag, with_nested) &&
            dwarf_child (&path[depth], &path[depth + 1]) == 0) {
            depth++;
            continue;
        }
        while (depth >= 0 && dwarf_siblingof (&path[depth], &path[depth]) != 0)
            depth--;
    }
    sort_ranges (&unit->ranges);
    return true;
}

static struct function *find_function (struct unit *unit, uint64_t address)
{
    size_t limit;
    uint32_t index;

    if (!unit->has_functions && !find_functions (unit, false))
        return NULL;
    unit->has_functions = true;
    limit = unit->ranges.ranges.n;
    index = find_range (&unit->ranges, address, &limit);
    if (index == UINT32_MAX && !unit->has_nested) {
        unit->has_nested = true;
        if (!find_functions (unit, true))
            return NULL;
        limit = unit->ranges.ranges.n;
        index = find_range (&unit->ranges, address, &limit);
    }
    return index != UINT32_MAX ? &unit->functions.items[index] : NULL;
}

/* ---- inlined calls ---------------------------------------------------------------------- */

static bool add_call (struct function *function, Dwarf_Die *die)
{
    Dwarf_Addr base, begin, end;
    ptrdiff_t at = 0;

    if (!hs_array_reserve (&function->dies, 1))
        return false;
    while ((at = dwarf_ranges (die, at, &base, &begin, &end)) > 0) {
        if (end <= begin)
            continue;
        if (!hs_array_reserve (&function->calls, 1))
            return false;
        function->calls.items[function->calls.n++] =
            (struct call){ begin, end, (uint32_t)function->dies.n };
    }
    function->dies.items[function->dies.n++] = *die;
    return true;
}

static bool find_calls (struct function *function)
{
    Dwarf_Die path[MAX_DEPTH];
    int depth = 0;

    function->has_calls = true;
    if (dwarf_child (&function->die, &path[0]) != 0)
        return true;
    while (depth >= 0) {
        int tag = dwarf_tag (&path[depth]);

        if (tag == DW_TAG_inlined_subroutine && !add_call (function, &path[depth]))
            return false;
        if (depth + 1 < MAX_DEPTH &&
            (tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
             tag == DW_TAG_try_block || tag == DW_TAG_catch_block) &&
            dwarf_child (&path[depth], &path[depth + 1]) == 0) {
            depth++;
            continue;
        }
        while (depth >= 0 && dwarf_siblingof (&path[depth], &path[depth]) != 0)
            depth--;
    }
    return true;
}

/* ---- answers ---------------------------------------------------------------------------- */

static const char *name_of (Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name;

    if (dwarf_attr_integrate (die, DW_AT_MIPS_linkage_name, &attribute) != NULL ||
        dwarf_attr_integrate (die, DW_AT_linkage_name, &attribute) != NULL) {
        name = dwarf_formstring (&attribute);
        if (name != NULL && *name != '\0')
            return name;
    }
    return dwarf_diename (die);
}

static uint32_t number_of (Dwarf_Die *die, unsigned attribute_name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;

    if (dwarf_attr (die, attribute_name, &attribute) == NULL ||
        dwarf_formudata (&attribute, &value) != 0 || value > UINT32_MAX)
        return 0;
    return (uint32_t)value;
}

/* Names of files count from the folder that their unit was compiled in. */
static const char *path_of (struct hs_dwarf_frames *frames, struct unit *unit, const char *name)
{
    Dwarf_Attribute attribute;
    char path[PATH_BYTES];
    uint32_t number;
    int n;

    if (name == NULL)
        return "";
    if (unit->folder == NULL) {
        unit->folder =
            dwarf_formstring (dwarf_attr_integrate (&unit->die, DW_AT_comp_dir, &attribute));
        unit->folder = unit->folder != NULL ? unit->folder : "";
    }
    if (*unit->folder == '\0' || name[0] == '/' || name[0] == '<' || /* "<built-in>" */
        name[0] == '\0' || name[1] == ':')                           /* "C:/" */
        return name;
    n = snprintf (path, sizeof path, "%s/%s", unit->folder, name);
    if (n < 0 || (size_t)n >= sizeof path ||
        !hs_intern_add (&frames->paths, path, (size_t)n, &number))
        return name;
    return hs_intern_text (&frames->paths, number);
}

/* Where an inlined call stands in its caller's source. */
static void set_call_site (struct hs_dwarf_frames *frames, struct unit *unit,
                           struct hs_dwarf_frame *frame, Dwarf_Die *call)
{
    uint32_t file = number_of (call, DW_AT_call_file);
    const char *name = NULL;

    if (unit->files == NULL && dwarf_getsrcfiles (&unit->die, &unit->files, &unit->n_files) != 0)
        unit->n_files = 0;
    if (file < unit->n_files)
        name = dwarf_filesrc (unit->files, file, NULL, NULL);
    frame->file = path_of (frames, unit, name);
    frame->line = number_of (call, DW_AT_call_line);
}

static void set_line (struct hs_dwarf_frames *frames, struct unit *unit,
                      struct hs_dwarf_frame *frame, uint64_t address)
{
    Dwarf_Line *line = dwarf_getsrc_die (&unit->die, address);
    int number = 0;

    frame->file = path_of (frames, unit, line != NULL ? dwarf_linesrc (line, NULL, NULL) : NULL);
    if (line != NULL && dwarf_lineno (line, &number) == 0 && number > 0)
        frame->line = (uint32_t)number;
}

static uint32_t frames_of (struct hs_dwarf_frames *frames, struct unit *unit,
                           struct function *function, uint64_t address, struct hs_dwarf_frame *ret,
                           uint32_t max)
{
    uint32_t dies[MAX_DEPTH];
    uint32_t n = 0, n_frames = 0;

    if (!function->has_calls && !find_calls (function))
        return 0;
    for (size_t i = 0; i < function->calls.n && n < MAX_DEPTH; i++) {
        const struct call *call = &function->calls.items[i];

        if (call->begin <= address && address < call->end && (n == 0 || dies[n - 1] != call->die))
            dies[n++] = call->die;
    }
    for (; n > 0 && n_frames + 1 < max; n--) { /* innermost first */
        Dwarf_Die *die = &function->dies.items[dies[n - 1]];

        ret[n_frames].function = name_of (die);
        ret[n_frames].is_inlined = true;
        n_frames++;
        ret[n_frames] = (struct hs_dwarf_frame){ .file = "" };
        set_call_site (frames, unit, &ret[n_frames], die);
    }
    ret[n_frames++].function = name_of (&function->die);
    return n_frames;
}

uint32_t hs_dwarf_frames_find (struct hs_dwarf_frames *frames, uint64_t address,
                               struct hs_dwarf_frame *ret, uint32_t max,
                               struct hs_dwarf_frame *ret_line)
{
    size_t limit = frames->ranges.ranges.n;

    *ret_line = (struct hs_dwarf_frame){ .file = "" };
    for (int tries = 0; tries < 16; tries++) { /* units may overlap (crafted, or merged badly) */
        uint32_t index = find_range (&frames->ranges, address, &limit);
        struct function *function;
        struct unit *unit;

        if (index == UINT32_MAX)
            break;
        unit = &frames->units.items[index];
        if (*ret_line->file == '\0')
            set_line (frames, unit, ret_line, address);
        function = find_function (unit, address);
        if (function == NULL)
            continue;
        ret[0] = *ret_line;
        return frames_of (frames, unit, function, address, ret, max);
    }
    return 0;
}
