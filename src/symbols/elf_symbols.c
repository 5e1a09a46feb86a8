/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups in symbol tables; see elf_symbols.h. */
#include "symbols/elf_symbols.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* Names that mean something to people first: malloc before __libc_malloc, and what other modules
 * can see before what they cannot. */
static uint8_t rank_of (const GElf_Sym *symbol, const char *name)
{
    unsigned rank = 0;

    while (name[rank] == '_' && rank < 7)
        rank++;
    if (strncmp (name, "_Z", 2) == 0 || strncmp (name, "_R", 2) == 0)
        rank = 0;
    if (GELF_ST_BIND (symbol->st_info) == STB_LOCAL)
        rank += 8;
    if (GELF_ST_TYPE (symbol->st_info) == STT_NOTYPE)
        rank += 16;
    return (uint8_t)rank;
}

/* Functions, and the labels of hand-written assembly; no data, no sections, no mapping marks. */
static bool is_code (const struct hs_elf_file *file, const GElf_Sym *symbol, GElf_Word section,
                     const char *name, Elf *elf)
{
    unsigned type = GELF_ST_TYPE (symbol->st_info);
    GElf_Shdr head;

    if (section == SHN_UNDEF || name == NULL || *name == '\0' || *name == '$')
        return false;
    if (type == STT_FUNC || type == STT_GNU_IFUNC)
        return true;
    if (type != STT_NOTYPE || elf == NULL || section >= SHN_LORESERVE)
        return false;
    return gelf_getshdr (elf_getscn (elf, section), &head) != NULL &&
           (head.sh_flags & SHF_EXECINSTR) != 0;
}

static int compare_symbols (const void *a, const void *b)
{
    const struct hs_elf_symbol *left = a, *right = b;

    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    if (left->has_size != right->has_size)
        return left->has_size ? -1 : 1;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return strcmp (left->name, right->name);
}

/* Ends of symbols without a size, and how far anything reaches. */
static void find_ends (struct hs_elf_symbols *symbols)
{
    uint64_t furthest = 0, next = UINT64_MAX;

    for (size_t i = symbols->symbols.n; i > 0; i--) {
        struct hs_elf_symbol *symbol = &symbols->symbols.items[i - 1];

        if (i < symbols->symbols.n && symbols->symbols.items[i].begin > symbol->begin)
            next = symbols->symbols.items[i].begin;
        if (!symbol->has_size) /* nothing at all says where the last one ends */
            symbol->end = next != UINT64_MAX ? next : symbol->begin + 1;
    }
    for (size_t i = 0; i < symbols->symbols.n; i++) {
        if (symbols->symbols.items[i].end > furthest)
            furthest = symbols->symbols.items[i].end;
        symbols->symbols.items[i].furthest = furthest;
    }
}

bool hs_elf_symbols_init (struct hs_elf_symbols *symbols, const struct hs_elf_file *file)
{
    int n = dwfl_module_getsymtab (file->module);

    *symbols = (struct hs_elf_symbols){ 0 };
    for (int i = 1; i < n; i++) {
        struct hs_elf_symbol *symbol;
        GElf_Word section;
        GElf_Addr address;
        GElf_Sym found;
        Elf *elf;
        const char *name =
            dwfl_module_getsym_info (file->module, i, &found, &address, &section, &elf, NULL);

        if (!is_code (file, &found, section, name, elf))
            continue;
        if (!hs_array_reserve (&symbols->symbols, 1))
            return false;
        symbols->has_locals |= GELF_ST_BIND (found.st_info) == STB_LOCAL;
        symbol = &symbols->symbols.items[symbols->symbols.n++];
        *symbol = (struct hs_elf_symbol){ .begin = address,
                                          .end = address + found.st_size,
                                          .name = name,
                                          .rank = rank_of (&found, name),
                                          .has_size = found.st_size > 0 };
        if (symbol->end < symbol->begin)
            symbol->end = UINT64_MAX;
    }
    if (symbols->symbols.n > 0)
        qsort (symbols->symbols.items, symbols->symbols.n, sizeof symbols->symbols.items[0],
               compare_symbols);
    find_ends (symbols);
    return true;
}

void hs_elf_symbols_clear (struct hs_elf_symbols *symbols)
{
    hs_array_clear (&symbols->symbols);
}

const struct hs_elf_symbol *hs_elf_symbols_find (const struct hs_elf_symbols *symbols,
                                                 uint64_t address)
{
    const struct hs_elf_symbol *items = symbols->symbols.items, *best = NULL;
    size_t low = 0, high = symbols->symbols.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (items[middle].begin <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* from the nearest down to where nothing reaches the address any more; aliases stand in the
     * order of their rank, so the last one seen of the nearest begin is the best */
    for (size_t i = low; i > 0 && items[i - 1].furthest > address; i--) {
        if (best != NULL && items[i - 1].begin < best->begin)
            break;
        if (items[i - 1].end > address)
            best = &items[i - 1];
    }
    return best;
}
