#include "command.h"

#include "collective_survey.h"
#include "config_cluster.h"
#include "data_dir.h"
#include "gpu_tables.h"
#include "quantity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_TEXT_MAX 32

struct collective_options {
    enum collective_operation operation;
    const char *cluster;
    const char *gpus; /* NULL: all */
    double bytes_first;
    double bytes_last;
    bool as_json;
};

static const char help[] =
    "usage: tandem collective OP --cluster FILE [OPTION]...\n\n"
    "Prints how long a collective takes on a cluster's GPUs by every algorithm that applies,\n"
    "and what is measured of it, in nccl-tests' columns, to hold against a run of nccl-tests.\n"
    "OP: all_reduce, all_gather, reduce_scatter, all_to_all, broadcast or send_recv.\n\n"
    "      --cluster FILE     such as clusters/hgx-h100\n"
    "      --gpus LIST        which GPUs, counted through the nodes: 0-7, or 0,2,8-11; else "
    "all\n"
    "      --bytes FIRST:LAST sizes, each twice the one before; else 1KiB:1GiB\n"
    "      --json             print one JSON object\n"
    "  -h, --help             this text\n\n"
    "Exit codes: 0 done, 2 wrong use, 3 bad configuration, 4 I/O.\n";

/* The operation of that name, dashes for underscores too. */
static int parse_operation(const char *name, enum collective_operation *operation,
                           struct error *error)
{
    for (uint32_t i = 0; i < OPERATION_COUNT; i++) {
        const char *known = collective_operation_name((enum collective_operation)i);
        size_t at = 0;
        while (name[at] != '\0' && (name[at] == known[at] || (name[at] == '-' && known[at] == '_')))
            at++;
        if (name[at] == '\0' && known[at] == '\0') {
            *operation = (enum collective_operation)i;
            return 0;
        }
    }
    return error_set(error, ERROR_USAGE, "there is no operation '%s'", name);
}

/* A size such as 64MB, or 1KB as nccl-tests writes it. */
static int parse_size(const char *text, size_t length, double *bytes, struct error *error)
{
    char copy[BYTES_TEXT_MAX];
    if (length >= sizeof(copy))
        return error_set(error, ERROR_USAGE, "'%s' is no size", text);
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *kilo = strchr(copy, 'K');
    if (kilo && kilo[1] == 'B')
        *kilo = 'k';
    int status = quantity_parse(copy, QUANTITY_BYTES, bytes, error);
    if (status == 0 && *bytes >= 1)
        return 0;
    return error_set(error, ERROR_USAGE,
                     "'%s' is no size of at least 1 B, with its unit, such as 64 MB", copy);
}

static int parse_sizes(const struct command_option *option, const char *value, struct error *error)
{
    struct collective_options *collective = option->target;
    const char *colon = strchr(value, ':');
    size_t first_length = colon ? (size_t)(colon - value) : strlen(value);
    const char *last = colon ? colon + 1 : value;
    int status = parse_size(value, first_length, &collective->bytes_first, error);
    if (status == 0)
        status = parse_size(last, strlen(last), &collective->bytes_last, error);
    if (status == 0 && collective->bytes_last < collective->bytes_first)
        status = error_set(error, ERROR_USAGE, "the sizes '%s' do not go up", value);
    return status;
}

static int parse_options(struct collective_options *collective, int argc, char **argv,
                         struct error *error)
{
    const struct command_option options[] = {
        {"cluster", .text = &collective->cluster},
        {"gpus", .text = &collective->gpus},
        {"bytes", .parse = parse_sizes, .target = collective},
        {"json", .flag = &collective->as_json},
        {0},
    };
    int status = command_options_take(options, help, &argc, &argv, error);
    if (status != 0)
        return status;
    if (argc == 0)
        return error_set(error, ERROR_USAGE, "which operation? Name one, such as all_reduce");
    if (argc > 1)
        return error_set(error, ERROR_USAGE,
                         "one operation at a time: what is '%s'? A cluster goes behind --cluster",
                         argv[1]);
    if (!collective->cluster)
        return error_set(error, ERROR_USAGE,
                         "which cluster? Name one: --cluster clusters/hgx-h100");
    return parse_operation(argv[0], &collective->operation, error);
}

static int bad_gpus(const char *text, uint32_t gpu_count, struct error *error)
{
    return error_set(
        error, ERROR_USAGE,
        "'%s' is no list of at least two of the GPUs 0 to %u that goes up, such as 0-7", text,
        gpu_count - 1);
}

/* One number of a GPU; NULL where there is none below `gpu_count`. */
static const char *parse_gpu(const char *text, uint32_t gpu_count, uint32_t *gpu)
{
    uint64_t number = 0;
    const char *end = command_parse_count(text, 0, gpu_count - 1, &number);
    *gpu = (uint32_t)number;
    return end;
}

