/*
 * Are files found and merged, and `--set` options applied, as their headers say?
 */
#include <dirent.h>

#include "config_folder.h"
#include "suite.h"

START_TEST(test_set)
{
    static const char *const sets[] = {
        "layout.tensor_parallel=4",    /* a key that is there */
        "run.seed=7",                  /* in a mapping that is not */
        "model.weights=fp8",           /* in a file that is referred to */
        "cluster.gpu.memory=80 GB",    /* in a file that a file refers to */
        "engine.host.launch=9 us",     /* in a file that is the default */
        "layout={replicas: 2}",        /* a mapping replaced whole */
        "layout.tensor_parallel=2",    /* and a key of that one */
        "model.kv=fp8",                /* once more in a file */
        "output={window: [1 s, 2 s]}", /* a list in it */
    };
    load_set(sets, ARRAY_LENGTH(sets), "%slayout: {pipeline_parallel: 2}\n%s", config_head,
             config_workload);
    const struct scenario *scenario = &config.scenario;

    ck_assert_uint_eq(scenario->layout.tensor_parallel, 2);
    ck_assert_uint_eq(scenario->layout.pipeline_parallel, 1);
    ck_assert_uint_eq(scenario->layout.replicas, 2);
    ck_assert_uint_eq(scenario->run.seed, 7);
    ck_assert_int_eq(scenario->model.weights, DTYPE_FP8);
    ck_assert_int_eq(scenario->model.kv, DTYPE_FP8);
    ck_assert_uint_eq(scenario->model.layers, 4);
    ck_assert_double_eq(scenario->cluster.gpu.memory_bytes, 80e9);
    ck_assert_double_eq(scenario->serving.host.launch_s, 9e-6);
    ck_assert_double_eq(scenario->serving.host.launch_graph_s, 15e-6);
    ck_assert_int_eq(scenario->output.window_end, 2 * SIM_PS_PER_S);
}
END_TEST

START_TEST(test_set_leaves_other_aliases)
{
    static const char *const sets[] = {"workload.input_tokens.mean=99"};
    load_set(sets, ARRAY_LENGTH(sets), "%slayout: {}\n%s", config_head,
             "workload: {arrivals: {process: closed_loop, concurrency: 4}, requests: 10,\n"
             "  input_tokens: &same {distribution: fixed, mean: 10}, output_tokens: *same}\n");

    /* Both lengths are one node in the file; only the one that was set changes. */
    ck_assert_uint_eq(config.workload.synthetic.arrivals.concurrency, 4);
    ck_assert_double_eq(config.workload.synthetic.input.mean, 99);
    ck_assert_double_eq(config.workload.synthetic.output.mean, 10);
}
END_TEST

START_TEST(test_where_files_are_looked_for)
{
    /* Beside the scenario comes before the search directories; a base may have a base. */
    folder_write("models/tiny.yaml", "base: ../configs/models/tiny\nlayers: 6\n");
    load("%slayout: {}\n%s", config_head, config_workload);
    ck_assert_uint_eq(config.scenario.model.layers, 6);
    ck_assert_uint_eq(config.scenario.model.hidden, 256);
}
END_TEST

START_TEST(test_scenario_builds_on_scenario)
{
    folder_write("configs/scenarios/below.yaml", "%slayout: {tensor_parallel: 2}\n%s", config_head,
                 config_workload);
    load("base: scenarios/below\nlayout: {replicas: 2}\nslo:\n");
    ck_assert_uint_eq(config.scenario.layout.tensor_parallel, 2);
    ck_assert_uint_eq(config.scenario.layout.replicas, 2);
}
END_TEST

START_TEST(test_text_says_it_all)
{
    static const char *const sets[] = {"model.weights=fp8", "description=\"1\\n2: 3 # 4\""};
    struct config again;
    struct error error = {0};
    load_set(sets, ARRAY_LENGTH(sets), "%slayout: {}\nslo:\n%s", config_head, config_workload);

    /* The text alone, with no file to refer to, is the same scenario and gives the same text. */
    int status = config_load_scenario_text(&again, "again.yaml", config.text, strlen(config.text),
                                           &(struct config_inputs){0}, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    ck_assert_str_eq(again.text, config.text);
    ck_assert_str_eq(again.description, "1\n2: 3 # 4");
    ck_assert_int_eq(again.scenario.model.weights, DTYPE_FP8);
    ck_assert_double_eq(again.scenario.cluster.gpu.memory_bytes, 16e9);
    config_release(&again);
}
END_TEST

START_TEST(test_unreadable_file)
{
    struct error error = {0};
    int status =
        config_load_scenario(&config, "/nowhere/scenario.yaml", &(struct config_inputs){0}, &error);
    ck_assert_int_eq(status, -ERROR_IO);
    ck_assert_str_eq(error.text, "cannot read '/nowhere/scenario.yaml': No such file or directory");
}
END_TEST

START_TEST(test_diagnostics_outlive_the_names)
{
    char path[] = "gone.yaml";
    char set[] = "layout.tensor_paralel=4";
    const char *const sets[] = {set};
    const struct config_inputs inputs = {.sets = sets, .set_count = 1};
    struct error error = {0};
    ck_assert_int_eq(config_load_scenario_text(&config, path, "layout: 1\n", 10, &inputs, &error),
                     -ERROR_CONFIG);
    char expected[ERROR_TEXT_BYTES];
    strcpy(expected, error.text);

    /* What the caller passed may change before the diagnostics are written. */
    memset(path, '?', sizeof(path) - 1);
    memset(set, '?', sizeof(set) - 1);
    ck_assert_int_eq(diagnostics_to_error(&config.diagnostics, &error), -ERROR_CONFIG);
    ck_assert_str_eq(error.text, expected);
}
END_TEST

START_TEST(test_shipped_scenarios_are_right)
{
    const char *data = getenv("TANDEM_DATA_DIR");
    if (!data)
        return;
    char configs[PATH_BYTES];
    char scenarios[PATH_BYTES + 16];
    snprintf(configs, sizeof(configs), "%s/configs", data);
    snprintf(scenarios, sizeof(scenarios), "%s/scenarios", configs);
    const char *const search[] = {configs, NULL};
    DIR *directory = opendir(scenarios);
    ck_assert_ptr_nonnull(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".yaml") != 0)
            continue;
        char path[2 * PATH_BYTES];
        snprintf(path, sizeof(path), "%s/%s", scenarios, entry->d_name);
        struct error error = {0};
        int status =
            config_load_scenario(&config, path, &(struct config_inputs){.search = search}, &error);
        ck_assert_msg(status == 0, "%s", error.text);
        config_release(&config);
    }
    closedir(directory);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_set,
        test_set_leaves_other_aliases,
        test_where_files_are_looked_for,
        test_scenario_builds_on_scenario,
        test_text_says_it_all,
        test_unreadable_file,
        test_diagnostics_outlive_the_names,
        test_shipped_scenarios_are_right,
    };
    return suite_run_between("config_files", folder_set_up, folder_tear_down, tests,
                             ARRAY_LENGTH(tests));
}
