#include "flight.h"

int flight_init(struct flight *flight, const struct serving *serving, uint32_t stage_count,
                struct arena *arena, struct error *error)
{
    *flight = (struct flight){
        .ring = serving->steps_in_flight,
        .schedules_ahead = serving_schedules_ahead(serving),
        .return_time = sim_ps_from_s(serving->host.return_s),
    };
    flight->return_wait = flight->schedules_ahead ? 0 : flight->return_time;
    flight->steps = arena_calloc(arena, flight->ring, sizeof(*flight->steps));
    if (!flight->steps)
        return error_out_of_memory(error, "steps in flight");
    for (uint32_t i = 0; i < flight->ring; i++) {
        struct step *step = &flight->steps[i];
        int status = batch_init(&step->batch, serving, arena, error);
        if (status < 0)
            return status;
        step->visits = arena_calloc(arena, stage_count, sizeof(*step->visits));
        if (!step->visits)
            return error_out_of_memory(error, "steps in flight");
    }
    return 0;
}
