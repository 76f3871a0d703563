#include "sweep_meter.h"

#include <stdlib.h>

#define FIRST_ROOM 4096

void sweep_meter_init(struct sweep_meter *meter, struct recorder next)
{
    *meter = (struct sweep_meter){.next = next};
}

void sweep_meter_release(struct sweep_meter *meter)
{
    free(meter->passages);
    *meter = (struct sweep_meter){.count = 0};
}

static int grow(struct sweep_meter *meter, struct error *error)
{
    size_t room = meter->room == 0 ? FIRST_ROOM : 2 * meter->room;
    struct passage *larger = realloc(meter->passages, room * sizeof(*larger));
    if (!larger)
        return error_out_of_memory(error, "the times of requests");
    meter->passages = larger;
    meter->room = room;
    return 0;
}

static int hear_request(void *context, const struct request_record *record, struct error *error)
{
    struct sweep_meter *meter = context;
    if (meter->count == meter->room && grow(meter, error) < 0)
        return -(int)error->code;
    meter->passages[meter->count++] =
        (struct passage){record->arrival, record->scheduled, record->done, record->output_tokens};
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

struct sweep_reading sweep_meter_read(const struct sweep_meter *meter, bool is_closed_loop)
{
    if (is_closed_loop || meter->count == 0)
        return (struct sweep_reading){NAN, balance_of_closed_loop(meter->count)};
    sim_ps first = SIM_PS_MAX;
    sim_ps last = 0;
    for (size_t i = 0; i < meter->count; i++) {
        first = sim_ps_min(first, meter->passages[i].arrival);
        last = sim_ps_max(last, meter->passages[i].arrival);
    }
    double offered_requests_per_s =
        last > first ? (double)(meter->count - 1) / sim_s_from_ps(last - first) : (double)NAN;
    return (struct sweep_reading){offered_requests_per_s,
                                  balance_of(meter->passages, meter->count)};
}
