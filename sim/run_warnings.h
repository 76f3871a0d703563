/*
 * run_warnings: what a run shows that its owner should know, each with the
 * number that shows it.
 *
 *     pipeline_bubbles    stages idle while their replica had work: what of linear
 *                         pipeline scaling is left; of each pool that has several
 *     pipeline_starved    most of that for want of steps: batches too small to fill it
 *     kv_preemptions      requests started over for want of KV blocks
 *     sequences_full      requests waited for a place among max_sequences, with KV to spare
 *     nothing_counted     all requests arrived in the warm-up
 *     requests_rejected   requests that no replica can ever hold
 *     context_exceeded    requests beyond the model's context: rejected, or their output cut
 *     requests_lost       requests that ended with a failed replica
 *     decode_pool_full    what is prefilled finds no room where it is to be decoded
 *     link_bottleneck     a link bounds the stages that use it: what twice its bandwidth gives
 *     power_capped        GPUs compute more slowly than they could, for they draw too much power
 *     overloaded          the queue grew until arrivals ended: latencies measure the trace's
 *                         length, not the system
 */
#ifndef TANDEM_RUN_WARNINGS_H
#define TANDEM_RUN_WARNINGS_H

#include "summary.h"

/* Two of each pool and eight others: where nothing is counted, nothing was rejected or lost; where
   requests are preempted, no pipeline is starved. */
#define RUN_WARNINGS_MAX (2 * POOLS_MAX + 8)

/*
 * Fills in `warnings` from the rest of `summary`.
 * `arrival_span_s`: first to last arrival; 0 in a closed loop. `room_share`: of the working time of
 * stages that prefill, what they waited for room in the pool that decodes. Returns their count.
 */
uint32_t run_warnings_of(const struct summary *summary, double arrival_span_s, double room_share,
                         struct warning warnings[RUN_WARNINGS_MAX]);

#endif
