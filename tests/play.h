/*
 * play: runs a whole simulation on arrivals from an array, and keeps what it says.
 *
 * Fails the Check test that calls it where the simulation fails. Threads may play
 * side by side: Check hears of failures only.
 */
#ifndef TANDEM_TESTS_PLAY_H
#define TANDEM_TESTS_PLAY_H

#include "rows.h"
#include "simulation.h"

#include <check.h>
#include <stdlib.h>

/* Arrivals from an array. */
struct script {
    const struct arrival *arrivals;
    size_t count;
    size_t next;
};

static inline int script_next(void *context, struct arrival *arrival, struct error *error)
{
    (void)error;
    struct script *script = context;
    if (script->next == script->count)
        return 0;
    *arrival = script->arrivals[script->next++];
    return 1;
}

/* A run's requests, in the order in which they ended, and its summary. */
struct played {
    struct request_record *requests;
    size_t count;
    size_t room;
    struct summary summary;
    struct arena arena; /* the summary's arrays */
};

static inline int played_request(void *context, const struct request_record *record,
                                 struct error *error)
{
    struct played *played = context;
    if (played->count == played->room) {
        size_t room = played->room ? 2 * played->room : 256;
        void *requests = realloc(played->requests, room * sizeof(*record));
        if (!requests)
            return error_out_of_memory(error, "test's records");
        played->requests = requests;
        played->room = room;
    }
    played->requests[played->count++] = *record;
    return 0;
}

/* Runs `scenario` on what `source` yields; played_release() frees what is kept. */
static inline struct played play_source(const struct scenario *scenario,
                                        struct arrival_source source)
{
    struct played played = {.requests = NULL};
    struct error error = {.code = ERROR_NONE};
    struct rows rows = {.context = &played, .request = played_request};
    struct recorder recorder = {.context = &rows, .record = rows_record};
    arena_init(&played.arena);
    if (simulation_play(scenario, source, recorder, &played.summary, &played.arena, &error) < 0)
        ck_abort_msg("%s", error.text);
    return played;
}

/* The same for arrivals from an array, in an open loop. */
static inline struct played play(const struct scenario *scenario, const struct arrival *arrivals,
                                 size_t count)
{
    struct script script = {.arrivals = arrivals, .count = count};
    return play_source(scenario, (struct arrival_source){.context = &script, .next = script_next});
}

/* Runs `scenario` to its end on arrivals from an array, and tells `rows` of all there is. */
static inline void play_rows(const struct scenario *scenario, const struct arrival *arrivals,
                             size_t count, struct rows *rows)
{
    struct script script = {.arrivals = arrivals, .count = count};
    struct arrival_source source = {.context = &script, .next = script_next};
    struct recorder recorder = {.context = rows, .record = rows_record};
    struct error error = {.code = ERROR_NONE};
    struct summary summary;
    struct arena arena;
    arena_init(&arena);
    int status = simulation_play(scenario, source, recorder, &summary, &arena, &error);
    arena_release(&arena);
    ck_assert_msg(status == 0, "%s", error.text);
}

/* Whether two requests fared alike, field by field: their records have gaps. */
static inline bool same_request(const struct request_record *a, const struct request_record *b)
{
    return a->id == b->id && a->arrival == b->arrival && a->scheduled == b->scheduled &&
           a->first_token == b->first_token && a->done == b->done &&
           a->input_tokens == b->input_tokens && a->output_tokens == b->output_tokens &&
           a->replica == b->replica && a->preemptions == b->preemptions &&
           a->cached_tokens == b->cached_tokens;
}

static inline void played_release(struct played *played)
{
    free(played->requests);
    arena_release(&played->arena);
}

#endif
