/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CodeView records: u16 length of what follows, u16 kind, body (cvinfo.h of microsoft-pdb). */
#ifndef HS_SYMBOLS_PDB_CODEVIEW_H
#define HS_SYMBOLS_PDB_CODEVIEW_H

#include "base/span.h"

#define CV_S_END 0x0006u
#define CV_S_THUNK32 0x1102u
#define CV_S_BLOCK32 0x1103u
#define CV_S_PUB32 0x110eu
#define CV_S_LPROC32 0x110fu
#define CV_S_GPROC32 0x1110u
#define CV_S_SEPCODE 0x1132u
#define CV_S_LPROC32_ID 0x1146u
#define CV_S_GPROC32_ID 0x1147u
#define CV_S_INLINESITE 0x114du
#define CV_S_INLINESITE_END 0x114eu
#define CV_S_PROC_ID_END 0x114fu
#define CV_S_LPROC32_DPC 0x1155u
#define CV_S_LPROC32_DPC_ID 0x1156u
#define CV_S_INLINESITE2 0x115du

#define CV_LF_CLASS 0x1504u
#define CV_LF_STRUCTURE 0x1505u
#define CV_LF_UNION 0x1506u
#define CV_LF_ENUM 0x1507u
#define CV_LF_INTERFACE 0x1519u
#define CV_LF_FUNC_ID 0x1601u
#define CV_LF_MFUNC_ID 0x1602u
#define CV_LF_STRING_ID 0x1605u

/* Where names begin in bodies. */
#define CV_PROC_NAME 35u
#define CV_THUNK_NAME 21u
#define CV_PUBLIC_NAME 10u

struct hs_cv_record {
    uint32_t at; /* offset of the record in its stream */
    uint16_t kind;
    struct hs_span body;
};

/* The record at *at; moves *at behind it. False at the end, or where no whole record follows. */
static inline bool hs_cv_next (struct hs_span stream, uint32_t *at, struct hs_cv_record *ret)
{
    uint32_t length;

    if (!hs_span_has (stream, *at, 4))
        return false;
    length = hs_get_u16 (stream.data + *at);
    if (length < 2 || !hs_span_has (stream, *at, 2 + (size_t)length))
        return false;
    ret->at = *at;
    ret->kind = hs_get_u16 (stream.data + *at + 2);
    ret->body = (struct hs_span){ stream.data + *at + 4, length - 2 };
    *at += 2 + length;
    return true;
}

/* The NUL-terminated text at `offset`; "" when it does not end inside the span. */
static inline const char *hs_cv_text (struct hs_span span, size_t offset)
{
    struct hs_span part = hs_span_part (span, offset, SIZE_MAX);

    return part.size > 0 && memchr (part.data, 0, part.size) != NULL ? (const char *)part.data : "";
}

#endif
