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

static const struct chunk_column shape[COLUMNS] = {{.bytes = 8}, {.bytes = 8}, {.bytes = 4},
                                                   {.bytes = 4}, {.bytes = 1}, {.bytes = 8},
                                                   {.bytes = 4}, {.bytes = 8}};

static unsigned char columns[CHUNK_BYTES];
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
        size_t quiet_bytes = quiet_rows * shape[column].bytes;
        bytes += ROWS * shape[column].bytes;
        memset(bytes - quiet_bytes, 0, quiet_bytes);
    }
}

/* Expects each column's bytes plane after plane: byte b of row r at b * row_count + r. */
static void expect_planes(const unsigned char *planes, const unsigned char *values,
                          const struct chunk_column *of, size_t count, size_t row_count)
{
    static unsigned char expected[CHUNK_BYTES];
    unsigned char *to = expected;
    for (size_t column = 0; column < count; column++) {
        size_t bytes = of[column].bytes;
        for (size_t i = 0; i < row_count * bytes; i++)
            to[i % bytes * row_count + i / bytes] = values[i];
        to += row_count * bytes;
        values += row_count * bytes;
    }
    ck_assert_mem_eq(planes, expected, (size_t)(to - expected));
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
    expect_planes(inflated, columns, shape, COLUMNS, ROWS);
}

static struct chunk_codec new_codec(const struct chunk_column *of, size_t count, size_t rows)
{
    struct chunk_codec codec;
    struct error error;
    ck_assert_int_eq(chunk_codec_init(&codec, rows, of, count, &error), 0);
    return codec;
}

/* Packs the columns as the codec's next chunk, expects them to be in it and returns its bytes. */
static size_t pack_next(struct chunk_codec *codec)
{
    size_t bytes = chunk_codec_pack(codec, columns);
    ck_assert_uint_le(bytes, codec->packed_bytes_max);
    expect_columns(codec, bytes);
    return bytes;
}

/* The same as a codec's first chunk. */
static size_t pack_first(void)
{
    struct chunk_codec codec = new_codec(shape, COLUMNS, ROWS);
    size_t bytes = pack_next(&codec);
    chunk_codec_release(&codec);
    return bytes;
}

START_TEST(packs_what_it_is_given)
{
    /* Noise fits the room, if only just, whatever its end looks like; counts take less than a
       twentieth of theirs. */
    struct dice dice = {.state = dice_seed(1)};
    fill_with_noise(columns, &dice);
    (void)pack_first();
    end_quietly(columns);
    ck_assert_uint_gt(pack_first(), CHUNK_BYTES);
    fill_with_counts(columns);
    ck_assert_uint_lt(pack_first(), CHUNK_BYTES / 20);
}
END_TEST

START_TEST(notices_that_chunks_change)
{
    /* Expect counts that follow noise to be packed as given at once, and as small as they get a few
       chunks later; noise that follows counts likewise. */
    struct dice dice = {.state = dice_seed(7)};
    struct chunk_codec codec = new_codec(shape, COLUMNS, ROWS);
    size_t bytes = 0;
    for (int change = 0; change < 2; change++) {
        fill_with_noise(columns, &dice);
        for (int chunk = 0; chunk < 20; chunk++)
            bytes = pack_next(&codec);
        ck_assert_uint_lt(bytes, CHUNK_BYTES + CHUNK_BYTES / 1000);
        fill_with_counts(columns);
        for (int chunk = 0; chunk < 20; chunk++)
            bytes = pack_next(&codec);
        ck_assert_uint_lt(bytes, CHUNK_BYTES / 20);
    }
    chunk_codec_release(&codec);
}
END_TEST

/* A chunk of such columns, the middle one of which is given as runs. */
enum { RUN_COLUMNS = 3 };
static const struct chunk_column given_in_full[RUN_COLUMNS] = {
    {.bytes = 4}, {.bytes = 8}, {.bytes = 1}};
static const struct chunk_column given_as_runs[RUN_COLUMNS] = {
    {.bytes = 4}, {.bytes = 8, .is_runs = true}, {.bytes = 1}};

struct chunk_in_full {
    uint32_t first[ROWS];
    uint64_t second[ROWS];
    uint8_t third[ROWS];
};

struct chunk_as_runs {
    uint32_t first[ROWS];
    _Alignas(uint64_t) char second[CHUNK_RUNS_BYTES(ROWS)];
    uint8_t third[ROWS];
};

/* Expects a column to be packed the same as runs and in full: values that stay for up to
   `stay_max` rows and differ in a few bits. */
