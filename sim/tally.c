#include "tally.h"

int tally_init(struct tally *tally, const struct slo *slo, struct error *error)
{
    *tally = (struct tally){.slo = *slo, .first_arrival = SIM_PS_MAX};
    struct quantiles *all[] = {&tally->ttft, &tally->tpot, &tally->itl, &tally->e2e, &tally->queue};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        int status = quantiles_init(all[i], error);
        if (status < 0)
            return status; /* tally_release frees those before it */
    }
    return 0;
}

void tally_release(struct tally *tally)
{
    quantiles_release(&tally->ttft);
    quantiles_release(&tally->tpot);
    quantiles_release(&tally->itl);
    quantiles_release(&tally->e2e);
    quantiles_release(&tally->queue);
}

/* Whether it arrived after the warm-up; counts it either way. */
static bool count_arrival(struct tally *tally, const struct request *request)
{
    tally->arrived += request->counted;
    tally->warmup += !request->counted;
    return request->counted;
}

void tally_rejected(struct tally *tally, const struct request *request, bool is_too_long)
{
    bool is_counted = count_arrival(tally, request);
    tally->rejected += is_counted;
    tally->too_long += is_counted && is_too_long;
}

void tally_lost(struct tally *tally, const struct request *request, sim_ps now)
{
    if (!request->counted)
        return;
    tally->last_event = sim_ps_max(tally->last_event, now);
    tally->preemptions += request->preemptions;
}

void tally_finish(struct tally *tally)
{
    tally->lost = tally->arrived - tally->rejected - tally->completed;
}

void tally_admitted(struct tally *tally, const struct request *request)
{
    if (!count_arrival(tally, request))
        return;
    tally->cut += request->cut;
    tally->first_arrival = sim_ps_min(tally->first_arrival, request->arrival);
    tally->last_arrival = request->arrival;
    tally->last_event = sim_ps_max(tally->last_event, request->arrival);
}

/* Mean gap between a request's tokens; 0 for a single token, whose TPOT is not defined. */
static sim_ps tpot_of(const struct request *request, sim_ps done)
{
    return request->output_tokens > 1 ? (done - request->first_token) / (request->output_tokens - 1)
                                      : 0;
}

static bool is_within(sim_ps latency, double bound_s)
{
    return bound_s <= 0 || latency <= sim_ps_from_s(bound_s);
}

void tally_done(struct tally *tally, const struct request *request, sim_ps done)
{
    if (!request->counted)
        return;
    sim_ps ttft = request->first_token - request->arrival;
    sim_ps tpot = tpot_of(request, done);
    tally->completed++;
    tally->good += is_within(ttft, tally->slo.ttft_s) && is_within(tpot, tally->slo.tpot_s);
    tally->preemptions += request->preemptions;
    tally->input_tokens += request->input_tokens;
    tally->cached_tokens += request->cached_tokens;
    tally->output_tokens += request->output_tokens;
    tally->last_event = sim_ps_max(tally->last_event, done);
    quantiles_add(&tally->ttft, ttft, 1);
    quantiles_add(&tally->e2e, done - request->arrival, 1);
    quantiles_add(&tally->queue, request->scheduled - request->arrival, 1);
    if (request->output_tokens > 1)
        quantiles_add(&tally->tpot, tpot, 1);
}
