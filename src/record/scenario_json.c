#include "scenario_json.h"

#include "json_build.h"

json_t *scenario_json_model(const struct model *model)
{
    return json_pack("{s:s, s:f, s:f}", "name", model->name, "parameters", model_parameters(model),
                     "active_parameters", model_active_parameters(model));
}

json_t *scenario_json_cluster(const struct cluster *cluster)
{
    return json_pack("{s:s, s:s, s:o}", "name", cluster->name, "gpu", cluster->gpu.name, "gpus",
                     json_build_count((uint64_t)cluster->nodes * cluster->gpus_per_node));
}

json_t *scenario_json_layout(const struct layout_spec *layout)
{
    bool whole_experts = sharding_has_whole_experts(&layout->sharding, layout->tensor_parallel);
    return json_pack("{s:o, s:b, s:o, s:f, s:o, s:o, s:o}", "tensor_parallel",
                     json_build_count(layout->tensor_parallel), "sequence_parallel",
                     (int)layout->sharding.sequence_parallel, "expert_parallel",
                     json_build_count(whole_experts ? layout->tensor_parallel : 1),
                     "expert_imbalance", whole_experts ? layout->sharding.expert_imbalance : 1.0,
                     "pipeline_parallel", json_build_count(layout->pipeline_parallel), "replicas",
                     json_build_count(layout->replicas), "gpus",
                     json_build_count(layout_gpu_count(layout)));
}

static json_t *bound_json(double seconds)
{
    return json_build_real(seconds > 0 ? seconds : (double)NAN);
}

static json_t *slo_json(const struct slo *slo)
{
    return json_pack("{s:o, s:o, s:o}", "ttft_s", bound_json(slo->ttft_s), "tpot_s",
                     bound_json(slo->tpot_s), "percentile", json_build_real(slo->percentile));
}

json_t *scenario_json_new(const char *name, const struct scenario *scenario)
{
    return json_pack("{s:s, s:s?, s:o, s:o, s:o, s:o, s:o}", "version", TANDEM_VERSION, "name",
                     name, "seed", json_build_count(scenario->run.seed), "model",
                     scenario_json_model(&scenario->model), "cluster",
                     scenario_json_cluster(&scenario->cluster), "layout",
                     scenario_json_layout(&scenario->layout), "slo", slo_json(&scenario->slo));
}
