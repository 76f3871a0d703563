/* Do sample_csv, gpu_samples and gpu_tables keep their contracts? Is every mistake named with its
 * line? */
#include "fixtures.h"
#include "gpu_tables.h"
#include "residual_csv.h"
#include "sample_csv.h"
#include "suite.h"

#include <string.h>

static struct error error;

static int read_kernels(const char *text, struct kernel_sample **samples, size_t *count)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ck_assert_ptr_nonnull(file);
    int status = sample_csv_kernels(file, "kernels.csv", samples, NULL, count, &error);
    fclose(file);
    return status;
}

static int read_collectives(const char *text, struct collective_sample **samples, size_t *count)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ck_assert_ptr_nonnull(file);
    int status = sample_csv_collectives(file, "collectives.csv", samples, NULL, count, &error);
    fclose(file);
    return status;
}

START_TEST(test_kernels)
{
    struct kernel_sample *samples = NULL;
    size_t count = 0;
    int status = read_kernels("# a source\n"
                              "op,m,n,k,batch,heads,kv_heads,q_len,ctx,time_us\n"
                              "gemm,16,768,4096,,,,,,6.5\n"
                              "\n"
                              "attn_decode,,,,4,64,8,1,512,8\r\n"
                              "attn_prefill_fa2,,,,1,64,8,512,2048,105.2\n"
                              "rope_kv_write,8,,,,32,8,,,1.6\n"
                              "copy,4096,,,,,,,,1.2\n",
                              &samples, &count);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(count, 5);
    /* Microseconds become seconds; a file without a dtype column is bf16. */
    ck_assert_double_eq_tol(samples[0].seconds, 6.5e-6, 1e-15);
    ck_assert_int_eq(samples[0].shape.dtype, DTYPE_BF16);
    ck_assert_double_eq(samples[0].shape.k, 4096);
    ck_assert_double_eq(samples[1].y, 512);
    /* A chunk of 512 that ends at 2,048 follows 1,536 tokens. */
    ck_assert_int_eq(samples[2].shape.op, KERNEL_ATTENTION_PREFILL_FA2);
    ck_assert_double_eq(samples[2].x, 512);
    ck_assert_double_eq(samples[2].y, 1536);
    /* RoPE's rows are Q, K and V: (32 + 2 x 8) x 128 values. */
    ck_assert_double_eq(samples[3].shape.n, 6144);
    ck_assert_double_eq(samples[4].x, 4096);
    free(samples);
}
END_TEST

START_TEST(test_experts)
{
    static const char text[] = "op,dtype,m,n,k,experts,top_k,ranks,reached,time_us\n"
                               "experts,fp8,16,768,2048,128,8,,82,45.5\n"
                               "experts_parallel,fp8,16,768,2048,128,8,4,20,25.5\n";
    struct kernel_sample *samples = NULL;
    size_t count = 0;
    ck_assert_int_eq(read_kernels(text, &samples, &count), 0);
    ck_assert_uint_eq(count, 2);
    /* 16 tokens with 8 experts each are 128 rows, a quarter of them on each of 4 GPUs. */
    ck_assert_double_eq(samples[0].x, 128);
    ck_assert_double_eq(samples[0].y, 82);
    ck_assert_double_eq(samples[0].shape.experts, 128);
    ck_assert_double_eq(samples[0].shape.top_k, 8);
    ck_assert_double_eq(samples[1].x, 32);
    ck_assert_double_eq(samples[1].shape.ranks, 4);
    /* Written, the rows read as they did; the other kind of table leaves it out. */
    char written[256] = "";
    FILE *file = fmemopen(written, sizeof(written), "w");
    ck_assert_ptr_nonnull(file);
    sample_csv_write_experts(file, samples, count);
    fclose(file);
    ck_assert_str_eq(written, text);
    file = fmemopen(written, sizeof(written), "w");
    ck_assert_ptr_nonnull(file);
    sample_csv_write_kernels(file, samples, count);
    fclose(file);
    ck_assert_str_eq(written, "op,dtype,m,n,k,batch,heads,kv_heads,q_len,ctx,time_us\n");
    free(samples);
}
END_TEST

