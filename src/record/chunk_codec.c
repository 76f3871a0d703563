#include "chunk_codec.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Rows, and bytes of each, that are shuffled together: what a vector register holds. */
#define BLOCK 16

/* Blocks whose rows fill a line of the cache in each plane. Planes lie a power of two apart, so
   that all their lines want the same few places: each is written at once. */
#define BLOCKS_A_LINE 4
#define LINE_ROWS ((size_t)BLOCKS_A_LINE * BLOCK)

/* What deflate adds at the worst: a few bytes a block, and the zlib stream's ends. */
#define STORED_BLOCK_BYTES 65535
#define BLOCK_EXTRA 16
#define STREAM_EXTRA 512

/* Of a plane's last bytes, zeros in a chunk that is not full, how many words have to come again for
   it to be worth deflating. Fewer bytes miss repeats that are far apart; twice as many make files
   1% smaller and runs 3% longer. */
#define SAMPLE_BYTES 512
#define REPEATS_MIN 32
#define WORDS_LOG2 9

/* Of a column of times or counts. */
#define NUMBER_BYTES 8

/* How far back deflate finds repeats. */
#define WINDOW_BYTES 32768

int chunk_codec_init(struct chunk_codec *codec, size_t chunk_rows, size_t row_bytes,
                     struct error *error)
{
    size_t chunk_bytes = chunk_rows * row_bytes;
    size_t blocks = chunk_bytes / STORED_BLOCK_BYTES + row_bytes;
    size_t packed_bytes_max = chunk_bytes + blocks * BLOCK_EXTRA + STREAM_EXTRA;
    assert(packed_bytes_max <= UINT32_MAX);
    *codec = (struct chunk_codec){
        .row_count = chunk_rows,
        .row_bytes = row_bytes,
        .chunk_bytes = chunk_bytes,
        .packed_bytes_max = packed_bytes_max,
        .shuffled = malloc(chunk_bytes),
        .packed = malloc(packed_bytes_max),
        .is_stored = malloc(row_bytes),
        .stream = malloc(sizeof(struct isal_zstream)),
    };
    if (codec->is_stored && codec->shuffled && codec->packed && codec->stream)
        return 0;
    chunk_codec_release(codec);
    return error_out_of_memory(error, "the buffers of a table");
}

