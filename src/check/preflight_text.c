#include "preflight_text.h"

#include "dtype_name.h"
#include "human.h"
#include "summary_text.h"

#include <string.h>

static void print_heading(const struct preflight *preflight, FILE *stream)
{
    const struct scenario *scenario = preflight->deployment.scenario;
    const struct layout *layout = &preflight->deployment.layout;
    const struct model *model = &scenario->model;
    uint32_t gpus = layout->tensor_parallel * layout->stages * layout->replicas;
    summary_text_print_layout(scenario, stream);
    (void)fprintf(stream, ", %u of %u GPUs (%s)\n\n", gpus,
                  preflight->deployment.topology.gpu_count, scenario->cluster.gpu.name);
    (void)fprintf(stream, "model   %.1f billion parameters, weights %s, KV %s\n",
                  model_parameters(model) / 1e9, dtype_names[model->weights],
                  dtype_names[model->kv]);
}

/* "node 0: 0-3  node 1: 8", runs of neighbours drawn together. */
static void print_gpus(const struct topology *topology, const uint32_t *gpus, uint32_t count,
                       FILE *stream)
{
    for (uint32_t i = 0; i < count;) {
        uint32_t node = topology_node(topology, gpus[i]);
        uint32_t end = i + 1;
        while (end < count && gpus[end] == gpus[end - 1] + 1 &&
               topology_node(topology, gpus[end]) == node)
            end++;
        uint32_t first = gpus[i] % topology->gpus_per_node;
        (void)fprintf(stream, "  node %u: %u", node, first);
        if (end - i > 1)
            (void)fprintf(stream, "-%u", first + (end - i) - 1);
        i = end;
    }
    (void)fputc('\n', stream);
}

static void print_stages(const struct preflight *preflight, FILE *stream)
{
    const struct layout *layout = &preflight->deployment.layout;
    (void)fputs("\nstages  replica  stage  layers            GPUs\n", stream);
    for (uint32_t replica = 0; replica < layout->replicas; replica++) {
        uint32_t first = 0;
        for (uint32_t stage = 0; stage < layout->stages; stage++) {
            uint32_t layers = layout->stage_layers[stage];
            (void)fprintf(stream, "        %7u  %5u  %3u (%u to %u)%*s", replica, stage, layers,
                          first, first + layers - 1,
                          first + layers - 1 < 10 ? 3
                          : first < 10            ? 2
                                                  : 1,
                          "");
            print_gpus(&preflight->deployment.topology, layout_group(layout, replica, stage),
                       layout->tensor_parallel, stream);
            first += layers;
        }
    }
}

static void print_route(const struct topology *topology, uint32_t from, uint32_t to, FILE *stream)
{
    struct route route = topology_route(topology, from, to);
    for (uint32_t i = 0; i < route.link_count; i++)
        (void)fprintf(stream, "%s%s", i == 0 ? "" : ", ", topology->links[route.links[i]].name);
    (void)fputc('\n', stream);
}

/* What each way's route is called. */
static const char *const way_names[COLLECTIVE_WAY_COUNT] = {
    [COLLECTIVE_WAY_RING] = "route",
    [COLLECTIVE_WAY_INSIDE] = "in a node",
    [COLLECTIVE_WAY_ACROSS] = "across",
};

static void print_group(const struct preflight *preflight, FILE *stream)
{
    const struct layout *layout = &preflight->deployment.layout;
    const uint32_t *gpus = layout_group(layout, 0, 0);
    if (layout->tensor_parallel == 1)
        return;
    (void)fputs("\nTP group, stage 0\n", stream);
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++) {
        if ((preflight->ways >> way & 1) == 0)
            continue;
        uint32_t peer = collective_way_peer(&preflight->group, (enum collective_way)way, 0);
        (void)fprintf(stream, "  %-12s", way_names[way]);
        print_route(&preflight->deployment.topology, gpus[0], gpus[peer], stream);
    }
    (void)fputs("  of a layer        tokens      bytes       time  by\n", stream);
    for (uint32_t i = 0; i < preflight->exchange_count; i++) {
        const struct preflight_exchange *exchange = &preflight->exchanges[i];
        (void)fprintf(stream, "    %-14s%8s %10s %10s  %s\n",
                      i % PREFLIGHT_SIZES == 0 ? exchange_name(exchange->exchange) : "",
                      human_count(exchange->tokens).text, human_bytes(exchange->bytes).text,
                      human_seconds(exchange->seconds).text, exchange->by);
    }
}

/* What the GPUs wait for where they hold whole experts. */
static void print_experts(const struct preflight *preflight, FILE *stream)
{
    if (preflight->experts[0].tokens == 0)
        return;
    (void)fputs("  experts           tokens    busiest   mean GPU\n", stream);
    for (size_t i = 0; i < PREFLIGHT_SIZES; i++) {
        const struct preflight_experts *experts = &preflight->experts[i];
        (void)fprintf(stream, "    %22s %10s %10s\n", human_count(experts->tokens).text,
                      human_seconds(experts->busiest_s).text, human_seconds(experts->mean_s).text);
    }
}

static void print_hop(const struct preflight *preflight, FILE *stream)
{
    const struct layout *layout = &preflight->deployment.layout;
    if (layout->stages == 1)
        return;
    (void)fputs("\nstage 0 to 1\n  route       ", stream);
    print_route(&preflight->deployment.topology, layout_group(layout, 0, 0)[0],
                layout_group(layout, 0, 1)[0], stream);
    (void)fprintf(stream, "  hop         %s, %s/s a GPU; largest step %s: %s\n",
                  human_seconds(preflight->hop.alpha_s).text,
                  human_bytes(preflight->hop.bytes_per_s).text,
                  human_bytes(preflight->hop_bytes).text,
                  human_seconds(collective_send_s(preflight->hop, preflight->hop_bytes)).text);
}

/* KV of a prompt of so many tokens, as an example. */
#define PROMPT_TOKENS 1000

static void print_kv_hop(const struct preflight *preflight, FILE *stream)
{
    const struct preflight_kv_hop *hop = &preflight->kv_hop;
    double bytes = PROMPT_TOKENS * hop->token_bytes;
    (void)fputs(
        "\nKV from the pool that prefills to the pool that decodes, stage 0\n  route       ",
        stream);
    print_route(&preflight->deployment.topology, hop->from_gpu, hop->to_gpu, stream);
    (void)fprintf(stream, "  hop         %s, %s/s a pair of GPUs; %d tokens %s: %s\n",
                  human_seconds(hop->path.alpha_s).text, human_bytes(hop->path.bytes_per_s).text,
                  PROMPT_TOKENS, human_bytes(bytes).text,
                  human_seconds(collective_send_s(hop->path, bytes)).text);
}

void preflight_text_print(const struct preflight *preflight, FILE *stream)
{
    const struct memory_plan *memory = &preflight->deployment.memory;
    if (preflight->decode)
        (void)fputs("the pool that prefills: ", stream);
    print_heading(preflight, stream);
    print_stages(preflight, stream);
    print_group(preflight, stream);
    print_experts(preflight, stream);
    print_hop(preflight, stream);
    summary_text_print_memory(NULL, memory->stage, memory->stages, memory->kv_tokens, NAN, stream);
    summary_text_print_warnings(preflight->warnings, preflight->warning_count, stream);
    if (!preflight->decode)
        return;
    print_kv_hop(preflight, stream);
    (void)fputs("\nthe pool that decodes: ", stream);
    preflight_text_print(preflight->decode, stream);
}
