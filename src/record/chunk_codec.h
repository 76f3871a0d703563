/*
 * chunk_codec: a chunk of rows as HDF5's shuffle and deflate filters store it.
 *
 * The two filters that every HDF5 reader has, worked outside HDF5: shuffle puts
 * the first bytes of all rows together, a plane, then the second ones, and so on;
 * deflate is a zlib stream. Intel's ISA-L makes that stream at its level 0, with
 * deflate's fixed codes: measured on the steps and spans of 89,000 steps (12 MB),
 * that takes 11 ms for 2.7 MB, its level 1 as much for 2.8 MB, libdeflate's level 1
 * 55 ms for 2.5 MB, zlib's 90 ms for 2.6 MB. Planes without repeats, the low bytes
 * of times, take most of that and get no smaller: they go into the stream as they
 * are, which takes a third of the instructions and a fifth of the time off.
 *
 * Same rows, same bytes, whatever was packed before and wherever it lies in memory.
 * Levels 1 and 2 of ISA-L 2.30 do not keep to that: they take part of the stream's
 * address for the data's second bytes, once (igzip_icf_body_h1_gr_bt.asm).
 */
#ifndef TANDEM_CHUNK_CODEC_H
#define TANDEM_CHUNK_CODEC_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct chunk_codec {
    size_t row_count;
    size_t row_bytes;
    size_t chunk_bytes;
    size_t packed_bytes_max;
    unsigned char *shuffled;
    unsigned char *packed;
    bool *is_stored; /* (row_bytes) */
    struct isal_zstream *stream;
};

/* For chunks of `chunk_rows` rows of `row_bytes`. -ERROR_MEMORY; then there is nothing to release.
 */
int chunk_codec_init(struct chunk_codec *codec, size_t chunk_rows, size_t row_bytes,
                     struct error *error);
void chunk_codec_release(struct chunk_codec *codec);

/* Packs a whole chunk into codec->packed, good until the next call; returns its bytes. */
size_t chunk_codec_pack(struct chunk_codec *codec, const void *rows);

#endif
