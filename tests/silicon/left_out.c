/*
 * How far are a GPU's tables from measurements that they were not given?
 *
 * usage: left_out GPU_FOLDER [BARS]
 *
 * Prints, for each class of kernels and collectives of the folder's tables, the
 * relative error of samples left out one at a time and of whole shapes (of
 * collectives: numbers of ranks) left out. With any second argument, exits with
 * 1 where a class misses its bar: GEMM 4%, attention 5%, collectives 7%, left
 * out one at a time and, but for collectives, shape by shape.
 */
#include "config_file.h"
#include "config_gpu.h"
#include "cross_validation.h"
#include "sample_csv.h"

#include <stdlib.h>

#define FOLDS_MAX 400
#define PATH_BYTES 4096

/* Sums of the errors of classes that share a bar. */
struct tally {
    double error_sum;
    uint32_t samples;
};

static void tally_add(struct tally *tally, const struct left_out_error *result)
{
    tally->error_sum += result->mean * result->samples;
    tally->samples += result->samples;
}

static void print_result(const char *class, const char *detail, enum left_out left_out,
                         const struct left_out_error *result)
{
    printf("%-18s %-12s %-7s %7u %7.2f %7.2f %7.2f %7.2f %+7.2f\n", class, detail,
           left_out == LEFT_OUT_SAMPLE ? "sample" : "shape", result->samples, 100 * result->mean,
           100 * result->p50, 100 * result->p90, 100 * result->max, 100 * result->bias);
}

/* Whether the tally keeps within `bar`; says so. */
static bool judge(const char *class, const char *left_out, const struct tally *tally, double bar)
{
    if (tally->samples == 0)
        return true;
    double mean = tally->error_sum / tally->samples;
    printf("%-18s %-7s left out: %5.2f%%, bar %.0f%%%s\n", class, left_out, 100 * mean, 100 * bar,
           mean <= bar ? "" : "  MISSED");
    return mean <= bar;
}

static int read_gpu(const char *folder, struct gpu *gpu, struct error *error)
{
    char path[PATH_BYTES];
    struct arena arena;
    struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));
    arena_init(&arena);
    (void)snprintf(path, sizeof(path), "%s/gpu.yaml", folder);
    int status = diagnostics ? 0 : error_out_of_memory(error, "diagnostics");
    if (status == 0) {
        struct config_loader loader = {.arena = &arena, .diagnostics = diagnostics};
        diagnostics_init(diagnostics);
        struct source *source = config_file_open(&loader, path, (struct position){0});
        struct yaml_node *node =
            source ? yaml_tree_parse(source, source->text, source->bytes, &arena, diagnostics)
                   : NULL;
        const char *measured;
        config_gpu_read(&loader, node, gpu, &measured);
        status = diagnostics_to_error(diagnostics, error);
    }
    free(diagnostics);
    arena_release(&arena);
    return status;
}

static int validate_kernels(const struct gpu *gpu, const char *folder, bool *is_within,
                            struct error *error)
{
    static const double bars[KERNEL_OP_COUNT] = {[KERNEL_GEMM] = 0.04,
                                                 [KERNEL_ATTENTION_DECODE] = 0.05,
                                                 [KERNEL_ATTENTION_PREFILL] = 0.05,
                                                 [KERNEL_ATTENTION_PREFILL_FA2] = 0.05};
    static const char *const dtypes[DTYPE_COUNT] = {"bf16", "fp8", "int4", "fp4"};
    char path[PATH_BYTES];
    struct kernel_sample *samples = NULL;
    size_t count = 0;
    struct tally tallies[KERNEL_OP_COUNT][2] = {0};
    (void)snprintf(path, sizeof(path), "%s/kernels.csv", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return error_set(error, ERROR_IO, "%s: cannot be read", path);
    int status = sample_csv_kernels(file, path, &samples, NULL, &count, error);
    fclose(file);
    for (uint32_t i = 0; status == 0 && i < KERNEL_OP_COUNT * DTYPE_COUNT * 2; i++) {
        uint32_t op = i / (DTYPE_COUNT * 2), dtype = i / 2 % DTYPE_COUNT, left_out = i % 2;
        struct left_out_error result;
        status = cross_validation_kernels(gpu, samples, count, op, dtype, left_out, FOLDS_MAX,
                                          &result, error);
        if (status < 0 || result.samples == 0)
            continue;
        print_result(kernel_op_name(op), dtypes[dtype], left_out, &result);
        tally_add(&tallies[op][left_out], &result);
    }
    for (uint32_t op = 0; status == 0 && op < KERNEL_OP_COUNT; op++)
        if (bars[op] > 0) {
            *is_within &= judge(kernel_op_name(op), "sample", &tallies[op][0], bars[op]);
            *is_within &= judge(kernel_op_name(op), "shape", &tallies[op][1], bars[op]);
        }
    free(samples);
    return status;
}

static int validate_collectives(const char *folder, bool *is_within, struct error *error)
{
    char path[PATH_BYTES], detail[32];
    struct collective_sample *samples = NULL;
    size_t count = 0;
    struct tally tallies[2] = {0};
    (void)snprintf(path, sizeof(path), "%s/collectives.csv", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return error_set(error, ERROR_IO, "%s: cannot be read", path);
    int status = sample_csv_collectives(file, path, &samples, NULL, &count, error);
    fclose(file);
    for (uint32_t i = 0; status == 0 && i < COLLECTIVE_CLASS_COUNT * 2; i++) {
        uint32_t left_out = i % 2;
        struct collective_kind kind = {i / 8, i / 4 % 2, i / 2 % 2};
        struct left_out_error result;
        status = cross_validation_collectives(samples, count, &kind, left_out, FOLDS_MAX, &result,
                                              error);
        if (status < 0 || result.samples == 0)
            continue;
        (void)snprintf(detail, sizeof(detail), "%s %s",
                       kind.fabric == COLLECTIVE_FABRIC_PEER ? "peer" : "host",
                       kind.graph ? "graph" : "eager");
        print_result(collective_op_name(kind.op), detail, left_out, &result);
        tally_add(&tallies[left_out], &result);
    }
    if (status == 0)
        *is_within &= judge("collectives", "sample", &tallies[LEFT_OUT_SAMPLE], 0.07);
    free(samples);
    return status;
}

int main(int argc, char **argv)
{
    struct gpu gpu = {0};
    struct error error = {0};
    bool is_within = true;
    if (argc < 2) {
        fprintf(stderr, "usage: left_out GPU_FOLDER [BARS]\n");
        return 2;
    }
    printf("%-18s %-12s %-7s %7s %7s %7s %7s %7s %7s   %% of the measured time\n", "class", "of",
           "left", "samples", "mean", "p50", "p90", "max", "bias");
    int status = read_gpu(argv[1], &gpu, &error);
    if (status == 0)
        status = validate_kernels(&gpu, argv[1], &is_within, &error);
    if (status == 0)
        status = validate_collectives(argv[1], &is_within, &error);
    if (status < 0)
        fprintf(stderr, "left_out: %s\n", error.text);
    return status < 0 || (argc > 2 && !is_within) ? 1 : 0;
}
