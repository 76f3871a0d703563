/*
 * plan_pressure: how hard a run leans on each of its resources, and which of
 * them gives way first.
 *
 * A resource is full when hardly anything of it is left: KV memory at its peak
 * or with preemptions, the engine's slots for requests (Little's law over the
 * time that requests are in service), or the busiest stage. Where none is, these
 * slots are what is short if requests waited for them with KV to spare; else it is
 * the length of the steps themselves that a latency fails by; where nothing is
 * served, no resource.
 */
#ifndef TANDEM_PLAN_PRESSURE_H
#define TANDEM_PLAN_PRESSURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Shares are of 1; means over runs, but for `stage` of the first. NaN where one of them does not
   know: `preemptions` and `slots` of a run that serves no request. */
struct plan_pressure {
    double busy;        /* of the GPUs' time, all stages alike: kernels and collectives */
    uint32_t stage;     /* the busiest of all replicas */
    double compute;     /* of its time */
    double collective;  /* of its time */
    double kv;          /* at its peak, in the fullest replica */
    double preemptions; /* of requests */
    double slots;       /* of max_sequences, in use on average */
    double crowded;     /* of the time with work, in which requests waited for one of these */
};

/* Whether max_sequences keeps requests waiting while KV has room for them, as a run's warning
   sequences_full has it. */
bool plan_pressure_is_held_back(const struct plan_pressure *pressure);

/* From an array of trials (plan_trial.h) that are done. */
struct plan_pressure plan_pressure_mean(const json_t *trials);

/* X(NAME, YAML-like name) */
#define PLAN_RESOURCES(X)        \
    X(NONE, "none")              \
    X(KV_MEMORY, "kv_memory")    \
    X(SLOTS, "max_sequences")    \
    X(COMPUTE, "compute")        \
    X(COLLECTIVE, "collectives") \
    X(STEP_LENGTH, "step_length")

enum plan_resource {
#define X(name, text) PLAN_RESOURCE_##name,
    PLAN_RESOURCES(X)
#undef X
};

enum plan_resource plan_pressure_first(const struct plan_pressure *pressure);
const char *plan_resource_name(enum plan_resource resource);

#define PLAN_PRESSURE_TEXT_BYTES 256

/* The same as a sentence's end: "stage 0 is busy 97% of the time (compute 85%, collectives 12%)".
 */
void plan_pressure_text(const struct plan_pressure *pressure, char text[PLAN_PRESSURE_TEXT_BYTES]);

#endif
