/* Is a packed chunk what HDF5's shuffle and deflate filters undo, and the same every time? */
#include "chunk_codec.h"

#include "../suite.h"
#include "dice.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4032 /* as tables have them */
#define COLUMNS 8
#define ROW_BYTES 45
#define CHUNK_BYTES (ROWS * ROW_BYTES)

static const size_t column_bytes[COLUMNS] = {8, 8, 4, 4, 1, 8, 4, 8};

static unsigned char columns[CHUNK_BYTES];
static unsigned char others[CHUNK_BYTES];
static unsigned char inflated[CHUNK_BYTES];

/* Bytes without any pattern: what deflate can do the least with. */
static void fill_with_noise(unsigned char *bytes, struct dice *dice)
{
    for (size_t i = 0; i < CHUNK_BYTES; i++)
        bytes[i] = (unsigned char)dice_next(dice);
}

/* A column that counts up and columns that stay, as records have them. */
static void fill_with_counts(unsigned char *bytes)
{
    memset(bytes, 0, CHUNK_BYTES);
    for (uint64_t row = 0; row < ROWS; row++)
        memcpy(bytes + row * sizeof(row), &row, sizeof(row));
}

/* Zeros in the last rows, by which a plane is judged. */
static void end_quietly(unsigned char *bytes)
{
    size_t quiet_rows = ROWS / 64;
    for (size_t column = 0; column < COLUMNS; column++) {
        size_t quiet_bytes = quiet_rows * column_bytes[column];
        bytes += ROWS * column_bytes[column];
        memset(bytes - quiet_bytes, 0, quiet_bytes);
    }
}

/* Expects each column's bytes plane after plane: byte b of row r at b * row_count + r. */
static void expect_planes(const unsigned char *planes, const unsigned char *values,
                          const size_t *bytes, size_t count, size_t row_count)
{
    for (size_t column = 0; column < count; column++) {
        for (size_t i = 0; i < row_count * bytes[column]; i++)
            ck_assert_uint_eq(planes[i % bytes[column] * row_count + i / bytes[column]], values[i]);
        planes += row_count * bytes[column];
        values += row_count * bytes[column];
    }
}

/* Expects a zlib stream of the columns' planes. */
static void expect_columns(const struct chunk_codec *codec, size_t packed_bytes)
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
    expect_planes(inflated, columns, column_bytes, COLUMNS, ROWS);
}

START_TEST(packs_what_it_is_given)
{
    /* Noise fits the room, if only just, whatever its end looks like; counts take less than a
       twentieth of theirs. */
    struct dice dice = {.state = dice_seed(1)};
    struct chunk_codec codec;
    struct error error;
    ck_assert_int_eq(chunk_codec_init(&codec, ROWS, column_bytes, COLUMNS, &error), 0);
    fill_with_noise(columns, &dice);
    size_t bytes = chunk_codec_pack(&codec, columns, 0);
    ck_assert_uint_le(bytes, codec.packed_bytes_max);
    expect_columns(&codec, bytes);
    end_quietly(columns);
    bytes = chunk_codec_pack(&codec, columns, 0);
    ck_assert_uint_gt(bytes, CHUNK_BYTES);
    ck_assert_uint_le(bytes, codec.packed_bytes_max);
    expect_columns(&codec, bytes);
    fill_with_counts(columns);
    bytes = chunk_codec_pack(&codec, columns, 0);
    ck_assert_uint_lt(bytes, CHUNK_BYTES / 20);
    expect_columns(&codec, bytes);
    chunk_codec_release(&codec);
}
END_TEST

START_TEST(a_held_column_is_its_first_value)
{
    /* Expect the same bytes of a column of one value, whether all its rows have it or one does. */
    const size_t held = 3;
    const uint32_t value = 0x01020304;
    unsigned char *column = columns;
    struct dice dice = {.state = dice_seed(6)};
    struct chunk_codec codec;
    struct error error;
    for (size_t i = 0; i < held; i++)
        column += ROWS * column_bytes[i];
    ck_assert_int_eq(chunk_codec_init(&codec, ROWS, column_bytes, COLUMNS, &error), 0);
    fill_with_noise(columns, &dice);
    memcpy(column, &value, sizeof(value));
    size_t bytes = chunk_codec_pack(&codec, columns, (chunk_columns)1 << held);
    unsigned char *packed = malloc(bytes);
    memcpy(packed, codec.packed, bytes);
    for (size_t row = 0; row < ROWS; row++)
        memcpy(column + row * sizeof(value), &value, sizeof(value));
    ck_assert_uint_eq(chunk_codec_pack(&codec, columns, 0), bytes);
    ck_assert_int_eq(memcmp(codec.packed, packed, bytes), 0);
    expect_columns(&codec, bytes);
    free(packed);
    chunk_codec_release(&codec);
}
END_TEST

/* Two columns without any pattern, the second of which is the next row's first, and zeros. */
static void fill_with_times(unsigned char *bytes, struct dice *dice)
{
    static uint64_t times[ROWS + 1];
    for (size_t row = 0; row <= ROWS; row++)
        times[row] = dice_next(dice);
    size_t column = ROWS * sizeof(*times);
    memset(bytes, 0, CHUNK_BYTES);
    memcpy(bytes, times, column);
    memcpy(bytes + column, times + 1, column);
}

