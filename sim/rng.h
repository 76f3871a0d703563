/*
 * rng: named streams of random numbers.
 *
 * Each purpose ("arrivals", "input_tokens") draws from a generator of its own,
 * seeded by a hash of the run's seed and the purpose's name: drawing more for
 * one purpose, or dropping it, leaves every other purpose's numbers alone.
 */
#ifndef TANDEM_RNG_H
#define TANDEM_RNG_H

#include "error.h"

#include <gsl/gsl_rng.h>
#include <stdint.h>

/*
 * The stream of `name` under `seed`: a Mersenne twister (Matsumoto and
 * Nishimura, ACM TOMACS 8(1), 1998) at its start. NULL, with `error` filled in,
 * when memory is out. Freed by rng_free(), which takes NULL too.
 */
gsl_rng *rng_stream(uint64_t seed, const char *name, struct error *error);
void rng_free(gsl_rng *rng);

#endif
