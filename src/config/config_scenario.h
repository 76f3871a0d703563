/*
 * config_scenario: a scenario file, the files that it names and the command
 * line's `--set` options, as everything that a run needs to know.
 *
 *     struct config config;
 *     if (config_load_scenario(&config, path, &inputs, &error) < 0)
 *         fputs(error.text, stderr);
 *     ...
 *     config_release(&config);
 *
 * Keys and defaults are those of the readers, config_model.c to config_run.c;
 * doc/scenario.md lists them.
 */
#ifndef TANDEM_CONFIG_SCENARIO_H
#define TANDEM_CONFIG_SCENARIO_H

#include "arena.h"
#include "config_pools.h"
#include "config_workload.h"
#include "diagnostic.h"
#include "gpu_tables.h"
#include "scenario.h"

/* A value for one key of a scenario: keys joined by dots, `layout.tensor_parallel`. */
struct config_setting {
    const char *path;
    struct yaml_node *value;
    struct position position; /* of the path, for what is wrong with it */
};

/* What was measured of a GPU. */
struct config_tables {
    const char *folder; /* NULL: nothing, or what both pools have is the first's */
    struct gpu_tables of;
    bool are_read;
};

/* What goes into a configuration besides its tree; many may share it. */
struct config_inputs {
    const char *const *search; /* directories for files that are not beside the one that names them,
                                  NULL at their end */
    const char *const *sets;   /* assignments, `layout.tensor_parallel=4`, applied in order before
                                  any setting */
    size_t set_count;
    struct gpu_samples *samples; /* keeps what is read of GPUs for the next one, and outlives all
                                    that is loaded; or NULL */
    const char *const *outputs;  /* that are to be written: to name one is a mistake; NULL at their
                                    end; or NULL */
};

/* The arena holds all that the others point at. */
struct config {
    struct scenario scenario;
    struct workload_spec workload;
    const char *name;             /* the scenario's own; NULL: it gives none */
    const char *description;      /* the same */
    const struct yaml_node *root; /* the scenario's tree: files and options are in it */
    const char *text;             /* the same as one YAML text, which runs from anywhere */
    struct config_pools *pools;   /* NULL: replicas prefill and decode */
    struct scenario *decode;      /* the scenario's own `decode` */
    struct config_tables tables[POOLS_MAX]; /* of the cluster's GPU; of the one that decodes */
    struct gpu_samples samples;             /* that they are of, where no other inputs share them */
    struct diagnostics diagnostics;
    struct arena arena;
};

/*
 * Loads the scenario at `path`.
 *
 * ERROR_CONFIG: `error` holds as many diagnostics as fit; for more,
 * diagnostics_write(&config->diagnostics, stream) where there are any. ERROR_IO: `path` cannot be
 * read. ERROR_MEMORY. Release `config` in any case.
 */
int config_load_scenario(struct config *config, const char *path,
                         const struct config_inputs *inputs, struct error *error);

/* The same for a text of `bytes`, which diagnostics call `path`. */
int config_load_scenario_text(struct config *config, const char *path, const char *text,
                              size_t bytes, const struct config_inputs *inputs,
                              struct error *error);

/*
 * The same for a tree that is part of another file: the name of a scenario's
 * file, or a mapping. The settings come after the inputs' assignments. All of it
 * is shared, not changed, and must outlive `config`.
 */
int config_load_scenario_variant(struct config *config, struct yaml_node *root,
                                 const struct config_setting *settings, size_t setting_count,
                                 const struct config_inputs *inputs, struct error *error);

/*
 * Where the value of a scenario's key stands, as error.h names keys: in a file or an option; of a
 * mapping, where its key does. What the scenario leaves out stands where the innermost of the
 * mappings does that could hold it.
 */
struct position config_position(const struct config *config, const char *key);

void config_release(struct config *config);

#endif
