/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of allocator functions; see allocator_frames.h.
 *
 * Sources: the exports and public symbols of ntdll, kernelbase, combase and the universal C
 * runtime; malloc(3), posix_memalign(3) and glibc's internal names; the Itanium C++ ABI's
 * replaceable operators; libstdc++'s and libc++'s allocator templates; GLib's memory functions;
 * the names that heaptrack's analysis leaves out (formats/heaptrack.md 6).
 */
#include "analysis/allocator_frames.h"

#include <stddef.h>
#include <string.h>

enum match {
    MATCH_NAME,      /* the whole name, up to an argument list */
    MATCH_PREFIX,    /* the name begins so */
    MATCH_ALLOCATES, /* begins so and is a member that allocates (templates) */
};

static const struct {
    const char *name;
    enum match match;
} table[] = {
    /* Windows: heap manager, Win32, COM, C runtime */
    { "RtlAllocateHeap", MATCH_NAME },
    { "RtlReAllocateHeap", MATCH_NAME },
    { "RtlDebugAllocateHeap", MATCH_NAME },
    { "RtlDebugReAllocateHeap", MATCH_NAME },
    { "RtlpAllocateHeap", MATCH_PREFIX },
    { "RtlpReAllocateHeap", MATCH_PREFIX },
    { "RtlpLowFragHeapAlloc", MATCH_PREFIX },
    { "RtlpHpAlloc", MATCH_PREFIX },
    { "RtlpHpReAlloc", MATCH_PREFIX },
    { "RtlpHpLfhSlotAllocate", MATCH_PREFIX },
    { "RtlpHpSegAlloc", MATCH_PREFIX },
    { "RtlpHpVsContextAllocate", MATCH_PREFIX },
    { "RtlpAllocateUserBlock", MATCH_PREFIX },
    { "RtlpLogHeap", MATCH_PREFIX },
    { "EtwpLogHeap", MATCH_PREFIX },
    { "HeapAlloc", MATCH_NAME },
    { "HeapReAlloc", MATCH_NAME },
    { "LocalAlloc", MATCH_NAME },
    { "LocalReAlloc", MATCH_NAME },
    { "GlobalAlloc", MATCH_NAME },
    { "GlobalReAlloc", MATCH_NAME },
    { "CoTaskMemAlloc", MATCH_NAME },
    { "CoTaskMemRealloc", MATCH_NAME },
    { "CRetailMalloc_Alloc", MATCH_NAME },
    { "CRetailMalloc_Realloc", MATCH_NAME },
    { "_malloc_base", MATCH_NAME },
    { "_calloc_base", MATCH_NAME },
    { "_realloc_base", MATCH_NAME },
    { "_recalloc_base", MATCH_NAME },
    { "_malloc_dbg", MATCH_NAME },
    { "_calloc_dbg", MATCH_NAME },
    { "_realloc_dbg", MATCH_NAME },
    { "_malloc_crt", MATCH_NAME },
    { "_calloc_crt", MATCH_NAME },
    { "_realloc_crt", MATCH_NAME },
    { "_calloc_impl", MATCH_NAME },
    { "_heap_alloc", MATCH_PREFIX },
    { "heap_alloc_dbg", MATCH_PREFIX },
    { "realloc_dbg_nolock", MATCH_PREFIX },
    { "_recalloc", MATCH_NAME },
    { "_aligned_malloc", MATCH_NAME },
    { "_aligned_realloc", MATCH_NAME },
    { "_aligned_offset_malloc", MATCH_PREFIX },
    { "_callnewh", MATCH_NAME },
    { "RtlFreeHeap", MATCH_NAME },
    { "RtlpFreeHeap", MATCH_PREFIX },
    { "RtlpHpFree", MATCH_PREFIX },
    { "HeapFree", MATCH_NAME },
    { "LocalFree", MATCH_NAME },
    { "GlobalFree", MATCH_NAME },
    { "CoTaskMemFree", MATCH_NAME },
    { "_free_base", MATCH_NAME },
    { "_free_dbg", MATCH_NAME },
    { "_aligned_free", MATCH_NAME },

    /* C library */
    { "malloc", MATCH_NAME },
    { "calloc", MATCH_NAME },
    { "realloc", MATCH_NAME },
    { "reallocarray", MATCH_NAME },
    { "aligned_alloc", MATCH_NAME },
    { "posix_memalign", MATCH_NAME },
    { "memalign", MATCH_NAME },
    { "valloc", MATCH_NAME },
    { "pvalloc", MATCH_NAME },
    { "free", MATCH_NAME },
    { "cfree", MATCH_NAME },
    { "__libc_malloc", MATCH_PREFIX },
    { "__libc_calloc", MATCH_PREFIX },
    { "__libc_realloc", MATCH_PREFIX },
    { "__libc_memalign", MATCH_PREFIX },
    { "__GI___libc_malloc", MATCH_PREFIX },
    { "__GI___libc_calloc", MATCH_PREFIX },
    { "__GI___libc_realloc", MATCH_PREFIX },
    { "_int_malloc", MATCH_NAME },
    { "_int_realloc", MATCH_NAME },
    { "_int_memalign", MATCH_NAME },
    { "sysmalloc", MATCH_PREFIX },
    { "tcache_get", MATCH_NAME },
    { "__interceptor_malloc", MATCH_NAME },
    { "__interceptor_calloc", MATCH_NAME },
    { "__interceptor_realloc", MATCH_NAME },

    /* C++ */
    { "operator new", MATCH_NAME },
    { "operator new[]", MATCH_NAME },
    { "operator delete", MATCH_NAME },
    { "operator delete[]", MATCH_NAME },
    { "std::allocator<", MATCH_ALLOCATES },
    { "std::allocator_traits<", MATCH_ALLOCATES },
    { "std::__new_allocator<", MATCH_ALLOCATES },
    { "std::__1::allocator<", MATCH_ALLOCATES },
    { "std::__1::allocator_traits<", MATCH_ALLOCATES },
    { "std::__1::__libcpp_allocate", MATCH_PREFIX },
    { "std::__1::__libcpp_operator_new", MATCH_PREFIX },
    { "std::_Allocate", MATCH_PREFIX },
    { "std::_Default_allocate_traits", MATCH_PREFIX },
    { "__gnu_cxx::new_allocator<", MATCH_ALLOCATES },
    { "__gnu_cxx::__alloc_traits<", MATCH_ALLOCATES },

    /* GLib */
    { "g_malloc", MATCH_PREFIX },
    { "g_realloc", MATCH_PREFIX },
    { "g_try_malloc", MATCH_PREFIX },
    { "g_try_realloc", MATCH_PREFIX },
    { "g_slice_alloc", MATCH_PREFIX },
    { "g_aligned_alloc", MATCH_PREFIX },
    { "g_free", MATCH_PREFIX },
    { "g_slice_free", MATCH_PREFIX },
    { "g_aligned_free", MATCH_PREFIX },
};

