/* summary_json, scenario_json: is the object the promised one, exact in its numbers, whole or not
   at all? */
#include "fixtures.h"
#include "scenario_json.h"
#include "suite.h"
#include "summary_json.h"

#include <stdlib.h>
#include <string.h>

static struct stage_summary stages[] = {
    {.replica = 0, .stage = 0, .layers = 41, .busy_compute = 0.5, .idle_host = 0.5},
    {.replica = 0, .stage = 1, .layers = 39, .busy_collective = 1.0 / 3, .idle_transfer = 2.0 / 3},
};
static struct memory_summary memory[] = {{.stage = 0, .weights_bytes = 35.3e9, .kv_bytes = 30e9}};
static struct link_summary links[] = {{.name = "node0/nic0>leaf", .bytes = 5, .utilization = 0.1}};
static struct warning warnings[] = {{.code = "tp_over_pcie", .text = "\"slow\" \u00fcber PCIe"}};

static struct summary example(void)
{
    return (struct summary){
        .arrived = 5,
        .completed = 4,
        .rejected = 1,
        .duration_s = 0.1,
        .goodput_requests_per_s = 1.0 / 3,
        .warmup = 3,
        .good_share = 0.75,
        .meets_slo = true,
        .ttft = {.count = 4, .mean = 0.1, .p50 = 0.2, .p90 = 0.3, .p95 = 0.4, .p99 = 0.5, .max = 1},
        .tpot = {.mean = NAN, .p50 = NAN, .p90 = NAN, .p95 = NAN, .p99 = NAN, .max = NAN},
        .stages = stages,
        .stage_count = ARRAY_LENGTH(stages),
        .memory = memory,
        .memory_count = ARRAY_LENGTH(memory),
        .kv_capacity_tokens = UINT64_C(5000000000),
        .links = links,
        .link_count = ARRAY_LENGTH(links),
        .warnings = warnings,
        .warning_count = ARRAY_LENGTH(warnings),
        .events = 12,
        .wall_s = 2,
    };
}

/* The object as text printed and read back, which the caller releases. */
static json_t *printed(const struct summary *summary)
{
    char *text = NULL;
    size_t bytes = 0;
    struct error error = {0};
    FILE *stream = open_memstream(&text, &bytes);
    ck_assert_int_eq(summary_json_print(summary, stream, &error), 0);
    (void)fclose(stream);
    json_t *object = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(object);
    ck_assert_int_eq(text[bytes - 1], '\n');
    free(text);
    return object;
}

static void assert_keys(const json_t *object, const char *expected)
{
    char keys[512] = "";
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        (void)strncat(keys, keys[0] ? " " : "", sizeof(keys) - strlen(keys) - 1);
        (void)strncat(keys, key, sizeof(keys) - strlen(keys) - 1);
    }
    ck_assert_str_eq(keys, expected);
}

/* Expect the documented keys, in the documented order, at every level. */
START_TEST(test_keys)
{
    struct summary summary = example();
    json_t *object = printed(&summary);
    assert_keys(object, "requests duration_s requests_per_s input_tokens_per_s "
                        "cached_input_share output_tokens_per_s goodput_requests_per_s slo ttft_s "
                        "tpot_s itl_s e2e_s queue_s stages "
                        "memory kv nodes pools kv_transfers links links_left_out "
                        "costs warnings simulation");
    assert_keys(json_object_get(object, "requests"),
                "arrived completed rejected preemptions retried lost warmup");
    assert_keys(json_object_get(object, "slo"), "met share");
    assert_keys(json_object_get(object, "queue_s"), "mean p50 p90 p95 p99 max");
    assert_keys(json_object_get(object, "kv"), "capacity_tokens peak_fraction");
    assert_keys(json_object_get(object, "simulation"), "wall_s events steps requests_per_wall_s");
    const json_t *stage = json_array_get(json_object_get(object, "stages"), 0);
    assert_keys(stage, "replica stage layers busy idle launch_bound power_capped");
    assert_keys(json_object_get(stage, "busy"), "compute collective");
    assert_keys(json_object_get(stage, "idle"), "no_work fill_drain imbalance transfer host down");
    assert_keys(json_array_get(json_object_get(object, "memory"), 0),
                "pool stage weights_bytes activation_bytes reserve_bytes kv_bytes");
    assert_keys(json_array_get(json_object_get(object, "links"), 0),
                "name users bytes utilization waited_s twice_saves");
    assert_keys(json_array_get(json_object_get(object, "warnings"), 0), "code text");
    json_decref(object);
}
END_TEST

static double number(const json_t *object, const char *outer, const char *key)
{
    const json_t *value = json_object_get(outer ? json_object_get(object, outer) : object, key);
    ck_assert(json_is_number(value));
    return json_number_value(value);
}

