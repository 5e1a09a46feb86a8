/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes the checksums of a damaged closing index right again (FORMAT.md 9), so that damage reaches
 * what stands behind them. */
#ifndef HS_TESTS_LIB_INDEX_MEND_H
#define HS_TESTS_LIB_INDEX_MEND_H

#include <stddef.h>
#include <stdint.h>

/* Of the end, the head, the tables and all chunks that lie inside the file. */
void index_mend (uint8_t *bytes, size_t size);

/* Where the index begins, going by the file's last bytes; `size` when there is none. */
size_t index_begin (const uint8_t *bytes, size_t size);

#endif
