/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a recording may be written to a file that the user names. Main thread. */
#ifndef HS_APP_OUTPUT_CHECK_H
#define HS_APP_OUTPUT_CHECK_H

#include <glib.h>

/*
 * NULL, or a sentence about what is wrong with the path. A file that is there already is refused
 * once and put into *replaced (owned, NULL at first): who asks again means to replace it.
 */
const char *hs_output_complaint (const char *path, char **replaced);

#endif
