#include "export_dot.h"

#include "deployment.h"
#include "human.h"

/* Colours of Graphviz's scheme set38, pastels that tell eight stages apart. */
#define STAGE_COLOURS 8

/* Replicas of one layout. */
struct pool {
    const char *name; /* what one of its replicas is called */
    const struct scenario *scenario;
    struct layout layout;
};

/* What sits on a GPU. */
struct seat {
    const struct pool *pool; /* NULL: nothing */
    uint32_t replica;
    uint32_t stage;
    uint32_t colour;
};

struct graph {
    FILE *stream;
    const struct scenario *scenario;
    struct topology topology;
    struct pool pools[POOLS_MAX];
    uint32_t pool_count;
    struct seat *seats; /* (GPUs) */
};

/* The next pool, after those that are there. */
static int add_pool(struct graph *graph, const char *name, const struct scenario *scenario,
                    struct arena *arena, struct error *error)
{
    struct stage_extras no_extras = {0}; /* where stages sit does not depend on their layers */
    struct layout_spec spec = scenario->layout;
    struct pool *pool = &graph->pools[graph->pool_count];
    if (graph->pool_count > 0)
        spec.gpus_before = deployment_gpus_after(&pool[-1].layout, &pool[-1].scenario->cluster.gpu,
                                                 &scenario->cluster);
    graph->pool_count++;
    *pool = (struct pool){.name = name, .scenario = scenario};
    return layout_resolve(&pool->layout, &spec, &scenario->model, &scenario->cluster, no_extras,
                          arena, error);
}

static int add_pools(struct graph *graph, struct arena *arena, struct error *error)
{
    const struct scenario *decode = graph->scenario->decode;
    int status = add_pool(graph, decode ? "prefill" : "replica", graph->scenario, arena, error);
    return status == 0 && decode ? add_pool(graph, "decode", decode, arena, error) : status;
}

static void seat_pool(struct graph *graph, const struct pool *pool, uint32_t first_colour)
{
    const struct layout *layout = &pool->layout;
    for (uint32_t r = 0; r < layout->replicas; r++)
        for (uint32_t s = 0; s < layout->stages; s++)
            for (uint32_t g = 0; g < layout->tensor_parallel; g++)
                graph->seats[layout_group(layout, r, s)[g]] =
                    (struct seat){pool, r, s, (first_colour + s) % STAGE_COLOURS};
}

static int seat_pools(struct graph *graph, struct arena *arena, struct error *error)
{
    uint32_t colour = 0;
    graph->seats = arena_calloc(arena, graph->topology.gpu_count, sizeof(*graph->seats));
    if (!graph->seats)
        return error_out_of_memory(error, "the GPUs of a graph");
    for (uint32_t p = 0; p < graph->pool_count; p++) {
        seat_pool(graph, &graph->pools[p], colour);
        colour += graph->pools[p].layout.stages;
    }
    return 0;
}

static void write_gpu(const struct graph *graph, uint32_t vertex)
{
    const struct seat *seat = &graph->seats[vertex];
    (void)fprintf(graph->stream, "    v%u [label=\"GPU %u", vertex,
                  graph->topology.vertices[vertex].index);
    if (seat->pool)
        (void)fprintf(graph->stream, "\\n%s %u\\nstage %u\", fillcolor=\"/set38/%u\"]\n",
                      seat->pool->name, seat->replica, seat->stage, seat->colour + 1);
    else
        (void)fputs("\"]\n", graph->stream);
}

static void write_vertex(const struct graph *graph, uint32_t vertex)
{
    static const char *const names[] = {
        [VERTEX_GPU] = "GPU",
        [VERTEX_NVSWITCH] = "NVLink switch",
        [VERTEX_BRIDGE] = "host bridge",
        [VERTEX_MEMORY] = "host memory",
        [VERTEX_NIC] = "NIC",
        [VERTEX_NETWORK] = "network",
        [VERTEX_PCIE_SWITCH] = "PCIe switch",
        [VERTEX_LEAF] = "leaf switch",
    };
    const struct topology_vertex *what = &graph->topology.vertices[vertex];
    if (what->kind == VERTEX_GPU)
        write_gpu(graph, vertex);
    else if (what->kind == VERTEX_NVSWITCH || what->kind == VERTEX_NETWORK)
        (void)fprintf(graph->stream, "    v%u [label=\"%s\", shape=ellipse]\n", vertex,
                      names[what->kind]);
    else
        (void)fprintf(graph->stream, "    v%u [label=\"%s %u\"]\n", vertex, names[what->kind],
                      what->index);
}

