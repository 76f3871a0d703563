#include "trial.h"

#include "fixtures.h"
#include "request.h"

#include <math.h>
#include <stdio.h>

static double dice_real(struct dice *dice, double low, double high)
{
    return low + (high - low) * dice_unit(dice);
}

/* A model small enough that a step is some hundred microseconds, with few KV blocks. */
static void roll_model(struct dice *dice, struct trial *trial)
{
    trial->scenario.model = fixture_llama_8b();
    trial->scenario.model.layers = dice_between(dice, 4, 12);
    if (dice_between(dice, 0, 3) == 0) {
        trial->scenario.model.experts = 8;
        trial->scenario.model.experts_per_token = 2;
    }
}

/* Now and then what makes replicas meet on links: few NICs, PCIe switches, leaves. */
static void roll_links(struct dice *dice, struct trial *trial)
{
    struct cluster *cluster = &trial->scenario.cluster;
    if (dice_between(dice, 0, 1))
        cluster->nics_per_node = dice_between(dice, 1, 2);
    if (dice_between(dice, 0, 2) == 0) {
        cluster->gpus_per_pcie_switch = 2;
        cluster->pcie_uplink = cluster->pcie;
    }
    if (dice_between(dice, 0, 2) == 0) {
        cluster->nodes_per_leaf = dice_between(dice, 1, 3);
        cluster->oversubscription = dice_between(dice, 1, 3);
        cluster->spine_latency_s = 1e-6;
    }
    if (dice_between(dice, 0, 2) == 0)
        cluster->contention = (struct contention){.bandwidth = 1.25 * dice_between(dice, 1, 2),
                                                  .send_latency = dice_between(dice, 1, 9),
                                                  .receive_latency = dice_between(dice, 1, 3)};
    trial->scenario.run.links = (enum link_policy)dice_between(dice, 0, LINK_POLICY_PRIVATE);
    trial->scenario.layout.placement =
        (enum layout_placement)dice_between(dice, 0, LAYOUT_PLACEMENT_SPREAD);
}

static void roll_layout(struct dice *dice, struct trial *trial)
{
    static const uint32_t tensor_parallel[] = {1, 2, 4};
    static const enum stage_split splits[] = {STAGE_SPLIT_EVEN, STAGE_SPLIT_BALANCED};
    uint32_t nodes = dice_between(dice, 1, 4);
    trial->scenario.cluster = dice_between(dice, 0, 1) && nodes == 1
                                  ? fixture_pcie_cluster()
                                  : fixture_nvlink_cluster(nodes, 8);
    struct layout_spec *layout = &trial->scenario.layout;
    layout->tensor_parallel = tensor_parallel[dice_between(dice, 0, 2)];
    layout->pipeline_parallel = dice_between(dice, 1, 2 * nodes > 4 ? 4 : 2 * nodes);
    uint32_t room = nodes * 8 / (layout->tensor_parallel * layout->pipeline_parallel);
    layout->replicas = dice_between(dice, 1, room > 3 ? 3 : room);
    layout->split = splits[dice_between(dice, 0, 1)];
    layout->router = (enum router_policy)dice_between(dice, 0, ROUTER_CACHE_AWARE);
}

/* The options of a tensor-parallel group, alone and together. */
static void roll_sharding(struct dice *dice, struct trial *trial)
{
    bool has_experts = trial->scenario.model.experts > 0;
    trial->scenario.layout.sharding = (struct sharding){
        .sequence_parallel = dice_between(dice, 0, 2) == 0,
        .expert_parallel = has_experts && dice_between(dice, 0, 1),
        .expert_imbalance = dice_real(dice, 1, 3),
        .expert_exchange =
            dice_between(dice, 0, 1) ? EXPERT_EXCHANGE_ALL_TO_ALL : EXPERT_EXCHANGE_ALL_REDUCE,
    };
}

static uint32_t gpus_of(const struct layout_spec *layout)
{
    return layout->tensor_parallel * layout->pipeline_parallel * layout->replicas;
}

/* Now and then a second pool decodes what the first one prefills, where the cluster has room. */
static void roll_pools(struct dice *dice, struct trial *trial)
{
    static const uint32_t tensor_parallel[] = {1, 2, 4};
    struct scenario *scenario = &trial->scenario;
    uint32_t gpus = scenario->cluster.nodes * scenario->cluster.gpus_per_node;
    uint32_t used = (gpus_of(&scenario->layout) + 7) / 8 * 8;
    if (dice_between(dice, 0, 1) || scenario->serving.policy == BATCHER_STATIC || used + 8 > gpus)
        return;
    scenario->layout.placement = LAYOUT_PLACEMENT_PACKED;
    trial->decode = *scenario;
    struct layout_spec *layout = &trial->decode.layout;
    layout->tensor_parallel = tensor_parallel[dice_between(dice, 0, 2)];
    layout->pipeline_parallel = dice_between(dice, 1, 2);
    layout->replicas = dice_between(dice, 1, 8 / layout->tensor_parallel / 2);
    trial->decode.serving.max_sequences = dice_between(dice, 1, 40);
    trial->decode.serving.steps_in_flight = dice_between(dice, 1, 3);
    if (dice_between(dice, 0, 1))
        (void)snprintf(trial->decode.cluster.gpu.name, NAME_BYTES, "another");
    scenario->kv_transfer = (enum kv_transfer)dice_between(dice, 0, KV_TRANSFER_LAYERWISE);
    scenario->decode = &trial->decode;
}

