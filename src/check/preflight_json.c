#include "preflight_json.h"

#include "json_build.h"
#include "scenario_json.h"
#include "summary_json.h"

static json_t *gpus_json(const uint32_t *gpus, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        array = json_build_append(array, json_build_count(gpus[i]));
    return array;
}

static json_t *stages_json(const struct layout *layout)
{
    json_t *array = json_array();
    uint32_t first = 0;
    for (uint32_t i = 0; i < layout->replicas * layout->stages; i++) {
        uint32_t stage = i % layout->stages;
        first = stage == 0 ? 0 : first;
        json_t *gpus =
            gpus_json(layout_group(layout, i / layout->stages, stage), layout->tensor_parallel);
        json_t *object = json_build_object((const struct json_member[]){
            {"replica", json_build_count(i / layout->stages)},
            {"stage", json_build_count(stage)},
            {"layers", json_build_count(layout->stage_layers[stage])},
            {"first_layer", json_build_count(first)},
            {"gpus", gpus},
            {0},
        });
        array = json_build_append(array, object);
        first += layout->stage_layers[stage];
    }
    return array;
}

static json_t *route_json(const struct topology *topology, uint32_t from, uint32_t to)
{
    json_t *array = json_array();
    struct route route = topology_route(topology, from, to);
    for (uint32_t i = 0; i < route.link_count; i++)
        array = json_build_append(array, json_string(topology->links[route.links[i]].name));
    return array;
}

/* Those of one kind. */
static json_t *exchanges_json(const struct preflight *preflight, enum exchange exchange)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < preflight->exchange_count; i++) {
        const struct preflight_exchange *one = &preflight->exchanges[i];
        if (one->exchange != exchange)
            continue;
        json_t *object = json_build_object((const struct json_member[]){
            {"tokens", json_build_count(one->tokens)},
            {"bytes", json_real(one->bytes)},
            {"time_s", json_real(one->seconds)},
            {"algorithm", json_string(one->by)},
            {0},
        });
        array = json_build_append(array, object);
    }
    return array;
}

static json_t *experts_json(const struct preflight *preflight)
{
    json_t *array = json_array();
    for (size_t i = 0; i < PREFLIGHT_SIZES && preflight->experts[i].tokens > 0; i++) {
        const struct preflight_experts *experts = &preflight->experts[i];
        json_t *object = json_build_object((const struct json_member[]){
            {"tokens", json_build_count(experts->tokens)},
            {"busiest_s", json_real(experts->busiest_s)},
            {"mean_s", json_real(experts->mean_s)},
            {0},
        });
        array = json_build_append(array, object);
    }
    return array;
}