START_TEST(test_many_rows)
{
    enum { ROWS = 1000 };
    char *text = calloc(ROWS + 1, 64);
    ck_assert_ptr_nonnull(text);
    char *end = stpcpy(text, "dtype,time_us,op,m,n,k\n");
    for (int i = 0; i < ROWS; i++)
        end += sprintf(end, "fp8,%d.5,gemm,%d,64,64\n", i, i + 1);
    struct kernel_sample *samples = NULL;
    size_t count = 0;
    ck_assert_int_eq(read_kernels(text, &samples, &count), 0);
    /* Columns come in any order, and the array grows with the file. */
    ck_assert_uint_eq(count, ROWS);
    ck_assert_int_eq(samples[ROWS - 1].shape.dtype, DTYPE_FP8);
    ck_assert_double_eq(samples[ROWS - 1].x, ROWS);
    free(samples);
    free(text);
}
END_TEST

START_TEST(test_collectives)
{
    struct collective_sample *samples = NULL;
    size_t count = 0;
    int status = read_collectives("op,ranks,bytes,p2p,graph,time_us\n"
                                  "all_reduce,4,65536,1,0,47.5\n"
                                  "send_recv,2,256,0,1,11.8\n"
                                  "custom_all_reduce,2,256,1,1,3.1\n",
                                  &samples, &count);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(samples[0].kind.fabric, COLLECTIVE_FABRIC_PEER);
    ck_assert(!samples[0].kind.graph);
    ck_assert_double_eq(samples[0].ranks, 4);
    ck_assert_int_eq(samples[1].kind.operation, OPERATION_SEND_RECV);
    ck_assert_int_eq(samples[1].kind.fabric, COLLECTIVE_FABRIC_HOST);
    /* An engine's own kernel is NCCL's operation by other means. */
    ck_assert_int_eq(samples[2].kind.operation, OPERATION_ALL_REDUCE);
    ck_assert(samples[2].kind.is_custom && !samples[1].kind.is_custom);
    free(samples);
}
END_TEST

/* Each text, and the error that it must give. */
static const struct {
    const char *text;
    const char *expected;
} kernel_faults[] = {
    {"# nothing\n", "kernels.csv: the file has no header"},
    {"op,m,time\n", "kernels.csv:1:6: unknown column 'time'"},
    {"op,m,m,time_us\n", "kernels.csv:1:6: column 'm' stands twice"},
    {"op,m,time_us\ncopy,1\n", "kernels.csv:2:7: 2 fields where the header has 3"},
    {"op,m,time_us\ncopy,1,2,3\n", "kernels.csv:2:10: 4 fields where the header has 3"},
    {"op,m,time_us\ngem,1,2\n", "kernels.csv:2:1: unknown op 'gem'; did you mean 'gemm'?"},
    {"op,m,n,time_us\ngemm,1,2,3\n", "kernels.csv:2:11: 'k' must be a whole number from 1, not ''"},
    {"op,m,time_us\ncopy,1,-2\n", "kernels.csv:2:8: 'time_us' must be a positive number, not '-2'"},
    {"op,m,time_us\ncopy,nan,2\n", "kernels.csv:2:6: 'm' must be a whole number from 1, not 'nan'"},
    {"op,m,time_us\ncopy,4k,2\n", "kernels.csv:2:6: 'm' must be a whole number from 1, not '4k'"},
    {"op,m,n,k,time_us\ngemm,1.5,2,3,4\n",
     "kernels.csv:2:6: 'm' must be a whole number from 1, not '1.5'"},
    {"op,batch,heads,kv_heads,ctx,time_us\nattn_decode,4,32,7,128,9\n",
     "kernels.csv:2:18: 'kv_heads' must divide 'heads'"},
    {"op,m,n,k,batch,time_us\ngemm,1,2,3,4,5\n",
     "kernels.csv:2:12: 'gemm' has no 'batch': leave it empty"},
    {"op,m,time_us\ncopy,4,2\ncopy,8,3\ncopy,4,5\ncopy,4,6\n",
     "kernels.csv:4:8: the same was measured in line 2"},
    {"op,m,time_us\ncopy,4,2\ncopy,8,3\ncopy,8,5\ncopy,4,6\n",
     "kernels.csv:4:8: the same was measured in line 3"},
    {"op,dtype,m,time_us\ncopy,fp7,1,2\n", "kernels.csv:2:6: unknown dtype 'fp7'"},
    {"op,heads,kv_heads,q_len,ctx,time_us\nattn_prefill,8,1,64,32,2\n",
     "kernels.csv:2:21: 'ctx' counts the chunk's own tokens, so it is at least 'q_len'"},
    {"op,m,n,k,experts,top_k,time_us\nexperts,4,64,64,8,2,5\n",
     "kernels.csv:2:22: 'reached' must be a whole number from 1, not ''"},
    {"op,m,n,k,experts,top_k,reached,time_us\nexperts,4,64,64,8,2,9,5\n",
     "kernels.csv:2:21: 'reached' is more than 'experts' by 'ranks', or than 'm' times 'top_k'"},
    {"op,m,n,k,experts,top_k,reached,time_us\nexperts,1,64,64,8,2,3,5\n",
     "kernels.csv:2:21: 'reached' is more than 'experts' by 'ranks', or than 'm' times 'top_k'"},
    {"op,m,n,k,experts,top_k,ranks,reached,time_us\nexperts_parallel,4,64,64,8,2,4,3,5\n",
     "kernels.csv:2:32: 'reached' is more than 'experts' by 'ranks', or than 'm' times 'top_k'"},
    {"op,m,n,k,experts,top_k,ranks,reached,time_us\nexperts_parallel,4,64,64,8,2,16,1,5\n",
     "kernels.csv:2:30: 'ranks' must be from 1 to 'experts'"},
};

