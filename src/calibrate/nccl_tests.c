#include "nccl_tests.h"

#include "line_reader.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#define PLACE_BYTES 4200
#define HOST_BYTES 256
#define TOKENS_MAX 32

/* A file being read. */
struct output {
    struct measurements *measurements;
    const char *path;
    struct collective_kind kind;
    uint32_t ranks;
    char host[HOST_BYTES]; /* of the first rank; "" before it */
    bool has_op;
    int time_index;  /* of the columns of results; -1 before their header */
    int wrong_index; /* of that time's results that were wrong; -1: there is no such column */
};

/* Their programs' names, and what they are here. */
static const struct {
    const char *name;
    enum collective_operation operation;
} programs[] = {
    {"all_reduce", OPERATION_ALL_REDUCE},
    {"all_gather", OPERATION_ALL_GATHER},
    {"reduce_scatter", OPERATION_REDUCE_SCATTER},
    {"alltoall", OPERATION_ALL_TO_ALL},
    {"sendrecv", OPERATION_SEND_RECV},
};

/* Looks for a program's name in `text`, a path or a line. */
static void find_op(struct output *output, const char *text)
{
    for (size_t i = 0; i < ARRAY_LENGTH(programs); i++)
        if (strstr(text, programs[i].name)) {
            output->kind.operation = programs[i].operation;
            output->has_op = true;
        }
}

static int fault(const struct output *output, uint64_t line, const char *what, struct error *error)
{
    return error_set(error, ERROR_CONFIG, "%s:%llu: %s", output->path, (unsigned long long)line,
                     what);
}

/* Another rank on `host`: all must be on one. */
static int add_rank(struct output *output, const char *host, uint64_t line, struct error *error)
{
    if (output->ranks++ == 0)
        (void)snprintf(output->host, sizeof(output->host), "%s", host);
    if (strcmp(output->host, host) == 0)
        return 0;
    return fault(output, line, "ranks on several hosts: tables are of the GPUs of one", error);
}

/* One result; without bytes it is of a buffer too small to share out, and says nothing. */
static int add_result(struct output *output, double bytes, double time_us, const char *place,
                      struct error *error)
{
    if (bytes == 0)
        return 0;
    if (!(bytes > 0) || !(time_us > 0) || !isfinite(time_us))
        return error_set(error, ERROR_CONFIG, "%s: a result has bytes and a time above 0", place);
    if (!output->has_op)
        return error_set(error, ERROR_CONFIG,
                         "%s: which collective? Name the file after its program: all_reduce, "
                         "all_gather, reduce_scatter, alltoall or sendrecv",
                         place);
    if (output->ranks < 2)
        return error_set(error, ERROR_CONFIG, "%s: a collective takes at least 2 ranks", place);
    struct collective_sample sample = {
        .kind = output->kind, .ranks = output->ranks, .bytes = bytes, .seconds = time_us * 1e-6};
    output->measurements->unsaid_fabrics++;
    return measurements_add_collective(output->measurements, &sample, place, error);
}

/* Splits at blanks; how many pieces. */
static int split(char *line, char *tokens[TOKENS_MAX])
{
    int count = 0;
    char *rest;
    for (char *token = strtok_r(line, " \t", &rest); token && count < TOKENS_MAX;
         token = strtok_r(NULL, " \t", &rest))
        tokens[count++] = token;
    return count;
}

/* A line that begins with '#': what was run, on which GPUs, or the results' header. */
static int read_comment(struct output *output, char *line, uint64_t number, struct error *error)
{
    char host[HOST_BYTES];
    if (sscanf(line, "# Rank %*d Group %*d Pid %*d on %255s", host) == 1 ||
        sscanf(line, "# Rank %*d Pid %*d on %255s", host) == 1)
        return add_rank(output, host, number, error);
    if (strstr(line, "Collective test starting:"))
        find_op(output, line);
    char *tokens[TOKENS_MAX];
    int count = split(line + 1, tokens);
    for (int i = 0; count > 0 && strcmp(tokens[0], "size") == 0 && i < count; i++) {
        if (output->time_index < 0 && strcmp(tokens[i], "time") == 0)
            output->time_index = i;
        if (output->wrong_index < 0 && strcmp(tokens[i], "#wrong") == 0)
            output->wrong_index = i;
    }
    return 0;
}

/* Refuses a time in which something else than the collective was done. `wrong` is how many of its
   results were not right, "N/A" where nobody looked; NULL: it is not said. */
static int check_right(const char *wrong, const char *place, struct error *error)
{
    char *end;
    double count = wrong ? strtod(wrong, &end) : 0;
    if (!wrong || end == wrong || count == 0)
        return 0;
    return error_set(error, ERROR_CONFIG,
                     "%s: %s of its results were wrong: the time is not a collective's", place,
                     wrong);
}

