/*
 * diary: what a replica's steps add to the timeline, in blocks of steps.
 *
 * A replica whose steps only repeat lets others' events pass (replica.h), so
 * that rows cannot all be written in the order of time. Among several replicas
 * each keeps its own until a block of DIARY_STEPS steps has returned, and writes
 * them at the event of the last one's return, which no replica sleeps through:
 * the order of rows is the same however much was slept. There is room for a block
 * of steps that repeat; where others fill it, the replica is awake and writes early.
 * A lone replica's rows are written as they come, and so are those of layers, which
 * are too many to keep.
 */
#ifndef TANDEM_DIARY_H
#define TANDEM_DIARY_H

#include "arena.h"
#include "session.h"

#define DIARY_STEPS 32

/* A row for each of some links. */
struct diary_links {
    struct link_record record;
    const uint32_t *links;
    uint32_t count;
};

struct diary {
    struct session *session;
    struct step_record *steps; /* NULL: rows are written as they come */
    struct span_record *spans;
    struct diary_links *links;
    uint32_t step_count;
    uint32_t span_count;
    uint32_t link_count;
    uint32_t spans_a_step; /* that repeats, at the most: there is room for a block of such */
    uint32_t links_a_step;
};

/* The diary of a replica of `stage_count` stages, which may be the only one of all. NULL with
   `error` filled in where memory is short. */
struct diary *diary_new(struct session *session, bool is_lone, uint32_t stage_count,
                        struct arena *arena, struct error *error);

/* A step's own row comes first, then its spans and links, then its end. */
void diary_add_step(struct diary *diary, const struct step_record *step);
void diary_add_span(struct diary *diary, const struct span_record *span);
void diary_end_step(struct diary *diary, uint64_t number);

/* Adds a row for each link; `record.link` need not be set, `links` must outlive the diary. */
void diary_add_links(struct diary *diary, const struct link_record *record, const uint32_t *links,
                     uint32_t count);

/* Writes what is kept. */
void diary_write(struct diary *diary);

/* Of the steps from `number` on, how many may return while the replica sleeps. */
uint64_t diary_sleep_max(const struct diary *diary, uint64_t number);

#endif
