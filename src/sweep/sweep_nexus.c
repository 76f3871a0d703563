#include "sweep_nexus.h"

#include "hdf5_attribute.h"
#include "nexus.h"
#include "sweep_pareto.h"
#include "sweep_wall.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_NAME_BYTES 160
#define FRONT_NAME "pareto"
#define SIGNALS_MAX 3

/* The points of one series that were run, by ascending load. */
struct series {
    const json_t **records;
    double *loads;
    uint8_t *is_saturated;
    uint8_t *is_too_short;
    double *values; /* (SIGNALS_MAX, count): room for what is written */
    size_t count;
    struct sweep_wall wall;
};

static void insert(struct series *series, const json_t *record, double load)
{
    size_t place = series->count++;
    for (; place > 0 && series->loads[place - 1] > load; place--) {
        series->loads[place] = series->loads[place - 1];
        series->records[place] = series->records[place - 1];
    }
    series->loads[place] = load;
    series->records[place] = record;
}

struct signal {
    const char *path; /* in the summary */
    const char *name;
};

struct figure {
    const char *name;
    const char *title;
    const char *units;
    bool is_latency;
    struct signal signals[SIGNALS_MAX];
};

static const struct figure figures[] = {
    {"ttft",
     "time to first token",
     "s",
     true,
     {{"ttft_s.p95", "p95"}, {"ttft_s.p50", "p50"}, {"ttft_s.p99", "p99"}}},
    {"tpot",
     "time per output token",
     "s",
     true,
     {{"tpot_s.p95", "p95"}, {"tpot_s.p50", "p50"}, {"tpot_s.p99", "p99"}}},
    {"e2e",
     "end-to-end latency",
     "s",
     true,
     {{"e2e_s.p95", "p95"}, {"e2e_s.p50", "p50"}, {"e2e_s.p99", "p99"}}},
    {"throughput",
     "throughput",
     "requests/s",
     false,
     {{"requests_per_s", "requests_per_s"}, {"goodput_requests_per_s", "goodput_requests_per_s"}}},
    {"tokens",
     "output tokens",
     "tokens/s",
     false,
     {{"output_tokens_per_s", "output_tokens_per_s"}}},
};