/* The name of a link of a GPU's node that replicas have a use for. */
static void name_link(const struct cluster *cluster, uint32_t gpu, char name[NAME_BYTES])
{
    uint32_t node = gpu / cluster->gpus_per_node;
    if (cluster->nodes > 1 && cluster->nodes_per_leaf > 0)
        (void)snprintf(name, NAME_BYTES, "node%u/nic0>leaf%u", node,
                       node / cluster->nodes_per_leaf);
    else if (cluster->nodes > 1)
        (void)snprintf(name, NAME_BYTES, "node%u/nic0>network", node);
    else
        (void)snprintf(name, NAME_BYTES, "node0/gpu0>%s",
                       cluster->gpus_per_pcie_switch > 0 ? "pcieswitch0" : "bridge0");
}

/* Now and then hardware slows down or fails, and mostly comes back. */
static void roll_faults(struct dice *dice, struct trial *trial)
{
    struct scenario *scenario = &trial->scenario;
    uint32_t gpus = scenario->cluster.nodes * scenario->cluster.gpus_per_node;
    if (dice_between(dice, 0, 2) > 0)
        return;
    scenario->run.on_loss = (enum on_loss)dice_between(dice, 0, ON_LOSS_LOSE);
    scenario->fault_count = dice_between(dice, 1, TRIAL_FAULTS_MAX);
    scenario->faults = trial->faults;
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        struct fault *fault = &trial->faults[i];
        fault->target = (enum fault_target)dice_between(dice, FAULT_GPU, FAULT_NODE);
        fault->index = dice_between(
            dice, 0, (fault->target == FAULT_NODE ? scenario->cluster.nodes : gpus) - 1);
        name_link(&scenario->cluster, fault->index, trial->links[i]);
        fault->link = trial->links[i];
        fault->from = sim_ps_from_s(dice_real(dice, 0, 1));
        fault->until = dice_between(dice, 0, 4) == 0
                           ? SIM_PS_MAX
                           : fault->from + sim_ps_from_s(pow(10, dice_real(dice, -5, 0)));
        fault->slowdown = dice_between(dice, 0, 1) ? 0 : dice_real(dice, 1, 5);
    }
}

/* Now and then GPUs that a few prompts cap. */
static void roll_power(struct dice *dice, struct gpu *gpu)
{
    if (dice_between(dice, 0, 1))
        return;
    gpu->power_capping = (struct power_capping){
        .slowdown = dice_real(dice, 1, 2),
        .delay_s = dice_real(dice, 0, 5e-3),
        .release_s = dice_real(dice, 0, 1e-3),
        .recovery_s = dice_real(dice, 1e-4, 5e-3),
        .busy_recovery_s = dice_real(dice, 1e-4, 2e-2),
    };
}

static void roll_host(struct dice *dice, struct host *host)
{
    *host = (struct host){
        .admission_s = dice_between(dice, 0, 2) * 2e-3,
        .schedule_s = dice_between(dice, 0, 2) * 50e-6,
        .schedule_per_request_s = dice_between(dice, 0, 1) * 1e-6,
        .return_s = dice_between(dice, 0, 2) * 30e-6,
        .prepare_s = dice_between(dice, 0, 2) * 40e-6,
        .prepare_per_request_s = dice_between(dice, 0, 1) * 2e-6,
        .receive_s = dice_between(dice, 0, 1) * 60e-6,
        .cold_wait_s = dice_between(dice, 0, 2) * 2e-3,
        .cold_most = dice_real(dice, 1, 5),
        .new_shape_s = dice_between(dice, 0, 1) * 300e-6,
        .new_shape_first_s = dice_between(dice, 0, 2) * 1e-3,
        .new_shape_halving = dice_between(dice, 0, 10),
        .new_shape_from = dice_between(dice, 0, 1) * 17,
        .eager_synchronous = dice_between(dice, 0, 1),
        .kernel_gap_s = 1e-6,
        .kernel_gap_eager_s = dice_between(dice, 1, 3) * 1e-6,
        .launch_s = dice_between(dice, 0, 2) * 4e-6,
        .launch_decode_s = dice_between(dice, 0, 2) * 6e-6,
        .launch_chunk_s = dice_between(dice, 0, 2) * 9e-6,
        .launch_history_s = dice_between(dice, 0, 1) * 12e-6,
        .process_spread = dice_between(dice, 0, 2) * 0.05,
        .collective_overlap_s = dice_between(dice, 0, 1) * 3e-6,
        .launch_collective_s = dice_between(dice, 0, 2) * 15e-6,
        .launch_graph_s = dice_between(dice, 0, 1) * 10e-6,
        .send_tensors = dice_between(dice, 1, 2),
        .send_scattered = dice_between(dice, 0, 1),
        .shard_embedding = dice_between(dice, 0, 1),
        .launches_layer_extra = dice_between(dice, 0, 2),
        .graphs_prefill = dice_between(dice, 0, 3) == 0,
        .async_scheduling = dice_between(dice, 0, 2) == 0,
        .chunked_pipeline = dice_between(dice, 0, 1),
    };
    for (uint32_t size = 1; size <= 64 && dice_between(dice, 0, 5) > 0; size *= 2)
        host->captured_sizes[host->captured_count++] = size;
}

