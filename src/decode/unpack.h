/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a packed file holds, as a source of bytes: gzip, zstd (both of several members or frames),
 * and members of ZIP archives. Not for the packed buffers inside of ETL files.
 *
 * Unpacks forward on demand into a spool, so what has come out once can be read again anywhere and
 * the first events are there long before the end. Packed data that is cut off or damaged, or
 * grows over the limits of base/limits.h, ends early: what came out stays, hs_unpack_damage()
 * says why it ended. One thread at a time.
 */
#ifndef HS_DECODE_UNPACK_H
#define HS_DECODE_UNPACK_H

#include "decode/source.h"

enum hs_packing {
    HS_PACKING_NONE,
    HS_PACKING_GZIP,
    HS_PACKING_ZSTD,
    HS_PACKING_ZIP,
    HS_PACKING_OLE, /* compound file: recognised to be refused by name */
};

/* By the first bytes of a file. */
enum hs_packing hs_packing_of (struct hs_span head);
const char *hs_packing_name (enum hs_packing packing); /* "gzip"; never NULL */

struct hs_unpack;

/*
 * `packed` stays the caller's and outlives the result. `member`: which file of a ZIP archive, by
 * its number in hs_unpack_walk_members; 0 otherwise. `outer`: what `packed` itself was unpacked by,
 * or NULL: the ratio limit counts from the outermost bytes.
 */
enum hs_status hs_unpack_open (struct hs_source *packed, enum hs_packing packing, unsigned member,
                               const struct hs_unpack *outer, struct hs_unpack **ret,
                               struct hs_error *err);

/* Lives as long as `unpack`. */
struct hs_source *hs_unpack_source (struct hs_unpack *unpack);

/* Why unpacking ended early, as far as it has come; NULL = no damage so far. */
const struct hs_error *hs_unpack_damage (const struct hs_unpack *unpack);

void hs_unpack_close (struct hs_unpack *unpack); /* NULL is allowed */

/*
 * Calls `visit` with number, name and first bytes (at most HS_PROBE_BYTES) of each file of a ZIP
 * archive until it returns false. Damage behind the first file ends the walk with HS_OK.
 */
typedef bool (*hs_member_visitor) (void *data, unsigned member, const char *name,
                                   struct hs_span head);
enum hs_status hs_unpack_walk_members (struct hs_source *packed, hs_member_visitor visit,
                                       void *data, struct hs_error *err);

#endif