START_TEST(test_kernel_faults)
{
    struct kernel_sample *samples = NULL;
    size_t count = 0;
    /* A mistake is a configuration error that says where it is and what was expected. */
    for (size_t i = 0; i < ARRAY_LENGTH(kernel_faults); i++) {
        ck_assert_int_eq(read_kernels(kernel_faults[i].text, &samples, &count), -ERROR_CONFIG);
        assert_first_line(error.text, kernel_faults[i].expected);
        ck_assert_ptr_null(samples);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *expected;
} collective_faults[] = {
    {"op,ranks,bytes,p2p,graph,time_us\nall,2,8,1,1,5\n", "collectives.csv:2:1: unknown op 'all'"},
    {"op,ranks,bytes,p2p,graph,time_us\nall_reduce,2,8,1,1,5\nall_reduce,2,8,1,1,5\n",
     "collectives.csv:3:20: the same was measured in line 2"},
    {"op,ranks,bytes,p2p,graph,m,time_us\nall_reduce,2,8,1,1,7,5\n",
     "collectives.csv:2:20: 'all_reduce' has no 'm': leave it empty"},
    {"op,ranks,bytes,p2p,graph,time_us\nall_reduce,1,8,1,1,5\n",
     "collectives.csv:2:12: a collective takes at least 2 ranks"},
    {"op,ranks,bytes,p2p,graph,time_us\nall_reduce,2,8,yes,1,5\n",
     "collectives.csv:2:16: 'p2p' must be 0 or 1, not 'yes'"},
};

START_TEST(test_collective_faults)
{
    struct collective_sample *samples = NULL;
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(collective_faults); i++) {
        int status = read_collectives(collective_faults[i].text, &samples, &count);
        ck_assert_int_eq(status, -ERROR_CONFIG);
        assert_first_line(error.text, collective_faults[i].expected);
        ck_assert_ptr_null(samples);
    }
}
END_TEST

/* Reads residuals into tables of a GEMM and an all-reduce. */
static int read_residuals(const char *text, struct gpu_tables *tables)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ck_assert_ptr_nonnull(file);
    struct residual *residuals = NULL;
    size_t count = 0;
    int status = residual_csv_read(file, "residuals.csv", &residuals, &count, &error);
    if (status == 0)
        residual_csv_apply(residuals, count, &tables->kernels, &tables->collectives);
    free(residuals);
    fclose(file);
    return status;
}