/* The first GPU's route to its peer, for each way that the group's collectives go. */
static json_t *ways_json(const struct preflight *preflight)
{
    const uint32_t *gpus = layout_group(&preflight->deployment.layout, 0, 0);
    json_t *object = json_object();
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++) {
        if ((preflight->ways >> way & 1) == 0)
            continue;
        uint32_t peer = collective_way_peer(&preflight->group, (enum collective_way)way, 0);
        json_t *route = route_json(&preflight->deployment.topology, gpus[0], gpus[peer]);
        if (object &&
            json_object_set_new(object, collective_way_name((enum collective_way)way), route) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *group_json(const struct preflight *preflight)
{
    const uint32_t *gpus = layout_group(&preflight->deployment.layout, 0, 0);
    if (preflight->deployment.layout.tensor_parallel == 1)
        return json_null();
    return json_build_object((const struct json_member[]){
        {"route", route_json(&preflight->deployment.topology, gpus[0], gpus[1])},
        {"ways", ways_json(preflight)},
        {"all_reduces", exchanges_json(preflight, EXCHANGE_ALL_REDUCE)},
        {"reduce_scatters", exchanges_json(preflight, EXCHANGE_REDUCE_SCATTER)},
        {"all_gathers", exchanges_json(preflight, EXCHANGE_ALL_GATHER)},
        {"dispatches", exchanges_json(preflight, EXCHANGE_DISPATCH)},
        {"combines", exchanges_json(preflight, EXCHANGE_COMBINE)},
        {"experts", experts_json(preflight)},
        {0},
    });
}

static json_t *hop_json(const struct preflight *preflight)
{
    const struct layout *layout = &preflight->deployment.layout;
    if (layout->stages == 1)
        return json_null();
    return json_build_object((const struct json_member[]){
        {"route", route_json(&preflight->deployment.topology, layout_group(layout, 0, 0)[0],
                             layout_group(layout, 0, 1)[0])},
        {"latency_s", json_real(preflight->hop.alpha_s)},
        {"bandwidth_bytes_per_s", json_real(preflight->hop.bytes_per_s)},
        {"bytes", json_real(preflight->hop_bytes)},
        {"time_s", json_real(collective_send_s(preflight->hop, preflight->hop_bytes))},
        {0},
    });
}

/* GPUs that hold whole experts, 1 where each expert is split, as scenario_json_layout() has them.
 */
static json_t *expert_parallel_json(const struct recommend_trial *trial)
{
    return json_build_count(trial->expert_parallel ? trial->tensor_parallel : 1);
}

/* The throughput with more sequences; null where it was not tried. */
static json_t *more_json(const struct recommend_trial *trial)
{
    if (trial->more_sequences == 0)
        return json_null();
    return json_pack("{s:o, s:o}", "max_sequences", json_build_count(trial->more_sequences),
                     "output_tokens_per_s", json_build_real(trial->more_tokens_per_s));
}

static json_t *trial_json(const struct recommend_trials *trials,
                          const struct recommend_trial *trial)
{
    double imbalance = trial->expert_parallel ? trials->sharding.expert_imbalance : 1;
    return json_build_object((const struct json_member[]){
        {"tensor_parallel", json_build_count(trial->tensor_parallel)},
        {"expert_parallel", expert_parallel_json(trial)},
        {"expert_imbalance", json_build_real(imbalance)},
        {"pipeline_parallel", json_build_count(trial->pipeline_parallel)},
        {"replicas", json_build_count(trial->replicas)},
        {"e2e_s_p50", json_build_real(trial->value[RECOMMEND_LATENCY])},
        {"output_tokens_per_s", json_build_real(trial->value[RECOMMEND_THROUGHPUT])},
        {"e2e_held_back", json_boolean(trial->is_held_back[RECOMMEND_LATENCY])},
        {"tokens_held_back", json_boolean(trial->is_held_back[RECOMMEND_THROUGHPUT])},
        {"with_more_sequences", more_json(trial)},
        {"rejected", json_build_count(trial->rejected)},
        {"lost", json_build_count(trial->lost)},
        {0},
    });
}

static json_t *trials_json(const struct recommend_trials *trials)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < trials->count; i++)
        array = json_build_append(array, trial_json(trials, &trials->of[i]));
    return json_build_object((const struct json_member[]){
        {"latency_requests", json_build_count(trials->requests[RECOMMEND_LATENCY])},
        {"throughput_requests", json_build_count(trials->requests[RECOMMEND_THROUGHPUT])},
        {"layouts", array},
        {0},
    });
}

static json_t *verdict_json(const struct preflight_recommendations *recommendations,
                            enum recommend_goal goal)
{
    const struct recommend_trial *rule = recommendations->rule[goal];
    const struct recommend_trial *best = recommendations->best[goal];
    if (!best)
        return json_null();
    json_t *agrees = rule ? json_boolean(recommend_trial_agrees(rule, best, goal)) : json_null();
    json_t *value = json_build_object((const struct json_member[]){
        {"tensor_parallel", json_build_count(best->tensor_parallel)},
        {"expert_parallel", expert_parallel_json(best)},
        {"pipeline_parallel", json_build_count(best->pipeline_parallel)},
        {"value", json_build_real(best->value[goal])},
        {0},
    });
    return json_build_object((const struct json_member[]){
        {"agrees", agrees},
        {"rule", json_build_real(rule ? rule->value[goal] : NAN)},
        {"best", value},
        {"held_back", json_boolean(preflight_is_held_back(recommendations, goal))},
        {0},
    });
}