static void roll_serving(struct dice *dice, struct trial *trial)
{
    struct serving *serving = &trial->scenario.serving;
    *serving = (struct serving){
        .policy = (enum batcher_policy)dice_between(dice, 0, BATCHER_CHUNKED_PREFILL),
        .max_step_tokens = dice_between(dice, 200, 1024),
        .max_sequences = dice_between(dice, 1, 40),
        .steps_in_flight = dice_between(dice, 1, 5),
        .step_share = (enum step_share)dice_between(dice, 0, 1),
        .kv_block_tokens = 1u << dice_between(dice, 0, 5),
        .kv_admission = (enum kv_admission)dice_between(dice, 0, 1),
        .memory_utilization = 0.9,
        .reserve_bytes = 1e9,
        .kv_tokens = dice_between(dice, 600, 8000),
        .prefix_caching = dice_between(dice, 0, 3) > 0,
    };
    roll_host(dice, &serving->host);
}

/* Lets the prompt begin as others do: as one of a few beginnings, as far as it goes. */
static void roll_prefix(struct dice *dice, struct arrival *arrival, uint64_t *pieces)
{
    uint32_t beginning = dice_between(dice, 1, 4);
    uint32_t tokens = u32_min(beginning * 350, arrival->input_tokens);
    if (dice_between(dice, 0, 3) == 0) /* more of it, or less, than others have */
        tokens = dice_between(dice, 1, tokens);
    arrival->pieces = pieces;
    arrival->piece_count = u32_ceil_div(tokens, REQUEST_PIECE_TOKENS);
    arrival->shared_tokens = tokens;
    for (uint32_t i = 0; i < arrival->piece_count; i++) {
        uint32_t length = u32_min(tokens - i * REQUEST_PIECE_TOKENS, REQUEST_PIECE_TOKENS);
        pieces[i] = (beginning * TRIAL_PIECES_MAX + i) * 1000 + length;
    }
}

static void roll_arrivals(struct dice *dice, struct trial *trial)
{
    bool begin_alike = dice_between(dice, 0, 1);
    double mean_gap_s = dice_real(dice, 0.0001, 0.02);
    double at_s = 0;
    trial->count = dice_between(dice, 1, TRIAL_REQUESTS_MAX);
    trial->concurrency = dice_between(dice, 0, 4) == 0 ? dice_between(dice, 1, 30) : 0;
    for (size_t i = 0; i < trial->count; i++) {
        if (dice_between(dice, 0, 3) > 0) /* else together with the last */
            at_s += -mean_gap_s * log(1 - dice_real(dice, 0, 1));
        trial->arrivals[i] = (struct arrival){
            .at = sim_ps_from_s(at_s),
            .input_tokens = dice_between(dice, 1, begin_alike ? 1500 : 600),
            .output_tokens = dice_between(dice, 1, dice_between(dice, 0, 1) ? 5 : 200),
        };
        if (begin_alike && dice_between(dice, 0, 4) > 0)
            roll_prefix(dice, &trial->arrivals[i], trial->pieces[i]);
    }
}

void trial_roll(struct trial *trial, struct dice *dice)
{
    *trial = (struct trial){.count = 0};
    roll_model(dice, trial);
    roll_layout(dice, trial);
    roll_links(dice, trial);
    roll_power(dice, &trial->scenario.cluster.gpu);
    roll_sharding(dice, trial);
    roll_serving(dice, trial);
    roll_pools(dice, trial);
    roll_faults(dice, trial);
    roll_arrivals(dice, trial);
    trial->scenario.slo = (struct slo){.ttft_s = 0.1, .tpot_s = 0.01, .percentile = 95};
    trial->scenario.run.duration = SIM_PS_MAX;
    trial->scenario.output.window_end = SIM_PS_MAX;
}
