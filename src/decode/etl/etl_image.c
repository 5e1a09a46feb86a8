/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Images of an ETL file; see etl_image.h. */
#include "decode/etl/etl_image.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "decode/etl/etl_strings.h"

#define SYSTEM_PID 4u
#define KERNEL_FROM UINT64_C (0xffff000000000000)
#define GUID_BYTES 16
#define N_VERSION_TEXTS 10

enum { LOAD = 10, UNLOAD = 2, DC_START = 3, DC_END = 4 };
enum { ID_INFO = 0, ID_NONE = 32, ID_RSDS = 36, ID_IL_RSDS = 37, ID_FILE_VERSION = 64 };

bool hs_etl_is_image_id (const uint8_t guid[16])
{
    static const uint8_t image_id[GUID_BYTES] = { 0xd7, 0x75, 0xe6, 0xb3, 0x54, 0x25, 0x18, 0x4f,
                                                  0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde };

    return memcmp (guid, image_id, GUID_BYTES) == 0;
}

void hs_etl_images_clear (struct hs_etl_images *images)
{
    hs_idmap_clear (&images->with_pdb);
    hs_free (images->scratch);
    images->scratch = NULL;
}

static bool need_scratch (struct hs_etl_images *images, struct hs_etl_sink *sink)
{
    if (images->scratch == NULL)
        images->scratch = hs_alloc_array (HS_LIMIT_STRING_BYTES, 1);
    if (images->scratch == NULL)
        sink->is_out_of_memory = true;
    return images->scratch != NULL;
}

/* Kernel images are booked under pid 0, drivers loaded later under System too. */
static bool is_kernel_image (uint32_t pid, uint64_t base)
{
    return pid == 0 || (pid == SYSTEM_PID && base >= KERNEL_FROM);
}

/* The owner; false when memory is out. An image of a process that has ended belongs to it: unloads
 * and rundowns trail behind the end. */
static bool find_owner (struct hs_etl_processes *processes, struct hs_etl_sink *sink, uint32_t pid,
                        uint64_t base, int64_t time, hs_process_id *ret)
{
    *ret = HS_NO_PROCESS;
    if (is_kernel_image (pid, base))
        return true;
    *ret = hs_etl_process_trailing (processes, sink, pid, time);
    return *ret != HS_NO_PROCESS;
}

static bool module_op (const struct hs_etl_record *record, enum hs_module_op *ret)
{
    if (record->opcode == LOAD)
        *ret = HS_MODULE_LOAD;
    else if (record->opcode == UNLOAD)
        *ret = HS_MODULE_UNLOAD;
    else if (record->opcode == DC_START)
        *ret = HS_MODULE_RUNDOWN_START;
    else if (record->opcode == DC_END)
        *ret = HS_MODULE_RUNDOWN_END;
    else
        return false;
    return true;
}

void hs_etl_image_record (struct hs_etl_images *images, struct hs_etl_processes *processes,
                          struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    int64_t time = hs_etl_ticks (sink, record->time);
    struct hs_module_fields fields = { .debug_name = { "", 0 } };
    uint32_t pid = record->process;
    hs_process_id owner;

    if (!module_op (record, &fields.op) || !need_scratch (images, sink))
        return;
    fields.base = hs_reader_ptr (&reader, record->pointer_size);
    if (record->version == 0) {
        fields.size = hs_reader_u32 (&reader);
    } else {
        fields.size = hs_reader_ptr (&reader, record->pointer_size);
        pid = hs_reader_u32 (&reader);
    }
    if (record->version >= 2) {
        fields.checksum = hs_reader_u32 (&reader);
        fields.link_stamp = hs_reader_u32 (&reader);
        (void)hs_reader_u32 (&reader);
        (void)hs_reader_ptr (&reader, record->pointer_size);
        (void)hs_reader_take (&reader, 16);
    }
    if (reader.has_overrun) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    if (!find_owner (processes, sink, pid, fields.base, time, &owner))
        return;
    fields.path.bytes = images->scratch;
    fields.path.length = (uint32_t)hs_text_from_utf16 (hs_etl_take_wide (&reader), images->scratch,
                                                       HS_LIMIT_STRING_BYTES);
    hs_batch_add_module (sink->batch, time, &fields)->process = owner;
}