static json_t *recommendation_json(const struct preflight_recommendations *recommendations,
                                   enum recommend_goal goal)
{
    const char *name = recommend_goal_name(goal);
    const struct recommendation *recommendation = &recommendations->of[goal];
    json_t *verdict = verdict_json(recommendations, goal);
    if (!recommendations->has[goal])
        return json_build_object((const struct json_member[]){
            {"goal", json_string(name)},
            {"tensor_parallel", json_null()},
            {"pipeline_parallel", json_null()},
            {"reason", json_string(recommendations->errors[goal].text)},
            {"simulation", verdict},
            {0},
        });
    return json_build_object((const struct json_member[]){
        {"goal", json_string(name)},
        {"tensor_parallel", json_build_count(recommendation->layout.tensor_parallel)},
        {"pipeline_parallel", json_build_count(recommendation->layout.pipeline_parallel)},
        {"reason", json_string(recommendation->reason)},
        {"simulation", verdict},
        {0},
    });
}

static json_t *recommendations_json(const struct preflight_recommendations *recommendations)
{
    json_t *array = json_array();
    for (size_t i = 0; i < RECOMMEND_GOAL_COUNT; i++)
        array =
            json_build_append(array, recommendation_json(recommendations, (enum recommend_goal)i));
    return array;
}

static json_t *kv_hop_json(const struct preflight *preflight)
{
    const struct preflight_kv_hop *hop = &preflight->kv_hop;
    return json_build_object((const struct json_member[]){
        {"route", route_json(&preflight->deployment.topology, hop->from_gpu, hop->to_gpu)},
        {"latency_s", json_real(hop->path.alpha_s)},
        {"bandwidth_bytes_per_s", json_real(hop->path.bytes_per_s)},
        {"token_bytes", json_real(hop->token_bytes)},
        {0},
    });
}

static json_t *preflight_json(const struct preflight *preflight,
                              const struct preflight_recommendations *recommendations)
{
    const struct deployment *deployment = &preflight->deployment;
    const struct memory_plan *memory = &deployment->memory;
    json_t *object = json_build_object((const struct json_member[]){
        {"model", scenario_json_model(&deployment->scenario->model)},
        {"cluster", scenario_json_cluster(&deployment->scenario->cluster)},
        {"layout", scenario_json_layout(&deployment->scenario->layout)},
        {"stages", stages_json(&deployment->layout)},
        {"memory", summary_json_memory(memory->stage, memory->stages)},
        {"kv", json_pack("{s:o}", "capacity_tokens", json_build_count(memory->kv_tokens))},
        {"tensor_parallel_group", group_json(preflight)},
        {"stage_hop", hop_json(preflight)},
        {"warnings", summary_json_warnings(preflight->warnings, preflight->warning_count)},
        {0},
    });
    int status = 0;
    if (preflight->decode) {
        status |= json_object_set_new(object, "kv_hop", kv_hop_json(preflight));
        status |= json_object_set_new(object, "decode", preflight_json(preflight->decode, NULL));
    }
    if (recommendations) {
        status |=
            json_object_set_new(object, "recommendations", recommendations_json(recommendations));
        status |= json_object_set_new(object, "trials", trials_json(&recommendations->trials));
    }
    if (status < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int preflight_json_print(const struct preflight *preflight,
                         const struct preflight_recommendations *recommendations, FILE *stream,
                         struct error *error)
{
    return json_build_print(preflight_json(preflight, recommendations), stream, error);
}
