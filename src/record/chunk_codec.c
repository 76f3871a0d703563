#include "chunk_codec.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <stdlib.h>

#define LEVEL 1

/* Rows shuffled together: their bytes stay in the first-level cache for all columns. */
#define BLOCK_ROWS 256

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
        .row_bytes = row_bytes,
        .chunk_bytes = chunk_bytes,
        .packed_bytes_max = packed_bytes_max,
        .shuffled = malloc(chunk_bytes),
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

/* Byte b of row r goes to place b * rows + r. */
static void shuffle(const struct chunk_codec *codec, const unsigned char *rows)
{
    size_t row_bytes = codec->row_bytes;
    size_t row_count = codec->chunk_bytes / row_bytes;
    for (size_t first = 0; first < row_count; first += BLOCK_ROWS) {
        size_t end = row_count - first < BLOCK_ROWS ? row_count : first + BLOCK_ROWS;
        for (size_t byte = 0; byte < row_bytes; byte++) {
            unsigned char *plane = codec->shuffled + byte * row_count;
            for (size_t row = first; row < end; row++)
                plane[row] = rows[row * row_bytes + byte];
        }
    }
}

size_t chunk_codec_pack(struct chunk_codec *codec, const void *rows)
{
    struct isal_zstream *stream = codec->stream;
    shuffle(codec, rows);
    *stream = (struct isal_zstream){.level = 0};
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