static struct nexus_field load_field(enum sweep_load_kind kind, const double *loads)
{
    static const struct nexus_field fields[] = {[SWEEP_LOAD_NONE] = {.name = "load"},
#define X(kind_name, path, load_title, load_units, value) \
    [SWEEP_LOAD_##kind_name] = {.name = "load", .title = (load_title), .units = (load_units)},
                                                SWEEP_LOADS(X)
#undef X
    };
    struct nexus_field field = fields[kind];
    field.type = H5T_NATIVE_DOUBLE;
    field.values = loads;
    return field;
}

static void read_signal(const struct series *series, const struct figure *figure,
                        const char *summary_path, double *values)
{
    for (size_t i = 0; i < series->count; i++) {
        bool is_shown = !figure->is_latency || !series->is_saturated[i];
        values[i] = is_shown ? sweep_record_summary(series->records[i], summary_path) : (double)NAN;
    }
}

static int write_wall(const struct nexus *nexus, hid_t group, const struct series *series,
                      enum sweep_load_kind load)
{
    const struct sweep_wall *wall = &series->wall;
    const struct {
        const char *name;
        double load;
    } ends[] = {
        {"saturated_from", wall->saturated_from},
        {"sustained_to", sweep_record_load(wall->sustained, load)},
        {"within_slo_to", sweep_record_load(wall->within_slo, load)},
    };
    const struct nexus_field saturated = {"saturated", "saturated", "1", H5T_NATIVE_UINT8,
                                          series->is_saturated};
    const struct nexus_field too_short = {"too_short", "too short to tell", "1", H5T_NATIVE_UINT8,
                                          series->is_too_short};
    int status = nexus_field_write(nexus, group, &saturated, series->count);
    if (status == 0)
        status = nexus_field_write(nexus, group, &too_short, series->count);
    for (size_t i = 0; i < ARRAY_LENGTH(ends) && status == 0; i++)
        status =
            hdf5_attribute_double(group, nexus->path, ends[i].name, ends[i].load, nexus->error);
    return status;
}

static int write_figure(const struct nexus *nexus, hid_t parent, const char *curve,
                        const struct figure *figure, const struct series *series,
                        enum sweep_load_kind load)
{
    struct nexus_field fields[SIGNALS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(figure->signals) && figure->signals[i].name; i++) {
        double *values = series->values + i * series->count;
        read_signal(series, figure, figure->signals[i].path, values);
        fields[count++] = (struct nexus_field){figure->signals[i].name, figure->title,
                                               figure->units, H5T_NATIVE_DOUBLE, values};
        if (i == 0)
            fields[count++] = load_field(load, series->loads);
    }
    char title[GROUP_NAME_BYTES * 2];
    (void)snprintf(title, sizeof(title), "%s: %s", curve, figure->title);
    hid_t group =
        nexus_data_create(nexus, parent, figure->name, title, fields, count, series->count);
    if (group < 0)
        return -(int)nexus->error->code;
    int status = write_wall(nexus, group, series, load);
    H5Gclose(group);
    return status;
}

/* Whether another has the name; the front's group, which is made last, has its own in any case. */
static bool is_taken(hid_t parent, const char *name)
{
    return strcmp(name, FRONT_NAME) == 0 || H5Lexists(parent, name, H5P_DEFAULT) > 0;
}

/* A name that HDF5 takes for one link and that is not there yet. */
static void name_group(hid_t parent, const char *curve, char name[GROUP_NAME_BYTES])
{
    int bytes = (int)utf8_cut(curve, GROUP_NAME_BYTES - 32);
    (void)snprintf(name, GROUP_NAME_BYTES, "%.*s", bytes, curve);
    for (char *at = name; *at; at++)
        *at = *at == '/' ? '_' : *at;
    if (name[0] == '.')
        name[0] = '_';
    size_t length = strlen(name);
    for (unsigned copy = 2; is_taken(parent, name); copy++)
        (void)snprintf(name + length, GROUP_NAME_BYTES - length, " (%u)", copy);
}

/* One series as a group of figures; `name` is what the group is called. */
static int write_series(const struct nexus *nexus, hid_t parent, const struct series *series,
                        enum sweep_load_kind load, char name[GROUP_NAME_BYTES])
{
    const json_t *record = series->records[0];
    const char *curve = json_string_value(json_object_get(record, "curve"));
    name_group(parent, curve ? curve : "", name);
    hid_t group = nexus_group_create(nexus, parent, name, "NXcollection");
    if (group < 0)
        return -(int)nexus->error->code;
    int status = hdf5_attribute_text(group, nexus->path, "default", "ttft", nexus->error);
    if (status == 0)
        status =
            hdf5_attribute_int(group, nexus->path, "series",
                               json_integer_value(json_object_get(record, "series")), nexus->error);
    for (size_t i = 0; i < ARRAY_LENGTH(figures) && status == 0; i++)
        status = write_figure(nexus, group, name, &figures[i], series, load);
    H5Gclose(group);
    return status;
}

/* Takes up the series whose records start at `first`; returns where the next one starts. */
static size_t take_series(struct series *series, const json_t *records, size_t first,
                          enum sweep_load_kind load)
{
    size_t next = sweep_wall_find(&series->wall, records, first, load);
    series->count = 0;
    for (size_t i = first; i < next; i++) {
        const json_t *record = json_array_get(records, i);
        double value = sweep_record_load(record, load);
        if (sweep_record_is_done(record) && isfinite(value))
            insert(series, record, value);
    }
    for (size_t i = 0; i < series->count; i++) {
        series->is_saturated[i] = sweep_record_is_saturated(series->records[i]);
        series->is_too_short[i] = sweep_record_is_too_short(series->records[i]);
    }
    return next;
}

/* All series that can be drawn; `first` is the first one's name, empty where there is none. */
static int write_all_series(const struct nexus *nexus, hid_t curves,
                            const struct sweep_results *results, struct series *series,
                            char first[GROUP_NAME_BYTES])
{
    int status = 0;
    for (size_t at = 0; at < json_array_size(results->records) && status == 0;) {
        char name[GROUP_NAME_BYTES];
        at = take_series(series, results->records, at, results->load);
        if (series->count < 2)
            continue;
        status = write_series(nexus, curves, series, results->load, name);
        if (*first == '\0')
            memcpy(first, name, GROUP_NAME_BYTES);
    }
    return status;
}

static int write_series_groups(const struct nexus *nexus, hid_t curves,
                               const struct sweep_results *results, char first[GROUP_NAME_BYTES])
{
    size_t room = json_array_size(results->records);
    struct series series = {
        .records = calloc(room + 1, sizeof(json_t *)),
        .loads = calloc(room + 1, sizeof(*series.loads)),
        .is_saturated = calloc(room + 1, sizeof(*series.is_saturated)),
        .is_too_short = calloc(room + 1, sizeof(*series.is_too_short)),
        .values = calloc(room + 1, SIGNALS_MAX * sizeof(*series.values)),
    };
    int status = 0;
    if (!series.records || !series.loads || !series.is_saturated || !series.is_too_short ||
        !series.values)
        status = error_out_of_memory(nexus->error, "the curves");
    else
        status = write_all_series(nexus, curves, results, &series, first);
    free(series.records);
    free(series.loads);
    free(series.is_saturated);
    free(series.is_too_short);
    free(series.values);
    return status;
}

/* The front's columns, side by side in `columns` (3, count). */
static int write_front(const struct nexus *nexus, hid_t curves,
                       const struct sweep_pareto_point *front, double *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        columns[i] = front[i].per_gpu;
        columns[count + i] = front[i].per_user;
        columns[2 * count + i] = (double)front[i].index;
    }
    const struct nexus_field fields[] = {
        {"output_tokens_per_s_per_gpu", "output tokens per GPU", "tokens/s", H5T_NATIVE_DOUBLE,
         columns},
        {"output_tokens_per_s_per_user", "output tokens per user", "tokens/s", H5T_NATIVE_DOUBLE,
         columns + count},
    };
    const struct nexus_field points = {"point", "row of /points", "1", H5T_NATIVE_DOUBLE,
                                       columns + 2 * count};
    hid_t group =
        nexus_data_create(nexus, curves, FRONT_NAME, "tokens per GPU against tokens per user",
                          fields, ARRAY_LENGTH(fields), count);
    if (group < 0)
        return -(int)nexus->error->code;
    int status = nexus_field_write(nexus, group, &points, count);
    H5Gclose(group);
    return status;
}

