#include "layout.h"

#include <stdio.h>
#include <string.h>

#define CHOICES_MAX 8
#define CHOICES_BYTES 128

/* How tensor-parallel groups lie on the cluster. */
struct placement {
    uint32_t nodes;       /* that one group spans */
    uint32_t share;       /* its GPUs on each */
    uint32_t groups_side; /* groups side by side on the same nodes */
    uint64_t groups;      /* that the cluster holds; 0: the group cannot be placed */
};

/* A group spans the fewest nodes that it divides over equally. */
static struct placement place(const struct cluster *cluster, uint32_t tensor_parallel)
{
    struct placement placement = {0};
    uint32_t fewest = u32_ceil_div(tensor_parallel, cluster->gpus_per_node);
    for (uint32_t nodes = u32_max(fewest, 1); nodes <= cluster->nodes; nodes++) {
        if (tensor_parallel % nodes != 0)
            continue;
        placement.nodes = nodes;
        placement.share = tensor_parallel / nodes;
        placement.groups_side = cluster->gpus_per_node / placement.share;
        placement.groups = (uint64_t)(cluster->nodes / nodes) * placement.groups_side;
        break;
    }
    return placement;
}

/* The first of the cluster's groups that has none of its first `gpus_before` GPUs. */
static uint64_t first_group(const struct placement *placement, const struct cluster *cluster,
                            uint32_t gpus_before)
{
    if (placement->nodes > 1)
        return (uint64_t)u32_ceil_div(gpus_before, placement->nodes * cluster->gpus_per_node) *
               placement->groups_side;
    uint32_t used = u32_ceil_div(gpus_before % cluster->gpus_per_node, placement->share);
    return (uint64_t)(gpus_before / cluster->gpus_per_node) * placement->groups_side +
           u32_min(used, placement->groups_side);
}

uint64_t layout_group_capacity(const struct cluster *cluster, uint32_t tensor_parallel)
{
    return tensor_parallel > 0 ? place(cluster, tensor_parallel).groups : 0;
}

static bool divides_kv(const struct model *model, uint32_t tensor_parallel)
{
    return model->kv_heads % tensor_parallel == 0 || tensor_parallel % model->kv_heads == 0;
}

bool layout_divides(const struct model *model, uint32_t tensor_parallel)
{
    return tensor_parallel > 0 && model->heads % tensor_parallel == 0 &&
           model->ffn % tensor_parallel == 0 && divides_kv(model, tensor_parallel);
}

/* "1, 2, 4, 8, ...": the tensor_parallel values that divide the model. */
static void list_choices(const struct model *model, char text[CHOICES_BYTES])
{
    size_t used = 0;
    uint32_t listed = 0;
    text[0] = '\0';
    for (uint32_t value = 1; value <= model->heads && listed <= CHOICES_MAX; value++) {
        if (!layout_divides(model, value))
            continue;
        const char *separator = listed > 0 ? ", " : "";
        int length = listed < CHOICES_MAX
                         ? snprintf(text + used, CHOICES_BYTES - used, "%s%u", separator, value)
                         : snprintf(text + used, CHOICES_BYTES - used, ", ...");
        used += (size_t)length;
        listed++;
    }
}

static int check_divides(const struct model *model, uint32_t tensor_parallel, struct error *error)
{
    if (layout_divides(model, tensor_parallel))
        return 0;
    const char *part = "kv_heads";
    uint32_t count = model->kv_heads;
    if (model->heads % tensor_parallel != 0) {
        part = "heads";
        count = model->heads;
    } else if (model->ffn % tensor_parallel != 0) {
        part = "ffn";
        count = model->ffn;
    }
    char choices[CHOICES_BYTES];
    list_choices(model, choices);
    return error_set_key(error, "layout.tensor_parallel",
                         "%s %u of '%s' is not divisible by tensor_parallel %u; use %s", part,
                         count, model->name, tensor_parallel, choices);
}

int layout_check_experts(const struct layout_spec *spec, const struct model *model,
                         struct error *error)
{
    if (!spec->sharding.expert_parallel)
        return 0;
    if (!model_is_moe(model))
        return error_set_key(error, "layout.expert_parallel",
                             "'%s' has no experts to be parallel in", model->name);
    if (model->experts % spec->tensor_parallel != 0)
        return error_set_key(error, "layout.expert_parallel",
                             "%u GPUs cannot hold equal numbers of %u experts",
                             spec->tensor_parallel, model->experts);
    return 0;
}

