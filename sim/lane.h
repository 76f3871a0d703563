/*
 * lane: decoding requests that take their steps together.
 *
 * What a step costs and needs is kept as sums over the lane, so a step is O(1)
 * whatever the batch: rows and total context; a heap of completions by step
 * number, looked at only at its top; and for KV growth, one counter for each
 * position within a block. Joining and finishing are O(log n); a member that leaves
 * early is searched for among the completions, for none knows where its own lies.
 *
 * A member's own figures stay as they were when it joined; the lane's step
 * count says how far it has come since.
 */
#ifndef TANDEM_LANE_H
#define TANDEM_LANE_H

#include "quantiles.h"
#include "request.h"

#include <stdalign.h>

struct lane_completion {
    uint64_t at_step;
    struct request *request;
};

/* Live rows of requests that count, whose last token came at the same time. */
struct lane_cohort {
    sim_ps last_token;
    uint32_t rows;
};

/* What steps touch comes first, on a line of the cache and a quarter. */
struct lane {
    alignas(64) uint32_t rows; /* of the decode batch; finished ones go on where they are held */
    uint32_t live;             /* rows still to finish */
    uint64_t context_tokens;   /* KV that the next step reads, its own tokens counted */
    uint64_t steps;
    struct lane_completion *completions;
    uint32_t completion_count;
    uint32_t joined_count;
    uint32_t *growth; /* (block_tokens): rows by (position - steps) modulo the block */
    uint32_t growing; /* its entry of rows whose blocks are full: -steps modulo the block */
    uint32_t block_tokens;
    struct lane_cohort latest;   /* those that were in the last step */
    struct lane_cohort *joined;  /* since then */
    struct request_list members; /* the live ones, by admission */
    struct lane *next;           /* in the batcher's lists */
};

/* A lane for up to `rows_max` rows, in `arena`. */
int lane_init(struct lane *lane, uint32_t rows_max, uint32_t block_tokens, struct arena *arena,
              struct error *error);

/* Takes in a request whose prompt is done and that has tokens to go. */
void lane_join(struct lane *lane, struct request *request);

/* Takes a live member out, its own figures brought up to date. */
void lane_leave(struct lane *lane, struct request *request);

/* Moves the youngest members of `from` over until `from` has `rows` left; for lanes without held
   rows. */
void lane_split(struct lane *from, uint32_t rows, struct lane *to);

/* Moves every member of `from` over; leaves it empty. */
void lane_merge(struct lane *into, struct lane *from);

/* Rows that need a new KV block before the lane's next step. */
uint32_t lane_growth(const struct lane *lane);

/* Steps that the lane can take before the first member's last. */
uint64_t lane_steps_to_spare(const struct lane *lane);

/* Ends a step at `now`: every row has a token more. Inter-token times of requests that count
   go to `itl`. */
void lane_step(struct lane *lane, sim_ps now, struct quantiles *itl);

/* Ends `count` more steps, the last of them at `now`; nobody has joined since the one before them,
   and inter-token times are the caller's. Returns how many blocks rows need for them. */
uint64_t lane_step_on(struct lane *lane, uint64_t count, sim_ps now);

/*
 * The next member whose last token the ended step was, taken out of the lane
 * with its figures up to date; NULL when there are no more. With `hold` its row
 * stays in the batch (static batching).
 */
struct request *lane_pop_finished(struct lane *lane, bool hold);

/* Forgets the held rows of a lane with no live ones left. */
void lane_clear(struct lane *lane);

#endif
