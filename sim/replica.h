/*
 * replica: one copy of the model: its batcher, its pipeline and its scheduler.
 *
 * The scheduler is one thread of the host. It turns to the next step when
 * tokens come back or a request arrives, if a step more may be in flight; it
 * picks a batch, takes schedule_s (and schedule_per_request_s a request) to
 * prepare it, and launches it. Two things can come next in a replica's life:
 * the oldest step's tokens, and the scheduler's next turn. Between two outside
 * events it runs from one to the next in a loop of its own, without touching
 * the event queue; and while its steps only repeat, which is decode_run.h's, it lets
 * others' events pass, and catches up when somebody looks.
 */
#ifndef TANDEM_REPLICA_H
#define TANDEM_REPLICA_H

#include "batcher.h"
#include "crowding.h"
#include "flight.h"

struct replica;

/*
 * Whom a replica tells what happens, at the session's present time: requests finished, or are
 * to be handed over; others whose KV is elsewhere were admitted; a batch was picked; a layer of a
 * step was computed by a stage. The lists' requests are the callee's. `prefilled` may be NULL where
 * the replica does not hand over, `admitted` where no request's KV is elsewhere (request->move),
 * and the last two anywhere.
 */
struct replica_owner {
    void *context;
    void (*finished)(void *context, struct replica *replica, struct request_list finished);
    void (*prefilled)(void *context, struct replica *replica, struct request_list prefilled);
    void (*admitted)(void *context, struct replica *replica, struct request_list admitted);
    void (*picked)(void *context, struct replica *replica, const struct batch *batch);
    void (*computed)(void *context, struct replica *replica, const struct step *step,
                     uint32_t stage, uint32_t layer);
};

struct replica {
    struct session *session;
    const struct host *host;
    uint32_t index;
    struct batcher batcher;
    struct pipeline pipeline;
    struct player *player; /* plays the pipeline out; NULL: its closed form holds */
    struct flight flight;
    sim_ps turn_at;   /* the scheduler's next turn; SIM_PS_MAX: none is due */
    sim_ps turn_from; /* what it waited for happened then */
    sim_ps emptied;   /* without work since; SIM_PS_MAX: has some */
    sim_ps woken;     /* when work last came to an empty replica */
    bool slept;       /* and no step has been scheduled since */
    event_id event;   /* the next thing, in the event queue; 0 while none is */
    uint64_t run;     /* steps before it that only repeat, and are still to be made up for */
    bool is_down;
    sim_ps stalled; /* since when it has had nothing to do until KV moves; SIM_PS_MAX: it has */
    uint32_t kv_flights; /* parts of requests' KV that are moving, to it or from it */
    struct crowding crowding;
    struct replica_owner owner;
};

/* Where a replica's parts come from. */
struct replica_setup {
    struct pipeline_setup pipeline;
    struct quantiles *itl;
    uint64_t kv_blocks;
    struct replica_owner owner;
    bool hands_over; /* prefills for others to decode */
    bool caches_prefixes;
    bool is_lone; /* there is no other */
};

int replica_init(struct replica *replica, const struct replica_setup *setup, struct arena *arena,
                 struct error *error);

/*
 * Brings a replica up to the session's present time, before anybody looks at more than its
 * replica_outstanding() or changes its stages; the functions below do so themselves.
 */
void replica_make_up(struct replica *replica);

/* Hands a request over at the session's present time. */
void replica_enqueue(struct replica *replica, struct request *request);

/* Takes a request in that is being prefilled elsewhere, if there is room: replica_receive()
 * follows.
 */
bool replica_reserve(struct replica *replica, const struct request *request);

/* The KV of a request has come, or of one that was handed over has gone. */
void replica_receive(struct replica *replica, struct request *request);
void replica_give_blocks(struct replica *replica, struct request *request);

/* One more part of a request's KV moves, to the replica or from it; or one less. */
void replica_kv_starts(struct replica *replica);
void replica_kv_stops(struct replica *replica);

/* It fails: all its requests go to the end of `evicted`, as they are, and it takes none until it is
   restored, empty. */
void replica_fail(struct replica *replica, struct request_list *evicted);
void replica_restore(struct replica *replica);

/* Takes a waiting request off; gives up on one whose KV is on its way here. */
void replica_withdraw(struct replica *replica, struct request *request);
void replica_unreserve(struct replica *replica, struct request *request);

/* Ends the tallies at `end`, when there is no work left. */
void replica_finish(struct replica *replica, sim_ps end);

/* Tokens of a request's prompt that its KV has; it caches prefixes. */
uint64_t replica_found_tokens(struct replica *replica, const struct request *request);

/* Requests waiting or running. */
static inline uint32_t replica_outstanding(const struct replica *replica)
{
    return replica->batcher.waiting.count + replica->batcher.running;
}

/* Events that a replica may have pending at a time, its flows left out. */
uint32_t replica_events_max(const struct replica *replica);

#endif
