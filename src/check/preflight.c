#include "preflight.h"

#include "kv_way.h"
#include "workload_survey.h"

/* Whether one of the first `count` places is of that kind too. */
static bool has_before(const struct exchange_place *places, uint32_t count, enum exchange exchange)
{
    for (uint32_t i = 0; i < count; i++)
        if (places[i].exchange == exchange)
            return true;
    return false;
}

/* One exchange of the first group. */
static struct preflight_exchange exchange_of(struct preflight *preflight, uint32_t group_class,
                                             enum exchange exchange, uint32_t tokens)
{
    struct step_cost *cost = &preflight->deployment.cost;
    struct cost of = step_cost_exchange(cost, group_class, exchange, tokens);
    double bytes = step_cost_exchange_bytes(cost, exchange, tokens);
    enum collective_algorithm algorithm;
    (void)collective_engine_s(&cost->classes[group_class].group, exchange_operation(exchange),
                              bytes, cost->host->custom_all_reduce, &algorithm);
    return (struct preflight_exchange){
        .exchange = exchange,
        .tokens = tokens,
        .bytes = bytes,
        .seconds = of.seconds,
        .by = of.provenance == COST_ESTIMATED ? collective_algorithm_name(algorithm)
                                              : cost_provenance_name(of.provenance),
    };
}

/* What the experts of one layer take of `tokens` tokens. */
static double experts_s(const struct step_cost *cost, const struct compute *compute,
                        uint32_t tokens)
{
    struct kernel kernels[LAYER_KERNELS_MAX];
    uint32_t count = compute_layer_kernels(compute, tokens, kernels);
    double seconds = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kernels[i].kind == SPAN_GATE_UP || kernels[i].kind == SPAN_ACTIVATION ||
            kernels[i].kind == SPAN_DOWN)
            seconds += step_cost_kernel(cost, &kernels[i]).seconds;
    return seconds;
}

static struct preflight_experts experts_of(const struct step_cost *cost, uint32_t tokens)
{
    struct compute balanced = cost->compute;
    balanced.sharding.expert_imbalance = 1;
    return (struct preflight_experts){
        .tokens = tokens,
        .busiest_s = experts_s(cost, &cost->compute, tokens),
        .mean_s = experts_s(cost, &balanced, tokens),
    };
}

/* The first group's collectives of one layer, and its experts, at the sizes that steps have. */
static int resolve_exchanges(struct preflight *preflight, struct arena *arena, struct error *error)
{
    const struct step_cost *cost = &preflight->deployment.cost;
    const struct serving *serving = &preflight->deployment.scenario->serving;
    uint32_t decodes = u32_ceil_div(serving->max_sequences, serving->steps_in_flight);
    const uint32_t tokens[PREFLIGHT_SIZES] = {1, decodes, serving->max_step_tokens};
    struct stage_part part;
    int status = deployment_stage_part(&preflight->deployment, 0, 0, &part, arena, error);
    if (status < 0)
        return status;
    preflight->group = cost->classes[part.group_class].group;
    preflight->ways = cost->classes[part.group_class].ways;
    for (uint32_t i = 0; i < cost->exchange_count; i++) {
        enum exchange exchange = cost->exchanges[i].exchange;
        for (size_t size = 0; size < PREFLIGHT_SIZES; size++)
            if (!has_before(cost->exchanges, i, exchange))
                preflight->exchanges[preflight->exchange_count++] =
                    exchange_of(preflight, part.group_class, exchange, tokens[size]);
    }
    const struct compute *compute = &cost->compute;
    if (sharding_has_whole_experts(&compute->sharding, compute->tensor_parallel))
        for (size_t size = 0; size < PREFLIGHT_SIZES; size++)
            preflight->experts[size] = experts_of(cost, tokens[size]);
    return 0;
}

static void resolve_hop(struct preflight *preflight)
{
    struct deployment *deployment = &preflight->deployment;
    if (deployment->layout.stages == 1)
        return;
    struct batch largest = {.prefill_tokens = deployment->scenario->serving.max_step_tokens};
    preflight->hop = deployment_hop(deployment, 0, 0);
    preflight->hop_bytes = step_work_of(&deployment->cost, &largest, NULL).send_bytes;
}

/* One pool's; `beside` is the other's, on the GPUs before. */
static int resolve_pool(struct preflight *preflight, const struct scenario *scenario,
                        const struct deployment *beside, struct arena *arena, struct error *error)
{
    *preflight = (struct preflight){0};
    int status = deployment_resolve(&preflight->deployment, scenario, beside, arena, error);
    if (status < 0)
        return status;
    status = resolve_exchanges(preflight, arena, error);
    if (status < 0)
        return status;
    resolve_hop(preflight);
    int count = layout_warnings_of(&preflight->deployment, preflight->warnings, error);
    preflight->warning_count = count < 0 ? 0 : (uint32_t)count;
    return count < 0 ? count : 0;
}