static int check_stages(const struct layout_spec *spec, const struct model *model,
                        struct error *error)
{
    uint32_t stages = spec->pipeline_parallel;
    if (stages > LAYOUT_STAGES_MAX)
        return error_set_key(error, "layout.pipeline_parallel",
                             "pipeline_parallel %u is more than the %u supported", stages,
                             LAYOUT_STAGES_MAX);
    if (stages > model->layers)
        return error_set_key(error, "layout.pipeline_parallel",
                             "pipeline_parallel %u is more than the %u layers of '%s'; each stage "
                             "needs one",
                             stages, model->layers, model->name);
    return 0;
}

static int check_listed(const struct layout_spec *spec, const struct model *model,
                        struct error *error)
{
    uint32_t stages = spec->pipeline_parallel;
    uint32_t listed = 0;
    uint64_t sum = 0;
    while (listed < LAYOUT_STAGES_MAX && spec->listed_layers[listed] > 0)
        sum += spec->listed_layers[listed++];
    if (listed != stages)
        return error_set_key(
            error, "layout.stage_layers",
            "stage_layers lists %u stages of one layer or more; pipeline_parallel %u "
            "needs as many",
            listed, stages);
    if (sum != model->layers)
        return error_set_key(error, "layout.stage_layers",
                             "stage_layers sums to %llu layers; '%s' has %u",
                             (unsigned long long)sum, model->name, model->layers);
    return 0;
}

/* The groups of all replicas have a place. */
static int check_capacity(const struct layout_spec *spec, const struct cluster *cluster,
                          struct error *error)
{
    uint64_t gpus = (uint64_t)cluster->nodes * cluster->gpus_per_node;
    uint64_t groups = (uint64_t)spec->pipeline_parallel * spec->replicas;
    struct placement placement = place(cluster, spec->tensor_parallel);
    uint64_t capacity = placement.groups;
    uint64_t taken = capacity > 0 ? first_group(&placement, cluster, spec->gpus_before) : 0;
    if (taken + groups <= capacity)
        return 0;
    double needed = (double)groups * spec->tensor_parallel;
    if (spec->gpus_before > 0)
        return error_set_key(
            error, "layout",
            "%llu group%s of tensor_parallel %u %s needed, and cluster '%s' has room "
            "for %llu beside the %u GPU%s of the other pool",
            (unsigned long long)groups, plural(groups), spec->tensor_parallel,
            groups == 1 ? "is" : "are", cluster->name,
            (unsigned long long)(capacity - u64_min(taken, capacity)), spec->gpus_before,
            plural(spec->gpus_before));
    if (needed > (double)gpus)
        return error_set_key(error, "layout",
                             "tensor_parallel %u x pipeline_parallel %u x %u replica%s needs %.0f "
                             "GPUs; cluster '%s' has %llu",
                             spec->tensor_parallel, spec->pipeline_parallel, spec->replicas,
                             plural(spec->replicas), needed, cluster->name,
                             (unsigned long long)gpus);
    if (capacity == 0)
        return error_set_key(
            error, "layout",
            "tensor_parallel %u cannot be spread equally over up to %u nodes of %u "
            "GPUs; use a divisor of %u or a multiple of it",
            spec->tensor_parallel, cluster->nodes, cluster->gpus_per_node, cluster->gpus_per_node);
    return error_set_key(
        error, "layout",
        "%llu groups of tensor_parallel %u are needed and cluster '%s' holds %llu, "
        "as a group takes equal shares of as few nodes of %u GPUs as it can; use a "
        "tensor_parallel that divides %u, or fewer stages or replicas",
        (unsigned long long)groups, spec->tensor_parallel, cluster->name,
        (unsigned long long)capacity, cluster->gpus_per_node, cluster->gpus_per_node);
}

int layout_check(const struct layout_spec *spec, const struct model *model,
                 const struct cluster *cluster, struct error *error)
{
    if (spec->tensor_parallel == 0 || spec->pipeline_parallel == 0 || spec->replicas == 0)
        return error_set_key(error, "layout",
                             "tensor_parallel, pipeline_parallel and replicas must be at least 1");
    int status = check_divides(model, spec->tensor_parallel, error);
    if (status == 0)
        status = layout_check_experts(spec, model, error);
    if (status == 0)
        status = check_stages(spec, model, error);
    if (status == 0 && spec->split == STAGE_SPLIT_LISTED)
        status = check_listed(spec, model, error);
    if (status == 0)
        status = check_capacity(spec, cluster, error);
    return status;
}

/* Fills in the layers of each stage. */
static void split_layers(struct layout *layout, const struct layout_spec *spec, uint32_t layers,
                         struct stage_extras extras)
{
    switch (spec->split) {
    case STAGE_SPLIT_LISTED:
        memcpy(layout->stage_layers, spec->listed_layers,
               layout->stages * sizeof(layout->stage_layers[0]));
        break;
    case STAGE_SPLIT_BALANCED:
        layout_balance(layers, layout->stages, extras, layout->stage_layers);
        break;
    case STAGE_SPLIT_EVEN:
        layout_balance(layers, layout->stages, (struct stage_extras){0}, layout->stage_layers);
        break;
    }
}

