/*
 * handover: KV on its way from the replica that prefilled a request to the one
 * that decodes it.
 *
 * Each stage that prefilled sends each stage that will decode the KV of the layers
 * that both hold, from every GPU to the GPUs that need its heads, over links that
 * everybody's collectives and sends share (transfer.h).
 *
 *   whole      when the prompt is prefilled, the request joins the queue of a
 *              decoding replica; once that has blocks for it, all KV is sent at
 *              once (Zhong et al., DistServe, OSDI 2024)
 *   layerwise  a replica that has blocks for the request, the first of these in
 *              the router's order, is chosen when its first chunk is picked; each
 *              layer's KV is sent as it is computed, what was computed during one
 *              transfer going in the next (Patel et al., Splitwise, ISCA 2024).
 *              Where none has blocks: whole
 *
 * The prefilling replica keeps the blocks until all has gone. It sends to replicas
 * that it is not apart from (kv_cut.h), and waits while it is apart from all that are up.
 */
#ifndef TANDEM_HANDOVER_H
#define TANDEM_HANDOVER_H

#include "kv_cut.h"
#include "kv_meter.h"
#include "link_sharing.h"
#include "pool.h"
#include "quantiles.h"
#include "scenario.h"
#include "transfer.h"

struct handover {
    struct session *session;
    struct pool *from;              /* prefills */
    struct pool *to;                /* decodes */
    struct flow_network **networks; /* by replica that prefills */
    enum kv_transfer mode;
    struct arena *arena;
    struct kv_way way;
    struct kv_cut cut;
    uint32_t *passed_over;  /* (to's replicas): scratch */
    struct kv_move *active; /* under way, in a fixed but arbitrary order */
    struct kv_move *free;
    size_t events;            /* reserved in the engine, those of all moves included */
    uint64_t count;           /* moves that were done */
    double bytes;             /* that they moved */
    struct kv_meter meter;    /* the same by link */
    double token_layer_bytes; /* of each pair of GPUs: one token's in one layer */
    struct quantiles waits;   /* from a request's first token to its KV's arrival */
};

/* Between two pools whose deployments are resolved, in `arena`; release it in any case. */
int handover_init(struct handover *handover, struct session *session, struct pool *from,
                  struct pool *to, enum kv_transfer mode, struct arena *arena, struct error *error);
void handover_release(struct handover *handover);

/* Before the first transfer: the flows' network of each replica that prefills, which must outlive
   it, and for how many events the engine has room, which it adds to. */
void handover_start(struct handover *handover, struct flow_network **networks, size_t events);

/* Records what is still to be told of the links, when the run ends. */
void handover_finish(struct handover *handover);

/* Notes the links that KV may cross. */
void handover_add_routes(const struct handover *handover, struct link_sharing *sharing);

/*
 * A replica fails: what is on its way from it or to it is given up, before its own requests are.
 * Requests that the other end had, or nobody, go to the end of `evicted`; those that the failing
 * replica has itself are left to it.
 */
void handover_fail(struct handover *handover, struct replica *replica,
                   struct request_list *evicted);

/* A link goes down or comes up again, or one cause for a replica to be down begins or ends: what is
   handed over from now on heeds it. The last says whether a replica is cut off. */
void handover_note_link(struct handover *handover, uint32_t link, bool is_down);
void handover_note_replica(struct handover *handover, const struct replica *replica, bool is_down);
bool handover_isolates(const struct handover *handover, const struct replica *replica);

/* The link on the way of a replica's KV that held transfers up for longest. */
uint32_t handover_tightest(const struct handover *handover, const struct replica *replica);

/* A replica of the second pool is up again, or ways are: they get what none could take. */
void handover_restore(struct handover *handover);

/* Ways were cut: what is on one is sent anew, to another replica or when there is a way. */
void handover_reroute(struct handover *handover);

/* What replicas tell (replica.h): requests are prefilled; they have blocks where they will decode;
   a batch was picked, whose prompts may get blocks there ahead; a layer of a step was computed. */
void handover_send(struct handover *handover, struct replica *replica,
                   struct request_list prefilled);
void handover_admit(struct request_list admitted);
void handover_reserve(struct handover *handover, struct replica *replica,
                      const struct batch *batch);
void handover_send_layer(const struct replica *replica, const struct step *step, uint32_t stage,
                         uint32_t layer);

#endif
