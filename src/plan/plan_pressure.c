#include "plan_pressure.h"

#include "base.h"
#include "crowding.h"
#include "human.h"
#include "plan_estimate.h"

#include <stdio.h>

/* Beyond these a resource is full. */
#define KV_FULL 0.95
#define SLOTS_FULL 0.9
#define STAGE_FULL 0.85

struct plan_pressure plan_pressure_mean(const json_t *trials)
{
    const json_t *first = json_array_get(trials, 0);
    return (struct plan_pressure){
        .busy = plan_estimate_mean(trials, "busy"),
        .stage = (uint32_t)json_integer_value(json_object_get(first, "stage")),
        .compute = plan_estimate_mean(trials, "compute"),
        .collective = plan_estimate_mean(trials, "collective"),
        .kv = plan_estimate_mean(trials, "kv"),
        .preemptions = plan_estimate_mean(trials, "preemptions"),
        .slots = plan_estimate_mean(trials, "slots"),
        .crowded = plan_estimate_mean(trials, "crowded"),
    };
}

bool plan_pressure_is_held_back(const struct plan_pressure *pressure)
{
    return crowding_holds_back(pressure->crowded, pressure->kv);
}

enum plan_resource plan_pressure_first(const struct plan_pressure *pressure)
{
    if (isnan(pressure->preemptions))
        return PLAN_RESOURCE_NONE;
    if (pressure->preemptions > 0 || pressure->kv >= KV_FULL)
        return PLAN_RESOURCE_KV_MEMORY;
    if (pressure->slots >= SLOTS_FULL)
        return PLAN_RESOURCE_SLOTS;
    if (pressure->compute + pressure->collective < STAGE_FULL)
        return plan_pressure_is_held_back(pressure) ? PLAN_RESOURCE_SLOTS
                                                    : PLAN_RESOURCE_STEP_LENGTH;
    return pressure->compute >= pressure->collective ? PLAN_RESOURCE_COMPUTE
                                                     : PLAN_RESOURCE_COLLECTIVE;
}

const char *plan_resource_name(enum plan_resource resource)
{
    static const char *const names[] = {PLAN_RESOURCES(LIST_TEXT)};
    return names[resource];
}

void plan_pressure_text(const struct plan_pressure *pressure, char text[PLAN_PRESSURE_TEXT_BYTES])
{
    struct human busy = human_percent(pressure->compute + pressure->collective);
    switch (plan_pressure_first(pressure)) {
    case PLAN_RESOURCE_NONE:
        (void)snprintf(text, PLAN_PRESSURE_TEXT_BYTES, "no request is served to its end");
        break;
    case PLAN_RESOURCE_KV_MEMORY:
        (void)snprintf(text, PLAN_PRESSURE_TEXT_BYTES,
                       "KV memory is full: %s at its peak, %s preemptions a request",
                       human_percent(pressure->kv).text, human_number(pressure->preemptions).text);
        break;
    case PLAN_RESOURCE_SLOTS:
        (void)snprintf(text, PLAN_PRESSURE_TEXT_BYTES, "%s of max_sequences are in use on average",
                       human_percent(pressure->slots).text);
        break;
    case PLAN_RESOURCE_COMPUTE:
    case PLAN_RESOURCE_COLLECTIVE:
        (void)snprintf(text, PLAN_PRESSURE_TEXT_BYTES,
                       "stage %u is busy %s of the time (compute %s, collectives %s)",
                       pressure->stage, busy.text, human_percent(pressure->compute).text,
                       human_percent(pressure->collective).text);
        break;
    case PLAN_RESOURCE_STEP_LENGTH:
        (void)snprintf(text, PLAN_PRESSURE_TEXT_BYTES,
                       "no resource is full, steps take too long: stage %u, the busiest, works %s "
                       "of the time",
                       pressure->stage, busy.text);
        break;
    }
}