/* "0,2,8-11", going up, into gpus (gpu_count). */
static int parse_gpus(const char *text, uint32_t gpu_count, uint32_t *gpus, uint32_t *count,
                      struct error *error)
{
    const char *at = text;
    for (*count = 0;;) {
        uint32_t first;
        at = parse_gpu(at, gpu_count, &first);
        uint32_t last = first;
        if (at && *at == '-')
            at = parse_gpu(at + 1, gpu_count, &last);
        if (!at || last < first || (*count > 0 && first <= gpus[*count - 1]))
            return bad_gpus(text, gpu_count, error);
        for (uint32_t gpu = first; gpu <= last; gpu++)
            gpus[(*count)++] = gpu;
        if (*at == '\0')
            return *count < 2 ? bad_gpus(text, gpu_count, error) : 0;
        if (*at++ != ',')
            return bad_gpus(text, gpu_count, error);
    }
}

/* The GPUs that are asked for, else the cluster's, in `arena`; NULL where that fails. */
static uint32_t *pick_gpus(const struct collective_options *options,
                           const struct topology *topology, uint32_t *count, struct arena *arena,
                           struct error *error)
{
    *count = topology->gpu_count;
    uint32_t *gpus = arena_calloc(arena, *count, sizeof(*gpus));
    if (!gpus) {
        (void)error_out_of_memory(error, "the GPUs");
        return NULL;
    }
    for (uint32_t i = 0; i < *count; i++)
        gpus[i] = i;
    if (options->gpus)
        return parse_gpus(options->gpus, topology->gpu_count, gpus, count, error) < 0 ? NULL : gpus;
    if (*count >= 2)
        return gpus;
    (void)error_set(error, ERROR_CONFIG, "cluster '%s' has one GPU", topology->cluster->name);
    return NULL;
}

/* `table` is NULL where nothing was measured of the cluster's GPU. */
static int survey(const struct collective_options *options, const struct cluster *cluster,
                  const struct collective_table *table, struct arena *arena, struct error *error)
{
    struct topology topology;
    int status = topology_build(&topology, cluster, arena, error);
    if (status < 0)
        return status;
    uint32_t count;
    const uint32_t *gpus = pick_gpus(options, &topology, &count, arena, error);
    if (!gpus)
        return -(int)error->code;
    struct collective_survey survey = {
        .cluster = cluster,
        .operation = options->operation,
        .group = collective_group_of(&topology, gpus, count),
        .gpus = gpus,
        .medium = topology_group_medium(&topology, gpus, count),
        .bytes_first = options->bytes_first,
        .bytes_last = options->bytes_last,
    };
    struct measured_node *node = measured_node_new(cluster, arena, error);
    if (!node)
        return -(int)error->code;
    struct group_links links = group_links_of(&topology, node, gpus, count);
    status = collective_survey_measure(&survey, table, &links, arena, error);
    if (status < 0)
        return status;
    if (options->as_json)
        return collective_survey_print_json(&survey, stdout, error);
    collective_survey_print_text(&survey, stdout);
    return command_flush(error);
}

/* With what is measured of its GPU in the folder `measured`. */
static int survey_measured(const struct collective_options *options, const struct cluster *cluster,
                           const char *measured, struct arena *arena, struct error *error)
{
    struct gpu_samples samples = {.folders = NULL};
    struct gpu_tables tables;
    const struct gpu_folder *folder = gpu_samples_of(&samples, measured, error);
    int status =
        folder ? gpu_tables_init(&tables, &cluster->gpu, folder, error) : -(int)error->code;
    if (status == 0) {
        status = survey(options, cluster, &tables.collectives, arena, error);
        gpu_tables_release(&tables);
    }
    gpu_samples_release(&samples);
    return status;
}

static int load_and_survey(const struct collective_options *options, struct error *error)
{
    char configs[DATA_DIR_BYTES];
    struct cluster cluster = {.nodes = 0};
    struct diagnostics diagnostics;
    struct arena arena;
    int status = data_dir_configs(configs, error);
    if (status < 0)
        return status;
    arena_init(&arena);
    const char *const search[] = {configs, NULL};
    const char *measured;
    status = config_cluster_load(options->cluster, search, &arena, &diagnostics, &cluster,
                                 &measured, error);
    if (status == 0)
        status = measured ? survey_measured(options, &cluster, measured, &arena, error)
                          : survey(options, &cluster, NULL, &arena, error);
    arena_release(&arena);
    return status;
}

int command_collective(int argc, char **argv)
{
    struct error error = {0};
    struct collective_options options = {.bytes_first = 0x1p10, .bytes_last = 0x1p30};
    int status = parse_options(&options, argc, argv, &error);
    if (status == 0)
        status = load_and_survey(&options, &error);
    return status < 0 ? command_fail("collective", &error) : 0;
}
