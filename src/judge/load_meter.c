#include "load_meter.h"

#include "array_room.h"
#include "rows.h"

#include <stdlib.h>

void load_meter_init(struct load_meter *meter, struct recorder next)
{
    *meter = (struct load_meter){.next = next};
}

void load_meter_release(struct load_meter *meter)
{
    free(meter->passages);
    *meter = (struct load_meter){.count = 0};
}

static int hear_request(void *context, const struct request_record *request, struct error *error)
{
    struct load_meter *meter = context;
    struct passage *passages = array_room_on_heap(meter->passages, meter->count, sizeof(*passages));
    if (!passages)
        return error_out_of_memory(error, "the times of requests");
    passages[meter->count++] = (struct passage){request->arrival, request->scheduled, request->done,
                                                request->output_tokens};
    meter->passages = passages;
    return 0;
}

static int hear(void *context, const union record *records, size_t count, struct error *error)
{
    struct load_meter *meter = context;
    const struct recorder *next = &meter->next;
    struct rows rows = {.context = meter, .request = hear_request};
    int status = rows_record(&rows, records, count, error);
    return status == 0 && next->record ? next->record(next->context, records, count, error)
                                       : status;
}

struct recorder load_meter_recorder(struct load_meter *meter)
{
    return (struct recorder){.context = meter, .record = hear, .desk = meter->next.desk};
}

struct load_reading load_meter_read(const struct load_meter *meter, bool is_closed_loop)
{
    if (is_closed_loop || meter->count == 0)
        return (struct load_reading){NAN, balance_of_closed_loop(meter->count)};
    sim_ps first = SIM_PS_MAX;
    sim_ps last = 0;
    for (size_t i = 0; i < meter->count; i++) {
        first = sim_ps_min(first, meter->passages[i].arrival);
        last = sim_ps_max(last, meter->passages[i].arrival);
    }
    double offered_requests_per_s =
        last > first ? (double)(meter->count - 1) / sim_s_from_ps(last - first) : (double)NAN;
    return (struct load_reading){offered_requests_per_s, balance_of(meter->passages, meter->count)};
}