/* The front, where any point is on it; `count` is how many are. */
static int write_pareto(const struct nexus *nexus, hid_t curves, const json_t *records,
                        size_t *count)
{
    size_t room = json_array_size(records) + 1;
    struct sweep_pareto_point *front = calloc(room, sizeof(*front));
    double *columns = calloc(room, 3 * sizeof(*columns));
    int status = 0;
    *count = 0;
    if (!front || !columns)
        status = error_out_of_memory(nexus->error, "the Pareto front");
    else
        *count = sweep_pareto_front(records, front);
    if (*count > 0)
        status = write_front(nexus, curves, front, columns, *count);
    free(columns);
    free(front);
    return status;
}

int sweep_nexus_write(hid_t file, const char *path, const struct sweep_results *results,
                      struct error *error)
{
    struct nexus nexus = {path, error};
    char shown[GROUP_NAME_BYTES] = "";
    size_t front_count = 0;
    hid_t curves = nexus_group_create(&nexus, file, "curves", "NXentry");
    if (curves < 0)
        return -(int)error->code;
    int status =
        results->load == SWEEP_LOAD_NONE ? 0 : write_series_groups(&nexus, curves, results, shown);
    if (status == 0)
        status = write_pareto(&nexus, curves, results->records, &front_count);
    const char *first = *shown ? shown : front_count > 0 ? FRONT_NAME : "";
    if (status == 0 && *first)
        status = hdf5_attribute_text(curves, path, "default", first, error);
    H5Gclose(curves);
    return status;
}
