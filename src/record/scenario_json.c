#include "scenario_json.h"

#include "json_build.h"

json_t *scenario_json_model(const struct model *model)
{
    return json_build_object((const struct json_member[]){
        {"name", json_string(model->name)},
        {"parameters", json_real(model_parameters(model))},
        {"active_parameters", json_real(model_active_parameters(model))},
        {0},
    });
}

json_t *scenario_json_cluster(const struct cluster *cluster)
{
    return json_build_object((const struct json_member[]){
        {"name", json_string(cluster->name)},
        {"gpu", json_string(cluster->gpu.name)},
        {"gpus", json_build_count((uint64_t)cluster->nodes * cluster->gpus_per_node)},
        {0},
    });
}

json_t *scenario_json_layout(const struct layout_spec *layout)
{
    bool whole_experts = sharding_has_whole_experts(&layout->sharding, layout->tensor_parallel);
    return json_build_object((const struct json_member[]){
        {"tensor_parallel", json_build_count(layout->tensor_parallel)},
        {"sequence_parallel", json_boolean(layout->sharding.sequence_parallel)},
        {"expert_parallel", json_build_count(whole_experts ? layout->tensor_parallel : 1)},
        {"expert_imbalance", json_real(whole_experts ? layout->sharding.expert_imbalance : 1.0)},
        {"pipeline_parallel", json_build_count(layout->pipeline_parallel)},
        {"replicas", json_build_count(layout->replicas)},
        {"gpus", json_build_count(layout_gpu_count(layout))},
        {0},
    });
}

static json_t *bound_json(double seconds)
{
    return json_build_real(seconds > 0 ? seconds : (double)NAN);
}

static json_t *slo_json(const struct slo *slo)
{
    return json_build_object((const struct json_member[]){
        {"ttft_s", bound_json(slo->ttft_s)},
        {"tpot_s", bound_json(slo->tpot_s)},
        {"percentile", json_build_real(slo->percentile)},
        {0},
    });
}

json_t *scenario_json_new(const char *name, const struct scenario *scenario)
{
    return json_build_object((const struct json_member[]){
        {"version", json_string(TANDEM_VERSION)},
        {"name", name ? json_string(name) : json_null()},
        {"seed", json_build_count(scenario->run.seed)},
        {"model", scenario_json_model(&scenario->model)},
        {"cluster", scenario_json_cluster(&scenario->cluster)},
        {"layout", scenario_json_layout(&scenario->layout)},
        {"slo", slo_json(&scenario->slo)},
        {0},
    });
}
