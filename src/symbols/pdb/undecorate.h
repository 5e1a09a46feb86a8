/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names as Microsoft's compilers decorate them, back to source: the qualified name with its
 * template arguments, without return type and parameters ("?get@S@ns@@QEAAHH@Z" -> "ns::S::get").
 * (Grammar: LLVM's MicrosoftDemangle, and Agner Fog's "Calling conventions", chapter 8.)
 */
#ifndef HS_SYMBOLS_PDB_UNDECORATE_H
#define HS_SYMBOLS_PDB_UNDECORATE_H

#include <stddef.h>

/* Writes at most `size` bytes with the NUL (size >= 1). A name that is not understood, or is not
 * decorated, comes back as it is, cut to fit. */
void hs_undecorate (const char *name, char *ret, size_t size);

#endif
