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

/* What is seen of the rows. */
struct seen {
    uint32_t count;
    uint32_t refused; /* the row at which it is enough */
};

static int see(void *context, const void *row, struct error *error)
{
    struct seen *seen = context;
    const struct number_row *number = row;
    if (number->number == seen->refused)
        return error_set(error, ERROR_RUN, "enough");
    ck_assert_uint_eq(number->number, seen->count);
    ck_assert(number->half == seen->count / 2.0);
    seen->count++;
    return 0;
}

START_TEST(each_row_is_seen)
{
    /* 60 rows in chunks of 24, which are read one at a time, come in order; and none behind one
       that its visitor refuses. */
    char path[] = "/tmp/tandem-export-XXXXXX";
    struct export_file file;
    struct export_table table;
    struct error error;
    struct seen all = {.refused = UINT32_MAX};
    struct seen some = {.refused = CHUNK_ROWS + 1};
    write_numbers(path);
    ck_assert_int_eq(export_file_open(&file, path, &error), 0);
    ck_assert_int_eq(export_table_open(&table, &file, "numbers", &number_row, &error), 0);
    ck_assert_uint_eq(table.chunk_rows, CHUNK_ROWS);
    ck_assert_int_eq(export_table_each(&table, see, &all, &error), 0);
    ck_assert_uint_eq(all.count, ROWS);
    ck_assert_int_eq(export_table_each(&table, see, &some, &error), -ERROR_RUN);
    ck_assert_uint_eq(some.count, CHUNK_ROWS + 1);
    export_table_release(&table);
    export_file_close(&file);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_row_is_seen};
    return suite_run("export_table", tests, ARRAY_LENGTH(tests));
}