/* Tables of one all-reduce of 1 KiB over two peers, and of no kernels. */
static struct gpu_tables tables_of_all_reduce(const struct gpu *gpu, struct collective_kind kind)
{
    struct gpu_tables tables = {.are_shared = false};
    struct collective_sample sample = {.kind = kind, .ranks = 2, .bytes = 1024, .seconds = 1e-5};
    ck_assert_int_eq(kernel_table_init(&tables.kernels, gpu, NULL, 0, &error), 0);
    ck_assert_int_eq(collective_table_init(&tables.collectives, &sample, 1, &error), 0);
    return tables;
}

START_TEST(test_residuals)
{
    struct gpu gpu = fixture_gpu();
    struct collective_kind kind = {OPERATION_ALL_REDUCE, false, COLLECTIVE_FABRIC_PEER, true};
    struct gpu_tables tables = tables_of_all_reduce(&gpu, kind);
    int status = read_residuals("# a source\n"
                                "op,dtype,p2p,graph,points,point_error,shape_error,noise,lengths,"
                                "fine_share,fine_lengths\n"
                                "gemm,fp8,,,100,0.05,0.07,0.01,0.75 3 12,0.6,1 0.5 1.5\n"
                                "copy,bf16,,,3,0.01,,,,,\n"
                                "all_reduce,,1,1,60,0.013,0.4,,,,\n"
                                "all_reduce,,1,0,60,0.001,0.001,,,,\n",
                                &tables);
    ck_assert_int_eq(status, 0);
    /* Between points, the larger error; on a point, no more than repeats differ by. */
    const double *gemm = tables.kernels.classes[KERNEL_GEMM][DTYPE_FP8].errors.by_provenance;
    ck_assert_double_eq(gemm[COST_INTERPOLATED], 0.07);
    ck_assert_double_eq(gemm[COST_MEASURED], 0.02);
    /* As smooth as the row says; as is usual where it says nothing. */
    const struct surface_kind *kind_of_gemm =
        &tables.kernels.classes[KERNEL_GEMM][DTYPE_FP8].surface.kind;
    ck_assert_double_eq(kind_of_gemm->noise, 0.01);
    ck_assert_double_eq(kind_of_gemm->length_octaves[2], 12);
    ck_assert_double_eq(kind_of_gemm->fine_share, 0.6);
    ck_assert_double_eq(kind_of_gemm->fine_length_octaves[2], 1.5);
    ck_assert_mem_eq(&tables.kernels.classes[KERNEL_COPY][DTYPE_BF16].surface.kind,
                     kernel_table_usual_kind(KERNEL_COPY), sizeof(struct surface_kind));
    const double *copy = tables.kernels.classes[KERNEL_COPY][DTYPE_BF16].errors.by_provenance;
    ck_assert_double_eq(copy[COST_INTERPOLATED], 0.01);
    ck_assert_double_eq(copy[COST_MEASURED], 0.01);
    /* Of a collective its points tell, not numbers of ranks left out; and its own kind alone. */
    struct arena arena;
    struct cost_grid grid;
    arena_init(&arena);
    status = collective_table_prepare(&tables.collectives, &kind, 2, 4096, &arena, &grid, &error);
    ck_assert_int_eq(status, 0);
    ck_assert_double_eq(cost_grid_at(&grid, 1024, 1).error, 0.013);
    arena_release(&arena);
    gpu_tables_release(&tables);
}
END_TEST

