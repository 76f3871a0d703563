#include "chunk_codec.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Rows, and bytes of each, that are shuffled together: what a vector register holds. */
#define BLOCK 16

/* What deflate adds at the worst: five bytes a stored block, and the zlib stream's ends. */
#define STORED_BLOCK_BYTES 65535
#define STORED_BLOCK_EXTRA 5
#define STREAM_EXTRA 512

int chunk_codec_init(struct chunk_codec *codec, size_t chunk_rows, size_t row_bytes,
                     struct error *error)
{
    size_t chunk_bytes = chunk_rows * row_bytes;
    size_t blocks = chunk_bytes / STORED_BLOCK_BYTES + 1;
    size_t packed_bytes_max = chunk_bytes + blocks * STORED_BLOCK_EXTRA + STREAM_EXTRA;
    assert(packed_bytes_max <= UINT32_MAX);
    *codec = (struct chunk_codec){
        .row_count = chunk_rows,
        .row_bytes = row_bytes,
        .chunk_bytes = chunk_bytes,
        .packed_bytes_max = packed_bytes_max,
        .shuffled = malloc(chunk_bytes),
        .packed = malloc(packed_bytes_max),
        .stream = malloc(sizeof(struct isal_zstream)),
    };
    if (codec->shuffled && codec->packed && codec->stream)
        return 0;
    chunk_codec_release(codec);
    return error_out_of_memory(error, "the buffers of a table");
}

void chunk_codec_release(struct chunk_codec *codec)
{
    free(codec->shuffled);
    free(codec->packed);
    free(codec->stream);
    *codec = (struct chunk_codec){.row_bytes = 0};
}

typedef unsigned char vector __attribute__((vector_size(BLOCK)));

/* Half of two vectors, a byte of each in turn. */
static inline vector interleave_low(vector a, vector b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

static inline vector interleave_high(vector a, vector b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}

/* A perfect shuffle of all bytes: the top bit of a byte's number becomes its lowest. */
static inline void interleave(const vector from[BLOCK], vector to[BLOCK])
{
    for (uint32_t i = 0; i < BLOCK / 2; i++) {
        to[2 * i] = interleave_low(from[i], from[i + BLOCK / 2]);
        to[2 * i + 1] = interleave_high(from[i], from[i + BLOCK / 2]);
    }
}

/* Shuffles sixteen rows from `row` on: sixteen bytes of each, from `byte` on. Four bits of a byte's
   number are its row's, four its place in it: four perfect shuffles exchange them. */
static inline void shuffle_block(const struct chunk_codec *codec, const unsigned char *rows,
                                 size_t row, size_t byte)
{
    vector a[BLOCK];
    vector b[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        memcpy(&a[i], rows + (row + i) * codec->row_bytes + byte, BLOCK);
    interleave(a, b);
    interleave(b, a);
    interleave(a, b);
    interleave(b, a);
    for (size_t i = 0; i < BLOCK; i++)
        memcpy(codec->shuffled + (byte + i) * codec->row_count + row, &a[i], BLOCK);
}

/* Byte b of row r goes to place b * rows + r. */
static void shuffle(const struct chunk_codec *codec, const unsigned char *rows)
{
    size_t row_bytes = codec->row_bytes;
    size_t row_count = codec->row_count;
    size_t in_blocks = row_bytes < BLOCK ? 0 : row_count / BLOCK * BLOCK;
    for (size_t row = 0; row < in_blocks; row += BLOCK) {
        for (size_t byte = 0; byte + BLOCK <= row_bytes; byte += BLOCK)
            shuffle_block(codec, rows, row, byte);
        shuffle_block(codec, rows, row, row_bytes - BLOCK); /* the last bytes, some once more */
    }
    for (size_t row = in_blocks; row < row_count; row++)
        for (size_t byte = 0; byte < row_bytes; byte++)
            codec->shuffled[byte * row_count + row] = rows[row * row_bytes + byte];
}

size_t chunk_codec_pack(struct chunk_codec *codec, const void *rows)
{
    struct isal_zstream *stream = codec->stream;
    shuffle(codec, rows);
    memset(stream, 0, sizeof(*stream)); /* the library reads more of it than it sets */
    isal_deflate_stateless_init(stream);
    isal_deflate_set_hufftables(stream, NULL, IGZIP_HUFFTABLE_STATIC);
    stream->gzip_flag = IGZIP_ZLIB;
    stream->end_of_stream = 1;
    stream->next_in = codec->shuffled;
    stream->avail_in = (uint32_t)codec->chunk_bytes;
    stream->next_out = codec->packed;
    stream->avail_out = (uint32_t)codec->packed_bytes_max;
    int status = isal_deflate_stateless(stream);
    assert(status == COMP_OK); /* there is room for whatever it makes of a chunk */
    (void)status;
    return stream->total_out;
}