static int resolve_kv_hop(struct preflight *preflight, struct arena *arena, struct error *error)
{
    const struct deployment *from = &preflight->deployment;
    const struct model *model = &from->scenario->model;
    struct kv_way way;
    int status = kv_way_init(&way, &from->topology, &from->layout,
                             &preflight->decode->deployment.layout, model, arena, error);
    if (status < 0)
        return status;
    const struct kv_part *part = way.parts;
    uint32_t *gpus = arena_calloc(arena, 2 * (size_t)way.pairs, sizeof(*gpus));
    if (!gpus)
        return error_out_of_memory(error, "KV transfers");
    for (uint32_t pair = 0; pair < way.pairs; pair++) {
        gpus[pair] = kv_way_from_gpu(&way, 0, part, pair);
        gpus[way.pairs + pair] = kv_way_to_gpu(&way, 0, part, pair);
    }
    preflight->kv_hop = (struct preflight_kv_hop){
        .from_gpu = gpus[0],
        .to_gpu = gpus[way.pairs],
        .path = topology_parallel_path(&from->topology, gpus, gpus + way.pairs, way.pairs),
        .token_bytes = part->layers * kv_way_token_layer_bytes(&way, model),
    };
    return 0;
}

int preflight_resolve(struct preflight *preflight, const struct scenario *scenario,
                      struct arena *arena, struct error *error)
{
    int status = resolve_pool(preflight, scenario, NULL, arena, error);
    if (status < 0 || !scenario->decode)
        return status;
    preflight->decode = arena_calloc(arena, 1, sizeof(*preflight->decode));
    if (!preflight->decode)
        return error_out_of_memory(error, "pools");
    status =
        resolve_pool(preflight->decode, scenario->decode, &preflight->deployment, arena, error);
    return status < 0 ? status : resolve_kv_hop(preflight, arena, error);
}

/* Tokens that each pool has room for. */
static uint64_t kv_tokens_least(const struct preflight *preflight)
{
    uint64_t tokens = preflight->deployment.memory.kv_tokens;
    return preflight->decode ? u64_min(tokens, preflight->decode->deployment.memory.kv_tokens)
                             : tokens;
}

int preflight_survey(struct preflight *preflight, const struct workload_spec *workload,
                     struct error *error)
{
    struct workload_survey survey;
    int status = workload_survey_run(&survey, preflight->deployment.scenario, workload, error);
    if (status < 0)
        return status;
    preflight->warning_count +=
        warning_set_context(&preflight->warnings[preflight->warning_count],
                            preflight->deployment.scenario->model.max_context, survey.requests,
                            survey.too_long, survey.cut);
    if (survey.ignores_prefixes)
        preflight->warnings[preflight->warning_count++] = survey.prefixes;
    if (survey.refused == 0)
        return 0;
    preflight->warning_count += warning_set(
        &preflight->warnings[preflight->warning_count], "requests_rejected",
        "%llu of %s%llu requests will be rejected: longer than the KV capacity of %llu tokens, or "
        "than max_step_tokens where prompts are not chunked; the longest has %u input and %u "
        "output tokens",
        (unsigned long long)survey.refused, survey.is_cut ? "the first " : "",
        (unsigned long long)survey.requests, (unsigned long long)kv_tokens_least(preflight),
        survey.input_tokens, survey.output_tokens);
    return 0;
}

int preflight_recommend(struct preflight_recommendations *recommendations,
                        const struct preflight *preflight, const struct workload_spec *workload,
                        struct error *error)
{
    const struct scenario *scenario = preflight->deployment.scenario;
    struct recommend_trials *trials = &recommendations->trials;
    const struct recommendation *rules[RECOMMEND_GOAL_COUNT] = {NULL};
    const struct memory_terms terms = deployment_memory_terms(&preflight->deployment);
    if (scenario->decode)
        return error_set(error, ERROR_USAGE,
                         "--recommend chooses a layout for replicas that prefill and decode; this "
                         "scenario has pools");
    for (size_t i = 0; i < RECOMMEND_GOAL_COUNT; i++) {
        recommendations->has[i] = recommend_layout(&recommendations->of[i], (enum recommend_goal)i,
                                                   &terms, &recommendations->errors[i]) == 0;
        if (recommendations->has[i])
            rules[i] = &recommendations->of[i];
    }
    int status = recommend_trials_run(trials, scenario, workload, rules, error);
    for (size_t i = 0; i < RECOMMEND_GOAL_COUNT; i++) {
        recommendations->rule[i] =
            rules[i] ? recommend_trials_find(trials, rules[i]->layout.tensor_parallel,
                                             rules[i]->layout.pipeline_parallel)
                     : NULL;
        recommendations->best[i] = recommend_trials_best(trials, (enum recommend_goal)i);
    }
    return status;
}

bool preflight_is_held_back(const struct preflight_recommendations *recommendations,
                            enum recommend_goal goal)
{
    const struct recommend_trial *rule = recommendations->rule[goal];
    const struct recommend_trial *best = recommendations->best[goal];
    return (rule && rule->is_held_back[goal]) || (best && best->is_held_back[goal]);
}
