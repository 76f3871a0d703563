/*
 * pipeline_exact: the pipeline played out event by event, layer by layer.
 *
 * What an exact session does in place of pipeline.h's closed form, from the same
 * visits: slower by far, and the same to the picosecond, which a property test
 * holds. Each stage has a queue of steps that wait for it; an event ends each
 * layer and each transfer.
 */
#ifndef TANDEM_PIPELINE_EXACT_H
#define TANDEM_PIPELINE_EXACT_H

#include "pipeline.h"

struct exact_stage;

/* Called when a step has left the last stage and step->gpu_done is known. */
typedef void (*pipeline_exact_done)(void *context, struct step *step);

/* The stages' queues, in `arena`; NULL when memory is out. */
struct exact_stage *pipeline_exact_new(struct pipeline *pipeline, const struct serving *serving,
                                       pipeline_exact_done done, void *done_context,
                                       struct arena *arena, struct error *error);

/* As pipeline_launch(), in events; `done` is called at the last. */
void pipeline_exact_launch(struct exact_stage *stages, struct step *step);

/* Events that one stage can have pending at a time. */
#define PIPELINE_EXACT_STAGE_EVENTS(steps_in_flight) (2 + 2 * (steps_in_flight))

#endif
