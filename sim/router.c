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

int router_init(struct router *router, enum router_policy policy, uint32_t replica_count,
                struct arena *arena, struct error *error)
{
    *router = (struct router){.policy = policy, .replica_count = replica_count};
    if (policy != ROUTER_LEAST_OUTSTANDING)
        return 0;
    router->heap = arena_calloc(arena, replica_count, sizeof(*router->heap));
    router->places = arena_calloc(arena, replica_count, sizeof(*router->places));
    if (!router->heap || !router->places)
        return error_out_of_memory(error, "router");
    uint32_t count = 0;
    while (count < replica_count)
        loads_insert(router->heap, &count, (struct router_entry){.replica = count}, router->places);
    return 0;
}

uint32_t router_pick(struct router *router)
{
    if (router->policy == ROUTER_LEAST_OUTSTANDING)
        return router->heap[0].replica;
    uint32_t replica = router->next;
    router->next = replica + 1 == router->replica_count ? 0 : replica + 1;
    return replica;
}

void router_update(struct router *router, uint32_t replica, uint32_t outstanding)
{
    if (router->policy != ROUTER_LEAST_OUTSTANDING)
        return;
    uint32_t count = router->replica_count;
    loads_remove(router->heap, &count, router->places[replica], router->places);
    struct router_entry entry = {.outstanding = outstanding, .replica = replica};
    loads_insert(router->heap, &count, entry, router->places);
}