START_TEST(test_residual_faults)
{
    static const struct {
        const char *row;
        const char *expected;
    } faults[] = {
        {"gem,bf16,,,1,0.1,0.1,,,,\n", "residuals.csv:2:1: unknown op 'gem'"},
        {"gemm,bf61,,,1,0.1,0.1,,,,\n", "residuals.csv:2:6: unknown dtype 'bf61'"},
        {"all_reduce,,peer,1,1,0.1,0.1,,,,\n",
         "residuals.csv:2:13: 'p2p' must be 0 or 1, not 'peer'"},
        {"all_reduce,,1,,1,0.1,0.1,,,,\n", "residuals.csv:2:15: 'graph' must be 0 or 1, not ''"},
        {"gemm,bf16,,,few,0.1,0.1,,,,\n",
         "residuals.csv:2:13: 'points' must be a positive number, not 'few'"},
        {"gemm,bf16,,,1,-0.1,0.1,,,,\n", "residuals.csv:2:15: 'point_error' must not be negative"},
        {"gemm,bf16,,,1,0.1,x,,,,\n",
         "residuals.csv:2:19: 'shape_error' must be a number, not 'x'"},
        {"gemm,bf16,,,1,,,0,2 3 3,0.3,1 1 1\n",
         "residuals.csv:2:17: 'noise' must be a positive number, not '0'"},
        {"gemm,bf16,,,1,,,0.02,2 3,0.3,1 1 1\n",
         "residuals.csv:2:22: 'lengths' must hold 3 numbers from 0.01 to 1000, not '2 3'"},
        {"gemm,bf16,,,1,,,0.02,2 3 -3,0.3,1 1 1\n",
         "residuals.csv:2:22: 'lengths' must hold 3 numbers from 0.01 to 1000, not '2 3 -3'"},
        {"gemm,bf16,,,1,,,0.02,2 3 0.001,0.3,1 1 1\n",
         "residuals.csv:2:22: 'lengths' must hold 3 numbers from 0.01 to 1000, not '2 3 0.001'"},
        {"gemm,bf16,,,1,,,0.02,2 3 3,1.3,1 1 1\n",
         "residuals.csv:2:28: 'fine_share' must not be above 1"},
        {"gemm,bf16,,,1,,,0.02,2 3 3,0.3,1 1 1 1\n",
         "residuals.csv:2:32: 'fine_lengths' must hold 3 numbers from 0.01 to 1000, not '1 1 1 1'"},
        {"all_reduce,,1,1,60,,,0.02,2 3,0.3,1 1\n",
         "residuals.csv:2:1: only kernels have 'noise' and 'lengths'"},
    };
    struct gpu gpu = fixture_gpu();
    const struct gpu_folder nothing = {.path = NULL};
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        struct gpu_tables tables;
        char text[256];
        ck_assert_int_eq(gpu_tables_init(&tables, &gpu, &nothing, &error), 0);
        (void)snprintf(text, sizeof(text),
                       "op,dtype,p2p,graph,points,point_error,shape_error,noise,lengths,"
                       "fine_share,fine_lengths\n%s",
                       faults[i].row);
        ck_assert_int_eq(read_residuals(text, &tables), -ERROR_CONFIG);
        assert_first_line(error.text, faults[i].expected);
        gpu_tables_release(&tables);
    }
}
END_TEST

START_TEST(test_no_folder)
{
    struct gpu gpu = fixture_gpu();
    struct gpu_samples samples = {.folders = NULL};
    struct gpu_tables tables;
    struct kernel_shape shape = {.op = KERNEL_GEMM, .n = 64, .k = 64};
    /* A GPU that nobody measured has tables that cover nothing. */
    const struct gpu_folder *folder = gpu_samples_of(&samples, "/nonexistent", &error);
    ck_assert_ptr_nonnull(folder);
    ck_assert_int_eq(gpu_tables_init(&tables, &gpu, folder, &error), 0);
    ck_assert(!kernel_table_covers(&tables.kernels, &shape));
    gpu_tables_release(&tables);
    gpu_samples_release(&samples);
}
END_TEST

#define KERNELS "op,dtype,m,time_us\n"
#define COLLECTIVES "op,ranks,bytes,p2p,graph,time_us\n"

static void write_table(const char *folder, const char *name, const char *text)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void remove_table(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    ck_assert_int_eq(remove(path), 0);
}

