/*
 * sweep: one scenario and the axes along which it is varied.
 *
 *     scenario: scenarios/default            # a file's name, or a mapping
 *     variants:                              # named settings of any keys, by dotted path
 *       TP=8: {layout.tensor_parallel: 8, layout.pipeline_parallel: 1}
 *       PP=8: {layout.tensor_parallel: 1, layout.pipeline_parallel: 8}
 *     zip:                                   # lists of one length, taken together
 *       model: [models/llama-3.1-8b, models/llama-3.1-70b]
 *       engine.max_sequences: [512, 128]
 *     grid:                                  # lists, each with each
 *       engine.max_step_tokens: [1024, 2048]
 *       workload.trace.rate_scale: [0.5, 1, 2]
 *     curves: {load: workload.trace.rate_scale, from: 0.25, to: 8, points: 12}
 *
 * Each combination of places on the axes is a *series*. The axis of the load (a
 * rate, a trace's rate_scale or a concurrency) is kept apart: it is what a
 * series is drawn against. Its loads are listed in `grid`, or found by `curves`
 * (sweep_curve.h). A series without a load axis is one point.
 *
 * Series count through the axes, variants first and the last key of `grid`
 * fastest. doc/sweep.md lists the keys.
 */
#ifndef TANDEM_SWEEP_H
#define TANDEM_SWEEP_H

#include "config_scenario.h"
#include "sweep_curve.h"

#define SWEEP_AXES_MAX 16
#define SWEEP_SETTINGS_MAX 64 /* keys that one point sets */
#define SWEEP_POINTS_MAX 20000

/* What one place on an axis sets, and where the file says so. */
struct sweep_place {
    const char *name; /* of a variant; NULL on other axes */
    struct config_setting *settings;
    size_t setting_count;
};

struct sweep_axis {
    struct sweep_place *places;
    size_t place_count;
};

/* X(NAME, path, what it is called on a figure's axis, its unit, the kind of its values) */
#define SWEEP_LOADS(X)                                                                           \
    X(RATE, "workload.arrivals.rate", "offered load", "requests/s", SWEEP_VALUE_RATE)            \
    X(RATE_SCALE, "workload.trace.rate_scale", "offered load", "requests/s", SWEEP_VALUE_NUMBER) \
    X(CONCURRENCY, "workload.arrivals.concurrency", "concurrency", "requests", SWEEP_VALUE_COUNT)

enum sweep_value { SWEEP_VALUE_RATE, SWEEP_VALUE_NUMBER, SWEEP_VALUE_COUNT };

enum sweep_load_kind {
    SWEEP_LOAD_NONE,
#define X(name, path, title, units, value) SWEEP_LOAD_##name,
    SWEEP_LOADS(X)
#undef X
        SWEEP_LOAD_COUNT
};

struct sweep_load {
    enum sweep_load_kind kind;
    struct position position; /* where the file gives it */
    struct yaml_node **listed;
    size_t listed_count; /* 0: found adaptively, as `curve` says */
    struct sweep_curve curve;
};

/* The arena holds all that the others point at. */
struct sweep {
    const char *name;
    const char *description;    /* NULL: it gives none */
    struct yaml_node *scenario; /* a name or a mapping */
    struct sweep_axis axes[SWEEP_AXES_MAX];
    size_t axis_count;
    bool has_variants; /* axes[0] are they */
    struct sweep_load load;
    size_t series_count;
    const char **paths; /* of all keys that any axis sets, the load's last */
    size_t path_count;
    const char *text; /* the sweep's file as it was read */
    struct diagnostics diagnostics;
    struct arena arena;
};

/* A sweep that sweep_reader.h filled in, whether that went well or not. */
void sweep_release(struct sweep *sweep);

/* The places that `series` takes, one on each axis. */
void sweep_series_places(const struct sweep *sweep, size_t series,
                         const struct sweep_place *places[SWEEP_AXES_MAX]);

/* All that `series` sets but its load; returns their count. */
size_t sweep_series_settings(const struct sweep *sweep, size_t series,
                             struct config_setting settings[SWEEP_SETTINGS_MAX]);

/*
 * What tells `series` from the others: "TP=8, max_sequences=64", and the sweep's
 * name where there is one only. In `arena`; NULL when memory is out.
 */
const char *sweep_series_name(const struct sweep *sweep, size_t series, struct arena *arena);

/* The load as a value of the scenario's key, in `arena`; NULL when memory is out. */
struct yaml_node *sweep_load_value(const struct sweep_load *load, double value,
                                   struct arena *arena);

/* The load's key in the scenario, NULL for none; and whether a path is one. */
const char *sweep_load_path(enum sweep_load_kind kind);
enum sweep_load_kind sweep_load_of_path(const char *path);
enum sweep_value sweep_load_value_kind(enum sweep_load_kind kind);

#endif
