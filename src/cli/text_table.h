/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A table of text: collected row by row, printed with aligned columns. For some thousands of rows;
 * longer lists print as they go. GLib memory, one thread.
 */
#ifndef HS_CLI_TEXT_TABLE_H
#define HS_CLI_TEXT_TABLE_H

#include <stdint.h>
#include <stdio.h>

struct text_table;

/* `headings`: already translated, ended by NULL. `alignment`: one 'l' or 'r' per column. */
struct text_table *text_table_new (const char *alignment, const char *const *headings);
void text_table_free (struct text_table *table);

/* The next cell, left to right, row after row. */
void text_table_add (struct text_table *table, const char *text);
void text_table_count (struct text_table *table, uint64_t count); /* "4,118,902" */
void text_table_bytes (struct text_table *table, uint64_t bytes); /* "171.2 MiB" */
void text_table_printf (struct text_table *table, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Prints headings and rows, each line after `indent` blanks. */
void text_table_print (const struct text_table *table, FILE *out, int indent);

#endif