/* The GPUs of the cluster's `place`-th group. */
static void place_group(const struct placement *placement, const struct cluster *cluster,
                        uint64_t place, uint32_t ranks, uint32_t *gpus)
{
    uint32_t first_node = (uint32_t)(place / placement->groups_side) * placement->nodes;
    uint32_t first_gpu = (uint32_t)(place % placement->groups_side) * placement->share;
    for (uint32_t rank = 0; rank < ranks; rank++) {
        uint32_t node = first_node + rank / placement->share;
        gpus[rank] = node * cluster->gpus_per_node + first_gpu + rank % placement->share;
    }
}

/* Where a stage's groups begin, from `first` on, if each stage has nodes of its own, as far as
   there are enough. */
static uint64_t spread_from(const struct layout *layout, const struct placement *placement,
                            uint64_t first, uint32_t stage)
{
    uint64_t first_block = first / placement->groups_side;
    uint64_t blocks = placement->groups / placement->groups_side - first_block;
    uint64_t from = first;
    for (uint32_t s = 1; s <= stage; s++) {
        uint64_t block = first_block + blocks * s / layout->stages;
        uint64_t last = placement->groups - (uint64_t)(layout->stages - s) * layout->replicas;
        from = u64_min(last, u64_max(from + layout->replicas, block * placement->groups_side));
    }
    return from;
}

/* Fills in the GPUs, group by group. */
static void place_groups(struct layout *layout, const struct layout_spec *spec,
                         const struct cluster *cluster)
{
    struct placement placement = place(cluster, layout->tensor_parallel);
    uint64_t first = first_group(&placement, cluster, spec->gpus_before);
    uint32_t *gpus = layout->gpus;
    for (uint32_t replica = 0; replica < layout->replicas; replica++) {
        for (uint32_t stage = 0; stage < layout->stages; stage++) {
            uint64_t group = spec->placement == LAYOUT_PLACEMENT_SPREAD
                                 ? spread_from(layout, &placement, first, stage) + replica
                                 : first + (uint64_t)replica * layout->stages + stage;
            place_group(&placement, cluster, group, layout->tensor_parallel, gpus);
            gpus += layout->tensor_parallel;
            layout->gpus_end = u32_max(layout->gpus_end, gpus[-1] + 1);
        }
    }
}

int layout_resolve(struct layout *layout, const struct layout_spec *spec, const struct model *model,
                   const struct cluster *cluster, struct stage_extras extras, struct arena *arena,
                   struct error *error)
{
    int status = layout_check(spec, model, cluster, error);
    if (status < 0)
        return status;
    *layout = (struct layout){
        .tensor_parallel = spec->tensor_parallel,
        .sharding = spec->sharding,
        .stages = spec->pipeline_parallel,
        .replicas = spec->replicas,
    };
    layout->gpus = arena_calloc(arena, layout_gpu_count(spec), sizeof(*layout->gpus));
    if (!layout->gpus)
        return error_out_of_memory(error, "the layout's GPUs");
    split_layers(layout, spec, model->layers, extras);
    place_groups(layout, spec, cluster);
    return 0;
}

/* A stage's time in layers. */
static double stage_cost(uint32_t layers, uint32_t stage, uint32_t stages,
                         struct stage_extras extras)
{
    double cost = layers;
    cost += stage == 0 ? extras.first_layers : extras.later_layers;
    if (stage + 1 == stages)
        cost += extras.last_layers;
    return cost;
}

void layout_balance(uint32_t layers, uint32_t stages, struct stage_extras extras,
                    uint32_t stage_layers[])
{
    assert(stages > 0 && layers >= stages);
    for (uint32_t stage = 0; stage < stages; stage++)
        stage_layers[stage] = 1;
    /* Every layer costs the same wherever it goes, so giving each to the stage that is least
       loaded is exact: no exchange of layers could lower the slowest stage. */
    for (uint32_t given = stages; given < layers; given++) {
        uint32_t least = 0;
        for (uint32_t stage = 1; stage < stages; stage++)
            if (stage_cost(stage_layers[stage], stage, stages, extras) <
                stage_cost(stage_layers[least], least, stages, extras))
                least = stage;
        stage_layers[least]++;
    }
}

double layout_slowest_stage(const uint32_t stage_layers[], uint32_t stages,
                            struct stage_extras extras)
{
    double slowest = 0;
    for (uint32_t stage = 0; stage < stages; stage++)
        slowest = fmax(slowest, stage_cost(stage_layers[stage], stage, stages, extras));
    return slowest;
}
