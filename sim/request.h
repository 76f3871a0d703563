/*
 * request: one request on its way through a replica, and the pool it lives in.
 */
#ifndef TANDEM_REQUEST_H
#define TANDEM_REQUEST_H

#include "arena.h"
#include "base.h"

struct kv_move;

/* Tokens of a prompt that are told, and found again, together: as many as Mooncake's traces hash at
   a time. */
#define REQUEST_PIECE_TOKENS 512
#define REQUEST_NO_ENTRY 0

/* A piece of a prompt. Prompts that have one of an id in common are the same up to its end. */
struct prefix_piece {
    uint64_t id;
    uint32_t entry; /* of the prefix cache, that the request holds; or REQUEST_NO_ENTRY */
};

/* How a prompt begins. */
struct request_prefix {
    struct prefix_piece *pieces; /* (count): the last may be shorter than others */
    uint32_t count;
    uint32_t room;
    uint32_t tokens;        /* of all pieces */
    uint32_t done;          /* pieces that were found or computed since the request was admitted */
    uint64_t shared_blocks; /* of those that it holds, the prefix cache's */
};

struct request {
    uint64_t id;
    sim_ps arrival;
    sim_ps scheduled; /* first time in a step; SIM_PS_MAX before */
    sim_ps first_token;
    sim_ps last_token;  /* when it joined its lane or lost its place; the lane knows later ones */
    uint64_t admission; /* counts up in a replica: smaller is older */
    uint64_t joined;    /* the lane's step count when it joined */
    struct request *next;
    struct request *previous;
    struct kv_move *move;          /* of its KV from one replica to another; NULL: there is none */
    struct request_prefix *prefix; /* NULL: the load does not tell any's */
    uint32_t input_tokens;
    uint32_t output_tokens;
    uint32_t generated; /* output tokens; while in a lane, those from before it joined */
    uint32_t position;  /* tokens in the KV cache; while in a lane, those from before it joined */
    uint32_t target;    /* tokens to prefill: the prompt, and after a preemption its output too */
    uint32_t preemptions;
    uint32_t found_tokens;  /* that need not be computed, when it was admitted */
    uint32_t cached_tokens; /* the same, when it was admitted first */
    bool counted;           /* arrived after the warm-up */
    bool cut;               /* its output ends where the model's context does */
};

/* Lets its prompt begin with pieces of these ids, `tokens` in all: a copy, in `arena`. False:
   memory is out. */
bool request_begin_with(struct request *request, const uint64_t *ids, uint32_t count,
                        uint32_t tokens, struct arena *arena);

/* Forgets what was done for it, but not when it was first in a step: it is to be served from its
   start. */
void request_restart(struct request *request);

/* Cuts its output where prompt and output come to `max_context` tokens, 0: nowhere, as engines do.
   False: its prompt alone does, and no output is left. */
bool request_fit_context(struct request *request, uint32_t max_context);

/* First in, first out; or sorted by admission, where the caller inserts so. */
struct request_list {
    struct request *first;
    struct request *last;
    uint32_t count;
};

void request_list_append(struct request_list *list, struct request *request);
void request_list_prepend(struct request_list *list, struct request *request);

/* Inserts in order of admission, searching from the young end. */
void request_list_insert(struct request_list *list, struct request *request);
void request_list_remove(struct request_list *list, struct request *request);

/* Takes the first off; NULL: the list is empty. */
struct request *request_list_pop(struct request_list *list);

/* All of the list, which is empty then. */
struct request_list request_list_take(struct request_list *list);

/* Puts all of `more`, which is empty then, at the end. */
void request_list_join(struct request_list *list, struct request_list *more);

struct request_pool {
    struct arena *arena;
    struct request *free;
};

void request_pool_init(struct request_pool *pool, struct arena *arena);

/* A zeroed request, but for the room of its prefix; NULL when memory is out. */
struct request *request_pool_take(struct request_pool *pool);
void request_pool_give(struct request_pool *pool, struct request *request);

#endif
