/*
 * sweep_hash: FNV-1a, 64 bits: tells texts apart and finds damaged ones. Not
 * for secrets. Source: Fowler, Noll, Eastlake, "The FNV Non-Cryptographic Hash
 * Algorithm", draft-eastlake-fnv.
 */
#ifndef TANDEM_SWEEP_HASH_H
#define TANDEM_SWEEP_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SWEEP_HASH_START UINT64_C(0xcbf29ce484222325)

/* The hash of what `hash` is of, followed by `bytes` of `data`. */
static inline uint64_t sweep_hash(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
