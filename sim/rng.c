#include "rng.h"

#include <stdlib.h>

/* 64-bit FNV-1a. Source: Fowler, Noll, Vo and Eastlake, IETF draft-eastlake-fnv. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash;
}

/* Spreads every bit of `x` over all. Source: Steele, Lea and Flood, SplitMix, OOPSLA 2014. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/*
 * Put together by hand because gsl_rng_alloc() calls GSL's error handler, which
 * aborts, when memory is out; the layout is GSL's public one.
 */
gsl_rng *rng_stream(uint64_t seed, const char *name, struct error *error)
{
    gsl_rng *rng = malloc(sizeof(*rng));
    void *state = calloc(1, gsl_rng_mt19937->size);
    if (!rng || !state) {
        free(rng);
        free(state);
        error_out_of_memory(error, "a random stream");
        return NULL;
    }
    *rng = (gsl_rng){.type = gsl_rng_mt19937, .state = state};
    /* The twister takes 32 bits of seed: hand it the best-mixed half. */
    gsl_rng_set(rng, (unsigned long)(mix(mix(seed) ^ hash_name(name)) >> 32));
    return rng;
}

void rng_free(gsl_rng *rng)
{
    gsl_rng_free(rng);
}
