/*
 * sweep_results: what a sweep comes to, in memory.
 *
 * The header says what was asked; `records` is a JSON array of the points, each
 * an object that says which point it is
 *
 *     series, position   where it stands: they order the points
 *     curve              its series' name
 *     parameters         key of the scenario: value as text, for every key that an axis sets,
 *                        and "variant" first where there are variants
 *     file               its own run file, where one was asked for
 *     inputs             the files that it was run on: sweep_inputs.h
 *
 * followed by its result (sweep_point.h). What a sweep's HDF5 file holds is a
 * function of this alone, so the parts of a sharded sweep join without loss.
 */
#ifndef TANDEM_SWEEP_RESULTS_H
#define TANDEM_SWEEP_RESULTS_H

#include "balance.h"
#include "sweep.h"

#include <jansson.h>

/* Texts are somebody else's, unless an arena says otherwise. */
struct sweep_results {
    const char *version; /* of the program */
    const char *name;
    const char *sweep_text;    /* the sweep's file */
    const char *scenario_text; /* the first point's scenario, whole */
    enum sweep_load_kind load;
    uint32_t shard; /* 1 to shard_count */
    uint32_t shard_count;
    json_t *records;
    size_t resumed_count; /* of the records, that the journal had */
};

/*
 * Whether `other` is of the same sweep and scenario as `first`, run by the same program and in as
 * many shares; errors call them by their paths. ERROR_CONFIG.
 */
int sweep_results_check_same(const struct sweep_results *first, const struct sweep_results *other,
                             const char *first_path, const char *path, struct error *error);

/* Puts the records in order of series and position. ERROR_MEMORY. */
int sweep_results_sort(struct sweep_results *results, struct error *error);

bool sweep_record_is_done(const json_t *record);

/* What a point that was run tells of its load. */
struct balance sweep_record_balance(const json_t *record);
bool sweep_record_is_saturated(const json_t *record);
bool sweep_record_is_too_short(const json_t *record);

/* The share of its requests that a point rejected or lost; NaN where it failed. And whether that is
   more than it may: then it serves no load, however fast (sweep_point.h). */
double sweep_record_refused(const json_t *record);
bool sweep_record_is_refusing(const json_t *record);

/* Whether it has an SLO, and whether too few of its requests are within it. */
bool sweep_record_has_slo(const json_t *record);
bool sweep_record_misses_slo(const json_t *record);

/* A number of the record's summary by its dotted path: "ttft_s.p95". NaN where it has none. */
double sweep_record_summary(const json_t *record, const char *path);

/* A rate of the summary, "output_tokens_per_s" or "requests_per_s", without the run's end
   (lasting_rate.h). */
double sweep_record_lasting(const json_t *record, const char *path);

/* What the point is drawn against: its concurrency, or the requests that arrived a second. NaN of
   NULL. */
double sweep_record_load(const json_t *record, enum sweep_load_kind kind);

#endif