static bool is_between_nodes(const struct topology_vertex *vertex)
{
    return vertex->kind == VERTEX_NETWORK || vertex->kind == VERTEX_LEAF;
}

/* Keeps a node's GPUs in one row, in order. */
static void write_gpu_row(const struct graph *graph, uint32_t node)
{
    uint32_t first = node * graph->topology.gpus_per_node;
    (void)fprintf(graph->stream, "    {rank=same; v%u", first);
    for (uint32_t gpu = 1; gpu < graph->topology.gpus_per_node; gpu++)
        (void)fprintf(graph->stream, " -- v%u", first + gpu);
    (void)fputs(" [style=invis]}\n", graph->stream);
}

static void write_node(const struct graph *graph, uint32_t node)
{
    (void)fprintf(graph->stream, "  subgraph cluster_node%u {\n    label=\"node %u\"\n", node,
                  node);
    for (uint32_t v = 0; v < graph->topology.vertex_count; v++) {
        const struct topology_vertex *vertex = &graph->topology.vertices[v];
        if (vertex->kind != VERTEX_NETWORK && vertex->node == node)
            write_vertex(graph, v);
    }
    write_gpu_row(graph, node);
    (void)fputs("  }\n", graph->stream);
}

/* Links 2e and 2e + 1 are the two directions of an edge, of one kind. Graphviz puts the vertex that
   is named first above: the NVLink switch over its GPUs, these over their host bridges. */
static void write_edges(const struct graph *graph)
{
    for (uint32_t l = 0; l < graph->topology.link_count; l += 2) {
        const struct topology_link *link = &graph->topology.links[l];
        bool is_nvlink = graph->topology.vertices[link->to].kind == VERTEX_NVSWITCH;
        (void)fprintf(graph->stream, "  v%u -- v%u [label=\"%s/s\\n%s\"%s]\n",
                      is_nvlink ? link->to : link->from, is_nvlink ? link->from : link->to,
                      human_bytes(link->cost.bytes_per_s).text,
                      human_seconds(link->cost.alpha_s).text,
                      is_nvlink ? ", penwidth=2.5, color=\"#0072B2\"" : "");
    }
}

/* "2 replicas of TP=4 x PP=1", or of each pool. */
static void write_layouts(const struct graph *graph)
{
    for (uint32_t p = 0; p < graph->pool_count; p++) {
        const struct pool *pool = &graph->pools[p];
        const struct layout *layout = &pool->layout;
        (void)fprintf(graph->stream, "%s%s%s%u replica%s of TP=%u x PP=%u", p > 0 ? ", " : "",
                      graph->pool_count > 1 ? pool->name : "", graph->pool_count > 1 ? " " : "",
                      layout->replicas, plural(layout->replicas), layout->tensor_parallel,
                      layout->stages);
    }
}

/* Text of a user's file, which may hold what ends a label. */
static void write_text(const char *text, FILE *stream)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            (void)fputc('\\', stream);
        (void)fputc(*text, stream);
    }
}

static void write_graph(const struct graph *graph)
{
    const struct cluster *cluster = &graph->scenario->cluster;
    (void)fputs("graph cluster {\n  label=\"", graph->stream);
    write_text(graph->scenario->model.name, graph->stream);
    (void)fputs(" on ", graph->stream);
    write_text(cluster->name, graph->stream);
    (void)fputs(": ", graph->stream);
    write_layouts(graph);
    (void)fputs("\"\n"
                "  labelloc=t; fontname=\"Helvetica\"; ranksep=1.0\n"
                "  node [shape=box, style=\"filled,rounded\", fillcolor=\"#F4F4F4\", "
                "color=\"#666666\", fontname=\"Helvetica\", fontsize=11]\n"
                "  edge [color=\"#888888\", fontname=\"Helvetica\", fontsize=8]\n",
                graph->stream);
    for (uint32_t node = 0; node < cluster->nodes; node++)
        write_node(graph, node);
    for (uint32_t v = 0; v < graph->topology.vertex_count; v++)
        if (is_between_nodes(&graph->topology.vertices[v]))
            write_vertex(graph, v);
    write_edges(graph);
    (void)fputs("}\n", graph->stream);
}

int export_dot_write(const struct output_file *out, const struct scenario *scenario,
                     struct error *error)
{
    struct graph graph = {.stream = out->stream, .scenario = scenario};
    struct arena arena;
    arena_init(&arena);
    int status = topology_build(&graph.topology, &scenario->cluster, &arena, error);
    if (status == 0)
        status = add_pools(&graph, &arena, error);
    if (status == 0)
        status = seat_pools(&graph, &arena, error);
    if (status == 0)
        write_graph(&graph);
    arena_release(&arena);
    return status;
}
