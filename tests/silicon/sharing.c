/*
 * How far are transfers that meet on links from measured ones?
 *
 * usage: sharing MEASURED.csv CLUSTER BAR
 *
 * MEASURED is what analysis/measure/share.py wrote: two kinds of traffic, each over and over, alone
 * and side by side. Both are played out on the links of a cluster file, as a run's collectives and
 * sends are; what each takes alone is as measured. Prints how many times as long each takes, and
 * the error. Exit codes: 0 its mean is at most BAR, 1 it is more.
 */
#include "config_cluster.h"
#include "csv_sheet.h"
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANKS_MAX 8
#define SPAN_S 0.06
#define US 1e6

enum column { COLUMN_TRAFFIC, COLUMN_BYTES, COLUMN_ALONE, COLUMN_BESIDE, COLUMN_COUNT };
static const char *const column_names[] = {"traffic", "bytes", "alone_us", "beside_us"};

/* One kind: "send 0>2", "all_reduce 0+1". */
struct traffic {
    char name[64];
    double bytes;
    double alone_s;
    double beside_s; /* measured */
    bool is_send;
    uint32_t from[RANKS_MAX];
    uint32_t to[RANKS_MAX];
    struct transfer transfer;
    struct transfer_form form;
    double flow_bytes; /* that each pair moves */
    uint64_t done;
    double first_s; /* since when they are counted */
    double last_s;
    struct engine *engine;
    struct error error;
};

static double now_s(const struct traffic *traffic)
{
    return sim_s_from_ps(engine_now(traffic->engine));
}

static void start(struct traffic *traffic);

static void on_done(void *context, uint64_t argument)
{
    struct traffic *traffic = context;
    (void)argument;
    traffic->last_s = now_s(traffic);
    if (traffic->last_s < SPAN_S / 3)
        traffic->first_s = traffic->last_s;
    else
        traffic->done++;
    if (traffic->last_s < SPAN_S)
        start(traffic);
}

static void start(struct traffic *traffic)
{
    double load = traffic->is_send ? 1 : transfer_load(&traffic->transfer);
    struct flow_order order = {
        .latency_s = traffic->form.latency_s * load,
        .bytes = traffic->form.pace * traffic->flow_bytes,
        .done = on_done,
        .context = traffic,
    };
    if (transfer_start(&traffic->transfer, &order, &traffic->error) < 0)
        exit(2);
}

/* Its ranks, each of which sends to the next; a send's is one pair. */
static void read_ranks(struct traffic *traffic, const char *text)
{
    uint32_t count = 0;
    for (const char *at = strchr(text, ' '); at && *at && count < RANKS_MAX; count++) {
        char *end;
        traffic->from[count] = (uint32_t)strtoul(at + 1, &end, 10);
        at = end;
    }
    traffic->is_send = strchr(text, '>') != NULL;
    for (uint32_t i = 0; i < count; i++)
        traffic->to[i] = traffic->from[(i + 1) % count];
    traffic->transfer.pairs.count = traffic->is_send ? 1 : count;
    traffic->flow_bytes =
        traffic->is_send ? traffic->bytes : 2.0 * (count - 1) / count * traffic->bytes;
}

/* 1, 0 at the file's end, or negative. */
static int read_traffic(struct csv_sheet *sheet, struct traffic *traffic, struct error *error)
{
    double alone_us;
    double beside_us;
    int status = csv_sheet_next(sheet, error);
    if (status <= 0)
        return status;
    *traffic = (struct traffic){.done = 0};
    const char *text = sheet->fields[COLUMN_TRAFFIC];
    (void)snprintf(traffic->name, sizeof(traffic->name), "%s", text);
    if ((status = csv_sheet_positive(sheet, COLUMN_BYTES, &traffic->bytes, error)) < 0 ||
        (status = csv_sheet_positive(sheet, COLUMN_ALONE, &alone_us, error)) < 0 ||
        (status = csv_sheet_positive(sheet, COLUMN_BESIDE, &beside_us, error)) < 0)
        return status;
    traffic->alone_s = alone_us / US;
    traffic->beside_s = beside_us / US;
    read_ranks(traffic, text);
    return 1;
}

