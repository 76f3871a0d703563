#include "sweep_task.h"

#include "json_build.h"
#include "output_path.h"
#include "sweep_inputs.h"
#include "sweep_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_DIGITS 17 /* read back to the same double */

/* Loads the scenario of one point. */
static int load_scenario(struct config *config, const struct sweep *sweep,
                         const struct sweep_run_options *options, size_t series,
                         struct yaml_node *load_value, struct error *error)
{
    struct config_setting settings[SWEEP_SETTINGS_MAX + 1];
    size_t count = sweep_series_settings(sweep, series, settings);
    if (load_value)
        settings[count++] = (struct config_setting){sweep_load_path(sweep->load.kind), load_value,
                                                    load_value->position};
    int status = config_load_scenario_variant(config, sweep->scenario, settings, count,
                                              &options->inputs, error);
    if (status == 0 && !options->point_files)
        config->scenario.output.timeline = TIMELINE_NONE; /* there is nowhere to keep one */
    return status;
}

/* The text that a point has for `path`: as an axis sets it, else as its scenario has it. */
static const char *parameter_of(const char *path, const struct config_setting *settings,
                                size_t setting_count, struct config *config)
{
    const struct yaml_node *node = NULL;
    for (size_t i = 0; i < setting_count; i++) {
        if (strcmp(settings[i].path, path) == 0)
            node = settings[i].value;
    }
    if (!node)
        node = sweep_value_find(config->root, path);
    return node ? sweep_value_text(node, &config->arena) : "";
}

/* What every key that an axis sets is set to; NULL when memory is out. */
static json_t *parameters_of(const struct sweep *sweep, const struct sweep_task *task,
                             struct config *config)
{
    const struct sweep_place *places[SWEEP_AXES_MAX];
    struct config_setting settings[SWEEP_SETTINGS_MAX + 1];
    size_t count = sweep_series_settings(sweep, task->series, settings);
    if (task->load_value)
        settings[count++] = (struct config_setting){sweep_load_path(sweep->load.kind),
                                                    task->load_value, task->load_value->position};
    json_t *parameters = json_object();
    int status = parameters ? 0 : -1;
    sweep_series_places(sweep, task->series, places);
    if (status == 0 && sweep->has_variants)
        status = json_object_set_new(parameters, "variant", json_string(places[0]->name));
    for (size_t i = 0; i < sweep->path_count && status == 0; i++) {
        const char *text = parameter_of(sweep->paths[i], settings, count, config);
        status = json_object_set_new(parameters, sweep->paths[i], text ? json_string(text) : NULL);
    }
    if (status == 0)
        return parameters;
    json_decref(parameters);
    return NULL;
}

/* The point's own run file, on the heap: DIR/SERIES.h5, or DIR/SERIES-POSITION.h5. */
static char *file_path_of(const struct sweep_task *task, const char *folder)
{
    size_t bytes = strlen(folder) + 64;
    char *path = malloc(bytes);
    if (path && task->load_value)
        (void)snprintf(path, bytes, "%s/%04zu-%.10g.h5", folder, task->series, task->position);
    else if (path)
        (void)snprintf(path, bytes, "%s/%04zu.h5", folder, task->series);
    return path;
}

/* The sweep's own file would replace a point's that has its name. */
static int check_file(const char *path, const char *const *outputs, struct error *error)
{
    for (; outputs && *outputs; outputs++) {
        if (output_path_replaces(*outputs, path))
            return error_set(error, ERROR_USAGE, "a point's file would have the name of '%s'",
                             *outputs);
    }
    return 0;
}

/* The record but for its result. */
static int make_record(struct sweep_task *task, const struct sweep *sweep, const char *file_path,
                       struct config *config, json_t *file_hashes, struct error *error)
{
    const char *name = sweep_series_name(sweep, task->series, &config->arena);
    task->record = json_build_object((const struct json_member[]){
        {"series", json_build_count(task->series)},
        {"position", json_build_real(task->position)},
        {"curve", name ? json_string(name) : NULL},
        {"parameters", parameters_of(sweep, task, config)},
        {"file", json_string(file_path ? file_path : "")},
        {"inputs", sweep_inputs_of(config, file_hashes)},
        {0},
    });
    return task->record ? 0 : error_out_of_memory(error, "a point");
}

int sweep_task_init(struct sweep_task *task, const struct sweep *sweep,
                    const struct sweep_run_options *options, size_t series, double position,
                    struct yaml_node *load_value, struct error *error)
{
    *task = (struct sweep_task){.series = series, .position = position, .load_value = load_value};
    struct config config;
    char *file_path = NULL;
    int status = load_scenario(&config, sweep, options, series, load_value, error);
    if (status == 0 && options->point_files) {
        file_path = file_path_of(task, options->point_files);
        status = file_path ? check_file(file_path, options->inputs.outputs, error)
                           : error_out_of_memory(error, "a point's file");
    }
    if (status == 0) {
        sweep_point_fingerprint(&config, file_path, task->fingerprint);
        status = make_record(task, sweep, file_path, &config, options->file_hashes, error);
    }
    free(file_path);
    config_release(&config);
    return status;
}

