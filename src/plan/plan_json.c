#include "plan_json.h"

#include "balance_json.h"
#include "json_build.h"

#include <string.h>

static json_t *estimate_json(const struct plan_estimate *estimate)
{
    return json_pack("{s:o, s:o}", "mean", json_build_real(estimate->mean), "half",
                     json_build_real(estimate->half));
}

static json_t *pressure_json(const struct plan_pressure *pressure)
{
    return json_build_object((const struct json_member[]){
        {"busy", json_build_real(pressure->busy)},
        {"stage", json_build_count(pressure->stage)},
        {"compute", json_build_real(pressure->compute)},
        {"collective", json_build_real(pressure->collective)},
        {"kv", json_build_real(pressure->kv)},
        {"preemptions", json_build_real(pressure->preemptions)},
        {"slots", json_build_real(pressure->slots)},
        {"crowded", json_build_real(pressure->crowded)},
        {0},
    });
}

static json_t *verdict_json(const struct plan_verdict *verdict)
{
    return json_build_object((const struct json_member[]){
        {"outcome", json_string(plan_outcome_name(verdict->outcome))},
        {"figure", json_string(plan_figure_name(verdict->figure))},
        {"reason", json_string(verdict->reason)},
        {"within", estimate_json(&verdict->within)},
        {"ttft_s", estimate_json(&verdict->ttft_s)},
        {"tpot_s", estimate_json(&verdict->tpot_s)},
        {"margin", json_build_real(verdict->margin)},
        {"served", json_build_real(verdict->served)},
        {"good", json_build_real(verdict->good)},
        {"rejected", json_build_real(verdict->rejected)},
        {"lost", json_build_real(verdict->lost)},
        {"requests_per_s", json_build_real(verdict->requests_per_s)},
        {"output_tokens_per_s", json_build_real(verdict->output_tokens_per_s)},
        {"lasting_tokens_per_s", json_build_real(verdict->lasting_tokens_per_s)},
        {"lasting_busy", json_build_real(verdict->lasting_busy)},
        {"pressure", pressure_json(&verdict->pressure)},
        {"balance", balance_json_new(&verdict->balance)},
        {0},
    });
}

/* The engine's settings by their keys. */
static json_t *engine_json(const struct plan *plan, const struct plan_option *option)
{
    json_t *engine = json_object();
    for (size_t i = 0; i < plan->axis_count && engine && !option->is_own; i++) {
        const char *key = strchr(plan->axes[i].path, '.') + 1;
        json_t *value = json_string(plan_engine_value(plan, option->engine, i)->text);
        if (json_object_set_new(engine, key, value) == 0)
            continue;
        json_decref(engine);
        engine = NULL;
    }
    return engine;
}