/* Expect each number to read back as the same double, and text with its quotes and accents. */
START_TEST(test_values)
{
    struct summary summary = example();
    json_t *object = printed(&summary);
    ck_assert_double_eq(number(object, NULL, "duration_s"), 0.1);
    ck_assert_double_eq(number(object, NULL, "goodput_requests_per_s"), 1.0 / 3);
    ck_assert_double_eq(number(object, "requests", "rejected"), 1);
    ck_assert_double_eq(number(object, "ttft_s", "mean"), 0.1);
    ck_assert_double_eq(number(object, "ttft_s", "p90"), 0.3);
    ck_assert_double_eq(number(object, "ttft_s", "max"), 1);
    ck_assert_double_eq(number(object, "kv", "capacity_tokens"), 5e9);
    ck_assert_double_eq(number(object, "simulation", "wall_s"), 2);
    ck_assert(json_is_true(json_object_get(json_object_get(object, "slo"), "met")));
    const json_t *stage = json_array_get(json_object_get(object, "stages"), 1);
    ck_assert_double_eq(number(stage, NULL, "layers"), 39);
    ck_assert_double_eq(number(stage, "busy", "collective"), 1.0 / 3);
    ck_assert_double_eq(number(stage, "idle", "transfer"), 2.0 / 3);
    const json_t *warning = json_array_get(json_object_get(object, "warnings"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(warning, "text")), warnings[0].text);
    json_decref(object);
}
END_TEST

/* Expect the ratios of nothing to be null, and lists of nothing to be empty lists. */
START_TEST(test_nothing)
{
    struct summary nothing = {.requests_per_s = NAN, .ttft = {.mean = NAN}};
    json_t *object = printed(&nothing);
    ck_assert(json_is_null(json_object_get(object, "requests_per_s")));
    ck_assert(json_is_null(json_object_get(json_object_get(object, "ttft_s"), "mean")));
    ck_assert(json_is_array(json_object_get(object, "stages")));
    ck_assert_uint_eq(json_array_size(json_object_get(object, "warnings")), 0);
    json_decref(object);
}
END_TEST

/* Expect a result to say what it is of, and a bound or a name that is not given to be null. */
START_TEST(test_scenario)
{
    struct scenario scenario = {
        .model = fixture_llama_8b(),
        .cluster = fixture_nvlink_cluster(2, 8),
        .layout = {.tensor_parallel = 4, .pipeline_parallel = 2, .replicas = 1},
        .run = {.seed = 7},
        .slo = {.ttft_s = 0.5, .percentile = 95},
    };
    json_t *object = scenario_json_new(NULL, &scenario);
    assert_keys(object, "version name seed model cluster layout slo");
    assert_keys(json_object_get(object, "model"), "name parameters active_parameters");
    assert_keys(json_object_get(object, "cluster"), "name gpu gpus");
    assert_keys(json_object_get(object, "layout"),
                "tensor_parallel sequence_parallel expert_parallel expert_imbalance "
                "pipeline_parallel replicas gpus");
    assert_keys(json_object_get(object, "slo"), "ttft_s tpot_s percentile");
    ck_assert(json_is_null(json_object_get(object, "name")));
    ck_assert_double_eq(number(object, NULL, "seed"), 7);
    ck_assert_double_eq(number(object, "cluster", "gpus"), 16);
    ck_assert_double_eq(number(object, "layout", "gpus"), 8);
    ck_assert_double_eq(number(object, "slo", "ttft_s"), 0.5);
    ck_assert(json_is_null(json_object_get(json_object_get(object, "slo"), "tpot_s")));
    json_decref(object);
}
END_TEST

/* Expect a stream that takes nothing to be an error in the system's words. */
START_TEST(test_full_stream)
{
    struct error error = {0};
    struct summary summary = example();
    FILE *full = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(full);
    ck_assert_int_lt(summary_json_print(&summary, full, &error), 0);
    ck_assert_int_eq(error.code, ERROR_IO);
    ck_assert_str_eq(error.text, "cannot write the result: No space left on device");
    (void)fclose(full);
}
END_TEST

/* jansson's allocator has no context: what the next test lets it have, and what it holds. */
static long allocations_left;
static long blocks_held;

static void *failing_malloc(size_t bytes)
{
    if (allocations_left-- <= 0)
        return NULL;
    blocks_held++;
    return malloc(bytes);
}

static void counting_free(void *block)
{
    blocks_held -= block != NULL;
    free(block);
}

/* Expect NULL and nothing left behind, whichever allocation fails, until none does. */
START_TEST(test_out_of_memory)
{
    struct summary summary = example();
    json_set_alloc_funcs(failing_malloc, counting_free);
    json_t *object = NULL;
    long allocations = 0;
    while (!object) {
        ck_assert_int_eq(blocks_held, 0);
        ck_assert_int_lt(allocations, 10000);
        allocations_left = allocations++;
        object = summary_json_new(&summary);
    }
    ck_assert_int_gt(allocations, 50);
    json_decref(object);
    ck_assert_int_eq(blocks_held, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_keys, test_values, test_nothing, test_scenario, test_full_stream, test_out_of_memory,
    };
    return suite_run("summary_json", tests, ARRAY_LENGTH(tests));
}