void sweep_task_release(struct sweep_task *task)
{
    json_decref(task->record);
    *task = (struct sweep_task){.record = NULL};
}

int sweep_task_run(const struct sweep_task *task, const struct sweep *sweep,
                   const struct sweep_run_options *options, char **text, struct error *error)
{
    struct config config;
    const char *file_path = json_string_value(json_object_get(task->record, "file"));
    int status = load_scenario(&config, sweep, options, task->series, task->load_value, error);
    json_t *result = status == 0 ? sweep_point_run(&config, *file_path ? file_path : NULL, error)
                                 : sweep_point_failure(error);
    config_release(&config);
    if (!result)
        return -(int)error->code;
    *text = json_dumps(result, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(result);
    return *text ? 0 : error_out_of_memory(error, "a point's result");
}

int sweep_task_finish(struct sweep_task *task, json_t *result, struct error *error)
{
    if (json_object_update(task->record, result) < 0)
        return error_out_of_memory(error, "a point's result");
    task->is_done = true;
    return 0;
}

/* The lowest load, in the sweep's arena; NULL where none varies. */
static int first_load(struct sweep *sweep, struct yaml_node **value, struct error *error)
{
    const struct sweep_load *load = &sweep->load;
    *value = load->listed_count > 0 ? load->listed[0] : NULL;
    if (load->kind == SWEEP_LOAD_NONE || *value)
        return 0;
    *value = sweep_load_value(load, load->curve.from, &sweep->arena);
    return *value ? 0 : error_out_of_memory(error, "the first load");
}

/* What is wrong with scenarios that were loaded, which live as long: positions point into them. */
struct mistakes {
    struct config *configs[DIAGNOSTICS_MAX];
    size_t count;
    struct diagnostics all;
};

static int note_mistakes(struct mistakes *mistakes, const struct sweep *sweep,
                         const struct sweep_run_options *options, size_t series,
                         struct yaml_node *load_value, struct error *error)
{
    if (mistakes->count == DIAGNOSTICS_MAX)
        return 0;
    struct config *config = calloc(1, sizeof(*config));
    if (!config)
        return error_out_of_memory(error, "a scenario");
    int status = load_scenario(config, sweep, options, series, load_value, error);
    const struct diagnostics *own = &config->diagnostics;
    if (status == -ERROR_CONFIG && own->kept > 0) {
        for (size_t i = 0; i < own->kept; i++)
            diagnostics_add(&mistakes->all, own->items[i].position, "%s", own->items[i].text);
        mistakes->configs[mistakes->count++] = config;
        return 0;
    }
    config_release(config);
    free(config);
    return status == -ERROR_CONFIG ? 0 : status;
}

/* Looks at each value of each axis beside the others' first. */
static int note_all(struct mistakes *mistakes, struct sweep *sweep,
                    const struct sweep_run_options *options, struct error *error)
{
    struct yaml_node *load_value;
    size_t stride = sweep->series_count; /* the last axis varies fastest */
    int status = first_load(sweep, &load_value, error);
    for (size_t i = 0; i < sweep->axis_count; i++) {
        size_t places = sweep->axes[i].place_count;
        stride /= places;
        for (size_t place = 0; place < places && status == 0; place++)
            status = note_mistakes(mistakes, sweep, options, place * stride, load_value, error);
    }
    for (size_t i = 0; i < sweep->load.listed_count && status == 0; i++)
        status = note_mistakes(mistakes, sweep, options, 0, sweep->load.listed[i], error);
    return status;
}

int sweep_task_explain(struct sweep *sweep, const struct sweep_run_options *options,
                       struct error *error)
{
    struct mistakes mistakes = {.count = 0};
    struct error other;
    int status = -(int)error->code;
    diagnostics_init(&mistakes.all);
    if (status == -ERROR_CONFIG && note_all(&mistakes, sweep, options, &other) == 0 &&
        !diagnostics_is_empty(&mistakes.all))
        status = diagnostics_to_error(&mistakes.all, error);
    for (size_t i = 0; i < mistakes.count; i++) {
        config_release(mistakes.configs[i]);
        free(mistakes.configs[i]);
    }
    return status;
}

int sweep_task_first_scenario(struct sweep *sweep, const struct sweep_run_options *options,
                              const char **text, struct error *error)
{
    struct yaml_node *value;
    struct config config;
    int status = first_load(sweep, &value, error);
    if (status < 0)
        return status;
    status = load_scenario(&config, sweep, options, 0, value, error);
    if (status == 0) {
        *text = arena_strdup(&sweep->arena, config.text);
        status = *text ? 0 : error_out_of_memory(error, "the first scenario");
    }
    config_release(&config);
    return status;
}
