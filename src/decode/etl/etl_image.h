/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Images (formats/etl.md 6.3) and what merge tools found out about them (ImageID, 6.4). Paths stay
 * the NT paths that were recorded. One thread; belongs to struct hs_etl_meaning.
 */
#ifndef HS_DECODE_ETL_ETL_IMAGE_H
#define HS_DECODE_ETL_ETL_IMAGE_H

#include "decode/etl/etl_process.h"

struct hs_etl_images {
    struct hs_idmap with_pdb; /* hash of (process, base): its native PDB is known */
    char *scratch;            /* HS_LIMIT_STRING_BYTES, made on first use */
};

/* Whether the class GUID is that of ImageID records. */
bool hs_etl_is_image_id (const uint8_t guid[16]);

/* Load (03/10 or 14/10), unload, DC start, DC end. Adds at most two events. */
void hs_etl_image_record (struct hs_etl_images *images, struct hs_etl_processes *processes,
                          struct hs_etl_sink *sink, const struct hs_etl_record *record);

/* Adds at most two events. */
void hs_etl_image_id_record (struct hs_etl_images *images, struct hs_etl_processes *processes,
                             struct hs_etl_sink *sink, const struct hs_etl_record *record);

void hs_etl_images_clear (struct hs_etl_images *images);

#endif
