#include "backlog_meter.h"

#include "array_room.h"
#include "rows.h"

#include <stdlib.h>

void backlog_meter_init(struct backlog_meter *meter)
{
    *meter = (struct backlog_meter){.count = 0};
}

void backlog_meter_release(struct backlog_meter *meter)
{
    free(meter->requests);
    *meter = (struct backlog_meter){.count = 0};
}

static int hear_request(void *context, const struct request_record *request, struct error *error)
{
    struct backlog_meter *meter = context;
    struct request_record *requests =
        array_room_on_heap(meter->requests, meter->count, sizeof(*requests));
    if (!requests)
        return error_out_of_memory(error, "the times of requests");
    requests[meter->count++] = *request;
    meter->requests = requests;
    return 0;
}

static int hear(void *context, const union record *records, size_t count, struct error *error)
{
    struct rows rows = {.context = context, .request = hear_request};
    return rows_record(&rows, records, count, error);
}

struct recorder backlog_meter_recorder(struct backlog_meter *meter)
{
    return (struct recorder){.context = meter, .record = hear};
}

static int compare_starts(const void *a, const void *b)
{
    sim_ps left = ((const struct request_record *)a)->scheduled;
    sim_ps right = ((const struct request_record *)b)->scheduled;
    return (left > right) - (left < right);
}

/* Of the request's tokens, those made after `from` and no later than `until`. */
static double tokens_between(const struct request_record *request, sim_ps from, sim_ps until)
{
    sim_ps first = request->first_token;
    sim_ps start = sim_ps_max(first, from);
    sim_ps end = sim_ps_min(request->done, until);
    double tokens = first > from && first <= until ? 1 : 0;
    if (end > start)
        tokens +=
            (request->output_tokens - 1) * (double)(end - start) / (double)(request->done - first);
    return tokens;
}

double backlog_meter_tokens_per_s(struct backlog_meter *meter)
{
    struct request_record *requests = meter->requests;
    size_t count = meter->count;
    if (count == 0)
        return 0;
    qsort(requests, count, sizeof(*requests), compare_starts);
    sim_ps from = requests[count / 4].scheduled;
    sim_ps until = requests[count - 1 - count / 4].scheduled;
    if (until <= from) {
        from = 0;
        for (size_t i = 0; i < count; i++)
            until = sim_ps_max(until, requests[i].done);
    }
    double tokens = 0;
    for (size_t i = 0; i < count; i++)
        tokens += tokens_between(&requests[i], from, until);
    return tokens / sim_s_from_ps(until - from);
}