/* Plays both out side by side. */
static int play(struct traffic both[2], const struct topology *topology, struct arena *arena,
                struct error *error)
{
    struct engine *engine = engine_new(error);
    struct flow_network *network = engine ? transfer_network(engine, topology, error) : NULL;
    int status = network ? 0 : -1;
    for (uint32_t i = 0; i < 2 && status == 0; i++) {
        struct traffic *traffic = &both[i];
        struct transfer_pairs pairs = {traffic->from, traffic->to, traffic->transfer.pairs.count,
                                       i};
        struct alpha_beta path =
            topology_parallel_path(topology, pairs.from, pairs.to, pairs.count);
        traffic->engine = engine;
        traffic->form = transfer_form_of(traffic->alone_s, traffic->flow_bytes / path.bytes_per_s);
        status = transfer_init(&traffic->transfer, network, topology, pairs, arena, error);
        if (status == 0)
            start(traffic);
    }
    while (status == 0 && engine_step(engine))
        ;
    flow_network_free(network);
    engine_free(engine);
    return status;
}

/* The error of what one takes beside the other, printed. */
static double compare(const struct traffic *traffic, const struct traffic *other)
{
    double simulated_s = (traffic->last_s - traffic->first_s) / (double)traffic->done;
    double error = simulated_s / traffic->beside_s - 1;
    printf("%-18s %9.0f  %-18s %9.0f %9.1f %7.2f %7.2f %+7.1f%%\n", traffic->name, traffic->bytes,
           other->name, other->bytes, traffic->alone_s * US, traffic->beside_s / traffic->alone_s,
           simulated_s / traffic->alone_s, 100 * error);
    return fabs(error);
}

/* The mean error of all pairs of rows of a file; negative on failure. */
static double compare_file(FILE *file, const char *name, const struct topology *topology,
                           struct arena *arena, struct error *error)
{
    struct csv_sheet sheet;
    struct traffic both[2];
    double sum = 0;
    uint32_t count = 0;
    int status =
        csv_sheet_init(&sheet, file, name, column_names, COLUMN_COUNT, CSV_OTHERS_IGNORED, error);
    if (status < 0)
        return -1;
    while ((status = read_traffic(&sheet, &both[0], error)) > 0 &&
           (status = read_traffic(&sheet, &both[1], error)) > 0 &&
           (status = play(both, topology, arena, error)) == 0) {
        sum += compare(&both[0], &both[1]) + compare(&both[1], &both[0]);
        count += 2;
    }
    csv_sheet_release(&sheet);
    return status < 0 || count == 0 ? -1 : sum / count;
}

int main(int argc, char **argv)
{
    const char *root = getenv("TANDEM_DATA_DIR");
    char configs[4096];
    const char *const search[] = {configs, NULL};
    const char *measured;
    struct diagnostics diagnostics;
    struct topology topology;
    struct cluster cluster;
    struct error error = {.text = ""};
    struct arena arena;
    double mean = -1;
    FILE *file = argc == 4 ? fopen(argv[1], "r") : NULL;
    if (!file)
        return 2;
    arena_init(&arena);
    (void)snprintf(configs, sizeof(configs), "%s/configs", root ? root : ".");
    printf("%-18s %9s  %-18s %9s %9s %7s %7s %8s\n", "traffic", "bytes", "beside", "bytes",
           "alone us", "times", "ours", "error");
    if (config_cluster_load(argv[2], search, &arena, &diagnostics, &cluster, &measured, &error) ==
            0 &&
        topology_build(&topology, &cluster, &arena, &error) == 0)
        mean = compare_file(file, argv[1], &topology, &arena, &error);
    if (mean < 0)
        printf("%s\n", error.text);
    else
        printf("mean error %.1f%%, bar %.1f%%\n", 100 * mean, 100 * atof(argv[3]));
    fclose(file);
    arena_release(&arena);
    return mean < 0 ? 2 : mean > atof(argv[3]);
}