static void expect_runs_as_values(struct dice *dice, uint64_t stay_max)
{
    static struct chunk_in_full in_full;
    static struct chunk_as_runs as_runs;
    struct chunk_codec a = new_codec(given_in_full, RUN_COLUMNS, ROWS);
    struct chunk_codec b = new_codec(given_as_runs, RUN_COLUMNS, ROWS);
    struct chunk_runs *runs = (struct chunk_runs *)(void *)as_runs.second;
    uint64_t left = 0, value = 0;
    runs->count = 0;
    for (size_t row = 0; row < ROWS; row++, left--) {
        if (left == 0) {
            value = dice_next(dice) & UINT64_C(0xff0001000f);
            left = 1 + dice_next(dice) % stay_max;
        }
        in_full.first[row] = as_runs.first[row] = (uint32_t)dice_next(dice);
        in_full.third[row] = as_runs.third[row] = (uint8_t)row;
        in_full.second[row] = value;
        chunk_runs_put(runs, row, value);
    }
    size_t bytes = chunk_codec_pack(&a, &in_full);
    ck_assert_uint_eq(chunk_codec_pack(&b, &as_runs), bytes);
    ck_assert_mem_eq(a.packed, b.packed, bytes);
    chunk_codec_release(&a);
    chunk_codec_release(&b);
}

START_TEST(runs_are_their_values)
{
    /* Of one value, of some, and of one for each row. */
    struct dice dice = {.state = dice_seed(6)};
    expect_runs_as_values(&dice, UINT64_MAX);
    expect_runs_as_values(&dice, 100);
    expect_runs_as_values(&dice, 3);
    expect_runs_as_values(&dice, 1);
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
    fill_with_noise(columns, &dice);
    ck_assert_uint_lt(pack_first(), CHUNK_BYTES + CHUNK_BYTES / 1000);
    fill_with_times(columns, &dice);
    ck_assert_uint_lt(pack_first(), sizeof(uint64_t) * ROWS * 21 / 20);
}
END_TEST

START_TEST(shuffles_any_shape)
{
    /* Few rows and odd columns, on and off the blocks of sixteen. */
    static const size_t shapes[][3] = {{1, 8, 4}, {8, 3, 8}, {4, 36, 1}, {2, 16, 8}};
    struct dice dice = {.state = dice_seed(3)};
    fill_with_noise(columns, &dice);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        struct chunk_column of[3];
        for (size_t column = 0; column < 3; column++)
            of[column] = (struct chunk_column){.bytes = shapes[i][column]};
        for (size_t row_count = 1; row_count <= 40; row_count += 3) {
            struct chunk_codec codec = new_codec(of, 3, row_count);
            (void)chunk_codec_pack(&codec, columns);
            expect_planes(codec.shuffled, columns, of, 3, row_count);
            chunk_codec_release(&codec);
        }
    }
}
END_TEST

START_TEST(packs_the_same_in_the_same_order)
{
    /* Two codecs that are given the same chunks, of two kinds by turns, pack them the same. */
    struct dice dice = {.state = dice_seed(2)};
    struct chunk_codec a = new_codec(shape, COLUMNS, ROWS);
    struct chunk_codec b = new_codec(shape, COLUMNS, ROWS);
    for (int i = 0; i < 20; i++) {
        if (i % 2 == 0)
            fill_with_noise(columns, &dice);
        else
            fill_with_counts(columns);
        size_t bytes = pack_next(&a);
        ck_assert_uint_eq(bytes, pack_next(&b));
        ck_assert_mem_eq(a.packed, b.packed, bytes);
    }
    chunk_codec_release(&a);
    chunk_codec_release(&b);
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
static void expect_the_same_anywhere(const unsigned char *table, size_t rows,
                                     const struct chunk_column *of, size_t count)
{
    enum { PLACES = 500 };
    static unsigned char first[LONG_ROWS * WIDE_BYTES];
    static void *kept[PLACES];
    size_t first_bytes = 0;
    for (int place = 0; place < PLACES; place++) {
        struct chunk_codec codec = new_codec(of, count, rows);
        size_t packed_bytes = chunk_codec_pack(&codec, table);
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
    expect_the_same_anywhere(table, LONG_ROWS, &(struct chunk_column){.bytes = WIDE_BYTES}, 1);
    fill_with_times(columns, &dice);
    expect_the_same_anywhere(columns, ROWS, shape, COLUMNS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {packs_what_it_is_given, notices_that_chunks_change,
                                  runs_are_their_values,  stores_what_cannot_be_deflated,
                                  shuffles_any_shape,     packs_the_same_in_the_same_order,
                                  packs_the_same_anywhere};
    return suite_run("chunk_codec", tests, ARRAY_LENGTH(tests));
}