START_TEST(test_a_folder_is_read_once)
{
    struct gpu_samples samples = {.folders = NULL};
    char folder[] = "/tmp/tandem-samples-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_table(folder, "kernels.csv", KERNELS "copy,bf16,1\n");
    /* What cannot be read is an error, and is not kept: mended, it is read. */
    ck_assert_ptr_null(gpu_samples_of(&samples, folder, &error));
    ck_assert_int_eq(error.code, ERROR_CONFIG);
    write_table(folder, "kernels.csv", KERNELS "copy,bf16,1,2\n");
    ck_assert_uint_eq(gpu_samples_of(&samples, folder, &error)->kernel_count, 1);
    /* What was read is kept, whatever becomes of the file and whatever is read besides. */
    write_table(folder, "kernels.csv", KERNELS "copy,bf16,1,2\ncopy,bf16,2,3\n");
    ck_assert_uint_eq(gpu_samples_of(&samples, "/nonexistent", &error)->kernel_count, 0);
    ck_assert_uint_eq(gpu_samples_of(&samples, folder, &error)->kernel_count, 1);
    gpu_samples_release(&samples);
    remove_table(folder, "kernels.csv");
    ck_assert_int_eq(remove(folder), 0);
}
END_TEST

START_TEST(test_a_folder_has_all_its_tables)
{
    /* Expectation: kernels stand in up to three files, each of its own source, and are one table,
     * in which fp8 has a class of its own; collectives in two. */
    struct gpu_samples samples = {.folders = NULL};
    struct gpu gpu = fixture_gpu();
    struct gpu_tables tables;
    char path[] = "/tmp/tandem-samples-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(path));
    write_table(path, "kernels.csv", KERNELS "copy,bf16,1,2\n");
    write_table(path, "kernels_fp8.csv", KERNELS "copy,fp8,1,3\ncopy,fp8,2,4\n");
    write_table(path, "experts.csv", KERNELS "copy,bf16,3,4\n");
    write_table(path, "collectives.csv", COLLECTIVES "all_reduce,2,8,1,1,9\n");
    write_table(path, "collectives_published.csv", COLLECTIVES "all_reduce,8,8,1,1,16\n");
    const struct gpu_folder *folder = gpu_samples_of(&samples, path, &error);
    ck_assert_msg(folder != NULL, "%s", error.text);
    ck_assert_uint_eq(folder->kernel_count, 4);
    ck_assert_uint_eq(folder->collective_count, 2);
    ck_assert_double_eq(folder->collectives[1].ranks, 8);
    ck_assert_int_eq(gpu_tables_init(&tables, &gpu, folder, &error), 0);
    ck_assert_double_eq_tol(tables.kernels.classes[KERNEL_COPY][DTYPE_BF16].floor_s, 2e-6, 1e-15);
    ck_assert_double_eq_tol(tables.kernels.classes[KERNEL_COPY][DTYPE_FP8].floor_s, 3e-6, 1e-15);
    gpu_tables_release(&tables);
    gpu_samples_release(&samples);
    remove_table(path, "kernels.csv");
    remove_table(path, "kernels_fp8.csv");
    remove_table(path, "experts.csv");
    remove_table(path, "collectives.csv");
    remove_table(path, "collectives_published.csv");
    ck_assert_int_eq(remove(path), 0);
}
END_TEST

START_TEST(test_tables_of_a_known_gpu_are_made_once)
{
    /* Expectation: where the folder says which GPU was measured, its samples' ratios to that GPU's
     * roofline are nobody else's business: whoever asks has the same points, each with a GPU of
     * his own; and the folder has them when all who asked are gone. */
    struct gpu_samples samples = {.folders = NULL};
    struct gpu gpus[2] = {fixture_gpu(), fixture_gpu()};
    struct gpu_tables tables[2];
    char path[4096];
    const char *root = getenv("TANDEM_DATA_DIR");
    (void)snprintf(path, sizeof(path), "%s/configs/gpus/h100-sxm", root ? root : ".");
    for (size_t i = 0; i < 2; i++) {
        const struct gpu_folder *folder = gpu_samples_of(&samples, path, &error);
        ck_assert_msg(folder != NULL, "%s", error.text);
        ck_assert_int_eq(gpu_tables_init(&tables[i], &gpus[i], folder, &error), 0);
        ck_assert_ptr_eq(tables[i].kernels.gpu, &gpus[i]);
        ck_assert_str_eq(tables[i].kernels.measured.name, folder->gpu.name);
        ck_assert_ptr_nonnull(gpu_samples_of(&samples, "/nonexistent", &error));
    }
    /* What they were made of is not kept beside them. */
    ck_assert_ptr_null(samples.folders[0].kernels);
    const struct kernel_class *first = &tables[0].kernels.classes[KERNEL_GEMM][DTYPE_BF16];
    const struct kernel_class *second = &tables[1].kernels.classes[KERNEL_GEMM][DTYPE_BF16];
    ck_assert_ptr_eq(first->surface.points, second->surface.points);
    gpu_tables_release(&tables[0]);
    ck_assert(isfinite(second->surface.points[0].value));
    gpu_tables_release(&tables[1]);
    gpu_samples_release(&samples);
}
END_TEST