void chunk_codec_release(struct chunk_codec *codec)
{
    free(codec->shuffled);
    free(codec->packed);
    free(codec->is_stored);
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

/* Shuffles sixteen bytes of sixteen rows. Four bits of a byte's number are its row's, four its
   place in it: four perfect shuffles exchange them. */
static inline void shuffle_block(const unsigned char *bytes, size_t row_bytes, vector a[BLOCK])
{
    vector b[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        memcpy(&a[i], bytes + i * row_bytes, BLOCK);
    interleave(a, b);
    interleave(b, a);
    interleave(a, b);
    interleave(b, a);
}

/* Shuffles a line's rows from `row` on: sixteen bytes of each, from `byte` on. */
static inline void shuffle_line(const struct chunk_codec *codec, const unsigned char *rows,
                                size_t row, size_t byte)
{
    vector blocks[BLOCKS_A_LINE][BLOCK];
    for (size_t i = 0; i < BLOCKS_A_LINE; i++)
        shuffle_block(rows + (row + i * BLOCK) * codec->row_bytes + byte, codec->row_bytes,
                      blocks[i]);
    for (size_t plane = 0; plane < BLOCK; plane++)
        for (size_t i = 0; i < BLOCKS_A_LINE; i++)
            memcpy(codec->shuffled + (byte + plane) * codec->row_count + row + i * BLOCK,
                   &blocks[i][plane], BLOCK);
}

/* Byte b of row r goes to place b * rows + r. */
static void shuffle(const struct chunk_codec *codec, const unsigned char *rows)
{
    size_t row_bytes = codec->row_bytes;
    size_t row_count = codec->row_count;
    size_t in_lines = row_bytes < BLOCK ? 0 : row_count / LINE_ROWS * LINE_ROWS;
    for (size_t row = 0; row < in_lines; row += LINE_ROWS) {
        for (size_t byte = 0; byte + BLOCK <= row_bytes; byte += BLOCK)
            shuffle_line(codec, rows, row, byte);
        shuffle_line(codec, rows, row, row_bytes - BLOCK); /* the last bytes, some once more */
    }
    for (size_t row = in_lines; row < row_count; row++)
        for (size_t byte = 0; byte < row_bytes; byte++)
            codec->shuffled[byte * row_count + row] = rows[row * row_bytes + byte];
}

/* Words seen in samples, by their hash: the latest with each. */
struct words {
    uint32_t seen[1 << WORDS_LOG2];
};

/* Whether a sample has words again, those of samples before it counted; if so, not all are noted.
 */
static bool has_repeats(struct words *words, const unsigned char *sample)
{
    uint32_t repeats = 0;
    for (size_t at = 0; at + sizeof(uint32_t) <= SAMPLE_BYTES && repeats < REPEATS_MIN; at++) {
        uint32_t word;
        memcpy(&word, sample + at, sizeof(word));
        uint32_t *latest = &words->seen[word * UINT32_C(0x9e3779b1) >> (32 - WORDS_LOG2)];
        repeats += *latest == word;
        *latest = word;
    }
    return repeats == REPEATS_MIN;
}

/* Which planes are not to be deflated: those that repeat neither themselves nor the plane of the
   number before, as the times do at which one step ends and another begins. Where deflate is to
   find one plane in another, it has to see both and what lies between. */
static void choose_stored(struct chunk_codec *codec)
{
    size_t count = codec->row_count;
    memset(codec->is_stored, false, codec->row_bytes);
    for (size_t byte = 0; byte < codec->row_bytes && count >= SAMPLE_BYTES; byte++) {
        const unsigned char *sample = codec->shuffled + (byte + 1) * count - SAMPLE_BYTES;
        struct words words = {{0}};
        if (has_repeats(&words, sample))
            continue;
        codec->is_stored[byte] = true;
        if (byte < NUMBER_BYTES || NUMBER_BYTES * count > WINDOW_BYTES)
            continue;
        if (has_repeats(&words, sample - NUMBER_BYTES * count))
            memset(codec->is_stored + byte - NUMBER_BYTES, false, NUMBER_BYTES + 1);
    }
}

/* Appends deflate's stored blocks; returns their end. */
static unsigned char *store(unsigned char *to, const unsigned char *bytes, size_t count)
{
    while (count > 0) {
        size_t length = count < STORED_BLOCK_BYTES ? count : STORED_BLOCK_BYTES;
        unsigned char low = (unsigned char)length;
        unsigned char high = (unsigned char)(length >> 8);
        unsigned char header[] = {0, low, high, (unsigned char)~low, (unsigned char)~high};
        memcpy(to, header, sizeof(header));
        memcpy(to + sizeof(header), bytes, length);
        to += sizeof(header) + length;
        bytes += length;
        count -= length;
    }
    return to;
}

/* Appends deflate blocks up to a whole byte; returns their end. */
static unsigned char *deflate(const struct chunk_codec *codec, unsigned char *to,
                              unsigned char *bytes, size_t count)
{
    struct isal_zstream *stream = codec->stream;
    isal_deflate_stateless_init(stream);
    isal_deflate_set_hufftables(stream, NULL, IGZIP_HUFFTABLE_STATIC);
    stream->flush = FULL_FLUSH;
    stream->next_in = bytes;
    stream->avail_in = (uint32_t)count;
    stream->next_out = to;
    stream->avail_out = (uint32_t)(codec->packed + codec->packed_bytes_max - to);
    int status = isal_deflate_stateless(stream);
    assert(status == COMP_OK); /* there is room for whatever it makes of a chunk */
    (void)status;
    return stream->next_out;
}

/* Appends all planes, those side by side that are packed alike at a time. */
static unsigned char *append_planes(const struct chunk_codec *codec, unsigned char *to)
{
    size_t end = 0;
    while (end < codec->row_bytes) {
        size_t first = end;
        bool is_stored = codec->is_stored[first];
        while (end < codec->row_bytes && codec->is_stored[end] == is_stored)
            end++;
        unsigned char *planes = codec->shuffled + first * codec->row_count;
        size_t count = (end - first) * codec->row_count;
        to = is_stored ? store(to, planes, count) : deflate(codec, to, planes, count);
    }
    return to;
}

size_t chunk_codec_pack(struct chunk_codec *codec, const void *rows)
{
    static const unsigned char zlib_header[] = {0x78, 0x01}; /* RFC 1950 */
    static const unsigned char last_block[] = {0x03, 0x00};  /* RFC 1951: empty, with fixed codes */
    shuffle(codec, rows);
    choose_stored(codec);
    memset(codec->stream, 0, sizeof(*codec->stream)); /* the library reads more than it sets */
    memcpy(codec->packed, zlib_header, sizeof(zlib_header));
    unsigned char *to = append_planes(codec, codec->packed + sizeof(zlib_header));
    memcpy(to, last_block, sizeof(last_block));
    to += sizeof(last_block);
    uint32_t sum = isal_adler32(1, codec->shuffled, codec->chunk_bytes);
    for (int shift = 24; shift >= 0; shift -= 8)
        *to++ = (unsigned char)(sum >> shift);
    return (size_t)(to - codec->packed);
}
