#include "sweep_meter.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096

void sweep_meter_init(struct sweep_meter *meter, struct recorder next)
{
    *meter = (struct sweep_meter){.next = next};
}

void sweep_meter_release(struct sweep_meter *meter)
{
    free(meter->arrivals);
    free(meter->completions);
    *meter = (struct sweep_meter){.count = 0};
}

static int grow(struct sweep_meter *meter, struct error *error)
{
    size_t room = meter->room == 0 ? FIRST_ROOM : 2 * meter->room;
    sim_ps *arrivals = realloc(meter->arrivals, room * sizeof(*arrivals));
    if (arrivals)
        meter->arrivals = arrivals;
    sim_ps *completions = realloc(meter->completions, room * sizeof(*completions));
    if (completions)
        meter->completions = completions;
    if (!arrivals || !completions)
        return error_out_of_memory(error, "the times of requests");
    meter->room = room;
    return 0;
}

static int hear_request(void *context, const struct request_record *record, struct error *error)
{
    struct sweep_meter *meter = context;
    if (meter->count == meter->room && grow(meter, error) < 0)
        return -(int)error->code;
    meter->arrivals[meter->count] = record->arrival;
    meter->completions[meter->count++] = record->done;
    return meter->next.request ? meter->next.request(meter->next.context, record, error) : 0;
}

static int hear_step(void *context, const struct step_record *record, struct error *error)
{
    struct sweep_meter *meter = context;
    return meter->next.step(meter->next.context, record, error);
}

static int hear_span(void *context, const struct span_record *record, struct error *error)
{
    struct sweep_meter *meter = context;
    return meter->next.span(meter->next.context, record, error);
}

static int hear_link(void *context, const struct link_record *record, struct error *error)
{
    struct sweep_meter *meter = context;
    return meter->next.link(meter->next.context, record, error);
}

struct recorder sweep_meter_recorder(struct sweep_meter *meter)
{
    return (struct recorder){
        .context = meter,
        .request = hear_request,
        .step = meter->next.step ? hear_step : NULL,
        .span = meter->next.span ? hear_span : NULL,
        .link = meter->next.link ? hear_link : NULL,
    };
}

static size_t count_between(const sim_ps *times, size_t count, sim_ps after, sim_ps until)
{
    size_t between = 0;
    for (size_t i = 0; i < count; i++)
        between += times[i] > after && times[i] <= until;
    return between;
}

static bool has_warning(const struct summary *summary, const char *code)
{
    for (uint32_t i = 0; i < summary->warning_count; i++) {
        if (strcmp(summary->warnings[i].code, code) == 0)
            return true;
    }
    return false;
}

struct sweep_reading sweep_meter_read(const struct sweep_meter *meter, bool is_closed_loop,
                                      const struct summary *summary)
{
    struct sweep_reading reading = {NAN, false};
    if (is_closed_loop || meter->count == 0)
        return reading;
    sim_ps first = SIM_PS_MAX;
    sim_ps last = 0;
    for (size_t i = 0; i < meter->count; i++) {
        first = sim_ps_min(first, meter->arrivals[i]);
        last = sim_ps_max(last, meter->arrivals[i]);
    }
    if (last > first)
        reading.offered_requests_per_s = (double)(meter->count - 1) / sim_s_from_ps(last - first);
    sim_ps middle = first + (last - first) / 2;
    size_t arrived = count_between(meter->arrivals, meter->count, middle, last);
    size_t completed = count_between(meter->completions, meter->count, middle, last);
    reading.is_saturated = (double)completed < SWEEP_METER_KEPT_UP * (double)arrived ||
                           has_warning(summary, "overloaded");
    return reading;
}
