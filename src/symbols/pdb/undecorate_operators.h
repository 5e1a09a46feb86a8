/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of operators and of functions that compilers make, in decorated names; for undecorate.c. */
#ifndef HS_SYMBOLS_PDB_UNDECORATE_OPERATORS_H
#define HS_SYMBOLS_PDB_UNDECORATE_OPERATORS_H

#include <stddef.h>

/* What stands for the name of the class, and for that of a conversion's type. */
#define HS_OPERATOR_CONSTRUCTOR "\1"
#define HS_OPERATOR_DESTRUCTOR "\2"
#define HS_OPERATOR_CONVERSION "operator"

/* The name behind "?", NULL when there is none; *ret_length: letters that it takes. */
const char *hs_undecorate_operator (const char *at, size_t *ret_length);

#endif