static bool matches (const char *function, const char *name, enum match match)
{
    size_t length = strlen (name);
    const char *rest = function + length;

    if (strncmp (function, name, length) != 0)
        return false;
    switch (match) {
    case MATCH_PREFIX:
        return true;
    case MATCH_ALLOCATES:
        return strstr (rest, ">::allocate") != NULL || strstr (rest, ">::_S_allocate") != NULL ||
               strstr (rest, ">::deallocate") != NULL;
    case MATCH_NAME:
        break;
    }
    /* "malloc", "malloc(unsigned long)", "malloc@plt", "operator new (unsigned int)" */
    return *rest == '\0' || *rest == '(' || *rest == '@' || strncmp (rest, " (", 2) == 0;
}

bool hs_is_allocator_frame (const char *function)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        /* asked for every label of a trace: the first letter decides nearly always */
        if (function[0] == table[i].name[0] && matches (function, table[i].name, table[i].match))
            return true;
    }
    return false;
}

bool hs_is_allocator_in (const struct hs_tables *tables, const char *function)
{
    for (size_t i = tables->allocators.n; i > 0; i--) {
        const struct hs_allocator_rule *rule = &tables->allocators.items[i - 1];

        if (matches (function, hs_intern_text (&tables->strings, rule->name),
                     rule->is_prefix ? MATCH_PREFIX : MATCH_NAME))
            return !rule->is_none;
    }
    return hs_is_allocator_frame (function);
}
