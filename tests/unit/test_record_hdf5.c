/* record_hdf5: does the file hold what was recorded, complete under its name or not at all? */
#include "record_hdf5.h"

#include "dice.h"
#include "rows.h"

#include <check.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 256

struct folder {
    char path[64];
    char output[PATH_BYTES];
    char partial[PATH_BYTES];
};

static struct folder folder_new(void)
{
    struct folder folder = {.path = "/tmp/tandem-record-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(folder.path));
    (void)snprintf(folder.output, sizeof(folder.output), "%s/run.h5", folder.path);
    (void)snprintf(folder.partial, sizeof(folder.partial), "%s/run.h5.partial", folder.path);
    return folder;
}

static void folder_remove(const struct folder *folder)
{
    (void)unlink(folder->output);
    (void)unlink(folder->partial);
    ck_assert_int_eq(rmdir(folder->path), 0);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static struct topology_link two_links[] = {{.name = "node0/gpu0>nvswitch"},
                                           {.name = "node0/nvswitch>gpu0"}};
static const struct topology two_link_topology = {.link_count = 2, .links = two_links};

static struct record_hdf5 *open_file(const char *path, enum timeline timeline, struct error *error)
{
    struct record_hdf5_header header = {
        .version = "1.2.3",
        .scenario_text = "model: models/llama-3.1-8b\n# \u00fcber\n",
        .seed = UINT64_MAX,
        .timeline = timeline,
        .topology = &two_link_topology,
    };
    return record_hdf5_new(path, &header, error);
}

static struct request_record request_of(uint64_t id)
{
    sim_ps arrival = (sim_ps)id * 1500000000;
    return (struct request_record){
        .type = RECORD_REQUEST,
        .id = id,
        .arrival = arrival,
        .scheduled = arrival + 1,
        .first_token = arrival + 250000000000,
        .done = arrival + 2250000000000,
        .input_tokens = 512 + (uint32_t)id % 7,
        .output_tokens = 100,
        .replica = (uint32_t)id % 2,
        .preemptions = id == 3,
    };
}

static void record_requests(struct recorder recorder, uint64_t count)
{
    struct error error = {0};
    for (uint64_t id = 0; id < count; id++) {
        union record record = {.request = request_of(id)};
        ck_assert_int_eq(recorder.record(recorder.context, &record, 1, &error), 0);
    }
}

static void record_timeline(struct recorder recorder, uint64_t count)
{
    struct error error = {0};
    for (uint64_t i = 0; i < count; i++) {
        union record records[] = {
            {.step = {.type = RECORD_STEP,
                      .step = i,
                      .scheduled = (sim_ps)i * 1000,
                      .done = (sim_ps)i * 1000 + 900,
                      .decode_context_tokens = 5000000000 + i,
                      .replica = 1,
                      .prefill_tokens = 2048,
                      .decode_tokens = 96}},
            {.span = {.type = RECORD_SPAN,
                      .start = (sim_ps)i * 1000,
                      .duration = 900,
                      .step = i,
                      .bytes = 16384,
                      .stage = 1,
                      .layer = (uint32_t)(i % 80),
                      .kind = (enum span_kind)(i % SPAN_KIND_COUNT)}},
        };
        ck_assert_int_eq(recorder.record(recorder.context, records, ARRAY_LENGTH(records), &error),
                         0);
    }
    union record last[] = {
        {.span = {.type = RECORD_SPAN,
                  .start = 7,
                  .duration = 5,
                  .step = SPAN_NO_STEP,
                  .layer = SPAN_NO_LAYER,
                  .kind = SPAN_IDLE_NO_WORK}},
        {.link = {.type = RECORD_LINK,
                  .link = 1,
                  .duration = SIM_PS_PER_S,
                  .busy = SIM_PS_PER_S / 4,
                  .bytes = 1e9}},
    };
    ck_assert_int_eq(recorder.record(recorder.context, last, ARRAY_LENGTH(last), &error), 0);
}

static struct stage_summary one_stage[] = {{.layers = 32, .busy_compute = 0.75, .idle_host = 0.25}};
static struct warning one_warning[] = {{.code = "tp_over_pcie", .text = "slow"}};
static const struct summary summary = {
    .arrived = 5,
    .completed = 4,
    .requests_per_s = 0.1,
    .meets_slo = true,
    .ttft = {.count = 4, .mean = 0.25, .p99 = 0.5},
    .tpot = {.mean = NAN},
    .stages = one_stage,
    .stage_count = 1,
    .warnings = one_warning,
    .warning_count = 1,
    .wall_s = 1.5,
};

/* A finished file with `count` requests, steps and spans, a span of idle time and a link's row. */
static void write_file(const char *path, uint64_t count, double wall_s)
{
    struct error error = {0};
    struct summary with_wall = summary;
    with_wall.wall_s = wall_s;
    struct record_hdf5 *file = open_file(path, TIMELINE_LAYERS, &error);
    ck_assert_msg(file != NULL, "%s", error.text);
    record_requests(record_hdf5_recorder(file), count);
    record_timeline(record_hdf5_recorder(file), count);
    ck_assert_int_eq(record_hdf5_finish(file, &with_wall, &error), 0);
    record_hdf5_free(file);
}

static hsize_t row_count(hid_t file, const char *name)
{
    hsize_t rows = 0;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    ck_assert_int_ge(dataset, 0);
    hid_t space = H5Dget_space(dataset);
    ck_assert_int_eq(H5Sget_simple_extent_dims(space, &rows, NULL), 1);
    H5Sclose(space);
    H5Dclose(dataset);
    return rows;
}

/* All values of one column, converted to `type`, into `values`. */
static void read_column(hid_t file, const char *table, const char *column, hid_t type, void *values)
{
    hid_t dataset = H5Dopen2(file, table, H5P_DEFAULT);
    hid_t row = H5Tcreate(H5T_COMPOUND, H5Tget_size(type));
    ck_assert_int_ge(H5Tinsert(row, column, 0, type), 0);
    ck_assert_int_ge(H5Dread(dataset, row, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Tclose(row);
    H5Dclose(dataset);
}

static double double_attribute(hid_t file, const char *object, const char *name)
{
    double value = 0;
    hid_t attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_msg(attribute >= 0, "no attribute %s of %s", name, object);
    ck_assert_int_ge(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value), 0);
    H5Aclose(attribute);
    return value;
}

static void assert_text_attribute(hid_t file, const char *object, const char *name, size_t index,
                                  const char *expected)
{
    char *texts[16] = {0};
    hid_t attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(attribute, 0);
    hid_t type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    ck_assert_int_ge(H5Aread(attribute, type, texts), 0);
    ck_assert_str_eq(texts[index], expected);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
}

/* Expect what went in to come out: rows across several chunks, in seconds, -1 where there was none.
 */
START_TEST(test_round_trip)
{
    enum { ROWS = 20000 };
    static double seconds[ROWS];
    static int64_t whole[ROWS + 1];
    struct folder folder = folder_new();
    write_file(folder.output, ROWS, 1);
    hid_t file = H5Fopen(folder.output, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);

    ck_assert_uint_eq(row_count(file, "requests"), ROWS);
    ck_assert_uint_eq(row_count(file, "steps"), ROWS);
    ck_assert_uint_eq(row_count(file, "spans"), ROWS + 1);
    ck_assert_uint_eq(row_count(file, "links"), 1);
    ck_assert_uint_eq(row_count(file, "link_names"), 2);

    read_column(file, "requests", "id", H5T_NATIVE_INT64, whole);
    read_column(file, "requests", "first_token_s", H5T_NATIVE_DOUBLE, seconds);
    for (uint64_t id = 0; id < ROWS; id++) {
        ck_assert_int_eq(whole[id], (int64_t)id);
        ck_assert_double_eq(seconds[id], sim_s_from_ps(request_of(id).first_token));
    }
    read_column(file, "steps", "decode_context_tokens", H5T_NATIVE_INT64, whole);
    ck_assert_int_eq(whole[ROWS - 1], 5000000000 + ROWS - 1);
    read_column(file, "spans", "step", H5T_NATIVE_INT64, whole);
    ck_assert_int_eq(whole[ROWS - 1], ROWS - 1);
    ck_assert_int_eq(whole[ROWS], -1);
    read_column(file, "spans", "layer", H5T_NATIVE_INT64, whole);
    ck_assert_int_eq(whole[ROWS], -1);
    read_column(file, "links", "busy_s", H5T_NATIVE_DOUBLE, seconds);
    ck_assert_double_eq(seconds[0], 0.25);
    H5Fclose(file);
    folder_remove(&folder);
}
END_TEST

/* Expect each span kind's number under its name in the enum of the column `kind`. */
START_TEST(test_span_kinds)
{
    static const char *const names[] = {SPAN_KINDS(LIST_TEXT)};
    struct folder folder = folder_new();
    write_file(folder.output, 1, 1);
    hid_t file = H5Fopen(folder.output, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "spans", H5P_DEFAULT);
    hid_t row = H5Dget_type(dataset);
    hid_t kind = H5Tget_member_type(row, (unsigned)H5Tget_member_index(row, "kind"));
    ck_assert_int_eq(H5Tget_class(kind), H5T_ENUM);
    ck_assert_int_eq(H5Tget_nmembers(kind), SPAN_KIND_COUNT);
    for (uint8_t i = 0; i < SPAN_KIND_COUNT; i++) {
        char name[64];
        ck_assert_int_ge(H5Tenum_nameof(kind, &i, name, sizeof(name)), 0);
        ck_assert_str_eq(name, names[i]);
    }
    H5Tclose(kind);
    H5Tclose(row);
    H5Dclose(dataset);
    H5Fclose(file);
    folder_remove(&folder);
}
END_TEST

/* Expect version, scenario and seed at the root, units beside the columns, the summary's scalars
   under dotted names, NaN as NaN, and no wall-clock number. */
START_TEST(test_attributes)
{
    struct folder folder = folder_new();
    write_file(folder.output, 1, 1);
    hid_t file = H5Fopen(folder.output, H5F_ACC_RDONLY, H5P_DEFAULT);
    uint64_t seed = 0;
    hid_t attribute = H5Aopen(file, "seed", H5P_DEFAULT);
    ck_assert_int_ge(H5Aread(attribute, H5T_NATIVE_UINT64, &seed), 0);
    H5Aclose(attribute);
    ck_assert_uint_eq(seed, UINT64_MAX);
    assert_text_attribute(file, ".", "version", 0, "1.2.3");
    assert_text_attribute(file, ".", "scenario", 0, "model: models/llama-3.1-8b\n# \u00fcber\n");
    assert_text_attribute(file, "requests", "units", 1, "s");
    assert_text_attribute(file, "requests", "units", 2, "tokens");
    assert_text_attribute(file, "spans", "units", 0, "ps");
    assert_text_attribute(file, "spans", "units", 7, "bytes");
    ck_assert_double_eq(double_attribute(file, "summary", "requests.arrived"), 5);
    ck_assert_double_eq(double_attribute(file, "summary", "requests_per_s"), 0.1);
    ck_assert_double_eq(double_attribute(file, "summary", "ttft_s.p99"), 0.5);
    ck_assert_double_nan(double_attribute(file, "summary", "tpot_s.mean"));
    ck_assert_int_eq(H5Aexists_by_name(file, "summary", "simulation.wall_s", H5P_DEFAULT), 0);
    ck_assert_uint_eq(row_count(file, "summary/stages"), 1);
    ck_assert_uint_eq(row_count(file, "summary/warnings"), 1);
    ck_assert_uint_eq(row_count(file, "summary/links"), 0);
    H5Fclose(file);
    folder_remove(&folder);
}
END_TEST

/* Expect timeline `none` to leave out all tables but /requests. */
START_TEST(test_timeline_none)
{
    struct error error = {0};
    struct folder folder = folder_new();
    struct record_hdf5 *recording = open_file(folder.output, TIMELINE_NONE, &error);
    ck_assert_ptr_nonnull(recording);
    struct recorder recorder = record_hdf5_recorder(recording);
    record_requests(recorder, 10);
    ck_assert_int_eq(record_hdf5_finish(recording, &summary, &error), 0);
    record_hdf5_free(recording);
    hid_t file = H5Fopen(folder.output, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_uint_eq(row_count(file, "requests"), 10);
    ck_assert_int_eq(H5Lexists(file, "steps", H5P_DEFAULT), 0);
    ck_assert_int_eq(H5Lexists(file, "spans", H5P_DEFAULT), 0);
    ck_assert_int_gt(H5Lexists(file, "summary", H5P_DEFAULT), 0);
    H5Fclose(file);
    folder_remove(&folder);
}
END_TEST

/* Expect the final name only once the file is whole, and nothing left of one given up. */
START_TEST(test_complete_or_absent)
{
    struct error error = {0};
    struct folder folder = folder_new();
    struct record_hdf5 *file = open_file(folder.output, TIMELINE_STEPS, &error);
    record_requests(record_hdf5_recorder(file), 10);
    ck_assert(exists(folder.partial));
    ck_assert(!exists(folder.output));
    record_hdf5_free(file);
    ck_assert(!exists(folder.partial));
    ck_assert(!exists(folder.output));

    write_file(folder.output, 10, 1);
    ck_assert(!exists(folder.partial));
    ck_assert(exists(folder.output));
    folder_remove(&folder);
}
END_TEST

static char *read_all(const char *path, size_t *bytes)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    *bytes = (size_t)status.st_size;
    char *data = malloc(*bytes);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(data);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(data, 1, *bytes, file), *bytes);
    (void)fclose(file);
    return data;
}

static void expect_same_files(const struct folder *first, const struct folder *second)
{
    size_t first_bytes;
    size_t second_bytes;
    char *first_data = read_all(first->output, &first_bytes);
    char *second_data = read_all(second->output, &second_bytes);
    ck_assert_uint_eq(first_bytes, second_bytes);
    ck_assert_int_eq(memcmp(first_data, second_data, first_bytes), 0);
    free(first_data);
    free(second_data);
}

/* Expect the same bytes from the same records, at another second and of a slower run. */
START_TEST(test_same_records_same_bytes)
{
    struct folder first = folder_new();
    struct folder second = folder_new();
    write_file(first.output, 10000, 1);
    (void)sleep(1);
    write_file(second.output, 10000, 2);
    expect_same_files(&first, &second);
    folder_remove(&first);
    folder_remove(&second);
}
END_TEST

/* A lap that waits in both ways, in one or not at all. */
static union record some_lap(struct dice *dice, uint64_t step)
{
    sim_ps start = (sim_ps)step * SIM_PS_PER_S;
    sim_ps launched = start + (sim_ps)(dice_next(dice) % 2);
    sim_ps begun = launched + (sim_ps)(dice_next(dice) % 2);
    return (union record){
        .lap =
            {
                .type = RECORD_LAP,
                .replica = (uint32_t)(step / 5000),
                .decode_tokens = 1 + (uint32_t)(step % 7),
                .decode_context_tokens = (uint32_t)step,
                .step = step,
                .end_before = start,
                .launched = launched,
                .start = begun,
                .end = begun + 1000,
                .done = begun + 1007,
            },
    };
}

/* A step's spans, a few or many, somewhere in `block`. */
static union record some_spans(struct dice *dice, uint64_t step, struct span_block *block)
{
    uint32_t first = (uint32_t)(dice_next(dice) % SPAN_BLOCK);
    uint32_t count = 1 + (uint32_t)(dice_next(dice) % (SPAN_BLOCK - first));
    for (uint32_t i = first; i < first + count; i++) {
        block->start[i] = (sim_ps)step * SIM_PS_PER_S + (sim_ps)i;
        block->duration[i] = (sim_ps)(dice_next(dice) % 5000);
        block->bytes[i] = dice_next(dice) % 3 == 0 ? dice_next(dice) >> 2 : 0;
        block->stage[i] = i;
        block->kind[i] = (uint8_t)(dice_next(dice) % SPAN_KIND_COUNT);
    }
    return (union record){
        .spans =
            {
                .type = RECORD_SPANS,
                .replica = (uint32_t)(step / 5000),
                .step = step % 100 == 0 ? SPAN_NO_STEP : step,
                .block = block,
                .first = first,
                .count = count,
            },
    };
}

static int pass_step(void *context, const struct step_record *row, struct error *error)
{
    const struct recorder *recorder = context;
    return recorder->record(recorder->context, &(union record){.step = *row}, 1, error);
}

static int pass_span(void *context, const struct span_record *row, struct error *error)
{
    const struct recorder *recorder = context;
    return recorder->record(recorder->context, &(union record){.span = *row}, 1, error);
}

/* Puts spans on the recorder's desk, as they come. */
static int pass_spans_by_desk(void *context, const struct spans_record *spans, struct error *error)
{
    const struct span_desk *desk = &((const struct recorder *)context)->desk;
    const struct span_block *from = spans->block;
    struct span_block *to = desk->block;
    int status = 0;
    desk->begin(desk->context, spans->replica, spans->step);
    for (uint32_t i = spans->first; i < spans->first + spans->count && status == 0; i++) {
        size_t row = (*desk->row)++;
        to->start[row] = from->start[i];
        to->duration[row] = from->duration[i];
        to->stage[row] = from->stage[i];
        to->kind[row] = from->kind[i];
        to->bytes[row] = from->bytes[i];
        if (*desk->row == SPAN_BLOCK)
            status = desk->turn(desk->context, spans->replica, spans->step, error);
    }
    return status;
}

enum way { TOGETHER, APART, BY_DESK };

/* A finished file of laps and steps' spans, recorded as such, row by row or by the desk. */
static void write_steps(const char *path, enum way way)
{
    enum { STEPS = 12000 }; /* some 16 chunks of spans */
    struct span_block block;
    struct dice dice = {.state = dice_seed(1)};
    struct error error = {0};
    struct record_hdf5 *file = open_file(path, TIMELINE_STEPS, &error);
    ck_assert_msg(file != NULL, "%s", error.text);
    struct recorder recorder = record_hdf5_recorder(file);
    struct rows rows = {.context = &recorder, .step = pass_step, .span = pass_span};
    struct recorder apart = {.context = &rows, .record = rows_record};
    struct recorder to = way == TOGETHER ? recorder : apart;
    if (way == BY_DESK)
        rows.spans = pass_spans_by_desk;
    for (uint64_t step = 0; step < STEPS; step++) {
        union record record =
            step % 3 == 0 ? some_spans(&dice, step, &block) : some_lap(&dice, step);
        ck_assert_int_eq(to.record(to.context, &record, 1, &error), 0);
    }
    ck_assert_int_eq(record_hdf5_finish(file, &summary, &error), 0);
    record_hdf5_free(file);
}

/* Expect a record of several rows to leave what they leave one by one, and what is put on the desk,
   too, wherever chunks end. */
START_TEST(test_rows_together_or_apart)
{
    struct folder together = folder_new();
    struct folder apart = folder_new();
    struct folder by_desk = folder_new();
    write_steps(together.output, TOGETHER);
    write_steps(apart.output, APART);
    write_steps(by_desk.output, BY_DESK);
    expect_same_files(&together, &apart);
    expect_same_files(&together, &by_desk);
    folder_remove(&together);
    folder_remove(&apart);
    folder_remove(&by_desk);
}
END_TEST

/* Expect a file that may not grow to end in the system's words, whenever it happens, and to be
   removed: at every limit the run ends well or cleanly. */
START_TEST(test_no_room)
{
    struct folder folder = folder_new();
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = (rlim_t)_i * 1024;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);

    struct error error = {0};
    struct record_hdf5 *file = open_file(folder.output, TIMELINE_STEPS, &error);
    int status = file ? 0 : -1;
    for (uint64_t id = 0; id < 100000 && status == 0; id++) {
        struct recorder recorder = record_hdf5_recorder(file);
        union record record = {.request = request_of(id)};
        status = recorder.record(recorder.context, &record, 1, &error);
    }
    if (status == 0)
        status = record_hdf5_finish(file, &summary, &error);
    ck_assert_int_lt(status, 0);
    ck_assert_int_eq(error.code, ERROR_IO);
    ck_assert_msg(strstr(error.text, "File too large") != NULL, "%s", error.text);
    record_hdf5_free(file);
    ck_assert(!exists(folder.partial));
    ck_assert(!exists(folder.output));
    folder_remove(&folder);
}
END_TEST

/* Expect what cannot be written to be refused before the run, in the system's words. */
START_TEST(test_impossible_paths)
{
    struct error error = {0};
    ck_assert_ptr_null(open_file("/nonexistent/run.h5", TIMELINE_NONE, &error));
    ck_assert_int_eq(error.code, ERROR_IO);
    ck_assert_str_eq(error.text, "cannot write /nonexistent/run.h5: No such file or directory");
    ck_assert_ptr_null(open_file("/tmp", TIMELINE_NONE, &error));
    ck_assert_int_eq(error.code, ERROR_IO);
    ck_assert_str_eq(error.text, "cannot write /tmp: it is not a regular file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record_hdf5");
    TCase *tests = tcase_create("record_hdf5");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_round_trip);
    tcase_add_test(tests, test_span_kinds);
    tcase_add_test(tests, test_attributes);
    tcase_add_test(tests, test_timeline_none);
    tcase_add_test(tests, test_complete_or_absent);
    tcase_add_test(tests, test_same_records_same_bytes);
    tcase_add_test(tests, test_rows_together_or_apart);
    tcase_add_loop_test(tests, test_no_room, 1, 64);
    tcase_add_test(tests, test_impossible_paths);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