static int read_result(struct output *output, char *line, uint64_t number, struct error *error)
{
    char *tokens[TOKENS_MAX];
    char place[PLACE_BYTES];
    int count = split(line, tokens);
    if (count == 0 || !isdigit((unsigned char)*tokens[0]))
        return 0; /* NCCL's own chatter, and mpirun's */
    if (output->time_index < 0)
        return fault(output, number, "a result before the header of results", error);
    if (output->time_index >= count)
        return fault(output, number, "the result has no time", error);
    char *end_of_bytes, *end_of_time;
    double bytes = strtod(tokens[0], &end_of_bytes);
    double time_us = strtod(tokens[output->time_index], &end_of_time);
    if (*end_of_bytes != '\0' || *end_of_time != '\0')
        return fault(output, number, "size and time of a result must be numbers", error);
    (void)snprintf(place, sizeof(place), "%s:%llu", output->path, (unsigned long long)number);
    bool says = output->wrong_index >= 0 && output->wrong_index < count;
    int status = check_right(says ? tokens[output->wrong_index] : NULL, place, error);
    return status < 0 ? status : add_result(output, bytes, time_us, place, error);
}

static int read_text(struct output *output, FILE *file, struct error *error)
{
    struct line_reader lines;
    char *line;
    size_t length;
    int status = line_reader_init(&lines, file, output->path, error);
    if (status < 0)
        return status;
    while ((status = line_reader_next(&lines, &line, &length, error)) > 0) {
        status = *line == '#' ? read_comment(output, line, lines.line_number, error)
                              : read_result(output, line, lines.line_number, error);
        if (status < 0)
            break;
    }
    line_reader_release(&lines);
    return status;
}

/* Processes are listed by their first rank; each has nthreads x ngpus of them. */
static int read_config(struct output *output, const json_t *config, struct error *error)
{
    const json_t *devices = json_object_get(config, "devices");
    json_int_t ranks = json_integer_value(json_object_get(config, "nthreads")) *
                       json_integer_value(json_object_get(config, "ngpus"));
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const char *host =
            json_string_value(json_object_get(json_array_get(devices, i), "hostname"));
        int status = add_rank(output, host ? host : "", 1, error);
        if (status < 0)
            return status;
    }
    if (ranks < 1 || ranks > 4096 || output->ranks == 0)
        return fault(output, 1, "'config' must have devices, nthreads and ngpus", error);
    output->ranks *= (uint32_t)ranks;
    return 0;
}

/* The same of a number, or of one written as a text. */
static int check_json_right(const json_t *wrong, const char *place, struct error *error)
{
    char count[32];
    (void)snprintf(count, sizeof(count), "%.0f", json_number_value(wrong));
    return check_right(json_is_number(wrong) ? count : json_string_value(wrong), place, error);
}

static int read_results(struct output *output, const json_t *results, struct error *error)
{
    char place[PLACE_BYTES];
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *result = json_array_get(results, i);
        const json_t *size = json_object_get(result, "size");
        const json_t *out_of_place = json_object_get(result, "out_of_place");
        const json_t *time_us = json_object_get(out_of_place, "time");
        const char *name = json_string_value(json_object_get(result, "experiment_name"));
        (void)snprintf(place, sizeof(place), "%s: result %zu", output->path, i + 1);
        if (name)
            find_op(output, name);
        if (!json_is_number(size) || !json_is_number(time_us))
            return error_set(error, ERROR_CONFIG,
                             "%s: it must have a size and an out-of-place time", place);
        int status = check_json_right(json_object_get(out_of_place, "nwrong"), place, error);
        if (status == 0)
            status = add_result(output, json_number_value(size), json_number_value(time_us), place,
                                error);
        if (status < 0)
            return status;
    }
    return 0;
}

static int read_json(struct output *output, FILE *file, struct error *error)
{
    json_error_t fault_of_json;
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &fault_of_json);
    if (!root)
        return json_error_code(&fault_of_json) == json_error_out_of_memory
                   ? error_out_of_memory(error, output->path)
                   : fault(output, (uint64_t)fault_of_json.line, fault_of_json.text, error);
    const char *program = json_string_value(json_array_get(json_object_get(root, "args"), 0));
    if (program)
        find_op(output, program);
    const json_t *results = json_object_get(root, "results");
    int status = read_config(output, json_object_get(root, "config"), error);
    if (status == 0 && !json_is_array(results))
        status = fault(output, 1, "there are no 'results'", error);
    if (status == 0)
        status = read_results(output, results, error);
    json_decref(root);
    return status;
}

int nccl_tests_read(struct measurements *measurements, FILE *file, const char *path,
                    enum collective_fabric fabric, struct error *error)
{
    struct output output = {.measurements = measurements,
                            .path = path,
                            .kind = {.fabric = fabric, .graph = true},
                            .time_index = -1,
                            .wrong_index = -1};
    size_t before = measurements->collective_count;
    const char *slash = strrchr(path, '/');
    find_op(&output, slash ? slash + 1 : path);
    int first;
    do
        first = fgetc(file);
    while (first != EOF && isspace(first));
    if (fseek(file, 0, SEEK_SET) != 0)
        return error_set(error, ERROR_IO, "cannot read %s", path);
    int status = first == '{' ? read_json(&output, file, error) : read_text(&output, file, error);
    if (status == 0 && measurements->collective_count == before)
        return error_set(error, ERROR_CONFIG, "%s: there are no results of nccl-tests", path);
    return status;
}
