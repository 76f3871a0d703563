/* Is a packed chunk what HDF5's shuffle and deflate filters undo, and the same every time? */
#include "chunk_codec.h"

#include "../suite.h"
#include "dice.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4096 /* as tables have them */
#define ROW_BYTES 45
#define CHUNK_BYTES (ROWS * ROW_BYTES)

static unsigned char rows[CHUNK_BYTES];
static unsigned char others[CHUNK_BYTES];
static unsigned char inflated[CHUNK_BYTES];

/* Bytes without any pattern: what deflate can do the least with. */
static void fill_with_noise(unsigned char *bytes, struct dice *dice)
{
    for (size_t i = 0; i < CHUNK_BYTES; i++)
        bytes[i] = (unsigned char)dice_next(dice);
}

/* Columns that count up and columns that stay, as records have them. */
static void fill_with_counts(unsigned char *bytes)
{
    memset(bytes, 0, CHUNK_BYTES);
    for (uint32_t row = 0; row < ROWS; row++)
        memcpy(bytes + (size_t)row * ROW_BYTES, &row, sizeof(row));
}

/* Expects a zlib stream whose byte b * ROWS + r is byte b of row r. */
static void expect_rows(const struct chunk_codec *codec, size_t packed_bytes)
{
    struct inflate_state state;
    isal_inflate_init(&state);
    state.crc_flag = ISAL_ZLIB;
    state.next_in = codec->packed;
    state.avail_in = (uint32_t)packed_bytes;
    state.next_out = inflated;
    state.avail_out = CHUNK_BYTES;
    ck_assert_int_eq(isal_inflate_stateless(&state), ISAL_DECOMP_OK);
    ck_assert_uint_eq(state.total_out, CHUNK_BYTES);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t byte = 0; byte < ROW_BYTES; byte++)
            ck_assert_uint_eq(inflated[byte * ROWS + row], rows[row * ROW_BYTES + byte]);
}

START_TEST(packs_what_it_is_given)
{
    /* Noise fits the room, if only just; counts take less than a twentieth of theirs. */
    struct dice dice = {.state = dice_seed(1)};
    struct chunk_codec codec;
    struct error error;
    ck_assert_int_eq(chunk_codec_init(&codec, ROWS, ROW_BYTES, &error), 0);
    fill_with_noise(rows, &dice);
    size_t bytes = chunk_codec_pack(&codec, rows);
    ck_assert_uint_le(bytes, codec.packed_bytes_max);
    expect_rows(&codec, bytes);
    fill_with_counts(rows);
    bytes = chunk_codec_pack(&codec, rows);
    ck_assert_uint_lt(bytes, CHUNK_BYTES / 20);
    expect_rows(&codec, bytes);
    chunk_codec_release(&codec);
}
END_TEST

/* Two numbers without any pattern, the second of which is the next row's first, and zeros. */
static void fill_with_times(unsigned char *bytes, struct dice *dice)
{
    uint64_t next = dice_next(dice);
    memset(bytes, 0, CHUNK_BYTES);
    for (size_t row = 0; row < ROWS; row++) {
        uint64_t times[] = {next, dice_next(dice)};
        next = times[1];
        memcpy(bytes + row * ROW_BYTES, times, sizeof(times));
    }
}

START_TEST(stores_what_cannot_be_deflated)
{
    /* Noise takes its own bytes and a thousandth more, where deflate's fixed codes would take an
       eighth more; a number that another column has, a row on, takes next to nothing. */
    struct dice dice = {.state = dice_seed(5)};
    struct chunk_codec codec;
    struct error error;
    ck_assert_int_eq(chunk_codec_init(&codec, ROWS, ROW_BYTES, &error), 0);
    fill_with_noise(rows, &dice);
    ck_assert_uint_lt(chunk_codec_pack(&codec, rows), CHUNK_BYTES + CHUNK_BYTES / 1000);
    fill_with_times(rows, &dice);
    size_t bytes = chunk_codec_pack(&codec, rows);
    ck_assert_uint_lt(bytes, sizeof(uint64_t) * ROWS * 5 / 4);
    expect_rows(&codec, bytes);
    chunk_codec_release(&codec);
}
END_TEST

