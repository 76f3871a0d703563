/* export_table: are all rows read, in their order, and each of the file's chunks but once? */
#include "export_table.h"

#include "../suite.h"
#include "base.h"
#include "hdf5_error.h"

#include <stdio.h>
#include <unistd.h>

#define CHUNK_ROWS 24
#define ROWS 60

struct number_row {
    uint32_t number;
    double half;
};

static const struct hdf5_column columns[] = {
    {HDF5_COLUMN(number_row, number, "1")},
    {HDF5_COLUMN(number_row, half, "1")},
};
static const struct export_row number_row = {columns, ARRAY_LENGTH(columns),
                                             sizeof(struct number_row)};

/* A file with a table `numbers` of ROWS rows, CHUNK_ROWS a chunk. */
static void write_numbers(char path[])
{
    struct hdf5_table table;
    struct error error;
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    (void)close(descriptor);
    hdf5_error_init();
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_eq(hdf5_table_create(&table, file, path, "numbers", columns,
                                       ARRAY_LENGTH(columns), CHUNK_ROWS, &error),
                     0);
    for (uint32_t i = 0; i < ROWS; i++) {
        const struct number_row row = {i, i / 2.0};
        ck_assert_int_eq(hdf5_table_append(&table, &row, &error), 0);
    }
    ck_assert_int_eq(hdf5_table_finish(&table, &error), 0);
    hdf5_table_release(&table);
    ck_assert_int_ge(H5Fclose(file), 0);
}

START_TEST(a_chunk_is_read_at_a_time)
{
    /* Of 60 rows, written 24 a chunk, come 24, 24 and the 12 that are left. */
    static const int expected[] = {24, 24, 12, 0};
    char path[] = "/tmp/tandem-export-XXXXXX";
    struct export_file file;
    struct export_table table;
    struct error error;
    uint32_t next = 0;
    write_numbers(path);
    ck_assert_int_eq(export_file_open(&file, path, &error), 0);
    ck_assert_int_eq(export_table_open(&table, &file, "numbers", &number_row, &error), 0);
    for (size_t read = 0; read < ARRAY_LENGTH(expected); read++) {
        int count = export_table_read(&table, &error);
        ck_assert_int_eq(count, expected[read]);
        const struct number_row *rows = (const void *)table.buffer;
        for (int i = 0; i < count; i++, next++) {
            ck_assert_uint_eq(rows[i].number, next);
            ck_assert(rows[i].half == next / 2.0);
        }
    }
    export_table_release(&table);
    export_file_close(&file);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_chunk_is_read_at_a_time};
    return suite_run("export_table", tests, ARRAY_LENGTH(tests));
}
