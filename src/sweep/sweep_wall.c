#include "sweep_wall.h"

#include <math.h>

/* Whether the point is one to go by: it was run, long enough, and served what it was offered. */
static bool tells(const json_t *record)
{
    return sweep_record_is_done(record) && !sweep_record_is_too_short(record) &&
           !sweep_record_is_refusing(record);
}

/* The one with the higher load; `best` may be NULL. */
static const json_t *higher(const json_t *best, const json_t *record, enum sweep_load_kind load)
{
    bool is_higher = !best || sweep_record_load(record, load) > sweep_record_load(best, load);
    return is_higher ? record : best;
}

/* Counts the points up to where the next series starts, which it returns. `missed_from`: the lowest
   load beyond the SLO; NaN: none is. */
static size_t count_points(struct sweep_wall *wall, const json_t *records, size_t at,
                           enum sweep_load_kind load, double *missed_from)
{
    const json_t *series = json_object_get(json_array_get(records, at), "series");
    for (; at < json_array_size(records); at++, wall->points++) {
        const json_t *record = json_array_get(records, at);
        double value = sweep_record_load(record, load);
        if (!json_equal(json_object_get(record, "series"), series))
            break;
        if (!sweep_record_is_done(record))
            continue;
        if (!wall->first || value < sweep_record_load(wall->first, load))
            wall->first = record;
        if (sweep_record_is_saturated(record))
            wall->saturated_from = fmin(wall->saturated_from, value);
        if (tells(record) && sweep_record_misses_slo(record))
            *missed_from = fmin(*missed_from, value);
        wall->too_short += sweep_record_is_too_short(record);
        wall->refusing += sweep_record_is_refusing(record);
    }
    return at;
}

size_t sweep_wall_find(struct sweep_wall *wall, const json_t *records, size_t at,
                       enum sweep_load_kind load)
{
    double missed_from = (double)NAN;
    *wall = (struct sweep_wall){.saturated_from = (double)NAN};
    size_t next = count_points(wall, records, at, load, &missed_from);
    for (; at < next; at++) {
        const json_t *record = json_array_get(records, at);
        double value = sweep_record_load(record, load);
        if (!tells(record) || value >= wall->saturated_from)
            continue;
        wall->sustained = higher(wall->sustained, record, load);
        if (sweep_record_has_slo(record) && !(value >= missed_from))
            wall->within_slo = higher(wall->within_slo, record, load);
    }
    return next;
}