static uint64_t image_key (hs_process_id process, uint64_t base)
{
    return hs_hash_u64 (base) ^ process;
}

/* RSDS: P base, u32 pid, GUID, u32 age, PDB name. A managed image may have both kinds; the native
 * one is what native stacks need. */
static void read_rsds (struct hs_etl_images *images, struct hs_etl_processes *processes,
                       struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    int64_t time = hs_etl_ticks (sink, record->time);
    struct hs_module_fields fields = { .path = { "", 0 }, .op = HS_MODULE_IDENTITY };
    uint64_t base = hs_reader_ptr (&reader, record->pointer_size);
    uint32_t pid = hs_reader_u32 (&reader);
    const uint8_t *guid = hs_reader_take (&reader, GUID_BYTES);
    uint32_t age = hs_reader_u32 (&reader);
    hs_process_id owner;
    uint64_t key;

    if (reader.has_overrun) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    if (!need_scratch (images, sink) || !find_owner (processes, sink, pid, base, time, &owner))
        return;
    key = image_key (owner, base);
    if (record->opcode == ID_RSDS) {
        if (!hs_idmap_set (&images->with_pdb, key, 1))
            sink->is_out_of_memory = true;
    } else if (hs_idmap_get (&images->with_pdb, key) != HS_IDMAP_NONE) {
        return;
    }
    fields.base = base;
    memcpy (fields.build_id, guid, GUID_BYTES);
    fields.build_id_size = GUID_BYTES;
    fields.pdb_age = age;
    fields.debug_name.bytes = images->scratch;
    fields.debug_name.length = (uint32_t)hs_text_from_ansi (hs_etl_take_ansi (&reader),
                                                            images->scratch, HS_LIMIT_STRING_BYTES);
    hs_batch_add_module (sink->batch, time, &fields)->process = owner;
}

/* Info: P base, P size, u32 pid, u32 TimeDateStamp, original file name (not shown: the path is). */
static void read_info (struct hs_etl_processes *processes, struct hs_etl_sink *sink,
                       const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    int64_t time = hs_etl_ticks (sink, record->time);
    struct hs_module_fields fields = { .path = { "", 0 },
                                       .debug_name = { "", 0 },
                                       .op = HS_MODULE_IDENTITY };
    hs_process_id owner;
    uint32_t pid;

    fields.base = hs_reader_ptr (&reader, record->pointer_size);
    fields.size = hs_reader_ptr (&reader, record->pointer_size);
    pid = hs_reader_u32 (&reader);
    fields.link_stamp = hs_reader_u32 (&reader);
    if (reader.has_overrun) {
        hs_etl_sink_note_short (sink, record);
        return;
    }
    if (find_owner (processes, sink, pid, fields.base, time, &owner))
        hs_batch_add_module (sink->batch, time, &fields)->process = owner;
}

/* File version: u32 image size, u32 stamp, ten strings. It names no image, and the vocabulary has
 * no place for version texts; only its form is looked at. */
static void check_file_version (struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    struct hs_reader reader = hs_reader_init (record->payload);
    unsigned n_texts = 0;

    (void)hs_reader_take (&reader, 8);
    while (n_texts < N_VERSION_TEXTS && !reader.has_overrun && reader.rest.size > 0) {
        (void)hs_etl_take_wide (&reader);
        n_texts++;
    }
    if (reader.has_overrun)
        hs_etl_sink_note_short (sink, record);
}

void hs_etl_image_id_record (struct hs_etl_images *images, struct hs_etl_processes *processes,
                             struct hs_etl_sink *sink, const struct hs_etl_record *record)
{
    if (record->opcode == ID_RSDS || record->opcode == ID_IL_RSDS)
        read_rsds (images, processes, sink, record);
    else if (record->opcode == ID_INFO)
        read_info (processes, sink, record);
    else if (record->opcode == ID_FILE_VERSION)
        check_file_version (sink, record);
    else if (record->opcode == ID_NONE && record->payload.size < record->pointer_size + 4u)
        hs_etl_sink_note_short (sink, record);
}
