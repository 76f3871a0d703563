/* Does calibrate_check refuse what hardware cannot do, and nothing else? */
#include "calibrate_check.h"
#include "fixtures.h"
#include "sample_csv.h"
#include "suite.h"

#include <string.h>

static struct error error;

/* The verdict on rows of a kernels.csv, read `times` times, of the fixture's GPU: 1 PFLOP/s,
   3 TB/s. */
static int check_files(const char *rows, size_t times)
{
    char text[1024];
    struct gpu gpu = fixture_gpu();
    struct arena arena;
    struct measurements measurements;
    struct kernel_sample *samples = NULL;
    size_t count = 0;
    bool of_experts = strncmp(rows, "experts", 7) == 0;
    const char *header = of_experts ? "op,m,n,k,experts,top_k,reached,time_us"
                                    : "op,m,n,k,batch,heads,kv_heads,q_len,ctx,time_us";
    int length = snprintf(text, sizeof(text), "%s\n%s", header, rows);
    FILE *file = fmemopen(text, (size_t)length, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(sample_csv_kernels(file, "k", &samples, NULL, &count, &error), 0);
    fclose(file);
    arena_init(&arena);
    measurements_init(&measurements, &arena);
    for (size_t i = 0; i < count * times; i++)
        ck_assert_int_eq(
            measurements_add_kernel(&measurements, &samples[i % count], "here", &error), 0);
    int status = calibrate_check(&gpu, &measurements, &error);
    free(samples);
    arena_release(&arena);
    return status;
}

static int check_kernels(const char *rows)
{
    return check_files(rows, 1);
}

static int check_collective(double bytes, double seconds)
{
    struct gpu gpu = fixture_gpu();
    struct arena arena;
    struct measurements measurements;
    struct collective_sample sample = {.ranks = 4, .bytes = bytes, .seconds = seconds};
    arena_init(&arena);
    measurements_init(&measurements, &arena);
    ck_assert_int_eq(measurements_add_collective(&measurements, &sample, "here", &error), 0);
    int status = calibrate_check(&gpu, &measurements, &error);
    arena_release(&arena);
    return status;
}

START_TEST(test_compute_bound)
{
    /* 8,192^3 x 2 FLOPs at 1 PFLOP/s take 1,100 us; clocks may be 5% off. */
    ck_assert_int_eq(check_kernels("gemm,8192,8192,8192,,,,,,1200\n"), 0);
    ck_assert_int_eq(check_kernels("gemm,8192,8192,8192,,,,,,1060\n"), 0);
    ck_assert_int_eq(check_kernels("gemm,8192,8192,8192,,,,,,1000\n"), -ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot take less than 1.10 ms"));
}
END_TEST

START_TEST(test_memory_bound)
{
    /* Weights of 65,536 x 8,192 x 2 bytes at 3 TB/s: 358 us, and no cache holds them. */
    ck_assert_int_eq(check_kernels("gemm,1,65536,8192,,,,,,360\n"), 0);
    ck_assert_int_eq(check_kernels("gemm,1,65536,8192,,,,,,300\n"), -ERROR_CONFIG);
    /* Weights of 32 MB may be in a cache: 11 us from memory, 1.4 us at 8 times its bandwidth. */
    ck_assert_int_eq(check_kernels("gemm,1,4096,4096,,,,,,3\n"), 0);
    ck_assert_int_eq(check_kernels("gemm,1,4096,4096,,,,,,1\n"), -ERROR_CONFIG);
}
END_TEST

START_TEST(test_attention)
{
    /* 128 sequences of 16,384 tokens, 8 KV heads: 8.6 GB take 2.9 ms, in ms they read as 2.9 us. */
    ck_assert_int_eq(check_kernels("attn_decode,,,,128,32,8,1,16384,3000\n"), 0);
    ck_assert_int_eq(check_kernels("attn_decode,,,,128,32,8,1,16384,3\n"), -ERROR_CONFIG);
    /* A prompt of 16,384 tokens: 2 x 16,384^2 x 32 x 128 FLOPs take 2.2 ms. */
    ck_assert_int_eq(check_kernels("attn_prefill,,,,1,32,8,16384,16384,2300\n"), 0);
    ck_assert_int_eq(check_kernels("attn_prefill,,,,1,32,8,16384,16384,1900\n"), -ERROR_CONFIG);
}
END_TEST

START_TEST(decode_attention_reads_its_kv_from_memory)
{
    /* 16 sequences of 1,024 tokens, 8 KV heads: 67 MB at 3 TB/s take 22.5 us, though a cache may
       hold them from one call to the next. */
    ck_assert_int_eq(check_kernels("attn_decode,,,,16,32,8,1,1024,23\n"), 0);
    ck_assert_int_eq(check_kernels("attn_decode,,,,16,32,8,1,1024,12\n"), -ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot take less than 22.5 us; is the unit right, "
                                             "and was its KV in memory, not in a cache?"));
}
END_TEST

START_TEST(test_experts)
{
    /* Weights of 64 experts x 3 x 1,024 x 4,096 x 2 bytes at 3 TB/s: 537 us. */
    ck_assert_int_eq(check_kernels("experts,8,1024,4096,64,8,64,550\n"), 0);
    ck_assert_int_eq(check_kernels("experts,8,1024,4096,64,8,64,500\n"), -ERROR_CONFIG);
    /* 131,072 rows of narrow experts: 1.2 GB pass from kernel to kernel, 800 us and more if through
     * memory; their arithmetic takes 206 us, and the rows may stay in caches. */
    ck_assert_int_eq(check_kernels("experts,16384,64,4096,64,8,64,220\n"), 0);
    ck_assert_int_eq(check_kernels("experts,16384,64,4096,64,8,64,180\n"), -ERROR_CONFIG);
    /* Of another number of experts, or of experts a token, it is another point. */
    ck_assert_int_eq(check_kernels("experts,8,64,4096,64,8,16,30\nexperts,8,64,4096,32,8,16,30\n"),
                     0);
    ck_assert_int_eq(check_kernels("experts,8,64,4096,64,4,16,30\nexperts,16,64,4096,64,2,16,30\n"),
                     0);
}
END_TEST

START_TEST(test_too_slow)
{
    /* Nanoseconds taken for microseconds are 1,000 times too long. */
    ck_assert_int_eq(check_kernels("gemm,8192,8192,8192,,,,,,1200000\n"), -ERROR_CONFIG);
    ck_assert_int_eq(check_kernels("copy,4096,,,,,,,,2\n"), 0);
    ck_assert_int_eq(check_kernels("copy,4096,,,,,,,,2100\n"), -ERROR_CONFIG);
}
END_TEST

START_TEST(test_collectives)
{
    /* A rank receives 3/4 of 1 GB, which memory takes in at 3 TB/s: 250 us. */
    ck_assert_int_eq(check_collective(1e9, 300e-6), 0);
    ck_assert_int_eq(check_collective(1e9, 200e-6), -ERROR_CONFIG);
    /* Nothing takes less than a microsecond, or a second for a kilobyte. */
    ck_assert_int_eq(check_collective(1024, 9e-6), 0);
    ck_assert_int_eq(check_collective(1024, 0.9e-6), -ERROR_CONFIG);
    ck_assert_int_eq(check_collective(1024, 1), -ERROR_CONFIG);
}
END_TEST

START_TEST(test_twice)
{
    /* The same shape at another m is another point; at the same m it is not. */
    ck_assert_int_eq(check_kernels("gemm,16,4096,4096,,,,,,20\ngemm,32,4096,4096,,,,,,20\n"), 0);
    ck_assert_int_eq(check_files("gemm,16,4096,4096,,,,,,20\n", 2), -ERROR_CONFIG);
    ck_assert_str_eq(error.text, "here: the same was measured at here");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_compute_bound, test_memory_bound,
                                  test_attention,     decode_attention_reads_its_kv_from_memory,
                                  test_experts,       test_too_slow,
                                  test_collectives,   test_twice};
    return suite_run("calibrate_check", tests, ARRAY_LENGTH(tests));
}