START_TEST(shuffles_any_shape)
{
    /* Few rows and narrow ones, on and off the blocks of sixteen: byte b of row r at b * rows + r.
     */
    struct dice dice = {.state = dice_seed(3)};
    struct error error;
    fill_with_noise(rows, &dice);
    for (size_t row_bytes = 1; row_bytes <= 36; row_bytes += 5) {
        for (size_t row_count = 1; row_count <= 40; row_count += 3) {
            struct chunk_codec codec;
            ck_assert_int_eq(chunk_codec_init(&codec, row_count, row_bytes, &error), 0);
            (void)chunk_codec_pack(&codec, rows);
            for (size_t i = 0; i < row_count * row_bytes; i++)
                ck_assert_uint_eq(codec.shuffled[i % row_bytes * row_count + i / row_bytes],
                                  rows[i]);
            chunk_codec_release(&codec);
        }
    }
}
END_TEST

START_TEST(forgets_earlier_chunks)
{
    /* A codec that has packed noise packs counts as a new one does, to the byte. */
    struct dice dice = {.state = dice_seed(2)};
    struct chunk_codec used;
    struct chunk_codec fresh;
    struct error error;
    ck_assert_int_eq(chunk_codec_init(&used, ROWS, ROW_BYTES, &error), 0);
    ck_assert_int_eq(chunk_codec_init(&fresh, ROWS, ROW_BYTES, &error), 0);
    fill_with_counts(rows);
    for (int i = 0; i < 20; i++) {
        fill_with_noise(others, &dice);
        (void)chunk_codec_pack(&used, others);
        size_t bytes = chunk_codec_pack(&used, rows);
        ck_assert_uint_eq(bytes, chunk_codec_pack(&fresh, rows));
        ck_assert_mem_eq(used.packed, fresh.packed, bytes);
    }
    chunk_codec_release(&used);
    chunk_codec_release(&fresh);
}
END_TEST

/* Ten rows of a long chunk: texts that the last two have, numbers of the others, zeros. */
static void fill_with_few(unsigned char *table, size_t row_bytes, struct dice *dice)
{
    for (size_t byte = 0; byte < row_bytes; byte++) {
        unsigned char letter = (unsigned char)(' ' + dice_next(dice) % 90);
        for (size_t row = 0; row < 8 && byte % 3 == 0; row++)
            table[row * row_bytes + byte] = (unsigned char)dice_next(dice);
        table[8 * row_bytes + byte] = letter;
        table[9 * row_bytes + byte] = letter;
    }
}

START_TEST(packs_the_same_anywhere)
{
    /* Wherever in memory the codec lies: one in a hundred places made ISA-L's level 1 differ. */
    enum { PLACES = 500, LONG = 1024, WIDE = 512 };
    static unsigned char table[LONG * WIDE];
    static unsigned char first[LONG * WIDE];
    static void *kept[PLACES];
    struct dice dice = {.state = dice_seed(4)};
    struct error error;
    size_t first_bytes = 0;
    fill_with_few(table, WIDE, &dice);
    for (int place = 0; place < PLACES; place++) {
        struct chunk_codec codec;
        ck_assert_int_eq(chunk_codec_init(&codec, LONG, WIDE, &error), 0);
        size_t bytes = chunk_codec_pack(&codec, table);
        if (place == 0)
            memcpy(first, codec.packed, first_bytes = bytes);
        ck_assert_uint_eq(bytes, first_bytes);
        ck_assert_mem_eq(codec.packed, first, bytes);
        chunk_codec_release(&codec);
        kept[place] = malloc(sizeof(struct isal_zstream)); /* where the stream was */
        ck_assert_ptr_nonnull(kept[place]);
    }
    for (int place = 0; place < PLACES; place++)
        free(kept[place]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {packs_what_it_is_given, stores_what_cannot_be_deflated,
                                  shuffles_any_shape, forgets_earlier_chunks,
                                  packs_the_same_anywhere};
    return suite_run("chunk_codec", tests, sizeof(tests) / sizeof(*tests));
}
