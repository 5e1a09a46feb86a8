/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Little-endian integers at any address: the only place where byte order and alignment exist. */
#ifndef HS_BASE_ENDIAN_H
#define HS_BASE_ENDIAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#define HS_LE(bits, value) __builtin_bswap##bits (value)
#else
#define HS_LE(bits, value) (value)
#endif

static inline uint16_t hs_get_u16 (const uint8_t *at)
{
    uint16_t value;

    memcpy (&value, at, sizeof value);
    return HS_LE (16, value);
}

static inline uint32_t hs_get_u32 (const uint8_t *at)
{
    uint32_t value;

    memcpy (&value, at, sizeof value);
    return HS_LE (32, value);
}

static inline uint64_t hs_get_u64 (const uint8_t *at)
{
    uint64_t value;

    memcpy (&value, at, sizeof value);
    return HS_LE (64, value);
}

/* `n` values into an array; a plain copy where the machine is little-endian. */
static inline void hs_get_u64s (uint64_t *values, const uint8_t *at, size_t n)
{
    if (n == 0)
        return;
    memcpy (values, at, n * sizeof *values);
    for (size_t i = 0; __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && i < n; i++)
        values[i] = HS_LE (64, values[i]);
}

static inline void hs_put_u16 (uint8_t *at, uint16_t value)
{
    value = HS_LE (16, value);
    memcpy (at, &value, sizeof value);
}

static inline void hs_put_u32 (uint8_t *at, uint32_t value)
{
    value = HS_LE (32, value);
    memcpy (at, &value, sizeof value);
}

static inline void hs_put_u64 (uint8_t *at, uint64_t value)
{
    value = HS_LE (64, value);
    memcpy (at, &value, sizeof value);
}

#endif
