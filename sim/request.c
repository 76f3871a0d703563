#include "request.h"

#define POOL_GROWTH 64

/* Puts `request` between two neighbours, either of which may be none. */
static void link_between(struct request_list *list, struct request *previous,
                         struct request *request, struct request *next)
{
    request->previous = previous;
    request->next = next;
    *(previous ? &previous->next : &list->first) = request;
    *(next ? &next->previous : &list->last) = request;
    list->count++;
}

static void hold_nothing(struct request_prefix *prefix)
{
    prefix->done = 0;
    prefix->shared_blocks = 0;
    for (uint32_t i = 0; i < prefix->count; i++)
        prefix->pieces[i].entry = REQUEST_NO_ENTRY;
}

static bool reserve_pieces(struct request_prefix *prefix, uint32_t count, struct arena *arena)
{
    if (count <= prefix->room)
        return true;
    uint32_t room = u32_max(count, 2 * prefix->room);
    struct prefix_piece *pieces = arena_calloc(arena, room, sizeof(*pieces));
    if (!pieces)
        return false;
    prefix->pieces = pieces;
    prefix->room = room;
    return true;
}

bool request_begin_with(struct request *request, const uint64_t *ids, uint32_t count,
                        uint32_t tokens, struct arena *arena)
{
    if (!request->prefix)
        request->prefix = arena_calloc(arena, 1, sizeof(*request->prefix));
    if (!request->prefix || !reserve_pieces(request->prefix, count, arena))
        return false;
    request->prefix->count = count;
    request->prefix->tokens = tokens;
    for (uint32_t i = 0; i < count; i++)
        request->prefix->pieces[i].id = ids[i];
    hold_nothing(request->prefix);
    return true;
}

void request_restart(struct request *request)
{
    if (request->prefix)
        hold_nothing(request->prefix);
    *request = (struct request){
        .id = request->id,
        .arrival = request->arrival,
        .scheduled = request->scheduled,
        .input_tokens = request->input_tokens,
        .output_tokens = request->output_tokens,
        .preemptions = request->preemptions,
        .prefix = request->prefix,
        .cached_tokens = request->cached_tokens,
        .counted = request->counted,
        .cut = request->cut,
    };
}

bool request_fit_context(struct request *request, uint32_t max_context)
{
    uint32_t input_tokens = request->input_tokens;
    if (max_context == 0)
        return true;
    uint32_t room = max_context - u32_min(input_tokens, max_context);
    request->cut = request->output_tokens > room;
    request->output_tokens = u32_min(request->output_tokens, room);
    return room > 0;
}

void request_list_append(struct request_list *list, struct request *request)
{
    link_between(list, list->last, request, NULL);
}

void request_list_prepend(struct request_list *list, struct request *request)
{
    link_between(list, NULL, request, list->first);
}

void request_list_insert(struct request_list *list, struct request *request)
{
    struct request *older = list->last;
    while (older && older->admission > request->admission)
        older = older->previous;
    link_between(list, older, request, older ? older->next : list->first);
}

void request_list_remove(struct request_list *list, struct request *request)
{
    *(request->previous ? &request->previous->next : &list->first) = request->next;
    *(request->next ? &request->next->previous : &list->last) = request->previous;
    list->count--;
}

struct request *request_list_pop(struct request_list *list)
{
    struct request *first = list->first;
    if (first)
        request_list_remove(list, first);
    return first;
}

struct request_list request_list_take(struct request_list *list)
{
    struct request_list taken = *list;
    *list = (struct request_list){.first = NULL};
    return taken;
}

void request_list_join(struct request_list *list, struct request_list *more)
{
    struct request_list taken = request_list_take(more);
    if (!taken.first)
        return;
    taken.first->previous = list->last;
    *(list->last ? &list->last->next : &list->first) = taken.first;
    list->last = taken.last;
    list->count += taken.count;
}

void request_pool_init(struct request_pool *pool, struct arena *arena)
{
    *pool = (struct request_pool){.arena = arena};
}

struct request *request_pool_take(struct request_pool *pool)
{
    if (!pool->free) {
        struct request *fresh = arena_calloc(pool->arena, POOL_GROWTH, sizeof(*fresh));
        if (!fresh)
            return NULL;
        for (size_t i = 0; i < POOL_GROWTH; i++)
            request_pool_give(pool, &fresh[i]);
    }
    struct request *request = pool->free;
    pool->free = request->next;
    *request = (struct request){
        .scheduled = SIM_PS_MAX,
        .prefix = request->prefix,
    };
    return request;
}

void request_pool_give(struct request_pool *pool, struct request *request)
{
    request->next = pool->free;
    pool->free = request;
}
