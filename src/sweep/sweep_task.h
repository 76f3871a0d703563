/*
 * sweep_task: one point of a sweep on its way from its settings to its record.
 */
#ifndef TANDEM_SWEEP_TASK_H
#define TANDEM_SWEEP_TASK_H

#include "sweep_point.h"
#include "sweep_run.h"

struct sweep_task {
    size_t series;
    double position; /* in its series: the load where loads are found, else its number */
    struct yaml_node *load_value; /* NULL: the series has no load axis */
    char fingerprint[SWEEP_FINGERPRINT_BYTES];
    json_t *record; /* see sweep_results.h; without its result until it is done */
    bool is_done;
};

/* ERROR_CONFIG where the point's scenario is wrong, ERROR_USAGE where its file is the sweep's,
   ERROR_MEMORY; then there is nothing to release. */
int sweep_task_init(struct sweep_task *task, const struct sweep *sweep,
                    const struct sweep_run_options *options, size_t series, double position,
                    struct yaml_node *load_value, struct error *error);
void sweep_task_release(struct sweep_task *task);

/* In a worker: runs the point; its result as a text on the heap. Errors as sweep_point_run(). */
int sweep_task_run(const struct sweep_task *task, const struct sweep *sweep,
                   const struct sweep_run_options *options, char **text, struct error *error);

/* Makes the record whole. ERROR_MEMORY. */
int sweep_task_finish(struct sweep_task *task, json_t *result, struct error *error);

/* What `error` says of one point's scenario, said of all values of all axes that are wrong; what is
   no mistake in a file stays as it is. Returns the error. */
int sweep_task_explain(struct sweep *sweep, const struct sweep_run_options *options,
                       struct error *error);

/* The full text of the scenario of the sweep's first point, in the sweep's arena. */
int sweep_task_first_scenario(struct sweep *sweep, const struct sweep_run_options *options,
                              const char **text, struct error *error);

#endif
