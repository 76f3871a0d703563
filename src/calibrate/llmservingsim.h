/*
 * llmservingsim: the profile that LLMServingSim takes of a GPU and a model, as
 * samples for tandem's tables.
 *
 * A folder with the kernels of one shard:
 *
 *     dense.csv         layer,tokens,time_us      one call of a layer
 *     per_sequence.csv  layer,sequences,time_us   LM head and sampler
 *     attention.csv     prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
 *
 *
 * Attention of decodes beside a chunk, one kernel there, becomes the chunk's and
 * what the decodes add to it. Rows of both whose chunk has a history, and those
 * of the final norm (a norm like the others), are passed over, and counted.
 * Source: github.com/casys-kaist/LLMServingSim (KAIST, MIT).
 */
#ifndef TANDEM_LLMSERVINGSIM_H
#define TANDEM_LLMSERVINGSIM_H

#include "measurements.h"
#include "model.h"

/* Adds the profile in `folder`, of `model` under `tensor_parallel`, which divides its heads.
   ERROR_CONFIG with file and line, ERROR_IO, ERROR_MEMORY. */
int llmservingsim_read(struct measurements *measurements, const char *folder,
                       const struct model *model, uint32_t tensor_parallel, struct error *error);

#endif