START_TEST(stores_what_cannot_be_deflated)
{
    /* Noise takes its own bytes and a thousandth more, where deflate's fixed codes would take an
       eighth more, also where another column has it, a row on, which takes next to nothing. */
    struct dice dice = {.state = dice_seed(5)};
    struct chunk_codec codec;
    struct error error;
    ck_assert_int_eq(chunk_codec_init(&codec, ROWS, column_bytes, COLUMNS, &error), 0);
    fill_with_noise(columns, &dice);
    ck_assert_uint_lt(chunk_codec_pack(&codec, columns, 0), CHUNK_BYTES + CHUNK_BYTES / 1000);
    fill_with_times(columns, &dice);
    size_t bytes = chunk_codec_pack(&codec, columns, 0);
    ck_assert_uint_lt(bytes, sizeof(uint64_t) * ROWS * 21 / 20);
    expect_columns(&codec, bytes);
    chunk_codec_release(&codec);
}
END_TEST

START_TEST(shuffles_any_shape)
{
    /* Few rows and odd columns, on and off the blocks of sixteen. */
    static const size_t shapes[][3] = {{1, 8, 4}, {8, 3, 8}, {4, 36, 1}, {2, 16, 8}};
    struct dice dice = {.state = dice_seed(3)};
    struct error error;
    fill_with_noise(columns, &dice);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        for (size_t row_count = 1; row_count <= 40; row_count += 3) {
            struct chunk_codec codec;
            ck_assert_int_eq(chunk_codec_init(&codec, row_count, shapes[i], 3, &error), 0);
            (void)chunk_codec_pack(&codec, columns, 0);
            expect_planes(codec.shuffled, columns, shapes[i], 3, row_count);
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
    ck_assert_int_eq(chunk_codec_init(&used, ROWS, column_bytes, COLUMNS, &error), 0);
    ck_assert_int_eq(chunk_codec_init(&fresh, ROWS, column_bytes, COLUMNS, &error), 0);
    fill_with_counts(columns);
    for (int i = 0; i < 20; i++) {
        fill_with_noise(others, &dice);
        (void)chunk_codec_pack(&used, others, 0);
        size_t bytes = chunk_codec_pack(&used, columns, 0);
        ck_assert_uint_eq(bytes, chunk_codec_pack(&fresh, columns, 0));
        ck_assert_mem_eq(used.packed, fresh.packed, bytes);
    }
    chunk_codec_release(&used);
    chunk_codec_release(&fresh);
}
END_TEST

#define LONG_ROWS 1024
#define WIDE_BYTES 512

/* Ten rows of a long chunk with a wide column: texts that the last two have, numbers of the others,
   zeros. */
static void fill_with_few(unsigned char *table, struct dice *dice)
{
    for (size_t byte = 0; byte < WIDE_BYTES; byte++) {
        unsigned char letter = (unsigned char)(' ' + dice_next(dice) % 90);
        for (size_t row = 0; row < 8 && byte % 3 == 0; row++)
            table[row * WIDE_BYTES + byte] = (unsigned char)dice_next(dice);
        table[8 * WIDE_BYTES + byte] = letter;
        table[9 * WIDE_BYTES + byte] = letter;
    }
}

/* Expects the same bytes wherever in memory the codec lies: one in a hundred places made ISA-L's
   level 1 differ. */
static void expect_the_same_anywhere(const unsigned char *table, size_t rows, const size_t *bytes,
                                     size_t count)
{
    enum { PLACES = 500 };
    static unsigned char first[LONG_ROWS * WIDE_BYTES];
    static void *kept[PLACES];
    size_t first_bytes = 0;
    struct error error;
    for (int place = 0; place < PLACES; place++) {
        struct chunk_codec codec;
        ck_assert_int_eq(chunk_codec_init(&codec, rows, bytes, count, &error), 0);
        size_t packed_bytes = chunk_codec_pack(&codec, table, 0);
        if (place == 0)
            memcpy(first, codec.packed, first_bytes = packed_bytes);
        ck_assert_uint_eq(packed_bytes, first_bytes);
        ck_assert_mem_eq(codec.packed, first, packed_bytes);
        chunk_codec_release(&codec);
        kept[place] = malloc(sizeof(struct isal_zstream)); /* where the stream was */
        ck_assert_ptr_nonnull(kept[place]);
    }
    for (int place = 0; place < PLACES; place++)
        free(kept[place]);
}

START_TEST(packs_the_same_anywhere)
{
    static unsigned char table[LONG_ROWS * WIDE_BYTES];
    struct dice dice = {.state = dice_seed(4)};
    fill_with_few(table, &dice);
    expect_the_same_anywhere(table, LONG_ROWS, &(size_t){WIDE_BYTES}, 1);
    fill_with_times(columns, &dice);
    expect_the_same_anywhere(columns, ROWS, column_bytes, COLUMNS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {packs_what_it_is_given,         a_held_column_is_its_first_value,
                                  stores_what_cannot_be_deflated, shuffles_any_shape,
                                  forgets_earlier_chunks,         packs_the_same_anywhere};
    return suite_run("chunk_codec", tests, ARRAY_LENGTH(tests));
}
