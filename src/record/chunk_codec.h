/*
 * chunk_codec: a chunk of a table as HDF5's shuffle and deflate filters store it.
 *
 * The two filters that every HDF5 reader has, worked outside HDF5: shuffle puts
 * the first bytes of all rows together, a plane, then the second ones, and so on;
 * deflate is a zlib stream. Intel's ISA-L makes that stream at its level 0, with
 * deflate's fixed codes: measured on the steps and spans of 89,000 steps (12 MB),
 * that takes 11 ms for 2.7 MB, its level 1 as much for 2.8 MB, libdeflate's level 1
 * 55 ms for 2.5 MB, zlib's 90 ms for 2.6 MB. Planes without repeats, the low bytes
 * of times, take most of that and get no smaller: they go into the stream as they
 * are, which takes a third of the instructions and a fifth of the time off. A later
 * plane that has their bytes again finds them there. What becomes of a plane of one
 * value, the high bytes of most, is worked out once a value.
 *
 * A chunk is given column by column, all its rows' values of the first, then those of
 * the second: a plane then comes from one place, and a column's planes take as much
 * room as it does.
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
#include <stdint.h>

/* What becomes of a plane: it repeats itself, or the plane of the number before, or neither, or is
   all one value. */
enum chunk_packing { CHUNK_DEFLATED, CHUNK_DEFLATED_BEHIND, CHUNK_STORED, CHUNK_CONSTANT };

#define CHUNK_VALUES 256 /* of a byte */

/* Columns, a bit each; those beyond the 64th are never among them. */
typedef uint64_t chunk_columns;

static inline bool chunk_columns_have(chunk_columns columns, size_t column)
{
    return column < 64 && columns >> column & 1;
}

struct chunk_codec {
    size_t row_count;
    size_t row_bytes;
    size_t chunk_bytes;
    size_t packed_bytes_max;
    size_t column_count;
    size_t *column_bytes; /* (column_count) of a row's value */
    unsigned char *shuffled;
    unsigned char *packed;
    enum chunk_packing *packing; /* (row_bytes) of each plane */
    unsigned char *constants;    /* (CHUNK_VALUES, constant_room): a plane of one value, deflated */
    size_t constant_room;
    size_t constant_bytes[CHUNK_VALUES]; /* of each; 0: not worked out yet */
    struct isal_zstream *stream;
};

/* For chunks of `chunk_rows` rows, whose columns have so many bytes each. -ERROR_MEMORY; then there
   is nothing to release. */
int chunk_codec_init(struct chunk_codec *codec, size_t chunk_rows, const size_t *column_bytes,
                     size_t column_count, struct error *error);
void chunk_codec_release(struct chunk_codec *codec);

/* Packs a whole chunk into codec->packed, good until the next call; returns its bytes. Of the
   columns `held` only the first row's value is there, which is all rows'. */
size_t chunk_codec_pack(struct chunk_codec *codec, const void *columns, chunk_columns held);

#endif
