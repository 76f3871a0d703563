#include "chunk_codec.h"

#include <assert.h>
#include <endian.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL 1

/* Rows, and bytes of each, that are shuffled together. */
#define BLOCK 8

/* What deflate adds at the worst: five bytes a stored block, and the zlib stream's ends. */
#define STORED_BLOCK_BYTES 65535
#define STORED_BLOCK_EXTRA 5
#define STREAM_EXTRA 512

/* ISA-L looks this far beyond its input for matches, more than enough: zeros, so that what it packs
   depends on nothing else. */
#define LOOK_AHEAD 1024

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
        .shuffled = calloc(1, chunk_bytes + LOOK_AHEAD),
        .packed = malloc(packed_bytes_max),
        .stream = malloc(sizeof(struct isal_zstream)),
        .level_buffer = calloc(1, ISAL_DEF_LVL1_DEFAULT),
    };
    if (codec->shuffled && codec->packed && codec->stream && codec->level_buffer)
        return 0;
    chunk_codec_release(codec);
    return error_out_of_memory(error, "the buffers of a table");
}

void chunk_codec_release(struct chunk_codec *codec)
{
    free(codec->shuffled);
    free(codec->packed);
    free(codec->stream);
    free(codec->level_buffer);
    *codec = (struct chunk_codec){.row_bytes = 0};
}

/* The parts of words `step` apart that lie off the diagonal change places; `mask` has the lower. */
static inline void exchange(uint64_t words[BLOCK], uint32_t step, uint64_t mask)
{
    for (uint32_t i = 0; i < BLOCK / 2; i++) {
        uint64_t *upper = &words[i / step * 2 * step + i % step];
        uint64_t change = (upper[0] >> 8 * step ^ upper[step]) & mask;
        upper[step] ^= change;
        upper[0] ^= change << 8 * step;
    }
}

/*
 * Byte b of word r changes places with byte r of word b.
 * Source: Warren, Hacker's Delight, 2nd ed., 7-3, with bytes for bits.
 */
static inline void transpose(uint64_t words[BLOCK])
{
    exchange(words, 1, 0x00ff00ff00ff00ff);
    exchange(words, 2, 0x0000ffff0000ffff);
    exchange(words, 4, 0x00000000ffffffff);
}

/* Shuffles eight rows from `row` on: eight bytes of each, from `byte` on. */
static inline void shuffle_block(const struct chunk_codec *codec, const unsigned char *rows,
                                 size_t row, size_t byte)
{
    uint64_t words[BLOCK];
    for (size_t i = 0; i < BLOCK; i++) {
        memcpy(&words[i], rows + (row + i) * codec->row_bytes + byte, BLOCK);
        words[i] = le64toh(words[i]);
    }
    transpose(words);
    for (size_t i = 0; i < BLOCK; i++) {
        words[i] = htole64(words[i]);
        memcpy(codec->shuffled + (byte + i) * codec->row_count + row, &words[i], BLOCK);
    }
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
    memset(codec->level_buffer, 0, ISAL_DEF_LVL1_DEFAULT); /* what it keeps of earlier chunks */
    memset(stream, 0, sizeof(*stream));
    isal_deflate_stateless_init(stream);
    stream->level = LEVEL;
    stream->level_buf = codec->level_buffer;
    stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
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