/* Whether an all-reduce in a captured graph, NCCL's or vLLM's, was measured over `fabric`. */
static bool covers(const struct gpu_tables *tables, bool is_custom, enum collective_fabric fabric)
{
    struct collective_kind kind = {OPERATION_ALL_REDUCE, is_custom, fabric, true};
    return collective_table_covers(&tables->collectives, &kind);
}

START_TEST(test_shipped)
{
    static const char *const folders[] = {"h200-sxm", "h100-sxm", "a100-80g-sxm", "b200-sxm",
                                          "l40s"};
    const struct kernel_shape shapes[] = {
        {.op = KERNEL_GEMM, .n = 8192, .k = 8192},
        {.op = KERNEL_ATTENTION_DECODE, .heads = 8, .kv_heads = 1},
        {.op = KERNEL_ATTENTION_PREFILL, .heads = 8, .kv_heads = 1},
        {.op = KERNEL_EXPERTS, .n = 768, .k = 2048, .experts = 128, .top_k = 8, .ranks = 1},
    };
    struct gpu gpu = fixture_gpu();
    struct gpu_samples samples = {.folders = NULL};
    const char *root = getenv("TANDEM_DATA_DIR");
    for (size_t i = 0; i < ARRAY_LENGTH(folders); i++) {
        struct gpu_tables tables;
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/configs/gpus/%s", root ? root : ".", folders[i]);
        const struct gpu_folder *folder = gpu_samples_of(&samples, path, &error);
        ck_assert_msg(folder != NULL, "%s", error.text);
        ck_assert_int_eq(gpu_tables_init(&tables, &gpu, folder, &error), 0);
        /* Every GPU that ships with tables of all kinds has what a transformer needs, with experts
         * or without, and both of its all-reduces. */
        for (size_t j = 0; j < ARRAY_LENGTH(shapes); j++)
            ck_assert(kernel_table_covers(&tables.kernels, &shapes[j]));
        /* Those that compute in fp8, all but A100, have its times, too. */
        for (size_t j = 0; j < ARRAY_LENGTH(shapes); j++) {
            const struct kernel_class *class = &tables.kernels.classes[shapes[j].op][DTYPE_FP8];
            ck_assert(class->surface.count > 0 || strcmp(folders[i], "a100-80g-sxm") == 0);
        }
        bool is_bridged = covers(&tables, false, COLLECTIVE_FABRIC_PEER);
        enum collective_fabric fabric =
            is_bridged ? COLLECTIVE_FABRIC_PEER : COLLECTIVE_FABRIC_HOST;
        ck_assert(covers(&tables, false, fabric));
        ck_assert(covers(&tables, true, fabric));
        gpu_tables_release(&tables);
    }
    gpu_samples_release(&samples);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_kernels,
        test_experts,
        test_many_rows,
        test_collectives,
        test_kernel_faults,
        test_collective_faults,
        test_residuals,
        test_residual_faults,
        test_no_folder,
        test_a_folder_is_read_once,
        test_shipped,
        test_a_folder_has_all_its_tables,
        test_tables_of_a_known_gpu_are_made_once,
    };
    return suite_run("gpu_tables", tests, ARRAY_LENGTH(tests));
}