/* `extra`'s members added to `object`; takes both over. NULL, and nothing left, if either is. */
static json_t *join(json_t *object, json_t *extra)
{
    bool is_joined = object && extra && json_object_update(object, extra) == 0;
    json_decref(extra);
    if (is_joined)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *bill_json(const struct plan *plan, const struct plan_candidate *candidate)
{
    const struct plan_bill *bill = &candidate->bill;
    bool is_final = plan_candidate_is_final(candidate);
    double tokens_per_s = is_final ? candidate->verdict.lasting_tokens_per_s : (double)NAN;
    if (!is_final && candidate->state != PLAN_OPEN)
        return json_object();
    return json_build_object((const struct json_member[]){
        {"replicas", json_build_count(candidate->option.replicas)},
        {"nodes", json_build_count(bill->nodes)},
        {"racks", json_build_count(bill->racks)},
        {"gpus", json_build_count(bill->gpus)},
        {"billed_gpus", json_build_count(bill->billed_gpus)},
        {"usd_per_hour", json_build_real(bill->usd_per_hour)},
        {"usd_per_million_output_tokens",
         json_build_real(plan_cost_usd_per_million(bill, tokens_per_s))},
        {"purchase_usd", json_build_real(bill->purchase_usd)},
        {"power_w", json_build_real(bill->power_w)},
        {"wh_per_million_output_tokens",
         json_build_real(plan_cost_wh_per_million(plan, bill, tokens_per_s))},
        {0},
    });
}

static json_t *candidate_json(const struct plan *plan, const struct plan_candidate *candidate)
{
    const struct plan_option *option = &candidate->option;
    json_t *object = json_build_object((const struct json_member[]){
        {"kind", json_string(candidate->hardware.name)},
        {"tensor_parallel", json_build_count(option->tensor_parallel)},
        {"pipeline_parallel", json_build_count(option->pipeline_parallel)},
        {"expert_parallel",
         json_build_count(option->expert_parallel ? option->tensor_parallel : 1)},
        {"expert_imbalance", json_build_real(option->expert_parallel ? plan->expert_imbalance : 1)},
        {"engine", engine_json(plan, option)},
        {"state", json_string(plan_state_name(candidate->state))},
        {"constraint", json_string(plan_constraint_name(candidate->constraint))},
        {"why", json_string(candidate->why)},
        {0},
    });
    object = join(object, bill_json(plan, candidate));
    json_t *verdict = candidate->is_judged ? verdict_json(&candidate->verdict) : json_null();
    return join(object, json_pack("{s:o}", "verdict", verdict));
}

static json_t *breaks_json(const struct plan_verdict *breaks)
{
    char why[PLAN_PRESSURE_TEXT_BYTES];
    plan_pressure_text(&breaks->pressure, why);
    return json_build_object((const struct json_member[]){
        {"figure", json_string(plan_figure_name(breaks->figure))},
        {"resource", json_string(plan_resource_name(plan_pressure_first(&breaks->pressure)))},
        {"reason", json_string(breaks->reason)},
        {"why", json_string(why)},
        {"pressure", pressure_json(&breaks->pressure)},
        {0},
    });
}

static json_t *growth_json(const struct plan_stress *stress)
{
    json_t *points = json_array();
    for (size_t i = 0; i < stress->count; i++) {
        const struct plan_stress_point *point = &stress->points[i];
        json_t *load = json_pack("{s:o}", "load", json_build_real(point->load));
        points = json_build_append(points, join(load, verdict_json(&point->verdict)));
    }
    const struct plan_stress_point *untold = plan_stress_untold(stress);
    json_t *breaks = isfinite(stress->fails) ? breaks_json(&stress->breaks) : json_null();
    return json_build_object((const struct json_member[]){
        {"holds", json_build_real(stress->holds)},
        {"untold", json_build_real(untold ? untold->load : (double)NAN)},
        {"fails", json_build_real(stress->fails)},
        {"breaks", breaks},
        {"points", points},
        {0},
    });
}

static json_t *node_lost_json(const struct plan_stress *stress)
{
    json_t *object = json_pack("{s:o}", "replicas_left", json_build_count(stress->replicas_left));
    return stress->replicas_left > 0 ? join(object, verdict_json(&stress->without_node)) : object;
}

static json_t *plans_json(const struct plan_answer *answer)
{
    const struct plan_search *search = answer->search;
    json_t *plans = json_array();
    for (size_t i = 0; i < search->ranked_count; i++) {
        const struct plan_stress *stress = &answer->stresses[i];
        json_t *plan = candidate_json(search->plan, &search->candidates[search->ranked[i]]);
        json_t *stood = json_pack("{s:o, s:o}", "growth", growth_json(stress), "node_lost",
                                  node_lost_json(stress));
        plans = json_build_append(plans, join(plan, stood));
    }
    return plans;
}

static json_t *candidates_json(const struct plan_search *search)
{
    json_t *candidates = json_array();
    for (size_t i = 0; i < search->candidate_count; i++)
        candidates =
            json_build_append(candidates, candidate_json(search->plan, &search->candidates[i]));
    return candidates;
}

static json_t *uncapped_json(const struct plan_answer *answer)
{
    const struct plan_hardware *uncapped[PLAN_KINDS_MAX];
    size_t count = plan_answer_uncapped(answer, uncapped);
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++)
        names = json_build_append(names, json_string(uncapped[i]->name));
    return names;
}

static json_t *obstacles_json(const struct plan_answer *answer)
{
    char obstacles[PLAN_OBSTACLES_BYTES];
    plan_answer_obstacles(answer, obstacles);
    return json_string(obstacles);
}

int plan_json_print(const struct plan_answer *answer, FILE *stream, struct error *error)
{
    const struct plan_search *search = answer->search;
    const struct plan *plan = search->plan;
    const struct plan_traffic *traffic = &search->traffic;
    const struct slo *slo = &search->runner.slo;
    json_t *asked = json_build_object((const struct json_member[]){
        {"requests_per_s", json_build_real(traffic->requests_per_s)},
        {"concurrency", json_build_count(traffic->concurrency)},
        {"input_tokens", json_build_real(traffic->input_tokens)},
        {"output_tokens", json_build_real(traffic->output_tokens)},
        {0},
    });
    json_t *bounds = json_build_object((const struct json_member[]){
        {"ttft_s", json_build_real(slo->ttft_s)},
        {"tpot_s", json_build_real(slo->tpot_s)},
        {"percentile", json_build_real(slo->percentile)},
        {"headroom", json_build_real(plan->headroom)},
        {0},
    });
    const struct plan_untold count = plan_answer_untold(answer);
    json_t *untold = json_pack("{s:o, s:o}", "options", json_build_count(count.count),
                               "requests_to_tell", json_build_real(count.requests_to_tell));
    json_t *object = json_build_object((const struct json_member[]){
        {"name", json_string(plan->name)},
        {"met", json_boolean(search->ranked_count > 0)},
        {"seeds", json_build_count(search->runner.seeds)},
        {"runs", json_build_count(search->runner.runs)},
        {"traffic", asked},
        {"slo", bounds},
        {"untold", untold},
        {"held_back", json_build_count(plan_answer_held_back(answer))},
        {"uncapped", uncapped_json(answer)},
        {"obstacles", obstacles_json(answer)},
        {"plans", plans_json(answer)},
        {"candidates", candidates_json(search)},
        {0},
    });
    return json_build_print(object, stream, error);
}
