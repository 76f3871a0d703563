#include "router.h"

#include "heap.h"

static bool is_idler(const struct router_entry *a, const struct router_entry *b)
{
    return a->outstanding != b->outstanding ? a->outstanding < b->outstanding
                                            : a->replica < b->replica;
}

static void note_place(uint32_t *places, const struct router_entry *entry, uint32_t place)
{
    places[entry->replica] = place;
}

HEAP_DEFINE(loads, struct router_entry, uint32_t, is_idler, note_place)

/* The heap is kept for policies that look at it. */
static bool looks_at_loads(const struct router *router)
{
    return router->policy != ROUTER_ROUND_ROBIN;
}

int router_init(struct router *router, enum router_policy policy, uint32_t replica_count,
                struct arena *arena, struct error *error)
{
    *router = (struct router){.policy = policy, .replica_count = replica_count};
    router->closed = arena_calloc(arena, replica_count, sizeof(*router->closed));
    router->heap = arena_calloc(arena, replica_count, sizeof(*router->heap));
    router->places = arena_calloc(arena, replica_count, sizeof(*router->places));
    if (!router->closed || !router->heap || !router->places)
        return error_out_of_memory(error, "router");
    for (uint32_t replica = 0; replica < replica_count; replica++) {
        router->closed[replica] = true;
        router_open(router, replica, 0);
    }
    return 0;
}

uint32_t router_pick(struct router *router)
{
    if (router->open_count == 0)
        return ROUTER_NONE;
    if (looks_at_loads(router))
        return router->heap[0].replica;
    uint32_t replica;
    do {
        replica = router->next;
        router->next = replica + 1 == router->replica_count ? 0 : replica + 1;
    } while (router->closed[replica]);
    return replica;
}

static void insert(struct router *router, uint32_t replica, uint32_t outstanding)
{
    struct router_entry entry = {.outstanding = outstanding, .replica = replica};
    if (looks_at_loads(router))
        loads_insert(router->heap, &router->open_count, entry, router->places);
    else
        router->open_count++;
}

static void take_out(struct router *router, uint32_t replica)
{
    if (looks_at_loads(router))
        loads_remove(router->heap, &router->open_count, router->places[replica], router->places);
    else
        router->open_count--;
}

void router_close(struct router *router, uint32_t replica)
{
    if (!router->closed[replica])
        take_out(router, replica);
    router->closed[replica] = true;
}

void router_open(struct router *router, uint32_t replica, uint32_t outstanding)
{
    if (router->closed[replica])
        insert(router, replica, outstanding);
    router->closed[replica] = false;
}

void router_update(struct router *router, uint32_t replica, uint32_t outstanding)
{
    if (!looks_at_loads(router) || router->closed[replica])
        return;
    take_out(router, replica);
    insert(router, replica, outstanding);
}
