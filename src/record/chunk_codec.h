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
 * room as it does. A column whose values stay for many rows is given as runs of
 * them: fewer bytes to hand over, and planes that need no shuffling.
 *
 * How a plane is packed is chosen for several chunks at a time: to look at samples of
 * each took two thirds of deflate's time. Same chunks in the same order, same bytes,
 * wherever they lie in memory.
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

/* A value of up to 8 bytes that rows from this one on have. */
struct chunk_run {
    uint64_t value; /* in its low bytes */
    uint64_t row;
};

/* A column as runs, the first of which begins at row 0. */
struct chunk_runs {
    uint64_t count;
    struct chunk_run run[];
};

/* Of a column of so many rows, each of which may be a run; whole lines of the cache. */
#define CHUNK_RUNS_BYTES(rows) \
    ((sizeof(struct chunk_runs) + (rows) * sizeof(struct chunk_run) + 63) / 64 * 64)

/* Lets rows have a value from `row` on, none of which has one yet. */
static inline void chunk_runs_put(struct chunk_runs *runs, size_t row, uint64_t value)
{
    if (runs->count == 0 || runs->run[runs->count - 1].value != value)
        runs->run[runs->count++] = (struct chunk_run){.value = value, .row = row};
}

struct chunk_column {
    size_t bytes; /* of a row's value */
    bool is_runs; /* its values are given so */
};

struct chunk_codec {
    size_t row_count;
    size_t row_bytes;
    size_t given_bytes; /* of a chunk, as it is given */
    size_t packed_bytes_max;
    size_t column_count;
    struct chunk_column *columns; /* (column_count) */
    unsigned char *shuffled;
    unsigned char *packed;
    bool *is_constant;           /* (row_bytes) of the chunk's planes */
    enum chunk_packing *packing; /* (row_bytes) of each plane */
    size_t chunk_number;         /* counts up from 0 */
    unsigned char *constants;    /* (CHUNK_VALUES, constant_room): a plane of one value, deflated */
    size_t constant_room;
    size_t constant_bytes[CHUNK_VALUES]; /* of each; 0: not worked out yet */
    struct isal_zstream *stream;
};

/* For chunks of `chunk_rows` rows of such columns. -ERROR_MEMORY; then there is nothing to release.
 */
int chunk_codec_init(struct chunk_codec *codec, size_t chunk_rows,
                     const struct chunk_column *columns, size_t column_count, struct error *error);
void chunk_codec_release(struct chunk_codec *codec);

/* The bytes of a column in a chunk, as it is given. */
static inline size_t chunk_codec_room(const struct chunk_codec *codec, size_t column)
{
    const struct chunk_column *one = &codec->columns[column];
    return one->is_runs ? CHUNK_RUNS_BYTES(codec->row_count) : one->bytes * codec->row_count;
}

/* Packs a whole chunk into codec->packed, good until the next call; returns its bytes. */
size_t chunk_codec_pack(struct chunk_codec *codec, const void *columns);

#endif
