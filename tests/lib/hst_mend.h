/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the checksums of a damaged .hst file right again, so that damage reaches the records. */
#ifndef HS_TESTS_LIB_HST_MEND_H
#define HS_TESTS_LIB_HST_MEND_H

#include <stddef.h>
#include <stdint.h>

/* Of the file header and of all chunks that can be found by their lengths. */
void hst_mend (uint8_t *bytes, size_t size);

#endif
