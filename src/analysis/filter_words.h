/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A filter's terms as words: "png_read module:libpng size:64..4k lifetime:<10ms thread:123
 * heap:0x1f0000". What the entry of the window and the options of the command line take. Not for
 * processes and times, which are chosen elsewhere. Any thread.
 */
#ifndef HS_ANALYSIS_FILTER_WORDS_H
#define HS_ANALYSIS_FILTER_WORDS_H

#include "analysis/filter.h"

enum hs_filter_term {
    HS_TERM_FRAMES,   /* text in the name of a function or module */
    HS_TERM_MODULE,   /* text in the name of a module */
    HS_TERM_SIZE,     /* bytes:  64..4k  64..  ..4k  64  <4k  <=4k  >4k  >=4k */
    HS_TERM_LIFETIME, /* likewise: 10ms..1s  <10ms */
    HS_TERM_THREAD,   /* 4711  0x1267 */
    HS_TERM_HEAP,
    HS_N_TERMS,
};

/* "size"; what stands before the colon. */
const char *hs_filter_term_name (enum hs_filter_term term);

/* A phrase for the user about a wrong value, with one %s for it; to be translated. */
const char *hs_filter_term_complaint (enum hs_filter_term term);

bool hs_filter_has_term (const struct hs_filter *filter, enum hs_filter_term term);
void hs_filter_clear_term (struct hs_filter *filter, enum hs_filter_term term);

/* Reads a value; false, and nothing is changed, when it is none. */
bool hs_filter_set_term (struct hs_filter *filter, enum hs_filter_term term, const char *value);

/* What was wrong first, as typed, and cut where it is long. */
struct hs_filter_wrong {
    enum hs_filter_term term;
    char value[HS_FILTER_TEXT];
};

/*
 * Sets the terms that a line of words has. Words without the name of a term and a colon before them
 * are HS_TERM_FRAMES, all together with a space between them; "double quotes" keep spaces in a
 * word. False, and nothing is changed, when a value is wrong.
 */
bool hs_filter_set_words (struct hs_filter *filter, const char *words,
                          struct hs_filter_wrong *ret_wrong);

#endif
